import { availableParallelism, cpus } from "node:os";
import type { StartUp } from "./start-up.ts";

/** One row of `--json`. */
export interface Result {
  readonly name: string;
  /** Runs at once. */
  readonly concurrency: number;
  readonly perSecond: number;
  /** Against the official SDK in the same minutes; null when that was not measured. */
  readonly timesOfficial: number | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the whole server process, user and system, for one operation. */
  readonly serverCpuUsPerOp: number;
  /** The same of all processes of the PostgreSQL; 0 when the store is embedded. */
  readonly databaseCpuUsPerOp: number;
  /** The same of the app. */
  readonly appCpuUsPerOp: number;
  /** The same exchange with a server that keeps nothing. */
  readonly ceilingPerSecond: number;
}

export interface Measurement {
  readonly result: Result;
  /** Share of the time in which the server's main thread was at work, 0 to 1. */
  readonly serverUtilization: number;
  /** Share of the time in which the app's thread was at work, 0 to 1: near 1 the app is the limit, not the server. */
  readonly appUtilization: number;
  /** Of the server that keeps nothing: what this machine makes of the same exchange, for comparing machines. */
  readonly ceilingP50Ms: number;
  readonly ceilingCpuUsPerOp: number;
}

const MEBIBYTE = 1024 * 1024;

export function printStartUp({ coldStartMs, idleRssBytes }: StartUp): void {
  const memory = (idleRssBytes / MEBIBYTE).toFixed(0);
  console.log(`start to first accepted run ${coldStartMs.toFixed(0)} ms, idle ${memory} MiB`);
}

const COLUMNS = [
  "name",
  "runs at once",
  "steps/s",
  "x official",
  "p50 ms",
  "p99 ms",
  "server us/step",
  "busy",
  "database us/step",
  "app us/step",
  "busy",
  "ceiling/s",
  "of ceiling",
  "its p50 ms",
  "its us/step",
] as const;

export function printTable(measurements: readonly Measurement[]): void {
  const [cpu] = cpus();
  console.log(`\n${availableParallelism()} CPUs (${cpu?.model ?? "unknown"}), ${process.version}`);
  const rows = measurements.map(toRow);
  const all = [[...COLUMNS], ...rows];
  const widths = COLUMNS.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  for (const row of all) {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    console.log(cells.join("  "));
  }
}

function toRow(measurement: Measurement): readonly string[] {
  const { result, serverUtilization, appUtilization, ceilingP50Ms, ceilingCpuUsPerOp } =
    measurement;
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  return [
    result.name,
    String(result.concurrency),
    result.perSecond.toFixed(0),
    result.timesOfficial === null ? "" : result.timesOfficial.toFixed(2),
    result.p50Ms.toFixed(2),
    result.p99Ms.toFixed(2),
    result.serverCpuUsPerOp.toFixed(0),
    percent(serverUtilization),
    result.databaseCpuUsPerOp.toFixed(0),
    result.appCpuUsPerOp.toFixed(0),
    percent(appUtilization),
    result.ceilingPerSecond.toFixed(0),
    percent(result.perSecond / result.ceilingPerSecond),
    ceilingP50Ms.toFixed(2),
    ceilingCpuUsPerOp.toFixed(0),
  ];
}

/** One figure of the benchmarks of messages. */
export interface Fact {
  readonly name: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The same of a server that keeps nothing, measured before and behind; null where there is nothing to compare. */
  readonly ceiling: number | null;
}

export function printFacts(facts: readonly Fact[]): void {
  for (const { name, what, value, unit, ceiling } of facts) {
    const relation =
      ceiling === null
        ? ""
        : `  (ceiling ${round(ceiling)} ${unit}, ${((100 * value) / ceiling).toFixed(0)} %)`;
    console.log(`${name.padEnd(18)} ${what.padEnd(58)} ${round(value)} ${unit}${relation}`);
  }
}

function round(value: number): string {
  return value.toFixed(Math.abs(value) < 100 ? 1 : 0).padStart(9);
}
