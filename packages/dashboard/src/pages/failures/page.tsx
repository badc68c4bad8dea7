import type { ChangeTopic, FailureGroup, FailureGroupPage } from "@reprise/protocol";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { useMayChange } from "../../api/session.ts";
import type { Filter } from "../../filters/fields.ts";
import { FilterBar } from "../../filters/filter-bar.tsx";
import { matchesText } from "../../filters/query.ts";
import type { FilterState } from "../../filters/use-filter.ts";
import { searchOf, useFilter } from "../../filters/use-filter.ts";
import { Empty, PageHead } from "../../parts/page.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { DataTable } from "../../parts/table/data-table.tsx";
import { useLivePages } from "../../parts/table/use-live-pages.ts";
import { QueueTabs } from "../../recover/queue-tabs.tsx";
import { RecoverDialog } from "../../recover/recover-dialog.tsx";
import { type DeadQueue, QUEUE_PATH, type Verb, type What } from "../../recover/recovery.ts";
import { deadFields, useDeadQueue } from "../../recover/use-dead-queue.ts";
import { type HotKeys, useHotKeys } from "../../shell/hot-keys.ts";
import { FunctionStates } from "./function-states.tsx";
import { groupColumns } from "./group-columns.tsx";
import { SortChoice } from "./sort-choice.tsx";

/** What went wrong, in groups: one row for all failures of the same kind. */
export function Page() {
  const queue = useDeadQueue();
  const state = useFilter(deadFields(queue));
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Failures"
        detail="Dead letters, grouped by what went wrong."
        actions={<SortChoice />}
      />
      <QueueTabs queue={queue} />
      <FilterBar
        key={queue}
        fields={deadFields(queue)}
        state={state}
        page={`failures-${queue}`}
        placeholder={
          queue === "workflows"
            ? "Filter: workflow:https://... status:503 from:2h"
            : "Filter: url:https://... status:503 from:2h"
        }
      />
      {queue === "workflows" && <FunctionStates state={state} />}
      <Groups key={`groups-${queue}`} queue={queue} state={state} />
    </div>
  );
}

const readGroups = ({ groups, cursor }: FailureGroupPage) => ({ rows: groups, cursor });
const idOfGroup = ({ groupId }: FailureGroup) => groupId;
const TOPICS: Readonly<Record<DeadQueue, readonly ChangeTopic[]>> = {
  workflows: ["deadLetters"],
  messages: ["deadMessages"],
};

interface Chosen {
  readonly groupId: string;
  readonly verb?: Verb;
}

function Groups({ queue, state }: { readonly queue: DeadQueue; readonly state: FilterState }) {
  const mayChange = useMayChange();
  const navigate = useNavigate();
  const { sort } = useSearch({ strict: false }) as Readonly<Record<string, string>>; // As the root route reads it.
  const [active, setActive] = useState<FailureGroup | null>(null);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const query = useMemo(
    () => ({ ...state.query, count: 50, sort: sort === "count" ? "count" : "last" }),
    [state.query, sort],
  );
  const path = `${QUEUE_PATH[queue]}/groups`;
  const list = useLivePages({
    topics: TOPICS[queue],
    path,
    query,
    read: readGroups,
    idOf: idOfGroup,
  });
  const { filter } = state;
  const rows = useMemo(
    () =>
      list.rows.filter(({ url, message, stepName, cause }) =>
        matchesText(filter, [url, message, stepName ?? "", cause]),
      ),
    [list.rows, filter],
  );
  const open = useCallback(
    ({ groupId }: FailureGroup) =>
      void navigate({
        to: "/failures/entries",
        search: entriesOf(queue, groupId, filter) as never, // A route takes any text.
      }),
    [navigate, queue, filter],
  );
  const recover = useCallback((groupId: string) => setChosen({ groupId }), []);
  const columns = useMemo(
    () => groupColumns({ queue, onRecover: mayChange ? recover : null }),
    [queue, mayChange, recover],
  );
  useGroupKeys({ active, queue, onOpen: open, onRecover: mayChange ? setChosen : null });
  return (
    <>
      <DataTable
        label={`Groups of failed ${queue}`}
        list={list}
        rows={rows}
        columns={columns}
        idOf={idOfGroup}
        onOpen={open}
        onActive={setActive}
        rowHeight={68}
        empty={<NoGroups isFiltered={state.text !== ""} queue={queue} />}
      />
      {chosen !== null && (
        <RecoverDialog
          isOpen
          onClose={() => setChosen(null)}
          what={whatOf(chosen.groupId, state)}
          queue={queue}
          {...(chosen.verb === undefined ? {} : { verb: chosen.verb })}
        />
      )}
    </>
  );
}

interface GroupKeys {
  readonly active: FailureGroup | null;
  readonly queue: DeadQueue;
  readonly onOpen: (group: FailureGroup) => void;
  /** Null when this person may not change anything. */
  readonly onRecover: ((chosen: Chosen) => void) | null;
}

/** What the keyboard does with the group that it stands on. */
function useGroupKeys({ active, queue, onOpen, onRecover }: GroupKeys): void {
  const keys = useMemo<HotKeys>(() => {
    const seen = { f: () => active !== null && onOpen(active) };
    if (onRecover === null) return seen;
    const begin = (verb: Verb) => () => {
      if (active !== null) onRecover({ groupId: active.groupId, verb });
    };
    const isOfRuns = queue === "workflows";
    return {
      ...seen,
      r: begin(isOfRuns ? "resume" : "retry"),
      R: begin(isOfRuns ? "restart" : "retry"),
    };
  }, [active, queue, onOpen, onRecover]);
  useHotKeys(keys);
}

/** A filter shows a part of a group: nothing else is meant then. */
function whatOf(groupId: string, { query }: FilterState): What {
  const isPart = Object.keys(query).length > 0;
  return isPart ? { kind: "filter", query: { ...query, groupId } } : { kind: "group", groupId };
}

function entriesOf(queue: DeadQueue, groupId: string, { terms }: Filter) {
  const kind: Readonly<Record<string, string>> = queue === "messages" ? { kind: "messages" } : {};
  const others = terms.filter(({ key }) => key !== "group");
  return {
    ...kind,
    ...searchOf({ terms: [...others, { key: "group", value: groupId }], text: "" }),
  };
}

function NoGroups({
  isFiltered,
  queue,
}: {
  readonly isFiltered: boolean;
  readonly queue: DeadQueue;
}) {
  if (isFiltered) {
    return <Empty title="No failure matches">Take something out of the filter to see more.</Empty>;
  }
  const noun = queue === "workflows" ? "run" : "message";
  return (
    <Empty title={`No failed ${noun}s`}>
      When the retries of a {noun} are used up it waits here, with everything that was sent and
      answered. At the shell:
      <Snippet command="reprise dlq list" />
    </Empty>
  );
}
