/** What an import tells, in words for people: lasting lines, and a line of progress that is written over. */
import type { Fault } from '../fault/fault.ts';
import type { ImportEvent } from '../import/events.ts';
import type { Terminal } from './command.ts';
import { bytes, count, duration, faultText, number, type Progress, printable, quarantineReasons, wantsColour } from './print.ts';

/** Whoever is told of an import while it runs. */
export interface Teller {
  tell(event: ImportEvent): void;
  /** Something about the program itself. */
  announce(text: string): void;
  /** A source that was made in the console cannot be begun; the others go on. */
  unreadable(source: string, fault: Fault): void;
  /** The journal could not be written; the import goes on. */
  journalFailed(fault: Fault): void;
}

/** Puts events into words: a line of progress that is written over, and lasting lines for what a person should know. */
export class ImportTalk implements Teller {
  readonly #terminal: Terminal;
  readonly #line: Progress;
  readonly #now: () => number;
  readonly #folders = new Map<string, { fetched: number; toFetch: number }>();
  readonly #passed = new Set<string>();
  #messages = 0;
  #bytes = 0;

  constructor(terminal: Terminal, line: Progress, now: () => number) {
    this.#terminal = terminal;
    this.#line = line;
    this.#now = now;
  }

  tell(event: ImportEvent): void {
    switch (event.kind) {
      case 'connecting':
        this.#line.show(() => `${event.source}: connecting`);
        return;
      case 'folder':
        this.#folders.set(`${event.source}\0${event.folder}`, { fetched: 0, toFetch: event.toFetch });
        return;
      case 'message': {
        const folder = this.#folders.get(`${event.source}\0${event.folder}`);
        if (folder !== undefined) folder.fetched += 1;
        this.#messages += 1;
        this.#bytes += event.bytes;
        this.#line.show(() => this.#progressText());
        return;
      }
      case 'quarantined':
        this.#say(event.source, `message ${event.uid} of ${event.folder} is in quarantine: ${quarantineReasons[event.reason]}`);
        return;
      case 'uid-validity-changed':
        this.#say(event.source, `${event.folder} was numbered anew (UIDVALIDITY ${event.before} → ${event.now}): comparing by content`);
        return;
      case 'waiting':
        this.#say(event.source, `${event.fault.message} Trying again in ${duration(event.waitMs)}.`);
        return;
      case 'logged-in':
        return;
      case 'folder-renamed':
        this.#say(
          event.source,
          `${event.now} is new and ${event.before} is gone: ${count(event.messages, 'message')} of it had come before, told by content`,
        );
        return;
      case 'fewer-connections':
        this.#say(event.source, `${event.fault.message} Going on with ${count(event.connections, 'connection')} at most.`);
        return;
      case 'vanished':
        this.#say(
          event.source,
          `${count(event.uids.length, 'message')} of ${event.folder} vanished from the server before it could be fetched`,
        );
        return;
      case 'missing':
        this.#say(event.source, `${count(event.uids.length, 'message')} of ${event.folder} still to come`);
        return;
      case 'completed':
        this.#say(
          event.source,
          `${count(event.messages, 'message')} of ${event.folder} ${event.step}${event.target === undefined ? '' : ` to ${event.target}`} on the server`,
        );
        return;
      case 'completion-failed':
        this.#line.clear();
        this.#say(event.source, 'messages were left as they are on the server; the import goes on:');
        this.#terminal.stderr.write(faultText(event.fault, wantsColour(this.#terminal)));
        return;
      case 'failed':
        // The end of a run with --once tells its faults by itself.
        if (event.waitMs === undefined) return;
        this.#line.clear();
        this.#say(event.source, `needs you; it is looked at again in ${duration(event.waitMs)}:`);
        this.#terminal.stderr.write(faultText(event.fault, wantsColour(this.#terminal)));
        return;
      case 'folder-failed':
        this.#line.clear();
        this.#say(event.source, `${event.folder} could not be brought in; what else there is goes on:`);
        this.#terminal.stderr.write(faultText(event.fault, wantsColour(this.#terminal)));
        return;
      case 'deriving-failed':
        this.announce('Mail goes on coming in, but nothing new is made searchable:');
        this.#terminal.stderr.write(faultText(event.fault, wantsColour(this.#terminal)));
        return;
      case 'pass':
        this.#line.clear();
        this.#tellPass(event);
        return;
      default:
        event satisfies never;
    }
  }

  /** Tells what a pass brought; and of the first one that it is over, so that nobody takes silence for a hanging program. */
  #tellPass({ source, arrived, duplicate, quarantined }: Extract<ImportEvent, { kind: 'pass' }>): void {
    const parts = [
      ...(arrived > 0 ? [count(arrived, 'new message')] : []),
      ...(duplicate > 0 ? [`${count(duplicate, 'message')} whose bytes were there before`] : []),
      ...(quarantined > 0 ? [`${number(quarantined)} in quarantine`] : []),
    ];
    if (parts.length > 0) this.#say(source, parts.join(', '));
    else if (!this.#passed.has(source)) this.#say(source, 'nothing new');
    this.#passed.add(source);
  }

  journalFailed(fault: Fault): void {
    this.announce('The import goes on without its journal, so `postern import status` may not show what happens:');
    this.#terminal.stderr.write(faultText(fault, wantsColour(this.#terminal)));
  }

  unreadable(source: string, fault: Fault): void {
    this.#line.clear();
    this.#terminal.stderr.write(leftOutText(source, fault, wantsColour(this.#terminal)));
  }

  announce(text: string): void {
    this.#line.clear();
    this.#terminal.stderr.write(`${text}\n`);
  }

  #say(source: string, text: string): void {
    this.#line.clear();
    this.#terminal.stderr.write(`${new Date(this.#now()).toISOString().slice(11, 19)}Z ${printable(`${source}: ${text}`)}\n`);
  }

  #progressText(): string {
    let fetched = 0;
    let toFetch = 0;
    for (const folder of this.#folders.values()) {
      fetched += folder.fetched;
      toFetch += folder.toFetch;
    }
    return `importing: ${number(fetched)} of ${number(Math.max(fetched, toFetch))} messages, ${bytes(this.#bytes)}`;
  }
}

export function leftOutText(source: string, fault: Fault, colour: boolean): string {
  return `${printable(source)} (made in the console) cannot be begun; the others go on:\n${faultText(fault, colour).trimEnd()}\n`;
}
