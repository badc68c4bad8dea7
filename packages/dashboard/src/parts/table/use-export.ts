import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ask, type Query } from "../../api/client.ts";
import type { PageOf } from "./use-live-pages.ts";

export interface ExportAsked<A> {
  readonly path: string;
  readonly query: Query;
  /** Stable: a function of the module. */
  readonly read: (answer: A) => PageOf<unknown>;
  readonly fileName: string;
}

interface Export {
  /** Rows so far; null when none is under way. */
  readonly count: number | null;
  readonly error: Error | null;
  readonly start: () => void;
}

const PAGE_SIZE = 100;

/** Saves what a filter shows as a file of JSON lines, in the order of the API. It ends with the page that began it. */
export function useExport<A>({ path, query, read, fileName }: ExportAsked<A>): Export {
  const [count, setCount] = useState<number | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const stopRef = useRef<AbortController | null>(null);
  useEffect(() => () => stopRef.current?.abort(), []);
  const run = useCallback(async () => {
    const stop = new AbortController();
    stopRef.current = stop;
    setCount(0);
    setError(null);
    try {
      const asked = { path, query, read, signal: stop.signal };
      save(await readAll(asked, setCount), fileName);
    } catch (fault) {
      if (!stop.signal.aborted) setError(fault instanceof Error ? fault : new Error(String(fault)));
    }
    setCount(null);
  }, [path, query, read, fileName]);
  const isRunning = count !== null;
  const start = useCallback(() => {
    if (!isRunning) void run();
  }, [isRunning, run]);
  return useMemo(() => ({ count, error, start }), [count, error, start]);
}

interface ReadAsked<A> extends Omit<ExportAsked<A>, "fileName"> {
  readonly signal: AbortSignal;
}

async function readAll<A>(
  { path, query, read, signal }: ReadAsked<A>,
  onCount: (count: number) => void,
): Promise<Blob> {
  const parts: string[] = [];
  let cursor = "";
  do {
    const asked = { query: { ...query, count: PAGE_SIZE, cursor }, signal };
    const page = read(await ask<A>(path, asked));
    for (const row of page.rows) parts.push(`${JSON.stringify(row)}\n`);
    onCount(parts.length);
    cursor = page.cursor ?? "";
  } while (cursor !== "");
  return new Blob(parts, { type: "application/jsonl" });
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
