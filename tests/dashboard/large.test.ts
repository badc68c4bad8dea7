// Lists of thousands, and runs that are large in one way each: what is on the screen is in the document, and all of it can be reached.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LARGE_BRANCHES, LARGE_RUNS, LARGE_STEPS } from "../bench/large-runs.ts";
import { LABELS } from "../bench/listed-rows.ts";
import { fillLists } from "../bench/lists.ts";
import { type BrowserWorld, hasBrowser, noFaults, openPage, openWorld } from "./browser-world.ts";
import { framesOf, traceFrames } from "./frames.ts";

const RUNS = 5_000;
const SCROLLED_ROWS = 1_000;
/** A screen full and what is kept ready around it, with room for another screen. */
const ROWS_MAX = 80;
/** Pages have 50 rows; beside them stand the session and what is counted. */
const REQUESTS_MAX = 60;
/** So long a row stays before the page asks what became of it. */
const SETTLED_MS = 250;
/** As many named runs as one request takes. */
const NAMED_RUNS_MAX = 50;
/** No measure of speed: other programs may have the machine. It tells a page that is stuck. */
const FROZEN_MS = 60_000;
/** Only what never ends takes so long. */
const SCROLLED_MS = 240_000;

const ROWS = '[role="row"][data-index]';
const lastRow = `Math.max(-1, ...Array.from(document.querySelectorAll('${ROWS}'), (row) => Number(row.dataset.index)))`;

/** What became of runs on the screen. */
const isOfNamed = (url: string): boolean => new URL(url).searchParams.has("workflowRuns");

/** Whether it stands within what its list shows. */
async function isInSight(item: Locator, list: Locator): Promise<boolean> {
  if ((await item.count()) === 0) return false;
  const [inner, outer] = [await item.boundingBox(), await list.boundingBox()];
  if (inner === null || outer === null) return false;
  return inner.y >= outer.y && inner.y + inner.height <= outer.y + outer.height + 1;
}

/** Turns the wheel until the last step is there: the page may still be on its way to the one that is open. */
async function wheelToEnd(page: Page, last: Locator): Promise<void> {
  const timeline = page.locator("[data-timeline]");
  await timeline.hover();
  await expect
    .poll(async () => {
      await page.mouse.wheel(0, 1_000_000);
      return isInSight(last, timeline);
    })
    .toBe(true);
}

