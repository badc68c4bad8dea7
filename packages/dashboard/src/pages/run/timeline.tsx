import { useVirtualizer } from "@tanstack/react-virtual";
import {
  Braces,
  Clock,
  Globe,
  Hourglass,
  type LucideIcon,
  Moon,
  RotateCw,
  SquareFunction,
  Workflow,
} from "lucide-react";
import { useEffect, useMemo, useRef } from "react";
import { StateBadge } from "../../parts/badge.tsx";
import { formatDuration } from "../../parts/when.tsx";
import {
  type AttemptBar,
  type Timeline as Model,
  type StepBar,
  ticksOf,
} from "./timeline-model.ts";
import { Track } from "./track.tsx";

interface TimelineProps {
  readonly timeline: Model;
  readonly step: number | null;
  readonly attempt: number | null;
  readonly onOpen: (step: number, attempt: number | null) => void;
}

type Item =
  | { readonly type: "step"; readonly bar: StepBar }
  | { readonly type: "attempt"; readonly bar: StepBar; readonly attempt: AttemptBar };

const STEP_PX = 34;
const ATTEMPT_PX = 26;
const OVERSCAN_ROWS = 12;
/** Attempts are shown under their step from the first failed one on, but for that many steps alone. */
const NESTED_MAX = 200;

/** Steps one under the other, on the time of their run; branches that ran side by side are held together. */
export function Timeline({ timeline, step, attempt, onOpen }: TimelineProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const items = useMemo(() => itemsOf(timeline.bars), [timeline.bars]);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (items[index]?.type === "attempt" ? ATTEMPT_PX : STEP_PX),
    overscan: OVERSCAN_ROWS,
  });
  const openAt = items.findIndex((item) => item.type === "step" && item.bar.index === step);
  useEffect(() => {
    if (openAt >= 0) virtual.scrollToIndex(openAt);
  }, [openAt, virtual]);
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-panel">
      <Axis timeline={timeline} />
      <div ref={scroller} className="max-h-[60vh] overflow-y-auto" data-timeline>
        <ol className="relative" style={{ height: virtual.getTotalSize() }} aria-label="Steps">
          {virtual.getVirtualItems().map(({ key, index, start, size }) => {
            const item = items[index];
            if (item === undefined) return null;
            const isOpen =
              item.bar.index === step &&
              (item.type === "step" ? attempt === null : item.attempt.index === attempt);
            return (
              <li
                key={key}
                className="absolute w-full"
                style={{ transform: `translateY(${start}px)`, height: size }}
                aria-setsize={items.length}
                aria-posinset={index + 1}
              >
                <Row item={item} timeline={timeline} isOpen={isOpen} onOpen={onOpen} />
              </li>
            );
          })}
        </ol>
      </div>
    </div>
  );
}

function itemsOf(bars: readonly StepBar[]): readonly Item[] {
  const isShort = bars.filter(({ attempts }) => attempts.length > 0).length <= NESTED_MAX;
  return bars.flatMap((bar): readonly Item[] => [
    { type: "step", bar },
    ...(isShort ? bar.attempts.map((attempt) => ({ type: "attempt", bar, attempt }) as const) : []),
  ]);
}

const COLUMNS =
  "grid grid-cols-[minmax(0,1fr)_6.5rem] md:grid-cols-[minmax(12rem,20rem)_minmax(0,1fr)_6.5rem]";

/** A tick behind this has no room for its text. */
const TICK_SHARE_MAX = 0.85;

function Axis({ timeline }: { readonly timeline: Model }) {
  const { from, to } = timeline;
  const hasRoom = (at: number) => (at - from) / (to - from) < TICK_SHARE_MAX;
  return (
    <div className={`${COLUMNS} border-b border-line text-xs text-soft`} aria-hidden>
      <div className="px-3 py-1.5 font-semibold">Step</div>
      <div className="relative hidden md:block">
        {ticksOf(timeline)
          .filter(hasRoom)
          .map((at) => (
            <span
              key={at}
              className="absolute top-1.5 border-l border-line pl-1 whitespace-nowrap tabular-nums"
              style={{ left: `${(100 * (at - from)) / (to - from)}%` }}
            >
              {at === from ? "0" : formatDuration(at - from)}
            </span>
          ))}
      </div>
      <div className="px-3 py-1.5 text-right font-semibold">Lasted</div>
    </div>
  );
}

