import { QstashEmptyArrayError } from "../errors.ts";
import type { Http, HttpRequest } from "../wire/http.ts";
import { forwardHeaders } from "../wire/message-headers.ts";
import type { HeaderLists } from "../wire/options.ts";
import type { HeadersInit } from "../wire/web-types.ts";

/** One of the URLs of a group. */
export interface Endpoint {
  readonly name?: string;
  readonly url: string;
}

/** Endpoints for a group, which is made when it is new. */
export interface AddEndpointsRequest {
  /** Of the group, which is made when it is missing. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
}

/** Endpoints to be taken out of a group, by name or URL. */
export interface RemoveEndpointsRequest {
  /** Of the group. */
  readonly name: string;
  /** An endpoint is known by its name and by its URL. */
  readonly endpoints: readonly (
    | { readonly name: string; readonly url?: string }
    | { readonly name?: string; readonly url: string }
  )[];
}

/** A group as the server has it. */
export interface UrlGroup {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. */
  readonly updatedAt: number;
  readonly endpoints: Endpoint[];
  /** Default headers of messages to the group. */
  readonly headers?: HeaderLists;
}

/** Names for lists of endpoints: a message to the name becomes one for each. */
export class UrlGroups {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Adds endpoints; one with a known name replaces it. */
  async addEndpoints({ name, endpoints }: AddEndpointsRequest): Promise<void> {
    await this.#send("POST", ["v2", "topics", name, "endpoints"], { endpoints });
  }

  /** @throws QstashEmptyArrayError when none is named: that could be meant for all. */
  async removeEndpoints({ name, endpoints }: RemoveEndpointsRequest): Promise<void> {
    if (endpoints.length === 0) throw new QstashEmptyArrayError("endpoints");
    await this.#send("DELETE", ["v2", "topics", name, "endpoints"], { endpoints });
  }

  /** Sets the headers that every message to the group has unless it says otherwise; none takes them away. */
  async setHeaders(name: string, headers: HeadersInit): Promise<void> {
    await this.#send("PATCH", ["v2", "topics", name], { headers: forwardHeaders(headers) });
  }

  /** Every group. */
  async list(): Promise<UrlGroup[]> {
    return this.#http.json({ method: "GET", path: ["v2", "topics"] });
  }

  /** One group, by its name. */
  async get(name: string): Promise<UrlGroup> {
    return this.#http.json({ method: "GET", path: ["v2", "topics", name] });
  }

  /** Deletes a group. */
  async delete(name: string): Promise<void> {
    await this.#http.done({ method: "DELETE", path: ["v2", "topics", name] });
  }

  async #send(method: HttpRequest["method"], path: readonly string[], body: object): Promise<void> {
    const headers = { "content-type": "application/json" };
    await this.#http.done({ method, path, headers, body: JSON.stringify(body) });
  }
}
