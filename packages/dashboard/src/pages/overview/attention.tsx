import type { AttentionItem } from "@reprise/protocol";
import { Check, ChevronRight, CircleAlert, TriangleAlert } from "lucide-react";
import { toSearch } from "../../api/client.ts";
import { searchFor } from "../../filters/use-filter.ts";

type Finds = (item: AttentionItem) => string;

const gatePlace: Finds = ({ gate, subject }) =>
  gate === "queue" ? "#/queues" : `#/flow-control?${toSearch({ search: subject })}`;

const PLACES: Readonly<Record<AttentionItem["type"], Finds>> = {
  dead_letters: ({ subject }) => linkTo("/failures", { workflow: subject }),
  dead_messages: () => "#/failures?kind=messages",
  stuck_runs: () => linkTo("/runs", { stuck: "true" }),
  late_messages: () => "#/messages",
  paused: gatePlace,
  gate_full: gatePlace,
  failure_function_failed: () => linkTo("/failures/entries", { function: "fail" }),
  expiring_dead_letters: () => "#/failures",
};

function linkTo(path: string, values: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== null);
  const search = toSearch(searchFor(Object.fromEntries(given) as Record<string, string>)); // Null is left out above.
  return `#${path}${search === "" ? "" : `?${search}`}`;
}

const BAD: ReadonlySet<string> = new Set(["dead_letters", "stuck_runs", "failure_function_failed"]);

interface AttentionProps {
  readonly items: readonly AttentionItem[];
}

/** What a person should look at first, with the way there. */
export function Attention({ items }: AttentionProps) {
  if (items.length === 0) {
    return (
      <p className="mb-4 flex items-center gap-2 rounded-lg border border-line bg-panel px-4 py-3">
        <Check size={16} aria-hidden className="text-good" />
        Nothing needs your attention.
      </p>
    );
  }
  return (
    <section
      aria-label="Needs attention"
      className="mb-4 overflow-hidden rounded-lg border border-line bg-panel"
    >
      <h2 className="border-b border-line px-4 py-2 font-semibold">Needs attention</h2>
      <ul className="divide-y divide-line">
        {items.map((item) => (
          <li key={`${item.type} ${item.gate ?? ""} ${item.subject ?? ""}`}>
            <Item item={item} />
          </li>
        ))}
      </ul>
    </section>
  );
}

const GATE_WORDS = { queue: "queue", flow_control: "flow-control key" } as const;

function Item({ item }: { readonly item: AttentionItem }) {
  const { type, count, subject, gate, title } = item;
  const isBad = BAD.has(type);
  const Icon = isBad ? CircleAlert : TriangleAlert;
  return (
    <a href={PLACES[type](item)} className="flex items-center gap-3 px-4 py-2 hover:bg-raised">
      <Icon size={16} aria-hidden className={`shrink-0 ${isBad ? "text-bad" : "text-warn"}`} />
      <span className="w-16 shrink-0 text-right font-semibold tabular-nums">
        {count.toLocaleString("en")}
      </span>
      <span className="min-w-0 truncate">
        {title}
        {subject !== null && (
          <span className="text-soft">
            {" "}
            · {gate !== null && `${GATE_WORDS[gate]} `}
            {subject}
          </span>
        )}
      </span>
      <ChevronRight size={14} aria-hidden className="ml-auto shrink-0 text-soft" />
    </a>
  );
}
