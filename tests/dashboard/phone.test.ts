// With a finger, on a narrow screen: everything is there, large enough, and nothing stands over.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openPage,
  openWorld,
  settled,
} from "./browser-world.ts";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

/** Every page, by its title. */
const PLACES: Readonly<Record<string, string>> = {
  "/": "Overview",
  "/runs": "Runs",
  "/runs/$failed?step=1": "/order/failing",
  "/failures": "Failures",
  "/failures/entries": "Failed entries",
  "/messages": "Messages",
  "/logs": "Logs",
  "/queues": "Queues",
  "/schedules": "Schedules",
  "/url-groups": "URL groups",
  "/flow-control": "Flow control",
  "/waiters": "Waiters and events",
  "/bulk-actions": "Bulk actions",
  "/playground": "Playground",
  "/keys": "Keys and tokens",
  "/settings": "Settings",
  "/audit": "Audit log",
};

/** What can be touched and is smaller than a fingertip, but for links within a text. */
const SMALL = `[...document.querySelectorAll("button,select,summary,input,[role=tab],[role=menuitem],[role=menuitemradio],nav a")]
  .filter((one) => one.checkVisibility() && one.closest(".sr-only,[aria-hidden=true]") === null)
  .filter((one) => !one.classList.contains("sr-only"))
  .flatMap((one) => {
    const label = one.type === "checkbox" || one.type === "radio" ? one.closest("label") : null;
    const { width, height } = (label ?? one).getBoundingClientRect();
    const name = one.getAttribute("aria-label") ?? one.textContent.trim();
    return width >= 24 && height >= 24 ? [] : [one.tagName + " " + name + " " + width + "x" + height];
  })`;

const OVER = `[document.documentElement.scrollWidth - innerWidth, document.querySelector("main").scrollWidth - document.querySelector("main").clientWidth]`;

describe.skipIf(!hasBrowser())("a phone", () => {
  let world: BrowserWorld;
  let failed: string;

  beforeAll(async () => {
    world = await openWorld();
    const { shop } = world;
    failed = await shop.trigger("/order/failing", { id: 1 }, { label: "web" });
    await shop.reaches(failed, "RUN_FAILED");
    await shop.trigger("/approval", {}, { label: "finance" });
    const headers = { "Upstash-Delay": "1h", "Upstash-Flow-Control-Key": "tenant" };
    const value = { "Upstash-Flow-Control-Value": "parallelism=2,rate=5,period=60" };
    await shop.ask("POST", `/v2/publish/${shop.appUrl}/later`, {
      headers: { ...headers, ...value },
    });
    await shop.ask("POST", "/v2/queues", {
      headers: { "content-type": "application/json" },
      body: '{"queueName":"parcels","parallelism":2}',
    });
    await shop.ask("POST", `/v2/schedules/${shop.appUrl}/tick`, {
      headers: { "Upstash-Cron": "0 9 * * *" },
    });
  });

  afterAll(() => world?.close());

  async function fits(page: Page, place: string): Promise<void> {
    await settled(page);
    expect(await page.evaluate(OVER), `${place}: pixels that stand over`).toEqual([0, 0]);
    expect(await page.evaluate(SMALL), `${place}: too small for a finger`).toEqual([]);
  }

  test("every page fits, and everything that can be touched is large enough", async () => {
    const watched = await openPage(world, PHONE);
    const { page, visit } = watched;
    for (const [place, title] of Object.entries(PLACES)) {
      await visit(place.replace("$failed", failed));
      // Until then the page before it is there.
      await page.locator("main").getByRole("heading", { level: 1, name: title }).waitFor();
      await page
        .locator("main :is(table,[role=grid],section,form,dl,[data-snippet])")
        .first()
        .waitFor();
      await fits(page, place);
    }
    noFaults(watched);
  });

  test("the menu leads everywhere, and goes away", async () => {
    const watched = await openPage(world, PHONE);
    const { page, visit } = watched;
    await visit("/");
    const menu = page.getByRole("button", { name: "Pages" });
    const navigation = page.getByRole("navigation", { name: "Pages" });
    expect(await navigation.isVisible()).toBe(false);
    for (const title of ["Flow control", "Audit log", "Runs"]) {
      await menu.tap();
      await navigation.getByRole("link", { name: title }).tap();
      await page.locator("main").getByRole("heading", { level: 1, name: title }).waitFor();
      await navigation.waitFor({ state: "hidden" });
    }
    // Colours, zone and keys have their place here as well.
    await page.getByRole("button", { name: "Colours, times and keys" }).tap();
    await page.getByRole("menuitemradio", { name: "UTC" }).tap();
    await page.getByRole("button", { name: "Live: pause live updates" }).tap();
    await page.getByRole("button", { name: /^Paused/ }).tap();
    await page.getByRole("button", { name: /Go to/ }).tap();
    await page.getByRole("dialog", { name: "Go to" }).getByRole("option", { name: /^Logs/ }).tap();
    await page.locator("main").getByRole("heading", { level: 1, name: "Logs" }).waitFor();
    noFaults(watched);
  });

  test("a filter is typed, suggested and taken away", async () => {
    const watched = await openPage(world, PHONE);
    const { page, visit } = watched;
    await visit("/runs");
    await page.getByText("2 in all").waitFor();
    await page.getByRole("combobox", { name: "Filter" }).tap();
    await page.getByRole("combobox", { name: "Filter" }).fill("fail");
    await page.getByRole("option", { name: /^state:failed/ }).tap();
    await page.getByText("1 in all").waitFor();
    await fits(page, "/runs, filtered");
    await page.getByRole("button", { name: "Remove state failed" }).tap();
    await page.getByText("2 in all").waitFor();
    noFaults(watched);
  });

  test("a failed run is found, read and resumed", async () => {
    const watched = await openPage(world, PHONE);
    const { page, visit } = watched;
    await visit("/runs?q=state:failed");
    await page.getByRole("link", { name: "/order/failing" }).first().tap();
    await page.getByRole("region", { name: "Where it stands" }).waitFor();
    for (const tab of ["Payload and result", "Failure function", "Events", "Steps"]) {
      await page.getByRole("button", { name: tab }).tap();
      await fits(page, tab);
    }
    await page.getByRole("button", { name: "Resume" }).first().tap();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("The same by curl, CLI or SDK").tap();
    const go = dialog.getByRole("button", { name: /^Resume 1 run/ });
    await expect.poll(() => go.isEnabled()).toBe(true);
    await fits(page, "the dialog");
    const { width = 0 } = (await dialog.boundingBox()) ?? {};
    expect(width).toBeGreaterThan(300);
    expect(width).toBeLessThanOrEqual(390);
    await go.tap();
    await dialog.getByRole("link", { name: /wfr_/ }).first().waitFor();
    await dialog.getByRole("button", { name: "Close" }).first().tap();
    await dialog.waitFor({ state: "detached" });
    noFaults(watched);
  });
});
