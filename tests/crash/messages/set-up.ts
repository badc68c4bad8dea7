import type { ClientLedger } from "./client-ledger.ts";
import {
  FIFO_QUEUES,
  FROZEN_KEY,
  GROUP,
  GROUP_SIZE,
  PARKED_QUEUE,
  RETRY_DELAY_MS,
  WIDE_QUEUE,
} from "./plan.ts";
import type { Requests } from "./requests.ts";
import { SCHEDULES, type Scheduled } from "./scheduled.ts";

export interface SetUpRoom {
  readonly requests: Requests;
  readonly ledger: ClientLedger;
  readonly sinkUrl: string;
}

/** Makes whatever has to be there before the first message, over as many lives of servers as it takes. */
export async function setUpMessages(room: SetUpRoom): Promise<void> {
  const { requests, ledger, sinkUrl } = room;
  const { name, parallelism } = WIDE_QUEUE;
  await requests.order("POST", "/v2/queues", { queueName: name, parallelism });
  for (const queueName of FIFO_QUEUES) await requests.order("POST", "/v2/queues", { queueName });
  await requests.order("POST", "/v2/queues", { queueName: PARKED_QUEUE, paused: true });
  await requests.order("POST", `/v2/flowControl/${FROZEN_KEY}/pause`);
  const still = { pausedAt: Date.now(), life: 1, resumedAt: Infinity, resumedLife: Infinity };
  ledger.pauses.push({ gate: `queue:${PARKED_QUEUE}`, ...still });
  ledger.pauses.push({ gate: `flow:${FROZEN_KEY}`, ...still });
  const endpoints = Array.from({ length: GROUP_SIZE }, (_, index) => ({
    name: `endpoint-${index}`,
    url: `${sinkUrl}/group/${index}`,
  }));
  await requests.order("POST", `/v2/topics/${GROUP}/endpoints`, { endpoints });
  for (const one of SCHEDULES) await schedule(one, room);
}

async function schedule(
  { scheduleId, isForGroup, queue, wanted }: Scheduled,
  { requests, ledger, sinkUrl }: SetUpRoom,
): Promise<void> {
  const destination = isForGroup ? GROUP : `${sinkUrl}/scheduled`;
  const { response } = await requests.insist({
    method: "POST",
    path: `/v2/schedules/${destination}`,
    headers: {
      "upstash-cron": "@every 24h",
      "upstash-schedule-id": scheduleId,
      "upstash-forward-x-mark": wanted.mark,
      "upstash-retries": String(wanted.retries),
      "upstash-retry-delay": String(RETRY_DELAY_MS),
      ...(queue === null ? {} : { "upstash-queue-name": queue }),
    },
    body: wanted.body,
  });
  if (response.status !== 200) ledger.fault(`${scheduleId}: ${response.body}`);
}
