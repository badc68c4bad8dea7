// Servers in regions: the SDK picks its client and its keys by the header that a server of a region sends.

import { serve } from "@upstash/workflow";
import { describe, expect, test } from "vitest";
import { sdkOptions } from "./sdk.ts";
import { faultOf, resultOf } from "./surface.ts";
import { useWorld, type World } from "./world.ts";

const OTHER = {
  url: "http://127.0.0.1:9",
  token: "wrong",
  keys: { current: "sig_wrong", next: "sig_wrong_next" },
};

/** The variables of an app that serves both regions, one of which is `world`. */
function regionsOf(world: World, region: "EU_CENTRAL_1" | "US_EAST_1", preset: string) {
  const { current, next } = world.server.signingKeys;
  const here = { url: world.server.url, token: world.token, keys: { current, next } };
  const entries = ["EU_CENTRAL_1", "US_EAST_1"].flatMap((name) => {
    const { url, token, keys } = name === region ? here : OTHER;
    return [
      [`${name}_QSTASH_URL`, url],
      [`${name}_QSTASH_TOKEN`, token],
      [`${name}_QSTASH_CURRENT_SIGNING_KEY`, keys.current],
      [`${name}_QSTASH_NEXT_SIGNING_KEY`, keys.next],
    ] as const;
  });
  return { QSTASH_REGION: preset, ...Object.fromEntries(entries) };
}

/** A workflow with a step, a call and a failure function, served by the variables alone. */
function serveRegional(world: World, env: Record<string, string>): string {
  const service = world.app.on("/service", () => new Response("ok"));
  const { handler } = serve(
    async (context) => {
      const { body } = await context.call("ask", { url: service });
      return context.run("one", () => {
        if (context.requestPayload === "fail") throw new Error("broken");
        return body;
      });
    },
    { env, failureFunction: async () => "told", ...sdkOptions },
  );
  return world.app.on("/flow", handler);
}

describe.each([
  ["EU-CENTRAL-1", "EU_CENTRAL_1", "US_EAST_1"],
  ["US-EAST-1", "US_EAST_1", "EU_CENTRAL_1"],
] as const)("a server in %s", (region, name, elsewhere) => {
  const world = useWorld({ config: { region } });

  test("says so with every delivery, so that the app answers it and not its default region", async () => {
    const url = serveRegional(world, regionsOf(world, name, elsewhere));
    expect(resultOf(await world.succeeded(await world.trigger({ url })))).toBe("ok");
    const all = [...world.app.at("/flow"), ...world.app.at("/service")];
    expect(all).toHaveLength(5);
    for (const { headers } of all) expect(headers["upstash-region"]).toBe(region);
  });

  test("says so with failure calls", async () => {
    const url = serveRegional(world, regionsOf(world, name, elsewhere));
    const runId = await world.trigger({ url, body: "fail", retries: 0 });
    await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
    for (const { headers } of world.app.at("/flow")) {
      expect(headers["upstash-region"]).toBe(region);
    }
  });
});

describe("a server without a region", () => {
  const world = useWorld();

  test("sends no such header, and the app takes its default region", async () => {
    const url = serveRegional(world, regionsOf(world, "US_EAST_1", "US_EAST_1"));
    expect(resultOf(await world.succeeded(await world.trigger({ url })))).toBe("ok");
    for (const { headers } of world.app.at("/flow")) {
      expect(headers).not.toHaveProperty("upstash-region");
    }
  });

  test("cannot be heard by an app whose default region is another", async () => {
    const url = serveRegional(world, regionsOf(world, "US_EAST_1", "EU_CENTRAL_1"));
    const run = await world.failed(await world.trigger({ url, retries: 0 }));
    expect(faultOf(run)).toMatchObject({
      status: 500,
      body: expect.stringMatching(/signature/i),
    });
  });
});
