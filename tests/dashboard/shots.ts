// `npm run dashboard:shots` fills a shop and takes a picture of every page, light and dark, wide and narrow.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium, installChromium, openBrowser } from "./chromium.ts";
import { fillShop } from "./fill-shop.ts";
import { placesOf } from "./places.ts";
import { Shop } from "./shop.ts";

const SIZES = { wide: { width: 1_400, height: 900 }, narrow: { width: 390, height: 844 } } as const;

const [directory = "dashboard-shots", only] = process.argv.slice(2);
if (findChromium() === null) {
  const fault = installChromium();
  if (fault !== null) throw new Error(fault);
}
mkdirSync(directory, { recursive: true });
const dataDir = mkdtempSync(join(tmpdir(), "reprise-shots-"));
const shop = await Shop.open({ dataDir });
const browser = await openBrowser();
try {
  const runs = await fillShop(shop);
  for (const theme of ["light", "dark"] as const) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const context = await browser.newContext({ viewport, colorScheme: theme });
      const page = await context.newPage();
      for (const [name, place] of Object.entries(placesOf(runs))) {
        if (only !== undefined && !name.startsWith(only)) continue;
        await page.goto(`${shop.url}/#${place}`);
        await page.locator("h1").first().waitFor();
        // The stream of changes never ends, so that the network is never idle.
        await page.evaluate("new Promise((resolve) => requestIdleCallback(resolve))");
        const path = join(directory, `${name}-${theme}-${size}.png`);
        await page.screenshot({ path });
        console.log(path);
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
  await shop.close();
  rmSync(dataDir, { recursive: true, force: true });
}
