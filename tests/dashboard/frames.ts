import type { Page } from "playwright-core";

/** How a page keeps its frames: what a person feels as smooth, or as stuck. */

/** Runs in the page: frames, and what held them up, since the last reset. */
const SCRIPT = `
  const trace = { gaps: [], busy: [] };
  globalThis.__frames = trace;
  let before = performance.now();
  const look = (now) => {
    trace.gaps.push(now - before);
    before = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const observe = (type, toMs) => {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) return;
    new PerformanceObserver((list) => trace.busy.push(...list.getEntries().map(toMs))).observe({ type, buffered: true });
  };
  observe("longtask", ({ duration }) => duration);
`;

export interface Frames {
  readonly count: number;
  readonly longestMs: number;
  readonly p99Ms: number;
  readonly over50: number;
  readonly over100: number;
  /** The longest time in which the page's own work let nothing else happen; 0 when none was over 50 ms. */
  readonly longestTaskMs: number;
  readonly tasks: number;
}

/** Goes before the first visit. */
export async function traceFrames(page: Page): Promise<void> {
  await page.addInitScript(SCRIPT);
}

/** What happened to the frames of the page while the work was done, up to the frame behind it. */
export async function framesOf(page: Page, work: () => Promise<unknown>): Promise<Frames> {
  const reset = "Object.assign(__frames, { gaps: [], busy: [] })";
  await page.evaluate(`new Promise((done) => requestAnimationFrame(() => done(${reset}) ))`);
  await work();
  const { gaps, busy } = (await page.evaluate(
    "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(__frames))))",
  )) as { readonly gaps: readonly number[]; readonly busy: readonly number[] }; // What the script above keeps.
  return summarize(gaps, busy);
}

function summarize(gaps: readonly number[], busy: readonly number[]): Frames {
  const sorted = gaps.toSorted((a, b) => a - b);
  return {
    count: gaps.length,
    longestMs: sorted.at(-1) ?? 0,
    p99Ms: sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 0,
    over50: gaps.filter((ms) => ms > 50).length,
    over100: gaps.filter((ms) => ms > 100).length,
    longestTaskMs: Math.max(0, ...busy),
    tasks: busy.length,
  };
}
