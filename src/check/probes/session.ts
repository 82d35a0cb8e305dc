/** What the probes of the three mail protocols have in common: who logs in where, and where the talk goes. */
import type { DialogueLine, MailCredential, MailEndpoint } from '../../mail/endpoint.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Place, Watched } from '../observation.ts';

export interface MailTarget {
  readonly place: Place;
  readonly server: MailEndpoint;
  readonly credential: MailCredential;
  readonly mailbox: string;
}

export interface MailPorts extends Watched {
  readonly signal?: AbortSignal | undefined;
  /** The clients mask credentials and give bodies by their size. */
  readonly onDialogue?: ((line: DialogueLine) => void) | undefined;
}

/** The ports in the form that every client takes. */
export function clientOptions({ clock, signal, onDialogue }: MailPorts): {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly onDialogue?: (line: DialogueLine) => void;
} {
  return { clock, ...(signal === undefined ? {} : { signal }), ...(onDialogue === undefined ? {} : { onDialogue }) };
}

/** Says goodbye: what was to be seen has been seen, so one that nobody answers adds nothing. */
export async function leave(goodbye: (() => Promise<void>) | undefined): Promise<void> {
  try {
    await goodbye?.();
  } catch {}
}
