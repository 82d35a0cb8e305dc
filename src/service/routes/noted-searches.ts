/**
 * Which searches have their line in the access log already: one stands for all pages, counts and news of a search.
 *
 * The hard thing is that each of these can be asked for by itself: a page by the place of another search, a count that says whether a word
 * stands anywhere. So what is not covered by a line of this very asker is noted, whatever it was that was asked for.
 */
import type { Who } from '../http/route.ts';

/** Of all askers, the last of them; one that is forgotten is noted again. */
const rememberedMost = 5_000;

interface Line {
  /** `page`: its first page was asked for; `beside`: so far only something else of it. */
  readonly of: 'page' | 'beside';
  /** Resolves when the line is durable. */
  readonly written: Promise<void>;
}

export class NotedSearches {
  readonly #lines = new Map<string, Line>();

  /**
   * Resolves when a line stands for what is asked for. A first page has one each time, but one for what was asked for just before it stands
   * for it too; anything else has one where this asker has none.
   * @throws what `write` throws; then nothing is noted, for whoever waited for the same line too
   */
  async note({ id }: Who, q: string, of: Line['of'], write: () => Promise<void>): Promise<void> {
    const key = `${id} ${q}`;
    const before = this.#lines.get(key);
    const isCovered = before !== undefined && (of === 'beside' || before.of === 'beside');
    const line: Line = isCovered ? { of: of === 'page' ? 'page' : before.of, written: before.written } : { of, written: write() };
    this.#lines.delete(key);
    this.#lines.set(key, line);
    const [oldest] = this.#lines.keys();
    if (this.#lines.size > rememberedMost && oldest !== undefined) this.#lines.delete(oldest);
    try {
      await line.written;
    } catch (error) {
      if (this.#lines.get(key) === line) this.#lines.delete(key);
      throw error;
    }
  }
}