describe.skipIf(!hasBrowser())("at size", () => {
  let world: BrowserWorld;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "reprise-large-"));
    await fillLists(directory, RUNS);
    world = await openWorld({ dataDir: directory });
  });

  afterAll(async () => {
    await world?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Turns the wheel until the row is there; the page asks for what it needs meanwhile. */
  async function wheelTo(page: Page, row: number): Promise<void> {
    await page.getByRole("grid").hover();
    await expect
      .poll(
        async () => {
          await page.mouse.wheel(0, 2_000);
          await page.evaluate("new Promise((done) => requestAnimationFrame(done))");
          return page.evaluate(lastRow);
        },
        { timeout: SCROLLED_MS, interval: 1 },
      )
      .toBeGreaterThanOrEqual(row);
  }

  test.each([
    ["runs", "/runs"],
    ["failed entries", "/failures/entries"],
  ])("%s are scrolled by the thousand", async (_, place) => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await traceFrames(page);
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/v2/")) asked.push(request.url());
    });
    const beganAt = performance.now();
    await visit(place);
    await page.locator(ROWS).first().waitFor();
    const frames = await framesOf(page, () => wheelTo(page, SCROLLED_ROWS));
    expect(frames.longestMs).toBeLessThan(FROZEN_MS);
    expect(await page.locator(ROWS).count()).toBeLessThan(ROWS_MAX);
    const [named, others] = [asked.filter(isOfNamed), asked.filter((url) => !isOfNamed(url))];
    expect(others.length).toBeLessThan(REQUESTS_MAX);
    const pages = others.filter((url) => new URL(url).searchParams.has("cursor"));
    expect(pages).toEqual([...new Set(pages)]);
    // How often rows come to rest goes by the clock, and not by how many there are.
    const rests = 1 + (performance.now() - beganAt) / SETTLED_MS;
    expect(named.length).toBeLessThan(rests * Math.ceil(ROWS_MAX / NAMED_RUNS_MAX));
    noFaults(watched);
  });

  test("keys go down the list, and the row that they are about is in sight", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/runs");
    const grid = page.getByRole("grid", { name: "Runs" });
    await page.locator(ROWS).first().waitFor();
    await grid.focus();
    for (let row = 0; row < 120; row += 1) {
      // At the end of what is loaded a key leads nowhere.
      await page.locator(`${ROWS}[data-index="${row}"]`).waitFor();
      await page.keyboard.press("ArrowDown");
    }
    const active = page.locator(`${ROWS}[data-index="119"]`);
    await active.waitFor();
    await expect
      .poll(() => grid.getAttribute("aria-activedescendant"))
      .toBe(await active.getAttribute("id"));
    await expect.poll(() => isInSight(active, grid)).toBe(true);
    expect(await page.locator(ROWS).count()).toBeLessThan(ROWS_MAX);
    noFaults(watched);
  });

  test("a filter finds the one run among all", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit("/runs");
    await page.locator(ROWS).first().waitFor();
    const input = page.getByRole("combobox", { name: "Filter" });
    await input.fill(`label:${LABELS.rare}`);
    await input.press("Enter");
    await page.getByText(/^1 in all/).waitFor();
    await expect.poll(() => page.locator(ROWS).count()).toBe(1);
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await page.getByText("50 loaded, more below").waitFor();
    noFaults(watched);
  });

  test("the last of 1,000 steps is reached by its address, by keys and by the wheel", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    const steps = page.locator("[data-timeline] li");
    await visit(`/runs/${LARGE_RUNS.steps}?step=900`);
    await steps.getByText("step 900 of the month").waitFor();
    await page.getByRole("region", { name: "Step 900, step 900 of the month" }).waitFor();
    await page.keyboard.press("j");
    await page.getByRole("region", { name: "Step 901, step 901 of the month" }).waitFor();
    await steps.getByText("step 901 of the month").waitFor();
    expect(await steps.count()).toBeLessThan(ROWS_MAX);
    await wheelToEnd(page, steps.getByText(`step ${LARGE_STEPS} of the month`));
    noFaults(watched);
  });

  test("200 branches side by side", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    const steps = page.locator("[data-timeline] li");
    await visit(`/runs/${LARGE_RUNS.branches}`);
    await page.getByText(`${LARGE_BRANCHES} side by side`).waitFor();
    expect(await steps.count()).toBeLessThan(ROWS_MAX);
    const last = steps.getByText(`branch ${LARGE_BRANCHES}`, { exact: true });
    await wheelToEnd(page, last);
    await last.click();
    await page.getByRole("region", { name: `branch ${LARGE_BRANCHES}` }).waitFor();
    noFaults(watched);
  });

  test("a payload of 5 MB is shown in parts: as text, and as a tree with its ids as they were sent", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await traceFrames(page);
    await visit(`/runs/${LARGE_RUNS.tree}?tab=payload`);
    const frames = await framesOf(page, async () => {
      await page.getByRole("button", { name: "Show them whole" }).click();
      await page.getByText("5.0 MB", { exact: true }).waitFor();
      await page.getByRole("button", { name: "JSON" }).first().click();
      await page.getByRole("button", { name: "customers:" }).click();
    });
    expect(frames.longestMs).toBeLessThan(FROZEN_MS);
    const more = page.getByRole("button", { name: /^\d+ more$/ });
    await more.waitFor();
    await page.getByRole("button", { name: "99:", exact: false }).last().click();
    await page.getByText("90071992547409939", { exact: true }).waitFor();
    expect(await page.locator("main *").count()).toBeLessThan(3_000);
    noFaults(watched);
  });

  test("a line of 1.2 MB is shown in parts", async () => {
    const watched = await openPage(world);
    const { page, visit } = watched;
    await visit(`/runs/${LARGE_RUNS.line}?tab=payload`);
    await page.getByRole("button", { name: "Show them whole" }).click();
    await page.getByText("1.2 MB", { exact: true }).waitFor();
    const text = page.locator("main pre").first();
    const length = async () => (await text.innerText()).length;
    expect(await length()).toBeLessThan(100_000);
    await page.getByRole("button", { name: /^Show more/ }).click();
    await expect.poll(length).toBeGreaterThan(200_000);
    noFaults(watched);
  });
});
