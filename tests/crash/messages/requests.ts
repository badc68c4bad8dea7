import type { RawRequest, RawResponse } from "../../bench/raw-client.ts";
import { clientHeaders } from "../../bench/wire.ts";
import type { ServerLink } from "../server-link.ts";
import type { ClientLedger } from "./client-ledger.ts";

export interface Asked {
  readonly method: RawRequest["method"];
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** An answer, and whether an earlier request, to which there was none, may have done the same already. */
export interface Heard {
  readonly response: RawResponse;
  readonly isRepeated: boolean;
}

export interface RequestsRoom {
  readonly link: ServerLink;
  readonly ledger: ClientLedger;
}

/** A dead server refuses connections faster than the harness notices its death. */
const AGAIN_MS = 10;

/** How clients speak to whichever life of the server is up. */
export class Requests {
  readonly #room: RequestsRoom;
  #open = 0;

  constructor(room: RequestsRoom) {
    this.#room = room;
  }

  /** Requests that somebody waits for, over the lives of the server. */
  get open(): number {
    return this.#open;
  }

  /** Asks once. Null when the server died before it answered: then nobody knows. */
  async ask(asked: Asked): Promise<RawResponse | null> {
    this.#open++;
    try {
      const life = await this.#room.link.ready();
      const { method, path, headers = {}, body = null } = asked;
      const type = headers["content-type"] ?? "application/json";
      const own = Object.entries(headers).filter(([name]) => name !== "content-type");
      const flat = [...clientHeaders(life.token, type), ...own.flat()];
      return await life.request({ method, path, headers: flat, body }).catch(() => null);
    } finally {
      this.#open--;
    }
  }

  /** Asks again and again until somebody answers. */
  async insist(asked: Asked): Promise<Heard> {
    for (let isRepeated = false; ; isRepeated = true) {
      const response = await this.ask(asked);
      if (response !== null) return { response, isRepeated };
      this.#room.ledger.repeats++;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** As `insist`; whatever is no 2xx is a fault. */
  async order(method: "POST" | "DELETE", path: string, body?: object): Promise<void> {
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const { response } = await this.insist({ method, path, ...text });
    if (response.status < 300) return;
    this.#room.ledger.fault(`${method} ${path}: ${response.status} ${response.body}`);
  }
}
