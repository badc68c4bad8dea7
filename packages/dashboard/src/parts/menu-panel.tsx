import { Check } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";

/** Look of a line of a menu. */
export const MENU_ITEM =
  "flex min-h-8 items-center gap-2 rounded-md px-2 py-1 outline-none data-[highlighted]:bg-accent-soft";

/** What a menu shows when it is open, below the right end of its button. */
export function MenuPanel({ children }: { readonly children: ReactNode }) {
  return (
    <DropdownMenu.Portal>
      <DropdownMenu.Content
        align="end"
        sideOffset={4}
        className="z-30 min-w-52 rounded-lg border border-line bg-panel p-1 shadow-xl"
      >
        {children}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  );
}

/** Room at the begin of a line, with a mark when the line is chosen. */
export function MenuMark() {
  return (
    <span className="inline-flex w-4">
      <DropdownMenu.ItemIndicator>
        <Check size={13} aria-hidden />
      </DropdownMenu.ItemIndicator>
    </span>
  );
}
