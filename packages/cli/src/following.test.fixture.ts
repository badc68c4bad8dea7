// A command that follows a log, running beside the test.

import { type Outcome, type RunOptions, until } from "./failing-app.test.fixture.ts";

export interface Following {
  readonly lines: () => readonly string[];
  /** Waits for a line with this text. */
  readonly awaitLine: (text: string) => Promise<string>;
  /** The same for standard error. */
  readonly awaitRemark: (text: string) => Promise<true>;
  readonly ended: Promise<Outcome>;
  readonly stop: () => Promise<Outcome>;
}

/** Follows until it is stopped, or ends by itself. */
export function startFollowing(
  run: (args: readonly string[], options: RunOptions) => Promise<Outcome>,
  args: readonly string[],
): Following {
  let out = "";
  let err = "";
  let stopListener = (_name: string): void => {};
  const ended = run(args, {
    onOutput: (part) => {
      out += part;
    },
    onRemark: (part) => {
      err += part;
    },
    onListen: (stop) => {
      stopListener = stop;
    },
  });
  const lines = () => out.split("\n").slice(0, -1);
  return {
    lines,
    awaitLine: (text) => until(text, () => lines().find((line) => line.includes(text)) ?? null),
    awaitRemark: (text) => until(text, () => (err.includes(text) ? true : null)),
    ended,
    stop: () => {
      stopListener("SIGINT");
      return ended;
    },
  };
}