interface RowProps {
  readonly item: Item;
  readonly timeline: Model;
  readonly isOpen: boolean;
  readonly onOpen: TimelineProps["onOpen"];
}

function Row({ item, timeline, isOpen, onOpen }: RowProps) {
  const { bar } = item;
  const ground = isOpen ? "bg-accent-soft" : "hover:bg-raised";
  const open = () => onOpen(bar.index, item.type === "attempt" ? item.attempt.index : null);
  const span = item.type === "attempt" ? item.attempt : bar;
  return (
    <button
      type="button"
      aria-pressed={isOpen}
      onClick={open}
      className={`${COLUMNS} h-full w-full items-center text-left ${ground}`}
    >
      <span className="flex h-full min-w-0 items-center gap-2 px-3">
        <Lane bar={bar} />
        {item.type === "step" ? (
          <StepLabel bar={bar} />
        ) : (
          <AttemptLabel attempt={item.attempt} bar={bar} />
        )}
      </span>
      <Track item={item} timeline={timeline} />
      <span className="px-3 text-right text-xs whitespace-nowrap text-soft tabular-nums">
        {bar.kind === "payload" ? "" : formatDuration(span.to - span.from)}
        {bar.isOpen && item.type === "step" ? " …" : ""}
      </span>
    </button>
  );
}

/** The bracket around branches that ran side by side. */
function Lane({ bar: { placed } }: { readonly bar: StepBar }) {
  if (placed.lanes < 2) return null;
  const isFirst = placed.lane === 0;
  const isLast = placed.lane === placed.lanes - 1;
  const ends = `${isFirst ? "mt-3 rounded-tl border-t" : ""} ${isLast ? "mb-3 rounded-bl border-b" : ""}`;
  return <span aria-hidden className={`w-2 shrink-0 self-stretch border-l border-soft ${ends}`} />;
}

const ICONS: Readonly<Record<StepBar["kind"], LucideIcon>> = {
  payload: Braces,
  work: SquareFunction,
  sleep: Moon,
  wait: Hourglass,
  call: Globe,
  invoke: Workflow,
};

function StepLabel({ bar }: { readonly bar: StepBar }) {
  const { placed, name, kind } = bar;
  const Icon = ICONS[kind];
  const isQuiet = placed.step.state === "STEP_SUCCESS";
  return (
    <>
      <span className="w-6 shrink-0 text-right text-xs text-soft tabular-nums">
        {placed.number}
      </span>
      <Icon size={14} aria-label={kind} className="shrink-0 text-soft" />
      <span className="truncate" title={name}>
        {name}
      </span>
      {placed.lanes > 1 && placed.lane === 0 && (
        <span className="shrink-0 text-xs text-soft">{placed.lanes} side by side</span>
      )}
      {isQuiet ? (
        <span className="sr-only">succeeded</span>
      ) : (
        <span className="ml-auto shrink-0">
          <StateBadge state={placed.step.state} />
        </span>
      )}
    </>
  );
}

interface AttemptLabelProps {
  readonly attempt: AttemptBar;
  readonly bar: StepBar;
}

function AttemptLabel({ attempt, bar }: AttemptLabelProps) {
  const isLast = attempt.index === bar.attempts.length - 1;
  const Icon = isLast && bar.placed.step.state === "STEP_FAILED" ? Clock : RotateCw;
  return (
    <span className="flex min-w-0 items-center gap-2 pl-8 text-xs">
      <Icon size={12} aria-hidden className="shrink-0 text-bad" />
      <span className="shrink-0 text-soft">attempt {attempt.index + 1}</span>
      <span className="truncate text-bad" title={attempt.error.error}>
        {attempt.error.error}
      </span>
    </span>
  );
}
