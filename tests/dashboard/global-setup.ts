import { existsSync } from "node:fs";
import { findChromium, installChromium } from "./chromium.ts";

/** Puts the browser there, or says that it cannot; then every test of this folder is skipped. */
export function setup(): void {
  const page = new URL("../../packages/server/dashboard/index.html", import.meta.url);
  if (!existsSync(page)) throw new Error("the dashboard is not built; run `npm run setup`");
  if (findChromium() !== null) return;
  console.log("no Chromium was found; installing Debian's ...");
  const fault = installChromium();
  if (fault !== null) console.warn(`\nTHE DASHBOARD IS NOT TESTED: ${fault}\n`);
}
