// The front page: its figures are what the shop did, and what needs attention leads to the list that shows it.

import type { Overview } from "@reprise/protocol";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import type { Shop } from "./shop.ts";
import { letterOf } from "./shop-facts.ts";

/** 3 runs succeed, 2 fail, 1 waits; 2 messages are delivered, 2 die; 3 wait at a paused key, 1 until later. */
async function fill(shop: Shop): Promise<void> {
  const good = await Promise.all([1, 2, 3].map((id) => shop.trigger("/order", { id })));
  const bad = await Promise.all([4, 5].map((id) => shop.trigger("/order/failing", { id })));
  const approval = await shop.trigger("/approval", {});
  for (const runId of good) await shop.reaches(runId, "RUN_SUCCESS");
  for (const runId of bad) await shop.reaches(runId, "RUN_FAILED");
  await tried(shop, approval, bad);
  const publish = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    shop.ask("POST", `/v2/publish/${shop.appUrl}${path}`, { headers, body: "x" });
  const flow = {
    "Upstash-Flow-Control-Key": "tenant",
    "Upstash-Flow-Control-Value": "parallelism=3",
  };
  await publish("/notify/first", flow);
  await publish("/notify/second");
  for (const path of ["/broken/a", "/broken/b"]) await publish(path, { "Upstash-Retries": "0" });
  await until("two dead messages, and nothing else on its way", async () => {
    const { open } = await overviewOf(shop);
    return open.deadMessages === 2 && open.messages === 0;
  });
  await shop.ask("POST", "/v2/flowControl/tenant/pause");
  for (let index = 0; index < 3; index += 1) await publish("/notify/held", flow);
  await publish("/notify/later", { "Upstash-Delay": "1h" });
  await shop.ask("POST", `/v2/schedules/${shop.appUrl}/tick`, {
    headers: { "Upstash-Cron": "0 0 1 1 *" },
  });
}

/** The last attempts are over: of the run that waits, and of the failure functions. */
async function tried(shop: Shop, approval: string, bad: readonly string[]): Promise<void> {
  await until("the approval to be waited for", async () => {
    const waiters = await shop.ask("GET", `/v2/waiters/approval-${approval}`);
    return Array.isArray(waiters) && waiters.length === 1;
  });
  for (const runId of bad) {
    await until(`the failure function of ${runId}`, async () => {
      return (await letterOf(shop, runId))?.failureFunctionState === "CALLBACK_SUCCESS";
    });
  }
}

async function overviewOf(shop: Shop, period = "1h"): Promise<Overview> {
  return (await shop.ask("GET", `/v2/overview?window=${period}`)) as Overview; // The answer of this path.
}

describe.skipIf(!hasBrowser())("the overview", () => {
  let world: BrowserWorld;

  beforeAll(async () => {
    world = await openWorld();
    await fill(world.shop);
    // An answer is given again for a second.
    await until("the figures of now", async () => {
      const { open, runs } = await overviewOf(world.shop);
      return open.messages === 4 && runs.started === 6;
    });
  });

  afterAll(() => world?.close());

  /** The figure under this name, and the words below it. */
  async function tile(page: Page, name: string): Promise<readonly string[]> {
    const figures = page.locator("main dt", { hasText: new RegExp(`^${name}$`) }).locator("~ dd");
    return figures.allTextContents();
  }

  test("tells what the shop did, to the last one", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/");
    await page.getByText("Open runs").waitFor();
    expect(await tile(page, "Open runs")).toEqual(["1", "6 began in 1h"]);
    expect(await tile(page, "Failed runs")).toEqual(["2", "40 % of those that ended in 1h"]);
    expect(await tile(page, "Dead letters")).toEqual(["4", "2 runs, 2 messages"]);
    expect(await tile(page, "Stuck runs")).toEqual(["0", "nothing can wake them"]);
    expect(await tile(page, "Open messages")).toEqual(["4", "1 schedule"]);
    const { attempts, latencyMs } = await overviewOf(world.shop);
    const share = `${Math.round((100 * attempts.failed) / attempts.count)} %`;
    const [failed = "", counts] = await tile(page, "Failed attempts");
    expect(counts).toBe(`${attempts.failed} of ${attempts.count} in 1h`);
    expect(Math.abs(Number.parseFloat(failed) - Number.parseFloat(share))).toBeLessThan(1);
    expect(attempts.failed).toBeGreaterThanOrEqual(4);
    expect(latencyMs).not.toBeNull();
    expect((await tile(page, "Latency"))[1]).toMatch(/^p95 .+, p99 .+$/);
    // The charts say the same to whoever does not see them.
    const runs = page.getByRole("img", { name: /^Runs/ });
    await runs.waitFor();
    await page.getByText("3 succeeded, 2 failed").waitFor();
    const row = page.getByRole("row").filter({ hasText: "tenant" });
    expect(await row.getByRole("cell").allTextContents()).toEqual([
      "tenant paused",
      "3",
      "0 / 3",
      "",
    ]);
    noFaults(watched);
  });

  test("names first what cannot wait, and leads there", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/");
    const items = page.getByRole("region", { name: "Needs attention" }).getByRole("link");
    await items.first().waitFor();
    const told = await items.allTextContents();
    expect(told.map((text) => text.replace(/\s+/g, " "))).toEqual([
      "2Failed runs wait for somebody",
      "2Failed messages wait for somebody",
      "3Paused · flow-control key tenant",
    ]);
    const leads: readonly (readonly [name: RegExp, title: string, row: string])[] = [
      [/Failed runs wait/, "Failures", "/order/failing"],
      [/Failed messages wait/, "Failures", "/broken/"],
      [/Paused/, "Flow control", "tenant"],
    ];
    for (const [name, title, row] of leads) {
      await visit("/");
      await items.filter({ hasText: name }).click();
      await page.locator("main").getByRole("heading", { level: 1, name: title }).waitFor();
      await page.locator("main").getByText(row).first().waitFor();
    }
    expect(await page.getByLabel("Search").inputValue()).toBe("tenant");
    noFaults(watched);
  });

  test("its figures are links to the runs and entries that they count", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    for (const [name, figure, rows] of [
      ["Open runs", "1", 1],
      ["Failed runs", "2", 2],
    ] as const) {
      await visit("/");
      const number = page.locator("main dt", { hasText: name }).locator("+ dd a");
      expect(await number.textContent()).toBe(figure);
      await number.click();
      await page.getByText(`${rows} in all`).waitFor();
    }
    noFaults(watched);
  });

  test("looks at an hour or at a day, in the address", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/");
    await page.getByText("6 began in 1h").waitFor();
    await page.getByRole("button", { name: "24h" }).click();
    await page.getByText("6 began in 24h").waitFor();
    expect(page.url()).toContain("window=24h");
    await page.reload();
    await page.getByText("6 began in 24h").waitFor();
    await page.getByRole("button", { name: "24h", pressed: true }).waitFor();
    // It follows what happens, without a click.
    await world.shop.trigger("/approval", {});
    await page.getByText("7 began in 24h").waitFor({ timeout: 60_000 });
    noFaults(watched);
  });
});
