import type { FlowBooks, FlowWait } from "./books.ts";
import type { Scene } from "./scene.ts";

/** What a scene is about, from its first run to its last end. */
export type Script = (scene: Scene) => Promise<void>;

/** A child that ends well is told to its parent. */
export async function invoke(scene: Scene): Promise<void> {
  await scene.arm();
  const runId = await scene.trigger("invoking", { mode: "works" });
  const result = { body: 42, isFailed: false, isCanceled: false };
  await scene.ends({ runId, state: "succeeded", result });
}

/** A child that fails is told to its parent, and has its dead letter and failure call. */
export async function invokeFailing(scene: Scene): Promise<void> {
  await scene.arm();
  const runId = await scene.trigger("invoking", { mode: "fails" });
  const result = { isFailed: true, isCanceled: false };
  await scene.ends({ runId, state: "succeeded", result });
  await scene.until(
    "the failure call",
    () => scene.hub.noted(scene.key, "failure call") === "done",
  );
}

/** A child that is cancelled is told to its parent. */
export async function invokeCanceled(scene: Scene): Promise<void> {
  const runId = await scene.trigger("invoking", { mode: "waits" });
  await scene.waiters(`${scene.key}/child`);
  const childId = scene.hub.noted(scene.key, "child");
  await scene.arm();
  const reply = await scene.ask("DELETE", `/v2/workflows/runs/${childId}`);
  scene.expect(reply, 200, "cancel");
  scene.expectEnd({ runId: childId ?? "", state: "canceled" });
  const result = { isFailed: false, isCanceled: true };
  await scene.ends({ runId, state: "succeeded", result });
}

const WAITERS = 3;

/** Everybody who waits is woken, together. */
export async function notifyAll(scene: Scene): Promise<void> {
  const event = `${scene.key}/all`;
  const runIds: string[] = [];
  for (let number = 0; number < WAITERS; number++) {
    runIds.push(await scene.trigger("waiting", { event }));
  }
  await scene.waiters(event, WAITERS);
  await scene.arm();
  const reply = await scene.notify(event, { n: 1 });
  const woken: readonly unknown[] = JSON.parse(reply.body);
  if (woken.length !== WAITERS && !(reply.isRepeated && woken.length === 0)) {
    scene.fault(`the notification says that it has woken ${woken.length}`);
  }
  const result = { eventData: { n: 1 }, timeout: false };
  for (const runId of runIds) await scene.ends({ runId, state: "succeeded", result });
}

/** One run is woken by its name. */
export async function notifyOne(scene: Scene): Promise<void> {
  const event = `${scene.key}/one`;
  await scene.arm();
  const runId = await scene.trigger("waiting", { event });
  await scene.waiters(event);
  await scene.notifyRun(runId, event, "hello");
  const result = { eventData: "hello", timeout: false };
  await scene.ends({ runId, state: "succeeded", result });
}

/** Events that come first are kept, and each is taken once. */
export async function notifyEarly(scene: Scene): Promise<void> {
  const { key, hub } = scene;
  const runId = await scene.trigger("early");
  await scene.noted("holds");
  await scene.arm();
  for (const name of ["one", "two"]) {
    const event = `${key}/${name}`;
    await scene.notifyRun(runId, event, name);
    await scene.until(`${event} to be kept`, ({ events }) =>
      events.some(({ eventId }) => eventId === event),
    );
  }
  hub.open(key, "hold");
  await scene.ends({ runId, state: "succeeded", result: ["one", "two"] });
}

/** One webhook is called before its step waits for it, the other one afterwards. */
export async function webhook(scene: Scene): Promise<void> {
  const { key, hub } = scene;
  const runId = await scene.trigger("hooked");
  await scene.noted("holds");
  await scene.arm();
  await callHook(scene, "first", "one");
  hub.open(key, "hold");
  await scene.until("the second webhook's waiter", (books) => openWait("webhook", books, runId));
  await callHook(scene, "second", "two");
  await scene.ends({ runId, state: "succeeded", result: ["one", "two"] });
}

async function callHook(scene: Scene, name: string, body: string): Promise<void> {
  const url = new URL(scene.hub.noted(scene.key, name) ?? "");
  const reply = await scene.ask("POST", url.pathname + url.search, body);
  scene.expect(reply, 200, `webhook ${name}`);
}

function openWait(kind: string, { waits, runs }: FlowBooks, runId: string): FlowWait | undefined {
  const run = runs.find(({ id }) => id === runId);
  return waits.find((wait) => {
    return wait.kind === kind && wait.state === "open" && wait.runKey === run?.key;
  });
}

/** Nobody comes. */
export async function timeOut(scene: Scene): Promise<void> {
  await scene.arm();
  const runId = await scene.trigger("timing");
  await scene.ends({ runId, state: "succeeded", result: { timeout: true } });
}

/** A service that answers at the second try, and one that refuses. */
export async function call(scene: Scene): Promise<void> {
  await scene.arm();
  const runId = await scene.trigger("calling");
  const result = [200, "served", 404, "no such thing"];
  await scene.ends({ runId, state: "succeeded", result });
}

/** A run fails, its failure call fails as well, and is made again. */
export async function failure(scene: Scene): Promise<void> {
  const { key, hub } = scene;
  await scene.arm();
  const runId = await scene.trigger("failing", { retries: 1 });
  await scene.ends({ runId, state: "failed" });
  const letter = await scene.until("the failure call's end", (books) => {
    const run = books.runs.find(({ id }) => id === runId);
    return books.letters.find(
      ({ runKey, callbackState }) => runKey === run?.key && callbackState === "CALLBACK_FAIL",
    );
  });
  hub.heal(key);
  const dlqId = await scene.dlqIdOf(runId);
  const reply = await scene.ask("POST", `/v2/workflows/dlq/callback/${dlqId}`);
  scene.expect(reply, 200, "callback");
  await scene.until("the second failure call's success", ({ letters }) =>
    letters.some((one) => one.key === letter.key && one.callbackState === "CALLBACK_SUCCESS"),
  );
  if (hub.noted(key, "failure call") !== "done") scene.fault("the failure call was not made");
}

/** An app answers without going on, and is asked once more. */
export async function nudge(scene: Scene): Promise<void> {
  const { key, hub } = scene;
  const runId = await scene.trigger("stalling");
  await scene.noted("stalls");
  await scene.until("the stuck run", ({ runs, messages }) => {
    const run = runs.find(({ id }) => id === runId);
    return run !== undefined && messages.every(({ runKey }) => runKey !== run.key);
  });
  hub.heal(key);
  await scene.arm();
  const reply = await scene.ask("POST", `/v2/workflows/runs/${runId}/nudge`);
  scene.expect(reply, 200, "nudge");
  await scene.ends({ runId, state: "succeeded", result: "done" });
}
