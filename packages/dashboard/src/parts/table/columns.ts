import { type ColumnDef, columnVisibilityFeature, tableFeatures } from "@tanstack/react-table";
import type { ReactNode } from "react";

export interface TableColumn<T> {
  readonly id: string;
  readonly title: string;
  readonly cell: (row: T) => ReactNode;
  /** A track of a CSS grid: `8rem`, `minmax(10rem, 2fr)`. */
  readonly width: string;
  /** Numbers stand at the end. */
  readonly isNumber?: boolean;
  /** Not shown before a person asks for it. */
  readonly isHidden?: boolean;
  /** Cannot be taken away. */
  readonly isFixed?: boolean;
  /** On a narrow screen a row is a card: the whole line, part of a line (the default), or nothing. */
  readonly narrow?: "line" | "part" | "none";
}

export const features = tableFeatures({ columnVisibilityFeature });
export type Features = typeof features;

export function toDefs<T extends object>(
  columns: readonly TableColumn<T>[],
): ColumnDef<Features, T>[] {
  return columns.map(({ id, title, cell, isFixed }) => ({
    id,
    header: title,
    cell: ({ row }) => cell(row.original),
    enableHiding: isFixed !== true,
  }));
}
