// biome-ignore-all lint/a11y/useSemanticElements: rows that are not in the document cannot be rows of a table

import { useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowUp } from "lucide-react";
import {
  type KeyboardEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
} from "react";
import { Fault } from "../page.tsx";
import { ColumnChooser, useShownColumns } from "./column-chooser.tsx";
import { features, type TableColumn, toDefs } from "./columns.ts";
import { TableHead, TableRow } from "./rows.tsx";
import type { Selection } from "./selection.ts";
import { useFollowing } from "./use-following.ts";
import type { LivePages } from "./use-live-pages.ts";
import { useNarrow } from "./use-narrow.ts";
import { useRowKeys } from "./use-row-keys.ts";

export interface DataTableProps<T extends object> {
  /** Says what is listed: `Runs`. Chosen columns are kept by it. */
  readonly label: string;
  readonly list: LivePages<T>;
  /** Some of the rows of the list, when the page hides others; the same ones until they change. */
  readonly rows?: readonly T[];
  /** Stable, as `idOf` is: of the module, or memoized. */
  readonly columns: readonly TableColumn<T>[];
  readonly idOf: (row: T) => string;
  readonly onOpen?: (row: T) => void;
  readonly selection?: Selection;
  /** The row that keys are about; a stable function. */
  readonly onActive?: (row: T | null) => void;
  readonly rowHeight?: number;
  /** Shown in place of the rows when there are none. */
  readonly empty: ReactNode;
}

const ROW_PX = 40;
const CARD_PX = 96;
/** The titles of columns stand over the rows while those are scrolled. */
const HEAD_PX = 36;
const OVERSCAN_ROWS = 8;
const TOP_PX = 8;

/** A list of any length: only what is on the screen is in the document. It fills the height that its parent, a flex column, leaves. */
export function DataTable<T extends object>(props: DataTableProps<T>) {
  const { list, empty } = props;
  const rows = props.rows ?? list.rows;
  const { newCount, showNew } = list;
  const isBare = rows.length === 0;
  // Where no row is, none can move under a person's hand.
  useEffect(() => {
    if (isBare && newCount > 0) showNew();
  }, [isBare, newCount, showNew]);
  if (list.error !== null && list.rows.length === 0) {
    return <Fault error={list.error} onRetry={list.reload} />;
  }
  if (!list.isPending && isBare && !list.hasMore) return <>{empty}</>;
  return <Grid {...props} rows={rows} />;
}

function Grid<T extends object>(props: DataTableProps<T> & { readonly rows: readonly T[] }) {
  const { label, list, rows, columns, idOf, onOpen, selection, onActive } = props;
  const isNarrow = useNarrow();
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const { shown, visible, set } = useShownColumns(label, columns);
  const rowPx = isNarrow ? CARD_PX : (props.rowHeight ?? ROW_PX);
  const headPx = isNarrow ? 0 : HEAD_PX;
  const virtual = useRowWindow({ rows, idOf, rowPx, headPx, scroller });
  const onReach = useCallback((index: number) => virtual.scrollToIndex(index), [virtual]);
  const active = useRowKeys({ rows, idOf, onOpen, selection, onReach });
  const activeRow = rows[active.index] ?? null;
  // Before the next key: who presses `j f` means the row that `j` has reached.
  useLayoutEffect(() => onActive?.(activeRow), [onActive, activeRow]);
  const items = virtual.getVirtualItems();
  const ids = useMemo(() => rows.map(idOf), [rows, idOf]);
  const tableRows = useTableRows(rows, columns, shown);
  const isTop = (virtual.scrollOffset ?? 0) < TOP_PX;
  const isBusyWith = active.activeId !== null || (selection?.ids.size ?? 0) > 0;
  const isFollowing = useFollowing({ list, items, count: rows.length, isTop, isBusyWith });
  const tracks = tracksOf(visible, selection !== undefined);
  const shape = { columns: visible, tracks, isNarrow, selection };
  const chooser = <ColumnChooser columns={columns} shown={shown} onSet={set} />;
  return (
    <div className="relative flex min-h-72 flex-1 flex-col overflow-hidden rounded-lg border border-line bg-panel">
      {!isFollowing && <NewRows list={list} scroller={scroller} />}
      <div
        ref={scroller}
        role="grid"
        aria-label={label}
        aria-rowcount={list.hasMore ? -1 : rows.length + 1}
        aria-multiselectable={selection !== undefined}
        aria-activedescendant={active.index === -1 ? undefined : `${id}-${active.index}`}
        aria-busy={list.isPending}
        tabIndex={0}
        onKeyDown={(event) => pressInGrid(event, active.keys)}
        className="min-h-0 flex-1 overflow-auto"
      >
        <TableHead {...shape} ids={ids} chooser={chooser} />
        <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ key, index, start }) => {
            const row = rows[index];
            if (row === undefined) return null;
            return (
              <TableRow
                {...shape}
                key={key}
                id={`${id}-${index}`}
                index={index}
                top={start - headPx}
                height={rowPx}
                row={row}
                rowId={idOf(row)}
                isActive={active.index === index}
                isGone={list.gone.has(idOf(row))}
                onOpen={onOpen}
                onActivate={active.setActiveId}
                measure={virtual.measureElement}
                cells={tableRows[index]?.getVisibleCells() ?? []}
              />
            );
          })}
        </div>
      </div>
      <p role="status" className="border-t border-line px-3 py-1 text-xs text-soft tabular-nums">
        {toldOf(list, rows.length, selection)}
      </p>
    </div>
  );
}

