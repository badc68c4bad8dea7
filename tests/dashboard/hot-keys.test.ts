// Whoever has no mouse: every key does what the help says, and everything is reached and seen by Tab.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openPage,
  openWorld,
  settled,
} from "./browser-world.ts";
import { getsFocus } from "./dialogs.ts";

const ALWAYS = ["Ctrl K", "?"];
const ROWS = ["j  k", "o"];
const CHOOSE = ["x", "Shift x"];
const RECOVER = ["r", "Shift r"];

/** Which keys each page has, in the order of the help. */
const KEYS: readonly (readonly [place: string, title: string, keys: readonly string[]])[] = [
  ["/", "Overview", ALWAYS],
  ["/runs", "Runs", ["/", "Ctrl K", ...ROWS, ...CHOOSE, ...RECOVER, "e", "?"]],
  ["/runs/$failed", "/invoice", ["Ctrl K", "j  k", ...RECOVER, "f", "[  ]", "Esc", "?"]],
  ["/failures", "Failures", ["/", "Ctrl K", ...ROWS, ...RECOVER, "f", "?"]],
  [
    "/failures/entries",
    "Failed entries",
    ["/", "Ctrl K", ...ROWS, ...CHOOSE, ...RECOVER, "f", "e", "?"],
  ],
  ["/messages", "Messages", ["/", "Ctrl K", ...ROWS, ...CHOOSE, "?"]],
  ["/logs", "Logs", ["/", "Ctrl K", ...ROWS, "?"]],
  ["/queues", "Queues", ALWAYS],
  ["/settings", "Settings", ["/", ...ALWAYS]],
];

/** After `g`, and the title of the page that it leads to. */
const PLACES: Readonly<Record<string, string>> = {
  r: "Runs",
  f: "Failures",
  m: "Messages",
  l: "Logs",
  q: "Queues",
  s: "Schedules",
  u: "URL groups",
  c: "Flow control",
  w: "Waiters and events",
  b: "Bulk actions",
  p: "Playground",
  k: "Keys and tokens",
  t: "Settings",
  a: "Audit log",
  o: "Overview",
};

