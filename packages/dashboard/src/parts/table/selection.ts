import { useMemo, useState } from "react";

export interface Selection {
  readonly ids: ReadonlySet<string>;
  readonly toggle: (id: string) => void;
  readonly add: (ids: readonly string[]) => void;
  readonly remove: (ids: readonly string[]) => void;
  readonly clear: () => void;
}

/** Rows that a person has chosen, by id. They stay chosen when the list grows or changes. */
export function useSelection(): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  return useMemo(
    () => ({
      ids,
      toggle: (id) =>
        setIds((before) =>
          before.has(id)
            ? new Set([...before].filter((one) => one !== id))
            : new Set([...before, id]),
        ),
      add: (more) => setIds((before) => new Set([...before, ...more])),
      remove: (less) => setIds((before) => new Set([...before].filter((id) => !less.includes(id)))),
      clear: () => setIds(new Set()),
    }),
    [ids],
  );
}
