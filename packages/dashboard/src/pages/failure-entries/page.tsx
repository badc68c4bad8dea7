import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { FilterBar } from "../../filters/filter-bar.tsx";
import { useFilter } from "../../filters/use-filter.ts";
import { PageHead } from "../../parts/page.tsx";
import { QueueTabs } from "../../recover/queue-tabs.tsx";
import { deadFields, useDeadQueue } from "../../recover/use-dead-queue.ts";
import { Entries } from "./entries.tsx";
import { EntryPane } from "./entry-pane.tsx";

/** Dead letters one by one, and everything that is kept of one. */
export function Page() {
  const queue = useDeadQueue();
  const fields = deadFields(queue);
  const state = useFilter(fields);
  const { open = "" } = useSearch({ strict: false }) as Readonly<Record<string, string>>; // As the root route reads it.
  const navigate = useNavigate();
  const onOpen = useCallback(
    (dlqId: string) =>
      void navigate({
        to: ".",
        // The route's own search is texts by name; what is empty is left out.
        search: ((before: Readonly<Record<string, string>>) => ({
          ...before,
          open: dlqId,
        })) as never,
      }),
    [navigate],
  );
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Failed entries"
        detail={
          <a
            href={queue === "messages" ? "#/failures?kind=messages" : "#/failures"}
            className="text-accent hover:underline"
          >
            All groups of failures
          </a>
        }
      />
      <QueueTabs queue={queue} />
      <FilterBar
        key={queue}
        fields={fields}
        state={state}
        page={`entries-${queue}`}
        placeholder="Filter: status:503 label:winter from:2h"
      />
      <div className="flex min-h-0 flex-1 gap-4">
        <Entries key={`list-${queue}`} queue={queue} state={state} openId={open} onOpen={onOpen} />
        {open !== "" && (
          <EntryPane
            key={`pane-${open}`}
            dlqId={open}
            queue={queue}
            onClose={() => onOpen("")}
            state={state}
          />
        )}
      </div>
    </div>
  );
}
