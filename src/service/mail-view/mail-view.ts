/**
 * The safe view of a message: a document for a locked frame, and a report of what is not in it.
 *
 * The hard thing is that both are asked for beside each other, and that making them is dear: the last few are kept, within a bound of room, and
 * they are made one after the other, so that a hundred who ask for large ones cost the memory of one. Whatever cannot be made safe in time is not shown; then its plain text is.
 */
import type { ArchiveReader, MessageHtml, StoredMessage } from '../../archive/archive.ts';
import type { HtmlReport } from '../api/message.ts';
import { Cleaning } from './cleaning.ts';
import { documentOf, preformatted } from './document.ts';
import { pictureAddress } from './picture.ts';

export interface Shown {
  /** A complete document. */
  readonly html: string;
  readonly report: HtmlReport;
  /** The machine had no time for it: tried anew when it is asked for again. */
  readonly isGivenUp: boolean;
}

const keptChars = 24 * 1024 * 1024;
const textChars = 200_000;

const noteCut = 'This message is longer or deeper than what is shown here: it ends before it does. Its source can be saved as a file.';
const noteText = 'The HTML of this message could not be made safe in time. This is its text.';

interface Wanted {
  readonly shown: Promise<Shown>;
  /** Who waits for it. */
  askers: number;
}

export class MailView {
  readonly #archive: ArchiveReader;
  readonly #cleaning: Cleaning;
  readonly #kept = new Map<string, Wanted>();
  #keptChars = 0;
  readonly #ending: AbortSignal;
  /** One after the other, from the reading on: whoever waits holds nothing of a message. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ archive, signal }: { readonly archive: ArchiveReader; readonly signal: AbortSignal }, cleaning: Cleaning = new Cleaning()) {
    this.#cleaning = cleaning;
    this.#archive = archive;
    this.#ending = signal;
    signal.addEventListener('abort', () => void this.#cleaning.close(), { once: true });
  }

  /** @throws Fault archive.body-changed, archive.body-missing; the signal's reason */
  async shown(message: StoredMessage, signal: AbortSignal): Promise<Shown> {
    signal.throwIfAborted();
    // Made once for both who ask, so it does not end with one of them.
    const wanted = this.#kept.get(message.sha256) ?? this.#begin(message);
    const gone = Promise.withResolvers<never>();
    const leave = (): void => gone.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    wanted.askers += 1;
    try {
      return await Promise.race([wanted.shown, gone.promise]);
    } finally {
      wanted.askers -= 1;
      signal.removeEventListener('abort', leave);
    }
  }

  #begin(message: StoredMessage): Wanted {
    const { sha256 } = message;
    // Who asks after that begins anew.
    const forget = (): void => {
      if (this.#kept.get(sha256) === wanted) this.#kept.delete(sha256);
    };
    const turn = this.#last.then(async () => {
      // All who wanted it have gone meanwhile: it holds up nobody.
      if (wanted.askers === 0) {
        forget();
        throw new Error('nobody waits for it');
      }
      return await this.#made(message);
    });
    const wanted: Wanted = { shown: turn, askers: 0 };
    this.#kept.set(sha256, wanted);
    this.#last = turn.then(({ html, isGivenUp }) => {
      if (isGivenUp) return forget();
      this.#keptChars += html.length;
      this.#forgetOldest(sha256);
    }, forget);
    return wanted;
  }

  #forgetOldest(newest: string): void {
    for (const [sha256, { shown }] of this.#kept) {
      if (this.#keptChars <= keptChars || sha256 === newest) return;
      this.#kept.delete(sha256);
      // It is one that was made: those on their way stand behind it.
      void shown.then(({ html }) => {
        this.#keptChars -= html.length;
      });
    }
  }

  async #made(message: StoredMessage): Promise<Shown> {
    const found = await this.#archive.html(message.sha256);
    const title = message.record?.subject ?? '';
    if (found.html === '') return await this.#asText(message, title, false);
    const clean = await this.#cleaning.clean(found.html, picturesOf(found), this.#ending);
    if (clean === undefined) return await this.#asText(message, title, true);
    const { html, lang, remote, pictures, links, removed } = clean;
    const cut = clean.cut || found.cut;
    const report = { remote, pictures, links: links.map((link) => ({ ...link })), removed: removed.map((one) => ({ ...one })), cut };
    return { html: documentOf({ title, lang, body: html, note: cut ? noteCut : undefined }), report, isGivenUp: false };
  }

  /** Of a message without HTML, or one whose HTML is not shown. */
  async #asText({ sha256 }: StoredMessage, title: string, isGivenUp: boolean): Promise<Shown> {
    const text = await this.#archive.text(sha256);
    const cut = isGivenUp || text.length > textChars;
    const note = isGivenUp ? noteText : cut ? noteCut : undefined;
    const body = preformatted(text.slice(0, textChars));
    const report = { remote: 0, pictures: 0, links: [], removed: [], cut };
    return { html: documentOf({ title, lang: undefined, body, note }), report, isGivenUp };
  }
}

function picturesOf({ pictures }: MessageHtml): readonly (readonly [string, string])[] {
  return pictures.flatMap(({ contentId, bytes }) => {
    const address = pictureAddress(bytes);
    return address === undefined ? [] : [[contentId, address] as const];
  });
}
