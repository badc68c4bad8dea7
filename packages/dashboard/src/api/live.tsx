import { CHANGE_TOPICS } from "@reprise/protocol";
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { askAgain } from "./ask-again.ts";
import { followChanges } from "./changes.ts";
import { sessionOptions } from "./session.ts";

const FIRST_LOOK_MS = 1_000;

export type Connection = "live" | "paused" | "lost";

interface Live {
  readonly connection: Connection;
  /** Changes that came while the page was paused. */
  readonly missed: number;
  readonly setPaused: (isPaused: boolean) => void;
}

const LiveContext = createContext<Live>({ connection: "lost", missed: 0, setPaused: () => {} });

export const useLive = (): Live => useContext(LiveContext);

/** What has changed at the server is asked for again by whoever shows it. */
export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const client = useQueryClient();
  const [isConnected, setConnected] = useState(true);
  const [isPaused, setIsPaused] = useState(false);
  const [missed, setMissed] = useState(0);
  const pausedRef = useRef(false);
  useEffect(() => {
    const unlessPaused = (look: () => unknown) => {
      if (pausedRef.current) setMissed((count) => count + 1);
      else look();
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const unfollow = followChanges({
      onChange: (topics) => unlessPaused(() => askAgain(client, topics)),
      onConnected: setConnected,
      onFirst: () => {
        // What a person waits for comes first.
        timer = setTimeout(() => {
          if (!pausedRef.current) askAgain(client, CHANGE_TOPICS);
        }, FIRST_LOOK_MS);
      },
      onReturn: () => unlessPaused(() => client.invalidateQueries()),
      onRefused: () => void client.invalidateQueries({ queryKey: sessionOptions.queryKey }),
    });
    return () => {
      clearTimeout(timer);
      unfollow();
    };
  }, [client]);
  const setPaused = useCallback(
    (next: boolean) => {
      pausedRef.current = next;
      setIsPaused(next);
      setMissed(0);
      if (!next) void client.invalidateQueries();
    },
    [client],
  );
  const connection: Connection = !isConnected ? "lost" : isPaused ? "paused" : "live";
  const live = useMemo(() => ({ connection, missed, setPaused }), [connection, missed, setPaused]);
  return <LiveContext value={live}>{children}</LiveContext>;
}
