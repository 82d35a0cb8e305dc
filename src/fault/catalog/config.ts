/** Faults of the plane `config`: the file, what stands in it, and the secrets that it refers to. */
import type { FaultEntry } from '../entry.ts';

export const configFaults = {
  'config.unreadable': {
    says: 'The configuration file cannot be read.',
    cause: 'Opening the file failed with the error in the evidence (ENOENT: there is none of that name; EACCES: no right to read it).',
    fix: 'Name the file with `--config FILE` or POSTERN_CONFIG, or write a first one with `postern config sample > postern.yaml`.',
    retry: 'never',
  },
  'config.not-yaml': {
    says: 'The configuration file is not valid YAML.',
    cause: 'The YAML reader stopped at the places listed in the evidence; nothing behind them was looked at.',
    fix: 'Correct these lines: indent with spaces, close every quote and bracket, and quote a text that begins with a sign such as * & ! @ or %.',
    retry: 'never',
  },
  'config.invalid': {
    says: 'The configuration does not fit together.',
    cause: 'Each line of the evidence names a place, the key, and what was expected there.',
    fix: 'Correct each of them and run `postern config check`; docs/config.md explains every key.',
    retry: 'never',
  },
  'config.not-yet': {
    says: 'The configuration asks for something that this version cannot do yet.',
    cause: 'The keys or values in the evidence are known by name and planned, but nothing stands behind them.',
    fix: 'Use what the line offers instead, or stay on the present way until CHANGELOG.md lists it.',
    retry: 'never',
  },
  'config.secret-in-file': {
    says: 'A secret stands in the configuration file as plain text.',
    cause: 'A key that refers to a secret holds a value where a reference belongs (the value itself is not shown).',
    fix: 'Write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM, ARGUMENT] }` instead, and renew the secret if others could read this file.',
    retry: 'never',
  },
  'config.file-unusable': {
    says: 'A certificate file that the configuration names cannot be used.',
    cause: 'The file is absent, not readable, or holds no certificate in PEM form (the evidence says which).',
    fix: 'Correct the path (it counts from the folder of the configuration file), or convert it: `openssl x509 -inform der -in FILE -out FILE.pem`.',
    retry: 'never',
  },
  'config.secret-not-set': {
    says: 'The environment variable that should hold a secret is empty.',
    cause: 'The process was started without that variable, or with an empty text in it.',
    fix: 'Set it where Postern is started (for systemd: `Environment=` or `LoadCredential=` in the unit), or change the reference.',
    retry: 'never',
  },
  'config.secret-file-unreadable': {
    says: 'The file that should hold a secret gives none.',
    cause: 'It is absent, not readable, empty, or larger than any secret (the evidence says which).',
    fix: 'Write the secret alone into that file and let only the user of this process read it: `chmod 600 FILE`.',
    retry: 'never',
  },
  'config.secret-command-failed': {
    says: 'The command that should print a secret did not.',
    cause:
      'It could not be started, ended with an error, printed nothing or too much, or was still running at its deadline (in the evidence).',
    fix: 'Run the same program by hand as the same user; it must print the secret alone on its standard output without asking anything.',
    retry: 'never',
  },
  'config.secret-is-an-id': {
    says: 'The client secret looks like the secret ID instead of the secret itself.',
    cause: 'The resolved text has the shape of a GUID. Entra shows two columns, "Value" and "Secret ID"; a value never is a GUID.',
    fix: 'Store the column "Value". It is shown only once: if it is gone, add a new secret under Certificates & secrets of the app registration.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;
