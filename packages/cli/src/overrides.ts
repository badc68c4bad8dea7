// What a resumed or restarted run does differently from the failed one. They are called `--set-...`, because
// `--label` and `--flow-key` already choose dead letters.

import { HEADER } from "@reprise/protocol";
import type { Command } from "commander";
import { usageFault } from "./fault.ts";

export interface OverrideOptions {
  readonly setRetries?: string;
  readonly setDelay?: string;
  readonly setRetryDelay?: string;
  readonly setFlowKey?: string;
  readonly setFlowValue?: string;
  readonly setLabel?: string;
  readonly setFailureUrl?: string;
}

/** Adds the overrides to `command`. The server checks their values. */
export function addOverrides(command: Command): Command {
  return command
    .option("--set-retries <number>", "retries of the steps that are left")
    .option("--set-delay <duration>", "wait before the next step, such as 10s or 1h30m")
    .option(
      "--set-retry-delay <expression>",
      "milliseconds between retries, such as 1000 * retried",
    )
    .option("--set-flow-key <key>", "flow-control key")
    .option("--set-flow-value <value>", "flow control, such as parallelism=2, rate=10, period=1m")
    .option("--set-label <labels>", "labels, separated by commas")
    .option("--set-failure-url <url>", "where a failure is reported");
}

/** The headers of a resume or restart. */
export function toHeaders(options: OverrideOptions): Readonly<Record<string, string>> {
  const headers: readonly (readonly [string, string, string | undefined])[] = [
    ["--set-retries", HEADER.retries, options.setRetries],
    ["--set-delay", HEADER.delay, options.setDelay],
    ["--set-retry-delay", HEADER.retryDelay, options.setRetryDelay],
    ["--set-flow-key", HEADER.flowControlKey, options.setFlowKey],
    ["--set-flow-value", HEADER.flowControlValue, options.setFlowValue],
    ["--set-label", HEADER.label, options.setLabel],
    ["--set-failure-url", HEADER.failureCallback, options.setFailureUrl],
  ];
  return Object.fromEntries(
    headers.flatMap(([option, name, value]) =>
      value === undefined ? [] : [[name, checkHeaderValue(option, value)]],
    ),
  );
}

/** `fetch` refuses other values too, but its error would read as if no server answered. */
function checkHeaderValue(option: string, value: string): string {
  if (/^[\x20-\x7e]+$/.test(value)) return value;
  throw usageFault(
    `${option} must be plain ASCII text without line breaks, got ${JSON.stringify(value)}`,
  );
}
