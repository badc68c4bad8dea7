import { escapeJson, plain } from "./text.ts";

/** What a command sees of the world around it; the process provides it, and so can a test. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Standard output: results only, so that it can be piped. */
  readonly write: (text: string) => void;
  /** Standard error: progress, questions and faults. */
  readonly writeError: (text: string) => void;
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  /** Asks a question; an empty answer when there is none. */
  readonly ask: (question: string) => Promise<string>;
  /** Everything that standard input has. */
  readonly readInput: () => Promise<Uint8Array<ArrayBuffer>>;
  /** Calls `listener` for each signal that asks the process to stop; returns how to stop listening. */
  readonly onStopSignal: (listener: (name: string) => void) => () => void;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}

export function printLine(terminal: Terminal, text = ""): void {
  terminal.write(`${plain(text)}\n`);
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.write(`${escapeJson(JSON.stringify(value, null, 2))}\n`);
}

/** One of many values, each on a line of its own. */
export function printJsonLine(terminal: Terminal, value: unknown): void {
  terminal.write(`${escapeJson(JSON.stringify(value))}\n`);
}

/** A remark beside the result. */
export function note(terminal: Terminal, text: string): void {
  terminal.writeError(`${plain(text)}\n`);
}
