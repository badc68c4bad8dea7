import type { Http, HttpRequest } from "../wire/http.ts";

/** The limits of a key, and what is in flight under it. */
export interface FlowControlInfo {
  readonly flowControlKey: string;
  /** Messages that wait for the key. */
  readonly waitListSize: number;
  /** 0 when there is no such limit, as of every limit here. */
  readonly parallelismMax: number;
  /** Requests in flight. */
  readonly parallelismCount: number;
  readonly rateMax: number;
  /** Requests that have started in this period. */
  readonly rateCount: number;
  /** Seconds. */
  readonly ratePeriod: number;
  /** Epoch seconds. */
  readonly ratePeriodStart: number;
  readonly isPaused: boolean;
  readonly isPinnedParallelism: boolean;
  readonly isPinnedRate: boolean;
}

/** All deliveries of the server together. */
export interface GlobalParallelismInfo {
  readonly parallelismMax: number;
  readonly parallelismCount: number;
}

/** Limits that hold against what messages ask for. */
export interface PinFlowControlOptions {
  readonly parallelism?: number | undefined;
  readonly rate?: number | undefined;
  /** Seconds. */
  readonly period?: number | undefined;
}

/** What messages decide again; the rest stays pinned. */
export interface UnpinFlowControlOptions {
  readonly parallelism?: boolean | undefined;
  readonly rate?: boolean | undefined;
}

/** Keys under which so many requests are in flight, or start in a period. */
export class FlowControlApi {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** The limits of a key, and what is in flight under it. */
  async get(flowControlKey: string): Promise<FlowControlInfo> {
    return this.#http.json({ method: "GET", path: ["v2", "flowControl", flowControlKey] });
  }

  /** All keys, or those that have `search` in their name. */
  async list(search?: string): Promise<FlowControlInfo[]> {
    return this.#http.json({ method: "GET", path: ["v2", "flowControl"], query: { search } });
  }

  /** How many requests of the whole server are in flight, and may be. */
  async getGlobalParallelism(): Promise<GlobalParallelismInfo> {
    const path = ["v2", "globalParallelism"];
    const info = await this.#http.json<Partial<GlobalParallelismInfo>>({ method: "GET", path });
    return { parallelismMax: 0, parallelismCount: 0, ...info };
  }

  /** Starts nothing under the key any more until it is resumed. */
  async pause(flowControlKey: string): Promise<void> {
    await this.#act(flowControlKey, "pause");
  }

  /** Lets deliveries under the key go on. */
  async resume(flowControlKey: string): Promise<void> {
    await this.#act(flowControlKey, "resume");
  }

  /** Sets the limits of a key, whatever messages say. */
  async pin(
    flowControlKey: string,
    { parallelism, rate, period }: PinFlowControlOptions,
  ): Promise<void> {
    await this.#act(flowControlKey, "pin", { parallelism, rate, period });
  }

  /** Lets messages say the limits of a key again. */
  async unpin(
    flowControlKey: string,
    { parallelism, rate }: UnpinFlowControlOptions,
  ): Promise<void> {
    await this.#act(flowControlKey, "unpin", { parallelism, rate });
  }

  /** Begins a new period. */
  async resetRate(flowControlKey: string): Promise<void> {
    await this.#act(flowControlKey, "resetRate");
  }

  async #act(key: string, action: string, query: HttpRequest["query"] = {}): Promise<void> {
    await this.#http.done({ method: "POST", path: ["v2", "flowControl", key, action], query });
  }
}
