import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Host, Timer } from "./host/host.ts";

interface Watched {
  /** Looks so far. */
  looks: number;
  /** What the connection had received at the last look. */
  bytes: number;
}

export interface SlowBodiesOptions {
  readonly host: Pick<Host, "now" | "setTimer">;
  /** Time in which a body may be slow. */
  readonly graceMs: number;
  readonly bytesPerSecondMin: number;
  readonly cut: (socket: Socket, message: string) => void;
}

/** Looks within the time of grace; what a body brings between two of them is its speed. */
const LOOKS_OF_GRACE = 4;

/**
 * Cuts requests whose body drips in: thousands of them would hold connections and memory for as long as a request may take.
 * It counts looks and not instants, so that a clock that is set cuts nobody.
 */
export class SlowBodies {
  readonly #options: SlowBodiesOptions;
  readonly #watched = new Map<IncomingMessage, Watched>();
  #timer: Timer | null = null;

  constructor(options: SlowBodiesOptions) {
    this.#options = options;
  }

  watch(incoming: IncomingMessage): void {
    const { "content-length": length, "transfer-encoding": encoding } = incoming.headers;
    if (encoding === undefined && (length === undefined || length === "0")) return;
    this.#watched.set(incoming, { looks: 0, bytes: incoming.socket.bytesRead });
    const forget = () => this.#forget(incoming);
    incoming.once("end", forget).once("close", forget);
    this.#timer ??= this.#setTimer();
  }

  #forget(incoming: IncomingMessage): void {
    this.#watched.delete(incoming);
    if (this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #setTimer(): Timer {
    const { host } = this.#options;
    return host.setTimer(host.now() + this.#lookMs, () => this.#look());
  }

  get #lookMs(): number {
    return this.#options.graceMs / LOOKS_OF_GRACE;
  }

  #look(): void {
    const { graceMs, bytesPerSecondMin, cut } = this.#options;
    const bytesMin = (bytesPerSecondMin * this.#lookMs) / 1000;
    for (const [incoming, watched] of this.#watched) {
      const { socket } = incoming;
      const bytes = socket.bytesRead - watched.bytes;
      watched.bytes = socket.bytesRead;
      // A body that nobody has begun to read waits for us.
      if (!incoming.readableDidRead) continue;
      watched.looks += 1;
      if (watched.looks <= LOOKS_OF_GRACE || bytes >= bytesMin) continue;
      this.#watched.delete(incoming);
      cut(
        socket,
        `after ${graceMs / 1000} seconds a body must arrive with at least ${bytesPerSecondMin} bytes a second`,
      );
    }
    this.#timer = this.#watched.size > 0 ? this.#setTimer() : null;
  }
}
