import { Search, X } from "lucide-react";
import { type KeyboardEvent, useId, useMemo, useState } from "react";
import type { FilterField, FilterTerm } from "./fields.ts";
import { joinTerms, parseFilter } from "./grammar.ts";
import { SavedViews } from "./saved-views-menu.tsx";
import { type Suggestion, suggest } from "./suggest.ts";
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
  const { filter, faults, remove, set, clear } = state;
  const isEmpty = filter.terms.length === 0 && filter.text === "";
  return (
    <div className="mb-3">
      <div className="flex flex-wrap items-center gap-1.5 rounded-lg border border-line bg-panel px-2 py-1.5 focus-within:border-accent">
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

interface FilterInputProps {
  readonly fields: readonly FilterField[];
  readonly state: FilterState;
  readonly placeholder: string;
}

/** What is typed and not applied yet, and what it may mean. */
function useDraft(fields: readonly FilterField[], state: FilterState) {
  const [draft, setDraft] = useState("");
  const [chosen, setChosen] = useState(-1);
  const [isOpen, setOpen] = useState(false);
  const suggestions = useMemo(() => suggest(draft, fields), [draft, fields]);
  const type = (text: string) => {
    setDraft(text);
    setChosen(-1);
    setOpen(true);
  };
  const apply = (text: string) => {
    const typed = parseFilter(text, fields);
    const terms = joinTerms([...state.filter.terms, ...typed.terms], fields);
    const all = [state.filter.text, typed.text].filter((part) => part !== "").join(" ");
    state.set({ terms, text: all });
    type("");
    setOpen(false);
  };
  const take = ({ text, key, value }: Suggestion) => {
    if (value === null) return type(text);
    state.add({ key, value } satisfies FilterTerm);
    type("");
  };
  const press = (event: KeyboardEvent<HTMLInputElement>) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const suggestion = isOpen ? suggestions[chosen] : undefined;
    if (step !== 0 && suggestions.length > 0) {
      event.preventDefault();
      setOpen(true);
      setChosen((chosen + step + suggestions.length) % suggestions.length);
    } else if ((event.key === "Enter" || event.key === "Tab") && suggestion !== undefined) {
      event.preventDefault();
      take(suggestion);
    } else if (event.key === "Enter" && draft.trim() !== "") {
      apply(draft);
    } else if (event.key === "Backspace" && draft === "") {
      const last = state.filter.terms.at(-1);
      if (last !== undefined) state.remove(last);
    } else if (event.key === "Escape") {
      if (isOpen && draft !== "") setOpen(false);
      else event.currentTarget.blur();
    }
  };
  return { draft, chosen, isOpen, setOpen, suggestions, type, take, press };
}

function FilterInput({ fields, state, placeholder }: FilterInputProps) {
  const id = useId();
  const { draft, chosen, isOpen, setOpen, suggestions, type, take, press } = useDraft(
    fields,
    state,
  );
  const isShown = isOpen && suggestions.length > 0;
  return (
    <div className="relative min-w-40 flex-1">
      <input
        data-search
        role="combobox"
        aria-label="Filter"
        aria-expanded={isShown}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={isShown && chosen >= 0 ? `${id}-${chosen}` : undefined}
        autoComplete="off"
        spellCheck={false}
        value={draft}
        placeholder={placeholder}
        onChange={(event) => type(event.target.value)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={press}
        className="w-full bg-transparent py-0.5 font-mono text-[13px] outline-none placeholder:font-sans placeholder:text-soft"
      />
      <Suggestions
        id={id}
        isShown={isShown}
        suggestions={suggestions}
        chosen={chosen}
        onTake={take}
      />
    </div>
  );
}

interface SuggestionsProps {
  readonly id: string;
  readonly isShown: boolean;
  readonly suggestions: readonly Suggestion[];
  readonly chosen: number;
  readonly onTake: (suggestion: Suggestion) => void;
}

function Suggestions({ id, isShown, suggestions, chosen, onTake }: SuggestionsProps) {
  return (
    <div
      id={`${id}-list`}
      role="listbox"
      aria-label="Suggestions"
      className={`absolute top-full left-0 z-20 mt-2 max-h-80 w-96 max-w-[85vw] overflow-y-auto rounded-lg border border-line bg-panel p-1 shadow-xl ${isShown ? "" : "hidden"}`}
    >
      {suggestions.map((suggestion, index) => (
        // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the input, which names the active option
        <div
          key={suggestion.text}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === chosen}
          // The input keeps the focus.
          onMouseDown={(event) => {
            event.preventDefault();
            onTake(suggestion);
          }}
          className={`flex cursor-pointer items-baseline gap-3 rounded-md px-2 py-1 hover:bg-raised ${index === chosen ? "bg-accent-soft" : ""}`}
        >
          <span className="truncate font-mono text-[13px]" title={suggestion.text}>
            {suggestion.text}
          </span>
          <span className="ml-auto shrink-0 text-xs text-soft">{suggestion.title}</span>
        </div>
      ))}
    </div>
  );
}
