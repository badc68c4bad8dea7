import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Mutant } from "./mutants.ts";

export type ToServer =
  | { readonly type: "open"; readonly dataDir: string; readonly port: number }
  | { readonly type: "stop" };

export interface Listening {
  readonly url: string;
  readonly port: number;
  readonly token: string;
}

export type FromServer = { readonly type: "listening" } & Listening;

const OPEN_MS_MAX = 30_000;
const STOP_MS_MAX = 40_000;

/** One life of the server, from outside. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  /** Starts the process and lets it load; it opens nothing before `open`. */
  constructor(mutant: Mutant | null) {
    this.#child = fork(
      new URL("./main.js", import.meta.url),
      ["--serve", ...(mutant === null ? [] : [mutant])],
      { stdio: ["ignore", "inherit", "inherit", "ipc"] },
    );
    this.#exit = once(this.#child, "exit");
  }

  /** Opens the store and listens. Resolves to null when the process was killed meanwhile. */
  async open(dataDir: string, port: number): Promise<Listening | null> {
    const listening = once(this.#child, "message").then(([message]) => message as Listening); // Its only message.
    this.#child.send({ type: "open", dataDir, port } satisfies ToServer);
    const isOver = this.#exit.then(() => null);
    return inTime(Promise.race([listening, isOver]), OPEN_MS_MAX, "a server does not open");
  }

  /** The end without warning: nothing of the process runs any more when it resolves. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** The orderly end. */
  async stop(): Promise<void> {
    this.#child.send({ type: "stop" } satisfies ToServer);
    await inTime(this.#exit, STOP_MS_MAX, "a server does not stop");
  }
}

async function inTime<R>(promise: Promise<R>, ms: number, fault: string): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const timeOut = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${fault} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, timeOut]);
  } finally {
    clearTimeout(timer);
  }
}
