/**
 * A pasted piece of text understood as fields of the form: the names of the import source page (`Application (Client) ID`, `Directory
 * (Tenant) ID`, `Authentication Mode` …), those of the portal, and environment-like names. One field on a line, with a colon, an equals
 * sign, a tab, or its value on the next line.
 */
import type { FormDraft } from './draft.ts';

type Change = (draft: FormDraft, value: string) => FormDraft;

const fields: readonly { readonly name: RegExp; readonly label: string; readonly secret?: boolean; readonly change: Change }[] = [
  {
    name: /^(?:import source )?name$/,
    label: 'Name',
    change: (draft, value) => ({ ...draft, name: value.replaceAll(/[^A-Za-z0-9._-]+/g, '-') }),
  },
  {
    name: /^(?:application|app)? ?\(?client\)? ?id$|^application id$|^app id$/,
    label: 'Application (Client) ID',
    change: (draft, value) => app(draft, { clientId: value }),
  },
  {
    name: /^(?:directory)? ?\(?tenant\)? ?id$|^directory id$/,
    label: 'Directory (Tenant) ID',
    change: (draft, value) => app(draft, { tenantId: value }),
  },
  {
    name: /^(?:application|app)? ?\(?client\)? ?secret(?: value)?$|^application secret$|^secret value$|^secret$/,
    label: 'Application (Client) Secret',
    secret: true,
    change: (draft, value) => app(draft, { credential: { kind: 'secret', secret: value } }),
  },
  { name: /^(?:oauth ?2? ?)?(?:token )?scope$/, label: 'Token scope', change: (draft, value) => app(draft, { scope: value }) },
  {
    name: /^auth(?:entication)?(?: mode| method)?$/,
    label: 'Authentication Mode',
    change: (draft, value) => ({ ...draft, authentication: /oauth/i.test(value) ? 'oauth2' : 'password' }),
  },
  { name: /^protocol$/, label: 'Protocol', change: (draft, value) => ({ ...draft, protocol: /pop/i.test(value) ? 'pop3' : 'imap' }) },
  {
    name: /^(?:mailbox|e-?mail(?: address| account)?|account|user ?name|user|login)$/,
    label: 'Mailbox',
    change: (draft, value) => ({ ...draft, mailbox: value, password: { ...draft.password, user: value } }),
  },
  {
    name: /^password$/,
    label: 'Password',
    secret: true,
    change: (draft, value) => ({ ...draft, password: { ...draft.password, secret: value } }),
  },
  {
    name: /^(?:imap |pop3? |mail )?(?:server|host)(?: ?name| address)?$/,
    label: 'Server',
    change: (draft, value) => ({ ...draft, server: { ...draft.server, host: value } }),
  },
  {
    name: /^(?:mail |imap )?folders?$/,
    label: 'Folders',
    change: (draft, value) => ({
      ...draft,
      folders: value
        .split(/[,;]/)
        .map((folder) => folder.trim())
        .filter((folder) => folder !== ''),
    }),
  },
];

function app(draft: FormDraft, change: Partial<FormDraft['app']>): FormDraft {
  return { ...draft, tenant: null, authentication: 'oauth2', app: { ...draft.app, ...change } };
}

/** `understood`: labels of the fields that were found, in their order. */
export function readPasted(text: string, draft: FormDraft): { readonly draft: FormDraft; readonly understood: readonly string[] } {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const understood: string[] = [];
  let result = draft;
  for (const [index, line] of lines.entries()) {
    const { name, value } = parted(line, lines[index + 1] ?? '');
    const field = fields.find((one) => one.name.test(name));
    if (field === undefined || value === '') continue;
    result = field.change(result, value);
    understood.push(field.label);
  }
  return { draft: result, understood: [...new Set(understood)] };
}

function parted(line: string, following: string): { readonly name: string; readonly value: string } {
  const match = /^([^:=\t]+?)\s*(?:[:=\t])\s*(.*)$/.exec(line);
  const value = match?.[2] ?? '';
  return { name: plain(match?.[1] ?? line), value: unquoted(value === '' ? valueLine(following) : value) };
}

/** A next line that is itself a field is no value. */
function valueLine(line: string): string {
  const name = plain(/^([^:=\t]+?)\s*[:=\t]/.exec(line)?.[1] ?? line);
  return fields.some((field) => field.name.test(name)) ? '' : line;
}

function plain(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[_*"'`]+/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function unquoted(value: string): string {
  return value.replace(/^(['"])(.*)\1,?$/, '$2').trim();
}

/** Whether the text is a definition as the service writes it (YAML), to be read by the service. */
export function isDefinition(text: string): boolean {
  return /^(?:sources|tenants):\s*$/m.test(text);
}
