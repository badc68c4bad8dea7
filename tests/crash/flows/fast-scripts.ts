import type { FastFlow } from "./fast-flows.ts";
import { FAST_RESULT } from "./fast-flows.ts";
import type { Scene } from "./scene.ts";
import type { Script } from "./scripts.ts";

/** Results in answers, with submissions that go on, and over a connection. */
function steps(flow: FastFlow): Script {
  return async (scene) => {
    await scene.arm();
    await end(scene, await scene.trigger(flow));
  };
}

async function end(scene: Scene, runId: string): Promise<void> {
  await scene.ends({ runId, state: "succeeded", result: FAST_RESULT });
}

/** A connection is lost while a step is under way that holds its message: another one takes over. */
async function takeover(scene: Scene): Promise<void> {
  await scene.connected();
  const runId = await scene.trigger("holding");
  await scene.noted("holds");
  await scene.arm();
  scene.loseConnection();
  scene.hub.open(scene.key, "hold");
  await scene.connected();
  await end(scene, runId);
}

/** An app that is told to stop ends what it has begun, and another process goes on. */
async function drain(scene: Scene): Promise<void> {
  await scene.connected();
  const runId = await scene.trigger("holding");
  await scene.noted("holds");
  await scene.arm();
  scene.drainConnection();
  scene.hub.open(scene.key, "hold");
  await scene.connected();
  await end(scene, runId);
}

async function connected(scene: Scene): Promise<void> {
  await scene.connected();
  await steps("connected")(scene);
}

export const FAST_SCRIPTS = {
  answered: steps("answered"),
  answeredCold: steps("answeredCold"),
  continued: steps("continued"),
  together: steps("together"),
  connected,
  takeover,
  drain,
} as const satisfies Readonly<Record<string, Script>>;
