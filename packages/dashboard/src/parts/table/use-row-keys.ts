import { useMemo, useState } from "react";
import { type HotKeys, useHotKeys } from "../../shell/hot-keys.ts";
import type { Selection } from "./selection.ts";

interface RowKeysAsked<T> {
  readonly rows: readonly T[];
  readonly idOf: (row: T) => string;
  readonly onOpen: ((row: T) => void) | undefined;
  readonly selection: Selection | undefined;
  readonly onReach: (index: number) => void;
}

/** The row that keys are about: `j` and `k` move it, `o` opens it, `x` chooses it, `Shift x` all up to it. */
export function useRowKeys<T>({ rows, idOf, onOpen, selection, onReach }: RowKeysAsked<T>) {
  const [activeId, setActiveId] = useState<string | null>(null);
  const [anchor, setAnchor] = useState<string | null>(null);
  const index = useMemo(
    () => (activeId === null ? -1 : rows.findIndex((row) => idOf(row) === activeId)),
    [rows, idOf, activeId],
  );
  const keys = useMemo<HotKeys>(() => {
    const row = rows[index];
    const go = (to: number) => {
      const next = rows[Math.max(0, Math.min(rows.length - 1, to))];
      if (next === undefined) return;
      setActiveId(idOf(next));
      onReach(rows.indexOf(next));
    };
    const open = () => row !== undefined && onOpen?.(row);
    const choose = () => {
      if (row === undefined || selection === undefined) return;
      selection.toggle(idOf(row));
      setAnchor(idOf(row));
    };
    const chooseUpTo = () => {
      if (row === undefined || selection === undefined) return;
      const from = rows.findIndex((one) => idOf(one) === anchor);
      const [low, high] =
        from === -1 ? [index, index] : [Math.min(from, index), Math.max(from, index)];
      selection.add(rows.slice(low, high + 1).map(idOf));
    };
    const select = selection === undefined ? {} : { x: choose, X: chooseUpTo };
    const opens = onOpen === undefined ? {} : { o: open };
    return { j: () => go(index + 1), k: () => go(index - 1), ...opens, ...select };
  }, [rows, index, idOf, onOpen, selection, anchor, onReach]);
  useHotKeys(keys);
  return { index, activeId, setActiveId, keys };
}
