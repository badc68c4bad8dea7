import type { PublishMessage } from "../core/commands.ts";
import type { Envelope } from "../core/envelope.ts";
import type { FlowControlRow, QueueRow } from "../core/rows.ts";
import type { Store } from "../store/store.ts";
import type { World } from "./engine.suite.ts";
import type { Engine } from "./engine.ts";
import type { ScriptedHost } from "./scripted-host.suite.ts";

/** Messages without a run, and what their gates show, for tests of the engine. */

/** A message to `https://app.test/<name>`; the name tells its requests apart. */
export function newMessage(
  host: ScriptedHost,
  name: string | number,
  envelope: Partial<Envelope> = {},
): PublishMessage {
  return {
    type: "publish",
    destination: { kind: "url", url: `https://app.test/${name}` },
    envelope: {
      method: "POST",
      headers: {},
      retries: 1,
      retryDelay: "1000",
      notBefore: host.now(),
      callerIp: "192.0.2.1",
      ...envelope,
    },
    body: new TextEncoder().encode(String(name)),
    dedup: null,
    dedupUntil: 0,
  };
}

export function newMessages(
  host: ScriptedHost,
  names: readonly (string | number)[],
  envelope: Partial<Envelope> = {},
): readonly PublishMessage[] {
  return names.map((name) => newMessage(host, name, envelope));
}

/** The names of the requests that wait for an answer, in order. */
export function sentTo(host: ScriptedHost): readonly string[] {
  return host.exchanges.map(({ request }) => request.url.split("/").at(-1) ?? "");
}

/** Answers the request of this name. */
export async function answerOne(
  host: ScriptedHost,
  name: string | number,
  status = 200,
): Promise<void> {
  await host.until(() => sentTo(host).includes(String(name)));
  const index = sentTo(host).indexOf(String(name));
  const body = new Uint8Array();
  host.exchanges
    .splice(index, 1)[0]
    ?.answer({ type: "response", status, headers: {}, body, isTruncated: false });
  // Outcomes linger until something commits.
  await host.advance(20);
}

export async function queueOf(store: Store, name: string): Promise<QueueRow | undefined> {
  return (await store.find("queues", "byName", [[name]]))[0];
}

export async function flowOf(store: Store, key: string): Promise<FlowControlRow | undefined> {
  return (await store.find("flowControls", "byName", [[key]]))[0];
}

/** Ends a process without letting its attempts end, and starts the next one over the same store. */
export async function replace(world: World, engine: Engine): Promise<Engine> {
  const { host, restart } = world;
  const stopped = engine.stop(0);
  await host.advance(0);
  await stopped;
  host.exchanges.splice(0);
  const next = restart();
  next.start();
  await host.settle();
  return next;
}
