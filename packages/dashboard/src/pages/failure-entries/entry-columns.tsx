import type { DeadLetterResource, DeadMessageResource } from "@reprise/protocol";
import { Lock } from "lucide-react";
import { Badge, StateBadge } from "../../parts/badge.tsx";
import { CauseBadge } from "../../parts/cause-badge.tsx";
import { MessageLink, RunLink } from "../../parts/id-link.tsx";
import type { TableColumn } from "../../parts/table/columns.ts";
import { UrlLines } from "../../parts/url-text.tsx";
import { When } from "../../parts/when.tsx";
import type { DeadEntry } from "../../recover/overrides.ts";
import { type DeadQueue, failedAtOf } from "../../recover/recovery.ts";
import { saidBy } from "../../recover/said.ts";

export function entryColumns(queue: DeadQueue): readonly TableColumn<DeadEntry>[] {
  const isOfRuns = queue === "workflows";
  return [
    { id: "cause", title: "Cause", width: "9.25rem", cell: Cause, isFixed: true },
    {
      id: "where",
      title: isOfRuns ? "Workflow" : "Destination",
      width: "minmax(10rem, 1.5fr)",
      cell: Where,
      narrow: "line",
    },
    { id: "reason", title: "Reason", width: "minmax(12rem, 3fr)", cell: Reason, narrow: "line" },
    {
      id: "status",
      title: "Status",
      width: "3.75rem",
      isNumber: true,
      cell: Status,
      narrow: "none",
    },
    { id: "failed", title: "Failed", width: "6.5rem", cell: Failed },
    ...(isOfRuns
      ? [{ id: "function", title: "Failure function", width: "8rem", cell: FailureFunction }]
      : [{ id: "queue", title: "Queue", width: "7rem", cell: Queue, isHidden: true } as const]),
    { id: "labels", title: "Labels", width: "8rem", cell: Labels, isHidden: true, narrow: "none" },
    { id: "id", title: isOfRuns ? "Run" : "Message", width: "7.5rem", cell: Id, narrow: "none" },
    { id: "expires", title: "Expires", width: "5.5rem", cell: Expires, narrow: "none" },
    {
      id: "dlqId",
      title: "Dead letter",
      width: "11rem",
      cell: DlqId,
      isHidden: true,
      narrow: "none",
    },
  ];
}

const isOfRun = (entry: DeadEntry): entry is DeadLetterResource => "workflowRunId" in entry;

const Cause = ({ cause }: DeadEntry) => <CauseBadge cause={cause} />;

const Where = (entry: DeadEntry) => (
  <UrlLines url={entry.url} stepName={isOfRun(entry) ? entry.stepName : null} />
);

function Reason(entry: DeadEntry) {
  const { reason = "" } = entry;
  const said = saidBy(entry);
  return (
    <div title={said === null ? reason : `${reason}: ${said}`}>
      <div className="truncate">{said ?? reason}</div>
      {said !== null && <div className="truncate text-xs text-soft">{reason}</div>}
    </div>
  );
}

const Status = ({ responseStatus }: DeadEntry) =>
  responseStatus === 0 ? <span className="text-soft">none</span> : responseStatus;

function Failed({ dlqId }: DeadEntry) {
  const at = failedAtOf(dlqId);
  return at === null ? null : <When at={at} />;
}

function FailureFunction(entry: DeadEntry) {
  const state = isOfRun(entry) ? entry.failureFunctionState : undefined;
  return state === undefined ? (
    <span className="text-soft">none</span>
  ) : (
    <StateBadge state={state} />
  );
}

const Queue = (entry: DeadEntry) => (entry as DeadMessageResource).queueName ?? null; // Of messages alone.

const Labels = ({ labels = [] }: DeadEntry) => (
  <span className="inline-flex gap-1" title={labels.join(", ")}>
    {labels.map((label) => (
      <Badge key={label} tone="dull">
        {label}
      </Badge>
    ))}
  </span>
);

const Id = (entry: DeadEntry) =>
  isOfRun(entry) ? <RunLink id={entry.workflowRunId} /> : <MessageLink id={entry.messageId} />;

const Expires = ({ expiresAt }: DeadEntry) =>
  expiresAt === null ? (
    <span className="inline-flex items-center gap-1 text-soft">
      <Lock size={12} aria-hidden />
      held
    </span>
  ) : (
    <When at={expiresAt} />
  );

const DlqId = ({ dlqId }: DeadEntry) => <span className="font-mono text-xs">{dlqId}</span>;
