/**
 * What a command of the `postern` binary is: its words, its options as data (from which parsing and help both come), and its act.
 *
 * A command file is dull: read the arguments, wire, act, print, return an exit code. Nothing in it that a test would want without a terminal.
 */

/** An option, as `node:util` parseArgs understands it, with the words for the help. */
export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** The word that stands for the value in the help, e.g. `FILE`. Only with type `string`. */
  readonly value?: string;
  readonly help: string;
}

export interface Arguments {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
}

/** Everything of the outer world that a command may touch. A test hands in its own. */
export interface Terminal {
  /** The result. Nothing else goes there. */
  readonly stdout: { write(text: string | Uint8Array): boolean };
  /** Resolves when stdout can take more, after a `write` that answered false. */
  drained(): Promise<void>;
  /** The talk: progress, warnings, faults. */
  readonly stderr: { write(text: string): boolean };
  /** Whether stderr is a terminal: only then a progress line and colour. */
  readonly interactive: boolean;
  /** Of that terminal, as wide as it is now; undefined where it does not tell. */
  readonly columns?: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first Ctrl-C or SIGTERM: finish what is in hand, keep everything, end. */
  readonly signal: AbortSignal;
  /**
   * Does something of which a bug, also one that comes to light later, is told and does not end the program: what stands beside the work
   * that counts. Absent: nothing is spared.
   */
  readonly spare?: <T>(act: () => T) => T;
}

/** Exit codes, the same for every command (product.md). */
export const exit = {
  done: 0,
  fault: 1,
  usage: 2,
  foundFaults: 3,
  planHasSteps: 4,
  stoppedHalfWay: 5,
  bug: 70,
  tryLater: 75,
  /** Ended by a signal before the result was there. 128 + SIGINT, as shells count. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof exit)[keyof typeof exit];

export interface Command {
  /** The words that choose it, e.g. `import run`. */
  readonly name: string;
  /** One sentence for the list of commands. */
  readonly summary: string;
  /** What stands after the name, e.g. `[SOURCE…] [--once]`. */
  readonly usage: string;
  /** Some lines for its own help: what it does, what to mind, an example. */
  readonly details?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** @throws Fault for what the catalogue knows; anything else is a bug of ours and ends with exit code 70. */
  run(args: Arguments, terminal: Terminal): Promise<ExitCode>;
}
