import { Dialog } from "../parts/dialog.tsx";
import { ALL_PLACES } from "./places.ts";

const KEYS: readonly (readonly [string, string])[] = [
  ["/", "search this page"],
  ["Ctrl K", "go anywhere"],
  ["j  k", "next, previous row"],
  ["o  Enter", "open the row"],
  ["x", "select the row"],
  ["Shift x", "select up to the row"],
  ["r", "resume what is selected or open"],
  ["R", "restart it"],
  ["f", "show failures like this one"],
  ["[  ]", "previous, next failed step of a run"],
  ["e", "export what the filter shows"],
  ["?", "this help"],
];

interface KeyHelpProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

export function KeyHelp({ isOpen, onClose }: KeyHelpProps) {
  const places = ALL_PLACES.map(({ key, title }) => [`g ${key}`, title] as const);
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title="Keys" isWide>
      <div className="grid gap-6 sm:grid-cols-2">
        <KeyList title="On a page" keys={KEYS} />
        <KeyList title="Go to a page" keys={places} />
      </div>
    </Dialog>
  );
}

function KeyList({ title, keys }: { readonly title: string; readonly keys: typeof KEYS }) {
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
