import type { ChangeEvent, ChangeTopic } from "@reprise/protocol";
import { apiUrl } from "./client.ts";

const REOPEN_MS = 3_000;

interface Listeners {
  readonly onChange: (topics: readonly ChangeTopic[]) => void;
  readonly onConnected: (isConnected: boolean) => void;
  /** The stream is there for the first time: what was asked for before it may have changed since. */
  readonly onFirst: () => void;
  /** The stream is back: whatever changed meanwhile is unknown. */
  readonly onReturn: () => void;
  /** The server has refused the stream; browsers do not say with which answer. */
  readonly onRefused: () => void;
}

/**
 * Hears of changes while somebody looks at the page. A hidden tab gives its connection back, because a browser has no more
 * than six of them for one server over plain HTTP.
 * @returns what ends it.
 */
export function followChanges({
  onChange,
  onConnected,
  onFirst,
  onReturn,
  onRefused,
}: Listeners): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isFirst = true;
  let wasAway = false;
  const open = () => {
    source = new EventSource(apiUrl("/v2/changes"), { withCredentials: true });
    source.onopen = () => {
      onConnected(true);
      if (wasAway) onReturn();
      else if (isFirst) onFirst();
      isFirst = false;
      wasAway = false;
    };
    source.onerror = () => {
      wasAway = true;
      onConnected(false);
      if (source?.readyState !== EventSource.CLOSED) return;
      onRefused();
      timer = setTimeout(open, REOPEN_MS);
    };
    source.addEventListener("change", (event: MessageEvent<string>) => {
      const { topics } = JSON.parse(event.data) as ChangeEvent; // The server's own event.
      onChange(topics);
    });
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const look = () => {
    if (document.hidden) {
      wasAway = true;
      close();
    } else if (source === null) open();
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    close();
  };
}
