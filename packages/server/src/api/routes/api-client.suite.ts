import { createApi } from "../app.ts";
import { createWorld, type World } from "../test-world.suite.ts";

/** The whole API over a world of its own; every request goes the way that a request of the transport goes. */
export interface Client {
  readonly world: World;
  send(method: string, target: string, more?: Sent): Promise<Received>;
}

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestInit["body"];
  readonly address?: string;
}

export interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; null when there is none. */
  readonly json: unknown;
}

export async function openClient(): Promise<Client> {
  const world = await createWorld();
  const api = createApi(world.room);
  return {
    world,
    send: async (method, target, { headers = {}, body = null, address = "192.0.2.1" } = {}) => {
      const all = { authorization: "Bearer any", ...headers };
      const request = new Request(`http://localhost:8080${target}`, { method, headers: all, body });
      const rawHeaders = Object.entries(all).flat();
      const response = await api.fetch(request, { address, rawTarget: target, rawHeaders });
      const text = await response.text();
      const json: unknown = text === "" ? null : JSON.parse(text);
      return { status: response.status, headers: response.headers, text, json };
    },
  };
}

/** An item of a batch that starts a run, with the headers that the SDK sends. */
export function initItem(runId: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    destination: "https://app.test/api/order",
    body: '{"order":7}',
    headers: { ...initHeaders(runId), ...more },
  };
}

export function initHeaders(runId: string) {
  return {
    "content-type": "application/json",
    "upstash-workflow-init": "true",
    "upstash-workflow-runid": runId,
    "upstash-workflow-url": "https://app.test/api/order",
    "upstash-workflow-sdk-version": "1",
    "upstash-forward-upstash-workflow-sdk-version": "1",
    "upstash-feature-set": "LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig",
  };
}

/** An item of a batch that submits a record to a run. */
export function stepItem(
  runId: string,
  record: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
) {
  return {
    destination: "https://app.test/api/order",
    body: JSON.stringify({ stepName: "s", stepType: "Run", out: '"ok"', concurrent: 1, ...record }),
    headers: { ...initHeaders(runId), "upstash-workflow-init": "false", ...more },
  };
}
