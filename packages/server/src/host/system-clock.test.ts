import { expect, test } from "vitest";
import { createElapsed } from "./system-clock.ts";

/** Two clocks of one machine, as a test sets them. */
function clocks() {
  const hands = { monotonicMs: 100, wallMs: 1_800_000_000_000 };
  const elapsed = createElapsed(
    () => hands.monotonicMs,
    () => Math.floor(hands.wallMs),
  );
  const pass = (ms: number) => {
    hands.monotonicMs += ms;
    hands.wallMs += ms;
  };
  return { hands, elapsed, pass };
}

test("however often it is asked, no more time passes than the machine's", () => {
  const { elapsed, pass } = clocks();
  let last = elapsed();
  for (let count = 0; count < 10_000; count += 1) {
    pass(0.13);
    const now = elapsed();
    expect(now - last).toBeCloseTo(0.13, 6);
    last = now;
  }
  expect(last).toBeCloseTo(1_300, 3);
});

test("a sleep in which the monotonic clock stands still counts, and counts once", () => {
  const { hands, elapsed, pass } = clocks();
  pass(1_000);
  hands.wallMs += 20_000;
  expect(elapsed()).toBeCloseTo(21_000, 3);
  pass(10);
  expect(elapsed()).toBeCloseTo(21_010, 3);
});

test.each(["the monotonic clock", "the wall clock"])(
  "a process that was interrupted behind its look at %s has not slept",
  (which) => {
    const hands = { monotonicMs: 100, wallMs: 1_800_000_000_000 };
    let pauseMs = 0;
    const interrupt = () => {
      hands.monotonicMs += pauseMs;
      hands.wallMs += pauseMs;
      pauseMs = 0;
    };
    const read = (isThis: boolean, ms: number) => {
      if (isThis) interrupt();
      return ms;
    };
    const elapsed = createElapsed(
      () => read(which === "the monotonic clock", hands.monotonicMs),
      () => read(which === "the wall clock", hands.wallMs),
    );
    elapsed();
    pauseMs = 70;
    for (let look = 0; look < 3; look += 1) elapsed();
    expect(elapsed()).toBeCloseTo(70, 3);
  },
);

test("short sleeps add up", () => {
  const { hands, elapsed } = clocks();
  for (let count = 0; count < 100; count += 1) {
    hands.wallMs += 20;
    elapsed();
  }
  expect(elapsed()).toBeGreaterThan(2_000 - 51);
});

test("a stop in which the wall clock stands still counts", () => {
  const { hands, elapsed } = clocks();
  hands.monotonicMs += 5_000;
  expect(elapsed()).toBeCloseTo(5_000, 3);
});

test("it never goes back, and a wall clock that is set back hides no sleep behind it", () => {
  const { hands, elapsed, pass } = clocks();
  pass(1_000);
  hands.wallMs -= 3_600_000;
  expect(elapsed()).toBeCloseTo(1_000, 3);
  hands.wallMs += 20_000;
  expect(elapsed()).toBeCloseTo(21_000, 3);
});
