/** Words and options that the verbs of `setup` share. Beside their code, so that a help loads nothing else. */
import type { Option } from './command.ts';

/** Options of every verb that looks at the tenant. */
export const lookOptions = {
  'sign-in': {
    type: 'string',
    value: 'WAY',
    help: 'browser, device, az, token or app (default browser; device where there is no display).',
  },
  'sign-in-client': { type: 'string', value: 'ID', help: 'A public client of your own to sign in with, instead of Microsoft’s.' },
  exchange: { type: 'string', value: 'WAY', help: 'invoke, pwsh or none: how Exchange is reached (default invoke).' },
} as const satisfies Record<string, Option>;

export const lookHelp = `Whoever signs in needs Cloud Application Administrator and Exchange Administrator, both active. Nothing of the
sign-in is kept. --sign-in token takes tokens from POSTERN_GRAPH_TOKEN and POSTERN_EXCHANGE_TOKEN, az those of
\`az login\`, app those of an administering app (POSTERN_ADMIN_CLIENT_ID, POSTERN_ADMIN_SECRET): for an audit by a
timer, as such an app is a standing right to administer. --exchange none leaves Exchange out (for an administrator of
Entra alone), pwsh uses PowerShell 7 with ExchangeOnlineManagement on this machine.`;
