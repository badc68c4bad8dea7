import type { LogPage, LogResource } from "@reprise/protocol";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { FilterBar } from "../../filters/filter-bar.tsx";
import { LOG_FIELDS } from "../../filters/log-fields.ts";
import { matchesText } from "../../filters/query.ts";
import { useFilter } from "../../filters/use-filter.ts";
import { Empty, PageHead } from "../../parts/page.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { DataTable } from "../../parts/table/data-table.tsx";
import { useLivePages } from "../../parts/table/use-live-pages.ts";
import { LOG_COLUMNS } from "./log-columns.tsx";

const readLog = ({ events, cursor }: LogPage) => ({ rows: events, cursor });
const idOfEntry = ({ messageId, time, state, retried }: LogResource) =>
  `${messageId} ${time} ${state} ${retried}`;
const TOPICS = ["logs"] as const;

/** Everything that happened to messages, newest first. */
export function Page() {
  const state = useFilter(LOG_FIELDS);
  const navigate = useNavigate();
  const query = useMemo(() => ({ ...state.query, count: 50 }), [state.query]);
  const list = useLivePages({
    topics: TOPICS,
    path: "/v2/events",
    query,
    read: readLog,
    idOf: idOfEntry,
  });
  const rows = useMemo(
    () =>
      list.rows.filter(({ messageId, url, error }) =>
        matchesText(state.filter, [messageId, url, error]),
      ),
    [list.rows, state.filter],
  );
  const open = useCallback(
    ({ messageId }: LogResource) =>
      void navigate({ to: "/messages/$messageId", params: { messageId }, search: {} }),
    [navigate],
  );
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Logs"
        detail="What happened to messages, newest first. Runs have logs of their own."
      />
      <FilterBar
        fields={LOG_FIELDS}
        state={state}
        page="logs"
        placeholder="Filter: state:failed host:api.example.com from:2h"
      />
      <DataTable
        label="Log"
        list={list}
        rows={rows}
        columns={LOG_COLUMNS}
        idOf={idOfEntry}
        onOpen={open}
        empty={<NoEntries isFiltered={state.text !== ""} />}
      />
    </div>
  );
}

function NoEntries({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered) return <Empty title="Nothing matches">Take a part of the filter away.</Empty>;
  return (
    <Empty title="Nothing has happened yet">
      Publish a message in the playground, or at the shell:
      <Snippet command="reprise publish http://127.0.0.1:3000/hook --body hello" />
    </Empty>
  );
}
