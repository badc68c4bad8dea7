// `npm run dashboard:shots` fills a shop and takes a picture of every page, light and dark, wide and narrow.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page, Request } from "playwright-core";
import { findChromium, installChromium, openBrowser } from "./chromium.ts";
import { DayClock } from "./day-clock.ts";
import { placesOf } from "./places.ts";
import { Shop } from "./shop.ts";
import { failShipment, fillDay } from "./shop-day.ts";

const HOUR_MS = 3_600_000;
const QUIET_ROUNDS = 10;
const ROUNDS_MAX = 2_000;
const PLACE = { name: "shop.example.com", port: 3_000 };
const SIZES = { wide: { width: 1_400, height: 900 }, narrow: { width: 390, height: 844 } } as const;

const nothing = async () => {};

/** What a person opens on a page before its picture is taken. */
const OPENED: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  recover: (page) => press(page, "Resume"),
  "recover-group": (page) => press(page, /^Recover \d\d/),
  palette: (page) => page.keyboard.press("Control+k"),
};

async function press(page: Page, name: string | RegExp): Promise<void> {
  await page.getByRole("button", { name }).first().click();
  await page.getByRole("dialog").waitFor();
}

const [directory = "dashboard-shots", only] = process.argv.slice(2);
if (findChromium() === null) {
  const fault = installChromium();
  if (fault !== null) throw new Error(fault);
}
mkdirSync(directory, { recursive: true });
const dataDir = mkdtempSync(join(tmpdir(), "reprise-shots-"));
const { shop, runs } = await aDay(dataDir);
const browser = await openBrowser();
const places = {
  ...placesOf(runs),
  "run-retried": `/runs/${runs.retried}`,
  recover: `/runs/${runs.tunnelled}`,
  "recover-group": "/failures",
  palette: "/runs",
};
try {
  for (const theme of ["light", "dark"] as const) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const context = await browser.newContext({ viewport, colorScheme: theme });
      const page = await context.newPage();
      const painted = watchRequests(page);
      for (const [name, place] of Object.entries(places)) {
        if (only !== undefined && !name.startsWith(only)) continue;
        await page.goto(`${shop.url}/#${place}`);
        await page.locator("h1").first().waitFor();
        await painted();
        await (OPENED[name] ?? nothing)(page);
        await painted();
        const path = join(directory, `${name}-${theme}-${size}.png`);
        await page.screenshot({ path });
        console.log(path);
        await page.keyboard.press("Escape");
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
  await shop.close();
  rmSync(dataDir, { recursive: true, force: true });
}

/** A shop with a day behind it. It opens anew at the end, so that its server's timers know of the present. */
async function aDay(dataDir: string) {
  const clock = new DayClock(24 * HOUR_MS);
  const early = await Shop.open({ dataDir }, PLACE);
  const runs = await fillDay(early, clock);
  await early.close();
  clock.stop();
  const shop = await Shop.open({ dataDir }, PLACE);
  return { shop, runs: { ...runs, retried: await failShipment(shop) } };
}

/** Tells when everything that the page has asked for is on the screen; its stream of changes never ends. */
function watchRequests(page: Page): () => Promise<void> {
  const open = new Set<Request>();
  page.on("request", (request) => {
    if (!request.url().endsWith("/v2/changes")) open.add(request);
  });
  page.on("requestfinished", (request) => open.delete(request));
  page.on("requestfailed", (request) => open.delete(request));
  return async () => {
    // What arrives is drawn, and what is drawn may ask for more.
    let quiet = 0;
    for (let round = 0; quiet < QUIET_ROUNDS; round++) {
      if (round > ROUNDS_MAX) throw new Error(`no answer: ${[...open].map((one) => one.url())}`);
      quiet = open.size === 0 ? quiet + 1 : 0;
      await page.evaluate(
        "new Promise((resolve) => requestAnimationFrame(() => requestIdleCallback(resolve)))",
      );
    }
  };
}
