import type { DeadLetterPage, DeadMessagePage } from "@reprise/protocol";
import { useCallback, useMemo, useState } from "react";
import { ask, type Query } from "../../api/client.ts";
import { type DeadQueue, QUEUE_PATH } from "../../recover/recovery.ts";

export interface Export {
  /** Entries so far; null when none is under way. */
  readonly count: number | null;
  readonly error: Error | null;
  readonly start: () => void;
}

const PAGE_SIZE = 100;

/** Saves what a filter shows as a file of JSON lines, the oldest failure first. */
export function useExport(queue: DeadQueue, query: Query): Export {
  const [count, setCount] = useState<number | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const run = useCallback(async () => {
    setCount(0);
    setError(null);
    try {
      const blob = await readAll(queue, query, setCount);
      save(blob, `reprise-dead-${queue}.jsonl`);
    } catch (fault) {
      setError(fault instanceof Error ? fault : new Error(String(fault)));
    }
    setCount(null);
  }, [queue, query]);
  const isRunning = count !== null;
  const start = useCallback(() => {
    if (!isRunning) void run();
  }, [isRunning, run]);
  return useMemo(() => ({ count, error, start }), [count, error, start]);
}

async function readAll(
  queue: DeadQueue,
  query: Query,
  onCount: (count: number) => void,
): Promise<Blob> {
  const parts: string[] = [];
  let count = 0;
  let cursor = "";
  do {
    const page = await ask<DeadLetterPage | DeadMessagePage>(QUEUE_PATH[queue], {
      query: { ...query, count: PAGE_SIZE, cursor },
    });
    for (const entry of page.messages) parts.push(`${JSON.stringify(entry)}\n`);
    count += page.messages.length;
    onCount(count);
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
