/**
 * The login: XOAUTH2 in two lines, or a password. RFC 5034 §4, RFC 1939 §7.
 *
 * The hard thing: M365 (doc): Exchange takes the token only on a line of its own, after its `+`; on the line of AUTH it is a protocol
 * error and the end of the connection. So it never goes there, for no server. Gmail and Dovecot explain a refused token in a challenge,
 * which must be answered with an empty line before the -ERR comes; Exchange says -ERR at once.
 */
import { type Evidence, Fault } from '../../fault/fault.ts';
import type { Secret } from '../../runtime/secret.ts';
import type { MailCredential } from '../endpoint.ts';
import { challengeEvidence, decodeChallenge, plain, xoauth2 } from '../sasl.ts';
import { bytesAsText } from '../text.ts';
import type { Purpose } from './refusal.ts';
import type { PopSession } from './session.ts';

/** @throws Fault `pop.authenticate-refused`, `pop.logon-refused`, `pop.no-xoauth2`, `pop.login-disabled`, … or what the token's source throws. */
export async function authenticate(session: PopSession, credential: MailCredential): Promise<void> {
  if (credential.kind === 'password') return await byPassword(session, credential.user, credential.password);
  // RFC 2449 §5: a server without CAPA may have the mechanism all the same, and will say.
  if (mechanisms(session)?.has('XOAUTH2') === false) throw new Fault('pop.no-xoauth2', capabilityEvidence(session));
  const token = await credential.token();
  await sasl(session, 'XOAUTH2', xoauth2(credential.user, token), [token], credential.user, 'login');
}

async function byPassword(session: PopSession, user: string, password: Secret): Promise<void> {
  const known = session.capabilities;
  if (known === undefined || known.has('USER')) return await byUserAndPass(session, user, password);
  if (!mechanisms(session)?.has('PLAIN')) throw new Fault('pop.login-disabled', { ...capabilityEvidence(session), reason: 'not offered' });
  await sasl(session, 'PLAIN', plain(user, password), [password], user, 'password-login');
}

async function byUserAndPass(session: PopSession, user: string, password: Secret): Promise<void> {
  if (/[\r\n\0]/.test(user) || /[\r\n\0]/.test(password.reveal())) {
    throw new Fault('pop.login-disabled', { ...session.where, reason: 'a line end in user or password' });
  }
  const options = {
    purpose: (): Purpose => 'password-login',
    timeoutMs: session.limits.loginTimeoutMs,
    evidence: () => ({ user }),
  };
  await session.dialogue.whileUnspeakable([password], async () => {
    await session.run(`USER ${bytesAsText(user)}`, { ...options, masked: 'USER [user]' });
    await session.run(`PASS ${bytesAsText(password.reveal())}`, { ...options, masked: 'PASS [secret]' });
  });
}

async function sasl(
  session: PopSession,
  mechanism: string,
  initial: Secret,
  secrets: readonly Secret[],
  user: string,
  purpose: Purpose,
): Promise<void> {
  let sent = false;
  let challenge: string | undefined;
  await session.dialogue.whileUnspeakable([initial, ...secrets], () =>
    session.run(`AUTH ${mechanism}`, {
      purpose: () => (sent || purpose !== 'login' ? purpose : 'mechanism'),
      timeoutMs: session.limits.loginTimeoutMs,
      evidence: () => ({ user, ...challengeEvidence(challenge === undefined ? undefined : decodeChallenge(challenge)) }),
      onContinue: async (text) => {
        if (!sent) {
          sent = true;
          return await session.sendLine(initial.reveal(), '[secret]');
        }
        if (challenge !== undefined) throw session.unexpected('a second challenge', text);
        challenge = text;
        await session.sendLine('');
      },
    }),
  );
}

/** RFC 5034 §3: in the SASL line of CAPA. Undefined: not told. */
function mechanisms(session: PopSession): ReadonlySet<string> | undefined {
  const known = session.capabilities;
  return known === undefined ? undefined : new Set((known.get('SASL') ?? '').toUpperCase().split(' '));
}

function capabilityEvidence(session: PopSession): Evidence {
  const told = [...(session.capabilities ?? [])].map(([name, rest]) => `${name} ${rest}`.trim());
  return { ...session.where, capabilities: told.join(', ').slice(0, 1000) };
}
