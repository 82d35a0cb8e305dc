/**
 * What the phone app writes around a person's words: ids of originals, labels of edited texts, lists of files, lines of calls.
 *
 * The hard thing is that a person can write the same. So lines are only told apart here; whether they mean anything is decided beside the
 * subject and the ids, and only labels leave the text that is searched, never words.
 */
import type { CallLeg } from '../../../record.ts';
import { isPhone } from '../phone.ts';
import { present } from '../reading.ts';

export interface Furniture {
  /** The text without the labels. */
  readonly text: string;
  /** The labels, verbatim, a line each; empty where there are none. */
  readonly lines: readonly string[];
  readonly deletedId?: string;
  readonly originalId?: string;
  readonly editId?: string;
  readonly lastEditId?: string;
  readonly hasEditBlocks: boolean;
  /** The names under `Files:`. */
  readonly files: readonly string[];
}

type IdField = 'deletedId' | 'originalId' | 'editId' | 'lastEditId';

/** A line that begins with `start` and ends with `end` holds an id between the two. */
const idLines: readonly { readonly start: string; readonly end: string; readonly field: IdField }[] = [
  { start: 'original message (msg id - ', end: ')', field: 'deletedId' },
  { start: 'original message id: ', end: '', field: 'originalId' },
  { start: 'last edit id - ', end: '', field: 'lastEditId' },
  { start: 'edit id - ', end: '', field: 'editId' },
];

const blockLabels = ['previous text:', 'edited text:'];
const filesLabel = 'files:';
const maxFiles = 1_000;
/** A line longer than this is no label and no file name. */
const labelChars = 300;

/** Tells the app's lines from the person's; a text without any stays as it is. */
export function readFurniture(text: string): Furniture {
  if (!mayHaveLabels(text)) return { text, lines: [], hasEditBlocks: false, files: [] };
  const kept: string[] = [];
  const lines: string[] = [];
  const ids: Partial<Record<IdField, string>> = {};
  const files: string[] = [];
  const blocks = new Set<string>();
  let inFiles = false;
  for (const line of text.split(/\r?\n/)) {
    const bare = line.trim();
    const lower = bare.length > labelChars ? '' : bare.toLowerCase();
    if (inFiles && bare !== '' && bare.length <= labelChars && files.length < maxFiles) {
      files.push(bare);
      lines.push(line);
      continue;
    }
    inFiles = lower === filesLabel;
    const id = idLines.find(({ start, end }) => lower.startsWith(start) && lower.endsWith(end) && bare.length > start.length + end.length);
    const block = blockLabels.find((label) => lower.startsWith(label));
    if (id !== undefined) ids[id.field] ??= bare.slice(id.start.length, bare.length - id.end.length).trim();
    if (block !== undefined) blocks.add(block);
    if (id !== undefined || inFiles || lower === block) {
      lines.push(line);
    } else if (block !== undefined) {
      lines.push(bare.slice(0, block.length));
      kept.push(bare.slice(block.length).trim());
    } else {
      kept.push(line);
    }
  }
  // A text without any label stays as it is, to its line ends.
  const without = lines.length === 0 ? text : kept.join('\n');
  return { ...ids, text: without, lines, hasEditBlocks: blocks.size === blockLabels.length, files };
}

/** Whether any label can stand there: nearly all texts are so told without being taken apart. Each has one of these in it. */
function mayHaveLabels(text: string): boolean {
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    if (/(?:id|text|files)$/i.test(text.slice(Math.max(0, at - 5), at))) return true;
  }
  for (let at = text.indexOf(' - '); at >= 0; at = text.indexOf(' - ', at + 1)) {
    if (at >= 2 && text.slice(at - 2, at).toLowerCase() === 'id') return true;
  }
  return false;
}

const legMarks = [
  { mark: ' incoming call to: ', direction: 'in' },
  { mark: ' outgoing call from: ', direction: 'out' },
] as const;
const maxLegs = 500;

/** `<other> <date> <duration> Incoming Call to: <number>`, one a line; the date stays as it is written: the order of its numbers is not known. */
export function readLegs(text: string): CallLeg[] {
  const legs: CallLeg[] = [];
  for (const line of text.split(/\r?\n/)) {
    const lower = line.length > labelChars ? '' : line.toLowerCase();
    const mark = legMarks.find((one) => lower.includes(one.mark));
    if (mark === undefined || lower.length !== line.length) continue;
    const at = lower.indexOf(mark.mark);
    const number = line.slice(at + mark.mark.length).trim();
    const words = line.slice(0, at).trim().split(/\s+/);
    const durationSec = seconds(words.at(-1) ?? '');
    if (durationSec !== undefined) words.pop();
    const date = words.findIndex((word, index) => index > 0 && /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}/.test(word));
    const other = words.slice(0, date < 0 ? words.length : date).join(' ');
    legs.push(
      present<CallLeg>({
        raw: line.trim(),
        direction: mark.direction,
        other: other === '' ? undefined : other,
        number: isPhone(number) ? number : undefined,
        at: date < 0 ? undefined : words.slice(date).join(' '),
        durationSec,
      }),
    );
    if (legs.length === maxLegs) break;
  }
  return legs;
}

/** `1:02:03` or `02:03`. */
function seconds(text: string): number | undefined {
  const found = /^(?:(\d{1,3}):)?(\d{1,3}):(\d{2})$/.exec(text);
  if (found === null) return undefined;
  return Number(found[1] ?? 0) * 3600 + Number(found[2]) * 60 + Number(found[3]);
}
