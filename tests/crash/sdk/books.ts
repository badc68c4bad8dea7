import { DatabaseSync } from "node:sqlite";
import { SDK_ROUTES, type SdkRoute } from "./app-child.ts";

export interface SdkRun {
  readonly key: number;
  readonly id: string;
  readonly state: string;
  readonly response: string | null;
  readonly route: SdkRoute;
  /** Marks of the results that are recorded, by step; null where there is none, as behind a sleep. */
  readonly marks: ReadonlyMap<number, string | null>;
}

/** What the database holds at one instant. */
export interface SdkBooks {
  readonly runs: ReadonlyMap<string, SdkRun>;
  readonly runCount: number;
  readonly messageCount: number;
  /** Why runs have failed. */
  readonly failures: readonly string[];
  readonly integrity: string;
}

interface StepRow {
  readonly runKey: number;
  readonly stepId: number;
  readonly body: string;
}

const FAILURES = `SELECT runId || ' has failed: ' || reason || ', ' || responseStatus || ' '
  || coalesce(CAST(responseBody AS TEXT), '') || ' at attempt '
  || (SELECT count(*) FROM attempts WHERE attempts.messageKey = deadLetters.messageKey) AS text FROM deadLetters`;

/** Null while nobody has made the tables. */
export function readSdkBooks(path: string, isThorough = false): SdkBooks | null {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    database.exec("BEGIN");
    if (database.prepare("SELECT name FROM sqlite_master WHERE name = 'steps'").get() === undefined)
      return null;
    const all = <T>(sql: string) => database.prepare(sql).all() as unknown as readonly T[]; // Each caller names its columns.
    const count = (table: string) =>
      all<{ readonly count: number }>(`SELECT count(*) AS count FROM ${table}`)[0]?.count ?? 0;
    const marks = readMarks(
      all(
        "SELECT runKey, (slot - 1) / 2 AS stepId, CAST(body AS TEXT) AS body FROM steps WHERE slot % 2 = 1 AND slot > 1",
      ),
    );
    const rows = all<Omit<SdkRun, "marks" | "route"> & { readonly url: string }>(
      "SELECT key, id, state, url, CAST(response AS TEXT) AS response FROM runs",
    );
    const runs = rows.map(({ url, ...run }) => {
      return { ...run, route: routeOf(url), marks: marks.get(run.key) ?? new Map() };
    });
    return {
      runs: new Map(runs.map((run) => [run.id, run])),
      runCount: rows.length,
      messageCount: count("messages"),
      failures: all<{ readonly text: string }>(FAILURES).map(({ text }) => text),
      integrity: isThorough ? integrityOf(all("PRAGMA integrity_check")) : "ok",
    };
  } finally {
    database.close();
  }
}

function readMarks(rows: readonly StepRow[]): ReadonlyMap<number, Map<number, string | null>> {
  const marks = new Map<number, Map<number, string | null>>();
  for (const { runKey, stepId, body } of rows) {
    const own = marks.get(runKey) ?? new Map<number, string | null>();
    marks.set(runKey, own);
    const { out } = JSON.parse(body) as { readonly out?: string }; // A record.
    const result: unknown = out === undefined ? null : JSON.parse(out);
    own.set(stepId, typeof result === "string" ? result : null);
  }
  return marks;
}

function routeOf(url: string): SdkRoute {
  const route = SDK_ROUTES.find((known) => url.endsWith(`/${known}`));
  if (route === undefined) throw new Error(`nobody has started a run of ${url}`);
  return route;
}

function integrityOf(rows: readonly { readonly integrity_check: string }[]): string {
  return rows.map((row) => row.integrity_check).join("; ");
}
