import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** The browser that the tests drive: the system's own Chromium or Chrome, put there by the tests themselves where they may. */

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];
const INSTALL_MS_MAX = 10 * 60 * 1000;
/** On a machine with other work a browser takes many times as long to start. */
const LAUNCH_MS_MAX = 100_000;

/** Where a browser is; null when there is none. `REPRISE_CHROMIUM` names one that lies elsewhere. */
export function findChromium(): string | null {
  const named = process.env.REPRISE_CHROMIUM;
  if (named !== undefined && named !== "") return named;
  const directories = (process.env.PATH ?? "").split(delimiter);
  const inPath = directories.flatMap((directory) => NAMES.map((name) => join(directory, name)));
  return [...inPath, ...PLACES].find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Debian's package, where there is Debian and the right to install. Gives what went wrong, or null. */
export function installChromium(): string | null {
  if (!existsSync("/usr/bin/apt-get") || process.getuid?.() !== 0) {
    return "no Chromium or Chrome was found; install one, or name it in REPRISE_CHROMIUM";
  }
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium"]]) {
    const { status, stderr, error } = spawnSync("apt-get", ["-qq", ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
      timeout: INSTALL_MS_MAX,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (status === 0) continue;
    const reason = error?.message ?? stderr.trim().split("\n").at(-1);
    return `apt-get ${args[0]} failed, so there is no Chromium: ${reason}`;
  }
  return findChromium() === null ? "Debian's package chromium brought no program" : null;
}

export function openBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error("there is no Chromium");
  // The tests run as root in containers, where Chromium's own sandbox cannot be.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
  return chromium.launch({ executablePath, args, timeout: LAUNCH_MS_MAX });
}
