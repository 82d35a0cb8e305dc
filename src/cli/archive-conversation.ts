/** `postern archive conversation`. */
import type { ArchiveReader, Conversation, Recorded } from '../archive/archive.ts';
import { isFault } from '../fault/fault.ts';
import { onlyArgument, tellLag, wholeNumber, withReader } from './archive-use.ts';
import { type Command, exit } from './command.ts';
import { conversationText, type Texts } from './conversation-text.ts';
import { json } from './print.ts';

const defaultLimit = 500;

export const archiveConversation: Command = {
  name: 'archive conversation',
  summary: 'Show a conversation in the order of its time, with edits, deletions, calls, copies and gaps.',
  usage: 'ID [--limit N] [--after PAGE] [--full] [--config FILE] [--json]',
  details: `ID is that of a thread, of an item (both as \`archive show\` shows them), or of a message (as \`archive search\` shows it).
What was edited or deleted stands where it stood, with its edits and deletions under it. Copies that were archived for
several owners are one item. An edit or deletion of something that is not in the archive stands as a GAP.
It reads well in a pager:  postern archive conversation ID | less`,
  options: {
    limit: { type: 'string', value: 'N', help: `At most N messages of a page (default ${defaultLimit}).` },
    after: { type: 'string', value: 'PAGE', help: 'Go on where a page ended, as it said at its end.' },
    full: { type: 'boolean', help: 'Long texts to their end.' },
  },
  run: (args, terminal) =>
    withReader(args, terminal, async (archive, line) => {
      const id = await onlyArgument(args, 'ID');
      const limit = await wholeNumber(args, 'limit', defaultLimit);
      const after = args.values['after'];
      const conversation = await archive.conversation(id, { limit, ...(typeof after === 'string' ? { after } : {}) });
      const texts = await textsOf(archive, conversation, terminal.signal, (done, total) => line(() => `reading: ${done} of ${total}`));
      line(undefined);
      if (args.values['json'] === true) json(terminal, withTexts(conversation, texts));
      else terminal.stdout.write(conversationText(conversation, texts, args.values['full'] === true));
      if (conversation.next !== undefined)
        terminal.stderr.write(`It goes on: postern archive conversation ${id} --after ${conversation.next}\n`);
      tellLag(conversation.lag, terminal);
      return exit.done;
    }),
};

/** All messages whose words are shown. */
function shownOf({ items }: Conversation): readonly Recorded[] {
  return items.flatMap(({ message, changes }) => [...(message === undefined ? [] : [message]), ...changes.map((change) => change.message)]);
}

async function textsOf(
  archive: ArchiveReader,
  conversation: Conversation,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<Texts> {
  const shown = shownOf(conversation);
  const texts = new Map<string, string | undefined>();
  for (const { sha256 } of shown) {
    signal.throwIfAborted();
    onProgress(texts.size, shown.length);
    if (!texts.has(sha256)) texts.set(sha256, await textOf(archive, sha256));
  }
  return texts;
}

/** A damaged body does not keep the rest of the conversation from being read. */
async function textOf(archive: ArchiveReader, sha256: string): Promise<string | undefined> {
  try {
    return await archive.text(sha256);
  } catch (error) {
    if (!isFault(error, 'archive.body-changed', 'archive.body-missing', 'archive.damaged')) throw error;
    return undefined;
  }
}

/** The same with the text at each message: a record holds only the first words. */
function withTexts(conversation: Conversation, texts: Texts): unknown {
  const withText = (message: Recorded): unknown => ({ ...message, text: texts.get(message.sha256) ?? null });
  const items = conversation.items.map((item) => ({
    ...item,
    message: item.message === undefined ? undefined : withText(item.message),
    changes: item.changes.map((change) => ({ ...change, message: withText(change.message) })),
  }));
  return { ...conversation, items };
}
