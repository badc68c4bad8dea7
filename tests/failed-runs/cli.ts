import { runCommandLine, type Terminal } from "@reprise/cli";
import type { World } from "../conformance/world.ts";

export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command of `reprise` against the server of `world`; nobody is there to answer questions. */
export async function runCli(world: World, args: readonly string[]): Promise<Outcome> {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    env: { QSTASH_URL: world.server.url, QSTASH_TOKEN: world.token },
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

/** What a command prints with `--json`; it must have done its work. */
export async function readCli(world: World, args: readonly string[]): Promise<unknown> {
  const { exitCode, out, err } = await runCli(world, [...args, "--json"]);
  if (exitCode !== 0) throw new Error(`reprise ${args.join(" ")} ended with ${exitCode}: ${err}`);
  return JSON.parse(out);
}
