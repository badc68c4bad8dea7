import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { CommitAnswerWatcher, CommitWatcher } from "./postgres-frames.ts";
import { Lane, type LaneRules } from "./proxy-lane.ts";

export type Direction = "toServer" | "toClient";

/** Whether the server has executed the commit of which the client hears nothing. */
export type CommitCut = "before" | "after";

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/** A network between a client and a PostgreSQL that breaks in the ways that networks break in. */
export class TcpProxy {
  readonly #target: { port: number };
  readonly #listener: Server = createServer({ allowHalfOpen: true }, (socket) =>
    this.#accept(socket),
  );
  readonly #links = new Set<Link>();
  readonly #rules: Readonly<Record<Direction, LaneRules>> = {
    toServer: { latencyMs: 0, held: null },
    toClient: { latencyMs: 0, held: null },
  };
  readonly #releases = new Map<Direction, () => void>();
  #isDown = false;
  #armed: { readonly cut: CommitCut; left: number } | null = null;
  #cutCommits = 0;

  constructor(targetPort: number) {
    this.#target = { port: targetPort };
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port; // It listens on TCP from `start` on.
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Commits whose answer was kept from the client so far. */
  get cutCommits(): number {
    return this.#cutCommits;
  }

  async start(): Promise<void> {
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    this.#listener.close();
    this.reset();
    this.release();
    await once(this.#listener, "close");
  }

  /** Nobody is there: connections break, and new ones are refused at once. */
  down(): void {
    this.#isDown = true;
    this.reset();
  }

  up(): void {
    this.#isDown = false;
  }

  /** From here on it leads to another server; what led to the old one breaks. */
  lead(targetPort: number): void {
    this.#target.port = targetPort;
    this.reset();
  }

  /** Every connection breaks with RST. New ones work. */
  reset(): void {
    for (const link of this.#links) breakLink(link);
  }

  /** One side says that it sends no more; the other direction goes on. */
  halfClose(direction: Direction): void {
    for (const { client, server } of this.#links) {
      if (direction === "toServer") server.end();
      else client.end();
    }
  }

  /** Bytes come later by so much, in each of the directions. */
  slow(latencyMs: number): void {
    this.#rules.toServer.latencyMs = latencyMs;
    this.#rules.toClient.latencyMs = latencyMs;
  }

  /**
   * A partition, of one direction or of both: nothing passes and nothing breaks, for new connections too. What is sent meanwhile
   * arrives after `release`, as TCP has it.
   */
  hold(...directions: readonly Direction[]): void {
    for (const direction of directions) {
      if (this.#releases.has(direction)) continue;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#rules[direction].held = promise;
      this.#releases.set(direction, resolve);
    }
  }

  release(): void {
    for (const [direction, resolve] of this.#releases) {
      this.#rules[direction].held = null;
      resolve();
    }
    this.#releases.clear();
  }

  /** Of the next `count` commits the clients do not hear: the connection breaks just before or just behind each. */
  cutCommit(cut: CommitCut, count = 1): void {
    this.#armed = { cut, left: count };
  }

  disarm(): void {
    this.#armed = null;
  }

  #accept(client: Socket): void {
    if (this.#isDown) {
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.#target.port, host: "127.0.0.1", allowHalfOpen: true });
    const link = { client, server };
    this.#links.add(link);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => breakLink(link));
      socket.on("close", () => {
        this.#links.delete(link);
        // One that has ended in good order is closed when the other one has as well.
        if (!client.readableEnded || !server.readableEnded) breakLink(link);
      });
    }
    this.#join(link);
  }

  #join(link: Link): void {
    const { client, server } = link;
    const asked = new CommitWatcher();
    const answered = new CommitAnswerWatcher();
    const toServer = new Lane(client, server, this.#rules.toServer);
    const toClient = new Lane(server, client, this.#rules.toClient);
    /** The number of the commit whose answer the client does not get, nor anything behind it; null while it hears all. */
    let deafFor: number | null = null;
    client.on("data", (chunk: Buffer) => {
      const commits = asked.push(chunk);
      const cut = commits === 0 || deafFor !== null ? null : this.#takeCut();
      if (cut === "before") {
        breakLink(link);
        return;
      }
      if (cut === "after") deafFor = asked.count;
      toServer.push(chunk);
    });
    server.on("data", (chunk: Buffer) => {
      answered.push(chunk);
      if (deafFor === null) toClient.push(chunk);
      else if (answered.count >= deafFor) breakLink(link);
    });
    client.on("end", () => toServer.push(null));
    server.on("end", () => toClient.push(null));
  }

  /** Null when nobody has asked for it. */
  #takeCut(): CommitCut | null {
    const armed = this.#armed;
    if (armed === null || armed.left === 0) return null;
    armed.left--;
    this.#cutCommits++;
    return armed.cut;
  }
}

function breakLink({ client, server }: Link): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
