import { useLayoutEffect } from "react";

/** What each key does; a key of two letters is pressed one after the other: `g r`. */
export type HotKeys = Readonly<Record<string, (event: KeyboardEvent) => void>>;

const SEQUENCE_MS = 1_000;
/** The only key that begins a pair: two others pressed quickly are two keys. */
const LEADER = "g";

function isTyping({ target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** Menus read letters themselves. */
const isInDialog = (): boolean =>
  document.querySelector('[role="dialog"],[role="alertdialog"],[role="menu"]') !== null;

/** What parts of the page listen to now. */
const listening = new Set<HotKeys>();

/** The keys that do something here, by their names. */
export function presentKeys(): ReadonlySet<string> {
  return new Set([...listening].flatMap((keys) => Object.keys(keys)));
}

/** Keyboards of many languages have brackets behind AltGr, which browsers tell as Ctrl and Alt, or behind Option. */
function modifierOf(event: KeyboardEvent): "none" | "mod" | "other" {
  const isBracket = event.key === "[" || event.key === "]";
  if (event.getModifierState("AltGraph") || (event.altKey && isBracket)) return "none";
  if (event.altKey) return "other";
  return event.metaKey || event.ctrlKey ? "mod" : "none";
}

/** Keys of a page, while no dialog is open, and while nobody types but for those with Ctrl or Cmd: `mod+k`. */
export function useHotKeys(keys: HotKeys): void {
  // With the screen and not behind it: whoever sees a row can press its keys.
  useLayoutEffect(() => {
    listening.add(keys);
    let first = "";
    let firstAt = 0;
    const press = (event: KeyboardEvent) => {
      const modifier = modifierOf(event);
      if (event.defaultPrevented || modifier === "other" || isInDialog()) return;
      if (modifier === "none" && isTyping(event)) return;
      const name = modifier === "mod" ? `mod+${event.key.toLowerCase()}` : event.key;
      // When it was pressed: a busy page hears of it later.
      const isSecond = first !== "" && event.timeStamp - firstAt < SEQUENCE_MS;
      const action = keys[isSecond ? `${first} ${name}` : name];
      first = !isSecond && name === LEADER ? name : "";
      firstAt = event.timeStamp;
      if (action === undefined) return;
      event.preventDefault();
      action(event);
    };
    window.addEventListener("keydown", press);
    return () => {
      listening.delete(keys);
      window.removeEventListener("keydown", press);
    };
  }, [keys]);
}
