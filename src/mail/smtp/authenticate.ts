/**
 * The login: XOAUTH2, or a password by PLAIN or LOGIN. RFC 4954 §4.
 *
 * The hard thing: the credential goes on the line of AUTH only where it fits into SMTP's 512 bytes; a token of Entra never does, and
 * goes on a line of its own after the server's 334. A second 334 then explains a refusal and wants an empty line, after which 535 comes;
 * Exchange says 535 at once.
 */
import { type Evidence, Fault } from '../../fault/fault.ts';
import { Secret } from '../../runtime/secret.ts';
import type { MailCredential } from '../endpoint.ts';
import { challengeEvidence, decodeChallenge, loginAnswer, plain, xoauth2 } from '../sasl.ts';
import type { Purpose } from './refusal.ts';
import type { SmtpSession } from './session.ts';

interface Exchange {
  readonly mechanism: string;
  /** What is sent, in order; base64. */
  readonly answers: readonly Secret[];
  /** Whether the first answer may stand on the line of AUTH. */
  readonly initial: boolean;
  readonly purpose: Purpose;
}

/** @throws Fault `smtp.authenticate-refused`, `smtp.disabled-for-tenant` …, `smtp.no-auth-offered`, `smtp.no-xoauth2`, or what the token's source throws. */
export async function authenticate(session: SmtpSession, credential: MailCredential): Promise<void> {
  const auth = session.capabilities.get('AUTH');
  if (auth === undefined) throw new Fault('smtp.no-auth-offered', capabilityEvidence(session));
  const offered = new Set(auth.toUpperCase().split(' '));
  const { user } = credential;
  if (credential.kind === 'xoauth2') {
    if (!offered.has('XOAUTH2')) throw new Fault('smtp.no-xoauth2', capabilityEvidence(session));
    const token = await credential.token();
    const answers = [xoauth2(user, token)];
    return await exchange(session, { mechanism: 'XOAUTH2', answers, initial: true, purpose: 'login' }, user, [token]);
  }
  const { password } = credential;
  const purpose = 'password-login';
  if (offered.has('PLAIN')) {
    return await exchange(session, { mechanism: 'PLAIN', answers: [plain(user, password)], initial: true, purpose }, user, [password]);
  }
  if (!offered.has('LOGIN')) throw new Fault('smtp.no-auth-offered', capabilityEvidence(session));
  const answers = [loginAnswer(new Secret(user)), loginAnswer(password)];
  return await exchange(session, { mechanism: 'LOGIN', answers, initial: false, purpose }, user, [password]);
}

async function exchange(
  session: SmtpSession,
  { mechanism, answers, initial, purpose }: Exchange,
  user: string,
  secrets: readonly Secret[],
): Promise<void> {
  const command = `AUTH ${mechanism}`;
  const waiting = [...answers];
  const first = waiting[0]?.reveal() ?? '';
  // RFC 4954 §4: an empty initial response would be a `=`; ours never are. The line counts with its CRLF.
  const oneLine = initial && command.length + 1 + first.length + 2 <= session.limits.maxCommandBytes;
  if (oneLine) waiting.shift();
  let challenge: string | undefined;
  await session.dialogue.whileUnspeakable([...answers, ...secrets], () =>
    session.run(oneLine ? `${command} ${first}` : command, {
      purpose,
      timeoutMs: session.limits.loginTimeoutMs,
      masked: oneLine ? `${command} [secret]` : command,
      evidence: () => ({ user, ...challengeEvidence(challenge === undefined ? undefined : decodeChallenge(challenge)) }),
      onContinue: async (text) => {
        const next = waiting.shift();
        if (next !== undefined) return await session.sendLine(next.reveal(), '[secret]');
        if (challenge !== undefined) throw session.unexpected('a second challenge', text);
        challenge = text;
        await session.sendLine('');
      },
    }),
  );
}

function capabilityEvidence(session: SmtpSession): Evidence {
  const told = [...session.capabilities].map(([name, rest]) => `${name} ${rest}`.trim());
  return { ...session.where, tls: session.endpoint.tls, capabilities: told.join(', ').slice(0, 1000) };
}
