import {
  type DeadMessageResource,
  isJsonObject,
  type LogResource,
  type MessageResource,
} from "@reprise/protocol";
import { type PublishRequest, Client as QstashClient } from "@upstash/qstash";
import { expect } from "vitest";
import { NOT_CHECKED, type Received } from "./app.ts";
import { until } from "./until.ts";
import type { World } from "./world.ts";

/** What tests of messages ask again and again. */

/** The official client, which sends every request once. */
export function qstash(world: World): QstashClient {
  return new QstashClient({ baseUrl: world.server.url, token: world.token, retry: false });
}

/** A message as the API shows it. */
export async function messageOf(world: World, messageId: string): Promise<MessageResource> {
  const answer = await world.call("GET", `/v2/messages/${messageId}`);
  expect(answer.status, answer.text).toBe(200);
  // The shape is what the tests of messages check.
  return answer.json as MessageResource;
}

/** Waits for delivery number `index` at `path`, and gives it. */
export function deliveryAt(world: World, path: string, index = 0): Promise<Received> {
  return until(`delivery ${index} at ${path}`, () => {
    const received = world.app.at(path)[index];
    return received?.signatureFault === NOT_CHECKED ? null : received;
  });
}

/** The log of a message, oldest entry first. */
export async function logOf(world: World, messageId: string): Promise<readonly LogResource[]> {
  const answer = await world.call("GET", `/v2/events?messageId=${messageId}`);
  expect(answer.status, answer.text).toBe(200);
  // The shape is what the tests of the log check.
  return (answer.json as { readonly events: LogResource[] }).events.toReversed();
}

/** Waits until the log of a message ends with `state`, and gives it, oldest entry first. */
export function logUntil(
  world: World,
  messageId: string,
  state: LogResource["state"],
): Promise<readonly LogResource[]> {
  return until(`${state} of ${messageId}`, async () => {
    const entries = await logOf(world, messageId);
    return entries.at(-1)?.state === state && entries;
  });
}

/** Waits until a message is in the dead letter queue, and gives its entry. */
export function deadMessageOf(world: World, messageId: string): Promise<DeadMessageResource> {
  return until(`the dead letter of ${messageId}`, async () => {
    const answer = await world.call("GET", `/v2/dlq?messageId=${messageId}`);
    // The shape is what the tests of the dead letter queue check.
    return (answer.json as { readonly messages: readonly DeadMessageResource[] }).messages[0];
  });
}

/** The id of the one message that an answer names. */
export function idOf(answer: unknown): string {
  const messageId = isJsonObject(answer) ? answer.messageId : undefined;
  if (typeof messageId !== "string") throw new Error(`no message id: ${JSON.stringify(answer)}`);
  return messageId;
}

/** The ids that a list of answers names, those of URL groups in their places. */
export function idsOf(answer: unknown): readonly string[] {
  if (!Array.isArray(answer)) throw new Error(`no list: ${JSON.stringify(answer)}`);
  return answer.flat().map(idOf);
}

type Body = NonNullable<PublishRequest["body"]>;

/** Bytes as the body of a message: `fetch` takes them, the client's types do not know it. */
export function bodyOf(bytes: Uint8Array<ArrayBuffer>): Body {
  // What the types leave out is a view on bytes, which every `fetch` takes.
  return bytes as unknown as Body;
}
