import { createInterface } from "node:readline/promises";
import { buffer } from "node:stream/consumers";
import type { Terminal } from "./terminal.ts";

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The terminal of this process. */
export function createProcessTerminal(): Terminal {
  process.stdout.on("error", endOnClosedPipe);
  return {
    env: process.env,
    now: () => Date.now(),
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    ask,
    readInput,
    onStopSignal: (listener) => {
      for (const signal of stopSignals) process.on(signal, listener);
      return () => {
        for (const signal of stopSignals) process.off(signal, listener);
      };
    },
    exit: (code) => process.exit(code),
  };
}

/** `reprise dlq list | head` closes the pipe early, which is no fault. */
function endOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}

async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // The end of the input is no answer; `question` alone would wait for ever.
    const ended = new Promise<string>((resolve) => reader.once("close", () => resolve("")));
    return await Promise.race([reader.question(question), ended]);
  } finally {
    reader.close();
  }
}

async function readInput(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await buffer(process.stdin));
}
