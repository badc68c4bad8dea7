// What nobody looks at first: a server without anything in it, colours, zones, titles, motion, and a page that is enlarged.

import { execFileSync } from "node:child_process";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../operate/cli.ts";
import {
  type BrowserWorld,
  hasBrowser,
  noFaults,
  openPage,
  openWorld,
  settled,
} from "./browser-world.ts";

/** Every page, by its title. */
const TITLES: Readonly<Record<string, string>> = {
  "/": "Overview",
  "/runs": "Runs",
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

/** Those that show something even where nothing has happened. */
const NEVER_EMPTY: ReadonlySet<string> = new Set(["/playground", "/keys", "/settings"]);

/** The words of a command as a shell reads them. */
function wordsOf(command: string): readonly string[] {
  const text = execFileSync("sh", ["-c", `printf '%s\\n' ${command}`], { encoding: "utf8" });
  return text.trimEnd().split("\n");
}

describe.skipIf(!hasBrowser())("an empty server", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world?.close());

  const titled = (page: Page, title: string) =>
    page.locator("main").getByRole("heading", { level: 1, name: title }).waitFor();

  async function look(page: Page, name: string): Promise<void> {
    await page.getByRole("button", { name: "Colours, times and keys" }).click();
    await page.getByRole("menuitemradio", { name }).click();
    await page.getByRole("menu").waitFor({ state: "detached" });
  }

  const theme = (page: Page) => page.locator("html").getAttribute("data-theme");

  // The first one: the others bring something into the server.
  test("every page has its title, and teaches commands that work", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    const commands: string[] = [];
    for (const [place, title] of Object.entries(TITLES)) {
      await visit(place);
      await titled(page, title);
      await expect.poll(() => page.title()).toBe(`${title} · Reprise`);
      if (NEVER_EMPTY.has(place)) continue;
      const snippets = page.locator("main [data-snippet]");
      await snippets.first().waitFor();
      commands.push(...(await snippets.allTextContents()));
      expect(await page.getByRole("alert").count(), place).toBe(0);
    }
    noFaults(watched);
    expect(commands.length).toBeGreaterThan(12);
    const { shop } = world;
    const env = { QSTASH_URL: shop.url, QSTASH_TOKEN: shop.token };
    for (const command of new Set(commands)) {
      const [program, ...args] = wordsOf(command);
      expect(program).toBe("reprise");
      const { exitCode, err } = await runCli(args, env);
      expect(exitCode, `${command}: ${err}`).toBe(0);
    }
    // What they have made is there.
    for (const [place, made] of [
      ["/runs", "/workflow"],
      ["/queues", "mail"],
      ["/schedules", "0 9 * * *"],
      ["/url-groups", "customers"],
      ["/flow-control", "shop"],
      ["/messages", "/hook"],
    ] as const) {
      await visit(place);
      await page.locator("main").getByText(made).first().waitFor();
    }
    noFaults(watched);
  });

  test("a page that there is none of says so; the document knows its language and its icon", async () => {
    const watched = await openPage(world);
    const { page } = watched;
    const statuses: number[] = [];
    page.on("response", (response) => statuses.push(response.status()));
    await page.goto(`${world.shop.url}/#/nothing`);
    await page.getByText("There is no such page").waitFor();
    await expect.poll(() => page.title()).toBe("No such page · Reprise");
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    const icon = await page.locator("link[rel=icon]").getAttribute("href");
    const { ok, headers } = await fetch(new URL(icon ?? "", page.url()));
    expect([ok, headers.get("content-type")]).toEqual([true, "image/svg+xml"]);
    // The first look at a development server meets no refusal.
    expect(statuses.filter((status) => status >= 400)).toEqual([]);
    noFaults(watched);
  });

  test("colours are chosen and remembered, or follow the system as it changes", async () => {
    const watched = await openPage(world, { colorScheme: "light" });
    const { page, visit } = watched;
    await visit("/");
    expect(await theme(page)).toBe("light");
    await page.emulateMedia({ colorScheme: "dark" });
    await expect.poll(() => theme(page)).toBe("dark");
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const dark = await ground();
    await look(page, "Light colours");
    expect(await theme(page)).toBe("light");
    expect(await ground()).not.toBe(dark);
    await page.reload();
    await titled(page, "Overview");
    expect(await theme(page)).toBe("light");
    await look(page, "Colours of the system");
    expect(await theme(page)).toBe("dark");
    await page.emulateMedia({ colorScheme: "light" });
    await expect.poll(() => theme(page)).toBe("light");
    noFaults(watched);
  });

  test("times are told here or in UTC, each with both in its title, attempts to the millisecond", async () => {
    const { shop } = world;
    const runId = await shop.trigger("/order/failing", { id: 1 });
    await shop.reaches(runId, "RUN_FAILED");
    await shop.ask("POST", `/v2/publish/${shop.appUrl}/notify`);
    // Its making is in the audit log.
    await shop.ask("POST", "/v2/tokens", {
      headers: { "content-type": "application/json" },
      body: '{"name":"night","scope":"full"}',
    });
    const watched = await openPage(world, { timezoneId: "Asia/Kolkata" });
    const { page, visit } = watched;
    await visit(`/runs/${runId}?step=2&attempt=0`);
    await page.getByText("Began", { exact: true }).waitFor();
    const times = page.locator("main time");
    const local = await times.allTextContents();
    const moment = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?( UTC)?$/;
    const dates = local.filter((text) => moment.test(text));
    expect(dates.length).toBeGreaterThan(2);
    expect(dates.filter((text) => text.endsWith("UTC"))).toEqual([]);
    const began = page.locator("dt", { hasText: "Began" }).locator("+ dd time");
    expect(await began.textContent()).toMatch(/ \d\d:\d\d:\d\d\.\d{3}$/);
    for (const one of await times.all()) {
      expect(await one.getAttribute("title")).toMatch(/\.\d{3} here, .*\.\d{3} UTC$/);
    }
    await look(page, "UTC");
    const utc = (await times.allTextContents()).filter((text) => moment.test(text));
    expect(utc.length).toBe(dates.length);
    expect(utc.filter((text) => !text.endsWith(" UTC"))).toEqual([]);
    // Five and a half hours away from UTC.
    const instant = Date.parse((await began.getAttribute("datetime")) ?? "");
    expect(await began.textContent()).toBe(
      `${new Date(instant).toISOString().replace("T", " ").slice(0, -1)} UTC`,
    );
    await page.reload();
    await expect.poll(() => began.textContent()).toMatch(/ UTC$/);
    for (const place of ["/logs", "/audit", "/keys"]) {
      await visit(place);
      await titled(page, TITLES[place] ?? "");
      await expect.poll(() => times.count()).toBeGreaterThan(0);
      const told = (await times.allTextContents()).filter((text) => moment.test(text));
      expect(
        told.filter((text) => !text.endsWith(" UTC")),
        place,
      ).toEqual([]);
    }
    noFaults(watched);
  });

  test("headings miss no level", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    const answer = await world.shop.ask("GET", "/v2/workflows/dlq");
    // The answer of this path.
    const { messages } = answer as {
      readonly messages: readonly { readonly dlqId: string; readonly workflowRunId: string }[];
    };
    const [{ dlqId, workflowRunId } = { dlqId: "", workflowRunId: "" }] = messages;
    const places = [
      "/",
      `/runs/${workflowRunId}?step=0`,
      `/runs/${workflowRunId}?step=2&attempt=0`,
      `/runs/${workflowRunId}?tab=payload`,
      `/runs/${workflowRunId}?tab=failure`,
      `/failures/entries?open=${dlqId}`,
      "/settings",
      "/keys",
    ];
    for (const place of places) {
      await visit(place);
      await page.reload();
      await page.locator("main h1").first().waitFor();
      if (place.includes("?"))
        await page
          .getByRole("heading", { name: /^(Headers|Body)/ })
          .first()
          .waitFor();
      await settled(page);
      const levels = (await page.evaluate(
        "[...document.querySelectorAll('main h1,main h2,main h3,main h4,main h5,main h6')].map((one) => Number(one.tagName[1]))",
      )) as readonly number[]; // As the script makes them.
      const jumps = levels.filter((level, index) => level > (levels[index - 1] ?? 0) + 1);
      expect(jumps, `${place}: ${levels}`).toEqual([]);
    }
    noFaults(watched);
  });

  test("nothing moves for those who ask for that", async () => {
    const runId = await world.shop.trigger("/subscription", {});
    const watched = await openPage(world, { reducedMotion: "reduce" });
    const { page, visit } = watched;
    await visit(`/runs/${runId}`);
    const bar = page.locator("[data-timeline] .animate-pulse").first();
    await bar.waitFor({ state: "attached" });
    const moving = `document.getAnimations().filter(({ playState, effect }) =>
      playState === "running" && effect.getComputedTiming().activeDuration > 1).length`;
    expect(await page.evaluate(moving)).toBe(0);
    await page.emulateMedia({ reducedMotion: "no-preference" });
    await expect.poll(() => page.evaluate(moving)).toBeGreaterThan(0);
    noFaults(watched);
  });

  test("enlarged to 200 % every page still has all that it has", async () => {
    const watched = await openPage(world, {
      viewport: { width: 700, height: 450 },
      deviceScaleFactor: 2,
    });
    const { page, visit } = watched;
    for (const [place, title] of Object.entries(TITLES)) {
      await visit(place);
      await titled(page, title);
      await settled(page);
      const over = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect(over, `${place}: pixels that stand over`).toBeLessThanOrEqual(0);
      await page.getByRole("button", { name: "Pages" }).click();
      await page
        .getByRole("navigation")
        .getByRole("link", { name: title === "Failed entries" ? "Failures" : title })
        .click();
      await titled(page, title === "Failed entries" ? "Failures" : title);
    }
    noFaults(watched);
  });
});
