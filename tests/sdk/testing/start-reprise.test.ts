// A real server inside of a test.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWorkflow, serveMany, type WorkflowContext } from "@reprise/sdk";
import { startReprise } from "@reprise/sdk/testing";
import { expect, test } from "vitest";

/** Only what never ends takes so long. */
const PATIENT = { timeoutMs: 60_000 };

const greet = async (context: WorkflowContext<string>) =>
  context.run("greet", () => `hello ${context.requestPayload}`);

test("a workflow is served, triggered and waited for", async () => {
  await using server = await startReprise();
  const url = await server.serve(greet);
  const { workflowRunId } = await server.client.trigger({ url, body: "Ada" });
  const { workflowRunResponse } = await server.until(workflowRunId, "RUN_SUCCESS", PATIENT);
  expect(workflowRunResponse).toBe('"hello Ada"');
});

test("deliveries are signed, and others are turned away", async () => {
  await using server = await startReprise();
  const url = await server.serve(greet);
  const response = await fetch(url, { method: "POST", body: "Eve" });
  expect(response.ok).toBe(false);
  expect(await response.text()).toContain("Upstash-Signature");
});

test("environment and clients lead to the server", async () => {
  await using server = await startReprise();
  const { env, url, token, signingKeys } = server;
  expect(env).toEqual({
    QSTASH_URL: url,
    QSTASH_TOKEN: token,
    QSTASH_CURRENT_SIGNING_KEY: signingKeys.current,
    QSTASH_NEXT_SIGNING_KEY: signingKeys.next,
  });
  const queue = server.messages.queue({ queueName: "mail" });
  await queue.upsert({ parallelism: 2 });
  expect(await queue.get()).toMatchObject({ parallelism: 2 });
});

test("workflows of one handler invoke each other", async () => {
  await using server = await startReprise();
  const child = createWorkflow(greet);
  const parent = createWorkflow(async (context: WorkflowContext) => {
    const { body } = await context.invoke("ask", { workflow: child, body: "child" });
    return body;
  });
  const url = await server.serve(serveMany({ parent, child }), { path: "parent" });
  const { workflowRunId } = await server.client.trigger({ url });
  const { workflowRunResponse } = await server.until(workflowRunId, "RUN_SUCCESS", PATIENT);
  expect(workflowRunResponse).toBe('"hello child"');
});

test("a run survives a restart on the same data", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "reprise-testing-"));
  try {
    await using server = await startReprise({ dataDir });
    const url = await server.serve(async (context: WorkflowContext) => {
      const { eventData } = await context.waitForEvent("wait", "go");
      return eventData;
    });
    const { workflowRunId } = await server.client.trigger({ url });
    await server.restart();
    await server.client.notify({ eventId: "go", eventData: "on", workflowRunId });
    const { workflowRunResponse } = await server.until(workflowRunId, "RUN_SUCCESS", PATIENT);
    expect(workflowRunResponse).toBe('"on"');
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});

test("waiting for the wrong end, or for too long, is told at once", async () => {
  await using server = await startReprise();
  const url = await server.serve(greet);
  const { workflowRunId } = await server.client.trigger({ url, body: "Ada" });
  await expect(server.until(workflowRunId, "RUN_FAILED")).rejects.toThrow(
    /did not get to RUN_FAILED: it ended in RUN_SUCCESS/,
  );
  await expect(server.until("wfr_none", "RUN_SUCCESS", { timeoutMs: 50 })).rejects.toThrow(
    /after 50 ms it is in no state, for there is no such run/,
  );
  await expect(server.restart()).rejects.toThrow(/dataDir/);
});
