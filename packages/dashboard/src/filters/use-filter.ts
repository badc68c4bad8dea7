import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { Query } from "../api/client.ts";
import { useZone } from "../parts/when.tsx";
import { type Filter, type FilterField, type FilterTerm, fieldOf, NO_FILTER } from "./fields.ts";
import { formatFilter, joinTerms, parseFilter } from "./grammar.ts";
import { directTerms, foreignFaults, toQuery } from "./query.ts";

/** The search's name for the text of the filter. */
const NAME = "q";

export interface FilterState {
  readonly filter: Filter;
  /** As it is typed. */
  readonly text: string;
  /** Parameters of the API. It stays the same while the filter does: `2h` counts from when it was typed. */
  readonly query: Query;
  readonly faults: readonly string[];
  readonly set: (filter: Filter) => void;
  readonly add: (term: FilterTerm) => void;
  readonly remove: (term: FilterTerm) => void;
  /** Puts these values in the place of those of the key; none takes it out. */
  readonly put: (key: string, values: readonly string[]) => void;
  readonly clear: () => void;
}

/** The filter of a page: what the address says, `?q=state:failed label:a`, or `?state=failed` from links. */
export function useFilter(fields: readonly FilterField[]): FilterState {
  const search = useSearch({ strict: false }) as Readonly<Record<string, string>>; // As the root route reads it.
  const navigate = useNavigate();
  const isUtc = useZone() === "utc";
  const direct = formatFilter({ terms: directTerms(search, fields), text: "" });
  const text = [search[NAME] ?? "", direct].filter((part) => part !== "").join(" ");
  const filter = useMemo(() => parseFilter(text, fields), [text, fields]);
  const { query, faults } = useMemo(() => {
    const made = toQuery(filter, fields, { now: Date.now(), isUtc });
    return { ...made, faults: [...foreignFaults(text, fields), ...made.faults] };
  }, [filter, text, fields, isUtc]);
  const set = useCallback(
    (next: Filter) =>
      void navigate({
        to: ".",
        // The route's own search is texts by name.
        search: ((before: Readonly<Record<string, string>>) => ({
          ...withoutFields(before, fields),
          ...searchOf(next),
        })) as never,
      }),
    [navigate, fields],
  );
  const put = (key: string, values: readonly string[]) => {
    const others = filter.terms.filter((term) => term.key !== key);
    set({ ...filter, terms: [...others, ...values.map((value) => ({ key, value }))] });
  };
  return {
    filter,
    text: formatFilter(filter),
    query,
    faults,
    set,
    put,
    add: (term) => set({ ...filter, terms: joinTerms([...filter.terms, term], fields) }),
    remove: ({ key, value }) =>
      set({
        ...filter,
        terms: filter.terms.filter((term) => term.key !== key || term.value !== value),
      }),
    clear: () => set(NO_FILTER),
  };
}

function withoutFields(search: Readonly<Record<string, string>>, fields: readonly FilterField[]) {
  return Object.fromEntries(
    Object.entries(search).filter(([name]) => name !== NAME && fieldOf(fields, name) === undefined),
  );
}

/** The search that shows a page with a filter; for links from other pages. */
export function searchOf(filter: Filter): Readonly<Record<string, string>> {
  const text = formatFilter(filter);
  return text === "" ? {} : { [NAME]: text };
}

/** The search that shows a page with these values by key: `{ state: "failed" }`. */
export function searchFor(values: Readonly<Record<string, string | undefined>>) {
  const terms = Object.entries(values).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [{ key, value }],
  );
  return searchOf({ terms, text: "" });
}
