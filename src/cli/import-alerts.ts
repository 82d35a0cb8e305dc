/** `postern import alerts`: the alerts that stand and those that are over, and their acknowledgement. */
import { userInfo } from 'node:os';
import { Fault } from '../fault/fault.ts';
import type { Alert, Journal } from '../journal/journal.ts';
import { wrapped } from './check-text.ts';
import { type Arguments, type Command, exit, type Terminal } from './command.ts';
import { expectNoArguments } from './parse.ts';
import { duration, json, printable, table } from './print.ts';

const lineWidth = 80;
/** Of those that are over, the last so many are shown. */
const shownCleared = 50;

export const importAlerts: Command = {
  name: 'import alerts',
  summary: 'Show the alerts of the import service; acknowledge one, so that it is not told again.',
  usage: '[--ack ID --note TEXT] [--all] [--config FILE] [--json]',
  details: `An alert ends by itself when what it is about is over. One that somebody has acknowledged is not told again while it
stands, unless it grows worse. The note stays with it for ever.`,
  options: {
    ack: { type: 'string', value: 'ID', help: 'Acknowledge this one.' },
    note: { type: 'string', value: 'TEXT', help: 'Why, or what is being done. Needed with --ack.' },
    all: { type: 'boolean', help: `The last ${shownCleared} that are over, too.` },
  },
  run: async (args, terminal) => {
    expectNoArguments(importAlerts, args);
    const { journalToRead, journalToWrite, readConfiguration } = await import('./wire.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const config = await readConfiguration(args, terminal);
    const wanted = acknowledgement(args);
    const onFault = (fault: Fault): void => void terminal.stderr.write(`${fault.message}\n`);
    const journal = wanted === undefined ? journalToRead(config) : journalToWrite(config, onFault);
    try {
      if (wanted !== undefined) await acknowledge(journal, wanted, terminal);
      const open = await journal.alerts({ open: true, limit: 10_000 });
      const cleared = args.values['all'] === true ? await journal.alerts({ open: false, limit: shownCleared }) : [];
      if (args.values['json'] === true) json(terminal, { alerts: [...open, ...cleared].map(asJson) });
      else terminal.stdout.write(asText([...open, ...cleared], systemClock.now()));
      return exit.done;
    } finally {
      await journal.close();
    }
  },
};

interface Acknowledge {
  readonly id: number;
  readonly note: string;
}

/** @throws Fault cli.wrong-use */
function acknowledgement({ values }: Arguments): Acknowledge | undefined {
  const { ack, note } = values;
  if (ack === undefined && note === undefined) return undefined;
  if (typeof ack !== 'string' || !/^[1-9]\d{0,14}$/.test(ack)) {
    throw new Fault('cli.wrong-use', {
      option: '--ack',
      expected: 'the ID of an alert, as the list shows it',
      found: String(ack ?? 'nothing'),
    });
  }
  if (typeof note !== 'string' || note.trim() === '') {
    throw new Fault('cli.wrong-use', { option: '--note', expected: 'a few words: why, or what is being done', found: 'nothing' });
  }
  return { id: Number(ack), note: note.trim() };
}

/** @throws Fault watch.alert-unknown */
async function acknowledge(journal: Journal, { id, note }: Acknowledge, terminal: Terminal): Promise<void> {
  if (!(await journal.acknowledgeAlert(id, userInfo().username, note))) throw new Fault('watch.alert-unknown', { id });
  terminal.stderr.write(`Alert ${id} is acknowledged; it is told again only when it grows worse.\n`);
}

function asText(alerts: readonly Alert[], now: number): string {
  if (alerts.length === 0) return 'No alerts.\n';
  const rows = table(
    [
      { title: 'ID', right: true },
      { title: 'SEVERITY' },
      { title: 'KIND' },
      { title: 'OPENED', right: true },
      { title: 'TOLD', right: true },
      { title: 'NOW' },
    ],
    alerts.map((one) => [
      String(one.id),
      one.severity,
      one.kind,
      ago(one.opened, now),
      one.lastTold === undefined ? 'nobody' : ago(one.lastTold, now),
      nowOf(one),
    ]),
  );
  const details = alerts.flatMap((one) => [
    '',
    ...wrapped(`${one.id}: ${printable(one.text)}`.split(' '), lineWidth),
    ...(one.fault === undefined || one.cleared !== undefined
      ? []
      : wrapped(new Fault(one.fault.code, one.fault.evidence).entry.fix.split(' '), lineWidth - 8).map(
          (line, index) => `  ${(index === 0 ? 'fix' : '').padEnd(4)}  ${line}`,
        )),
    ...(one.acknowledged === undefined
      ? []
      : wrapped(
          `acknowledged by ${printable(one.acknowledged.by)} ${ago(one.acknowledged.at, now)}: ${printable(one.acknowledged.note)}`.split(
            ' ',
          ),
          lineWidth - 2,
        ).map((line) => `  ${line}`)),
  ]);
  return `${rows}${details.join('\n')}\n`;
}

function nowOf({ cleared, acknowledged }: Alert): string {
  if (cleared !== undefined) return 'over';
  return acknowledged === undefined ? 'open' : 'acknowledged';
}

function ago(at: Date, now: number): string {
  return `${duration(Math.max(1_000, Math.round((now - at.getTime()) / 1000) * 1000)).replace('.0 s', ' s')} ago`;
}

function asJson({ fault, ...alert }: Alert): unknown {
  if (fault === undefined) return alert;
  const { says, cause, fix } = new Fault(fault.code, fault.evidence).entry;
  return { ...alert, fault: { code: fault.code, says, cause, fix, evidence: fault.evidence } };
}
