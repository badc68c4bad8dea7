import type { MatchCount, RunPage, RunResource } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { ask, type Query } from "../../api/client.ts";
import { type Action, useAction } from "../../api/use-action.ts";
import type { Filter } from "../../filters/fields.ts";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Fault } from "../../parts/page.tsx";
import { pathOf, runKey } from "../../parts/run-story.ts";
import { formatCount, plural } from "../../parts/words.ts";
import { cancelIds, cancelMatching, liveQuery, whyNot } from "./cancel.ts";
import { RUNS_PATH } from "./use-runs.ts";

interface CancelRunsProps {
  readonly chosen: readonly RunResource[];
  readonly filter: Filter;
  readonly query: Query;
  readonly onDone: () => void;
}

/** Cancels the chosen runs, or all live ones that the filter shows, after it has said how many. */
export function CancelRuns({ chosen, filter, query, onDone }: CancelRunsProps) {
  const [isOpen, setOpen] = useState(false);
  // The filter up to the instant of the question.
  const [live, setLive] = useState<Query>({});
  const hasChosen = chosen.length > 0;
  const fault = hasChosen ? null : whyNot(filter);
  const askFirst = () => {
    setLive(liveQuery(query, Date.now()));
    setOpen(true);
  };
  const close = () => setOpen(false);
  return (
    <>
      <Button onClick={askFirst} disabled={fault !== null} title={fault ?? undefined}>
        {hasChosen ? `Cancel ${plural(chosen.length, "run")}` : "Cancel what matches"}
      </Button>
      <Dialog isOpen={isOpen} onClose={close} title="Cancel runs">
        {hasChosen ? (
          <CancelChosen chosen={chosen} onClose={close} onDone={onDone} />
        ) : (
          <CancelMatching query={live} isBare={filter.terms.length === 0} onClose={close} />
        )}
      </Dialog>
    </>
  );
}

const SHOWN = 5;

interface CancelChosenProps {
  readonly chosen: readonly RunResource[];
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function CancelChosen({ chosen, onClose, onDone }: CancelChosenProps) {
  const action = useAction("runs");
  const live = chosen.filter(({ workflowState }) => workflowState === "RUN_STARTED");
  const ended = chosen.length - live.length;
  const go = async () => {
    const ids = live.map(({ workflowRunId }) => workflowRunId);
    if (!(await action.run(() => cancelIds(ids)))) return;
    onDone();
    onClose();
  };
  return (
    <>
      <p>
        {plural(live.length, "run")} will end where they stand.
        {ended > 0 && ` ${ended} of the chosen have ended already and stay as they are.`} This
        cannot be undone.
      </p>
      <Sample runs={live} count={live.length} />
      <Buttons action={action} count={live.length} onGo={() => void go()} onClose={onClose} />
    </>
  );
}

interface SampleProps {
  readonly runs: readonly RunResource[];
  /** Of all that are meant. */
  readonly count: number;
}

/** Some of those that will end. */
function Sample({ runs, count }: SampleProps) {
  const shown = runs.slice(0, SHOWN);
  const more = count - shown.length;
  return (
    <ul className="mt-2 text-soft">
      {shown.map((run) => (
        <li key={runKey(run)} className="truncate">
          <code className="font-mono text-xs">{run.workflowRunId}</code> {pathOf(run.workflowUrl)}
        </li>
      ))}
      {more > 0 && <li>and {formatCount(more)} more</li>}
    </ul>
  );
}

/** How many there are, and the newest of them. */
async function preview(query: Query, signal: AbortSignal) {
  const list = { ...query, count: SHOWN, trimBody: 0 };
  const [{ count, isExact }, { runs }] = await Promise.all([
    ask<MatchCount>("/v2/workflows/runs/count", { query, signal }),
    ask<RunPage>(RUNS_PATH, { query: list, signal }),
  ]);
  return { count, isExact, runs };
}

interface CancelMatchingProps {
  readonly query: Query;
  readonly isBare: boolean;
  readonly onClose: () => void;
}

function CancelMatching({ query, isBare, onClose }: CancelMatchingProps) {
  const action = useAction("runs");
  const [cancelled, setCancelled] = useState<number | null>(null);
  const stop = useRef<AbortController | null>(null);
  const counted = useQuery({
    queryKey: ["count", "runs", query],
    queryFn: ({ signal }) => preview(query, signal),
  });
  if (counted.error !== null) return <Fault error={counted.error} />;
  if (counted.data === undefined) return <p className="text-soft">Counting ...</p>;
  const { count, isExact, runs } = counted.data;
  const go = async () => {
    stop.current = new AbortController();
    setCancelled(0);
    const { signal } = stop.current;
    const work = () => cancelMatching({ query, count, onProgress: setCancelled, signal });
    if ((await action.run(work)) && !signal.aborted) onClose();
  };
  const close = () => {
    stop.current?.abort();
    onClose();
  };
  return (
    <>
      <p>
        {isBare ? "No filter is set: " : ""}
        <strong>
          {isExact ? "" : "at least "}
          {plural(count, "live run")}
        </strong>{" "}
        {isBare ? "are all that this server has, and they" : "match the filter, and they"} will end
        where they stand. This cannot be undone.
      </p>
      {cancelled === null && <Sample runs={runs} count={count} />}
      {cancelled !== null && (
        <p role="status" className="mt-2 tabular-nums">
          <progress className="mr-2 w-48 align-middle" value={cancelled} max={Math.max(count, 1)} />
          {cancelled} of {count}
        </p>
      )}
      <Buttons action={action} count={count} onGo={() => void go()} onClose={close} />
    </>
  );
}

interface ButtonsProps {
  readonly action: Action;
  readonly count: number;
  readonly onGo: () => void;
  readonly onClose: () => void;
}

function Buttons({ action, count, onGo, onClose }: ButtonsProps) {
  return (
    <>
      {action.error !== null && (
        <div className="mt-3">
          <Fault error={action.error} />
        </div>
      )}
      <div className="mt-5 flex justify-end gap-2">
        <Button onClick={onClose}>{action.isBusy ? "Stop" : "Keep"}</Button>
        <Button look="danger" disabled={action.isBusy || count === 0} onClick={onGo}>
          Cancel {plural(count, "run")}
        </Button>
      </div>
    </>
  );
}
