import { type ChildProcess, fork } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Listening } from "../server-process.ts";
import { type FromChild, POINT_FILE, type ToChild } from "./point-child.ts";
import type { PointMutant } from "./point-mutants.ts";
import type { Target } from "./point-store.ts";

const ANSWER_MS_MAX = 30_000;

/** One life of a server that dies at a point, from outside. */
export class PointProcess {
  readonly #child: ChildProcess;
  /** Resolves when nothing of the process runs any more. */
  readonly exit: Promise<unknown>;

  /** Starts the process and lets it load; it opens nothing before `open`. */
  constructor(mutant: PointMutant | null) {
    this.#child = fork(
      new URL("../main.js", import.meta.url),
      ["--serve-points", ...(mutant === null ? [] : [mutant])],
      { stdio: ["ignore", "inherit", "inherit", "ipc"] },
    );
    this.exit = new Promise((resolve) => this.#child.once("exit", resolve));
    // An order to a process that is dead: whoever gave it hears of the end.
    this.#child.on("error", () => {});
  }

  open(dataDir: string, port: number): Promise<Listening> {
    return this.#ask({ type: "open", dataDir, port }, "listening");
  }

  async arm(at: Target | null): Promise<void> {
    await this.#ask({ type: "arm", at }, "armed");
  }

  /** The points since it was armed. */
  async points(): Promise<readonly string[]> {
    return (await this.#ask({ type: "report" }, "points")).names;
  }

  async stop(): Promise<void> {
    this.#child.send({ type: "stop" } satisfies ToChild);
    await this.exit;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exit;
  }

  async #ask<T extends FromChild["type"]>(
    order: ToChild,
    type: T,
  ): Promise<FromChild & { readonly type: T }> {
    const { promise, resolve, reject } = Promise.withResolvers<FromChild & { readonly type: T }>();
    const take = (message: unknown) => {
      const answer = message as FromChild; // The child is this very program.
      // Its type is what was just compared.
      if (answer.type === type) resolve(answer as FromChild & { readonly type: T });
    };
    const timer = setTimeout(
      () => reject(new Error(`the server says no ${type} within ${ANSWER_MS_MAX} ms`)),
      ANSWER_MS_MAX,
    );
    void this.exit.then(() => reject(new Error(`the server ended before ${type}`)));
    this.#child.on("message", take);
    this.#child.send(order);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#child.off("message", take);
    }
  }
}

/** Where the process died that has just ended, or null when it did so by itself. */
export function takePoint(dataDir: string): string | null {
  const path = join(dataDir, POINT_FILE);
  if (!existsSync(path)) return null;
  const point = readFileSync(path, "utf8");
  rmSync(path);
  return point;
}
