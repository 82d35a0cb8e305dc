/**
 * What a mail program shows of a message beside its text, as the archive's port hands it out: its HTML, and its attachments.
 *
 * The hard thing is that all of it is as the message has it: nobody may show this HTML, or open such an attachment, without making it safe.
 */

/** The HTML of a message. */
export interface MessageHtml {
  /** Decoded; empty for a message without any. */
  readonly html: string;
  /** It was longer than what is read of a message, or not all of it could be read. */
  readonly cut: boolean;
  /** Pictures of the message that the HTML shows by their Content-ID (RFC 2392), within a bound of number and size. */
  readonly pictures: readonly MessagePicture[];
}

export interface MessagePicture {
  /** Without its angle brackets. */
  readonly contentId: string;
  /** As they stand in the message: whether they are a picture at all has to be seen. */
  readonly bytes: Uint8Array;
}

/** An attachment on its way out. */
export interface AttachmentContent {
  readonly name: string;
  /** As it is declared. */
  readonly type: string;
  /** Undefined where it is not known before it has been read. */
  readonly bytes: number | undefined;
  /** Decoded while the message is read. @throws Fault archive.body-changed, archive.body-missing */
  readonly content: AsyncIterable<Uint8Array>;
}
