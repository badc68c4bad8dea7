import type { World } from "../conformance/world.ts";
import { type Outcome, runCli as runWith } from "../operate/cli.ts";

/** Runs a command of `reprise` against the server of `world`; nobody is there to answer questions. */
export function runCli(world: World, args: readonly string[]): Promise<Outcome> {
  return runWith(args, { QSTASH_URL: world.server.url, QSTASH_TOKEN: world.token });
}

/** What a command prints with `--json`; it must have done its work. */
export async function readCli(world: World, args: readonly string[]): Promise<unknown> {
  const { exitCode, out, err } = await runCli(world, [...args, "--json"]);
  if (exitCode !== 0) throw new Error(`reprise ${args.join(" ")} ended with ${exitCode}: ${err}`);
  return JSON.parse(out);
}
