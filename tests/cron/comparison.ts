/** Compares the ticks of the server with the minute-by-minute walk, and with a second implementation. */

import { type Cron, nextTick, parseCron } from "@reprise/server";
import { Cron as SecondCron } from "croner";
import { DAY_MS, listTicks, readStretches, type Stretch } from "./oracle.ts";

export interface Comparison {
  readonly zoneName: string;
  readonly expressions: readonly string[];
  /** Of these, whole years are walked; of the others, the days around shifts and the first days of years. */
  readonly wholeExpressions: ReadonlySet<string>;
  readonly from: number;
  readonly to: number;
}

/** What was compared in one zone. A check is one question with one answer. */
export interface ComparisonResult {
  readonly shifts: number;
  /** Questions whose answer the walk gave. */
  readonly walkChecks: number;
  /** Questions that the second implementation answered too. */
  readonly secondChecks: number;
  readonly failed: number;
  /** The first failures, in words. */
  readonly failures: readonly string[];
}

interface Tally {
  walkChecks: number;
  secondChecks: number;
  failed: number;
  readonly failures: string[];
}

/** An expression in a zone, and what the walk knows of the zone. */
interface Subject {
  readonly text: string;
  readonly cron: Cron;
  readonly expression: string;
  readonly zoneName: string;
  readonly stretches: readonly Stretch[];
  readonly knownUntil: number;
}

type Span = readonly [number, number];

const FAILURES_KEPT = 5;
/** So far around a shift, and a day more, everything is walked and nothing is asked of the second implementation. */
const NEAR_SHIFT_MS = 2 * DAY_MS;
const CALM_DISTANCE_MS = 397 * DAY_MS;
/** Each of these many ticks is also asked for from other instants than the tick before it. */
const ODD_QUESTION_EVERY = 8;
/** The second implementation takes a tenth of a millisecond per tick. */
const SECOND_QUESTIONS_PER_SPAN = 8;

/** Compares every expression in one zone. */
export function compareZone(comparison: Comparison): ComparisonResult {
  const { zoneName, from, to } = comparison;
  const knownUntil = to + 3 * DAY_MS;
  const stretches = readStretches(zoneName, from - 3 * DAY_MS, knownUntil);
  const shifts = stretches
    .slice(1)
    .map((stretch) => stretch.from)
    .filter((at) => at >= from && at <= to);
  const spans = [
    ...shifts.map((at): Span => [at - NEAR_SHIFT_MS, at + NEAR_SHIFT_MS]),
    ...daysOfYears(from, to),
  ];
  const tally: Tally = { walkChecks: 0, secondChecks: 0, failed: 0, failures: [] };
  for (const expression of comparison.expressions) {
    const text = `CRON_TZ=${zoneName} ${expression}`;
    const cron = parseCron(text);
    const subject = { text, cron, expression, zoneName, stretches, knownUntil };
    const isWhole = comparison.wholeExpressions.has(expression);
    for (const span of isWhole ? [[from, to] as const] : spans) {
      compareWithWalk(subject, span, tally);
    }
    for (const [, spanEnd] of spans) compareWithSecond(subject, spanEnd, tally);
  }
  return { ...tally, shifts: shifts.length };
}

/** Four days of each year, every year in another month. */
function daysOfYears(from: number, to: number): readonly Span[] {
  const count = Math.floor((to - from) / CALM_DISTANCE_MS) + 1;
  return Array.from({ length: count }, (_, index): Span => {
    const start = from + index * CALM_DISTANCE_MS;
    return [start, Math.min(start + 2 * NEAR_SHIFT_MS, to)];
  });
}

function compareWithWalk(subject: Subject, span: Span, tally: Tally): void {
  const { cron, text, expression, stretches } = subject;
  let previous = span[0];
  for (const [index, tick] of listTicks(expression, stretches, span).entries()) {
    const between = previous + Math.floor((tick - previous) * ((index % 97) / 97));
    const isAskedOften = index % ODD_QUESTION_EVERY === 0;
    for (const after of isAskedOften ? [previous, between, tick - 1] : [previous]) {
      const got = nextTick(cron, after);
      tally.walkChecks += 1;
      if (got !== tick) fail(tally, `${text} after ${iso(after)}: ${iso(got)}, not ${iso(tick)}`);
    }
    previous = tick;
  }
  const following = nextTick(cron, previous);
  tally.walkChecks += 1;
  if (following !== null && following <= span[1]) {
    fail(tally, `${text} after ${iso(previous)}: ${iso(following)}, where the walk has no tick`);
  }
}

function compareWithSecond(subject: Subject, from: number, tally: Tally): void {
  const { text, cron, zoneName: timezone } = subject;
  // The second implementation has no word for "from 5 on".
  const pattern = subject.expression.replace(/^5\/15/, "5-59/15");
  const second = new SecondCron(pattern, { timezone, paused: true });
  let after = from;
  for (let count = 0; count < SECOND_QUESTIONS_PER_SPAN; count++) {
    const tick = nextTick(cron, after);
    const secondTick = second.nextRun(new Date(after))?.getTime() ?? null;
    if (![after, tick, secondTick].every((at) => isFarFromShifts(subject, at))) return;
    tally.secondChecks += 1;
    if (tick !== secondTick) {
      fail(tally, `${text} after ${iso(after)}: ${iso(tick)}, but croner has ${iso(secondTick)}`);
    }
    if (tick === null) return;
    after = tick;
  }
}

/** Shifts between two instants that are far from them move neither, so only the instants themselves count. */
function isFarFromShifts({ stretches, knownUntil }: Subject, at: number | null): boolean {
  if (at === null) return true;
  if (at > knownUntil - DAY_MS) return false;
  return stretches.slice(1).every((stretch) => Math.abs(stretch.from - at) > DAY_MS);
}

function fail(tally: Tally, failure: string): void {
  tally.failed += 1;
  if (tally.failures.length < FAILURES_KEPT) tally.failures.push(failure);
}

function iso(at: number | null): string {
  return at === null ? "none" : new Date(at).toISOString();
}
