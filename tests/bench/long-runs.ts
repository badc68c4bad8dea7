import type { MeasuredProcess } from "./measured-process.ts";
import type { Fact } from "./report.ts";
import type { SdkMode } from "./sdk-app.ts";
import { startApp, withMeasuredServer } from "./stage.ts";

/** Those that do not send the whole list with every step. */
const MODES: readonly SdkMode[] = ["warm", "continued", "connected"];

const SHORT_STEPS = 100;
const LONG_STEPS = 1_000;

/** Runs at once, so that flushes are shared as in a server at work. */
const CONCURRENCY = 10;
const ROUNDS = 2;

/** Sums of all rounds. */
interface Total {
  ms: number;
  bytes: number;
}

/** Compares runs of 1,000 steps with runs of 100: ten times the time and the bytes would be linear. */
export async function measureLongRuns(profileDir: string | null): Promise<readonly Fact[]> {
  const facts: Fact[] = [];
  for (const mode of MODES) facts.push(...(await measureMode(mode, profileDir)));
  return facts;
}

function measureMode(mode: SdkMode, profileDir: string | null): Promise<readonly Fact[]> {
  return withMeasuredServer(profileDir, async (server) => {
    const options = { kind: mode, profileDir };
    const short = await startApp(server, { ...options, stepsPerRun: SHORT_STEPS });
    const long = await startApp(server, { ...options, stepsPerRun: LONG_STEPS });
    const totals: { readonly short: Total; readonly long: Total } = {
      short: { ms: 0, bytes: 0 },
      long: { ms: 0, bytes: 0 },
    };
    try {
      await doRuns(short);
      await doRuns(long);
      for (let round = 0; round < ROUNDS; round++) {
        add(totals.short, await doRuns(short));
        add(totals.long, await doRuns(long));
      }
      return toFacts(mode, totals);
    } finally {
      await short.stop();
      await long.stop();
    }
  });
}

async function doRuns(app: MeasuredProcess): Promise<Total> {
  return app.ask({ type: "runs", count: CONCURRENCY, concurrency: CONCURRENCY }, "runs");
}

function add(total: Total, { ms, bytes }: Total): void {
  total.ms += ms;
  total.bytes += bytes;
}

function toFacts(
  mode: SdkMode,
  { short, long }: { readonly short: Total; readonly long: Total },
): readonly Fact[] {
  const name = `steps.long.${mode}`;
  const runs = CONCURRENCY * ROUNDS;
  const fact = (what: string, value: number, unit: string): Fact => {
    return { name, what, value, unit, ceiling: null };
  };
  return [
    fact(`${CONCURRENCY} runs of ${LONG_STEPS} steps at once`, long.ms / ROUNDS / 1000, "s"),
    fact(`time of ${LONG_STEPS} steps against ${SHORT_STEPS}`, long.ms / short.ms, "times"),
    fact(`bytes to and from the app, ${LONG_STEPS} steps`, long.bytes / runs / 1024, "KiB a run"),
    fact(`bytes of ${LONG_STEPS} steps against ${SHORT_STEPS}`, long.bytes / short.bytes, "times"),
  ];
}
