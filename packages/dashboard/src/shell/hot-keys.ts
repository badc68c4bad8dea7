import { useEffect } from "react";

/** What each key does; a key of two letters is pressed one after the other: `g r`. */
export type HotKeys = Readonly<Record<string, (event: KeyboardEvent) => void>>;

const SEQUENCE_MS = 1_000;
/** The only key that begins a pair: two others pressed quickly are two keys. */
const LEADER = "g";

function isTyping({ target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

const isInDialog = (): boolean =>
  document.querySelector('[role="dialog"],[role="alertdialog"]') !== null;

/** Keys of a page, while nobody types and no dialog is open. With a modifier only `mod+k` is told. */
export function useHotKeys(keys: HotKeys): void {
  useEffect(() => {
    let first = "";
    let firstAt = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey) return;
      const hasModifier = event.metaKey || event.ctrlKey;
      if (!hasModifier && (isTyping(event) || isInDialog())) return;
      const name = hasModifier ? `mod+${event.key.toLowerCase()}` : event.key;
      const isSecond = first !== "" && Date.now() - firstAt < SEQUENCE_MS;
      const action = keys[isSecond ? `${first} ${name}` : name];
      first = !isSecond && name === LEADER ? name : "";
      firstAt = Date.now();
      if (action === undefined) return;
      event.preventDefault();
      action(event);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [keys]);
}
