import { Client as RunClient } from "@reprise/sdk";
import { Client as MessageClient } from "@reprise/sdk/messages";
import type { World } from "../../conformance/world.ts";

/** Our clients of a world, which send every request once. */

export function messageClient({ server: { url }, token }: World): MessageClient {
  return new MessageClient({ baseUrl: url, token, retry: false });
}

export function runClient({ server: { url }, token }: World): RunClient {
  return new RunClient({ baseUrl: url, token, retry: false });
}

/** All that an iteration gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What a call was refused with. */
export async function refusalOf(call: () => Promise<unknown>): Promise<Error> {
  const thrown: unknown = await call().then(
    (answer) => new Error(`it was accepted: ${JSON.stringify(answer)}`, { cause: "accepted" }),
    (error: unknown) => error,
  );
  if (thrown instanceof Error && thrown.cause !== "accepted") return thrown;
  throw thrown;
}
