interface SparklineProps {
  readonly counts: readonly number[];
  /** What the bars are, for those who do not see them. */
  readonly label: string;
}

const BAR_WIDTH = 4;
const HEIGHT = 24;
const BAR_HEIGHT_MIN = 2;

/** Counts over time as bars; none is a thin line, so that the time can be read. */
export function Sparkline({ counts, label }: SparklineProps) {
  const most = Math.max(1, ...counts);
  const width = counts.length * BAR_WIDTH;
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${width} ${HEIGHT}`}
      width={width}
      height={HEIGHT}
      className="block shrink-0"
    >
      <title>{label}</title>
      {counts.map((count, index) => {
        const height = count === 0 ? 1 : Math.max(BAR_HEIGHT_MIN, (count / most) * HEIGHT);
        return (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place in time
            key={index}
            x={index * BAR_WIDTH}
            y={HEIGHT - height}
            width={BAR_WIDTH - 1}
            height={height}
            className={count === 0 ? "fill-line" : "fill-bad"}
          />
        );
      })}
    </svg>
  );
}
