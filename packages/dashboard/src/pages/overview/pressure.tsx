import type { OverviewGate } from "@reprise/protocol";
import { Badge } from "../../parts/badge.tsx";
import { Panel } from "../../parts/page.tsx";

interface PressureProps {
  readonly title: string;
  readonly gates: readonly OverviewGate[];
  readonly href: string;
  readonly nothing: string;
}

/** Who waits for a place, and how many places are taken. */
export function Pressure({ title, gates, href, nothing }: PressureProps) {
  return (
    <Panel title={title}>
      {gates.length === 0 ? (
        <p className="text-soft">{nothing}</p>
      ) : (
        <table className="w-full table-fixed">
          <thead>
            <tr className="text-left text-xs text-soft">
              <th className="pb-1 font-semibold">Name</th>
              <th className="w-20 pb-1 text-right font-semibold">Waiting</th>
              <th className="w-24 pb-1 text-right font-semibold">In flight</th>
              <th className="w-24 pb-1 pl-4 font-semibold">Taken</th>
            </tr>
          </thead>
          <tbody>
            {gates.map((gate) => (
              <Gate key={gate.name} gate={gate} />
            ))}
          </tbody>
        </table>
      )}
      <a href={href} className="mt-2 inline-block text-xs text-accent hover:underline">
        All of them
      </a>
    </Panel>
  );
}

function Gate({ gate }: { readonly gate: OverviewGate }) {
  const { name, waiting, inFlight, parallelism, isPaused } = gate;
  const share = parallelism === null ? 0 : Math.min(1, inFlight / Math.max(parallelism, 1));
  return (
    <tr className="border-t border-line">
      <td className="truncate py-1.5 pr-2" title={name}>
        {name} {isPaused && <Badge tone="warn">paused</Badge>}
      </td>
      <td className={`text-right tabular-nums ${waiting > 0 ? "" : "text-soft"}`}>{waiting}</td>
      <td className="text-right tabular-nums">
        {inFlight}
        {parallelism !== null && <span className="text-soft"> / {parallelism}</span>}
      </td>
      <td className="pl-4">
        {parallelism !== null && (
          <span aria-hidden className="block h-2 rounded bg-raised">
            <span
              className={`block h-2 rounded ${share >= 1 ? "bg-warn" : "bg-accent"}`}
              style={{ width: `${100 * share}%` }}
            />
          </span>
        )}
      </td>
    </tr>
  );
}
