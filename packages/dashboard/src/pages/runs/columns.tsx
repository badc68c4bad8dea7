import type { PresentStepResource, RunResource } from "@reprise/protocol";
import { Badge, StateBadge } from "../../parts/badge.tsx";
import { Copy } from "../../parts/copy.tsx";
import { RunLink } from "../../parts/id-link.tsx";
import { durationOf, pathOf, reasonOf } from "../../parts/run-story.ts";
import type { TableColumn } from "../../parts/table/columns.ts";
import { Told } from "../../parts/told.tsx";
import { UrlLines } from "../../parts/url-text.tsx";
import { formatDuration, useNow, When } from "../../parts/when.tsx";

export const COLUMNS: readonly TableColumn<RunResource>[] = [
  {
    id: "state",
    title: "State",
    width: "7.5rem",
    isFixed: true,
    cell: (run) => <RunState run={run} />,
  },
  {
    id: "workflow",
    title: "Workflow",
    width: "minmax(11rem, 1.1fr)",
    isFixed: true,
    cell: (run) => <Workflow run={run} />,
  },
  {
    id: "step",
    title: "Step, and why",
    width: "minmax(14rem, 2fr)",
    narrow: "line",
    cell: (run) => <Step run={run} />,
  },
  {
    id: "labels",
    title: "Labels",
    width: "minmax(5rem, 0.6fr)",
    cell: (run) => <Labels run={run} />,
  },
  {
    id: "age",
    title: "Age",
    width: "6.5rem",
    isNumber: true,
    cell: (run) => <When at={run.workflowRunCreatedAt} />,
  },
  {
    id: "duration",
    title: "Duration",
    width: "6rem",
    isNumber: true,
    narrow: "none",
    cell: (run) => <Duration run={run} />,
  },
  {
    id: "id",
    title: "Run",
    width: "9.5rem",
    narrow: "none",
    cell: (run) => <Id run={run} />,
  },
  {
    id: "steps",
    title: "Records",
    width: "5rem",
    isNumber: true,
    isHidden: true,
    narrow: "none",
    cell: ({ stepCount }) => stepCount ?? "",
  },
  {
    id: "flow",
    title: "Flow control",
    width: "minmax(6rem, 0.6fr)",
    isHidden: true,
    narrow: "none",
    cell: (run) => run.flowControlKey ?? "",
  },
  {
    id: "ip",
    title: "Caller",
    width: "9rem",
    isHidden: true,
    narrow: "none",
    cell: (run) => run.workflowRunCallerIp ?? "",
  },
];

function RunState({ run }: { readonly run: RunResource }) {
  if (run.isStuck === true) return <Badge tone="bad">stuck</Badge>;
  return <StateBadge state={run.workflowState} />;
}

function Workflow({ run: { workflowUrl, workflowRunId } }: { readonly run: RunResource }) {
  return (
    <UrlLines url={workflowUrl}>
      <RunLink id={workflowRunId} className="block truncate font-medium hover:underline">
        {pathOf(workflowUrl)}
      </RunLink>
    </UrlLines>
  );
}

function Step({ run }: { readonly run: RunResource }) {
  const { presentStep, workflowState } = run;
  const reason = reasonOf(run);
  const isOpen = workflowState === "RUN_STARTED";
  const waitingFor = isOpen ? run.waitingFor : undefined;
  const said = [reason, waitingFor].filter((part) => part !== undefined).join("; ");
  const tone = reason === undefined ? "text-soft" : isOpen ? "text-warn" : "text-bad";
  return (
    <div className="min-w-0">
      <div className="truncate">
        {presentStep !== undefined && <PresentStep step={presentStep} />}
      </div>
      <div className={`truncate text-xs ${tone}`}>
        <Told text={said} />
      </div>
    </div>
  );
}

function PresentStep({ step }: { readonly step: PresentStepResource }) {
  const { stepId, stepName, failedAttempts = 0 } = step;
  return (
    <>
      <span className="text-soft tabular-nums">
        {stepName === undefined && stepId !== undefined ? "step " : ""}
        {stepId}
      </span>{" "}
      {stepName}
      {failedAttempts > 1 && <span className="text-soft"> · {failedAttempts} attempts</span>}
    </>
  );
}

const LABELS_SHOWN = 2;

function Labels({ run: { labels = [] } }: { readonly run: RunResource }) {
  if (labels.length === 0) return null;
  const rest = labels.length - LABELS_SHOWN;
  return (
    <span title={labels.join(", ")}>
      {labels.slice(0, LABELS_SHOWN).map((label) => (
        <span
          key={label}
          className="mr-1 inline-block max-w-28 truncate rounded bg-raised px-1.5 py-0.5 align-middle text-xs"
        >
          {label}
        </span>
      ))}
      {rest > 0 && <span className="text-xs text-soft">+{rest}</span>}
    </span>
  );
}

function Duration({ run }: { readonly run: RunResource }) {
  const isOpen = run.workflowRunCompletedAt === undefined;
  return isOpen ? <Running run={run} /> : formatDuration(durationOf(run, 0));
}

function Running({ run }: { readonly run: RunResource }) {
  const now = useNow();
  return <span className="text-soft">{formatDuration(durationOf(run, now))}</span>;
}

function Id({ run }: { readonly run: RunResource }) {
  return (
    <span className="flex items-center gap-1">
      <span className="truncate font-mono text-xs" title={run.workflowRunId}>
        {run.workflowRunId}
      </span>
      <Copy text={run.workflowRunId} label="the id of the run" />
    </span>
  );
}
