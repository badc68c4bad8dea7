import { heirOf } from "./books.ts";
import type { Scene } from "./scene.ts";

/** Scripts about runs with a sleep, a call, a wait and a child that are open when the run fails or is cancelled. */

/** Starts a run and waits until all its branches but the failing one are open. */
async function openBranches(scene: Scene): Promise<string> {
  const { key, hub } = scene;
  const runId = await scene.trigger("branching", { retries: 0 });
  await scene.waiters(`${key}/event`);
  await scene.waiters(`${key}/child`);
  await scene.until("the call in flight", () => hub.count(key, "service held") > 0);
  return runId;
}

/** The same, and then the failing branch fails. */
async function failed(scene: Scene): Promise<{ readonly runId: string; readonly dlqId: string }> {
  const { key, hub } = scene;
  const runId = await openBranches(scene);
  hub.open(key, "fail");
  const dlqId = await scene.dlqIdOf(runId);
  await scene.until("the failure call", () => hub.noted(key, "failure call"));
  return { runId, dlqId };
}

/** Everything that the branches wait for comes. */
async function complete(scene: Scene): Promise<void> {
  scene.hub.open(scene.key, "service");
  await scene.notify(`${scene.key}/event`, "event");
  await scene.notify(`${scene.key}/child`, "child");
}

const RESULT = ["served", "event", "child"];

/** A resume takes over what is open. */
export async function resumeOpen(scene: Scene): Promise<void> {
  const { runId, dlqId } = await failed(scene);
  scene.hub.heal(scene.key);
  await scene.arm();
  await revive(scene, "resume", dlqId);
  await complete(scene);
  await scene.ends({ runId, state: "succeeded", result: RESULT });
}

/** What comes while the run lies in the dead letter queue is recorded, and the resume goes on from there. */
export async function resumeAnswered(scene: Scene): Promise<void> {
  const { runId, dlqId } = await failed(scene);
  const { key, hub } = scene;
  await scene.arm();
  await complete(scene);
  await scene.until("all answers", ({ runs, waits }) => {
    const run = runs.find(({ id }) => id === runId);
    return waits.every(({ runKey, state }) => runKey !== run?.key || state !== "open");
  });
  hub.heal(key);
  await revive(scene, "resume", dlqId);
  await scene.ends({ runId, state: "succeeded", result: RESULT });
}

/** A restart begins anew: what was open is dropped. */
export async function restartOpen(scene: Scene): Promise<void> {
  const { runId, dlqId } = await failed(scene);
  const { key, hub } = scene;
  hub.heal(key);
  hub.open(key, "service");
  await scene.arm();
  await revive(scene, "restart", dlqId);
  await scene.waiters(`${key}/event`);
  // The first run's child goes on by itself.
  await scene.waiters(`${key}/child`, 2);
  await scene.notify(`${key}/event`, "event");
  await scene.notify(`${key}/child`, "child");
  await scene.ends({ runId, state: "succeeded", result: RESULT });
}

async function revive(scene: Scene, mode: "resume" | "restart", dlqId: string): Promise<void> {
  const reply = await scene.ask("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
  scene.expect(reply, 200, mode);
}

/** Whoever deletes a dead letter drops what its run has left open. */
export async function deleteOpen(scene: Scene): Promise<void> {
  const { runId, dlqId } = await failed(scene);
  await scene.arm();
  scene.expect(await scene.ask("DELETE", `/v2/workflows/dlq/${dlqId}`), 200, "delete");
  await complete(scene);
  await scene.ends({ runId, state: "failed" });
}

/** A cancel drops what is open; the child goes on. */
export async function cancelOpen(scene: Scene): Promise<void> {
  const { key, hub } = scene;
  const runId = await openBranches(scene);
  await scene.arm();
  scene.expect(await scene.ask("DELETE", `/v2/workflows/runs/${runId}`), 200, "cancel");
  hub.open(key, "fail");
  await complete(scene);
  await scene.ends({ runId, state: "canceled" });
}

/** A run fails while its branches are open, and the answers come at the same time. */
export async function failOpen(scene: Scene): Promise<void> {
  const { key, hub } = scene;
  const runId = await openBranches(scene);
  await scene.arm();
  hub.open(key, "fail");
  await complete(scene);
  const dlqId = await scene.dlqIdOf(runId);
  hub.heal(key);
  await revive(scene, "resume", dlqId);
  await scene.until("the resumed run", (books) => {
    const run = books.runs.find(({ id }) => id === runId);
    return run !== undefined && heirOf(run, books) !== run;
  });
  await scene.ends({ runId, state: "succeeded", result: RESULT });
}
