// Programs of other platforms: the SDK is installed for them as it is published, and the app is bundled without it.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { until } from "../conformance/until.ts";
import type { AppEnvironment } from "../sdk/adapters/routes.ts";
import type { Listening } from "../sdk/adapters/world.ts";

/** Where platforms are installed; `main.ts` says so. */
export function platformsHome(name: "runtimes" | "frameworks"): string {
  const cache = process.env.REPRISE_PLATFORMS;
  if (cache === undefined) throw new Error("start these tests by `npm run platforms`");
  return join(cache, name);
}

interface Bundle {
  /** The SDK is in it; else the platform has to find and load it itself. */
  readonly isWhole?: boolean;
  /** The file; one of its own in the home of the platforms when not given. */
  readonly target?: string;
}

/** Bundles a program, and gives the file. */
export async function bundleProgram(
  name: string,
  { isWhole = false, target }: Bundle = {},
): Promise<string> {
  const home = platformsHome("runtimes");
  const input = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url));
  const isSdk = (id: string): boolean => id.startsWith("@reprise/sdk");
  const bundler = await rolldown({
    input,
    platform: isWhole ? "browser" : "node",
    external: (id) => id.startsWith("node:") || (!isWhole && isSdk(id)),
    plugins: [
      {
        name: "published-sdk",
        // Not the sources of the repository, beside which the program lies.
        resolveId(id) {
          return isSdk(id) && isWhole ? this.resolve(id, join(home, "app.js")) : null;
        },
      },
    ],
  });
  const file = target ?? join(home, `${name}.mjs`);
  // Workers are the default export of their script.
  await bundler.write({ file, format: "esm", footer: isWhole ? "export default worker;" : "" });
  await bundler.close();
  return file;
}

const readyPattern = /running at (http:\S+) /;
const readyMsMax = 60_000;
const saidCharsMax = 16_384;

interface Start {
  readonly command: string;
  readonly args: readonly string[];
  /** For the app. */
  readonly env: AppEnvironment;
  /** For the framework around it. */
  readonly told?: Readonly<Record<string, string>>;
  /** Where it will answer; else it says so itself. */
  readonly url?: string;
}

/** Runs a program until it is closed. */
export async function startProgram(start: Start): Promise<Listening> {
  const { command, args, env, told = {} } = start;
  const child = spawn(command, args, {
    cwd: platformsHome("runtimes"),
    env: { ...process.env, ...told, APP_ENVIRONMENT: JSON.stringify(env) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = start.url ?? (await addressOf(child));
  if (start.url !== undefined) {
    const answer = until(`an answer of ${url}`, () => fetch(url), readyMsMax);
    await Promise.race([answer, untimelyEnd(child)]);
  }
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  return { url, close };
}

/** Rejects when the program ends, with what it has said; that is also read for it not to wait for a reader. */
function untimelyEnd(child: ChildProcess): Promise<never> {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (part: string) => {
      text = (text + part).slice(-saidCharsMax);
    });
  }
  return new Promise((_resolve, reject) => {
    child.once("close", () => reject(new Error(`the program ended before it answered:\n${text}`)));
  });
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const fail = (reason: string): void => {
      child.kill("SIGKILL");
      reject(new Error(`the program ${reason}:\n${text}`));
    };
    const timer = setTimeout(() => fail("is not ready in time"), readyMsMax);
    child.once("error", (error) => fail(`cannot be started (${error.message})`));
    child.once("close", () => fail("ended before it was ready"));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        const url = readyPattern.exec(text)?.[1];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
    }
  });
}
