import { type KeyboardEvent, useId, useMemo, useState } from "react";
import { readZone } from "../parts/when.tsx";
import type { FilterField, FilterTerm } from "./fields.ts";
import { joinTerms, parseFilter } from "./grammar.ts";
import { foreignFaults, toQuery } from "./query.ts";
import { type Suggestion, suggest } from "./suggest.ts";
import type { FilterState } from "./use-filter.ts";

interface FilterInputProps {
  readonly fields: readonly FilterField[];
  readonly state: FilterState;
  readonly placeholder: string;
  /** Says why what is typed is not applied; nothing when it is, or when somebody types on. */
  readonly onRefused: (faults: readonly string[]) => void;
}

/** What is typed and not applied yet, and what it may mean. */
function useDraft({ fields, state, onRefused }: Omit<FilterInputProps, "placeholder">) {
  const [draft, setDraft] = useState("");
  const [chosen, setChosen] = useState(-1);
  const [isOpen, setOpen] = useState(false);
  const suggestions = useMemo(() => suggest(draft, fields), [draft, fields]);
  const type = (text: string) => {
    setDraft(text);
    onRefused([]);
    setChosen(-1);
    setOpen(true);
  };
  const apply = (text: string) => {
    const typed = parseFilter(text, fields);
    const clock = { now: Date.now(), isUtc: readZone() === "utc" };
    const faults = [...foreignFaults(text, fields), ...toQuery(typed, fields, clock).faults];
    if (faults.length > 0) {
      setOpen(false);
      return onRefused(faults);
    }
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

export function FilterInput({ placeholder, ...asked }: FilterInputProps) {
  const id = useId();
  const { draft, chosen, isOpen, setOpen, suggestions, type, take, press } = useDraft(asked);
  const isShown = isOpen && suggestions.length > 0;
  return (
    <div className="min-w-40 flex-1">
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
