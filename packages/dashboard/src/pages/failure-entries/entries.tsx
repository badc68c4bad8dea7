import type { ChangeTopic, DeadLetterPage, DeadMessagePage } from "@reprise/protocol";
import { useCallback, useMemo, useState } from "react";
import { useMayChange } from "../../api/session.ts";
import { matchesText } from "../../filters/query.ts";
import type { FilterState } from "../../filters/use-filter.ts";
import { whyNotAll } from "../../filters/why-not-all.ts";
import { Empty } from "../../parts/page.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { DataTable } from "../../parts/table/data-table.tsx";
import { useSelection } from "../../parts/table/selection.ts";
import { useLivePages } from "../../parts/table/use-live-pages.ts";
import type { DeadEntry } from "../../recover/overrides.ts";
import { RecoverDialog } from "../../recover/recover-dialog.tsx";
import { type DeadQueue, QUEUE_PATH, type Verb, type What } from "../../recover/recovery.ts";
import { saidBy } from "../../recover/said.ts";
import { type HotKeys, useHotKeys } from "../../shell/hot-keys.ts";
import { EntryActions } from "./entry-actions.tsx";
import { entryColumns } from "./entry-columns.tsx";

const readEntries = ({ messages, cursor }: DeadLetterPage | DeadMessagePage) => ({
  // One or the other, by what was asked for.
  rows: messages as readonly DeadEntry[],
  cursor,
});
const idOfEntry = ({ dlqId }: DeadEntry) => dlqId;
const TOPICS: Readonly<Record<DeadQueue, readonly ChangeTopic[]>> = {
  workflows: ["deadLetters"],
  messages: ["deadMessages"],
};

interface EntriesProps {
  readonly queue: DeadQueue;
  readonly state: FilterState;
  /** The entry whose pane is open; empty when none is. */
  readonly openId: string;
  readonly onOpen: (dlqId: string) => void;
}

export interface ChosenWork {
  readonly what: What;
  readonly verb?: Verb;
}

export function Entries({ queue, state, openId, onOpen }: EntriesProps) {
  const mayChange = useMayChange();
  const selection = useSelection();
  const [active, setActive] = useState<DeadEntry | null>(null);
  const [work, setWork] = useState<ChosenWork | null>(null);
  const { query: given, filter } = state;
  const query = useMemo(() => ({ ...given, count: 50, order: "latestFirst" }), [given]);
  const path = QUEUE_PATH[queue];
  const list = useLivePages({
    topics: TOPICS[queue],
    path,
    query,
    read: readEntries,
    idOf: idOfEntry,
  });
  const rows = useMemo(
    () => list.rows.filter((entry) => matchesText(filter, textsOf(entry))),
    [list.rows, filter],
  );
  const columns = useMemo(() => entryColumns(queue), [queue]);
  const open = useCallback(({ dlqId }: DeadEntry) => onOpen(dlqId), [onOpen]);
  const keys = useKeys({
    queue,
    active,
    openId,
    state,
    selected: selection.ids,
    mayChange,
    setWork,
  });
  useHotKeys(keys);
  const close = () => {
    setWork(null);
    // What was handled is gone.
    if (work?.what.kind === "ids") selection.clear();
  };
  return (
    <div className="flex min-w-0 flex-1 flex-col">
      <EntryActions
        queue={queue}
        query={given}
        notAll={whyNotAll(state)}
        selection={selection}
        read={readEntries}
        mayChange={mayChange}
        onWork={setWork}
      />
      <DataTable
        label={`Failed ${queue}`}
        list={list}
        rows={rows}
        columns={columns}
        idOf={idOfEntry}
        onOpen={open}
        onActive={setActive}
        rowHeight={52}
        {...(mayChange ? { selection } : {})}
        empty={<NoEntries isFiltered={state.text !== ""} />}
      />
      {work !== null && <RecoverDialog isOpen onClose={close} queue={queue} {...work} />}
    </div>
  );
}

interface KeysAsked {
  readonly queue: DeadQueue;
  readonly active: DeadEntry | null;
  readonly openId: string;
  readonly state: FilterState;
  readonly selected: ReadonlySet<string>;
  readonly mayChange: boolean;
  readonly setWork: (work: ChosenWork) => void;
}

/** `r` and `R` are about what is selected, else about what is open, else about the row that keys are about. */
function useKeys(asked: KeysAsked): HotKeys {
  const { queue, active, openId, state, selected, mayChange, setWork } = asked;
  return useMemo<HotKeys>(() => {
    const one = openId === "" ? active?.dlqId : openId;
    const dlqIds = selected.size > 0 ? [...selected] : one === undefined ? [] : [one];
    const begin = (verb: Verb) => () => {
      if (dlqIds.length > 0) setWork({ what: { kind: "ids", dlqIds }, verb });
    };
    const groupId = active?.groupId;
    const alike = () => {
      if (groupId !== undefined) state.put("group", [groupId]);
    };
    const isOfRuns = queue === "workflows";
    const change = {
      r: begin(isOfRuns ? "resume" : "retry"),
      R: begin(isOfRuns ? "restart" : "retry"),
    };
    return { f: alike, ...(mayChange ? change : {}) };
  }, [queue, active, openId, state, selected, mayChange, setWork]);
}

function textsOf(entry: DeadEntry): readonly (string | undefined)[] {
  const own = "workflowRunId" in entry ? [entry.workflowRunId, entry.stepName] : [];
  return [
    entry.url,
    entry.reason,
    saidBy(entry) ?? undefined,
    entry.messageId,
    entry.dlqId,
    entry.cause,
    ...own,
  ];
}

function NoEntries({ isFiltered }: { readonly isFiltered: boolean }) {
  return isFiltered ? (
    <Empty title="No entry matches">
      It may have been recovered or deleted meanwhile. Take something out of the filter to see more.
    </Empty>
  ) : (
    <Empty title="Nothing has failed for good">
      What fails after its last retry waits here until somebody recovers it. At the shell:
      <Snippet command="reprise dlq list" />
    </Empty>
  );
}
