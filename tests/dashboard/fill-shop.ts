import { until } from "../conformance/until.ts";
import type { Shop } from "./shop.ts";

const FAILED = "RUN_FAILED";

/** Brings something of everything into the shop; gives the runs whose pages are worth a look. */
export async function fillShop(shop: Shop): Promise<ShopRuns> {
  const retried = await fillMessages(shop);
  const runs = await fillRuns(shop);
  await fillControls(shop);
  return { ...runs, message: retried };
}

export interface ShopRuns {
  /** A message that is tried again. */
  readonly message: string;
  readonly succeeded: string;
  readonly failed: string;
  readonly tunnelled: string;
  readonly waiting: string;
  readonly sleeping: string;
  readonly parent: string;
}

async function fillRuns(shop: Shop): Promise<Omit<ShopRuns, "message">> {
  const succeeded = await shop.trigger("/order", { id: 4711, customer: "Ada" }, { label: "web" });
  for (let id = 1; id <= 6; id++)
    await shop.trigger("/order", { id }, { label: id % 2 === 0 ? "app" : "web" });
  const failing: string[] = [];
  for (let id = 20; id < 28; id++) {
    failing.push(
      await shop.trigger("/order/failing", { id, items: ["lamp", "desk"] }, { label: "web" }),
    );
  }
  for (let id = 0; id < 3; id++) failing.push(await shop.trigger("/thumbnail", { id }));
  failing.push(await shop.trigger("/invoice", { id: 9 }));
  const sleeping = await shop.trigger("/subscription", { plan: "yearly" });
  const waiting = await shop.trigger("/approval", { amount: 9_000 }, { label: "finance" });
  await shop.trigger("/import", { source: "nightly" });
  const parent = await shop.trigger("/bundle", {});
  await shop.reaches(succeeded, "RUN_SUCCESS");
  for (const id of failing) await shop.reaches(id, FAILED);
  shop.tunnel = "offline";
  const tunnelled = await shop.trigger("/order", { id: 99, customer: "Grace" }, { label: "web" });
  await shop.reaches(tunnelled, FAILED);
  shop.tunnel = null;
  await until("the waiter", async () => {
    const answer = await shop.ask("GET", `/v2/waiters/approval-${waiting}`);
    return Array.isArray(answer) && answer.length === 1;
  });
  const canceled = await shop.trigger("/approval", { amount: 1 });
  await shop.ask("DELETE", `/v2/workflows/runs/${canceled}`);
  return { succeeded, failed: failing[0] ?? "", tunnelled, waiting, sleeping, parent };
}

async function fillMessages(shop: Shop): Promise<string> {
  const { appUrl } = shop;
  const post = (
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body = '{"hello":"there"}',
  ) =>
    shop.ask("POST", path, { headers: { "content-type": "application/json", ...headers }, body });
  for (const name of ["mail", "sms", "push"]) await post(`/v2/publish/${appUrl}/notify/${name}`);
  await post(`/v2/publish/${appUrl}/later`, { "Upstash-Delay": "2h", "Upstash-Label": "reminder" });
  for (let index = 0; index < 4; index++) {
    await post(
      `/v2/publish/${appUrl}/broken/warehouse`,
      { "Upstash-Retries": "0" },
      `{"parcel":${index}}`,
    );
  }
  await post(`/v2/publish/${appUrl}/login/hook`, { "Upstash-Retries": "0" });
  const retrying = await post(`/v2/publish/${appUrl}/broken/retrying`, {
    "Upstash-Retries": "3",
    "Upstash-Retry-Delay": "600000",
  });
  for (let index = 0; index < 3; index++) await post(`/v2/enqueue/parcels/${appUrl}/held/${index}`);
  const flow = {
    "Upstash-Flow-Control-Key": "tenant-acme",
    "Upstash-Flow-Control-Value": "parallelism=2,rate=20,period=60",
  };
  for (let index = 0; index < 5; index++)
    await post(`/v2/publish/${appUrl}/held/flow-${index}`, flow);
  const { messageId } = retrying as { readonly messageId: string }; // What publishing answers.
  return messageId;
}

async function fillControls(shop: Shop): Promise<void> {
  const { appUrl } = shop;
  const json = { "content-type": "application/json" };
  await shop.ask("POST", "/v2/queues", {
    headers: json,
    body: JSON.stringify({ queueName: "nightly", parallelism: 4 }),
  });
  await shop.ask("POST", "/v2/queues/nightly/pause");
  const endpoints = ["mail", "sms"].map((name) => ({ name, url: `${appUrl}/notify/${name}` }));
  await shop.ask("POST", "/v2/topics/customers/endpoints", {
    headers: json,
    body: JSON.stringify({ endpoints }),
  });
  for (const [id, cron] of [
    ["daily-report", "CRON_TZ=Europe/Berlin 30 9 * * 1-5"],
    ["cleanup", "*/15 * * * *"],
  ] as const) {
    const headers = { "Upstash-Cron": cron, "Upstash-Schedule-Id": id };
    await shop.ask("POST", `/v2/schedules/${appUrl}/notify/${id}`, { headers, body: id });
  }
  await shop.ask("POST", "/v2/schedules/cleanup/pause");
}
