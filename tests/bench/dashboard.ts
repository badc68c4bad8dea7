import { loadavg } from "node:os";
import type { Browser, Page } from "playwright-core";
import { findChromium, openBrowser } from "../dashboard/chromium.ts";
import { type Frames, framesOf, traceFrames } from "../dashboard/frames.ts";
import { LARGE_RUNS } from "./large-runs.ts";
import { LABELS } from "./listed-rows.ts";
import { fillLists } from "./lists.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { percentilesOf } from "./percentiles.ts";
import type { Fact } from "./report.ts";
import { withTemporaryDirectory } from "./temporary-directory.ts";

const OPENINGS = 5;
const SCROLLED_ROWS = 3_000;
const KEYS = 400;
const WHEEL_PX = 700;
const FIRST_ROW = '[role="row"][data-index="0"]';

/** Where a page is complete for the eye: the first row of its list, or what stands in its middle. */
const PLACES: readonly (readonly [what: string, place: string, selector: string])[] = [
  ["runs", "/runs", FIRST_ROW],
  ["groups of failures", "/failures", FIRST_ROW],
  ["failed entries", "/failures/entries", FIRST_ROW],
  ["overview", "/", "main ul li, main dl"],
  ["run of 1,000 steps", `/runs/${LARGE_RUNS.steps}`, "[data-timeline] li"],
  ["run of 200 branches", `/runs/${LARGE_RUNS.branches}`, "[data-timeline] li"],
  ["payload of 5 MB", `/runs/${LARGE_RUNS.tree}?tab=payload`, "main section button"],
  ["payload of one line of 1.2 MB", `/runs/${LARGE_RUNS.line}?tab=payload`, "main section pre"],
];

/** A browser before a server with so many runs: how long each page takes from nothing, and whether it stays smooth. */
export async function measureDashboard(runs: number): Promise<readonly Fact[]> {
  if (findChromium() === null) {
    console.log("dashboard: no Chromium was found; name one in REPRISE_CHROMIUM. Not measured.");
    return [];
  }
  return withTemporaryDirectory(async (directory) => {
    await fillLists(directory, runs);
    const server = await MeasuredProcess.start(["--serve-real", directory]);
    const browser = await openBrowser();
    try {
      const before = fact("load average before", loadavg()[0] ?? 0, "");
      const facts = [fact("runs, and dead letters", runs, "rows"), before];
      for (const place of PLACES) facts.push(...(await measureOpening(browser, server.url, place)));
      facts.push(...(await measureLists(browser, server.url)));
      facts.push(...(await measureLargeRuns(browser, server.url)));
      return [...facts, fact("load average behind", loadavg()[0] ?? 0, "")];
    } finally {
      await browser.close();
      await server.stop();
    }
  });
}

function fact(what: string, value: number, unit: string): Fact {
  return { name: "dashboard", what, value, unit, ceiling: null };
}

async function withPage<R>(browser: Browser, work: (page: Page) => Promise<R>): Promise<R> {
  // Nothing is kept from one to the next.
  const context = await browser.newContext({ viewport: { width: 1_400, height: 900 } });
  try {
    return await work(await context.newPage());
  } finally {
    await context.close();
  }
}

async function measureOpening(
  browser: Browser,
  url: string,
  [what, place, selector]: (typeof PLACES)[number],
): Promise<readonly Fact[]> {
  const tookMs: number[] = [];
  const taskMs: number[] = [];
  for (let nth = 0; nth < OPENINGS; nth += 1) {
    await withPage(browser, async (page) => {
      await traceFrames(page);
      // Scripts of the page may not be made of texts, so that the page tells by itself.
      await page.addInitScript(`globalThis.__shown = new Promise((done) => {
        const find = () => document.querySelector(${JSON.stringify(selector)}) === null
          ? requestAnimationFrame(find)
          : requestAnimationFrame(() => done(performance.now()));
        find();
      });`);
      await page.goto(`${url}/#${place}`);
      // The time since the navigation began, and the page's own work until then.
      tookMs.push(Number(await page.evaluate("__shown")));
      taskMs.push(Number(await page.evaluate("Math.max(0, ...__frames.busy)")));
    });
  }
  const { p50, max } = percentilesOf(tookMs);
  return [
    fact(`${what}: on the screen, p50`, p50, "ms"),
    fact(`${what}: on the screen, longest`, max, "ms"),
    fact(`${what}: longest task, p50`, percentilesOf(taskMs).p50, "ms"),
  ];
}

function factsOf(what: string, frames: Frames): readonly Fact[] {
  const { count, longestMs, p99Ms, over50, over100, longestTaskMs } = frames;
  return [
    fact(`${what}: frames`, count, ""),
    fact(`${what}: p99 of frames`, p99Ms, "ms"),
    fact(`${what}: longest frame`, longestMs, "ms"),
    fact(`${what}: frames over 50 ms`, over50, ""),
    fact(`${what}: frames over 100 ms`, over100, ""),
    fact(`${what}: longest task`, longestTaskMs, "ms"),
  ];
}

