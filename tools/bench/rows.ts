/**
 * What is measured: one row for each goal of the import, as data.
 *
 * The hard thing is to say beforehand what would be good enough: the goal stands beside the row, and the report holds the figures
 * against it, reached or missed.
 */
import type { Protocol } from './contenders.ts';
import type { Figures } from './report.ts';

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly protocol: Protocol;
  readonly roundTripMs: number;
  readonly mailboxes: number;
  readonly messagesEach: number;
  /** Plain TCP through a door that hides PIPELINING. */
  readonly isOneByOne?: boolean;
  /** Measured is a second look that finds nothing new; the first import is not. */
  readonly isAgain?: boolean;
  readonly contenders: readonly string[];
  /** By whom the others are divided. */
  readonly base: string;
  readonly goals: readonly Goal[];
}

export interface Goal {
  readonly says: string;
  /** The figure, and whether it is good enough; undefined where it was not measured. */
  measure(figures: Figures): { readonly measured: string; readonly reached: boolean } | undefined;
}

/** As product and documents count: 256 million bytes. */
const most256MB = 256e6;
const within256MB: Goal = {
  says: 'under 256 MB resident',
  measure(figures) {
    const bytes = figures.peakBytes('postern');
    return Number.isFinite(bytes) ? { measured: `${(bytes / 1e6).toFixed(0)} MB`, reached: bytes < most256MB } : undefined;
  },
};

const tenThousand = 10_000;
const delays = [0, 40] as const;

export const rows: readonly Row[] = [
  ...delays.map(
    (roundTripMs): Row => ({
      name: `imap-${roundTripMs}`,
      title: `Import of one mailbox, ${roundTripMs} ms round trip`,
      protocol: 'imap',
      roundTripMs,
      mailboxes: 1,
      messagesEach: tenThousand,
      contenders: ['mbsync', 'mbsync without fsync', 'raw pull', 'postern'],
      base: 'mbsync',
      goals: [
        ...(roundTripMs === 0
          ? [
              atMost('durable in 0.3 of mbsync’s time or less', 'postern', 'durable', 'mbsync', 0.3),
              atMost('complete in 0.8 of mbsync’s time or less', 'postern', 'complete', 'mbsync', 0.8),
            ]
          : [atMost('durable within 1.5 × of the raw pull', 'postern', 'durable', 'raw pull', 1.5)]),
        within256MB,
      ],
    }),
  ),
  ...delays.map(
    (roundTripMs): Row => ({
      name: `getmail-${roundTripMs}`,
      title: `Import of a small mailbox, ${roundTripMs} ms round trip`,
      protocol: 'imap',
      roundTripMs,
      mailboxes: 1,
      // getmail6 asks for one message after the other: 10,000 of them would take a quarter of an hour and show the same.
      messagesEach: 1_000,
      contenders: ['mbsync', 'getmail6', 'postern'],
      base: 'mbsync',
      goals: [],
    }),
  ),
  ...delays.flatMap((roundTripMs): Row[] =>
    [false, true].map((isOneByOne) => ({
      name: `pop3-${isOneByOne ? 'one-by-one-' : ''}${roundTripMs}`,
      title: `Import over POP3 ${isOneByOne ? 'without' : 'with'} PIPELINING, ${roundTripMs} ms round trip`,
      protocol: 'pop3',
      roundTripMs,
      mailboxes: 1,
      // A round trip for each message, whoever asks: 10,000 of them would take seven minutes a turn and show the same.
      messagesEach: isOneByOne && roundTripMs > 0 ? 1_000 : tenThousand,
      isOneByOne,
      contenders: ['mpop', 'postern'],
      base: 'mpop',
      goals: [atMost('faster than mpop', 'postern', 'durable', 'mpop', 1), within256MB],
    })),
  ),
  ...delays.map(
    (roundTripMs): Row => ({
      name: `many-${roundTripMs}`,
      title: `Import of 50 mailboxes, ${roundTripMs} ms round trip`,
      protocol: 'imap',
      roundTripMs,
      mailboxes: 50,
      messagesEach: 500,
      contenders: ['mbsync', 'eight mbsyncs', 'postern'],
      base: 'eight mbsyncs',
      goals: [
        atMost('durable in 0.6 of the time of eight mbsyncs at once or less', 'postern', 'durable', 'eight mbsyncs', 0.6),
        within256MB,
      ],
    }),
  ),
  ...delays.map(
    (roundTripMs): Row => ({
      name: `poll-${roundTripMs}`,
      title: `A look at one mailbox that finds nothing new, ${roundTripMs} ms round trip`,
      protocol: 'imap',
      roundTripMs,
      mailboxes: 1,
      messagesEach: tenThousand,
      isAgain: true,
      contenders: ['mbsync', 'postern'],
      base: 'mbsync',
      goals: [],
    }),
  ),
  ...delays.map(
    (roundTripMs): Row => ({
      name: `poll-many-${roundTripMs}`,
      title: `A look at 50 mailboxes that finds nothing new, ${roundTripMs} ms round trip`,
      protocol: 'imap',
      roundTripMs,
      mailboxes: 50,
      messagesEach: 500,
      isAgain: true,
      contenders: ['mbsync', 'eight mbsyncs', 'postern'],
      base: 'eight mbsyncs',
      goals: [],
    }),
  ),
];

/** One contender's median, divided by another's. */
function atMost(says: string, name: string, what: 'durable' | 'complete', of: string, most: number): Goal {
  return {
    says,
    measure(figures) {
      const ratio = figures.median(name, what) / figures.median(of, 'durable');
      return Number.isFinite(ratio) ? { measured: ratio.toFixed(2), reached: ratio <= most } : undefined;
    },
  };
}
