// Payloads through validators of any library, and through parsers.

import type { StandardSchema } from "@reprise/sdk";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { faultOf } from "../../conformance/surface.ts";
import { modes, useMode } from "./modes.ts";

interface Order {
  readonly id: number;
}

/** As arktype does it: a function that has the property. */
const callable: StandardSchema<Order> = Object.assign(() => {}, {
  "~standard": {
    version: 1 as const,
    vendor: "callable",
    validate: (value: unknown) => {
      const id = (value as Partial<Order> | undefined)?.id; // Looked at next.
      return typeof id === "number"
        ? { value: { id } }
        : { issues: [{ message: "must be a number", path: [{ key: "id" }] }] };
    },
  },
});

const slow: StandardSchema<Order> = {
  "~standard": {
    version: 1,
    vendor: "slow",
    validate: async (value) => callable["~standard"].validate(value),
  },
};

describe.each(modes)("%s", (mode) => {
  const { world, serve, result } = useMode(mode);

  test.each<[string, StandardSchema<Order>]>([
    ["zod", z.object({ id: z.number() })],
    ["valibot", v.object({ id: v.number() })],
    ["a function", callable],
    ["one that takes its time", slow],
  ])(
    "a payload that fits the schema of %s is typed, another one fails the run at once",
    async (_name, schema) => {
      const url = serve(
        "/order",
        async (context) => {
          expectTypeOf(context.requestPayload).toEqualTypeOf<Order>();
          return context.run("id", () => context.requestPayload.id);
        },
        { schema },
      );
      expect(await result(url, { body: { id: 7 } })).toBe(7);
      const runId = await world.trigger({ url, body: { id: "seven" }, retries: 3 });
      const run = await world.failed(runId);
      const { status, body } = faultOf(run);
      expect(status).toBe(489);
      expect(body).toMatch(/the payload does not fit the schema of this workflow: .*id/);
    },
  );

  test("a parser makes the payload of the text", async () => {
    const url = serve(
      "/order",
      async (context) => context.run("id", () => context.requestPayload.toISOString()),
      { initialPayloadParser: (text: string) => new Date(Number(text)) },
    );
    expect(await result(url, { body: "0" })).toBe("1970-01-01T00:00:00.000Z");
  });

  test("a parser that throws fails the run, and says so", async () => {
    const route = async (context: { readonly requestPayload: never }) => context.requestPayload;
    const parse = (): never => {
      throw new Error("no order");
    };
    const url = serve<never, never>("/order", route, { initialPayloadParser: parse });
    const run = await world.failed(await world.trigger({ url, body: "x", retries: 0 }));
    expect(faultOf(run).body).toContain("no order");
  });
});
