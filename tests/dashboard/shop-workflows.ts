import { Client as QstashClient } from "@upstash/qstash";
import { serve, type WorkflowContext, WorkflowNonRetryableError } from "@upstash/workflow";
import type { Shop } from "./shop.ts";

export type Workflow = (request: Request) => Promise<Response>;
type Route = (context: WorkflowContext) => Promise<unknown>;

const known = new WeakMap<Shop, ReadonlyMap<string, Workflow>>();

/** The shop's workflows by path. */
export function shopWorkflows(shop: Shop): ReadonlyMap<string, Workflow> {
  const made = known.get(shop) ?? makeWorkflows(shop);
  known.set(shop, made);
  return made;
}

function makeWorkflows(shop: Shop): ReadonlyMap<string, Workflow> {
  const qstashClient = new QstashClient({ baseUrl: shop.url, token: shop.token });
  const own = (route: Route): Workflow => serve(route, { qstashClient }).handler;
  const { appUrl } = shop;
  return new Map<string, Workflow>([
    ["/order", own(order(shop))],
    [
      "/order/failing",
      serve(failingOrder(shop), { qstashClient, failureFunction: async () => "refunded" }).handler,
    ],
    ["/invoice", own(invoice(appUrl))],
    ["/subscription", own(subscription)],
    ["/approval", own(approval)],
    ["/import", own(importCatalogue(appUrl))],
    ["/bundle", own(bundle)],
    ["/thumbnail", own(thumbnail)],
  ]);
}

/** Reserve, charge, then parcel and mail at once, at last the receipt. */
const order =
  (shop: Shop): Route =>
  async (context) => {
    const work = <T>(name: string, ms: number, result: T) =>
      context.run(name, () => {
        shop.takes(ms);
        return result;
      });
    await work("reserve stock", 180, { shelf: "B-17", items: 3 });
    const payment = await work("charge card", 920, { paymentId: "pay_8Hq2", amount: 129.5 });
    await Promise.all([
      work("pack parcel", 1_400, { parcel: "P-5520" }),
      work("send confirmation", 260, "queued"),
    ]);
    return work("write receipt", 90, { receipt: `R-${payment.paymentId}`, paid: true });
  };

const failingOrder =
  (shop: Shop): Route =>
  async (context) => {
    await context.run("reserve stock", () => {
      shop.takes(210);
      return { shelf: "A-02", items: 1 };
    });
    return context.run("charge card", () => {
      shop.takes(1_150);
      const { id = 0 } = (context.requestPayload ?? {}) as { readonly id?: number }; // What the test triggers with.
      throw new WorkflowNonRetryableError(
        `card of customer ${id} was declined: insufficient funds`,
      );
    });
  };

const invoice =
  (appUrl: string): Route =>
  async (context) => {
    const { status } = await context.call("ask the tax office", {
      url: `${appUrl}/broken/tax`,
      method: "POST",
      body: JSON.stringify({ country: "DE" }),
      retries: 0,
    });
    return context.run("book", () => {
      throw new Error(`the tax office answered ${status}`);
    });
  };

async function subscription(context: WorkflowContext): Promise<void> {
  await context.run("welcome", () => "sent");
  await context.sleep("one month", "30d");
  await context.run("renew", () => "renewed");
}

async function approval(context: WorkflowContext): Promise<void> {
  await context.run("ask the manager", () => "mail sent");
  await context.waitForEvent("wait for approval", `approval-${context.workflowRunId}`, {
    timeout: "7d",
  });
}

const importCatalogue =
  (appUrl: string): Route =>
  async (context) => {
    const parts = ["books", "toys", "garden", "kitchen"];
    await Promise.all(
      parts.map((part) => context.run(`read ${part}`, () => ({ part, rows: 1_204 }))),
    );
    await context.call("index", {
      url: `${appUrl}/search/index`,
      method: "POST",
      body: JSON.stringify({ full: true }),
    });
  };

async function bundle(context: WorkflowContext): Promise<void> {
  // The endpoint behind the last part of the URL.
  await context.invoke("order the parts", {
    // The client asks a workflow for no more than its id.
    workflow: { workflowId: "order" } as never,
    body: { id: 7 },
  });
}

async function thumbnail(context: WorkflowContext): Promise<void> {
  await context.run("resize", () => {
    throw new TypeError("Cannot read properties of undefined (reading 'width')");
  });
}
