// What a dead letter shows, and how it is found.

import { expect, test } from "vitest";
import { useWorld } from "../conformance/world.ts";

const world = useWorld();

test("S43: the failure of a tunnel can be found by its URL, read, and resumed", async () => {
  const page = "<!DOCTYPE html><title>ngrok</title>ERR_NGROK_3200";
  let isOpen = false;
  const workflow = world.workflow(async (context) => context.run("only", () => "arrived"));
  const url = world.app.on("/tunnel", (request) =>
    isOpen
      ? workflow(request)
      : new Response(page, {
          status: 404,
          headers: { "ngrok-error-code": "ERR_NGROK_3200", "content-type": "text/html" },
        }),
  );
  await world.failed(await world.trigger({ url, retries: 0 }));
  const { messages } = await world.client.dlq.list({ filter: { workflowUrl: url } });
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatchObject({
    responseStatus: 404,
    responseHeader: { "Ngrok-Error-Code": ["ERR_NGROK_3200"] },
    responseBody: page,
    reason: expect.stringContaining("404"),
  });
  isOpen = true;
  const run = await world.client.dlq.resume(messages[0]?.dlqId ?? "");
  const ended = await world.succeeded(run.workflowRuns[0]?.workflowRunId ?? "");
  expect(ended.workflowRunResponse).toBe('"arrived"');
});
