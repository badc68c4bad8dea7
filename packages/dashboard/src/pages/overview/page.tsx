import type { Overview } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api/client.ts";
import { Fault, PageHead } from "../../parts/page.tsx";

export function Page() {
  const { data, error, refetch } = useQuery({
    queryKey: [["runs", "messages", "deadLetters", "deadMessages"], "overview"],
    queryFn: ({ signal }) => ask<Overview>("/v2/overview", { signal }),
  });
  return (
    <>
      <PageHead title="Overview" />
      {error !== null && <Fault error={error} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
          {Object.entries(data.open).map(([name, count]) => (
            <div key={name} className="rounded-lg border border-line bg-panel p-4">
              <dt className="text-soft">{name}</dt>
              <dd className="text-xl font-semibold tabular-nums">{count}</dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}
