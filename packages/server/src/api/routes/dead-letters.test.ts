import { expect, test } from "vitest";
import { createWorld } from "../test-world.suite.ts";

test("a failed run is listed", async () => {
  const world = await createWorld();
  const failed = await world.fail({ payload: '{"order":1}' });
  const { status, body } = await world.call("/v2/workflows/dlq");
  expect(status).toBe(200);
  expect(body.messages).toMatchObject([{ dlqId: failed.dlqId, workflowRunId: failed.runId }]);
});
