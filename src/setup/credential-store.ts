/**
 * Where a new credential goes the moment it is received: a file of mode 0600, or a program that takes it on its standard input.
 *
 * The hard thing is that Entra shows a secret once. So it is stored before anything else is done, and where that fails the caller removes
 * it from the app again.
 */
import { spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Fault } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';
import { writeWhole } from '../runtime/whole-file.ts';

export interface CredentialStore {
  /** For people, e.g. `file /etc/postern/contoso-secret`. */
  readonly describe: string;
  /** Durable when it resolves; replaces what was there. @throws Fault setup.store-failed */
  put(value: Secret): Promise<void>;
  /**
   * What Entra shows too of that which is stored: the first three characters of a secret, the thumbprint of a certificate (SHA-1, hex in
   * capitals). Empty for nothing; undefined where it cannot be read back.
   */
  hint(): Promise<string | undefined>;
}

/** M365 (doc): length of the hint of a secret. */
const hintChars = 3;

export function fileStore(path: string): CredentialStore {
  const describe = `file ${path}`;
  return {
    describe,
    async put(value) {
      try {
        writeWhole(path, value.reveal());
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
        throw new Fault('setup.store-failed', { store: describe, seen: code }, { cause: error });
      }
    },
    async hint() {
      try {
        return (await readFile(path, 'utf8')).slice(0, hintChars);
      } catch (error) {
        return isAbsent(error) ? '' : undefined;
      }
    },
  };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** A key that cannot be looked into (by its passphrase) is taken for the right one. */
function isKeyOf(keyPem: string, certificate: X509Certificate): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return true;
  }
}

/** For a certificate with its key: each into its file, or both into one. The key first: a certificate without it is of no use. */
export function certificateStore(certificateFile: string, keyFile: string): CredentialStore {
  const hint = async (): Promise<string | undefined> => {
    try {
      const certificate = new X509Certificate(await readFile(certificateFile));
      const key = await readFile(keyFile, 'utf8');
      // A certificate whose key was lost, or put in place of another's half-way, proves nothing any more.
      return isKeyOf(key, certificate) ? certificate.fingerprint.replaceAll(':', '') : '';
    } catch (error) {
      return isAbsent(error) ? '' : undefined;
    }
  };
  if (certificateFile === keyFile) return { ...fileStore(keyFile), hint };
  return {
    describe: `files ${certificateFile} and ${keyFile}`,
    hint,
    async put(value) {
      const text = value.reveal();
      const at = text.indexOf('-----BEGIN PRIVATE KEY-----');
      await fileStore(keyFile).put(new Secret(text.slice(at)));
      await fileStore(certificateFile).put(new Secret(text.slice(0, at)));
    },
  };
}

/** For an app that trusts an outside identity: there is nothing to store. */
export function noStore(): CredentialStore {
  return {
    describe: 'nowhere',
    hint: async () => undefined,
    put: () => Promise.reject(new Error('nothing is to be stored for a federated credential')),
  };
}

/** A vault over a slow line needs seconds. */
const commandMs = 60_000;

/** @param command program and arguments; no shell reads them, and the value is never among them */
export function commandStore(command: readonly [string, ...string[]]): CredentialStore {
  const [program, ...args] = command;
  const describe = `command ${program}`;
  return {
    describe,
    hint: async () => undefined,
    put: (value) =>
      new Promise((resolve, reject) => {
        const refused = (seen: string): void => reject(new Fault('setup.store-failed', { store: describe, seen }));
        const child = spawn(program, args, {
          stdio: ['pipe', 'ignore', 'ignore'],
          timeout: commandMs,
          killSignal: 'SIGKILL',
          windowsHide: true,
        });
        child.on('error', (error) => refused('code' in error ? String(error.code) : 'unknown'));
        child.on('exit', (code, signal) => {
          if (code === 0) resolve();
          else refused(code === null ? `ended by ${signal}` : `exit code ${code}`);
        });
        child.stdin.on('error', () => undefined); // its end is told by `exit`
        child.stdin.end(value.reveal());
      }),
  };
}
