import type { Session } from "@reprise/protocol";
import { Outlet, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type HotKeys, useHotKeys } from "./hot-keys.ts";
import { KeyHelp } from "./key-help.tsx";
import { LostBanner } from "./lost-banner.tsx";
import { Navigation } from "./navigation.tsx";
import { Palette } from "./palette.tsx";
import { ALL_PLACES } from "./places.ts";
import { searchOfPage } from "./search-of-page.ts";
import { TopBar } from "./top-bar.tsx";

type Overlay = "palette" | "keys" | null;

/** What surrounds every page. */
export function Shell({ session }: { readonly session: Session }) {
  const navigate = useNavigate();
  const [overlay, setOverlay] = useState<Overlay>(null);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const keys = useMemo<HotKeys>(() => {
    const places = ALL_PLACES.map(
      ({ key, to }) => [`g ${key}`, () => void navigate({ to })] as const,
    );
    return {
      ...Object.fromEntries(places),
      "mod+k": () => setOverlay("palette"),
      "?": () => setOverlay("keys"),
      "/": () => searchOfPage()?.focus(),
    };
  }, [navigate]);
  useHotKeys(keys);
  const close = () => setOverlay(null);
  return (
    <div className="flex h-full flex-col">
      <button
        type="button"
        onClick={() => document.getElementById("main")?.focus()}
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-panel focus:p-2"
      >
        Skip to the content
      </button>
      <TopBar
        session={session}
        onMenu={() => setMenuOpen(!isMenuOpen)}
        onPalette={() => setOverlay("palette")}
        onKeys={() => setOverlay("keys")}
      />
      <LostBanner />
      <div className="flex min-h-0 flex-1">
        <Navigation isOpen={isMenuOpen} onChoose={() => setMenuOpen(false)} />
        <main
          id="main"
          tabIndex={-1}
          className="min-w-0 flex-1 overflow-auto p-4 outline-none md:p-6"
        >
          <Outlet />
        </main>
      </div>
      <Palette isOpen={overlay === "palette"} onClose={close} onKeys={() => setOverlay("keys")} />
      <KeyHelp isOpen={overlay === "keys"} onClose={close} />
    </div>
  );
}
