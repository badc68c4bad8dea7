import type { LogResource, MessageLogResource } from "@reprise/protocol";
import { expect } from "vitest";
import type { AppRequest, World } from "../test-world.suite.ts";
import { openClient, type Sent } from "./api-client.suite.ts";

/** A server whose messages a test publishes, and whose log it reads. */
export interface LogClient {
  readonly world: World;
  /** Publishes and gives the message's id; the first one's when a URL group is addressed. */
  publish(target: string, sent?: Sent): Promise<string>;
  send(method: string, target: string, sent?: Sent): Promise<Answer>;
  /** Entries at `/v2/events`, newest first. */
  events(query?: string): Promise<readonly LogResource[]>;
  page(target: string): Promise<Page>;
  /** The states of a message, oldest first, once it is in `state`. */
  sequence(messageId: string, state: string): Promise<readonly string[]>;
}

export interface Answer {
  readonly status: number;
  readonly json: { readonly error?: string };
}

export interface Page {
  readonly events: readonly LogResource[];
  readonly logs?: readonly LogResource[];
  readonly messages?: readonly MessageLogResource[];
  readonly cursor?: string;
}

/** The id that a delivery carries. */
export function idOf({ headers }: AppRequest): string {
  return headers["upstash-message-id"] ?? "";
}

export async function openLogClient(): Promise<LogClient> {
  const { world, send } = await openClient();
  const page = async (target: string): Promise<Page> => {
    const { status, text } = await send("GET", target);
    expect(status, text).toBe(200);
    return JSON.parse(text);
  };
  const events = async (query = "") => (await page(`/v2/events?${query}`)).events;
  return {
    world,
    page,
    events,
    send: async (method, target, sent) => {
      const { status, text } = await send(method, target, sent);
      return { status, json: text === "" ? {} : JSON.parse(text) };
    },
    publish: async (target, sent = {}) => {
      const { status, text } = await send("POST", `/v2/publish/${target}`, sent);
      expect([200, 201], text).toContain(status);
      const answer: { messageId: string } = [JSON.parse(text)].flat()[0];
      return answer.messageId;
    },
    sequence: (messageId, state) =>
      world.until(async () => {
        const found = await events(`messageId=${messageId}`);
        return found[0]?.state === state && found.map((event) => event.state).toReversed();
      }),
  };
}
