import type { Session } from "@reprise/protocol";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CirclePause, CirclePlay, LogOut, Menu, Search } from "lucide-react";
import { useLive } from "../api/live.tsx";
import { logOut, sessionOptions } from "../api/session.ts";
import iconUrl from "../icon.svg";
import { Badge } from "../parts/badge.tsx";
import { Button } from "../parts/button.tsx";
import { ViewMenu } from "./view-menu.tsx";

interface TopBarProps {
  readonly session: Session;
  readonly onMenu: () => void;
  readonly onPalette: () => void;
  readonly onKeys: () => void;
}

export function TopBar({ session, onMenu, onPalette, onKeys }: TopBarProps) {
  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-panel px-3">
      <Button look="quiet" isIcon className="md:hidden" aria-label="Pages" onClick={onMenu}>
        <Menu size={16} aria-hidden />
      </Button>
      <Link to="/" className="flex items-center gap-2 font-semibold">
        <img src={iconUrl} alt="" width={20} height={20} />
        Reprise
      </Link>
      {session.isDevelopment && (
        <span className="hidden sm:inline">
          <Badge tone="warn">development</Badge>
        </span>
      )}
      {session.scope === "read-only" && <Badge tone="dull">read only</Badge>}
      <Button look="plain" className="ml-auto text-soft" onClick={onPalette}>
        <Search size={14} aria-hidden />
        <span className="sr-only sm:not-sr-only">Go to</span>
        <kbd
          aria-hidden
          className="hidden rounded border border-line px-1 font-mono text-xs sm:inline"
        >
          Ctrl K
        </kbd>
      </Button>
      <LiveButton />
      <ViewMenu onKeys={onKeys} />
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
      isIcon
      aria-pressed={isPaused}
      aria-label={isPaused ? `${word}: show changes as they come` : `${word}: pause live updates`}
      disabled={connection === "lost"}
      onClick={() => setPaused(!isPaused)}
    >
      <Icon size={16} aria-hidden />
      <span className="hidden lg:inline">{word}</span>
    </Button>
  );
}

function LogOutButton() {
  const client = useQueryClient();
  const leave = async () => {
    // A question for the session that is under way would bring the cookie back.
    await client.cancelQueries();
    await logOut();
    client.setQueryData(sessionOptions.queryKey, null);
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
  };
  return (
    <Button look="quiet" isIcon aria-label="Log out" onClick={() => void leave()}>
      <LogOut size={16} aria-hidden />
    </Button>
  );
}
