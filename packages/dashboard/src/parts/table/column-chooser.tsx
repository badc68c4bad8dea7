import { Columns3 } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useMemo, useState } from "react";
import { MENU_ITEM, MenuMark, MenuPanel } from "../menu-panel.tsx";
import type { TableColumn } from "./columns.ts";

/** Visibility by the id of a column. */
export type Shown = Readonly<Record<string, boolean>>;

const keyOf = (name: string): string => `reprise.columns.${name}`;

function read(name: string): Shown {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(keyOf(name)) ?? "{}");
    if (typeof value !== "object" || value === null) return {};
    return Object.fromEntries(Object.entries(value).map(([id, is]) => [id, is === true]));
  } catch {
    return {};
  }
}

/** Which columns a person wants to see; kept in this browser. */
export function useShownColumns<T>(name: string, columns: readonly TableColumn<T>[]) {
  const [chosen, setChosen] = useState<Shown>(() => read(name));
  const set = (id: string, isShown: boolean) => {
    const next = { ...chosen, [id]: isShown };
    localStorage.setItem(keyOf(name), JSON.stringify(next));
    setChosen(next);
  };
  const shown = useMemo<Shown>(
    () =>
      Object.fromEntries(
        columns.map(({ id, isHidden, isFixed }) => [
          id,
          isFixed === true || (chosen[id] ?? isHidden !== true),
        ]),
      ),
    [columns, chosen],
  );
  // Stable, so that rows are drawn anew when what they show changes, not with every step of the wheel.
  const visible = useMemo(() => columns.filter(({ id }) => shown[id] === true), [columns, shown]);
  return { shown, visible, set };
}

interface ColumnChooserProps<T> {
  readonly columns: readonly TableColumn<T>[];
  readonly shown: Shown;
  readonly onSet: (id: string, isShown: boolean) => void;
}

export function ColumnChooser<T>({ columns, shown, onSet }: ColumnChooserProps<T>) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger
        aria-label="Columns"
        title="Columns"
        className="rounded p-1 text-soft hover:bg-raised hover:text-ink"
      >
        <Columns3 size={14} aria-hidden />
      </DropdownMenu.Trigger>
      <MenuPanel>
        {columns
          .filter(({ isFixed }) => isFixed !== true)
          .map(({ id, title }) => (
            <DropdownMenu.CheckboxItem
              key={id}
              checked={shown[id] === true}
              // The menu stays open for the next column.
              onSelect={(event) => event.preventDefault()}
              onCheckedChange={(isShown) => onSet(id, isShown)}
              className={MENU_ITEM}
            >
              <MenuMark />
              {title}
            </DropdownMenu.CheckboxItem>
          ))}
      </MenuPanel>
    </DropdownMenu.Root>
  );
}
