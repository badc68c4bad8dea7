import type { BulkActionPage, BulkActionResource } from "@reprise/protocol";
import { useMemo } from "react";
import type { FilterField } from "../../filters/fields.ts";
import { FilterBar } from "../../filters/filter-bar.tsx";
import { matchesText } from "../../filters/query.ts";
import { useFilter } from "../../filters/use-filter.ts";
import { BulkProgress, StopBulkAction } from "../../parts/bulk-progress.tsx";
import { Empty, PageHead } from "../../parts/page.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import type { TableColumn } from "../../parts/table/columns.ts";
import { DataTable } from "../../parts/table/data-table.tsx";
import { useLivePages } from "../../parts/table/use-live-pages.ts";
import { formatDuration, When } from "../../parts/when.tsx";
import { plural } from "../../parts/words.ts";

const FIELDS: readonly FilterField[] = [
  {
    key: "state",
    title: "state",
    parameter: "state",
    choices: [
      { value: "progress", sent: "IN_PROGRESS" },
      { value: "finished", sent: "FINISHED" },
    ],
  },
];

const COLUMNS: readonly TableColumn<BulkActionResource>[] = [
  {
    id: "id",
    title: "Bulk action",
    width: "8rem",
    isFixed: true,
    cell: ({ actionId }) => <span className="font-mono text-xs">{actionId}</span>,
  },
  { id: "kind", title: "Does", width: "9.5rem", cell: () => "cancel messages" },
  {
    id: "progress",
    title: "Progress",
    width: "13rem",
    isFixed: true,
    narrow: "line",
    cell: (action) => <BulkProgress action={action} />,
  },
  {
    id: "filter",
    title: "What it chose",
    width: "minmax(12rem, 3fr)",
    narrow: "line",
    cell: (action) => <span title={filterOf(action)}>{filterOf(action)}</span>,
  },
  {
    id: "created",
    title: "Began",
    width: "8rem",
    cell: ({ createdAt }) => <When at={createdAt} />,
  },
  {
    id: "result",
    title: "Result",
    width: "minmax(14rem, 1fr)",
    isFixed: true,
    cell: (action) =>
      action.state === "FINISHED" ? resultOf(action) : <StopBulkAction action={action} />,
  },
];

function filterOf({ filter }: BulkActionResource): string {
  const parts = Object.entries(filter).map(([name, values]) => `${name} = ${values.join(" or ")}`);
  return parts.length === 0 ? "every open message" : parts.join(", ");
}

function resultOf({ state, processed, createdAt, completedAt }: BulkActionResource): string {
  if (state !== "FINISHED" || completedAt === undefined) return "";
  return `${plural(processed, "message")} after ${formatDuration(completedAt - createdAt)}`;
}

const readActions = ({ bulkActions, cursor }: BulkActionPage) => ({ rows: bulkActions, cursor });
const idOfAction = ({ actionId }: BulkActionResource) => actionId;
const TOPICS = ["bulkActions"] as const;

/** Changes of many messages that the server works on in the background. */
export function Page() {
  const state = useFilter(FIELDS);
  const { query: given, filter } = state;
  const query = useMemo(() => ({ ...given, count: 50 }), [given]);
  const path = "/v2/bulkActions";
  const list = useLivePages({ topics: TOPICS, path, query, read: readActions, idOf: idOfAction });
  const rows = useMemo(
    () => list.rows.filter((action) => matchesText(filter, [action.actionId, filterOf(action)])),
    [list.rows, filter],
  );
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Bulk actions"
        detail="Changes of many messages that the server works on in the background, also after a restart."
      />
      <FilterBar
        fields={FIELDS}
        state={state}
        page="bulk-actions"
        placeholder="Filter: state:progress"
      />
      <DataTable
        label="Bulk actions"
        list={list}
        rows={rows}
        columns={COLUMNS}
        idOf={idOfAction}
        rowHeight={52}
        empty={<NoActions />}
      />
    </div>
  );
}

function NoActions() {
  return (
    <Empty title="No bulk action">
      Cancelling by a filter on the{" "}
      <a href="#/messages" className="text-accent underline">
        messages page
      </a>{" "}
      makes one. At the shell:
      <Snippet command="reprise messages cancel --label winter --yes" />
    </Empty>
  );
}
