import { afterAll, beforeAll } from "vitest";

const SDK_LINE = /^\s*\[?(Upstash|QStash)/;

/** Keeps the SDK's own lines about failures, which the tests cause on purpose, out of the report. */
export function quietSdk(): void {
  const { error, warn, log } = console;
  beforeAll(() => {
    console.error = quieter(error);
    console.warn = quieter(warn);
    console.log = quieter(log);
  });
  afterAll(() => Object.assign(console, { error, warn, log }));
}

function quieter(print: typeof console.error): typeof console.error {
  return (first: unknown, ...rest: unknown[]) => {
    if (typeof first !== "string" || !SDK_LINE.test(first)) print(first, ...rest);
  };
}
