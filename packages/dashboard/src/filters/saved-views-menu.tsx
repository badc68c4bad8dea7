import { Bookmark, Trash2 } from "lucide-react";
import { Popover } from "radix-ui";
import { type FormEvent, useState } from "react";
import { Button } from "../parts/button.tsx";
import type { FilterField } from "./fields.ts";
import { parseFilter } from "./grammar.ts";
import { deleteView, saveView, useSavedViews } from "./saved-views.ts";
import type { FilterState } from "./use-filter.ts";

interface SavedViewsProps {
  readonly page: string;
  readonly fields: readonly FilterField[];
  readonly state: FilterState;
}

/** Filters under a name: choose one, keep the present one, delete one. */
export function SavedViews({ page, fields, state }: SavedViewsProps) {
  const views = useSavedViews(page);
  const [isOpen, setOpen] = useState(false);
  return (
    <Popover.Root open={isOpen} onOpenChange={setOpen}>
      <Popover.Trigger
        aria-label="Saved views"
        title="Saved views"
        className="inline-flex items-center gap-1 rounded px-1.5 py-0.5 text-xs text-soft hover:bg-raised hover:text-ink"
      >
        <Bookmark size={13} aria-hidden />
        <span className="hidden sm:inline">Views</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={8}
          className="z-30 w-72 max-w-[90vw] rounded-lg border border-line bg-panel p-2 shadow-xl"
        >
          {views.length === 0 && (
            <p className="px-2 py-1 text-soft">
              No saved views yet. Filter the list, then give the filter a name.
            </p>
          )}
          <ul className="max-h-72 overflow-y-auto">
            {views.map((view) => (
              <li key={view.name} className="flex items-center">
                <button
                  type="button"
                  title={view.text}
                  className="min-w-0 flex-1 truncate rounded px-2 py-1 text-left hover:bg-raised"
                  onClick={() => {
                    state.set(parseFilter(view.text, fields));
                    setOpen(false);
                  }}
                >
                  {view.name}
                </button>
                <button
                  type="button"
                  aria-label={`Delete the view ${view.name}`}
                  className="rounded p-1.5 text-soft hover:bg-raised hover:text-bad"
                  onClick={() => deleteView(page, view.name)}
                >
                  <Trash2 size={13} aria-hidden />
                </button>
              </li>
            ))}
          </ul>
          {state.text !== "" && <SaveForm page={page} text={state.text} />}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** Keeps the present filter under a name. */
function SaveForm({ page, text }: { readonly page: string; readonly text: string }) {
  const [name, setName] = useState("");
  const save = (event: FormEvent) => {
    event.preventDefault();
    saveView(page, { name: name.trim(), text: text });
    setName("");
  };
  return (
    <form onSubmit={save} className="mt-2 flex gap-2 border-t border-line pt-2">
      <input
        aria-label="Name of the view"
        placeholder="Name this filter"
        value={name}
        onChange={(event) => setName(event.target.value)}
        className="min-w-0 flex-1 rounded-md border border-line bg-ground px-2 py-1"
      />
      <Button type="submit" disabled={name.trim() === ""} className="py-1">
        Save
      </Button>
    </form>
  );
}
