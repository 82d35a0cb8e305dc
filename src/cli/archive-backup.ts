/** `postern archive backup`: a copy of the data folder that can be restored, made while the import goes on. */
import { Fault } from '../fault/fault.ts';
import { progressLine } from './archive-use.ts';
import { type Arguments, type Command, exit } from './command.ts';
import { bytes, count, json, number, printable } from './print.ts';

const stepNames = { ledger: 'copying the ledger', bodies: 'copying large bodies', verify: 'verifying the copy' } as const;

export const archiveBackup: Command = {
  name: 'archive backup',
  summary: 'Copy the data folder into a backup while the import runs; again into the same folder, it brings what is new.',
  usage: 'DIR [--with-key] [--no-verify] [--config FILE] [--json]',
  details: `The copy is a data folder itself: to restore, copy it to where \`data:\` points and start the import, which fetches what came since.
Archive, journal, accounts, sources of the console, clients of the proxy and what the setup keeps are in it; the search
index is not (it is made again), and neither is the key of the encrypted secrets: keep that one elsewhere, or --with-key.
The copy is read again and held against its hashes before it takes the place of the earlier one; a backup that is killed leaves
the earlier one as it was. Exit code 3: the archive itself is damaged, and the earlier backup was left as it is.`,
  options: {
    'with-key': { type: 'boolean', help: 'Copy the key of the encrypted secrets too (secrets.key): whoever has the backup can open them.' },
    'no-verify': {
      type: 'boolean',
      help: 'Do not read what earlier backups brought; `archive verify` over the copy does it at another time.',
    },
  },
  run: async (args, terminal) => {
    const { backUp, readConfiguration } = await import('./wire.ts');
    const target = folderFrom(args);
    const config = await readConfiguration(args, terminal, { forSetup: true });
    const line = await progressLine(terminal);
    const backup = await backUp(config, target, {
      withKey: args.values['with-key'] === true,
      verify: args.values['no-verify'] !== true,
      signal: terminal.signal,
      onProgress: (step, { done, total }) => line(() => `${stepNames[step]}: ${number(done)} of ${number(total)}`),
    }).finally(() => line(undefined));
    const { messages, bytes: size, heads, filesCopied, bytesCopied, findings, others, verified, keyLeftOut } = backup;
    const isSound = findings.length === 0;
    if (args.values['json'] === true) {
      json(terminal, { folder: target, messages, bytes: size, ...heads, filesCopied, bytesCopied, verified, others, keyLeftOut, findings });
    } else {
      for (const finding of findings) terminal.stdout.write(`${finding.code}: ${printable(finding.seen)}\n`);
      const proof = verified ? ', all proven' : ', not verified';
      terminal.stdout.write(
        isSound
          ? `${printable(target)}: ${count(messages, 'message')}, ${bytes(size)}${proof}; new large bodies: ${number(filesCopied)} (${bytes(bytesCopied)})\n` +
              `ledger head: ${heads.ledger.rows}/${heads.ledger.link}\n` +
              `beside it: ${others.length === 0 ? 'nothing' : others.join(', ')}\n`
          : `${count(findings.length, 'finding')}: the archive is damaged. An earlier backup in ${printable(target)} was left as it is.\n`,
      );
    }
    if (keyLeftOut) {
      terminal.stderr.write(
        'The key of the encrypted secrets (secrets.key) is not in the backup: keep a copy of it elsewhere, or use --with-key.\n',
      );
    }
    return isSound ? exit.done : exit.foundFaults;
  },
};

/** @throws Fault cli.wrong-use */
function folderFrom({ positionals }: Arguments): string {
  const [folder, ...more] = positionals;
  if (folder !== undefined && folder !== '' && more.length === 0) return folder;
  throw new Fault('cli.wrong-use', { expected: 'one folder to back up to', found: positionals.join(' ') || 'nothing' });
}
