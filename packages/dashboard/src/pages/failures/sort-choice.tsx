import { useNavigate, useSearch } from "@tanstack/react-router";

const SORTS = [
  ["last", "Latest first"],
  ["count", "Largest first"],
] as const;

export function SortChoice() {
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as Readonly<Record<string, string>>; // As the root route reads it.
  const put = (sort: string) =>
    void navigate({
      to: ".",
      // The route's own search is texts by name; the order that is usual needs no word.
      search: ((before: Readonly<Record<string, string>>) => ({
        ...before,
        sort: sort === "last" ? "" : sort,
      })) as never,
    });
  return (
    <select
      aria-label="Order"
      value={search.sort === "count" ? "count" : "last"}
      onChange={(event) => put(event.target.value)}
      className="rounded-md border border-line bg-panel px-2 py-1.5"
    >
      {SORTS.map(([value, title]) => (
        <option key={value} value={value}>
          {title}
        </option>
      ))}
    </select>
  );
}
