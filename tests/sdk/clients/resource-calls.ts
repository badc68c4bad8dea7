import type { MessageCall, MessageCalls } from "./message-calls.ts";
import { OPTIONS } from "./message-calls.ts";

/** Calls about queues, schedules, groups, messages, dead letters and logs that both messaging clients take. */

const DATE = new Date(1_800_000_000_000);

/** Options that schedules do not have. */
const NOT_OF_SCHEDULES = [
  "an instant",
  "a deduplication id",
  "deduplication by content",
  "everything",
];

const SCHEDULE_CALLS: readonly (readonly [string, MessageCall])[] = Object.entries(OPTIONS)
  .filter(([name]) => !NOT_OF_SCHEDULES.includes(name))
  .map(([name, options]) => [
    `a schedule with ${name}`,
    (client) =>
      client.schedules.create({
        destination: "https://app.test/tick",
        cron: "*/5 * * * *",
        body: "tick",
        ...options,
      }),
  ]);

export const RESOURCE_CALLS: MessageCalls = {
  ...Object.fromEntries(SCHEDULE_CALLS),
  "a schedule with an id and a queue": (client) =>
    client.schedules.create({
      destination: "group",
      cron: "CRON_TZ=Europe/Berlin 30 9 * * 1-5",
      scheduleId: "daily",
      queueName: "q",
    }),
  "schedules.get": (client) => client.schedules.get("scd_1"),
  "schedules.list": (client) => client.schedules.list(),
  "schedules.delete": (client) => client.schedules.delete("scd_1"),
  "schedules.pause": (client) => client.schedules.pause({ schedule: "scd_1" }),
  "schedules.resume": (client) => client.schedules.resume({ schedule: "scd_1" }),
  "queue.upsert": (client) =>
    client.queue({ queueName: "q" }).upsert({ parallelism: 3, paused: true }),
  "queue.get": (client) => client.queue({ queueName: "q" }).get(),
  "queue.list": (client) => client.queue().list(),
  "queue.delete": (client) => client.queue({ queueName: "q" }).delete(),
  "queue.pause": (client) => client.queue({ queueName: "q" }).pause(),
  "queue.resume": (client) => client.queue({ queueName: "q" }).resume(),
  "urlGroups.addEndpoints": (client) =>
    client.urlGroups.addEndpoints({ name: "g", endpoints: [{ url: "https://a.test", name: "a" }] }),
  "urlGroups.removeEndpoints": (client) =>
    client.urlGroups.removeEndpoints({ name: "g", endpoints: [{ name: "a" }] }),
  "urlGroups.list": (client) => client.urlGroups.list(),
  "urlGroups.get": (client) => client.urlGroups.get("g"),
  "urlGroups.delete": (client) => client.urlGroups.delete("g"),
  "topics.list": (client) => client.topics.list(),
  "flowControl.get": (client) => client.flowControl.get("k"),
  "flowControl.getGlobalParallelism": (client) => client.flowControl.getGlobalParallelism(),
  "flowControl.pause": (client) => client.flowControl.pause("k"),
  "flowControl.resume": (client) => client.flowControl.resume("k"),
  "flowControl.pin": (client) =>
    client.flowControl.pin("k", { parallelism: 1, rate: 2, period: 3 }),
  "flowControl.pin of a rate": (client) => client.flowControl.pin("k", { rate: 2 }),
  "flowControl.unpin": (client) =>
    client.flowControl.unpin("k", { parallelism: true, rate: false }),
  "flowControl.resetRate": (client) => client.flowControl.resetRate("k"),
  "messages.get": (client) => client.messages.get("msg_1"),
  "messages.cancel of one": (client) => client.messages.cancel("msg_1"),
  "messages.cancel of several": (client) => client.messages.cancel(["msg_1", "msg_2"]),
  "messages.cancel by ids": (client) => client.messages.cancel({ messageIds: ["msg_1"] }),
  "messages.cancel by filter": (client) =>
    client.messages.cancel({
      filter: {
        label: ["a", "b"],
        urlGroup: "g",
        fromDate: DATE,
        toDate: 5,
        host: "h",
        path: "/p",
      },
      count: 7,
    }),
  "messages.cancel of all": (client) => client.messages.cancel({ all: true, count: 9 }),
  "messages.delete": (client) => client.messages.delete("msg_1"),
  "messages.deleteMany": (client) => client.messages.deleteMany(["msg_1", "msg_2"]),
  "dlq.listMessages": (client) => client.dlq.listMessages(),
  "dlq.listMessages by filter": (client) =>
    client.dlq.listMessages({
      count: 3,
      cursor: "c",
      filter: { url: "https://a.test", urlGroup: "g", responseStatus: [500, 503], fromDate: DATE },
    }),
  "dlq.listMessages by ids": (client) => client.dlq.listMessages({ dlqIds: ["1-1", "2-2"] }),
  "dlq.listMessages of an older page": (client) => client.dlq.listMessages({ cursor: "c" }),
  "dlq.delete of one": (client) => client.dlq.delete("1-1"),
  "dlq.delete of several": (client) => client.dlq.delete(["1-1", "2-2"]),
  "dlq.delete by ids": (client) => client.dlq.delete({ dlqIds: "1-1" }),
  "dlq.delete by filter": (client) =>
    client.dlq.delete({ filter: { queueName: "q" }, cursor: "c" }),
  "dlq.delete of all": (client) => client.dlq.delete({ all: true, count: 5 }),
  "dlq.delete of all in steps": (client) => client.dlq.delete({ all: true }),
  "dlq.deleteMany": (client) => client.dlq.deleteMany({ dlqIds: ["1-1"] }),
  "dlq.retry of one": (client) => client.dlq.retry("1-1"),
  "dlq.retry of several": (client) => client.dlq.retry(["1-1", "2-2"]),
  "dlq.retry by ids": (client) => client.dlq.retry({ dlqIds: ["1-1"] }),
  "dlq.retry by filter": (client) =>
    client.dlq.retry({
      filter: { api: "gone", callerIp: "::1", scheduleId: ["s"], messageId: "m" },
      count: 2,
    }),
  "dlq.retry of all": (client) => client.dlq.retry({ all: true, cursor: "c" }),
  logs: (client) => client.logs(),
  "logs of messages": (client) => client.logs({ messageIds: ["msg_1", "msg_2"], count: 3 }),
  "logs by filter": (client) =>
    client.logs({
      count: 20,
      cursor: "5-1",
      filter: {
        state: "FAILED",
        urlGroup: "g",
        flowControlKey: "k",
        host: ["a", "b"],
        toDate: DATE,
      },
    }),
  "logs with a cursor of numbers": (client) => client.logs({ cursor: 12 }),
  "logs with older filters": (client) =>
    client.logs({ filter: { topicName: "t", messageId: "msg_1", count: 4 } }),
  events: (client) => client.events({ filter: { scheduleId: "s" } }),
};
