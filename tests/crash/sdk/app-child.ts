import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DEV_IDENTITY } from "@reprise/protocol";
import { createWorkflow, type WorkflowContext } from "@reprise/sdk";
import { connect } from "@reprise/sdk/connect";
import { serve } from "@reprise/sdk/node";
import { BARRIER } from "../backlog.ts";
import { JournalWriter } from "./journal.ts";
import { createRoute, type SdkPayload } from "./routes.ts";

/** Name of the connected app. */
export const APP_NAME = "crash";

/** How results reach the server, each with a route of its own. */
export const SDK_ROUTES = ["answered", "continued", "connected"] as const;
export type SdkRoute = (typeof SDK_ROUTES)[number];

export type ToApp =
  | {
      readonly type: "open";
      readonly server: string;
      readonly token: string;
      readonly port: number;
      readonly journal: string;
    }
  /** Asks how many steps have begun, once everything that has arrived so far has been looked at. */
  | { readonly type: "count" };

export type FromApp =
  | { readonly type: "listening"; readonly port: number }
  | { readonly type: "count"; readonly begun: number }
  /** A function has returned. */
  | { readonly type: "returned"; readonly runId: string };

/** Time in which whatever has arrived is read and checked. */
const LOOK_MS = 15;

/** The app process that is killed: our SDK in all of its modes that need more than the public wire. */
export function serveSdkApp(): void {
  process.on("disconnect", () => process.exit(1));
  process.once("message", (message) => {
    // The parent is this very program.
    open(message as ToApp & { readonly type: "open" }).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
}

async function open(order: ToApp & { readonly type: "open" }): Promise<void> {
  const { server, token } = order;
  const send = (message: FromApp) => process.send?.(message);
  const journal = new JournalWriter(order.journal);
  const steps = createRoute(journal);
  const route = async (context: WorkflowContext<SdkPayload>) => {
    const marks = await steps(context);
    send({ type: "returned", runId: context.workflowRunId });
    return marks;
  };
  const port = await listen(route, order);
  connect({
    server,
    token,
    app: APP_NAME,
    workflows: { connected: createWorkflow(route) },
  });
  process.on("message", (message) => {
    // As above.
    if ((message as ToApp).type !== "count") return;
    setTimeout(() => send({ type: "count", begun: journal.lines }), LOOK_MS);
  });
  send({ type: "listening", port });
}

type Route = (context: WorkflowContext<SdkPayload>) => Promise<unknown>;

async function listen(
  route: Route,
  {
    server,
    token,
    port,
  }: { readonly server: string; readonly token: string; readonly port: number },
): Promise<number> {
  const options = {
    env: {
      QSTASH_URL: server,
      QSTASH_TOKEN: token,
      QSTASH_CURRENT_SIGNING_KEY: DEV_IDENTITY.currentSigningKey,
      QSTASH_NEXT_SIGNING_KEY: DEV_IDENTITY.nextSigningKey,
    },
  } as const;
  const answered = serve(route, { ...options, mode: "answered", warm: true });
  const continued = serve(route, {
    ...options,
    mode: "continued",
    warm: true,
    parallel: "invocation",
  });
  const listener = createServer((request, response) => {
    // Connections end when the server dies; the app goes on as if it had not noticed.
    response.on("error", () => {});
    if (request.url === BARRIER) response.end();
    else void (request.url === "/answered" ? answered : continued)(request, response);
  });
  listener.listen(port, "127.0.0.1");
  await once(listener, "listening");
  return (listener.address() as AddressInfo).port; // A listening TCP server has one.
}
