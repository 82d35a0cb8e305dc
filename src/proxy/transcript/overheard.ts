/** A login that is written down: who tries, what is said to the server behind, and what became of it. */
import type { Admissions } from '../clients/admission.ts';
import { loginText } from '../log.ts';
import type { LoginAnswer, LoginCall, LoginDesk } from '../login.ts';
import type { Transcript } from './transcripts.ts';

/** The desk's `logIn`; as it is where nothing is to be written down. */
export function overheard(
  desk: LoginDesk,
  admissions: Admissions,
  transcript: Transcript | undefined,
): (call: LoginCall) => Promise<LoginAnswer> {
  if (transcript === undefined) return (call) => desk.logIn(call);
  return async (call) => {
    const { name, password } = call.attempt;
    const named = name.includes('/') ? name.slice(0, name.indexOf('/')) : undefined;
    transcript.attempt(call.attempt, admissions.claims(password) ?? named);
    const answer = await desk.logIn({ ...call, onDialogue: (line) => transcript.behind(line) });
    transcript.note(loginText(call.attempt, answer));
    return answer;
  };
}
