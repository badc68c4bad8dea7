import type { MatchCount } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ask } from "../../api/client.ts";
import { type FilterState, searchOf } from "../../filters/use-filter.ts";
import { StateBadge } from "../../parts/badge.tsx";
import { formatCount } from "../../parts/words.ts";
import { QUEUE_PATH } from "../../recover/recovery.ts";

const STATES = [
  ["CALLBACK_FAIL", "fail"],
  ["CALLBACK_INPROGRESS", "inprogress"],
  ["CALLBACK_SUCCESS", "success"],
  ["CALLBACK_CANCELED", "canceled"],
  ["NONE", "none"],
] as const;

/** How the failure functions fared; each count leads to its entries. */
export function FunctionStates({ state: { query, filter } }: { readonly state: FilterState }) {
  const others = filter.terms.filter(({ key }) => key !== "function");
  const toEntries = (word: string) =>
    searchOf({ terms: [...others, { key: "function", value: word }], text: "" }) as never; // A route takes any text.
  const { data } = useQuery({
    queryKey: ["deadLetters", "function-states", query],
    queryFn: ({ signal }) =>
      Promise.all(
        STATES.map(([state]) =>
          ask<MatchCount>(`${QUEUE_PATH.workflows}/count`, {
            query: { ...query, failureFunctionState: state },
            signal,
          }),
        ),
      ),
  });
  return (
    <div className="mb-3 flex min-h-6 flex-wrap items-center gap-x-4 gap-y-1 text-xs text-soft">
      <span>Failure functions</span>
      {STATES.map(([state, word], index) => {
        const found = data?.[index];
        return (
          <Link
            key={state}
            to="/failures/entries"
            search={toEntries(word)}
            className="inline-flex items-center gap-1.5 hover:underline"
          >
            {state === "NONE" ? <span>without one</span> : <StateBadge state={state} />}
            <span className="font-medium text-ink tabular-nums">
              {found === undefined ? "…" : `${formatCount(found.count)}${found.isExact ? "" : "+"}`}
            </span>
          </Link>
        );
      })}
    </div>
  );
}