interface RowWindowAsked<T> {
  readonly rows: readonly T[];
  readonly idOf: (row: T) => string;
  readonly rowPx: number;
  readonly headPx: number;
  readonly scroller: { readonly current: HTMLDivElement | null };
}

function useRowWindow<T>({ rows, idOf, rowPx, headPx, scroller }: RowWindowAsked<T>) {
  return useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: OVERSCAN_ROWS,
    scrollMargin: headPx,
    scrollPaddingStart: headPx,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : idOf(row);
    },
  });
}

function useTableRows<T extends object>(
  rows: readonly T[],
  columns: readonly TableColumn<T>[],
  shown: Readonly<Record<string, boolean>>,
) {
  const defs = useMemo(() => toDefs(columns), [columns]);
  // The table takes a list that it could write to, and does not.
  const data = rows as T[];
  const table = useTable({ features, columns: defs, data, state: { columnVisibility: shown } });
  return table.getRowModel().rows;
}

function tracksOf<T>(columns: readonly TableColumn<T>[], isSelectable: boolean): string {
  const own = columns.map(({ width }) => width);
  return [...(isSelectable ? ["2.25rem"] : []), ...own, "2rem"].join(" ");
}

const GRID_KEYS: Readonly<Record<string, string>> = {
  ArrowDown: "j",
  ArrowUp: "k",
  Enter: "o",
  " ": "x",
};

/** What lists do everywhere, while the list has the focus. */
function pressInGrid(
  event: KeyboardEvent,
  keys: Readonly<Record<string, (event: globalThis.KeyboardEvent) => void>>,
): void {
  const action = keys[GRID_KEYS[event.key] ?? ""];
  if (action === undefined || event.target !== event.currentTarget) return;
  event.preventDefault();
  action(event.nativeEvent);
}

interface NewRowsProps<T> {
  readonly list: LivePages<T>;
  readonly scroller: { readonly current: HTMLDivElement | null };
}

/** Rows that came since wait here: nothing moves under a person's hand. */
function NewRows<T>({ list, scroller }: NewRowsProps<T>) {
  if (list.newCount === 0) return null;
  const show = () => {
    list.showNew();
    scroller.current?.scrollTo({ top: 0 });
  };
  return (
    <button
      type="button"
      onClick={show}
      className="absolute top-11 left-1/2 z-10 inline-flex -translate-x-1/2 items-center gap-1 rounded-full bg-accent px-3 py-1 text-xs font-medium text-on-accent shadow-lg"
    >
      <ArrowUp size={12} aria-hidden />
      {list.newCount} new
    </button>
  );
}

function toldOf<T>(list: LivePages<T>, count: number, selection: Selection | undefined): string {
  if (list.isPending) return "Loading ...";
  const chosen = selection?.ids.size ?? 0;
  const parts = [
    list.isFetchingMore ? `${count} loaded, loading more ...` : "",
    !list.isFetchingMore && list.hasMore ? `${count} loaded, more below` : "",
    !list.isFetchingMore && !list.hasMore ? `${count} in all` : "",
    chosen === 0 ? "" : `${chosen} selected`,
  ];
  return parts.filter((part) => part !== "").join(" · ");
}
