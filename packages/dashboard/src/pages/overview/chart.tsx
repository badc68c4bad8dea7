import { useEffect, useMemo, useRef, useState } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatInstant, useZone } from "../../parts/when.tsx";
import { describeSeries, type Series } from "./series.ts";

const HEIGHT_PX = 170;

/** Counts over time: what went well, and what failed on top of it. */
export function Chart({ series }: { readonly series: Series }) {
  const holder = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const [hovered, setHovered] = useState<number | null>(null);
  const shape = useShape(holder);
  const { at, goodCounts, badCounts, good, bad, title } = series;
  const plot = useRef<UPlot | null>(null);
  const data = useMemo<UPlot.AlignedData>(() => {
    // The bars of both lie behind those of the good ones, so that they look stacked.
    const both = goodCounts.map((count, index) => count + (badCounts[index] ?? 0));
    return [[...at], both, [...goodCounts]];
  }, [at, goodCounts, badCounts]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new counts are put into the chart below
  useEffect(() => {
    if (holder.current === null || shape.width === 0) return;
    const made = new UPlot(optionsOf(shape, zone === "utc", setHovered), data, holder.current);
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
  }, [shape, zone]);
  useEffect(() => plot.current?.setData(data), [data]);
  const instant = (ms: number) => formatInstant(ms, zone);
  const index = hovered ?? -1;
  const told =
    at[index] === undefined
      ? `${total(goodCounts)} ${good}, ${total(badCounts)} ${bad}`
      : `${instant((at[index] ?? 0) * 1_000)}: ${goodCounts[index] ?? 0} ${good}, ${badCounts[index] ?? 0} ${bad}`;
  return (
    <figure className="min-w-0 rounded-lg border border-line bg-panel p-4">
      <figcaption className="mb-2 flex flex-wrap items-baseline justify-between gap-2">
        <h2 className="font-semibold">{title}</h2>
        <span className="text-xs text-soft tabular-nums">{told}</span>
      </figcaption>
      <div role="img" aria-label={describeSeries(series, instant)}>
        <div ref={holder} aria-hidden style={{ height: HEIGHT_PX }} />
      </div>
    </figure>
  );
}

const total = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);

interface Shape {
  readonly width: number;
  readonly theme: string;
}

/** A chart is drawn anew when there is another room for it, or other colours. */
function useShape(holder: { readonly current: HTMLDivElement | null }): Shape {
  const [shape, setShape] = useState<Shape>({ width: 0, theme: "" });
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const look = () => {
      const width = Math.floor(element.clientWidth);
      const theme = document.documentElement.dataset.theme ?? "";
      setShape((before) =>
        before.width === width && before.theme === theme ? before : { width, theme },
      );
    };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    const themes = new MutationObserver(look);
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      sizes.disconnect();
      themes.disconnect();
    };
  }, [holder]);
  return shape;
}

/** The time of a day; the day where one begins. */
function timeOf(atSeconds: number, isUtc: boolean): string {
  const [day = "", time = ""] = formatInstant(atSeconds * 1_000, isUtc ? "utc" : "local").split(
    " ",
  );
  const clock = time.slice(0, 5);
  return clock === "00:00" ? day.slice(5) : clock;
}

/** Of a bar: it begins at its instant, so the newest one needs room behind the last. */
const widthOf = ([first = 0, second = first]: ArrayLike<number> & Iterable<number>): number =>
  second - first;

function optionsOf(
  { width }: Shape,
  isUtc: boolean,
  onHover: (index: number | null) => void,
): UPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "11px ui-sans-serif, system-ui, sans-serif",
  };
  const bars = UPlot.paths.bars?.({ size: [0.8, 24], align: 1 });
  const shape = bars === undefined ? {} : { paths: bars };
  const look = { width: 0, points: { show: false }, ...shape };
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    ...(isUtc ? { tzDate: (at: number) => UPlot.tzDate(new Date(at * 1_000), "Etc/UTC") } : {}),
    axes: [
      { ...axis, size: 28, values: (_plot, splits) => splits.map((at) => timeOf(at, isUtc)) },
      { ...axis, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000] },
    ],
    scales: {
      x: { range: ({ data: [at] }, low, high) => [low, high + widthOf(at)] },
      y: { range: (_plot, _low, high) => [0, Math.max(4, Math.ceil(high * 1.1))] },
    },
    series: [{}, { ...look, fill: colour("--bad") }, { ...look, fill: colour("--accent") }],
    hooks: { setCursor: [(made: UPlot) => onHover(made.cursor.idx ?? null)] },
  };
}
