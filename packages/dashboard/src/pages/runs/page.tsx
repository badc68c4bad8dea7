import type { RunResource } from "@reprise/protocol";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo, useRef } from "react";
import { useMayChange } from "../../api/session.ts";
import type { Filter } from "../../filters/fields.ts";
import { FilterBar } from "../../filters/filter-bar.tsx";
import { matchesText } from "../../filters/query.ts";
import { type FilterState, useFilter } from "../../filters/use-filter.ts";
import { whyNotAll } from "../../filters/why-not-all.ts";
import { Empty, PageHead } from "../../parts/page.tsx";
import { RUN_FIELDS } from "../../parts/run-filters.ts";
import { reasonOf, runKey } from "../../parts/run-story.ts";
import { Snippet } from "../../parts/snippet.tsx";
import { DataTable } from "../../parts/table/data-table.tsx";
import { ExportButton } from "../../parts/table/export-button.tsx";
import { useSelection } from "../../parts/table/selection.ts";
import { CancelRuns } from "./cancel-runs.tsx";
import { COLUMNS } from "./columns.tsx";
import { RecoverRuns } from "./recover-runs.tsx";
import { RUNS_PATH, readRuns, useRuns } from "./use-runs.ts";

const ROW_PX = 48;

export function Page() {
  const navigate = useNavigate();
  const state = useFilter(RUN_FIELDS);
  const list = useRuns(state.query);
  const selection = useSelection();
  const mayChange = useMayChange();
  const rows = useMemo(() => withText(list.rows, state.filter), [list.rows, state.filter]);
  const fields = useMemo(() => withKnown(list.rows), [list.rows]);
  const open = useCallback(
    ({ workflowRunId }: RunResource) =>
      void navigate({ to: "/runs/$runId", params: { runId: workflowRunId } }),
    [navigate],
  );
  const active = useRef<RunResource | null>(null);
  const onActive = useCallback((run: RunResource | null) => {
    active.current = run;
  }, []);
  const chosen = useMemo(
    () => list.rows.filter((run) => selection.ids.has(runKey(run))),
    [list.rows, selection.ids],
  );
  return (
    <div className="flex h-full flex-col">
      <PageHead
        title="Runs"
        actions={
          <>
            <ExportButton
              path={RUNS_PATH}
              query={state.query}
              read={readRuns}
              fileName="reprise-runs.jsonl"
              notAll={whyNotAll(state)}
            />
            {mayChange && (
              <>
                <RecoverRuns chosen={chosen} active={active} />
                <CancelRuns
                  chosen={chosen}
                  filter={state.filter}
                  query={state.query}
                  onDone={selection.clear}
                />
              </>
            )}
          </>
        }
      />
      <Tabs state={state} />
      <FilterBar fields={fields} state={state} page="runs" />
      <DataTable
        label="Runs"
        list={list}
        rows={rows}
        columns={COLUMNS}
        idOf={runKey}
        onOpen={open}
        onActive={onActive}
        rowHeight={ROW_PX}
        {...(mayChange ? { selection } : {})}
        empty={<Nothing isFiltered={state.text !== ""} onClear={state.clear} />}
      />
    </div>
  );
}

function withText(runs: readonly RunResource[], filter: Filter): readonly RunResource[] {
  if (filter.text === "") return runs;
  return runs.filter((run) => matchesText(filter, textsOf(run)));
}

function textsOf(run: RunResource): readonly (string | undefined)[] {
  const { workflowRunId, workflowUrl, waitingFor, presentStep, labels = [] } = run;
  return [workflowRunId, workflowUrl, waitingFor, presentStep?.stepName, reasonOf(run), ...labels];
}

const KNOWN_MAX = 50;

/** Suggests what the list shows. */
function withKnown(runs: readonly RunResource[]) {
  const known = (values: readonly (string | undefined)[]) =>
    [...new Set(values.filter((value) => value !== undefined))].slice(0, KNOWN_MAX);
  const values: Readonly<Record<string, readonly string[]>> = {
    label: known(runs.flatMap(({ labels = [] }) => labels)),
    workflow: known(runs.map(({ workflowUrl }) => workflowUrl)),
    flow: known(runs.map(({ flowControlKey }) => flowControlKey)),
  };
  return RUN_FIELDS.map((field) => {
    const own = values[field.key];
    return own === undefined ? field : { ...field, known: own };
  });
}

const TABS: readonly (readonly [title: string, state: string])[] = [
  ["All", ""],
  ["Running", "running"],
  ["Failed", "failed"],
  ["Succeeded", "succeeded"],
  ["Cancelled", "cancelled"],
  ["Stuck", "stuck"],
];

/** The states that people ask for most. */
function Tabs({ state }: { readonly state: FilterState }) {
  const { filter, set } = state;
  const isStuck = filter.terms.some(({ key }) => key === "stuck");
  const states = filter.terms.filter(({ key }) => key === "state").map(({ value }) => value);
  const present = isStuck ? "stuck" : states.length > 1 ? null : (states[0] ?? "");
  const choose = (name: string) => {
    const others = filter.terms.filter(({ key }) => key !== "state" && key !== "stuck");
    const term = name === "stuck" ? { key: "stuck", value: "true" } : { key: "state", value: name };
    set({ ...filter, terms: name === "" ? others : [term, ...others] });
  };
  return (
    <fieldset className="mb-3 flex flex-wrap gap-1" aria-label="State">
      {TABS.map(([title, name]) => (
        <button
          key={name}
          type="button"
          aria-pressed={present === name}
          onClick={() => choose(name)}
          className={`rounded-md px-2.5 py-1 ${present === name ? "bg-accent-soft font-medium" : "text-soft hover:bg-raised hover:text-ink"}`}
        >
          {title}
        </button>
      ))}
    </fieldset>
  );
}

interface NothingProps {
  readonly isFiltered: boolean;
  readonly onClear: () => void;
}

function Nothing({ isFiltered, onClear }: NothingProps) {
  if (isFiltered) {
    return (
      <Empty title="No run matches this filter">
        <button type="button" className="text-accent underline" onClick={onClear}>
          Clear the filter
        </button>
      </Empty>
    );
  }
  return (
    <Empty title="There are no runs yet">
      Trigger a workflow: in the{" "}
      <a href="#/playground" className="text-accent underline">
        playground
      </a>
      , or at the shell:
      <Snippet command={`reprise runs trigger http://127.0.0.1:3000/workflow --body '{"id":1}'`} />
    </Empty>
  );
}
