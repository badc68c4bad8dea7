import { Client as QstashClient, Receiver } from "@upstash/qstash";
import { serve, WorkflowNonRetryableError } from "@upstash/workflow";
import { serve as serveOld } from "workflow-sdk-0.2";
import { z } from "zod";
import type { Shop } from "./shop.ts";

/** One way to fail of each kind that the server has a name for, made for real. */

/** Where nothing listens: no system gives a port that low to a program, as it may any that was free a moment ago. */
export const CLOSED_URL = "http://127.0.0.1:2/nobody";

const answerOf =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
  async () =>
    new Response(body, { status, headers });

/** Serves an app for each cause, and gives its path by the name of the cause. */
export function serveCauses(shop: Shop): Readonly<Record<string, string>> {
  const own = { baseUrl: shop.url, token: shop.token };
  const path = (cause: string) => `/cause/${cause}`;
  const html = { "content-type": "text/html" };
  shop.serve(path("timeout"), () => answerOf(504, "<h1>Gateway Timeout</h1>", html));
  shop.serve(path("redirect_to_login"), () =>
    answerOf(302, "", { location: "/login?next=%2Fcause" }),
  );
  shop.serve(path("signature_mismatch"), (qstashClient) => {
    const receiver = new Receiver({ currentSigningKey: "sig_other", nextSigningKey: "sig_later" });
    return serve(async () => {}, { qstashClient, receiver }).handler;
  });
  shop.serve(path("not_a_workflow"), () => answerOf(200, '{"accepted":true}'));
  shop.serve(path("old_sdk"), () => {
    const qstashClient = new QstashClient(own);
    // The older library knows another version of the client's type.
    const old = serveOld((context) => context.run("first", () => 1), { qstashClient } as never);
    return (request) => old.handler(request);
  });
  shop.serve(path("payload_refused"), (qstashClient) => {
    const schema = z.object({ amount: z.number() });
    return serve(async (context) => void (await context.run("pay", () => 1)), {
      qstashClient,
      schema,
    }).handler;
  });
  shop.serve(path("client_error"), () => answerOf(403, "not here"));
  return {
    timeout: path("timeout"),
    tunnel_page: "/order",
    redirect_to_login: path("redirect_to_login"),
    signature_mismatch: path("signature_mismatch"),
    not_a_workflow: path("not_a_workflow"),
    old_sdk: path("old_sdk"),
    non_retryable: "/order/failing",
    payload_refused: path("payload_refused"),
    client_error: path("client_error"),
    server_error: "/broken/warehouse",
    step_error: "/thumbnail",
  };
}

/** A workflow that fails at once, and whose failure function fails as well. */
export function serveDeaf(shop: Shop, path: string): void {
  shop.serve(path, (qstashClient) => {
    const { handler } = serve(
      (context) =>
        context.run("give up", () => {
          throw new WorkflowNonRetryableError("it cannot be done");
        }),
      {
        qstashClient,
        failureFunction: async () => {
          throw new Error("nobody listens");
        },
      },
    );
    return handler;
  });
}
