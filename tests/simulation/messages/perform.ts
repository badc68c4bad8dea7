import { Client, type PublishRequest } from "@upstash/qstash";
import { SERVER_HOST } from "../network.ts";
import { TOKEN } from "../server-process.ts";
import type { Act, FlowAct, GroupAct, QueueAct, ScheduleAct } from "./acts.ts";
import type { Operation } from "./operations.ts";
import {
  bodyOf,
  type CallbackWanted,
  type FlowWanted,
  TICKET_HEADER,
  type Wanted,
} from "./wanted.ts";

/** Asks the server with the official client, and by plain requests for what that has no method for. */
export async function perform({ number, act }: Operation): Promise<void> {
  const baseUrl = `http://op-${number}.${SERVER_HOST}`;
  const client = new Client({ baseUrl, token: TOKEN, retry: false });
  if ("queue" in act) return performOnQueue(client, act);
  if ("flow" in act) return performOnFlow(client, act);
  if ("schedule" in act || "scheduleId" in act) return performOnSchedule(client, act);
  if ("group" in act) return performOnGroup(client, act);
  await performOnMessages(client, act, baseUrl);
}

type MessageAct = Exclude<Act, QueueAct | FlowAct | ScheduleAct | GroupAct>;

async function performOnMessages(
  client: Client,
  act: MessageAct,
  baseUrl: string,
): Promise<unknown> {
  switch (act.type) {
    case "publish": {
      const { queue } = act.wanted;
      const request = toRequest(act.wanted);
      return queue === null
        ? client.publish(request)
        : client.queue({ queueName: queue }).enqueue(request);
    }
    case "batch":
      return client.batch(
        act.wanteds.map((wanted) => ({
          ...toRequest(wanted),
          ...(wanted.queue === null ? {} : { queueName: wanted.queue }),
        })),
      );
    case "cancel":
      return client.messages.cancel(act.messageId);
    case "cancelMany":
      return client.messages.cancel([...act.messageIds]);
    case "cancelLabel":
      return act.isAsync
        ? ask(`${baseUrl}/v2/messages?label=${act.label}&async=true`, "DELETE")
        : client.messages.cancel({ filter: { label: act.label } });
    case "release":
      return ask(`${baseUrl}/v2/messages/${act.messageId}/retry`, "POST");
    case "listDead":
      return client.dlq.listMessages();
    case "retryDead":
      return client.dlq.retry([...act.dlqIds]);
    case "deleteDead":
      return client.dlq.delete(act.dlqId);
    case "readLog":
      return client.logs(act.cursor === null ? {} : { cursor: act.cursor });
  }
}

async function ask(url: string, method: string): Promise<void> {
  const response = await fetch(url, { method, headers: { authorization: `Bearer ${TOKEN}` } });
  if (!response.ok) throw new Error(`${method} is answered with ${response.status}`);
}

async function performOnQueue(client: Client, act: QueueAct): Promise<void> {
  const queue = client.queue({ queueName: act.queue });
  switch (act.type) {
    case "upsertQueue":
      return queue.upsert({ parallelism: act.parallelism, paused: act.isPaused });
    case "pauseQueue":
      return queue.pause();
    case "resumeQueue":
      return queue.resume();
    case "deleteQueue":
      return queue.delete();
    case "readQueue":
      await queue.get();
  }
}

async function performOnFlow({ flowControl }: Client, act: FlowAct): Promise<void> {
  const key = act.flow;
  switch (act.type) {
    case "pauseFlow":
      return flowControl.pause(key);
    case "resumeFlow":
      return flowControl.resume(key);
    case "resetRate":
      return flowControl.resetRate(key);
    case "readFlow":
      await flowControl.get(key);
      return;
    case "pin":
      return flowControl.pin(key, {
        ...(act.parallelism === null ? {} : { parallelism: act.parallelism }),
        ...(act.rate === null ? {} : { rate: act.rate }),
      });
    case "unpin":
      return flowControl.unpin(key, { parallelism: act.parallelism, rate: act.rate });
  }
}

