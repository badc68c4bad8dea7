import type { BatchAnswer } from "../client/trigger.ts";
import { Http, type HttpOptions } from "../wire/http.ts";
import { BulkActions, Keys, Tokens } from "./administration.ts";
import { DLQ } from "./dead-messages.ts";
import { FlowControlApi } from "./flow-controls.ts";
import { type GetLogsResponse, type Logs, type LogsRequest, makeLogs } from "./logs.ts";
import { Messages } from "./messages.ts";
import { asJson, sendMessage, sendMessages } from "./publish.ts";
import type { PublishBatchRequest, PublishRequest, PublishResponse } from "./publish-request.ts";
import { Queue, type QueueRequest } from "./queue.ts";
import { Schedules } from "./schedules.ts";
import { UrlGroups } from "./url-groups.ts";

/** How a client reaches the server. */
export interface ClientConfig extends HttpOptions {
  /** Nothing is measured: it is taken so that callers need not be changed. */
  readonly enableTelemetry?: boolean | undefined;
}

/** Sends messages, and looks after them. */
export class Client {
  readonly http: Http;
  readonly messages: Messages;
  readonly dlq: DLQ;
  readonly logs: Logs;
  readonly schedules: Schedules;
  readonly urlGroups: UrlGroups;
  readonly flowControl: FlowControlApi;
  readonly bulkActions: BulkActions;
  readonly keys: Keys;
  readonly tokens: Tokens;

  constructor(config: ClientConfig = {}) {
    const http = new Http(config);
    this.http = http;
    this.messages = new Messages(http);
    this.dlq = new DLQ(http);
    this.logs = makeLogs(http);
    this.schedules = new Schedules(http);
    this.urlGroups = new UrlGroups(http);
    this.flowControl = new FlowControlApi(http);
    this.bulkActions = new BulkActions(http);
    this.keys = new Keys(http);
    this.tokens = new Tokens(http);
  }

  /** An older name of `urlGroups`. */
  get topics(): UrlGroups {
    return this.urlGroups;
  }

  /** One queue, by its name. */
  queue({ queueName }: QueueRequest = {}): Queue {
    return new Queue(this.http, queueName);
  }

  /** Sends a message to a URL or a URL group. */
  async publish<T extends PublishRequest>(message: T): Promise<PublishResponse<T>> {
    return sendMessage(message, null, this.http);
  }

  /** Sends a message with a body of JSON. */
  async publishJSON<TBody = unknown, T extends PublishRequest<TBody> = PublishRequest<TBody>>(
    message: T,
  ): Promise<PublishResponse<T>> {
    return sendMessage(asJson(message), null, this.http);
  }

  /** Sends many messages in one request: all are accepted, or none. */
  async batch<T extends PublishBatchRequest>(
    messages: readonly T[],
  ): Promise<PublishResponse<T>[]> {
    return asAnswers(await sendMessages(messages, this.http));
  }

  /** Sends many messages with bodies of JSON in one request. */
  async batchJSON<
    TBody = unknown,
    T extends PublishBatchRequest<TBody> = PublishBatchRequest<TBody>,
  >(messages: readonly T[]): Promise<PublishResponse<T>[]> {
    return asAnswers(await sendMessages(messages.map(asJson), this.http));
  }

  /** A page of the log: an older name of {@link logs}. */
  async events(request?: LogsRequest): Promise<GetLogsResponse> {
    return this.logs(request);
  }
}

function asAnswers<T>(answers: readonly BatchAnswer[]): PublishResponse<T>[] {
  // They are in the order of the messages, and each has the shape that belongs to its destination.
  return [...answers] as unknown as PublishResponse<T>[];
}
