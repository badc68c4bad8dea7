// What is written for the types of the official clients compiles with ours: requests go in, and answers come out.

import type * as OurRuns from "@reprise/sdk";
import type * as OurMessages from "@reprise/sdk/messages";
import type * as TheirMessages from "@upstash/qstash";
import type * as TheirRuns from "@upstash/workflow";
import { expect, test } from "vitest";

/** True when everything that is a `From` is a `To`: what else it may be is an error of the compiler below. */
type Fits<From, To> = [From] extends [To] ? true : false;

type TheirClient = TheirMessages.Client;
type OurClient = OurMessages.Client;
type TheirRunClient = TheirRuns.Client;
type OurRunClient = OurRuns.Client;
/** The argument of a method, and its answer. */
type In<Method extends (...given: never[]) => unknown> = NonNullable<Parameters<Method>[0]>;
type Out<Method extends (...given: never[]) => unknown> = Awaited<ReturnType<Method>>;

/** Destinations that are left: the rest needs a provider. */
type ToUrl<T> = Extract<T, { url: string; api?: never }>;
/** Iterators in place of headers are what no runtime has as a type. */
type Plain<T> = Omit<T, "headers">;

const requests: Readonly<Record<string, true>> & {
  readonly publish: Fits<
    Plain<ToUrl<TheirMessages.PublishRequest>>,
    Plain<OurMessages.PublishRequest>
  >;
  readonly batch: Fits<
    Plain<ToUrl<TheirMessages.PublishBatchRequest>>,
    Plain<OurMessages.PublishBatchRequest>
  >;
  readonly schedule: Fits<
    Plain<TheirMessages.CreateScheduleRequest>,
    Plain<OurMessages.CreateScheduleRequest>
  >;
  readonly flowControl: Fits<TheirMessages.FlowControl, OurMessages.FlowControl>;
  readonly addEndpoints: Fits<TheirMessages.AddEndpointsRequest, OurMessages.AddEndpointsRequest>;
  readonly removeEndpoints: Fits<
    TheirMessages.RemoveEndpointsRequest,
    OurMessages.RemoveEndpointsRequest
  >;
  readonly pin: Fits<TheirMessages.PinFlowControlOptions, OurMessages.PinFlowControlOptions>;
  readonly unpin: Fits<TheirMessages.UnpinFlowControlOptions, OurMessages.UnpinFlowControlOptions>;
  readonly logs: Fits<TheirMessages.LogsRequest, OurMessages.LogsRequest>;
  readonly cancelMessages: Fits<
    In<TheirClient["messages"]["cancel"]>,
    In<OurClient["messages"]["cancel"]>
  >;
  readonly listDead: Fits<
    In<TheirClient["dlq"]["listMessages"]>,
    In<OurClient["dlq"]["listMessages"]>
  >;
  readonly retryDead: Fits<In<TheirClient["dlq"]["retry"]>, In<OurClient["dlq"]["retry"]>>;
  readonly verify: Fits<TheirMessages.VerifyRequest, OurMessages.VerifyRequest>;
  readonly receiver: Fits<TheirMessages.ReceiverConfig, OurMessages.ReceiverConfig>;
  readonly trigger: Fits<TheirRuns.TriggerOptions, OurRuns.TriggerOptions>;
  readonly cancelRuns: Fits<
    Parameters<TheirRunClient["cancel"]>[0],
    Parameters<OurRunClient["cancel"]>[0]
  >;
  readonly notify: Fits<In<TheirRunClient["notify"]>, In<OurRunClient["notify"]>>;
  readonly runLogs: Fits<In<TheirRunClient["logs"]>, In<OurRunClient["logs"]>>;
  readonly listFailed: Fits<In<TheirRunClient["dlq"]["list"]>, In<OurRunClient["dlq"]["list"]>>;
  readonly deleteFailed: Fits<
    In<TheirRunClient["dlq"]["delete"]>,
    In<OurRunClient["dlq"]["delete"]>
  >;
} = {
  publish: true,
  batch: true,
  schedule: true,
  flowControl: true,
  addEndpoints: true,
  removeEndpoints: true,
  pin: true,
  unpin: true,
  logs: true,
  cancelMessages: true,
  listDead: true,
  retryDead: true,
  verify: true,
  receiver: true,
  trigger: true,
  cancelRuns: true,
  notify: true,
  runLogs: true,
  listFailed: true,
  deleteFailed: true,
};

const answers: Readonly<Record<string, true>> & {
  readonly queue: Fits<OurMessages.QueueResponse, Out<ReturnType<TheirClient["queue"]>["get"]>>;
  readonly urlGroup: Fits<OurMessages.UrlGroup, TheirMessages.UrlGroup>;
  readonly flowControl: Fits<OurMessages.FlowControlInfo, TheirMessages.FlowControlInfo>;
  readonly schedule: Fits<OurMessages.Schedule, TheirMessages.Schedule>;
  readonly published: Fits<OurMessages.PublishToUrlResponse, TheirMessages.PublishToUrlResponse>;
  readonly retried: Fits<Out<OurClient["dlq"]["retry"]>, Out<TheirClient["dlq"]["retry"]>>;
  readonly waiters: Fits<Out<OurRunClient["getWaiters"]>, Out<TheirRunClient["getWaiters"]>>;
  /** There is no waiter when nobody waited. */
  readonly notified: Fits<
    Required<Out<OurRunClient["notify"]>[number]>,
    Out<TheirRunClient["notify"]>[number]
  >;
  readonly listFailed: Fits<Out<OurRunClient["dlq"]["list"]>, Out<TheirRunClient["dlq"]["list"]>>;
  readonly cancelled: Fits<Out<OurRunClient["cancel"]>, Out<TheirRunClient["cancel"]>>;
} = {
  queue: true,
  urlGroup: true,
  flowControl: true,
  schedule: true,
  published: true,
  retried: true,
  waiters: true,
  notified: true,
  listFailed: true,
  cancelled: true,
};

test("the compiler has compared them", () => {
  expect(Object.keys(requests)).toHaveLength(20);
  expect(Object.keys(answers)).toHaveLength(10);
});