async function performOnSchedule({ schedules }: Client, act: ScheduleAct): Promise<void> {
  switch (act.type) {
    case "putSchedule": {
      const { scheduleId, everyMinutes, wanted } = act.schedule;
      const { destination } = wanted;
      const { headers, ...rest } = toSettings(wanted);
      await schedules.create({
        ...rest,
        destination: destination.kind === "url" ? destination.url : destination.name,
        scheduleId,
        cron: everyMinutes < 60 ? `*/${everyMinutes} * * * *` : "0 * * * *",
        headers,
        ...(wanted.queue === null ? {} : { queueName: wanted.queue }),
      });
      return;
    }
    case "pauseSchedule":
      return schedules.pause({ schedule: act.scheduleId });
    case "resumeSchedule":
      return schedules.resume({ schedule: act.scheduleId });
    case "deleteSchedule":
      return schedules.delete(act.scheduleId);
  }
}

async function performOnGroup({ urlGroups }: Client, act: GroupAct): Promise<void> {
  const endpoints = act.urls.map((url) => ({ url }));
  if (act.type === "setEndpoints") return urlGroups.addEndpoints({ name: act.group, endpoints });
  return urlGroups.removeEndpoints({ name: act.group, endpoints });
}

function toRequest(wanted: Wanted) {
  const { destination } = wanted;
  const target =
    destination.kind === "url" ? { url: destination.url } : { urlGroup: destination.name };
  return { ...target, ...toSettings(wanted) };
}

/** What publishes and schedules have in common. */
function toSettings(wanted: Wanted) {
  const { retries, retryDelay, delaySeconds, timeoutSeconds, label, dedupId } = wanted;
  const { flow, callback, failureCallback } = wanted;
  return {
    body: bodyOf(wanted),
    headers: {
      [TICKET_HEADER]: wanted.ticket,
      ...callbackHeaders("upstash-callback", callback),
      ...callbackHeaders("upstash-failure-callback", failureCallback),
    },
    ...(retries === null ? {} : { retries }),
    ...(retryDelay === null ? {} : { retryDelay }),
    ...(delaySeconds === null ? {} : { delay: delaySeconds }),
    ...(timeoutSeconds === null ? {} : { timeout: timeoutSeconds }),
    ...(label === null ? {} : { label }),
    ...(dedupId === null ? {} : { deduplicationId: dedupId }),
    ...(wanted.isDeduplicatedByContent ? { contentBasedDeduplication: true } : {}),
    ...(flow === null ? {} : { flowControl: toFlowControl(flow) }),
    ...(callback === null ? {} : { callback: callback.url }),
    ...(failureCallback === null ? {} : { failureCallback: failureCallback.url }),
  } satisfies PublishRequest;
}

/** The client demands one of the two limits, and every flow of a world has one. */
function toFlowControl({ key, parallelism, rate, periodSeconds }: FlowWanted) {
  const limits = {
    ...(parallelism === null ? {} : { parallelism }),
    ...(rate === null ? {} : { rate, period: periodSeconds }),
  };
  // One of the two is there.
  return { key, ...limits } as { key: string; parallelism: number };
}

function callbackHeaders(prefix: string, callback: CallbackWanted | null): Record<string, string> {
  if (callback === null) return {};
  const { retries, flow } = callback;
  const { parallelism, rate, periodSeconds } = flow ?? {};
  const parts = [
    parallelism == null ? null : `parallelism=${parallelism}`,
    rate == null ? null : `rate=${rate},period=${periodSeconds}s`,
  ];
  return {
    ...(retries === null ? {} : { [`${prefix}-retries`]: String(retries) }),
    ...(flow === null
      ? {}
      : {
          [`${prefix}-flow-control-key`]: flow.key,
          [`${prefix}-flow-control-value`]: parts.filter((part) => part !== null).join(","),
        }),
  };
}
