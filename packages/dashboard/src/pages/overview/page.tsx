import type { Overview } from "@reprise/protocol";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import { ask } from "../../api/client.ts";
import { Empty, Fault, PageHead } from "../../parts/page.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { formatDuration } from "../../parts/when.tsx";
import { formatCount, plural } from "../../parts/words.ts";
import { Attention } from "./attention.tsx";
import { Pressure } from "./pressure.tsx";
import { formatShare, toMessages, toRuns } from "./series.ts";

const Chart = lazy(() => import("./chart.tsx").then((module) => ({ default: module.Chart })));

const TOPICS = [
  "runs",
  "messages",
  "deadLetters",
  "deadMessages",
  "queues",
  "flowControls",
] as const;
const REFRESH_MS = 15_000;
const WINDOWS = ["15m", "1h", "6h", "24h"];

export function Page() {
  const search = useSearch({ strict: false }) as Readonly<Record<string, string>>; // As the root route reads it.
  const given = search.window ?? "";
  const period = WINDOWS.includes(given) ? given : "1h";
  const { data, error, refetch } = useQuery({
    queryKey: [TOPICS, "overview", period],
    queryFn: ({ signal }) => ask<Overview>("/v2/overview", { query: { window: period }, signal }),
    placeholderData: keepPreviousData,
    // Time goes on when nothing changes.
    refetchInterval: REFRESH_MS,
  });
  return (
    <>
      <PageHead
        title="Overview"
        detail="What is open is counted in the database; what happened, by the server that answers this page."
        actions={<Periods present={period} />}
      />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data !== undefined && <Numbers overview={data} period={period} />}
    </>
  );
}

function Periods({ present }: { readonly present: string }) {
  const navigate = useNavigate();
  return (
    <fieldset className="flex gap-1" aria-label="Time">
      {WINDOWS.map((period) => (
        <button
          key={period}
          type="button"
          aria-pressed={period === present}
          onClick={() =>
            void navigate({
              to: ".",
              search: { window: period } as never, // The route's own search is texts by name.
            })
          }
          className={`rounded-md px-2.5 py-1 tabular-nums ${period === present ? "bg-accent-soft font-medium" : "text-soft hover:bg-raised"}`}
        >
          {period}
        </button>
      ))}
    </fieldset>
  );
}

/** Keeps the places of both charts free while they are on their way. */
function ChartRooms() {
  return (
    <>
      <div className="h-60" />
      <div className="h-60" />
    </>
  );
}

interface NumbersProps {
  readonly overview: Overview;
  readonly period: string;
}

function Numbers({ overview, period }: NumbersProps) {
  const { buckets, flowControls, queues, attention } = overview;
  return (
    <>
      <Attention items={attention} />
      {isUnused(overview) && (
        <div className="mb-4">
          <Empty title="Nothing has come yet">
            Send a first message, or start a workflow that your app serves:
            <Snippet command="reprise publish http://127.0.0.1:3000/hook --body hello" />
            <Snippet command="reprise runs trigger http://127.0.0.1:3000/workflow" />
          </Empty>
        </div>
      )}
      <Tiles overview={overview} period={period} />
      <div className="mt-4 grid gap-4 lg:grid-cols-2">
        <Suspense fallback={<ChartRooms />}>
          <Chart series={toMessages(buckets)} />
          <Chart series={toRuns(buckets)} />
        </Suspense>
        <Pressure
          title="Flow control"
          gates={flowControls}
          href="#/flow-control"
          nothing="No message has a flow-control key."
        />
        <Pressure
          title="Queues"
          gates={queues}
          href="#/queues"
          nothing="There are no queues. One begins with its first message, or with its settings."
        />
      </div>
    </>
  );
}

function isUnused({ open, runs, attempts }: Overview): boolean {
  const counts = [...Object.values(open), ...Object.values(runs), attempts.count];
  return counts.every((count) => count === 0);
}

function Tiles({ overview, period }: NumbersProps) {
  const {
    runs,
    attempts,
    latencyMs: latency,
    oldestDueAgeMs,
    open,
    stuckRuns,
    schedules,
  } = overview;
  const ended = runs.succeeded + runs.failed;
  return (
    <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
      <Tile name="Open runs" value={formatCount(open.runs)} href="#/runs?state=running">
        {formatCount(runs.started)} began in {period}
      </Tile>
      <Tile
        name="Failed runs"
        value={formatCount(runs.failed)}
        href="#/runs?state=failed"
        isBad={runs.failed > 0}
      >
        {formatShare(runs.failed, ended)} of those that ended in {period}
      </Tile>
      <Tile
        name="Dead letters"
        value={formatCount(open.deadLetters + open.deadMessages)}
        href="#/failures"
        isBad={open.deadLetters + open.deadMessages > 0}
      >
        {formatCount(open.deadLetters)} runs, {formatCount(open.deadMessages)} messages
      </Tile>
      <Tile
        name="Stuck runs"
        value={formatCount(stuckRuns)}
        href="#/runs?stuck=true"
        isBad={stuckRuns > 0}
      >
        nothing can wake them
      </Tile>
      <Tile
        name="Failed attempts"
        value={formatShare(attempts.failed, attempts.count)}
        href="#/logs"
      >
        {formatCount(attempts.failed)} of {formatCount(attempts.count)} in {period}
      </Tile>
      <Tile name="Latency" value={latency === null ? "–" : formatDuration(latency.p50)}>
        {latency === null
          ? `no attempt in ${period}`
          : `p95 ${formatDuration(latency.p95)}, p99 ${formatDuration(latency.p99)}`}
      </Tile>
      <Tile
        name="Oldest due"
        value={oldestDueAgeMs === null ? "–" : formatDuration(oldestDueAgeMs)}
        href="#/messages"
      >
        {oldestDueAgeMs === null ? "nothing is late" : "how long it waits beyond its time"}
      </Tile>
      <Tile name="Open messages" value={formatCount(open.messages)} href="#/messages">
        {plural(schedules.count, "schedule")}
        {schedules.paused > 0 ? `, ${schedules.paused} paused` : ""}
      </Tile>
    </dl>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly href?: string;
  readonly isBad?: boolean;
  readonly children: ReactNode;
}

function Tile({ name, value, href, isBad, children }: TileProps) {
  const number = <span className={isBad === true ? "text-bad" : ""}>{value}</span>;
  return (
    <div className="rounded-lg border border-line bg-panel px-4 py-3">
      <dt className="text-soft">{name}</dt>
      <dd className="mt-0.5 text-xl font-semibold tabular-nums">
        {href === undefined ? (
          number
        ) : (
          <a href={href} className="hover:underline">
            {number}
          </a>
        )}
      </dd>
      <dd className="mt-0.5 text-xs text-soft tabular-nums">{children}</dd>
    </div>
  );
}
