export {
  QstashDailyRatelimitError,
  QstashEmptyArrayError,
  QstashError,
  QstashRatelimitError,
  SignatureError,
  type SignatureFault,
} from "../errors.ts";
export { textFromBase64 as decodeBase64 } from "../wire/base64.ts";
export type { Http, HttpOptions, RetryOptions } from "../wire/http.ts";
export type {
  Duration,
  FlowControl,
  HeaderLists,
  HTTPMethods,
  Redaction,
} from "../wire/options.ts";
export type { BodyInit, HeadersInit } from "../wire/web-types.ts";
export {
  type BulkAction,
  type BulkActionListOptions,
  BulkActions,
  Keys,
  type SigningKeys,
  type TokenInfo,
  type TokenScope,
  Tokens,
} from "./administration.ts";
export { Client, type ClientConfig } from "./client.ts";
export type {
  DLQ,
  DlqListOptions,
  RetryAnswer,
  RetryOptions as DlqRetryOptions,
} from "./dead-messages.ts";
export type {
  DLQBulkActionFilters,
  DlqFilter,
  LogFilter,
  MessageCancelFilters,
  MessageFilter,
  OpenMessageFilter,
  State,
} from "./filters.ts";
export {
  FlowControlApi,
  type FlowControlInfo,
  type GlobalParallelismInfo,
  type PinFlowControlOptions,
  type UnpinFlowControlOptions,
} from "./flow-controls.ts";
export type { GetLogsResponse, Log, Logs, LogsRequest, MessageLog } from "./logs.ts";
export type { DlqMessage, Message, OpenMessage, OpenMessageState } from "./message.ts";
export {
  type CancelAnswer,
  type CancelOptions,
  type MessageListOptions,
  Messages,
} from "./messages.ts";
export type {
  Event,
  EventPayload,
  EventsRequest,
  GetEventsPayload,
  GetEventsResponse,
  GetLogsPayload,
  LogPayload,
  MessagePayload,
  RateLimit,
  WithCursor,
} from "./older-names.ts";
export type {
  CallbackOptions,
  MessageOptions,
  PublishBatchRequest,
  PublishJsonRequest,
  PublishRequest,
  PublishResponse,
  PublishToApiResponse,
  PublishToUrlGroupsResponse,
  PublishToUrlResponse,
} from "./publish-request.ts";
export type { Queue, QueueRequest, QueueResponse, UpsertQueueRequest } from "./queue.ts";
export { Receiver, type ReceiverConfig, type VerifyRequest } from "./receiver.ts";
export { type CreateScheduleRequest, type Schedule, Schedules } from "./schedules.ts";
export {
  type AddEndpointsRequest,
  type Endpoint,
  type RemoveEndpointsRequest,
  type UrlGroup,
  UrlGroups,
} from "./url-groups.ts";
