import type { RunResource, WorkflowEventPage, WorkflowEventResource } from "@reprise/protocol";
import { useMemo, useState } from "react";
import { StateBadge } from "../../parts/badge.tsx";
import { BodyView } from "../../parts/body-view.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/page.tsx";
import { describeError, runKey } from "../../parts/run-story.ts";
import type { TableColumn } from "../../parts/table/columns.ts";
import { DataTable } from "../../parts/table/data-table.tsx";
import { type PageOf, useLivePages } from "../../parts/table/use-live-pages.ts";
import { Instant } from "../../parts/when.tsx";

const TOPICS = ["runs"] as const;
const BODY_BYTES = 2_000;
const PAGE_EVENTS = 200;

const readPage = ({ events, cursor }: WorkflowEventPage): PageOf<WorkflowEventResource> => ({
  rows: events,
  cursor,
});

const idOf = ({ time, state, stepInfo, error, nextDeliveryTime }: WorkflowEventResource): string =>
  [
    time,
    state,
    stepInfo?.messageId,
    stepInfo?.stepId,
    stepInfo?.callType,
    error,
    nextDeliveryTime,
  ].join(" ");

const COLUMNS: readonly TableColumn<WorkflowEventResource>[] = [
  {
    id: "time",
    title: "Time",
    width: "13rem",
    isFixed: true,
    cell: ({ time }) => <Instant isExact at={time} />,
  },
  {
    id: "state",
    title: "State",
    width: "8.5rem",
    isFixed: true,
    cell: ({ state }) => <StateBadge state={state} />,
  },
  {
    id: "about",
    title: "About",
    width: "minmax(9rem, 1fr)",
    cell: ({ stepInfo }) => (
      <span className="truncate">
        {stepInfo === undefined ? "the run" : (stepInfo.stepName ?? stepInfo.messageId)}
        <span className="text-soft"> {stepInfo?.stepType}</span>
      </span>
    ),
  },
  {
    id: "said",
    title: "What",
    width: "minmax(12rem, 2fr)",
    narrow: "line",
    cell: (event) => {
      const said = saidIn(event);
      return <span title={said}>{said}</span>;
    },
  },
  {
    id: "message",
    title: "Message",
    width: "8rem",
    narrow: "none",
    cell: ({ stepInfo }) => <span className="font-mono text-xs">{stepInfo?.messageId}</span>,
  },
];

function saidIn({ error, responseBody, stepInfo, workflowRunResponse }: WorkflowEventResource) {
  if (error !== undefined) return describeError({ error, body: responseBody ?? "" });
  return stepInfo?.out ?? workflowRunResponse ?? "";
}

/** Everything that is recorded of the run, as the API lists it; the newest first. */
export function Events({ run }: { readonly run: RunResource }) {
  const [chosen, setChosen] = useState<WorkflowEventResource | null>(null);
  const query = useMemo(
    () => ({ workflowRuns: runKey(run), trimBody: BODY_BYTES, count: PAGE_EVENTS }),
    [run],
  );
  const list = useLivePages<WorkflowEventResource, WorkflowEventPage>({
    topics: TOPICS,
    path: "/v2/workflows/events",
    query,
    read: readPage,
    idOf,
  });
  return (
    <div className="flex h-[70vh] flex-col">
      <DataTable
        label="Events of the run"
        list={list}
        columns={COLUMNS}
        idOf={idOf}
        onOpen={setChosen}
        empty={<Empty title="No events">Nothing is recorded of this run.</Empty>}
      />
      <Dialog isOpen={chosen !== null} onClose={() => setChosen(null)} title="Event" isWide>
        {chosen !== null && (
          <BodyView title="As the API shows it" text={JSON.stringify(chosen, null, 2)} />
        )}
      </Dialog>
    </div>
  );
}
