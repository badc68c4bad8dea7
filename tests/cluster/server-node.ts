import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The command line tool as it is built: what operators start. This file is built a folder deeper than it lies. */
const CLI = fileURLToPath(
  new URL(
    `${import.meta.url.endsWith(".ts") ? "../.." : "../../.."}/packages/cli/dist/main.js`,
    import.meta.url,
  ),
);
/** Only what never listens takes so long: a machine with other work takes many times as long as one without. */
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 40_000;
const OUTPUT_CHARS_MAX = 20_000;
const LISTENING = /is running at (http:\/\/\S+)/;

/** One server process, from outside. */
export class ServerNode {
  readonly number: number;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | null = null;
  #exit: Promise<number | null> = Promise.resolve(null);
  #url: string | null = null;
  #output = "";

  constructor(number: number, env: NodeJS.ProcessEnv) {
    this.number = number;
    this.#env = env;
  }

  /** Null while it does not run. */
  get url(): string | null {
    return this.#url;
  }

  /** The newest part of what its processes have written to standard error. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when it listens; to false when it has ended instead, or does not listen in time. */
  async start(startMsMax = START_MS_MAX): Promise<boolean> {
    const child = spawn(process.execPath, [CLI, "start"], {
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#exit = once(child, "exit").then(([code]) => {
      this.#url = null;
      return code as number | null; // The first argument of the event.
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#output = (this.#output + text).slice(-OUTPUT_CHARS_MAX);
    });
    let printed = "";
    const listening = new Promise<string | null>((resolve) => {
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
        const url = LISTENING.exec(printed)?.[1];
        if (url !== undefined) resolve(url);
      });
    });
    const isOver = this.#exit.then(() => null);
    const url = await Promise.race([listening, isOver, pause(startMsMax).then(() => null)]);
    this.#url = url;
    return url !== null;
  }

  /** SIGKILL: nothing of the process runs any more when it resolves. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exit;
  }

  /** SIGSTOP: it stands still, its connections stay. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** SIGTERM. Gives the exit code, or null when it does not end by itself in time. */
  async stop(): Promise<number | null> {
    this.#child?.kill("SIGTERM");
    const code = await Promise.race([this.#exit, pause(STOP_MS_MAX).then(() => "late" as const)]);
    if (code !== "late") return code;
    await this.kill();
    return null;
  }

  /** The exit code, once the process has ended. */
  exited(): Promise<number | null> {
    return this.#exit;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
