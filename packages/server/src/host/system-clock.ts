/**
 * Milliseconds that have passed since some instant. It never goes back, and it goes on while the process is stopped or the machine
 * sleeps: of a clock that stands still then and one that can be set, the one that has gone further counts.
 */
export function systemElapsedMs(): number {
  const monotonicMs = performance.now();
  const wallMs = Date.now();
  const passedMs = Math.max(monotonicMs - last.monotonicMs, wallMs - last.wallMs, 0);
  last = { monotonicMs, wallMs, elapsedMs: last.elapsedMs + passedMs };
  return last.elapsedMs;
}

let last = { monotonicMs: performance.now(), wallMs: Date.now(), elapsedMs: 0 };