describe.skipIf(!hasBrowser())("keys", () => {
  let world: BrowserWorld;
  let failed: readonly string[];
  let messageId: string;

  beforeAll(async () => {
    world = await openWorld();
    const { shop } = world;
    failed = [];
    // One after the other, so that the list has an order.
    for (const id of [1, 2, 3]) {
      const runId = await shop.trigger("/order/failing", { id });
      await shop.reaches(runId, "RUN_FAILED");
      failed = [runId, ...failed];
    }
    const invoice = await shop.trigger("/invoice", { id: 9 });
    await shop.reaches(invoice, "RUN_FAILED");
    failed = [invoice, ...failed];
    const headers = { "Upstash-Delay": "1h" };
    const sent = await shop.ask("POST", `/v2/publish/${shop.appUrl}/later`, { headers });
    messageId = (sent as { readonly messageId: string }).messageId; // The answer of a publish.
    await shop.ask("POST", `/v2/publish/${shop.appUrl}/broken/x`, {
      headers: { "Upstash-Retries": "0" },
    });
    await until("a dead message", async () => {
      const answer = await shop.ask("GET", "/v2/dlq/count");
      return (answer as { readonly count: number }).count === 1; // A count of this server.
    });
  });

  afterAll(() => world?.close());

  const placeOf = (place: string) => place.replace("$failed", failed[0] ?? "");

  /** The row that keys are about. */
  const activeRow = async (page: Page): Promise<string> => {
    const id = await page.locator("[role=grid]").getAttribute("aria-activedescendant");
    return id === null ? "" : ((await page.locator(`[id="${id}"]`).textContent()) ?? "");
  };

  async function press(page: Page, ...keys: readonly string[]): Promise<void> {
    for (const key of keys) await page.keyboard.press(key);
  }

  async function firstRow(page: Page): Promise<void> {
    await page.getByRole("row").nth(1).waitFor();
    await settled(page);
  }

  test("the help lists exactly those of the page", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    for (const [place, title, keys] of KEYS) {
      await visit(placeOf(place));
      await page.locator("main h1", { hasText: title }).waitFor();
      if (keys.includes("o")) await firstRow(page);
      if (keys.includes("[  ]")) await page.getByRole("button", { name: "Resume" }).waitFor();
      await settled(page);
      await press(page, "?");
      const section = page.getByRole("dialog").locator("section").first();
      await section.waitFor();
      expect(await section.locator("dt").allTextContents(), place).toEqual(keys);
      await press(page, "Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    noFaults(watched);
  });

  test("g and a letter lead to every page", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/");
    for (const [key, title] of Object.entries(PLACES)) {
      // Both at once: between them there is no more than a second, however busy the machine is.
      await settled(page);
      await Promise.all([press(page, "g"), press(page, key)]);
      await page.locator("main").getByRole("heading", { level: 1, name: title }).waitFor();
      await expect.poll(() => page.title()).toBe(`${title} · Reprise`);
    }
    noFaults(watched);
  });

  test("g and a letter are a pair by when they were pressed, also on a page that was busy in between", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/");
    // Behind the page's own listeners: it has heard of the first key, and hears of the second one late.
    await page.evaluate(`addEventListener("keydown", () => {
      const endAt = performance.now() + 1_500;
      while (performance.now() < endAt);
    }, { once: true })`);
    await Promise.all([press(page, "g"), press(page, "q")]);
    await page.locator("main").getByRole("heading", { level: 1, name: "Queues" }).waitFor();
    noFaults(watched);
  });

  test("rows: j k x Shift-x o, and r R f about them", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/runs");
    await firstRow(page);
    const [newest = "", second = "", third = ""] = failed;
    await press(page, "j");
    expect(await activeRow(page)).toContain(newest);
    await press(page, "j", "j");
    expect(await activeRow(page)).toContain(third);
    await press(page, "k");
    expect(await activeRow(page)).toContain(second);
    await press(page, "x", "j", "j", "Shift+X");
    await page.getByRole("button", { name: "Recover 3 runs" }).waitFor();
    await press(page, "Shift+R");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("radio", { name: /^Restart/, checked: true }).waitFor();
    await press(page, "Escape");
    await dialog.waitFor({ state: "detached" });
    await press(page, "r");
    await dialog.getByRole("radio", { name: /^Resume/, checked: true }).waitFor();
    await press(page, "Escape");
    await dialog.waitFor({ state: "detached" });
    await press(page, "k", "o");
    await page.getByRole("button", { name: "Events" }).waitFor();
    expect(page.url()).toContain("#/runs/wfr_");
    await page.goBack();
    await firstRow(page);
    // In the list itself the arrows and Enter do the same.
    await page.getByRole("grid").focus();
    await press(page, "ArrowDown", "Enter");
    await expect.poll(() => page.url()).toContain(newest);
    await visit("/failures/entries");
    await firstRow(page);
    await press(page, "j", "f");
    await page.getByRole("button", { name: /^Remove group/ }).waitFor();
    await page.getByText("1 in all").waitFor();
    const saved = page.waitForEvent("download");
    await press(page, "e");
    expect((await saved).suggestedFilename()).toMatch(/^reprise-.*jsonl$/);
    noFaults(watched);
  });

  test("[ and ] lead from failed step to failed step, also where they are behind AltGr", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit(placeOf("/runs/$failed"));
    await page.getByRole("list", { name: "Steps" }).getByRole("listitem").first().waitFor();
    await settled(page);
    const place = () => new URL(page.url()).hash;
    await press(page, "]");
    // The step that ended the run stands open before anybody has pressed a key.
    await expect.poll(place).toMatch(/step=\d+/);
    const opened = place();
    await page.getByRole("region", { name: /^Step \d+, / }).waitFor();
    await press(page, "Escape");
    await page.getByRole("region", { name: /^Step \d+, / }).waitFor({ state: "detached" });
    await page.evaluate(`document.body.dispatchEvent(new KeyboardEvent("keydown", {
      key: "]", ctrlKey: true, altKey: true, modifierAltGraph: true, bubbles: true, cancelable: true }))`);
    await page.getByRole("region", { name: /^Step \d+, / }).waitFor();
    await expect.poll(place).toBe(opened);
    await press(page, "[");
    await press(page, "f");
    await page.getByRole("heading", { name: "Failed entries" }).waitFor();
    noFaults(watched);
  });

  test("are letters while somebody types, and nothing behind a dialog or a menu", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/runs");
    await firstRow(page);
    await press(page, "/");
    await page.keyboard.type("gm?jxr");
    expect(await page.getByRole("combobox", { name: "Filter" }).inputValue()).toBe("gm?jxr");
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(await activeRow(page)).toBe("");
    await press(page, "Escape", "Escape");
    const place = page.url();
    await press(page, "?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await press(page, "j", "g", "m", "Control+k");
    expect([page.url(), await page.getByRole("dialog").count()]).toEqual([place, 1]);
    await press(page, "Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Colours, times and keys" }).click();
    await page.getByRole("menu").waitFor();
    await press(page, "j", "g", "m");
    expect([page.url(), await activeRow(page)]).toEqual([place, ""]);
    noFaults(watched);
  });

  test("the palette goes to pages, to a run or message by its id, and acts", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/");
    const choose = async (text: string) => {
      await press(page, "Control+k");
      const dialog = page.getByRole("dialog", { name: "Go to" });
      await getsFocus(page, dialog.getByRole("combobox"));
      await page.keyboard.insertText(text);
      await page.getByRole("option").first().waitFor();
      await press(page, "Enter");
      await dialog.waitFor({ state: "detached" });
    };
    await choose("flow");
    await page.getByRole("heading", { name: "Flow control", level: 1 }).waitFor();
    await choose(failed[1] ?? "");
    await page.getByRole("heading", { name: "/order/failing", level: 1 }).waitFor();
    await expect.poll(() => page.url()).toContain(failed[1] ?? "-");
    await choose(messageId);
    await page.getByRole("heading", { name: `Message ${messageId}` }).waitFor();
    await choose("dark");
    await page.locator("html[data-theme=dark]").waitFor();
    await choose("pause live");
    await page.getByRole("button", { name: /^Paused/ }).waitFor();
    await choose("keys");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    noFaults(watched);
  });

  test("Tab reaches everything, shows where it is, and is caught nowhere", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    const places = ["/", "/runs", "/runs/$failed", "/failures/entries", "/keys", "/playground"];
    for (const place of places) {
      await visit(placeOf(place));
      // The first stop is that of a page that nobody has touched.
      await page.reload();
      await page.locator("main h1").first().waitFor();
      await settled(page);
      const stops = await walk(page);
      expect(stops.hidden, `${place}: focus that nobody sees`).toEqual([]);
      expect(stops.names[0], place).toBe("Skip to the content");
      expect(stops.names.length, place).toBeGreaterThan(18);
    }
    // The first stop leads over the navigation.
    await visit("/runs");
    await press(page, "Tab", "Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
    noFaults(watched);
  });

  test("a dialog keeps the focus, and gives it back", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/queues");
    const button = page.getByRole("button", { name: "New queue" });
    await button.focus();
    await press(page, "Enter");
    await getsFocus(page, page.getByRole("dialog").locator("input").first());
    for (let presses = 0; presses < 12; presses += 1) {
      await press(page, presses < 8 ? "Tab" : "Shift+Tab");
      const isInside = "document.querySelector('[role=dialog]').contains(document.activeElement)";
      expect(await page.evaluate(isInside)).toBe(true);
    }
    await press(page, "Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await button.and(page.locator(":focus")).waitFor();
    noFaults(watched);
  });
});

