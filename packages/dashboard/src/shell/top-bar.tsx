import type { Session } from "@reprise/protocol";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CirclePause, CirclePlay, Keyboard, LogOut, Menu, Moon, Search, Sun } from "lucide-react";
import { useState } from "react";
import { useLive } from "../api/live.tsx";
import { logOut, sessionOptions } from "../api/session.ts";
import iconUrl from "../icon.svg";
import { Badge } from "../parts/badge.tsx";
import { Button } from "../parts/button.tsx";
import { setZone, useZone } from "../parts/when.tsx";
import { readTheme, setTheme } from "./theme.ts";

interface TopBarProps {
  readonly session: Session;
  readonly onMenu: () => void;
  readonly onPalette: () => void;
  readonly onKeys: () => void;
}

export function TopBar({ session, onMenu, onPalette, onKeys }: TopBarProps) {
  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-panel px-3">
      <Button look="quiet" className="px-2 md:hidden" aria-label="Pages" onClick={onMenu}>
        <Menu size={16} aria-hidden />
      </Button>
      <Link to="/" className="flex items-center gap-2 font-semibold">
        <img src={iconUrl} alt="" width={20} height={20} />
        Reprise
      </Link>
      {session.isDevelopment && <Badge tone="warn">development</Badge>}
      {session.scope === "read-only" && <Badge tone="dull">read only</Badge>}
      <Button look="plain" className="ml-auto text-soft" onClick={onPalette}>
        <Search size={14} aria-hidden />
        <span className="hidden sm:inline">Go to</span>
        <kbd className="hidden rounded border border-line px-1 font-mono text-xs sm:inline">
          Ctrl K
        </kbd>
      </Button>
      <LiveButton />
      <ZoneButton />
      <ThemeButton />
      <Button
        look="quiet"
        className="hidden px-2 sm:inline-flex"
        aria-label="Keys"
        onClick={onKeys}
      >
        <Keyboard size={16} aria-hidden />
      </Button>
      {!session.isDevelopment && <LogOutButton />}
    </header>
  );
}

function LiveButton() {
  const { connection, missed, setPaused } = useLive();
  const isPaused = connection === "paused";
  const Icon = isPaused ? CirclePlay : CirclePause;
  const word = isPaused
    ? `Paused${missed > 0 ? `, ${missed} changes` : ""}`
    : connection === "live"
      ? "Live"
      : "Lost";
  return (
    <Button
      look="quiet"
      className="px-2"
      aria-pressed={isPaused}
      aria-label={isPaused ? "Show changes as they come" : "Pause live updates"}
      disabled={connection === "lost"}
      onClick={() => setPaused(!isPaused)}
    >
      <Icon size={16} aria-hidden />
      <span className="hidden lg:inline">{word}</span>
    </Button>
  );
}

function ZoneButton() {
  const zone = useZone();
  return (
    <Button
      look="quiet"
      className="hidden px-2 font-mono text-xs sm:inline-flex"
      aria-label={zone === "utc" ? "Show local time" : "Show UTC"}
      onClick={() => setZone(zone === "utc" ? "local" : "utc")}
    >
      {zone === "utc" ? "UTC" : "local"}
    </Button>
  );
}

function ThemeButton() {
  const [theme, setOwn] = useState(readTheme);
  const isDark =
    theme === "dark" || (theme === "system" && document.documentElement.dataset.theme === "dark");
  const Icon = isDark ? Sun : Moon;
  return (
    <Button
      look="quiet"
      className="px-2"
      aria-label={isDark ? "Light colours" : "Dark colours"}
      onClick={() => {
        const next = isDark ? "light" : "dark";
        setTheme(next);
        setOwn(next);
      }}
    >
      <Icon size={16} aria-hidden />
    </Button>
  );
}

function LogOutButton() {
  const client = useQueryClient();
  const leave = async () => {
    await logOut();
    client.clear();
    client.setQueryData(sessionOptions.queryKey, null);
  };
  return (
    <Button look="quiet" className="px-2" aria-label="Log out" onClick={() => void leave()}>
      <LogOut size={16} aria-hidden />
    </Button>
  );
}
