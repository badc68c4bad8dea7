import { RepriseError } from "@reprise/protocol";
import { assert } from "../../core/assert.ts";
import { APP_NAME_RULE, isAppName } from "../../core/connected-name.ts";
import type { Outcome } from "../../core/outcome.ts";
import type { ConnectedApps, ConnectedDelivery } from "../../engine/connected-apps.ts";
import type { Host, Timer } from "../../host/host.ts";
import { checkScope } from "../auth.ts";
import { AuthFailures } from "../auth-failures.ts";
import type { Credentials } from "../room.ts";
import {
  Connection,
  type ConnectionLimits,
  type ConnectionOwner,
  type Hello,
} from "./connection.ts";
import { CLOSE_CODE, type ConnectedSocket } from "./socket.ts";
import type { SubmitLines } from "./submission.ts";

export interface RegistryOptions {
  readonly host: Host;
  readonly limits: RegistryLimits;
}

export interface RegistryLimits extends ConnectionLimits {
  /** How often everything that has a time limit is looked at. */
  readonly checkMs: number;
  readonly authFailuresMax: number;
}

/** What connections need of the server, which is built after the engine that delivers to them. */
export interface RegistryRoom {
  readonly credentials: Pick<Credentials, "scopeOf">;
  readonly submit: SubmitLines;
}

interface App {
  readonly connections: Connection[];
  /** Connection -> the places that it was counted with. */
  readonly counted: Map<Connection, number>;
  places: number;
  isOpen: boolean;
  /** Where the next search for room begins. */
  turn: number;
}

/** Connections that one search compares, so that an app with thousands of them does not make each delivery dear. */
const COMPARED_MAX = 32;

/** The apps that are connected, by name. */
export class ConnectedRegistry implements ConnectedApps {
  readonly #host: Host;
  readonly #limits: RegistryLimits;
  readonly #failures: AuthFailures;
  readonly #apps = new Map<string, App>();
  readonly #connections = new Set<Connection>();
  /** Run key -> the connections that have its deliveries, each as often as it has one. */
  readonly #runs = new Map<number, Connection[]>();
  #onChange: (app: string, hasOpened: boolean) => void = () => {};
  #room: RegistryRoom | null = null;
  #timer: Timer | null = null;
  #isDraining = false;

  constructor({ host, limits }: RegistryOptions) {
    this.#host = host;
    this.#limits = limits;
    this.#failures = new AuthFailures(() => host.now(), limits.authFailuresMax);
  }

  /** From here on apps may connect. */
  open(room: RegistryRoom): void {
    this.#room = room;
  }

