const SDK_LINE = /^\s*\[?(Upstash|QStash)/;

/** Keeps the SDK's own lines about failures, which the test causes on purpose, out of the report. */
export function quietConsole(): void {
  console.error = quieter(console.error);
  console.warn = quieter(console.warn);
}

function quieter(print: typeof console.error): typeof console.error {
  return (first: unknown, ...rest: unknown[]) => {
    if (typeof first !== "string" || !SDK_LINE.test(first)) print(first, ...rest);
  };
}
