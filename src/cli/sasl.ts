/** `postern sasl`: the XOAUTH2 string of a mailbox, for trying a login by hand or in a tool that takes it ready made. */
import { readFile } from 'node:fs/promises';
import { Fault } from '../fault/fault.ts';
import { xoauth2 } from '../mail/sasl.ts';
import { Secret } from '../runtime/secret.ts';
import { isAddress } from '../tenant/ids.ts';
import { type Command, exit } from './command.ts';

export const sasl: Command = {
  name: 'sasl',
  summary: 'Print the XOAUTH2 string of a mailbox, for use in other tools.',
  usage: 'MAILBOX [--tenant NAME] [--token-file FILE] [--config FILE]',
  details: `base64("user=" MAILBOX ^A "auth=Bearer " TOKEN ^A ^A), on one line. IMAP and SMTP take it behind AUTHENTICATE or AUTH XOAUTH2;
POP3 wants AUTH XOAUTH2 first and this on the next line. The token is in it: pipe it, do not show it.

Example: postern sasl journal@contoso.com | base64 -d | cat -v`,
  options: {
    tenant: { type: 'string', value: 'NAME', help: 'The tenant, where the configuration has more than one.' },
    'token-file': { type: 'string', value: 'FILE', help: 'Use the token in this file instead of asking for one; - reads standard input.' },
  },
  run: async (args, terminal) => {
    const [mailbox, extra] = args.positionals;
    if (mailbox === undefined || extra !== undefined || !isAddress(mailbox)) {
      throw new Fault('cli.wrong-use', {
        command: 'sasl',
        expected: 'one address of a mailbox',
        found: args.positionals.join(' ') || 'nothing',
      });
    }
    const file = args.values['token-file'];
    const token = typeof file === 'string' ? await fromFile(file) : undefined;
    if (token !== undefined) {
      terminal.stdout.write(`${xoauth2(mailbox, token).reveal()}\n`);
      return exit.done;
    }
    const { readConfiguration, tenantToken } = await import('./wire.ts');
    const config = await readConfiguration(args, terminal);
    const named = args.values['tenant'];
    const source = config.sources.find((one) => one.mailbox.toLowerCase() === mailbox.toLowerCase());
    const ofSource = source?.auth.kind === 'oauth2' ? source.auth.tenant.name : undefined;
    const { tokens } = tenantToken(config, typeof named === 'string' ? named : ofSource);
    const { value } = await tokens.token(terminal.signal);
    terminal.stdout.write(`${xoauth2(mailbox, value).reveal()}\n`);
    return exit.done;
  },
};

/** A token and nothing else; a line end after it is dropped. */
async function fromFile(file: string): Promise<Secret> {
  try {
    const text = (await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')).trim();
    // A blank or a line end inside would be taken for a part of the login's words.
    if (/^[\x21-\x7e]+$/.test(text)) return new Secret(text);
    throw new Fault('cli.wrong-use', { command: 'sasl', option: '--token-file', expected: 'a file with a token and nothing else' });
  } catch (error) {
    if (error instanceof Fault) throw error;
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Fault('cli.wrong-use', { command: 'sasl', option: '--token-file', expected: 'a file that can be read', found: errno });
  }
}