interface Stops {
  readonly names: readonly string[];
  /** Those that do not show that they have the focus. */
  readonly hidden: readonly string[];
}

const STOPS_MAX = 250;

/** What has the focus now: null outside of the page, else its name, and whether it shows. */
const LOOK = `(() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  const hasOutline = (one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  };
  const { width, height } = element.getBoundingClientRect();
  const around = [element, element.parentElement, element.parentElement?.parentElement];
  const name = element.getAttribute("aria-label") ?? element.textContent.trim();
  return { name, isShown: width > 1 && height > 1 && around.some((one) => one && hasOutline(one)) };
})()`;

/** Presses Tab until the focus has left the page. */
async function walk(page: Page): Promise<Stops> {
  const names: string[] = [];
  const hidden: string[] = [];
  for (let presses = 0; presses < STOPS_MAX; presses += 1) {
    await page.keyboard.press("Tab");
    const stop = (await page.evaluate(LOOK)) as {
      readonly name: string;
      readonly isShown: boolean;
    } | null; // As the script above makes it.
    if (stop === null || (presses > 0 && stop.name === names[0])) return { names, hidden };
    names.push(stop.name);
    if (!stop.isShown) hidden.push(stop.name);
  }
  throw new Error(`the focus is caught after ${names.slice(-5).join(", ")}`);
}
