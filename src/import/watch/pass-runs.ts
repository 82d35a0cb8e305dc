/**
 * Notes in the journal what passes brought, for a service that goes on: a run for each pass that brought something, ended otherwise than
 * the one before it, or needs a person.
 *
 * The hard thing is what is left out. A source is looked at every minute, and a list of passes that found nothing shows nobody anything;
 * that they take place shows in the state.
 */
import type { Journal, NotedFault, Run, RunCounts, RunOutcome } from '../../journal/journal.ts';
import type { ImportEvent, PassEvent } from '../events.ts';

/** The pass of a source that goes on. */
interface UnderWay {
  /** Noted in the journal already. */
  begun: boolean;
  messages: number;
  quarantined: number;
  bytes: number;
  vanished: number;
}

export interface PassRunPorts {
  /** One that forgives: nothing here may stop the import. */
  readonly journal: Pick<Journal, 'beginRun' | 'endRun' | 'runs'>;
  readonly now: () => number;
  /** Hears of a run that has begun or ended. */
  readonly onRun: (run: Run) => void;
}

export class PassRuns {
  readonly #ports: PassRunPorts;
  readonly #underWay = new Map<string, UnderWay>();
  /** How the last noted run of a source ended. */
  readonly #last = new Map<string, string>();
  /** Ids of the runs that are noted and not ended. */
  readonly #open = new Map<string, number>();
  #written: Promise<void> = Promise.resolve();

  constructor(ports: PassRunPorts) {
    this.#ports = ports;
  }

  /** To be given every event of the import. */
  tell(event: ImportEvent): void {
    switch (event.kind) {
      case 'message': {
        const pass = this.#began(event.source);
        pass.messages += 1;
        pass.bytes += event.bytes;
        return;
      }
      case 'quarantined':
        this.#began(event.source).quarantined += 1;
        return;
      case 'vanished':
        this.#of(event.source).vanished += event.uids.length;
        return;
      case 'pass':
        this.#passed(event);
        return;
      case 'failed':
        this.#failed(event.source, { code: event.fault.code, evidence: event.fault.evidence, at: new Date(this.#ports.now()) });
        return;
      default:
    }
  }

  /** The source was ended by somebody, in the middle of a pass perhaps. */
  ended(source: string): void {
    const pass = this.#underWay.get(source);
    this.#underWay.delete(source);
    this.#last.delete(source);
    if (pass?.begun === true) this.#end(source, 'stopped', countsOf(pass));
  }

  /** Resolves when what was told is written. */
  async settled(): Promise<void> {
    await this.#written;
  }

  #of(source: string): UnderWay {
    const known = this.#underWay.get(source);
    if (known !== undefined) return known;
    const pass = { begun: false, messages: 0, quarantined: 0, bytes: 0, vanished: 0 };
    this.#underWay.set(source, pass);
    return pass;
  }

  #began(source: string): UnderWay {
    const pass = this.#of(source);
    if (!pass.begun) this.#begin(source);
    pass.begun = true;
    return pass;
  }

  #passed(event: PassEvent): void {
    const { source, listed, excluded, missing, arrived, duplicate, quarantined } = event;
    const pass = this.#of(source);
    this.#underWay.delete(source);
    const outcome = event.faults.size > 0 || missing > 0 ? 'incomplete' : 'complete';
    const first = [...event.faults.values()][0];
    if (!pass.begun && pass.vanished === 0 && this.#last.get(source) === `${outcome} ${first?.code ?? ''}`) return;
    this.#last.set(source, `${outcome} ${first?.code ?? ''}`);
    if (!pass.begun) this.#begin(source);
    const counts = { listed, archived: arrived, duplicate, excluded, quarantined, vanished: pass.vanished, missing, bytes: pass.bytes };
    this.#end(source, outcome, counts, first && { code: first.code, evidence: first.evidence, at: new Date(this.#ports.now()) });
  }

  #failed(source: string, fault: NotedFault): void {
    const pass = this.#of(source);
    this.#underWay.delete(source);
    if (!pass.begun && this.#last.get(source) === `failed ${fault.code}`) return;
    this.#last.set(source, `failed ${fault.code}`);
    if (!pass.begun) this.#begin(source);
    this.#end(source, 'failed', countsOf(pass), fault);
  }

  #begin(source: string): void {
    this.#write(async () => {
      this.#open.set(source, await this.#ports.journal.beginRun(source));
      await this.#tell(source);
    });
  }

  #end(source: string, outcome: RunOutcome, counts: RunCounts, fault?: NotedFault): void {
    this.#write(async () => {
      const id = this.#open.get(source);
      this.#open.delete(source);
      if (id === undefined) return;
      await this.#ports.journal.endRun(id, { outcome, counts, fault });
      await this.#tell(source);
    });
  }

  async #tell(source: string): Promise<void> {
    const [run] = await this.#ports.journal.runs({ source, limit: 1 });
    if (run !== undefined) this.#ports.onRun(run);
  }

  #write(act: () => Promise<void>): void {
    this.#written = this.#written.then(act);
    this.#written.catch(() => undefined); // told by `settled`
  }
}

/** What came before it ended: what became of each is told by a whole pass only. */
function countsOf({ messages, quarantined, bytes, vanished }: UnderWay): RunCounts {
  const archived = Math.max(0, messages - quarantined);
  return { listed: 0, archived, duplicate: 0, excluded: 0, quarantined, vanished, missing: 0, bytes };
}
