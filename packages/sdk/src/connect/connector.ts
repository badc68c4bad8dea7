import type { QstashError } from "../errors.ts";
import { Link } from "./link.ts";
import type { Routes } from "./routes.ts";
import type { WebSocketConstructor } from "./web-socket.ts";

/**
 * `connecting`: a socket is being opened. `connected`: the server delivers. `waiting`: until the next try. `draining`: deliveries end,
 * and no more come. `closed`: for good.
 */
export type ConnectionState = "connecting" | "connected" | "waiting" | "draining" | "closed";

/** What is known when the state of a connection changes. */
export interface StateFacts {
  /** Why there is no connection; null when nothing went wrong. */
  readonly error: QstashError | null;
  /** Until the next try, when the state is `waiting`. */
  readonly retryInMs: number | null;
}

export interface ConnectorOptions {
  readonly url: string;
  readonly hello: { readonly token: string; readonly app: string; readonly sdk: string };
  readonly parallelism: number;
  readonly routes: Routes;
  readonly WebSocket: WebSocketConstructor;
  readonly onStateChange: (state: ConnectionState, facts: StateFacts) => void;
}

/** Pause before the first try after a loss; each further one is twice as long, up to the longest. */
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 30_000;

/** What a server says that will not let this app in, whenever it is asked. */
const FINAL_CODES: ReadonlySet<string> = new Set(["unauthorized", "forbidden", "invalid_request"]);

/** Keeps an app connected: one link after the other, and two while a server hands over. */
export class Connector {
  readonly #options: ConnectorOptions;
  /** The link that gets deliveries, or is about to. */
  #link: Link | null = null;
  /** Links that end what they have begun. */
  readonly #ending = new Set<Link>();
  #state: ConnectionState = "connecting";
  #lossCount = 0;
  #wasWelcome = false;
  #pause: ReturnType<typeof setTimeout> | null = null;
  readonly closed: Promise<void>;
  #onClosed: (error: QstashError | null) => void = () => {};

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.closed = new Promise((resolve, reject) => {
      this.#onClosed = (error) => (error === null ? resolve() : reject(error));
    });
    // Whoever wants to know looks; nobody has to.
    this.closed.catch(() => {});
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start(): void {
    this.#pause = null;
    this.#become("connecting");
    const { url, hello, parallelism, routes, WebSocket } = this.#options;
    const link: Link = new Link(new WebSocket(url), {
      hello: () => ({ ...hello, parallelism }),
      handle: (delivery) => routes.handle(delivery),
      onWelcome: () => this.#welcome(link),
      onDrain: () => this.#handOver(link),
      onDone: () => link.close(),
      onClose: (error) => this.#lose(link, error),
    });
    this.#link = link;
  }

  drain(): Promise<void> {
    if (this.#state === "closed" || this.#state === "draining") return this.closed;
    this.#stopWaiting();
    const link = this.#link;
    this.#become("draining");
    if (link !== null) this.#retire(link);
    this.#closeWhenDone();
    return this.closed;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#stopWaiting();
    this.#become("closed");
    for (const link of [...this.#ending, ...(this.#link === null ? [] : [this.#link])])
      link.close();
    this.#onClosed(null);
  }

  #welcome(link: Link): void {
    this.#wasWelcome = true;
    this.#lossCount = 0;
    if (link === this.#link && this.#state === "connecting") this.#become("connected");
  }

  /** The server stops: another one may be there already. */
  #handOver(link: Link): void {
    if (link !== this.#link || this.#state === "draining") return;
    this.#retire(link);
    this.#wait(null);
  }

  /** No more deliveries come over the link; it is closed when those under way have ended. */
  #retire(link: Link): void {
    this.#link = null;
    this.#ending.add(link);
    if (link.isOpen) link.retire();
    else link.close();
  }

  #lose(link: Link, error: QstashError | null): void {
    this.#ending.delete(link);
    if (link === this.#link) {
      this.#link = null;
      const isFinal = !this.#wasWelcome && FINAL_CODES.has(error?.code ?? "");
      if (isFinal) {
        this.#become("closed", error);
        this.#onClosed(error);
        return;
      }
      this.#wait(error);
    }
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#state !== "draining" || this.#ending.size > 0) return;
    this.#become("closed");
    this.#onClosed(null);
  }

  #wait(error: QstashError | null): void {
    if (this.#state === "draining" || this.#state === "closed") return;
    // Many processes lose the same server at the same moment: they do not come back at the same one.
    const retryInMs =
      Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** this.#lossCount) * (0.5 + Math.random() / 2);
    this.#lossCount++;
    this.#pause = setTimeout(() => this.start(), retryInMs);
    this.#become("waiting", error, retryInMs);
  }

  #stopWaiting(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
  }

  #become(
    state: ConnectionState,
    error: QstashError | null = null,
    retryInMs: number | null = null,
  ) {
    if (state === this.#state && state !== "waiting") return;
    this.#state = state;
    this.#options.onStateChange(state, { error, retryInMs });
  }
}
