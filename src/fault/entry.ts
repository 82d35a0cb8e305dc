/** The shape of a line of the fault catalogue. The four fields never repeat each other. */
export interface FaultEntry {
  /** One sentence: what is the matter, in the reader's words. */
  readonly says: string;
  /** What we saw that means it. Never a guess that the code did not check; a supposition says so ("most often"). */
  readonly cause: string;
  /** An act: a command, a page, a key to change. */
  readonly fix: string;
  /**
   * Whether trying again can help, obeyed by all retry code:
   * `soon` (a passing fault: back off and repeat), `after-wait` (the peer named or implied a wait), `never` (a person must act first).
   */
  readonly retry: 'soon' | 'after-wait' | 'never';
}
