import { RawClient, type RawRequest, type RawResponse } from "../bench/raw-client.ts";
import type { Listening } from "./server-process.ts";

const CONNECTIONS = 96;

/** The way to one life of the server. Requests that it does not answer fail when it dies; none reaches a later life. */
export interface Link {
  /** Number of the life, from 1. */
  readonly epoch: number;
  readonly url: string;
  readonly token: string;
  request(request: RawRequest): Promise<RawResponse>;
}

/** Who wants to reach the server asks here for the life that is up, or waits for the next. */
export class ServerLink {
  #epoch = 0;
  #link: Link | null = null;
  #client: RawClient | null = null;
  #waiting: ((link: Link) => void)[] = [];
  #inFlight = 0;
  /** Told when so many requests more have been accepted. */
  #awaited: { count: number; readonly tell: () => void } | null = null;

  /** Number of the life that is up or about to be. */
  get epoch(): number {
    return this.#epoch;
  }

  get isUp(): boolean {
    return this.#link !== null;
  }

  /** Requests without an answer so far. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** A new life begins: from here on, whatever connects belongs to it. */
  begin(): void {
    this.#epoch++;
  }

  up({ url, token }: Listening): void {
    const client = new RawClient(url, CONNECTIONS);
    const link: Link = {
      epoch: this.#epoch,
      url,
      token,
      request: (request) => this.#count(request, client.request(request)),
    };
    this.#client = client;
    this.#link = link;
    for (const resolve of this.#waiting.splice(0)) resolve(link);
  }

  async down(): Promise<void> {
    this.#link = null;
    await this.#client?.close();
    this.#client = null;
  }

  /** Resolves when this life has accepted so many requests. */
  accepts(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { count, tell: resolve };
    });
  }

  ready(): Promise<Link> {
    const link = this.#link;
    if (link !== null) return Promise.resolve(link);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #count(request: RawRequest, answer: Promise<RawResponse>): Promise<RawResponse> {
    this.#inFlight++;
    try {
      const response = await answer;
      if (request.method !== "GET" && response.status < 300) this.#countAccepted();
      return response;
    } finally {
      this.#inFlight--;
    }
  }

  #countAccepted(): void {
    if (this.#awaited === null) return;
    this.#awaited.count--;
    if (this.#awaited.count === 0) this.#awaited.tell();
  }
}
