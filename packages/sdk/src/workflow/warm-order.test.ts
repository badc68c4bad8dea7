// Deliveries of parallel steps reach a process that keeps the function in any order.

import { expect, test } from "vitest";
import { serve } from "./serve.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const plan = (name: string, targetStep: number): object => ({
  messageId: `msg_${name}`,
  callType: "step",
  body: base64(
    JSON.stringify({ stepId: 0, stepName: name, stepType: "Run", concurrent: 2, targetStep }),
  ),
});

test("a delivery that comes after a later one asks for the whole list", async () => {
  const { handleRequest } = serve(
    async (context) => {
      await Promise.all([context.run("left", () => "l"), context.run("right", () => "r")]);
    },
    { receiver: undefined, env: {} },
  );
  const deliver = (messageId: string, offer: string, body: unknown) =>
    handleRequest({
      url: "http://127.0.0.1/run",
      headers: new Headers({
        "upstash-workflow-runid": "wfr_1",
        "upstash-workflow-sdk-version": "1",
        "upstash-message-id": messageId,
        "reprise-delivery": `v=1; hold=1; retries=3${offer}`,
      }),
      text: async () => JSON.stringify(body),
    });

  const first = { messageId: "msg_1", callType: "step", body: base64("{}") };
  const begun = await deliver("msg_1", "", [first]);
  const warm = /warm=([^;]+); known=1$/.exec(begun.headers["reprise-answer"] ?? "")?.[1];
  const offer = `; from=1; warm=${warm}`;
  const both = { from: 1, records: [plan("left", 1), plan("right", 2)] };
  const right = await deliver("msg_right", offer, both);
  expect(right.body).toContain('"out":"\\"r\\""');

  const late = { from: 1, records: [plan("left", 1)] };
  const refused = await deliver("msg_left", offer, late);
  expect(refused).toMatchObject({ status: 409, body: "" });
  expect(refused.headers["reprise-answer"]).toContain("need=history");
  const left = await deliver("msg_left", "", [first, plan("left", 1)]);
  expect(left.body).toContain('"out":"\\"l\\""');
});
