// Programs of other platforms: the SDK is installed for them as it is published, and the app is bundled without it.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import type { AppEnvironment } from "../sdk/adapters/routes.ts";
import type { Listening } from "../sdk/adapters/world.ts";

/** Where the platforms are installed; `main.ts` says so. */
export function platformsHome(): string {
  const home = process.env.REPRISE_PLATFORMS;
  if (home === undefined) throw new Error("start these tests by `npm run platforms`");
  return home;
}

/** Bundles a program; with `isWhole` the SDK is in it, else the platform has to find and load it itself. */
export async function bundleProgram(name: string, isWhole = false): Promise<string> {
  const home = platformsHome();
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
  const file = join(home, `${name}.mjs`);
  // Workers are the default export of their script.
  await bundler.write({ file, format: "esm", footer: isWhole ? "export default worker;" : "" });
  await bundler.close();
  return file;
}

const readyPattern = /running at (http:\S+) /;
const readyMsMax = 60_000;

/** Runs a program until it is closed. */
export async function startProgram(
  command: string,
  args: readonly string[],
  env: AppEnvironment,
): Promise<Listening> {
  const child = spawn(command, args, {
    cwd: platformsHome(),
    env: { ...process.env, APP_ENVIRONMENT: JSON.stringify(env) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = await addressOf(child);
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  return { url, close };
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
