import { expect } from "vitest";
import type { Handler } from "./app.ts";
import { until } from "./until.ts";
import type { World } from "./world.ts";

/** Ways to start the run of an endpoint without a client: the endpoint tells the server of it, with its own settings. */

export interface StartOptions {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A user calls the endpoint; gives the id of the run that it starts. */
export async function callEndpoint(
  world: World,
  path: string,
  { body = "", headers = {} }: StartOptions = {},
): Promise<string> {
  const answer = await fetch(world.app.url + path, { method: "POST", body, headers });
  return runIdIn(answer.status, await answer.text());
}

/** The endpoint gets a plain message, as from a schedule; gives the id of the run that it starts. */
export async function publishTo(
  world: World,
  path: string,
  { body = "", headers = {} }: StartOptions = {},
): Promise<string> {
  const count = world.app.at(path).length;
  const published = await world.call("POST", `/v2/publish/${world.app.url}${path}`, {
    body,
    headers,
  });
  expect(published.status, published.text).toBe(200);
  const delivery = await until("the answer of the endpoint", () => {
    const found = world.app.at(path)[count];
    return found !== undefined && found.status !== 0 && found;
  });
  return runIdIn(delivery.status, delivery.answer);
}

function runIdIn(status: number, answer: string): string {
  expect([status, answer]).toEqual([200, expect.stringContaining("workflowRunId")]);
  // The next request with the id fails when it is none.
  return (JSON.parse(answer) as { readonly workflowRunId: string }).workflowRunId;
}

/** A gateway before the app, which asks for the next attempt at once: not every SDK knows a retry delay. */
export function impatient(handler: Handler): Handler {
  return async (request, received) => {
    const response = await handler(request, received);
    if (response.status >= 500) response.headers.set("Retry-After", "0");
    return response;
  };
}
