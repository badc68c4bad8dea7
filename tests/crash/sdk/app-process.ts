import { type ChildProcess, fork } from "node:child_process";
import type { FromApp, ToApp } from "./app-child.ts";

const ANSWER_MS_MAX = 30_000;

/** One life of the app, from outside. */
export class AppProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  /** Starts the process and lets it load. */
  constructor(onReturned: (runId: string) => void) {
    this.#child = fork(new URL("../main.js", import.meta.url), ["--sdk-app"], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#exit = new Promise((resolve) => this.#child.once("exit", resolve));
    // An order to a process that is dead: whoever gave it hears of the end.
    this.#child.on("error", () => {});
    this.#child.on("message", (message) => {
      const told = message as FromApp; // The child is this very program.
      if (told.type === "returned") onReturned(told.runId);
    });
  }

  /** Resolves to its port. */
  async open(order: Omit<ToApp & { readonly type: "open" }, "type">): Promise<number> {
    return (await this.#ask({ type: "open", ...order }, "listening")).port;
  }

  /** Steps that have begun so far. */
  async begun(): Promise<number> {
    return (await this.#ask({ type: "count" }, "count")).begun;
  }

  /** Nothing of the process runs any more when it resolves. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  async #ask<T extends FromApp["type"]>(
    order: ToApp,
    type: T,
  ): Promise<FromApp & { readonly type: T }> {
    const { promise, resolve, reject } = Promise.withResolvers<FromApp & { readonly type: T }>();
    const take = (message: unknown) => {
      const answer = message as FromApp; // As above.
      // Its type is what was just compared.
      if (answer.type === type) resolve(answer as FromApp & { readonly type: T });
    };
    const timer = setTimeout(
      () => reject(new Error(`the app says no ${type} within ${ANSWER_MS_MAX} ms`)),
      ANSWER_MS_MAX,
    );
    void this.#exit.then(() => reject(new Error(`the app ended before ${type}`)));
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
