/**
 * The port to Exchange's administration: a cmdlet with its parameters goes in, rows come out. Behind it stand the interface that the
 * PowerShell module itself uses (invoke-command.ts) and PowerShell on this machine (pwsh.ts).
 *
 * The hard thing is that nothing but cmdlets is promised: names and parameters are documented, the way to them is not. So no code above
 * knows which of the two it speaks to.
 */

/** A row as the cmdlet writes it. */
export type CmdletRow = Readonly<Record<string, unknown>>;

export interface CmdletResult {
  readonly rows: readonly CmdletRow[];
  /** Texts such as that a permission is there already. */
  readonly warnings: readonly string[];
}

/** What a parameter may be. A switch is `true`. Nothing here is ever put into a command line. */
export type CmdletParameters = Readonly<Record<string, string | boolean | null | readonly string[]>>;

/** A cmdlet that was answered, for the audit. */
export interface CmdletTrace {
  readonly cmdlet: string;
  readonly parameters: CmdletParameters;
  /** HTTP status; 0 for PowerShell. */
  readonly status: number;
  readonly requestId: string;
}

export interface ExchangeAdmin {
  /** How it is reached, for people: `InvokeCommand` or `PowerShell`. */
  readonly way: string;
  /**
   * @throws Fault exchange.*, signin.*, network.*; exchange.outcome-unknown only of cmdlets that change something
   */
  run(cmdlet: string, parameters: CmdletParameters): Promise<CmdletResult>;
  /** Cmdlets that the person who signed in may run. @throws Fault as `run` */
  allowedCmdlets(): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}
