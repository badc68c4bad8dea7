import { CHANGE_TOPICS, type ChangeTopic } from "@reprise/protocol";
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
import { followChanges } from "./changes.ts";
import { sessionOptions } from "./session.ts";

export type Connection = "live" | "paused" | "lost";

interface Live {
  readonly connection: Connection;
  /** Changes that came while the page was paused. */
  readonly missed: number;
  readonly setPaused: (isPaused: boolean) => void;
}

const LiveContext = createContext<Live>({ connection: "lost", missed: 0, setPaused: () => {} });

export const useLive = (): Live => useContext(LiveContext);

/**
 * What has changed at the server is asked for again by whoever shows it: the first part of a query's key is its topic, or a list
 * of topics.
 */
export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const client = useQueryClient();
  const [isConnected, setConnected] = useState(true);
  const [isPaused, setIsPaused] = useState(false);
  const [missed, setMissed] = useState(0);
  const pausedRef = useRef(false);
  const askAgain = useCallback(
    (topics: readonly ChangeTopic[]) =>
      client.invalidateQueries({ predicate: ({ queryKey }) => concerns(queryKey[0], topics) }),
    [client],
  );
  useEffect(() => {
    const unlessPaused = (look: () => unknown) => {
      if (pausedRef.current) setMissed((count) => count + 1);
      else look();
    };
    return followChanges({
      onChange: (topics) => unlessPaused(() => askAgain(topics)),
      onConnected: setConnected,
      onFirst: () => {
        if (!pausedRef.current) void askAgain(CHANGE_TOPICS);
      },
      onReturn: () => unlessPaused(() => client.invalidateQueries()),
      onRefused: () => void client.invalidateQueries({ queryKey: sessionOptions.queryKey }),
    });
  }, [client, askAgain]);
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

function concerns(first: unknown, topics: readonly string[]): boolean {
  if (Array.isArray(first)) return first.some((topic) => topics.includes(String(topic)));
  return typeof first === "string" && topics.includes(first);
}
