import type { DeadLetterResource, RunResource } from "@reprise/protocol";
import { Badge, StateBadge } from "../../parts/badge.tsx";
import { CauseBadge } from "../../parts/cause-badge.tsx";
import { causeText } from "../../parts/causes.ts";
import { Copy } from "../../parts/copy.tsx";
import { RunLink } from "../../parts/id-link.tsx";
import { durationOf, placeSteps } from "../../parts/run-story.ts";
import { verdictOf } from "../../parts/verdict.ts";
import { VerdictText } from "../../parts/verdict-text.tsx";
import { formatDuration, Instant, useNow, When } from "../../parts/when.tsx";

const EDGES = {
  good: "border-l-good",
  bad: "border-l-bad",
  warn: "border-l-warn",
  calm: "border-l-calm",
  dull: "border-l-soft",
} as const;

interface VerdictProps {
  readonly run: RunResource;
  readonly entry: DeadLetterResource | null | undefined;
}

/** Where the run stands and why, in one sentence. */
export function Verdict({ run, entry }: VerdictProps) {
  const { tone, words, next } = verdictOf(run);
  const cause = entry?.cause;
  return (
    <section
      aria-label="Where it stands"
      className={`mb-4 rounded-lg border border-l-4 border-line bg-panel p-4 ${EDGES[tone]}`}
    >
      <p className="text-base break-words" data-verdict>
        <VerdictText words={words} />
      </p>
      {next.length > 0 && (
        <p className="mt-1 break-words text-soft">
          <VerdictText words={next} />
        </p>
      )}
      {cause !== undefined && run.resumedBy === undefined && (
        <div className="mt-2 flex flex-wrap items-center gap-2">
          <CauseBadge cause={cause} />
          <span className="min-w-0 text-soft">{causeText(cause).advice}</span>
        </div>
      )}
    </section>
  );
}

export function RunFacts({ run }: { readonly run: RunResource }) {
  const { workflowRunId, workflowRunCreatedAt, labels = [], flowControlKey } = run;
  return (
    <div className="mb-3 flex flex-wrap items-center gap-x-4 gap-y-1 text-soft">
      <span className="inline-flex items-center gap-2">
        {run.isStuck === true ? (
          <Badge tone="bad">stuck</Badge>
        ) : (
          <StateBadge state={run.workflowState} />
        )}
        <span className="font-mono text-xs break-all">{workflowRunId}</span>
        <Copy text={workflowRunId} label="the id of the run" />
      </span>
      <span>
        began <When at={workflowRunCreatedAt} /> (<Instant isExact at={workflowRunCreatedAt} />)
      </span>
      <span>
        <Lasting run={run} />
      </span>
      {labels.map((label) => (
        <span
          key={label}
          className="max-w-48 truncate rounded bg-raised px-1.5 text-xs"
          title={label}
        >
          {label}
        </span>
      ))}
      {flowControlKey !== undefined && <span>flow control {flowControlKey}</span>}
      {run.workflowRunCallerIp !== undefined && <span>from {run.workflowRunCallerIp}</span>}
    </div>
  );
}

function Lasting({ run }: { readonly run: RunResource }) {
  const now = useNow();
  const isOpen = run.workflowRunCompletedAt === undefined;
  return (
    <>
      {isOpen ? "for" : "lasted"}{" "}
      <span className="tabular-nums">{formatDuration(durationOf(run, now))}</span>
    </>
  );
}

const PAST = { resume: "Resumed", restart: "Restarted" } as const;
const CHILDREN_SHOWN = 12;

/** Runs that this one comes from, and those that come from it. */
export function Lineage({ run }: { readonly run: RunResource }) {
  const { invoker, resumedFrom, resumedBy } = run;
  const children = placeSteps(run).flatMap(({ step: { invokedWorkflowRunId: id } }) =>
    id === undefined ? [] : [id],
  );
  const links = [
    ...(invoker === undefined ? [] : [["Invoked by", [invoker.workflowRunId]] as const]),
    ...(resumedFrom === undefined
      ? []
      : [[`${PAST[resumedFrom.mode]} from`, [resumedFrom.workflowRunId]] as const]),
    ...(resumedBy === undefined
      ? []
      : [[`${PAST[resumedBy.mode]} as`, [resumedBy.workflowRunId]] as const]),
    ...(children.length === 0 ? [] : [["Invoked", children] as const]),
  ];
  if (links.length === 0) return null;
  return (
    <dl className="mb-4 flex flex-wrap gap-x-6 gap-y-1 rounded-lg border border-line bg-panel px-4 py-2">
      {links.map(([relation, ids]) => (
        <div key={relation} className="flex min-w-0 flex-wrap gap-2">
          <dt className="text-soft">{relation}</dt>
          <dd className="flex flex-wrap gap-2">
            {ids.slice(0, CHILDREN_SHOWN).map((id) => (
              <RunLink key={id} id={id} />
            ))}
            {ids.length > CHILDREN_SHOWN && (
              <span className="text-soft">and {ids.length - CHILDREN_SHOWN} more</span>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
