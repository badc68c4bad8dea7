import { DEV_IDENTITY } from "@reprise/protocol";
import { createWorkflow, serve, type WebHandler } from "@reprise/sdk";
import { type Connection, connect } from "@reprise/sdk/connect";
import type { ServerLink } from "../server-link.ts";
import {
  CONNECTED_APP,
  type ConnectedFlow,
  createFastRoute,
  FAST_FLOWS,
  type FastFlow,
} from "./fast-flows.ts";
import type { Hub } from "./hub.ts";

/** The same user's app with our SDK: some workflows are dialled, and some are served over a connection. It outlives the server. */
export class FastApp {
  readonly #hub: Hub;
  readonly #link: ServerLink;
  readonly #handlers = new Map<FastFlow, WebHandler>();
  #connection: Connection<ConnectedFlow> | null = null;
  #onConnected: (() => void)[] = [];

  constructor(hub: Hub, link: ServerLink) {
    this.#hub = hub;
    this.#link = link;
  }

  static urlOf(flow: ConnectedFlow): string {
    return `http://${CONNECTED_APP}.connected.alt/${flow}`;
  }

  async answer(flow: FastFlow, request: Request): Promise<Response> {
    const known = this.#handlers.get(flow);
    if (known !== undefined) return known(request);
    const room = { hub: this.#hub, inLife: (work: () => void) => work() };
    const { url, token } = await this.#link.ready();
    const handler = serve(createFastRoute(flow, room), {
      ...FAST_FLOWS[flow],
      env: {
        QSTASH_URL: url,
        QSTASH_TOKEN: token,
        QSTASH_CURRENT_SIGNING_KEY: DEV_IDENTITY.currentSigningKey,
        QSTASH_NEXT_SIGNING_KEY: DEV_IDENTITY.nextSigningKey,
      },
    });
    this.#handlers.set(flow, handler);
    return handler(request);
  }

  /** Opens a connection, if there is none, and waits until the server takes it. */
  async connected(): Promise<void> {
    const { url, token } = await this.#link.ready();
    this.#connection ??= this.#connect(url, token);
    if (this.#connection.state === "connected") return;
    await new Promise<void>((resolve) => this.#onConnected.push(resolve));
  }

  /** As a network does it: at once, in the middle of everything. */
  lose(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  drain(): void {
    void this.#connection?.drain();
    this.#connection = null;
  }

  #connect(server: string, token: string): Connection<ConnectedFlow> {
    const { epochs } = this.#hub;
    const inLife = (work: () => void) => epochs.run(this.#link.epoch, work);
    const room = { hub: this.#hub, inLife };
    return connect({
      server,
      token,
      app: CONNECTED_APP,
      workflows: {
        connected: createWorkflow(createFastRoute("connected", room)),
        holding: createWorkflow(createFastRoute("holding", room)),
      },
      onStateChange: (state) => {
        if (state !== "connected") return;
        for (const resolve of this.#onConnected.splice(0)) resolve();
      },
    });
  }
}
