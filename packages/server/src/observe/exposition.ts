import { type Metric, type OpenMetricsContentType, Registry } from "prom-client";
import { COUNTER_SPECS } from "./counters.ts";
import { GAUGE_SPECS, type Readings } from "./gauges.ts";
import type { Meter, Spreads } from "./meter.ts";
import type { Spread } from "./spread.ts";

/** What is counted and read, as OpenMetrics. */

export const CONTENT_TYPE = Registry.OPENMETRICS_CONTENT_TYPE;

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** What a registry asks of a metric. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: (readings: Readings) => readonly Sample[];
}

export const SPREAD_SPECS: readonly (readonly [keyof Spreads, string, string])[] = [
  ["attempts", "reprise_attempt_seconds", "How long attempts took."],
  [
    "lateness",
    "reprise_start_lateness_seconds",
    "From when a message could be delivered to the start of its attempt.",
  ],
  [
    "commits",
    "reprise_storage_commit_seconds",
    "From the last write of a transaction until it was on disk.",
  ],
  [
    "work",
    "reprise_storage_work_seconds",
    "From the first read of a transaction to its last write.",
  ],
  ["rows", "reprise_storage_transaction_rows", "Rows that a transaction changed."],
];

/** Name (as the exposition shows it) and type of every metric, in order. */
export const METRIC_NAMES: readonly (readonly [name: string, type: Family["type"]])[] = [
  ...COUNTER_SPECS.map(([, title]) => [`${title}_total`, "counter"] as const),
  ...SPREAD_SPECS.map(([, title]) => [title, "histogram"] as const),
  ...GAUGE_SPECS.map(([, title]) => [title, "gauge"] as const),
];

/** @param read what the gauges show, asked for once a scrape. */
export function createExposition(
  meter: Meter,
  read: () => Promise<Readings>,
): () => Promise<string> {
  const families = familiesOf(meter);
  return async () => {
    const readings = await read();
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(CONTENT_TYPE);
    for (const { samples, ...own } of families) {
      const values = samples(readings);
      const metric = { ...own, get: async () => ({ ...own, aggregator: "sum", values }) };
      // A registry asks its metrics for their names and, by `get`, for their values; it needs nothing else of its own classes.
      if (values.length > 0) registry.registerMetric(metric as unknown as Metric);
    }
    return registry.metrics();
  };
}

function familiesOf({ counters, spreads }: Meter): readonly Family[] {
  return [
    ...COUNTER_SPECS.map(([key, name, help]): Family => {
      const samples = () =>
        Array.from(counters[key].entries(), ([labels, value]) => ({ labels, value }));
      return { name, help, type: "counter", samples };
    }),
    ...SPREAD_SPECS.map(([key, name, help]): Family => {
      return { name, help, type: "histogram", samples: () => toSamples(name, spreads[key]) };
    }),
    ...GAUGE_SPECS.map(([key, name, help]): Family => {
      return { name, help, type: "gauge", samples: (readings) => readings[key] ?? [] };
    }),
  ];
}

function toSamples(name: string, spread: Spread): readonly Sample[] {
  const counts = spread.cumulative;
  const count = counts.at(-1) ?? 0;
  return [
    ...spread.bounds.map((le, at) => {
      return { metricName: `${name}_bucket`, labels: { le }, value: counts[at] ?? 0 };
    }),
    { metricName: `${name}_bucket`, labels: { le: "+Inf" }, value: count },
    { metricName: `${name}_sum`, labels: {}, value: spread.sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
}
