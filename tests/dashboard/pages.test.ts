// Every page in both themes and on a phone: it opens without an error, and axe has nothing serious to say.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openPage,
  openWorld,
  settled,
} from "./browser-world.ts";
import { fillShop, type ShopRuns } from "./fill-shop.ts";
import { placesOf } from "./places.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const nowhere: ShopRuns = {
  succeeded: "",
  failed: "",
  tunnelled: "",
  waiting: "",
  sleeping: "",
  parent: "",
  message: "",
};
const names = Object.keys(placesOf(nowhere));

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

describe.skipIf(!hasBrowser())("pages", () => {
  let world: BrowserWorld;
  let places: Readonly<Record<string, string>>;

  beforeAll(async () => {
    world = await openWorld();
    places = placesOf(await fillShop(world.shop));
  });

  afterAll(() => world?.close());

  describe.each([
    ["light", { width: 1_400, height: 900 }],
    ["dark", { width: 1_400, height: 900 }],
    ["dark", { width: 390, height: 844 }],
  ] as const)("%s %o", (colorScheme, viewport) => {
    test.each(names)("%s", async (name) => {
      // The policy of the page would refuse the checker's own script.
      const watched = await openPage(world, { colorScheme, viewport });
      const { page, visit } = watched;
      await visit(places[name] ?? "");
      await settled(page);
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect(overflow, "pixels that stand over").toBeLessThanOrEqual(0);
      expect(await page.getByText("There is no such page").count()).toBe(0);
      noFaults(watched);
      // Playwright's own scripts are not under the page's policy.
      await page.evaluate(axe);
      const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
        readonly violations: readonly Finding[];
      }; // The result of axe.
      const serious = found.violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
      expect(serious.join("\n")).toBe("");
    });
  });
});
