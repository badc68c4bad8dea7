import type { KeptEventPage, KeptEventResource, WaitPage, WaitResource } from "@reprise/protocol";
import { useSearch } from "@tanstack/react-router";
import { Bell } from "lucide-react";
import { useState } from "react";
import { useMayChange } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { useSearchText } from "../../api/use-search-text.ts";
import { Badge, StateBadge } from "../../parts/badge.tsx";
import { Button } from "../../parts/button.tsx";
import { Field } from "../../parts/field.tsx";
import { RunLink } from "../../parts/id-link.tsx";
import { More } from "../../parts/more.tsx";
import { Empty, Fault, PageHead } from "../../parts/page.tsx";
import { type Column, PlainTable } from "../../parts/plain-table.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { When } from "../../parts/when.tsx";
import { NotifyDialog } from "./notify-dialog.tsx";

export function Page() {
  const mayChange = useMayChange();
  const { event = "" } = useSearch({ strict: false }) as Readonly<Record<string, string>>; // Texts by name.
  const [text, setText] = useSearchText("event", event);
  const [notified, setNotified] = useState<string | null>(null);
  const notifyButton = (
    <Button look="primary" onClick={() => setNotified(event)}>
      <Bell size={14} aria-hidden /> Notify
    </Button>
  );
  return (
    <>
      <PageHead
        title="Waiters and events"
        detail="Steps that somebody outside of their runs completes, and events that came before anybody waited."
        actions={mayChange && notifyButton}
      />
      <Field
        label="Event"
        data-search
        className="mb-4 max-w-sm"
        placeholder="the whole id of an event"
        value={text}
        onChange={(change) => setText(change.target.value)}
      />
      <Waits eventId={event} onNotify={mayChange ? setNotified : null} />
      <h2 className="mt-6 mb-2 font-semibold">Kept events</h2>
      <Kept eventId={event} />
      {notified !== null && <NotifyDialog eventId={notified} onClose={() => setNotified(null)} />}
    </>
  );
}

interface WaitsProps {
  readonly eventId: string;
  readonly onNotify: ((eventId: string) => void) | null;
}

function Waits({ eventId, onNotify }: WaitsProps) {
  const pages = usePages<WaitPage, WaitResource>({
    queryKey: ["waits", "open"],
    path: "/v2/waits",
    query: { eventId },
    itemsOf: ({ waits }) => waits,
  });
  const { items, error, refetch } = pages;
  if (error !== null) return <Fault error={error} onRetry={() => void refetch()} />;
  if (items === undefined) return null;
  if (items.length === 0) {
    return (
      <Empty title="No run waits">
        A run waits at <code className="font-mono">context.waitForEvent("paid", "order-7")</code>,
        and goes on with the button above, or at the shell:
        <Snippet command="reprise notify order-7" />
      </Empty>
    );
  }
  return (
    <>
      <PlainTable
        label="Waiting steps"
        rows={items}
        keyOf={({ workflowRunId, stepId }) => `${workflowRunId} ${stepId}`}
        columns={waitColumns(onNotify)}
      />
      <More {...pages} />
    </>
  );
}

function waitColumns(onNotify: WaitsProps["onNotify"]): readonly Column<WaitResource>[] {
  return [
    { title: "Kind", cell: ({ kind }) => <Badge tone="dull">{kind}</Badge> },
    {
      title: "Waits for",
      cell: ({ eventId, url, childRunId }) => (
        <span className="break-all">
          {eventId ?? url}
          {childRunId !== undefined && (
            <>
              {" "}
              <RunLink id={childRunId} />
            </>
          )}
        </span>
      ),
    },
    { title: "Run", cell: ({ workflowRunId }) => <RunLink id={workflowRunId} /> },
    {
      title: "State",
      isMinor: true,
      cell: ({ workflowState }) => <StateBadge state={workflowState} />,
    },
    { title: "Step", isMinor: true, cell: ({ stepId, stepName }) => `${stepId} ${stepName}` },
    { title: "Since", isMinor: true, cell: ({ createdAt }) => <When at={createdAt} /> },
    {
      title: "Until",
      cell: ({ deadline }) => (deadline === undefined ? "-" : <When at={deadline} />),
    },
    ...(onNotify === null ? [] : [notifyColumn(onNotify)]),
  ];
}

function notifyColumn(onNotify: (eventId: string) => void): Column<WaitResource> {
  return {
    title: "Actions",
    isNumber: true,
    cell: ({ kind, eventId }) =>
      kind === "event" &&
      eventId !== undefined && (
        <Button look="quiet" isSmall onClick={() => onNotify(eventId)}>
          Notify
        </Button>
      ),
  };
}

const KEPT_COLUMNS: readonly Column<KeptEventResource>[] = [
  { title: "Event", cell: ({ eventId }) => <span className="break-all">{eventId}</span> },
  { title: "By", cell: ({ source }) => <Badge tone="dull">{source}</Badge> },
  { title: "For the run", cell: ({ workflowRunId }) => <RunLink id={workflowRunId} /> },
  { title: "Bytes", isNumber: true, cell: ({ bytes }) => bytes },
  { title: "Came", cell: ({ createdAt }) => <When at={createdAt} /> },
];

function Kept({ eventId }: { readonly eventId: string }) {
  const pages = usePages<KeptEventPage, KeptEventResource>({
    queryKey: ["waits", "kept"],
    path: "/v2/keptEvents",
    query: { eventId },
    itemsOf: ({ events }) => events,
  });
  const { items, error, refetch } = pages;
  if (error !== null) return <Fault error={error} onRetry={() => void refetch()} />;
  if (items === undefined) return null;
  if (items.length === 0)
    return <p className="text-soft">None: every event that came has been taken.</p>;
  return (
    <>
      <PlainTable
        label="Kept events"
        rows={items}
        keyOf={({ workflowRunId, eventId: id, createdAt }) => `${workflowRunId} ${id} ${createdAt}`}
        columns={KEPT_COLUMNS}
      />
      <More {...pages} />
    </>
  );
}
