import { Client as QstashClient } from "@upstash/qstash";
import { Client, serve } from "workflow-sdk-0.2";
import type { Handler, Received } from "./app.ts";
import type { World } from "./world.ts";

/** Endpoints and clients of `@upstash/workflow` 0.2, unmodified, in a world of their successor. */

export type OldRoute<T = unknown> = Parameters<typeof serve<T>>[0];
export type OldOptions<T = unknown> = NonNullable<Parameters<typeof serve<T>>[1]>;

/** An endpoint at `path`; gives its URL. */
export function serveOld<T>(
  world: World,
  path: string,
  route: OldRoute<T>,
  options: Partial<OldOptions<T>> = {},
): string {
  return world.app.on(path, oldWorkflow<T>(world, route, options));
}

/** The handler of such an endpoint alone. */
export function oldWorkflow<T>(
  world: World,
  route: OldRoute<T>,
  options: Partial<OldOptions<T>> = {},
): Handler {
  // The options of one kind of validation exclude those of the other, which a spread cannot show.
  const all = { ...surroundings(world), ...options } as OldOptions<T>;
  const { handler } = serve<T>(route, all);
  return (request) => handler(request);
}

/** What every endpoint of a test is given, whichever adapter makes it. */
export function surroundings(world: World) {
  return {
    qstashClient: new QstashClient({ baseUrl: world.server.url, token: world.token }),
    receiver: world.app.receiver,
    // The tests cause errors on purpose: what is printed of them is no part of their report.
    onError: () => {},
  };
}

export function oldClient(world: World): Client {
  return new Client({ baseUrl: world.server.url, token: world.token });
}

/** What came to `path` as a step of a run, without requests of users and calls of other kinds. */
export function stepsAt(world: World, path: string): readonly Received[] {
  return world.app
    .at(path)
    .filter(({ headers }) => headers["upstash-workflow-sdk-version"] !== undefined);
}

export function failureCallsAt(world: World, path: string): readonly Received[] {
  return world.app
    .at(path)
    .filter(({ headers }) => headers["upstash-workflow-is-failure"] === "true");
}
