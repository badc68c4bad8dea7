import type {
  BulkActionPage,
  BulkActionResource,
  BulkCancelAnswer,
  BulkRetryAnswer,
  CountAnswer,
  DeadMessagePage,
  DeadMessageResource,
  MessageResource,
  OpenMessageFields,
  RetryAnswer,
} from "@reprise/protocol";
import { deadLetterId, messageId } from "@reprise/protocol";
import { assert } from "../core/assert.ts";
import type { Envelope } from "../core/envelope.ts";
import { createWorld, type World } from "./test-world.suite.ts";

/** A world with messages that belong to no run. */

/** The fields of all answers together: a test reads those of the request that it has sent. */
export type MessageAnswer = DeadMessageResource &
  MessageResource &
  Omit<OpenMessageFields, "state"> &
  CountAnswer &
  BulkCancelAnswer &
  BulkRetryAnswer &
  RetryAnswer &
  BulkActionResource &
  BulkActionPage &
  Omit<DeadMessagePage, "messages"> & {
    readonly messages: readonly (DeadMessageResource & OpenMessageFields)[];
    readonly error: string;
    readonly deleted: number;
  };

export interface MessageReply {
  readonly status: number;
  readonly body: MessageAnswer;
}

export interface MessageWorld {
  readonly world: World;
  call(target: string, init?: RequestInit): Promise<MessageReply>;
  /** Publishes a message and gives its row key. */
  publish(options?: PublishOptions): Promise<number>;
  /** Publishes one that is not due yet, and gives its public id. */
  hold(options?: PublishOptions): Promise<string>;
  /** Publishes a message whose only attempt fails, and gives its dead letter. */
  fail(options?: PublishOptions): Promise<Dead>;
  /** The names of open messages that nobody has cancelled, in order. */
  open(): Promise<string>;
}

export interface Dead {
  readonly dlqId: string;
  readonly key: number;
  readonly messageKey: number;
}

export interface PublishOptions extends Partial<Envelope> {
  readonly url?: string;
  readonly body?: string | Uint8Array;
  readonly delayMs?: number;
}

export const DESTINATION = "https://app.example/hook";

export async function createMessageWorld(): Promise<MessageWorld> {
  const world = await createWorld();
  const { engine, store, host } = world;
  const publish: MessageWorld["publish"] = async (options = {}) => {
    const { url = DESTINATION, body = "", delayMs = 0, ...envelope } = options;
    const [answer] = await engine.execute([
      {
        type: "publish",
        destination: { kind: "url", url },
        envelope: {
          method: "POST",
          headers: {},
          retries: 3,
          notBefore: host.now() + delayMs,
          callerIp: "203.0.113.7",
          ...envelope,
        },
        body: typeof body === "string" ? new TextEncoder().encode(body) : body,
        dedup: null,
        dedupUntil: 0,
      },
    ]);
    const [message] = answer?.messages ?? [];
    assert(message !== undefined, "a publish to a URL makes one message");
    return message.messageKey;
  };
  const fail: MessageWorld["fail"] = async (options = {}) => {
    const key = await publish({ retries: 0, ...options });
    return world.until(async () => {
      const [row] = await store.find("deadMessages", "byMessage", [[key]]);
      if (row === undefined) return null;
      const dlqId = deadLetterId({ failedAt: row.createdAt, key: row.key });
      return { dlqId, key: row.key, messageKey: key };
    });
  };
  const open: MessageWorld["open"] = async () => {
    const messages = await store.list("messages", { where: [], order: "ascending", limit: 1_000 });
    const live = messages.filter(({ state }) => state !== "canceling");
    const envelopes = await store.get(
      "envelopes",
      live.map(({ key }) => key),
    );
    return envelopes.map(({ body }) => new TextDecoder().decode(body)).join("");
  };
  return {
    world,
    publish,
    fail,
    open,
    hold: async (options) => messageId(await publish({ delayMs: 60_000, ...options })),
    call: async (target, init) => {
      const { status, body } = await world.call(target, init);
      // The world gives the answer as it was parsed; these are the fields of the endpoints of messages.
      return { status, body: body as unknown as MessageAnswer };
    },
  };
}
