// The story of a message that belongs to no run, from its log.

import type {
  DeadMessageResource,
  LogResource,
  MessageResource,
  OpenMessageFields,
} from "@reprise/protocol";
import { type Api, ask } from "./api-client.ts";
import { listNewestDead } from "./dead-letter-lists.ts";
import { type Explanation, factsOf, type Link, type Moment } from "./explanation.ts";
import { formatMs } from "./instant.ts";
import { LOG_PAGE_SIZE_MAX, LOG_PATH, listEntries } from "./log-lists.ts";
import { messageFacts } from "./message-view.ts";
import { MESSAGES_PATH } from "./open-messages.ts";
import { listFirst } from "./pages.ts";
import { segment } from "./paths.ts";
import { describeBody } from "./step-view.ts";
import { oneLine } from "./text.ts";

type Shown = MessageResource & Partial<OpenMessageFields>;

/** Entries of a message's log that are read, and entries among which its callbacks are looked for. */
const ENTRIES_MAX = LOG_PAGE_SIZE_MAX;

export async function explainMessage(api: Api, id: string): Promise<Explanation> {
  const message = await ask<Shown>(api, { path: `${MESSAGES_PATH}/${segment(id, "the id")}` });
  const { items, hasMore } = await listEntries(api, { messageId: [id] }, ENTRIES_MAX);
  return {
    kind: "message",
    id,
    state: message.state ?? endOf(items),
    waitingFor: message.waitingFor ?? null,
    facts: factsOf(messageFacts(message)),
    links: [...sourcesOf(message, items), ...(await resultsOf(api, message))],
    moments: toMoments(items),
    isCut: hasMore,
  };
}

function endOf(entries: readonly LogResource[]): string {
  return entries.at(-1)?.state ?? "ENDED";
}

function sourcesOf(message: Shown, entries: readonly LogResource[]): readonly Link[] {
  const source = entries.find(({ sourceMessageId }) => sourceMessageId !== undefined);
  const { scheduleId, topicName, endpointName, queueName, flowControlKey } = message;
  const links: (Link | false)[] = [
    source?.sourceMessageId !== undefined && {
      relation: "callback of",
      id: source.sourceMessageId,
      command: `explain ${source.sourceMessageId}`,
    },
    scheduleId !== undefined && {
      relation: "made by schedule",
      id: scheduleId,
      command: `schedules show ${scheduleId}`,
    },
    topicName !== undefined && {
      relation: "sent to URL group",
      id: topicName,
      ...(endpointName === undefined ? {} : { detail: `endpoint ${endpointName}` }),
    },
    queueName !== undefined && {
      relation: "in queue",
      id: queueName,
      command: `queues show ${queueName}`,
    },
    flowControlKey !== undefined && {
      relation: "under flow control",
      id: flowControlKey,
      command: `flow-control show ${flowControlKey}`,
    },
  ];
  return links.filter((link) => link !== false);
}

async function resultsOf(api: Api, message: Shown): Promise<readonly Link[]> {
  const { messageId } = message;
  const { items } = await listNewestDead(api, { messages: true, messageId: [messageId] }, 10);
  // A message's dead letters alone were asked for.
  const dead = (items as readonly DeadMessageResource[]).map(
    ({ dlqId, reason }): Link => ({
      relation: "dead letter",
      id: dlqId,
      detail: reason,
      command: `dlq show ${dlqId}`,
    }),
  );
  const callbacks = new Map<string, Link>();
  for (const url of new Set([message.callback, message.failureCallback])) {
    if (url === undefined) continue;
    for (const { messageId: id, state } of await entriesAbout(api, message, url)) {
      const link = { relation: "callback", id, detail: state, command: `explain ${id}` };
      if (!callbacks.has(id)) callbacks.set(id, link);
    }
  }
  const { retriedAs } = message;
  const next: readonly Link[] =
    retriedAs === undefined
      ? []
      : [{ relation: "retried as", id: retriedAs, command: `explain ${retriedAs}` }];
  return [...dead, ...next, ...Array.from(callbacks.values()).toReversed()];
}