async function measureLists(browser: Browser, url: string): Promise<readonly Fact[]> {
  const facts: Fact[] = [];
  for (const [what, place] of [
    ["runs", "/runs"],
    ["failed entries", "/failures/entries"],
  ] as const) {
    await withPage(browser, async (page) => {
      let requests = 0;
      page.on("request", () => (requests += 1));
      await traceFrames(page);
      await page.goto(`${url}/#${place}`);
      await page.locator(FIRST_ROW).waitFor();
      requests = 0;
      const wheel = await framesOf(page, () => scroll(page, SCROLLED_ROWS));
      facts.push(...factsOf(`${what}, ${SCROLLED_ROWS} rows by wheel`, wheel));
      facts.push(fact(`${what}, ${SCROLLED_ROWS} rows by wheel: requests`, requests, ""));
      const keys = await framesOf(page, () => pressDown(page));
      facts.push(...factsOf(`${what}, ${KEYS} keys`, keys));
      facts.push(...factsOf(`${what}, filters`, await framesOf(page, () => filter(page))));
    });
  }
  return facts;
}

const LAST_ROW =
  "Number([...document.querySelectorAll('[role=row][data-index]')].at(-1)?.dataset.index ?? -1)";

async function scroll(page: Page, rows: number): Promise<void> {
  await page.getByRole("grid").hover();
  for (let turns = 0; turns < 2_000; turns += 1) {
    await page.mouse.wheel(0, WHEEL_PX);
    await page.evaluate("new Promise((done) => requestAnimationFrame(done))");
    if (Number(await page.evaluate(LAST_ROW)) >= rows) return;
  }
  throw new Error(`the wheel did not reach row ${rows}`);
}

async function pressDown(page: Page): Promise<void> {
  await page.getByRole("grid").focus();
  for (let nth = 0; nth < KEYS; nth += 1) await page.keyboard.press("ArrowDown");
}

/** Types filters, applies them, and takes them away. */
async function filter(page: Page): Promise<void> {
  const input = page.getByRole("combobox", { name: "Filter" });
  for (const text of ["workflow:https://app.example/api/workflow-3", `label:${LABELS.rare}`]) {
    await input.pressSequentially(text);
    await page.keyboard.press("Escape");
    const answered = page.waitForResponse((response) => /\/v2\/workflows\//.test(response.url()));
    await input.press("Enter");
    await answered;
    await page.evaluate("new Promise((done) => requestIdleCallback(done))");
  }
  await page.getByRole("button", { name: "Clear", exact: true }).click();
  await page.locator(FIRST_ROW).waitFor();
  await page.keyboard.press("Escape");
}

async function measureLargeRuns(browser: Browser, url: string): Promise<readonly Fact[]> {
  const open = (place: string, work: (page: Page) => Promise<readonly Fact[]>) =>
    withPage(browser, async (page) => {
      await traceFrames(page);
      await page.goto(`${url}/#/runs/${place}`);
      await page.locator("main h1").waitFor();
      return work(page);
    });
  const steps = await open(LARGE_RUNS.steps, async (page) => {
    await page.locator("[data-timeline] li").first().waitFor();
    const keys = await framesOf(page, async () => {
      for (let nth = 0; nth < 100; nth += 1) await page.keyboard.press("j");
    });
    const far = await framesOf(page, () =>
      page.evaluate("document.querySelector('[data-timeline]').scrollTo(0, 1e9)"),
    );
    return [
      ...factsOf("run of 1,000 steps, 100 keys", keys),
      ...factsOf("run of 1,000 steps, to its end", far),
    ];
  });
  const tree = await open(`${LARGE_RUNS.tree}?tab=payload`, async (page) => {
    const whole = await framesOf(page, async () => {
      await page.getByRole("button", { name: "Show them whole" }).click();
      await page.getByText("5.0 MB", { exact: true }).waitFor();
    });
    const asTree = await framesOf(page, async () => {
      await page.getByRole("button", { name: "JSON" }).first().click();
      await page.getByRole("button", { name: "customers:" }).waitFor();
    });
    return [
      ...factsOf("payload of 5 MB, whole", whole),
      ...factsOf("payload of 5 MB, as a tree", asTree),
    ];
  });
  const line = await open(`${LARGE_RUNS.line}?tab=payload`, async (page) => {
    const whole = await framesOf(page, async () => {
      await page.getByRole("button", { name: "Show them whole" }).click();
      await page.getByText("1.2 MB", { exact: true }).waitFor();
    });
    return factsOf("payload of one line of 1.2 MB, whole", whole);
  });
  return [...steps, ...tree, ...line];
}
