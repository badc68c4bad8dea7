import type { HeaderMap } from "@reprise/protocol";
import { useState } from "react";
import { SubHeading } from "./heading.tsx";

interface HeaderListProps {
  readonly title: string;
  readonly headers: HeaderMap | undefined;
}

/** From this many on they can be searched. */
const SEARCH_FROM = 7;

/** Names and values of headers; what cannot be seen in them is named. */
export function HeaderList({ title, headers = {} }: HeaderListProps) {
  const [text, setText] = useState("");
  const all = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  );
  const wanted = text.trim().toLowerCase();
  const shown = all.filter(([name, value]) => `${name}: ${value}`.toLowerCase().includes(wanted));
  return (
    <section>
      <div className="mb-1 flex items-center justify-between gap-2">
        <SubHeading className="text-xs font-semibold text-soft">
          {title} <span className="font-normal tabular-nums">({all.length})</span>
        </SubHeading>
        {all.length >= SEARCH_FROM && (
          <input
            type="search"
            aria-label={`Search ${title.toLowerCase()}`}
            placeholder="Search"
            value={text}
            onChange={(event) => setText(event.target.value)}
            className="w-36 rounded-md border border-line bg-ground px-2 py-0.5 text-xs placeholder:text-soft"
          />
        )}
      </div>
      {shown.length === 0 ? (
        <p className="text-xs text-soft">{all.length === 0 ? "None." : "None matches."}</p>
      ) : (
        <dl className="divide-y divide-line rounded-md border border-line text-xs">
          {shown.map(([name, value], index) => (
            <div
              // biome-ignore lint/suspicious/noArrayIndexKey: a header may come twice with the same value
              key={`${name} ${index}`}
              className="grid gap-x-3 px-2 py-1 sm:grid-cols-[minmax(9rem,14rem)_minmax(0,1fr)]"
            >
              <dt className="break-words text-soft">{name}</dt>
              <dd className="font-mono break-all">{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