/** Entries of reports about this message, the newest first. The log is read from when the message was made. */
async function entriesAbout(
  api: Api,
  { messageId, createdAt }: Shown,
  url: string,
): Promise<readonly LogResource[]> {
  const query = [
    ["url", url],
    ["fromDate", String(createdAt)],
    ["trimBody", "-1"],
  ] as const;
  const request = { path: LOG_PATH, query, field: "events", pageSizeMax: ENTRIES_MAX };
  const { items } = await listFirst<LogResource>(api, request, ENTRIES_MAX);
  return items.filter(({ sourceMessageId }) => sourceMessageId === messageId);
}

function toMoments(entries: readonly LogResource[]): readonly Moment[] {
  /** What the log has told of the attempt that comes next, or is in flight. */
  let isBegun = false;
  let dueAt = entries[0]?.time ?? 0;
  return entries.map((entry, index): Moment => {
    const moment = toMoment(entry, { wasCut: isBegun, dueAt, after: entries[index + 1] });
    if (entry.state === "ACTIVE") isBegun = true;
    else if (entry.state === "ERROR" || entry.state === "DELIVERED") isBegun = false;
    else if (entry.nextDeliveryTime !== undefined) dueAt = entry.nextDeliveryTime;
    return moment;
  });
}

interface Around {
  /** An attempt had begun, and the log does not say how it ended. */
  readonly wasCut: boolean;
  readonly dueAt: number;
  readonly after: LogResource | undefined;
}

function toMoment(entry: LogResource, around: Around): Moment {
  const { time: at, state, nextDeliveryTime, startedAt, error, move } = entry;
  const attempt = entry.retried + 1;
  const took = startedAt === undefined ? {} : { tookMs: at - startedAt };
  switch (state) {
    case "CREATED":
      return { at, what: "accepted", next: acceptedNext(entry, around.after) };
    case "ACTIVE":
      return {
        at,
        attempt,
        what: `attempt ${attempt} began${lateBy(at, around)}`,
        ...cutBy(around),
      };
    case "DELIVERED":
      return {
        at,
        attempt,
        ...took,
        what: `attempt ${attempt} was answered with ${entry.responseStatus ?? "success"}`,
        next: "delivered: nothing more is sent",
      };
    case "ERROR":
      return {
        at,
        attempt,
        ...took,
        what: `attempt ${attempt} failed: ${whyOf(entry)}`,
        ...(move === undefined ? {} : { next: move }),
      };
    case "RETRY":
      return {
        at,
        what: "waits for the next attempt",
        ...(nextDeliveryTime === undefined
          ? {}
          : { next: `attempt ${attempt + 1} at ${instant(nextDeliveryTime)}` }),
      };
    case "FAILED":
      return {
        at,
        what: `given up: ${error ?? "no attempt is left"}`,
        next: "put into the dead letter queue",
      };
    case "CANCEL_REQUESTED":
      return {
        at,
        what: "cancelled while an attempt was in flight",
        next: "that attempt ends by itself; none follows",
      };
    case "CANCELED":
      return { at, what: "cancelled", next: "nothing more is sent" };
  }
}

/** Less is the server's own time. */
const LATE_MS_MIN = 100;

function lateBy(at: number, { dueAt, wasCut }: Around): string {
  const lateMs = at - dueAt;
  if (wasCut || lateMs < LATE_MS_MIN) return "";
  return `, ${formatMs(lateMs)} after it was due: until then it waited for its queue, its flow control or its destination's line`;
}

function cutBy({ wasCut }: Around): { readonly next?: string } {
  if (!wasCut) return {};
  return {
    next:
      "the server that made the last attempt has ended, or took it back before it was sent; nobody knows whether it arrived, " +
      "so it is made again under the same number",
  };
}

function acceptedNext({ nextDeliveryTime }: LogResource, after: LogResource | undefined): string {
  if (nextDeliveryTime !== undefined) return `first attempt at ${instant(nextDeliveryTime)}`;
  return after?.state === "ACTIVE" ? "due at once" : "due, and waits for its turn";
}

function instant(at: number): string {
  return new Date(at).toISOString();
}

function whyOf({ error, cause, responseBody }: LogResource): string {
  const answer = Buffer.from(responseBody ?? "", "base64").toString();
  const said = answer === "" ? "" : `: ${oneLine(describeBody(answer))}`;
  const why = cause === undefined ? "" : ` (${cause})`;
  return `${oneLine(error ?? "no reason was kept")}${why}${said}`;
}
