/** The folders of a mailbox, listed by the server with the login of a draft: for choosing from. Opens none and changes nothing. */

import { tokenApp } from '../../check/probes/token.ts';
import type { SourceConfig } from '../../config/config.ts';
import { isFault } from '../../fault/fault.ts';
import type { MailCredential } from '../../mail/endpoint.ts';
import { connectImap, type ImapClient } from '../../mail/imap/client.ts';
import { connectPop } from '../../mail/pop/client.ts';
import { createTokenSource } from '../../token/source.ts';
import type { ListedFolder } from '../api/source.ts';
import type { ServiceParts } from '../parts.ts';

/** Of a mailbox with thousands of folders only so many are counted; the others have names. */
const mostCounted = 200;
/** RFC 6154 and RFC 8457, as the configuration spells them. */
const uses = ['All', 'Archive', 'Drafts', 'Flagged', 'Important', 'Junk', 'Sent', 'Trash'];

/** @throws Fault of the login and of the server */
export async function listFolders(
  source: SourceConfig,
  { clock, request }: ServiceParts,
  signal: AbortSignal,
): Promise<readonly ListedFolder[]> {
  const credential = await credentialOf(source, { clock, request }, signal);
  if (source.protocol === 'pop3') {
    const client = await connectPop(source.server, { signal });
    try {
      await client.authenticate(credential);
      const { messages } = await client.stat();
      return [{ name: 'INBOX', use: '', messages, selectable: true }];
    } finally {
      client.close();
    }
  }
  const client = await connectImap(source.server, { clock, signal });
  try {
    await client.authenticate(credential);
    const found: ListedFolder[] = [];
    for (const { name, attributes, selectable } of await client.list()) {
      const use = uses.find((one) => attributes.has(`\\${one.toLowerCase()}`));
      const messages = selectable && found.length < mostCounted ? await countIn(client, name) : null;
      found.push({ name: name.toUpperCase() === 'INBOX' ? 'INBOX' : name, use: use === undefined ? '' : `\\${use}`, messages, selectable });
    }
    await client.logout();
    return found;
  } finally {
    client.close();
  }
}

/** A folder that may not be looked into is still one that can be chosen. */
async function countIn(client: ImapClient, name: string): Promise<number | null> {
  try {
    return (await client.status(name)).messages;
  } catch (error) {
    if (isFault(error, 'imap.folder-unknown', 'imap.refused')) return null;
    throw error;
  }
}

/** A source of its own: nothing that runs is told of a draft. */
async function credentialOf(
  { auth, mailbox }: SourceConfig,
  ports: Pick<ServiceParts, 'clock' | 'request'>,
  signal: AbortSignal,
): Promise<MailCredential> {
  if (auth.kind === 'password') return { kind: 'password', user: auth.user, password: await auth.password.resolve() };
  const { value } = await createTokenSource(tokenApp(auth.tenant), ports).token(signal);
  return { kind: 'xoauth2', user: mailbox, token: () => Promise.resolve(value) };
}
