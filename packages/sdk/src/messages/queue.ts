import { QstashError } from "../errors.ts";
import type { Http } from "../wire/http.ts";
import { asJson, sendMessage } from "./publish.ts";
import type { PublishRequest, PublishResponse } from "./publish-request.ts";

/** A queue, by its name. */
export interface QueueRequest {
  readonly queueName?: string | undefined;
}

/** A queue as the server has it. */
export interface QueueResponse {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds. */
  readonly updatedAt: number;
  readonly parallelism: number;
  /** Messages that are not finished. */
  readonly lag: number;
  readonly paused: boolean;
}

/** What is not given stays as it is; a new queue has a parallelism of 1 and is not paused. */
export interface UpsertQueueRequest {
  /** Messages that are delivered at once. */
  readonly parallelism?: number | undefined;
  readonly paused?: boolean | undefined;
}

/** A line of messages that are delivered in order. */
export class Queue {
  readonly #http: Http;
  readonly #name: string | undefined;

  constructor(http: Http, queueName?: string) {
    this.#http = http;
    this.#name = queueName;
  }

  /** Makes the queue, or changes it. */
  async upsert({ parallelism, paused }: UpsertQueueRequest = {}): Promise<void> {
    await this.#http.done({
      method: "POST",
      path: ["v2", "queues"],
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ queueName: this.#named(), parallelism, paused }),
    });
  }

  /** The queue with what waits in it. */
  async get(): Promise<QueueResponse> {
    return this.#http.json({ method: "GET", path: ["v2", "queues", this.#named()] });
  }

  /** All queues, whatever this one is called. */
  async list(): Promise<QueueResponse[]> {
    return this.#http.json({ method: "GET", path: ["v2", "queues"] });
  }

  /** Deletes the queue, and cancels the messages that wait in it. */
  async delete(): Promise<void> {
    await this.#http.done({ method: "DELETE", path: ["v2", "queues", this.#named()] });
  }

  /** Puts a message at the end of the queue. */
  async enqueue<T extends PublishRequest>(message: T): Promise<PublishResponse<T>> {
    return sendMessage(message, this.#named(), this.#http);
  }

  /** Puts a message with a body of JSON at the end of the queue. */
  async enqueueJSON<TBody = unknown, T extends PublishRequest<TBody> = PublishRequest<TBody>>(
    message: T,
  ): Promise<PublishResponse<T>> {
    return sendMessage(asJson(message), this.#named(), this.#http);
  }

  /** Delivers nothing any more until it is resumed. */
  async pause(): Promise<void> {
    await this.#http.done({ method: "POST", path: ["v2", "queues", this.#named(), "pause"] });
  }

  /** Lets deliveries of the queue go on. */
  async resume(): Promise<void> {
    await this.#http.done({ method: "POST", path: ["v2", "queues", this.#named(), "resume"] });
  }

  #named(): string {
    if (this.#name !== undefined && this.#name !== "") return this.#name;
    throw new QstashError('the queue has no name: client.queue({ queueName: "..." })');
  }
}
