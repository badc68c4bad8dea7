import type { DeadLetterResource, RunResource } from "@reprise/protocol";
import { useParams } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { Empty, Fault, PageHead } from "../../parts/page.tsx";
import { hostOf, pathOf, placeSteps } from "../../parts/run-story.ts";
import { Instant, useNow } from "../../parts/when.tsx";
import type { Verb } from "../../recover/recovery.ts";
import { type HotKeys, useHotKeys } from "../../shell/hot-keys.ts";
import { Events } from "./events.tsx";
import { FailurePanel } from "./failure-panel.tsx";
import { Payloads } from "./payloads.tsx";
import { RunActions } from "./run-actions.tsx";
import { Lineage, RunFacts, Verdict } from "./run-head.tsx";
import { StepDetail } from "./step-detail.tsx";
import { Timeline } from "./timeline.tsx";
import { nextFailed, type Timeline as TimelineModel, toTimeline } from "./timeline-model.ts";
import { BODY_BYTES, NO_STEP, useDeadLetter, usePlace, useRun } from "./use-run.ts";

export function Page() {
  const { runId } = useParams({ from: "/runs/$runId" });
  const { place } = usePlace();
  const [isWhole, setWhole] = useState(false);
  const { data, error, isPending, refetch } = useRun(runId, place.created, isWhole);
  const run = data?.run ?? null;
  const { data: entry } = useDeadLetter(run?.dlqId);
  if (error !== null && run === null) {
    return <Fault error={error} onRetry={() => void refetch()} />;
  }
  if (isPending) return <PageHead title="Run" />;
  if (run === null) {
    return (
      <>
        <PageHead title="Run" />
        <Empty title={`There is no run ${runId}`}>
          It may have been deleted by the retention, or belongs to another server.{" "}
          <a href="#/runs" className="text-accent underline">
            All runs
          </a>
        </Empty>
      </>
    );
  }
  return (
    <Found
      run={run}
      others={data?.others ?? []}
      entry={entry}
      isWhole={isWhole}
      onWhole={() => setWhole(true)}
    />
  );
}

interface FoundProps {
  readonly run: RunResource;
  readonly others: readonly RunResource[];
  readonly entry: DeadLetterResource | null | undefined;
  readonly isWhole: boolean;
  readonly onWhole: () => void;
}

function Found({ run, others, entry, isWhole, onWhole }: FoundProps) {
  const { place, go } = usePlace();
  const [verb, setVerb] = useState<Verb | null>(null);
  const onVerb = useCallback((next: Verb | null) => setVerb(next), []);
  return (
    <>
      <PageHead
        title={pathOf(run.workflowUrl)}
        detail={<span title={run.workflowUrl}>{hostOf(run.workflowUrl)}</span>}
        actions={<RunActions run={run} entry={entry} verb={verb} onVerb={onVerb} />}
      />
      <RunFacts run={run} />
      <Verdict run={run} entry={entry} />
      <Lineage run={run} />
      {others.length > 0 && (
        <p className="mb-3 text-soft">
          The id was used {others.length} more {others.length === 1 ? "time" : "times"}:{" "}
          {others.map(({ workflowRunCreatedAt: at }) => (
            <button
              key={at}
              type="button"
              className="mr-2 text-accent underline"
              onClick={() => go({ created: at, step: undefined, attempt: undefined })}
            >
              <Instant isExact at={at} />
            </button>
          ))}
        </p>
      )}
      <TabRow run={run} tab={place.tab} onTab={(tab) => go({ tab })} />
      {!isWhole && isCut(run) && (
        <p className="mb-2 text-xs text-soft">
          Bodies are shown up to {BODY_BYTES / 1_024} KiB.{" "}
          <button type="button" className="text-accent underline" onClick={onWhole}>
            Show them whole
          </button>
        </p>
      )}
      {place.tab === "steps" && <Steps run={run} entry={entry} />}
      {place.tab === "payload" && <Payloads run={run} />}
      {place.tab === "failure" && <FailurePanel run={run} onRerun={() => setVerb("callback")} />}
      {place.tab === "events" && <Events run={run} />}
    </>
  );
}

