/**
 * Remarks on the fields of a draft that know what people mix up. Pure. What the configuration's own schema and checks say comes beside
 * them (judge.ts); here stands only what they cannot say, because they know neither the form nor what is copied into it.
 */
import { parseDay, parseDuration } from '../../config/quantity.ts';
import { isAddress } from '../../tenant/ids.ts';
import type { FieldRemark, SourceDraft } from '../api/source.ts';
import { type RemarkGround, type Say, wantSecret } from './remark.ts';
import { appRemarks } from './remarks-app.ts';

export function remarksOn(draft: SourceDraft, ground: RemarkGround): readonly FieldRemark[] {
  const remarks: FieldRemark[] = [];
  const say: Say = (level, field, says) => void remarks.push({ field, level, says });
  ofName(draft, ground, say);
  ofLogin(draft, ground, say);
  ofMailbox(draft, say);
  ofFolders(draft, say);
  ofTimes(draft, ground, say);
  return remarks;
}

function ofName({ name, protocol }: SourceDraft, { names, saved }: RemarkGround, say: Say): void {
  if (saved !== undefined && protocol !== saved.protocol)
    say(
      'error',
      'protocol',
      'The protocol stays: by the other one the server numbers messages otherwise, and all would come again. Make a new source.',
    );
  const trimmed = name.trim();
  if (trimmed === '') say('error', 'name', 'Give the source a name; the archive keeps it for ever.');
  else if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(trimmed))
    say('error', 'name', 'Letters, digits, "-", "_" and ".", beginning with a letter or a digit; at most 63.');
  else if (saved !== undefined && trimmed !== saved.name)
    say('error', 'name', `The name stays ${saved.name}: the archive knows the messages by it. Make a new source for another one.`);
  else if (saved === undefined && names.some((other) => other.toLowerCase() === trimmed.toLowerCase()))
    say('error', 'name', 'There is a source of this name already.');
}

function ofLogin(draft: SourceDraft, ground: RemarkGround, say: Say): void {
  const { authentication, tenant, app, server, password } = draft;
  if (authentication === 'password') {
    ofServer(draft, say);
    if (password === null) say('error', 'password.user', 'User and password are wanted.');
    else if ((password.secret ?? '') === '' && !ground.carried.includes('password')) wantSecret('password.secret', 'password', ground, say);
    return;
  }
  if (tenant !== null && app !== null) say('error', 'tenant', 'Either a tenant of the configuration file, or the ids of an app: not both.');
  if (tenant === null && app === null) say('error', 'tenant', 'Choose a tenant of the configuration file, or give the ids of an app.');
  // Its token opens mailboxes; nobody may have it sent to a host of his own from here.
  if (server !== null && (app === null || app.credential.kind === 'reference'))
    say(
      'error',
      'server.host',
      'With this login the server is that of the tenant’s cloud. Another one is named in the configuration file only.',
    );
  else if (server !== null) ofServer(draft, say);
  if (app !== null) appRemarks(app, ground, say);
}

/** M365 (doc): basic authentication for IMAP and POP was turned off from October 2022 on. */
const microsoftMail = /(?:^|\.)(?:office365\.com|outlook\.com|office\.com|office365\.us|outlook\.cn)$/i;

function ofServer({ server, authentication }: SourceDraft, say: Say): void {
  const host = server?.host.trim() ?? '';
  if (host === '') say('error', 'server.host', 'Name the mail server.');
  else if (/^[a-z]+:\/\//i.test(host) || host.includes('/'))
    say('error', 'server.host', 'The host name alone, without https:// and without a path.');
  else if (/^[^:]+:\d+$/.test(host)) say('error', 'server.host', 'The host name alone; the port has a field of its own.');
  else if (authentication === 'password' && microsoftMail.test(host))
    say('hint', 'server.host', 'Microsoft takes no passwords for IMAP and POP3 any more (since October 2022): choose OAuth 2.0.');
}

function ofMailbox({ mailbox, authentication }: SourceDraft, say: Say): void {
  const address = mailbox.trim();
  const inside = /<([^<>\s]+@[^<>\s]+)>/.exec(address)?.[1];
  if (address === '') say('error', 'mailbox', 'Which mailbox? Its primary address, such as telemessage@contoso.com.');
  else if (inside !== undefined) say('error', 'mailbox', `The address alone, without a name: ${inside}`);
  else if (/[,;]/.test(address)) say('error', 'mailbox', 'One mailbox; each further one is a source of its own.');
  else if (authentication === 'oauth2' && !isAddress(address))
    say('error', 'mailbox', 'An address such as telemessage@contoso.com, without blanks.');
  else if (/\.onmicrosoft\.(?:com|us|cn|de)$/i.test(address))
    say('hint', 'mailbox', 'Exchange wants the primary address. That is rarely the one in onmicrosoft: see it with Get-Mailbox.');
  else if (mailbox !== address) say('hint', 'mailbox', 'Blanks around it are left out.');
}

function ofFolders({ folders, protocol }: SourceDraft, say: Say): void {
  if (folders.length === 0) say('error', 'folders', 'At least one folder, such as INBOX.');
  for (const [index, folder] of folders.entries()) {
    if (folder.trim() === '') say('error', `folders.${index}`, 'A name, a pattern such as Archive/*, or a use such as \\Sent.');
    else if (/^(?:sent|archive|junk|trash|drafts)$/i.test(folder.trim()) && protocol === 'imap')
      say('hint', `folders.${index}`, `This is the folder of exactly this name. \\${title(folder.trim())} finds it in every language.`);
  }
}

function title(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
}

const dayMs = 86_400_000;
const shortWait = 10_000;

function ofTimes({ every, since, onCompletion, silentAfter }: SourceDraft, { nowMs }: RemarkGround, say: Say): void {
  withUnit('every', every, say);
  const everyMs = parseDuration(every.trim());
  if (everyMs !== undefined && everyMs < shortWait && everyMs >= 1_000)
    say('hint', 'every', 'Servers throttle who asks this often; IMAP hears of new mail at once anyway.');
  if (since !== null && since.trim() !== '') {
    const day = parseDay(since.trim());
    if (day !== undefined && day.getTime() > nowMs) say('error', 'since', 'This day is still to come: nothing would be imported.');
  }
  if (silentAfter !== null && silentAfter.trim() !== '') withUnit('silentAfter', silentAfter, say);
  if (onCompletion.kind === 'move' && onCompletion.folder.trim() === '') say('error', 'onCompletion.folder', 'Name the folder to move to.');
  if (onCompletion.kind !== 'delete') return;
  const after = onCompletion.after.trim();
  const afterMs = parseDuration(after);
  if (after === '' || /^0+(?:ms|[smhdwy])?$/.test(after))
    say(
      'error',
      'onCompletion.after',
      'A waiting period is wanted, such as 30d: in it a mistake can be noticed before messages are gone for good.',
    );
  else if (afterMs === undefined) withUnit('onCompletion.after', after, say);
  else if (afterMs < dayMs)
    say('hint', 'onCompletion.after', 'Less than a day: a mistake is hardly noticed before the messages are gone for good.');
}

function withUnit(field: string, text: string, say: Say): void {
  const found = text.trim();
  if (found === '') say('error', field, 'A duration such as 1m, 30s or 2h.');
  else if (/^\d+(?:\.\d+)?$/.test(found))
    say('error', field, `With a unit: ${found}m for minutes, ${found}s for seconds, ${found}h for hours.`);
}
