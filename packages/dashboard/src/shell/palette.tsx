import { useRouter } from "@tanstack/react-router";
import { Command } from "cmdk";
import { useState } from "react";
import { useLive } from "../api/live.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { setZone, useZone } from "../parts/when.tsx";
import { ALL_PLACES } from "./places.ts";
import { setTheme, useTheme } from "./theme.ts";
import { THEMES, ZONES } from "./view-menu.tsx";

interface PaletteProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly onKeys: () => void;
}

/** Goes to a page by name, or to a run, message or dead letter by its id; and does what belongs to no page. */
export function Palette({ isOpen, onClose, onKeys }: PaletteProps) {
  const { history } = useRouter();
  const [text, setText] = useState("");
  const close = () => {
    onClose();
    setText("");
  };
  const go = (to: string) => {
    close();
    history.push(to);
  };
  const direct = placeOfId(text.trim());
  const actions = useActions(onKeys);
  return (
    <Dialog isOpen={isOpen} onClose={close} title="Go to">
      <Command label="Go to" shouldFilter>
        <Command.Input
          autoFocus
          value={text}
          onValueChange={setText}
          placeholder="A page, an action, or the id of a run, message or dead letter"
          className="w-full rounded-md border border-line bg-ground px-3 py-2"
        />
        <Command.List className="mt-2 max-h-72 overflow-y-auto">
          <Command.Empty className="p-3 text-soft">Nothing has this name.</Command.Empty>
          {direct !== null && (
            <Command.Item value={text} onSelect={() => go(direct.to)} className={ITEM}>
              {direct.title}
            </Command.Item>
          )}
          {ALL_PLACES.map(({ to, title, icon: Icon, key }) => (
            <Command.Item key={to} value={title} onSelect={() => go(to)} className={ITEM}>
              <Icon size={15} aria-hidden />
              {title}
              <kbd className="ml-auto font-mono text-xs text-soft">g {key}</kbd>
            </Command.Item>
          ))}
          {actions.map(([title, act]) => (
            <Command.Item
              key={title}
              value={title}
              onSelect={() => {
                close();
                act();
              }}
              className={ITEM}
            >
              {title}
            </Command.Item>
          ))}
        </Command.List>
      </Command>
    </Dialog>
  );
}

const ITEM =
  "flex items-center gap-2 rounded-md px-3 py-2 aria-selected:bg-accent-soft data-[selected=true]:bg-accent-soft";

/** What can be done from everywhere; what is so already is left out. */
function useActions(onKeys: () => void): readonly (readonly [string, () => void])[] {
  const theme = useTheme();
  const zone = useZone();
  const { connection, setPaused } = useLive();
  const isPaused = connection === "paused";
  return [
    ...THEMES.filter(([name]) => name !== theme).map(
      ([name, title]) => [title, () => setTheme(name)] as const,
    ),
    ...ZONES.filter(([name]) => name !== zone).map(
      ([name, title]) => [`Times in ${title}`, () => setZone(name)] as const,
    ),
    [
      isPaused ? "Show changes as they come" : "Pause live updates",
      () => setPaused(!isPaused),
    ] as const,
    ["Keys", onKeys] as const,
  ];
}

/** Where an id leads. */
function placeOfId(id: string): { readonly to: string; readonly title: string } | null {
  const own = encodeURIComponent(id);
  if (/^wfr_\S+$/.test(id)) return { to: `/runs/${own}`, title: `Run ${id}` };
  if (/^msg_\S+$/.test(id)) return { to: `/messages/${own}`, title: `Message ${id}` };
  if (/^\d+-\d+$/.test(id))
    return { to: `/failures/entries?open=${own}`, title: `Dead letter ${id}` };
  return null;
}
