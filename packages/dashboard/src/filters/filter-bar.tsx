import { Search, X } from "lucide-react";
import { useState } from "react";
import type { FilterField } from "./fields.ts";
import { FilterInput } from "./filter-input.tsx";
import { SavedViews } from "./saved-views-menu.tsx";
import type { FilterState } from "./use-filter.ts";

interface FilterBarProps {
  readonly fields: readonly FilterField[];
  readonly state: FilterState;
  /** Saved views are kept by this name. */
  readonly page: string;
  readonly placeholder?: string;
}

/** A filter as chips, and an input that takes the same as text. `/` leads into it. */
export function FilterBar({ fields, state, page, placeholder }: FilterBarProps) {
  const { filter, remove, set, clear } = state;
  // What is typed and cannot be applied is told beside what is wrong with the filter as it is.
  const [refused, setRefused] = useState<readonly string[]>([]);
  const faults = [...state.faults, ...refused];
  const isEmpty = filter.terms.length === 0 && filter.text === "";
  return (
    <div className="mb-3">
      <div className="relative flex flex-wrap items-center gap-1.5 rounded-lg border border-line bg-panel px-2 py-1.5 focus-within:border-accent has-[input:focus-visible]:outline-2 has-[input:focus-visible]:outline-accent">
        <Search size={14} aria-hidden className="shrink-0 text-soft" />
        {filter.terms.map((term) => (
          <Chip
            key={`${term.key}:${term.value}`}
            name={term.key}
            value={term.value}
            onRemove={() => remove(term)}
          />
        ))}
        {filter.text !== "" && (
          <Chip name="text" value={filter.text} onRemove={() => set({ ...filter, text: "" })} />
        )}
        <FilterInput
          fields={fields}
          state={state}
          onRefused={setRefused}
          placeholder={isEmpty ? (placeholder ?? "Filter: state:failed label:winter ...") : ""}
        />
        {!isEmpty && (
          <button
            type="button"
            onClick={clear}
            className="rounded px-1.5 text-xs text-soft hover:bg-raised hover:text-ink"
          >
            Clear
          </button>
        )}
        <SavedViews page={page} fields={fields} state={state} />
      </div>
      {faults.length > 0 && (
        <p role="alert" className="mt-1 break-words text-bad">
          {faults.join("; ")}
        </p>
      )}
    </div>
  );
}

interface ChipProps {
  readonly name: string;
  readonly value: string;
  readonly onRemove: () => void;
}

function Chip({ name, value, onRemove }: ChipProps) {
  return (
    <span className="inline-flex max-w-72 items-center gap-1 rounded-md bg-accent-soft py-0.5 pr-0.5 pl-2 text-xs">
      <span className="text-soft">{name}</span>
      <span className="truncate font-mono" title={value}>
        {value}
      </span>
      <button
        type="button"
        aria-label={`Remove ${name} ${value}`}
        onClick={onRemove}
        className="rounded p-1 hover:bg-raised"
      >
        <X size={11} aria-hidden />
      </button>
    </span>
  );
}
