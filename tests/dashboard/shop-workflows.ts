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
    ["/order", own(order)],
    [
      "/order/failing",
      serve(failingOrder, { qstashClient, failureFunction: async () => "refunded" }).handler,
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
async function order(context: WorkflowContext): Promise<unknown> {
  await context.run("reserve stock", () => ({ shelf: "B-17", items: 3 }));
  const payment = await context.run("charge card", () => ({
    paymentId: "pay_8Hq2",
    amount: 129.5,
  }));
  await Promise.all([
    context.run("pack parcel", () => ({ parcel: "P-5520" })),
    context.run("send confirmation", () => "queued"),
  ]);
  return context.run("write receipt", () => ({ receipt: `R-${payment.paymentId}`, paid: true }));
}

async function failingOrder(context: WorkflowContext): Promise<unknown> {
  await context.run("reserve stock", () => ({ shelf: "A-02", items: 1 }));
  return context.run("charge card", () => {
    const { id = 0 } = (context.requestPayload ?? {}) as { readonly id?: number }; // What the test triggers with.
    throw new WorkflowNonRetryableError(`card of customer ${id} was declined: insufficient funds`);
  });
}

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
