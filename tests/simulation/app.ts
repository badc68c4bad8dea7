import type { Connection } from "@reprise/sdk/connect";
import {
  type Author,
  connectOwn,
  type Flow,
  type FlowContext,
  type Payload,
  type Serve,
  serveByOfficial,
  serveByOwn,
} from "./app-sdks.ts";
import type { EventList } from "./event-list.ts";
import type { Fact } from "./facts.ts";
import { SERVER_HOST } from "./network.ts";
import type { Program } from "./program.ts";
import type { AppStyle } from "./sdk-plan.ts";
import type { AppPeer, AppSocket } from "./socket-net.ts";
import { StepPlayer } from "./step-player.ts";
import type { Troubles } from "./troubles.ts";

/** What survives a crash of the app, because it lies outside of it: dependencies that fail, and the ledger. */
export interface Surroundings {
  readonly events: EventList;
  readonly programs: readonly Program[];
  readonly troubles: Troubles;
  readonly tell: (fact: Fact) => void;
}

/** How a process of the app comes into the world. */
export interface AppBirth {
  readonly generation: number;
  readonly style: AppStyle;
  readonly crash: () => void;
  /** The `WebSocket` of this process. */
  readonly socketsOf: (app: AppPeer) => new (url: string) => AppSocket;
}

/** One process of the app: an SDK, or two, around the programs. */
export class App {
  readonly generation: number;
  readonly #surroundings: Surroundings;
  readonly #serve: Serve;
  readonly #connection: Connection | null;
  #isAlive = true;

  constructor({ generation, style, crash, socketsOf }: AppBirth, surroundings: Surroundings) {
    this.generation = generation;
    this.#surroundings = surroundings;
    const name = `app-${generation}`;
    const baseUrl = `http://${name}.${SERVER_HOST}`;
    const author: Author = {
      route: (context, flow) => this.#route(context, flow),
      fail: (context) => this.#fail(context),
    };
    this.#serve =
      style.sdk === "official"
        ? serveByOfficial(author, baseUrl)
        : serveByOwn(author, style, baseUrl);
    const { app } = style;
    const WebSocket = socketsOf({ name, isAlive: () => this.#isAlive, crash });
    this.#connection =
      app === null ? null : connectOwn(author, { ...style, app }, { baseUrl, WebSocket });
  }

  handle(request: Request): Promise<Response> {
    return this.#serve(request);
  }

  /** Takes nothing more over its connection, and ends what it has begun. */
  async drain(): Promise<void> {
    await this.#connection?.drain();
  }

  kill(): void {
    this.#isAlive = false;
    // Its timers end with the process.
    this.#connection?.close();
  }

  async #route(context: FlowContext, flow: Flow): Promise<unknown> {
    const player = new StepPlayer(flow, this.#surroundings, (delayMs) => this.#passTime(delayMs));
    const program = this.#surroundings.programs[context.requestPayload.program];
    // The SDK looks whether it may answer: with the report about a call in the place of the payload, and stops at the first step.
    if (program === undefined) return context.run("nothing", () => null);
    const results: unknown[] = [];
    const room = { context, program, webhooks: new Map() };
    for (const step of program.steps) {
      if (step.kind === "cancel") await context.cancel();
      else if (step.kind === "parallel") {
        results.push(await Promise.all(step.branches.map((branch) => player.play(branch, room))));
      } else results.push(await player.play(step, room));
    }
    return results;
  }

  #fail(context: { readonly workflowRunId: string; readonly requestPayload: unknown }): string {
    const { programs, troubles, tell } = this.#surroundings;
    // The payload that this test's own client has sent.
    const { program: index } = context.requestPayload as Payload;
    const behaviour = programs[index]?.failureFunction ?? "works";
    const hasThrown =
      behaviour === "throwsUntilHealed"
        ? !troubles.isHealed(index)
        : behaviour === "throwsFirst" && troubles.count(index, "failure function") === 0;
    tell({ kind: "failureFunction", runId: context.workflowRunId, hasThrown });
    if (hasThrown) throw new Error("the failure function is broken");
    return "noted";
  }

  /** A process that has died meanwhile never comes back. */
  async #passTime(delayMs: number): Promise<void> {
    if (delayMs > 0) await this.#surroundings.events.wait(delayMs, "work of a step");
    if (!this.#isAlive) await new Promise(() => {});
  }
}
