import { useMemo } from "react";
import { Dialog } from "../parts/dialog.tsx";
import { presentKeys } from "./hot-keys.ts";
import { KEYS, type Line } from "./keys.ts";
import { ALL_PLACES } from "./places.ts";
import { searchOfPage } from "./search-of-page.ts";

/** Those that do something on this page. */
function keysHere(): readonly Line[] {
  const present = presentKeys();
  const has = (name: string) => present.has(name) && (name !== "/" || searchOfPage() !== null);
  return KEYS.filter(([name]) => has(name)).map(([, shown, meaning]) => [shown, meaning]);
}

interface KeyHelpProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

export function KeyHelp({ isOpen, onClose }: KeyHelpProps) {
  // No page changes behind the open help.
  const here = useMemo(() => (isOpen ? keysHere() : []), [isOpen]);
  const places = ALL_PLACES.map(({ key, title }) => [`g ${key}`, title] as const);
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title="Keys" isWide>
      <div className="grid gap-6 sm:grid-cols-2">
        <KeyList title="On a page" keys={here} />
        <KeyList title="Go to a page" keys={places} />
      </div>
    </Dialog>
  );
}

function KeyList({ title, keys }: { readonly title: string; readonly keys: readonly Line[] }) {
  return (
    <section>
      <h3 className="mb-2 font-medium">{title}</h3>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5">
        {keys.map(([key, meaning]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="rounded border border-line bg-raised px-1.5 py-0.5 font-mono text-xs">
                {key}
              </kbd>
            </dt>
            <dd className="text-soft">{meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