/** Something is as long as what was asked for, so it may be longer. */
function isCut(run: RunResource): boolean {
  const isLong = (text: string | undefined) => (text?.length ?? 0) * 3 >= BODY_BYTES;
  return placeSteps(run).some(
    ({ step }) =>
      isLong("out" in step ? step.out : undefined) ||
      isLong(step.callBody) ||
      isLong(step.callResponseBody) ||
      (step.errors ?? []).some(({ body }) => isLong(body)) ||
      isLong(run.workflowRunResponse),
  );
}

const TABS = [
  ["steps", "Steps"],
  ["payload", "Payload and result"],
  ["failure", "Failure function"],
  ["events", "Events"],
] as const;

interface TabRowProps {
  readonly run: RunResource;
  readonly tab: string;
  readonly onTab: (tab: string) => void;
}

function TabRow({ run, tab, onTab }: TabRowProps) {
  const isFailed = run.workflowState === "RUN_FAILED";
  const shown = TABS.filter(([name]) => name !== "failure" || isFailed);
  return (
    <div className="mb-3 flex gap-1 overflow-x-auto border-b border-line">
      {shown.map(([name, title]) => (
        <button
          key={name}
          type="button"
          aria-pressed={tab === name}
          onClick={() => onTab(name)}
          className={`-mb-px shrink-0 border-b-2 px-3 py-1.5 whitespace-nowrap ${tab === name ? "border-accent font-medium" : "border-transparent text-soft hover:text-ink"}`}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

interface StepsProps {
  readonly run: RunResource;
  readonly entry: DeadLetterResource | null | undefined;
}

const TICK_MS = 5_000;

/** An ended run does not change, and a live one need not be drawn anew each second. */
function Steps(props: StepsProps) {
  const isOpen = props.run.workflowRunCompletedAt === undefined;
  return isOpen ? <LiveSteps {...props} /> : <StepsAt {...props} now={0} />;
}

function LiveSteps(props: StepsProps) {
  return <StepsAt {...props} now={Math.ceil(useNow() / TICK_MS) * TICK_MS} />;
}

function StepsAt({ run, entry, now }: StepsProps & { readonly now: number }) {
  const { place, go } = usePlace();
  const timeline = useMemo(() => toTimeline(run, now), [run, now]);
  const { step, attempt } =
    place.step === null && !place.isClosed ? whyItFailed(run, timeline) : place;
  const close = useCallback(() => go({ step: NO_STEP, attempt: undefined }), [go]);
  const keys = useMemo<HotKeys>(() => {
    const jump = (direction: 1 | -1) => () => {
      const bar = nextFailed(timeline.bars, step ?? -1, direction);
      if (bar !== undefined) go({ step: bar.index, attempt: bar.attempts.at(-1)?.index });
    };
    const move = (by: number) => () => {
      const last = timeline.bars.length - 1;
      const next = Math.max(0, Math.min(last, (step ?? -1) + by));
      go({ step: next, attempt: undefined });
    };
    return { "[": jump(-1), "]": jump(1), j: move(1), k: move(-1), Escape: close };
  }, [timeline, step, go, close]);
  useHotKeys(keys);
  const bar = step === null ? undefined : timeline.bars[step];
  const open = (index: number, at: number | null) => go({ step: index, attempt: at ?? undefined });
  return (
    <div
      className={`grid items-start gap-4 ${bar === undefined ? "" : "xl:grid-cols-[minmax(0,1fr)_minmax(0,34rem)]"}`}
    >
      <Timeline timeline={timeline} step={step} attempt={attempt} onOpen={open} />
      {bar !== undefined && (
        <StepDetail
          run={run}
          bar={bar}
          attempt={attempt}
          entry={entry}
          onAttempt={(at) => open(bar.index, at)}
          onClose={close}
        />
      )}
    </div>
  );
}

/** What a person comes for: the attempt that ended the run. */
function whyItFailed({ workflowState }: RunResource, { bars }: TimelineModel) {
  const bar =
    workflowState === "RUN_FAILED"
      ? bars.findLast(({ placed }) => placed.step.state === "STEP_FAILED")
      : undefined;
  return { step: bar?.index ?? null, attempt: bar?.attempts.at(-1)?.index ?? null };
}
