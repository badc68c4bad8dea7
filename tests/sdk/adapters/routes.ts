// The workflows that every adapter serves, and what surrounds them. They run in the process of the tests and, bundled, on other
// platforms, so that nothing but the Web's standards is used here.

import type { RouteFunction, ServeOptions } from "@reprise/sdk";
import type { VerifySignatureConfig } from "@reprise/sdk/node";

/** What an app is told about its surroundings, as variables of its environment. */
export interface AppEnvironment {
  readonly QSTASH_URL: string;
  readonly QSTASH_TOKEN: string;
  readonly QSTASH_CURRENT_SIGNING_KEY: string;
  readonly QSTASH_NEXT_SIGNING_KEY: string;
  /** Shows that workflows see the environment of the app. */
  readonly GREETING: string;
  /** The address of `/prefixed` for the world: a proxy that takes a part off its path. */
  readonly PREFIXED_URL: string;
  /** The environment is a record of texts. */
  readonly [name: string]: string;
}

export interface Order {
  readonly text: string;
  /** Answers what it is asked. */
  readonly echoUrl: string;
}

export interface OrderResult {
  readonly text: string;
  readonly greeting: string | undefined;
  readonly group: readonly string[];
  readonly echoed: unknown;
}

/** Steps of every kind that an app takes part in. */
export const order: RouteFunction<Order, OrderResult> = async (context) => {
  const { text, echoUrl } = context.requestPayload;
  const kept = await context.run("keep", () => text);
  // One text is enough to see that a run wakes up.
  await context.sleep("nap", text === "teapot" ? 1 : 0);
  const group = await Promise.all([
    context.run("left", () => `${kept}<`),
    context.run("right", () => `${kept}>`),
  ]);
  const { body } = await context.call("echo", {
    url: echoUrl,
    method: "POST",
    body: { text: kept },
    headers: { "content-type": "application/json" },
  });
  return { text: kept, greeting: context.env.GREETING, group, echoed: body };
};

/** Gives the payload back as it was read. */
export const mirror: RouteFunction<unknown, unknown> = async (context) => {
  return context.run("mirror", () => context.requestPayload);
};

/** Fails, and says so to its failure function. */
export const failing: RouteFunction<string, void> = async (context) => {
  await context.run("fail", () => {
    throw new Error(`cannot do <${context.requestPayload}> & more 💥`);
  });
};

export const failingOptions: ServeOptions<string, void> = {
  failureFunction: ({ context, failStatus, failResponse }) =>
    `${context.requestPayload}: ${failStatus} ${failResponse}`,
};

/** What the app at each path is made of. */
export interface AppParts {
  readonly env: AppEnvironment;
  /** For `verifySignature` at `/message`, whose handler gives the body back as a text. */
  readonly config: VerifySignatureConfig;
  /** For `/order` and `/failing`, which check signatures. */
  readonly signed: { readonly env: AppEnvironment };
  /** For `/open`, where anybody can start `mirror`. */
  readonly open: { readonly env: AppEnvironment; readonly receiver: undefined };
  /** For `/prefixed`, which is `mirror` behind a proxy. */
  readonly prefixed: OpenOptions & { readonly url: string };
}

type OpenOptions = { readonly env: AppEnvironment; readonly receiver: undefined };

export function toParts(env: AppEnvironment): AppParts {
  const open = { env, receiver: undefined };
  return {
    env,
    config: {
      currentSigningKey: env.QSTASH_CURRENT_SIGNING_KEY,
      nextSigningKey: env.QSTASH_NEXT_SIGNING_KEY,
      clockTolerance: 30,
    },
    signed: { env },
    open,
    prefixed: { ...open, url: env.PREFIXED_URL },
  };
}
