/**
 * References to secrets: where a secret is, and how it is fetched when it is sent.
 *
 * Resolved each time anew, so that a rotated secret is seen without a restart. The hard thing is to say why one could not be had
 * without ever showing it: evidence names the reference and the kind of failure, never what was read, nor what a command wrote on its
 * standard error.
 */
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { resolve as resolvePath } from 'node:path';
import { Fault } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';
import { isGuid } from '../tenant/ids.ts';
import type { RawSecretReference } from './schema.ts';

export interface SecretReference {
  /** `text`: it stands in the configuration itself; not for credentials. `kept`: encrypted, with a source that was made in the console. */
  readonly kind: 'env' | 'file' | 'command' | 'text' | 'kept';
  /** Where the secret is, in words that may be printed, e.g. `environment variable CONTOSO_SECRET`. */
  readonly describe: string;
  /** @throws Fault config.secret-* naming the reference, never the value. */
  resolve(): Promise<Secret>;
}

export interface SecretContext {
  /** The key that refers to it, e.g. `tenants.contoso.credential.secret`: for the evidence. */
  readonly key: string;
  /** Whether it is an Entra client secret, which never has the shape of a GUID. */
  readonly clientSecret: boolean;
  /** The folder of the configuration file: relative paths count from there, and commands start there. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long a command may take; {@link commandDeadlineMs} unless a test is in a hurry. */
  readonly commandTimeoutMs?: number;
}

/** A vault over a slow line needs seconds; a program that waits for a person at the keyboard waits for ever. */
export const commandDeadlineMs = 30_000;
/** Room for a private key with its chain; nothing that is a secret is larger. */
const maxSecretBytes = 64 * 1024;

export function secretReference(raw: RawSecretReference, context: SecretContext): SecretReference {
  if (raw.env !== undefined) return fromEnvironment(raw.env, context);
  if (raw.file !== undefined) return fromFile(resolvePath(context.folder, raw.file), context);
  const [program, ...args] = raw.command ?? [];
  if (program === undefined) throw new Error('the schema lets no secret reference without env, file or command through');
  return fromCommand(program, args, context);
}

/** What may stand in the file, though it is better kept elsewhere: an address that may hold a token. */
export function secretText(value: string): SecretReference {
  const secret = new Secret(value);
  return { kind: 'text', describe: 'the configuration file', resolve: () => Promise.resolve(secret) };
}

function fromEnvironment(name: string, context: SecretContext): SecretReference {
  const describe = `environment variable ${name}`;
  return {
    kind: 'env',
    describe,
    resolve: async () => {
      const value = context.env[name] ?? '';
      if (value === '') throw new Fault('config.secret-not-set', { key: context.key, reference: describe });
      return checked(value, describe, context);
    },
  };
}

function fromFile(path: string, context: SecretContext): SecretReference {
  const describe = `file ${path}`;
  const refused = (seen: string, cause?: unknown): Fault =>
    new Fault('config.secret-file-unreadable', { key: context.key, reference: describe, seen }, { cause });
  return {
    kind: 'file',
    describe,
    resolve: async () => {
      let text: string;
      try {
        text = await readBounded(path);
      } catch (error) {
        throw refused(errorCode(error), error);
      }
      if (text.length > maxSecretBytes) throw refused(`more than ${maxSecretBytes} bytes`);
      const value = withoutLineEnd(text);
      if (value === '') throw refused('an empty file');
      return checked(value, describe, context);
    },
  };
}

/** Reads one byte more than a secret may have, so that a mistaken path to a large file costs nothing. */
async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(maxSecretBytes + 1);
    let length = 0;
    // A pipe (systemd, process substitution) hands its content over in pieces.
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    await file.close();
  }
}

function fromCommand(program: string, args: readonly string[], context: SecretContext): SecretReference {
  // Only the program is named: an argument may say more than it should.
  const describe = `command ${program}`;
  const timeoutMs = context.commandTimeoutMs ?? commandDeadlineMs;
  const refused = (seen: string): Fault => new Fault('config.secret-command-failed', { key: context.key, reference: describe, seen });
  return {
    kind: 'command',
    describe,
    resolve: () =>
      new Promise((done, fail) => {
        const child = execFile(
          program,
          [...args],
          {
            cwd: context.folder,
            env: { ...context.env },
            timeout: timeoutMs,
            killSignal: 'SIGKILL',
            maxBuffer: maxSecretBytes,
            encoding: 'utf8',
            windowsHide: true,
          },
          (error, stdout) => {
            // The error of execFile quotes the command line and standard error: only its code goes on, and it is no `cause`.
            if (error !== null) fail(refused(whyCommandFailed(error, timeoutMs)));
            else if (withoutLineEnd(stdout) === '') fail(refused('it printed nothing'));
            else {
              try {
                done(checked(withoutLineEnd(stdout), describe, context));
              } catch (fault) {
                fail(fault);
              }
            }
          },
        );
        // Whoever ends us (Ctrl-C while a vault is slow to answer) must not leave it running alone.
        const endWithUs = (): boolean => child.kill('SIGKILL');
        process.once('exit', endWithUs);
        child.once('exit', () => process.removeListener('exit', endWithUs));
        child.stdin?.on('error', () => undefined);
        child.stdin?.end();
      }),
  };
}

function whyCommandFailed(error: { code?: unknown; signal?: unknown; killed?: unknown }, timeoutMs: number): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `it printed more than ${maxSecretBytes} bytes`;
  if (error.killed === true) return `still running after ${timeoutMs} ms`;
  if (typeof error.code === 'number') return `exit code ${error.code}`;
  if (typeof error.signal === 'string') return `ended by ${error.signal}`;
  return typeof error.code === 'string' ? `not started: ${error.code}` : 'not started';
}

/** M365 (doc): a client secret's value is never a GUID, its id always is (the first cause of AADSTS7000215). */
function checked(value: string, describe: string, context: SecretContext): Secret {
  if (context.clientSecret && isGuid(value.trim())) {
    throw new Fault('config.secret-is-an-id', { key: context.key, reference: describe });
  }
  return new Secret(value);
}

/** Editors put a line end after the last line, and Notepad a byte order mark before the first. Neither is part of a secret. */
function withoutLineEnd(text: string): string {
  return text.replace(/^\uFEFF/, '').replace(/(?:\r?\n)+$/, '');
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}