  /** Takes a connection that somebody has opened; who it is, it says itself. */
  accept(socket: ConnectedSocket, address: string): void {
    const connection = new Connection(socket, address, this.#owner());
    this.#connections.add(connection);
    this.#checkLater();
  }

  placesOf(app: string): number {
    return this.#apps.get(app)?.places ?? 0;
  }

  isConnected(app: string): boolean {
    return this.#apps.get(app)?.isOpen === true;
  }

  deliver(delivery: ConnectedDelivery): Promise<Outcome> | null {
    const app = this.#apps.get(delivery.app);
    const connection = app === undefined ? null : roomiest(app);
    if (connection === null) return null;
    if (delivery.run !== null) {
      const known = this.#runs.get(delivery.run.key);
      if (known === undefined) this.#runs.set(delivery.run.key, [connection]);
      else known.push(connection);
    }
    const outcome = connection.deliver(delivery);
    this.#count(connection);
    return outcome;
  }

  abort(runKey: number): void {
    const connections = this.#runs.get(runKey);
    if (connections === undefined) return;
    for (const connection of new Set(connections)) connection.abort(runKey);
  }

  watch(onChange: (app: string, hasOpened: boolean) => void): void {
    this.#onChange = onChange;
  }

  /** The server stops: apps get nothing more and are told to connect anew. */
  drain(): void {
    this.#isDraining = true;
    for (const connection of this.#connections) connection.drain();
  }

  /** Says goodbye to all. */
  close(): void {
    this.#isDraining = true;
    this.#timer?.cancel();
    this.#timer = null;
    const reason = "the server stops";
    for (const connection of [...this.#connections]) connection.close(CLOSE_CODE.goingAway, reason);
  }

  #owner(): ConnectionOwner {
    return {
      host: this.#host,
      limits: this.#limits,
      submit: (submission) => {
        assert(this.#room !== null, "an app that submits has been admitted");
        return this.#room.submit(submission);
      },
      admit: (hello, connection) => this.#admit(hello, connection),
      changed: (connection) => this.#change(connection),
      settled: (connection, delivery) => this.#forget(connection, delivery),
      closed: (connection) => this.#remove(connection),
    };
  }

  #roomNow(): RegistryRoom {
    if (this.#room !== null && !this.#isDraining) return this.#room;
    throw new RepriseError("shutting_down", { message: "the server is stopping; connect again" });
  }

  #admit({ app, token }: Hello, connection: Connection): void {
    const { credentials } = this.#roomNow();
    const scope = credentials.scopeOf(token);
    if (scope === null) {
      this.#failures.add(connection.address);
      const message = "unable to authenticate: hello.token is no token of this server";
      throw new RepriseError("unauthorized", { message });
    }
    checkScope(scope, "send");
    if (!isAppName(app)) {
      const message = `hello.app must be ${APP_NAME_RULE}, got ${JSON.stringify(app.slice(0, 100))}`;
      throw new RepriseError("invalid_request", { message });
    }
  }

  #change(connection: Connection): void {
    const name = connection.app;
    if (name === null || !this.#connections.has(connection)) return;
    const app = this.#apps.get(name) ?? newApp();
    this.#apps.set(name, app);
    if (!app.counted.has(connection)) app.connections.push(connection);
    const before = app.places;
    const wasOpen = app.isOpen;
    this.#count(connection);
    // Looked for only when it can have changed: most changes are deliveries that have ended.
    if (connection.isOpen !== wasOpen) app.isOpen = app.connections.some((one) => one.isOpen);
    if (app.places !== before || app.isOpen !== wasOpen) {
      this.#onChange(name, app.isOpen && !wasOpen);
    }
  }

  #count(connection: Connection): void {
    const app = this.#apps.get(connection.app ?? "");
    if (app === undefined) return;
    const places = connection.places;
    app.places += places - (app.counted.get(connection) ?? 0);
    app.counted.set(connection, places);
  }

  #remove(connection: Connection): void {
    this.#connections.delete(connection);
    const name = connection.app;
    const app = name === null ? undefined : this.#apps.get(name);
    if (name === null || app === undefined) return;
    app.places -= app.counted.get(connection) ?? 0;
    app.counted.delete(connection);
    const index = app.connections.indexOf(connection);
    if (index !== -1) app.connections.splice(index, 1);
    if (app.connections.length === 0) this.#apps.delete(name);
    app.isOpen = app.connections.some((one) => one.isOpen);
    this.#onChange(name, false);
  }

  #forget(connection: Connection, { run }: ConnectedDelivery): void {
    if (run === null) return;
    const connections = this.#runs.get(run.key);
    const index = connections?.indexOf(connection) ?? -1;
    if (connections === undefined || index === -1) return;
    if (connections.length === 1) this.#runs.delete(run.key);
    else connections.splice(index, 1);
  }

  #checkLater(): void {
    this.#timer ??= this.#host.setTimer(this.#host.now() + this.#limits.checkMs, () => {
      this.#timer = null;
      this.#checkAll();
      if (this.#connections.size > 0) this.#checkLater();
    });
  }

  #checkAll(): void {
    for (const connection of [...this.#connections]) {
      connection.check();
      if (connection.app !== null && !this.#isDraining) this.#checkToken(connection);
    }
  }

  /** A token that was revoked ends the connections that it has opened. */
  #checkToken(connection: Connection): void {
    const scope = this.#room?.credentials.scopeOf(connection.token) ?? null;
    if (scope !== null) return;
    const message = "the token of this connection has been revoked";
    connection.refuse(new RepriseError("unauthorized", { message }));
  }
}

function newApp(): App {
  return { connections: [], counted: new Map(), places: 0, isOpen: false, turn: 0 };
}

/** The connection with the most room among some of the app's, or any that has room. */
function roomiest(app: App): Connection | null {
  const { connections } = app;
  let best: Connection | null = null;
  let bestRoom = 0;
  for (let seen = 0; seen < connections.length; seen++) {
    if (seen >= COMPARED_MAX && best !== null) break;
    const connection = connections[(app.turn + seen) % connections.length];
    if (connection === undefined || connection.room <= bestRoom) continue;
    best = connection;
    bestRoom = connection.room;
  }
  app.turn = (app.turn + 1) % Math.max(connections.length, 1);
  return best;
}
