import { HEADER, isRepriseError, type WarmPart } from "@reprise/protocol";
import { assert } from "../core/assert.ts";
import { deliveryHeaders } from "../core/delivery.ts";
import { parseEnvelope } from "../core/envelope.ts";
import { plainDeliveryHeaders } from "../core/plain-delivery.ts";
import type { MessageKind } from "../core/rows.ts";
import type {
  Delivery,
  DispatcherLimits,
  DispatcherOptions,
  PlainDelivery,
  RunDelivery,
} from "./dispatcher.ts";
import type { ListBody } from "./history.ts";
import { hashBody } from "./signer.ts";

/** What a delivery says, before it is known which way it takes. */
export interface Draft {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | string;
  /** Asked for by those alone who sign. */
  readonly bodySha256: () => string;
  /** The body is not the one that was accepted: it is not sent. */
  readonly isDamaged: boolean;
  readonly timeoutMs: number;
  /** Given when the body is a part of the list. */
  readonly part?: WarmPart;
}

type DraftRoom = Pick<DispatcherOptions, "history" | "store" | "warm" | "tracing"> & {
  readonly limits: Pick<DispatcherLimits, "inlineCharsMax" | "attemptTimeoutMs">;
};

export async function draftOf(delivery: Delivery, room: DraftRoom): Promise<Draft> {
  try {
    return await (delivery.kind === "run" ? draftRun(delivery, room) : draftPlain(delivery, room));
  } catch (error) {
    if (isRepriseError(error) && error.code === "storage_damaged") return damagedDraft;
    throw error;
  }
}

/** Of a message whose rows cannot be decrypted. */
const damagedDraft: Draft = {
  method: "POST",
  headers: {},
  body: "",
  bodySha256: () => "",
  isDamaged: true,
  timeoutMs: 0,
};

async function draftRun(delivery: RunDelivery, room: DraftRoom): Promise<Draft> {
  const part = await findPart(delivery, room);
  const { bytes, sha256 } = part?.body ?? (await bodyOf(delivery, room));
  const headers = deliveryHeaders(delivery);
  room.tracing?.begin(delivery, delivery.config.trace, headers);
  return {
    method: delivery.own.method ?? "POST",
    headers,
    body: bytes,
    bodySha256: sha256,
    isDamaged: false,
    timeoutMs: delivery.timeoutMs,
    ...(part === null ? {} : { part: part.part }),
  };
}

/** The new records alone, when a process keeps the function that knows the others. */
async function findPart({ message, run }: RunDelivery, { history, limits, warm }: DraftRoom) {
  const { kind, stepPosition: position } = message;
  if (kind !== "step" || position === null || position === 0) return null;
  const part = warm?.take(run.key, position) ?? null;
  if (part === null) return null;
  const range = { from: part.from, position };
  const body = await history.part(run.key, range, limits.inlineCharsMax);
  return body === null ? null : { part, body };
}

async function bodyOf(delivery: RunDelivery, room: DraftRoom): Promise<ListBody> {
  const { message } = delivery;
  if (message.waitKey !== null) return toBody(await waitBody(message.kind, message.waitKey, room));
  if (message.stepPosition === null) return toBody(message.body ?? new Uint8Array());
  return listOf(delivery, room);
}

/** The list up to the record that the message delivers. */
export async function listOf(
  { message, run, config, own }: RunDelivery,
  { history, limits }: Pick<DraftRoom, "history" | "limits">,
): Promise<ListBody> {
  const isFetching =
    config.featureSet.includes("LazyFetch") &&
    HEADER.workflowSdkVersion in own.forward &&
    own.isInline !== true;
  const bytesMax = isFetching ? limits.inlineCharsMax : Number.POSITIVE_INFINITY;
  const list = await history.listUntil(run.key, message.stepPosition ?? 0, bytesMax);
  return list ?? toBody(new Uint8Array());
}

/** What a call sends, or what the app is told of its answer. */
async function waitBody(
  kind: MessageKind,
  waitKey: number,
  { store }: Pick<DraftRoom, "store">,
): Promise<Uint8Array> {
  const [wait] = await store.get("waits", [waitKey]);
  const body = kind === "call" ? wait?.body : wait?.answer;
  return body ?? new Uint8Array();
}

async function draftPlain(
  delivery: PlainDelivery,
  { store, limits, tracing }: DraftRoom,
): Promise<Draft> {
  const { message, envelope } = delivery;
  const row = envelope ?? (await store.get("envelopes", [message.key]))[0];
  assert(row !== undefined, `message ${message.key} has an envelope`);
  const config = parseEnvelope(row.config);
  // What has just been accepted comes from memory; what comes from the disk may have been damaged there.
  const isDamaged = envelope === null && hashBody(row.body) !== row.bodyHash;
  const headers = plainDeliveryHeaders(message, config);
  tracing?.begin(delivery, config.trace, headers);
  return {
    method: config.method,
    headers,
    body: row.body,
    bodySha256: () => row.bodyHash,
    isDamaged,
    timeoutMs: config.timeoutMs ?? limits.attemptTimeoutMs,
  };
}

function toBody(bytes: Uint8Array): ListBody {
  return { bytes, sha256: () => hashBody(bytes) };
}
