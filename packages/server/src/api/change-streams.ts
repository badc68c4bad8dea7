import { type ChangeEvent, type ChangeTopic, RepriseError } from "@reprise/protocol";
import type { Host, Timer } from "../host/host.ts";
import type { ChangeFeed } from "../observe/change-feed.ts";
import { pollChanges } from "../observe/change-poll.ts";
import type { Store } from "../store/store.ts";

/** One for each page that somebody has open, and then some. */
export const STREAMS_MAX = 64;
/** Of one login, or of one token: nobody takes the places of all others. */
export const STREAMS_OF_ONE_MAX = 16;

/** Between two events. */
const EVENT_MS = 1_000;
const HEARTBEAT_MS = 15_000;
/** Chunks that a reader may be behind; one that reads no more is let go. */
const CHUNKS_BEHIND_MAX = 64;

export interface ChangeStreamsOptions {
  readonly host: Pick<Host, "now" | "setTimer" | "log">;
  readonly store: Store;
  readonly feed: ChangeFeed;
}

interface Stream {
  readonly owner: string;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Whether its reader may still look. */
  readonly isAllowed: () => boolean;
}

/** Streams of server-sent events that say what has changed. Without one, nothing here listens and no timer runs. */
export class ChangeStreams {
  readonly #options: ChangeStreamsOptions;
  readonly #streams = new Set<Stream>();
  readonly #pending = new Set<ChangeTopic>();
  #sentAt = 0;
  #eventTimer: Timer | null = null;
  #heartbeatTimer: Timer | null = null;
  #unlisten: (() => void) | null = null;
  #isClosed = false;

  constructor(options: ChangeStreamsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#streams.size;
  }

  /**
   * @param owner whose it is, by any text.
   * @throws RepriseError `too_many_streams`, or `shutting_down`.
   */
  open(owner: string, isAllowed: () => boolean): ReadableStream<Uint8Array> {
    if (this.#isClosed) {
      throw new RepriseError("shutting_down", { message: "the server is stopping; ask again" });
    }
    const ownCount = [...this.#streams].filter((other) => other.owner === owner).length;
    if (this.#streams.size >= STREAMS_MAX) throw tooMany(STREAMS_MAX, "here");
    if (ownCount >= STREAMS_OF_ONE_MAX) {
      throw tooMany(STREAMS_OF_ONE_MAX, "by this session or token");
    }
    let stream: Stream | null = null;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream = { owner, controller, isAllowed };
        this.#streams.add(stream);
        this.#listen();
        this.#write(stream, `retry: ${EVENT_MS}\n: open\n\n`);
      },
      cancel: () => {
        if (stream !== null) this.#drop(stream);
      },
    });
  }

  /** Ends those whose readers may no longer look; without it they end when there is something to tell. */
  endForbidden(): void {
    for (const stream of [...this.#streams]) {
      if (!stream.isAllowed()) this.#end(stream);
    }
  }

  /** Ends all streams; none is opened any more. */
  close(): void {
    this.#isClosed = true;
    for (const stream of [...this.#streams]) this.#end(stream);
  }

  #listen(): void {
    if (this.#unlisten !== null) return;
    const { feed, host, store } = this.#options;
    const listener = (topics: ReadonlySet<ChangeTopic>) => this.#changed(topics);
    const ends = [feed.listen(listener)];
    if (store.isShared) ends.push(pollChanges({ host, store, listener }));
    this.#unlisten = () => {
      for (const end of ends) end();
    };
    this.#beat();
  }

  #changed(topics: ReadonlySet<ChangeTopic>): void {
    for (const topic of topics) this.#pending.add(topic);
    if (this.#eventTimer !== null) return;
    const { host } = this.#options;
    const now = host.now();
    // Behind the commit in any case, and never before a second has passed; a clock that was set back must not stop it.
    const dueAt = Math.max(now, Math.min(this.#sentAt + EVENT_MS, now + EVENT_MS));
    this.#eventTimer = host.setTimer(dueAt, () => this.#tell());
  }

  #tell(): void {
    this.#eventTimer = null;
    this.#sentAt = this.#options.host.now();
    const event: ChangeEvent = { topics: [...this.#pending] };
    this.#pending.clear();
    this.#writeAll(`event: change\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** Proxies cut what is silent, and readers see that the server is there. */
  #beat(): void {
    const { host } = this.#options;
    this.#heartbeatTimer = host.setTimer(host.now() + HEARTBEAT_MS, () => {
      this.#writeAll(": still here\n\n");
      if (this.#streams.size > 0) this.#beat();
    });
  }

  #writeAll(text: string): void {
    for (const stream of [...this.#streams]) {
      if (stream.isAllowed()) this.#write(stream, text);
      else this.#end(stream);
    }
  }

  #write(stream: Stream, text: string): void {
    const { controller } = stream;
    if ((controller.desiredSize ?? 0) < -CHUNKS_BEHIND_MAX) {
      this.#drop(stream);
      controller.error(new Error("the reader of the changes does not read"));
      return;
    }
    controller.enqueue(new TextEncoder().encode(text));
  }

  #end(stream: Stream): void {
    this.#drop(stream);
    stream.controller.close();
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#unlisten?.();
    this.#unlisten = null;
    this.#heartbeatTimer?.cancel();
    this.#eventTimer?.cancel();
    this.#eventTimer = null;
    this.#pending.clear();
  }
}

function tooMany(limit: number, where: string): RepriseError {
  return new RepriseError("too_many_streams", {
    message: `${limit} streams of changes are open ${where} already; close one, or ask for what is shown again now and then`,
    details: { limit },
  });
}
