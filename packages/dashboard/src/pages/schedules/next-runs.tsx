import type { CronAnswer } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api/client.ts";
import { Fault } from "../../parts/page.tsx";
import { When } from "../../parts/when.tsx";

interface NextRunsProps {
  readonly expression: string;
  /** Where the ticks of an interval count from, epoch milliseconds. */
  readonly anchor?: number;
}

/** When an expression fires next, on the clock of its own zone. */
export function NextRuns({ expression, anchor }: NextRunsProps) {
  const { data, error } = useQuery({
    queryKey: ["schedules", "next", expression, anchor],
    queryFn: ({ signal }) =>
      ask<CronAnswer>("/v2/cron", { query: { expression, anchor, count: 5 }, signal }),
    enabled: expression.trim() !== "",
    retry: false,
  });
  if (error !== null) return <Fault error={error} />;
  if (data === undefined) return null;
  if (data.times.length === 0) return <p className="text-soft">It never fires.</p>;
  return (
    <div>
      <p className="text-soft">Next, on the clock of {data.timeZone}:</p>
      <ol className="mt-1 grid gap-0.5">
        {data.times.map((at) => (
          <li key={at} className="flex gap-4 tabular-nums">
            <span>{inZone(at, data.timeZone)}</span>
            <span className="text-soft">
              <When at={at} />
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function inZone(at: number, timeZone: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    weekday: "short",
    day: "2-digit",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZone,
    timeZoneName: "short",
  }).format(at);
}
