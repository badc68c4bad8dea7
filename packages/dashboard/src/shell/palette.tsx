import { useRouter } from "@tanstack/react-router";
import { Command } from "cmdk";
import { useState } from "react";
import { Dialog } from "../parts/dialog.tsx";
import { ALL_PLACES } from "./places.ts";

interface PaletteProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

/** Goes to a page by name, or to a run, message or dead letter by its id. */
export function Palette({ isOpen, onClose }: PaletteProps) {
  const { history } = useRouter();
  const [text, setText] = useState("");
  const go = (to: string) => {
    onClose();
    setText("");
    history.push(to);
  };
  const direct = placeOfId(text.trim());
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title="Go to">
      <Command label="Go to" shouldFilter>
        <Command.Input
          autoFocus
          value={text}
          onValueChange={setText}
          placeholder="A page, or the id of a run, message or dead letter"
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
        </Command.List>
      </Command>
    </Dialog>
  );
}

const ITEM =
  "flex items-center gap-2 rounded-md px-3 py-2 aria-selected:bg-accent-soft data-[selected=true]:bg-accent-soft";

/** Where an id leads. */
function placeOfId(id: string): { readonly to: string; readonly title: string } | null {
  const own = encodeURIComponent(id);
  if (/^wfr_\S+$/.test(id)) return { to: `/runs/${own}`, title: `Run ${id}` };
  if (/^msg_\S+$/.test(id)) return { to: `/messages/${own}`, title: `Message ${id}` };
  if (/^\d+-\d+$/.test(id))
    return { to: `/failures/entries?open=${own}`, title: `Dead letter ${id}` };
  return null;
}
