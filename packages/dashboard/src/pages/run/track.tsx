import type { AttemptBar, Span, StepBar, Timeline } from "./timeline-model.ts";

type TrackItem =
  | { readonly type: "step"; readonly bar: StepBar }
  | { readonly type: "attempt"; readonly bar: StepBar; readonly attempt: AttemptBar };

const FILL: Readonly<Record<StepBar["kind"], string>> = {
  payload: "bg-soft",
  work: "bg-accent",
  sleep: "bg-line",
  wait: "bg-line",
  call: "bg-calm",
  invoke: "bg-calm",
};

/** The bar of a step, or of one of its attempts. */
export function Track({
  item,
  timeline,
}: {
  readonly item: TrackItem;
  readonly timeline: Timeline;
}) {
  const { bar } = item;
  if (item.type === "attempt") {
    return (
      <span className="relative hidden h-full md:block">
        <Bar span={item.attempt} timeline={timeline} look="bg-bad h-1.5" />
      </span>
    );
  }
  const { state } = bar.placed.step;
  const isFailed = state === "STEP_FAILED";
  const fill = isFailed
    ? "border border-bad bg-bad-soft"
    : state === "STEP_CANCELED"
      ? "bg-soft"
      : FILL[bar.kind];
  // What only waits is hollow, and what goes on fades out.
  const isIdle = bar.kind === "sleep" || bar.kind === "wait";
  const look = isIdle ? "h-3 border border-soft bg-raised" : `h-3 ${fill}`;
  return (
    <span className="relative hidden h-full md:block">
      <Bar span={bar} timeline={timeline} look={`${look} ${bar.isOpen ? "animate-pulse" : ""}`} />
      {bar.attempts.map((attempt) => (
        <Bar key={attempt.index} span={attempt} timeline={timeline} look="bg-bad h-3" />
      ))}
    </span>
  );
}

interface BarProps {
  readonly span: Span;
  readonly timeline: Timeline;
  readonly look: string;
}

function Bar({ span, timeline: { from, to }, look }: BarProps) {
  const wholeMs = to - from;
  const left = Math.min(99.5, Math.max(0, (100 * (span.from - from)) / wholeMs));
  const width = Math.min(100 - left, Math.max(0, (100 * (span.to - span.from)) / wholeMs));
  return (
    <span
      aria-hidden
      className={`absolute top-1/2 min-w-[3px] -translate-y-1/2 rounded-sm ${look}`}
      style={{ left: `${left}%`, width: `${width}%` }}
    />
  );
}
