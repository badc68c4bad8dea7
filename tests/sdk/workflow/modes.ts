import { type RouteFunction, type ServeOptions, serve, type WebHandler } from "@reprise/sdk";
import { afterEach, beforeEach, expect, type Mock, vi } from "vitest";
import type { Handler } from "../../conformance/app.ts";
import { type SdkMode, sdkModes, sdkOptionsOf } from "../../conformance/sdk.ts";
import { resultOf } from "../../conformance/surface.ts";
import { World, type WorldOptions } from "../../conformance/world.ts";

/** Workflows of our SDK, served in one mode after the other. */

export const modes: readonly SdkMode[] = sdkModes;

export interface ModeWorld {
  readonly world: World;
  readonly mode: SdkMode;
  /** Serves a workflow, in place of what was served there before; gives its URL. */
  serve<Payload, Result>(
    path: string,
    route: RouteFunction<Payload, Result>,
    options?: ServeOptions<Payload, Result>,
  ): string;
  /** Any other endpoint. */
  on(path: string, handler: Handler): string;
  /** Runs a workflow to its end and gives what it returned. */
  result(url: string, trigger?: object): Promise<unknown>;
}

type HandleRequest = WebHandler["handleRequest"];

export interface ModeOptions extends WorldOptions {
  /** Somebody else prints here. */
  readonly mayPrint?: boolean;
}

/** A world for each test of a file, in which nothing may be printed. */
export function useMode(
  mode: SdkMode,
  { mayPrint = false, ...options }: ModeOptions = {},
): ModeWorld {
  const world = new World(options);
  const handles = new Map<string, { current: HandleRequest; url: string }>();
  let prints: Mock[] = [];
  beforeEach(async () => {
    handles.clear();
    prints = (["log", "info", "warn", "error", "debug"] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation(() => {}),
    );
    await world.open();
  });
  afterEach(async () => {
    await world.close();
    if (!mayPrint) expect(prints.flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  const connectTo = (path: string, handle: HandleRequest): string => {
    const known = handles.get(path);
    if (known !== undefined) {
      known.current = handle;
      return known.url;
    }
    const slot = { current: handle, url: "" };
    const origin = world.app.connected?.add({ [path]: (...request) => slot.current(...request) });
    slot.url = `${origin}${path}`;
    handles.set(path, slot);
    return slot.url;
  };

  return {
    world,
    mode,
    serve: (path, route, own) => {
      const { server, token, app } = world;
      const qstashClient = { baseUrl: server.url, token };
      const base = { qstashClient, receiver: app.receiver, ...sdkOptionsOf(mode) };
      // A spread cannot show that options which exclude each other still do.
      const all = { ...base, ...own } as typeof own;
      const handler = serve(route, all);
      if (mode === "connected") return connectTo(path, handler.handleRequest);
      return app.on(path, (request) => handler(request));
    },
    on: (path, handler) => world.app.on(path, handler),
    result: async (url, trigger = {}) =>
      resultOf(await world.succeeded(await world.trigger({ url, ...trigger }))),
  };
}

/** Names of the recorded steps of a run, in the order of the log. */
export async function stepNames(world: World, runId: string): Promise<readonly string[]> {
  const run = await world.log(runId);
  return (run?.steps ?? []).flatMap(({ steps }) => steps.map(({ stepName }) => stepName ?? ""));
}
