import { serve } from "@upstash/workflow";
import { until } from "../conformance/until.ts";
import type { Shop } from "./shop.ts";
import { letterOf } from "./shop-facts.ts";

/** A workflow that fails at its second step until it is mended, and counts what it does. */
export interface Fickle {
  readonly path: string;
  readonly url: string;
  isBroken: boolean;
  /** Its failure function fails as well. */
  isDeaf: boolean;
  readonly ran: { prepare: number; finish: number; told: number };
  /** What the runs were given, at each call of the first step. */
  readonly payloads: unknown[];
}

export function serveFickle(shop: Shop, path: string): Fickle {
  const fickle: Fickle = {
    path,
    url: `${shop.appUrl}${path}`,
    isBroken: true,
    isDeaf: false,
    ran: { prepare: 0, finish: 0, told: 0 },
    payloads: [],
  };
  const failureFunction = async () => {
    if (fickle.isDeaf) throw new Error("nobody listens");
    fickle.ran.told += 1;
    return "noted";
  };
  shop.serve(path, (qstashClient) => {
    const { handler } = serve(
      async (context) => {
        await context.run("prepare", () => {
          fickle.ran.prepare += 1;
          fickle.payloads.push(context.requestPayload);
        });
        await context.run("finish", () => {
          if (fickle.isBroken) throw new Error("the belt is torn");
          fickle.ran.finish += 1;
        });
      },
      { qstashClient, failureFunction },
    );
    return handler;
  });
  return fickle;
}

/** Runs of it that have failed, and whose failure function has had its turn. */
export async function failSome(
  shop: Shop,
  fickle: Fickle,
  count: number,
  more: Readonly<Record<string, unknown>> = {},
): Promise<readonly string[]> {
  const ids = await Promise.all(
    Array.from({ length: count }, (_, index) => shop.trigger(fickle.path, { index }, more)),
  );
  for (const id of ids) {
    await until(`the failure function of ${id}`, async () => {
      const state = (await letterOf(shop, id))?.failureFunctionState;
      return state === "CALLBACK_SUCCESS" || state === "CALLBACK_FAIL";
    });
  }
  return ids;
}
