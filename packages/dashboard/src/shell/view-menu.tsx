import { Keyboard, Monitor, Moon, Sun } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { Button } from "../parts/button.tsx";
import { MENU_ITEM, MenuMark, MenuPanel } from "../parts/menu-panel.tsx";
import { setZone, useZone, type Zone } from "../parts/when.tsx";
import { setTheme, type Theme, useTheme } from "./theme.ts";

const THEME_ICONS = { system: Monitor, light: Sun, dark: Moon } as const;

/** Colours and zones, as menu and palette name them. */
export const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "Colours of the system"],
  ["light", "Light colours"],
  ["dark", "Dark colours"],
];
export const ZONES: readonly (readonly [Zone, string])[] = [
  ["local", "local time"],
  ["utc", "UTC"],
];

/** How the dashboard looks: kept in this browser. */
export function ViewMenu({ onKeys }: { readonly onKeys: () => void }) {
  const theme = useTheme();
  const zone = useZone();
  const Icon = THEME_ICONS[theme];
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button look="quiet" isIcon aria-label="Colours, times and keys">
          <Icon size={16} aria-hidden />
          {zone === "utc" && <span className="font-mono text-xs">UTC</span>}
        </Button>
      </DropdownMenu.Trigger>
      <MenuPanel>
        <Choices name="Colours" value={theme} choices={THEMES} onChoose={setTheme} />
        <DropdownMenu.Separator className="my-1 h-px bg-line" />
        <Choices name="Times" value={zone} choices={ZONES} onChoose={setZone} />
        <DropdownMenu.Separator className="my-1 h-px bg-line" />
        {/* The dialog takes the focus when the menu has given it back. */}
        <DropdownMenu.Item className={MENU_ITEM} onSelect={() => setTimeout(onKeys)}>
          <span className="inline-flex w-4">
            <Keyboard size={14} aria-hidden />
          </span>
          Keys
        </DropdownMenu.Item>
      </MenuPanel>
    </DropdownMenu.Root>
  );
}

interface ChoicesProps<T extends string> {
  readonly name: string;
  readonly value: T;
  readonly choices: readonly (readonly [T, string])[];
  readonly onChoose: (value: T) => void;
}

function Choices<T extends string>({ name, value, choices, onChoose }: ChoicesProps<T>): ReactNode {
  return (
    <DropdownMenu.RadioGroup aria-label={name} value={value}>
      {choices.map(([choice, title]) => (
        <DropdownMenu.RadioItem
          key={choice}
          value={choice}
          onSelect={() => onChoose(choice)}
          className={MENU_ITEM}
        >
          <MenuMark />
          {title}
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}
