import { runCommandLine, type Terminal } from "@reprise/cli";

export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command of `reprise` with this environment alone; nobody is there to answer questions. */
export async function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    env,
    now: () => Date.now(),
    write: (part) => {
      out += part;
    },
    writeError: (part) => {
      err += part;
    },
    isInteractive: false,
    ask: async (question) => {
      throw new Error(`nobody can answer: ${question}`);
    },
    readInput: async () => new Uint8Array(),
    onStopSignal: () => () => {},
    exit: (code) => {
      throw new Error(`the command ended the process with ${code}`);
    },
  };
  const exitCode = await runCommandLine(args, terminal);
  return { exitCode, out, err };
}
