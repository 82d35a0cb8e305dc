/** What a probe saw, in one line for a person. Pure. Facts only; what they mean stands in the findings. */
import type { Ran } from '../../check/observation.ts';
import { catalog } from '../../fault/catalog.ts';

export function seenText(ran: Ran): string {
  return ran.outcome === 'ok' ? good(ran) : refused(ran);
}

const longest = 300;

function refused({ code, seen }: Ran): string {
  const { server, description, reason, errno, tlsCode } = seen;
  const told = [server, description, reason, errno, tlsCode, seen['seen']].find((one) => one !== undefined);
  const says = code === undefined ? '' : catalog[code].says;
  return told === undefined ? says : `${says} ${String(told)}`.trim().slice(0, longest);
}

function good({ probe, seen, place }: Ran): string {
  const text = (key: string): string => String(seen[key] ?? '');
  switch (probe) {
    case 'tenant':
      return `${text('tenantId')} at ${text('authority')}`;
    case 'client':
      return text('clientId');
    case 'credential':
      return seen['validTo'] === undefined
        ? text('reference')
        : `${text('subject')}, until ${day(text('validTo'))}, SHA-1 ${text('thumbprintSha1')}`;
    case 'name':
      return text('addresses');
    case 'connection':
      return text('address');
    case 'tls':
      return `${text('version')}, issued by ${organisation(text('issuer'))}, until ${day(text('validTo'))}`;
    case 'discovery':
      return [text('tenantId'), text('region')].filter((one) => one !== '').join(', region ');
    case 'token':
      return `Lives ${Math.round(Number(seen['expiresInSeconds']) / 60)} minutes`;
    case 'claims':
      return text('roles') === '' ? 'No roles at all' : `Roles: ${text('roles').replaceAll(' ', ', ')}`;
    case 'end':
      return seen['known'] === true ? `On ${day(text('ends'))} (${text('origin')})` : `Not known: ${text('because')}`;
    case 'login':
      return seen['serverHost'] === undefined ? 'Taken' : `Taken by ${text('serverHost')}`;
    case 'open':
      return seen['folders'] === undefined ? `${text('messages')} messages` : text('folders');
    case 'fetch':
      if (seen['bytes'] === undefined) return text('fetched').replace(/^nothing: /, 'Nothing to read: ');
      return `${text('bytes')} bytes${place.protocol === 'pop3' ? ' of its header' : seen['cut'] === true ? ', and more to come' : ''}`;
    case 'send':
      return text('server');
  }
}

function organisation(distinguished: string): string {
  return /\bO=([^,\n]+)/.exec(distinguished)?.[1] ?? /\bCN=([^,\n]+)/.exec(distinguished)?.[1] ?? distinguished;
}

function day(date: string): string {
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? date : new Date(ms).toISOString().slice(0, 10);
}
