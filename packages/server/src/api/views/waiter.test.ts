import { parseRedaction } from "@reprise/protocol";
import { expect, test } from "vitest";
import { target, waitConfig, waitRow } from "../../core/wait.suite.ts";
import { toWaiter } from "./waiter.ts";

const HIDDEN = expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/);

test("a header that is to be hidden is hidden under every name that carries it", () => {
  const headers = {
    Authorization: ["secret"],
    "Upstash-Forward-Authorization": ["secret"],
    "Upstash-Callback-Forward-Authorization": ["secret"],
    "Upstash-Failure-Callback-Forward-Authorization": ["secret"],
    "Upstash-Callback-Failure-Callback-Forward-Authorization": ["secret"],
    "Upstash-Forward-X": ["open"],
    "Upstash-Workflow-Runid": ["wfr_old"],
  };
  const config = waitConfig({ result: { ...target, headers } });
  const wait = waitRow({ config: JSON.stringify(config) });
  const shown = toWaiter(wait, "wfr_now", parseRedaction("header[Authorization]"));
  const [open, runId] = [["open"], ["wfr_now"]];
  expect(shown.headers).toEqual({
    ...Object.fromEntries(Object.keys(headers).map((name) => [name, [HIDDEN]])),
    "Upstash-Forward-X": open,
    "Upstash-Workflow-Runid": runId,
  });
  expect(toWaiter(wait, "wfr_now", null).headers).toEqual({
    ...headers,
    "Upstash-Workflow-Runid": runId,
  });
});
