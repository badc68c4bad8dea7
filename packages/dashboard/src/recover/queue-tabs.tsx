import type { MatchCount } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ask } from "../api/client.ts";
import { formatCount } from "../parts/words.ts";
import { type DeadQueue, QUEUE_PATH } from "./recovery.ts";

const TABS: readonly (readonly [DeadQueue, string])[] = [
  ["workflows", "Workflow runs"],
  ["messages", "Messages"],
];

/** Leads from one dead letter queue to the other; each with its size. */
export function QueueTabs({ queue }: { readonly queue: DeadQueue }) {
  return (
    <nav aria-label="Dead letter queues" className="mb-3 flex gap-1 border-b border-line">
      {TABS.map(([name, title]) => (
        <Link
          key={name}
          to="."
          search={name === "messages" ? { kind: "messages" } : {}}
          activeOptions={{ includeSearch: true }}
          aria-current={name === queue ? "page" : undefined}
          className={`-mb-px flex items-center gap-2 border-b-2 px-3 py-1.5 ${name === queue ? "border-accent font-medium" : "border-transparent text-soft hover:text-ink"}`}
        >
          {title}
          <QueueSize queue={name} />
        </Link>
      ))}
    </nav>
  );
}

function QueueSize({ queue }: { readonly queue: DeadQueue }) {
  const { data } = useQuery({
    queryKey: [queue === "workflows" ? "deadLetters" : "deadMessages", "count", "all"],
    queryFn: ({ signal }) => ask<MatchCount>(`${QUEUE_PATH[queue]}/count`, { signal }),
  });
  return (
    <span className="min-w-6 rounded-full bg-raised px-1.5 text-center text-xs text-soft tabular-nums">
      {data === undefined ? "…" : `${formatCount(data.count)}${data.isExact ? "" : "+"}`}
    </span>
  );
}
