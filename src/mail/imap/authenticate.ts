/**
 * The login: XOAUTH2 in one step or two, or a password. RFC 9051 §6.2.2, RFC 4959 (SASL-IR).
 *
 * The hard thing: a refused token is said in two ways. Gmail and Dovecot send a challenge first, which must be answered with an empty
 * line before the NO comes; Exchange says NO at once, and an empty line to it is an error of its own (M365 (doc): `* BAD Command Error. 12`).
 * So an empty line goes out if and only if a challenge came in.
 */
import { type Evidence, Fault } from '../../fault/fault.ts';
import type { Secret } from '../../runtime/secret.ts';
import { type Challenge, challengeEvidence, decodeChallenge, plain, xoauth2 } from '../sasl.ts';
import { bytesAsText } from '../text.ts';
import type { ImapCredential } from './endpoint.ts';
import type { Purpose } from './refusal.ts';
import type { Response, StatusText } from './responses.ts';
import { astring, type Session } from './session.ts';

/** @throws Fault `imap.authenticate-refused`, `imap.no-xoauth2`, `imap.login-disabled`, or what the token's source throws. */
export async function authenticate(session: Session, credential: ImapCredential): Promise<void> {
  if (session.capabilities.size === 0) await session.capability(session.limits.loginTimeoutMs);
  let told = false;
  const onResponse = (response: Response): void => {
    if (response.kind === 'capability') told = true;
  };
  const done =
    credential.kind === 'xoauth2' ? await byToken(session, credential, onResponse) : await byPassword(session, credential, onResponse);
  // RFC 9051 §6.1.1: capabilities change with the login; some servers say so at once.
  if (!told && done.code?.name !== 'CAPABILITY') await session.capability();
}

type OnResponse = (response: Response) => void;

async function byToken(session: Session, credential: ImapCredential & { kind: 'xoauth2' }, onResponse: OnResponse): Promise<StatusText> {
  // M365 (doc): LOGINDISABLED does not concern XOAUTH2, so it is not looked at.
  if (!session.capabilities.has('AUTH=XOAUTH2')) throw new Fault('imap.no-xoauth2', capabilityEvidence(session));
  const token = await credential.token();
  return await sasl(session, 'XOAUTH2', xoauth2(credential.user, token), [token], credential.user, 'login', onResponse);
}

async function byPassword(
  session: Session,
  { user, password }: ImapCredential & { kind: 'password' },
  onResponse: OnResponse,
): Promise<StatusText> {
  if (session.capabilities.has('AUTH=PLAIN')) {
    return await sasl(session, 'PLAIN', plain(user, password), [password], user, 'password-login', onResponse);
  }
  if (session.capabilities.has('LOGINDISABLED')) throw new Fault('imap.login-disabled', capabilityEvidence(session));
  return await session.dialogue.whileUnspeakable([password], () =>
    session.run(['LOGIN ', astring(bytesAsText(user)), ' ', astring(bytesAsText(password.reveal()))], {
      purpose: 'password-login',
      timeoutMs: session.limits.loginTimeoutMs,
      masked: 'LOGIN [user] [secret]',
      evidence: () => ({ user }),
      onResponse,
    }),
  );
}

async function sasl(
  session: Session,
  mechanism: string,
  initial: Secret,
  secrets: readonly Secret[],
  user: string,
  purpose: Purpose,
  onResponse: OnResponse,
): Promise<StatusText> {
  const command = `AUTHENTICATE ${mechanism}`;
  const oneStep = session.capabilities.has('SASL-IR') && command.length + initial.reveal().length < session.limits.maxCommandBytes;
  let sent = oneStep;
  let challenge: { readonly text: string; readonly read: Challenge | undefined } | undefined;
  return await session.dialogue.whileUnspeakable([initial, ...secrets], () =>
    session.run([oneStep ? `${command} ${initial.reveal()}` : command], {
      purpose,
      timeoutMs: session.limits.loginTimeoutMs,
      masked: oneStep ? `${command} [secret]` : command,
      evidence: () => ({ user, ...challengeEvidence(challenge?.read) }),
      onResponse,
      onContinue: async (text) => {
        if (!sent) {
          sent = true;
          return await session.sendLine(initial.reveal(), '[secret]');
        }
        if (challenge !== undefined) throw session.unexpected('a second challenge', text);
        challenge = { text, read: decodeChallenge(text) };
        await session.sendLine('');
      },
    }),
  );
}

function capabilityEvidence(session: Session): Evidence {
  return { ...session.where, capabilities: [...session.capabilities].join(' ').slice(0, 1000) };
}
