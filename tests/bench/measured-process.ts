import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { AppQuestion } from "./app-child.ts";
import type { Sample } from "./load.ts";

/** What a measured process says of itself. */
export type Report =
  | { readonly type: "listening"; readonly url: string; readonly token: string }
  | ({ readonly type: "usage" } & Usage)
  | ({ readonly type: "sample" } & Sample)
  | { readonly type: "runs"; readonly ms: number; readonly bytes: number }
  | { readonly type: "done" };

export interface Usage {
  /** User and system, since its start. */
  readonly cpuUs: number;
  /** Time in which its main thread was at work, since its start. */
  readonly activeMs: number;
  readonly rssBytes: number;
  /** The most that it has held since its start. */
  readonly rssBytesMax: number;
}

/** What it is asked; everything else is spoken over HTTP. */
export type Question = "usage" | "stop" | AppQuestion;

const ANSWER_MS_MAX = 600_000;

/** A server in a process of its own, with a channel beside the one that is measured. */
export class MeasuredProcess {
  readonly #child: ChildProcess;
  readonly url: string;
  readonly token: string;

  private constructor(child: ChildProcess, { url, token }: Report & { type: "listening" }) {
    this.#child = child;
    this.url = url;
    this.token = token;
  }

  /** Starts this program again as `role` and waits until it listens. */
  static async start(
    role: readonly string[],
    execArgv: readonly string[] = [],
  ): Promise<MeasuredProcess> {
    const child = fork(new URL("./main.js", import.meta.url), [...role], {
      execArgv: [...execArgv],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // Samples are typed arrays.
      serialization: "advanced",
    });
    return new MeasuredProcess(child, await reportOf(child, "listening"));
  }

  usage(): Promise<Usage> {
    return this.ask("usage", "usage");
  }

  /** One question at a time. */
  ask<T extends Report["type"]>(
    question: Question,
    type: T,
  ): Promise<Report & { readonly type: T }> {
    const report = reportOf(this.#child, type);
    this.#child.send(question);
    return report;
  }

  /** Stops it, if it is still there. */
  async stop(): Promise<void> {
    if (!this.#child.connected) return;
    const exit = once(this.#child, "exit");
    this.#child.send("stop" satisfies Question);
    await exit;
  }
}

/** Waits for the next report of one type; the end of the process or silence is an error. */
function reportOf<T extends Report["type"]>(
  child: ChildProcess,
  type: T,
): Promise<Report & { readonly type: T }> {
  return new Promise((resolve, reject) => {
    const end = (error: Error | null) => {
      clearTimeout(timer);
      child.off("message", onMessage);
      child.off("exit", onExit);
      if (error !== null) reject(error);
    };
    const onMessage = (message: unknown) => {
      const report = message as Report; // The child is this very program.
      if (report.type !== type) return;
      end(null);
      resolve(report as Report & { readonly type: T }); // Compared just now.
    };
    const onExit = (code: number | null) =>
      end(new Error(`a measured process ended with exit code ${code}`));
    const timer = setTimeout(
      () => end(new Error("a measured process does not answer")),
      ANSWER_MS_MAX,
    );
    child.on("message", onMessage);
    child.on("exit", onExit);
  });
}

/** What a measured process does when it is asked. */
export interface Answering {
  readonly close: () => Promise<void>;
  /** Only apps are asked for more than their usage. */
  readonly answer?: (question: AppQuestion) => Promise<Report>;
}

/** The other end: reports that the server listens and answers until it is told to stop or left alone. */
export function answerParent(
  listening: { readonly url: string; readonly token: string },
  { close, answer }: Answering,
): void {
  const send = (report: Report) => process.send?.(report);
  const stop = async () => {
    await close();
    process.exit();
  };
  process.on("disconnect", () => process.exit(1));
  process.on("message", (message) => {
    const question = message as Question; // The parent is this very program.
    if (question === "usage") send({ type: "usage", ...ownUsage() });
    else if (question === "stop") void stop();
    // A fault ends the process, which the parent sees.
    else void answer?.(question).then(send);
  });
  send({ type: "listening", ...listening });
}

function ownUsage(): Usage {
  const { user, system } = process.cpuUsage();
  return {
    cpuUs: user + system,
    activeMs: performance.eventLoopUtilization().active,
    rssBytes: process.memoryUsage.rss(),
    rssBytesMax: process.resourceUsage().maxRSS * 1024,
  };
}
