// biome-ignore-all lint/a11y/useSemanticElements: rows that are not in the document cannot be rows of a table
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus, and names the active row

import type { Cell } from "@tanstack/react-table";
import { FlexRender } from "@tanstack/react-table";
import { type MouseEvent, memo, type ReactNode } from "react";
import type { Features, TableColumn } from "./columns.ts";
import type { Selection } from "./selection.ts";

interface TableHeadProps<T> {
  readonly columns: readonly TableColumn<T>[];
  readonly tracks: string;
  readonly isNarrow: boolean;
  readonly selection: Selection | undefined;
  readonly ids: readonly string[];
  readonly chooser: ReactNode;
}

export function TableHead<T>(props: TableHeadProps<T>) {
  const { columns, tracks, isNarrow, selection, ids, chooser } = props;
  // A selection smaller than the list cannot be all of it.
  const chosen = selection?.ids.size ?? 0;
  const isAll =
    ids.length > 0 && chosen >= ids.length && ids.every((id) => selection?.ids.has(id) === true);
  return (
    <div role="rowgroup" className={isNarrow ? "sr-only" : "sticky top-0 z-[5] bg-panel"}>
      <div
        role="row"
        aria-rowindex={1}
        className="grid h-9 items-center border-b border-line text-xs font-semibold text-soft"
        style={{ gridTemplateColumns: tracks }}
      >
        {selection !== undefined && (
          <div role="columnheader" className="pl-3">
            <input
              type="checkbox"
              aria-label="Select all rows that are loaded"
              checked={isAll}
              onChange={() => (isAll ? selection.clear() : selection.add(ids))}
              className="align-middle accent-accent"
            />
          </div>
        )}
        {columns.map(({ id, title, isNumber }) => (
          <div
            key={id}
            role="columnheader"
            className={`truncate px-2 ${isNumber === true ? "text-right" : ""}`}
          >
            {title}
          </div>
        ))}
        {!isNarrow && (
          <div role="columnheader" aria-label="Columns" className="justify-self-end pr-1">
            {chooser}
          </div>
        )}
      </div>
    </div>
  );
}

interface TableRowProps<T extends object> {
  readonly id: string;
  readonly index: number;
  readonly top: number;
  readonly height: number;
  readonly tracks: string;
  readonly columns: readonly TableColumn<T>[];
  readonly isNarrow: boolean;
  readonly row: T;
  readonly rowId: string;
  readonly isActive: boolean;
  readonly isGone: boolean;
  readonly selection: Selection | undefined;
  readonly onOpen: ((row: T) => void) | undefined;
  readonly onActivate: (id: string) => void;
  readonly measure: (element: HTMLElement | null) => void;
  readonly cells: readonly Cell<Features, T, unknown>[];
}

const isOwnClick = ({ target }: MouseEvent): boolean =>
  !(target instanceof Element && target.closest("a,button,input,label") !== null) &&
  window.getSelection()?.isCollapsed !== false;

/** Drawn anew only when something of it changes: of a list that is scrolled, most rows stay as they are. */
export const TableRow = memo(Row) as typeof Row; // A memo forgets that its component is generic.

function Row<T extends object>(props: TableRowProps<T>) {
  const { id, index, top, height, tracks, isNarrow, row, rowId, selection, onOpen } = props;
  const isChosen = selection?.ids.has(rowId) === true;
  const ground = isChosen ? "bg-accent-soft" : props.isActive ? "bg-raised" : "hover:bg-raised";
  const mark = props.isActive ? "shadow-[inset_3px_0_0_var(--accent)]" : "";
  const shape = isNarrow
    ? "flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2.5"
    : "grid items-center";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys of rows are those of the grid
    <div
      id={id}
      role="row"
      data-index={index}
      ref={isNarrow ? props.measure : undefined}
      aria-rowindex={index + 2}
      aria-selected={selection === undefined ? undefined : isChosen}
      title={props.isGone ? "No longer in this list" : undefined}
      onClick={(event) => {
        if (!isOwnClick(event)) return;
        props.onActivate(rowId);
        onOpen?.(row);
      }}
      className={`absolute left-0 w-full min-w-full border-b border-line ${shape} ${ground} ${mark} ${props.isGone ? "line-through opacity-60" : ""} ${onOpen === undefined ? "" : "cursor-pointer"}`}
      style={{
        transform: `translateY(${top}px)`,
        ...(isNarrow ? {} : { height, gridTemplateColumns: tracks }),
      }}
    >
      {selection !== undefined && (
        <div role="gridcell" className={isNarrow ? "" : "pl-3"}>
          <input
            type="checkbox"
            aria-label={`Select row ${index + 1}`}
            checked={isChosen}
            onChange={() => selection.toggle(rowId)}
            className="align-middle accent-accent"
          />
        </div>
      )}
      {props.cells.map((cell, at) => {
        const column = props.columns[at];
        if (column === undefined) return null;
        return <TableCell key={cell.id} cell={cell} column={column} isNarrow={isNarrow} />;
      })}
    </div>
  );
}

interface TableCellProps<T extends object> {
  readonly cell: Cell<Features, T, unknown>;
  readonly column: TableColumn<T>;
  readonly isNarrow: boolean;
}

function TableCell<T extends object>({ cell, column, isNarrow }: TableCellProps<T>) {
  const { narrow = "part", isNumber } = column;
  if (isNarrow && narrow === "none") return null;
  const wide = `truncate px-2 ${isNumber === true ? "text-right tabular-nums" : ""}`;
  const shape = isNarrow
    ? `min-w-0 truncate empty:hidden ${narrow === "line" ? "w-full" : ""}`
    : wide;
  return (
    <div role="gridcell" className={shape}>
      <FlexRender cell={cell} />
    </div>
  );
}
