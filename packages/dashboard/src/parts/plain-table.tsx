import type { ReactNode } from "react";

export interface Column<Row> {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Left out on narrow screens. */
  readonly isMinor?: boolean;
  readonly cell: (row: Row) => ReactNode;
}

interface PlainTableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}

/** A table for lists of some dozens; long ones are virtual. On a phone each row is a card, and each cell says its title. */
export function PlainTable<Row>({ label, columns, rows, keyOf }: PlainTableProps<Row>) {
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways has to be reached by keyboard
      tabIndex={0}
      aria-label={`${label}, scrollable`}
      className="overflow-x-auto rounded-lg border border-line bg-panel"
    >
      <table aria-label={label} className="w-full border-collapse max-md:block">
        <thead className="max-md:hidden">
          <tr className="border-b border-line text-xs text-soft">
            {columns.map((column) => (
              <th
                key={column.title}
                scope="col"
                className={`px-3 py-2 font-medium ${side(column)}`}
              >
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="max-md:block">
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              className="border-b border-line last:border-0 hover:bg-raised max-md:block max-md:py-2"
            >
              {columns.map((column) => (
                <Cell key={column.title} column={column} row={row} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const side = ({ isNumber }: { readonly isNumber?: boolean }): string =>
  isNumber === true ? "text-right tabular-nums" : "text-left";

interface CellProps<Row> {
  readonly column: Column<Row>;
  readonly row: Row;
}

function Cell<Row>({ column, row }: CellProps<Row>) {
  const narrow =
    column.isMinor === true
      ? "max-md:hidden"
      : "max-md:flex max-md:items-center max-md:justify-between max-md:gap-4 max-md:py-1";
  return (
    <td className={`px-3 py-2 align-middle ${side(column)} ${narrow}`}>
      <span className="shrink-0 text-xs text-soft md:hidden">{column.title}</span>
      {column.cell(row)}
    </td>
  );
}
