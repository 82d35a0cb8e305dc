/** What a cmdlet takes, gives, and refuses with. */

export interface CmdletResult {
  readonly rows: readonly Record<string, unknown>[];
  readonly warnings?: readonly string[];
}

export type Parameters = Readonly<Record<string, unknown>>;

/** What a cmdlet refuses with: id, .NET type and text. */
export class CmdletError extends Error {
  readonly id: string;
  readonly type: string;
  constructor(id: string, type: string, text: string) {
    super(text);
    this.id = id;
    this.type = type;
  }
}
