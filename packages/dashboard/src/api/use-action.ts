import type { ChangeTopic } from "@reprise/protocol";
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";

export interface Action {
  readonly isBusy: boolean;
  readonly error: Error | null;
  /** Does the work; true when it succeeded. What it changes is asked for again. */
  readonly run: (work: () => Promise<unknown>) => Promise<boolean>;
  readonly forget: () => void;
}

/** Something a person does: one at a time, with its fault kept until the next try. */
export function useAction(...topics: readonly ChangeTopic[]): Action {
  const client = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  // A second press comes before the page has shown the first one.
  const busyRef = useRef(false);
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (busyRef.current) return false;
    busyRef.current = true;
    setBusy(true);
    setError(null);
    try {
      await work();
      const concerns = (first: unknown) =>
        topics.some((topic) => topic === first || (Array.isArray(first) && first.includes(topic)));
      await client.invalidateQueries({ predicate: ({ queryKey }) => concerns(queryKey[0]) });
      return true;
    } catch (fault) {
      setError(fault instanceof Error ? fault : new Error(String(fault)));
      return false;
    } finally {
      busyRef.current = false;
      setBusy(false);
    }
  };
  return { isBusy, error, run, forget: () => setError(null) };
}
