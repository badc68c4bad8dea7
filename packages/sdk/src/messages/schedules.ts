import { QstashError } from "../errors.ts";
import { checkDestination } from "../wire/destination.ts";
import { HEADER } from "../wire/headers.ts";
import type { Http } from "../wire/http.ts";
import { entry, forwardHeaders } from "../wire/message-headers.ts";
import type { HeaderLists } from "../wire/options.ts";
import { checkId } from "../wire/selection.ts";
import type { BodyInit } from "../wire/web-types.ts";
import { checkBody } from "./publish.ts";
import { type MessageOptions, optionHeaders } from "./publish-request.ts";

/** A schedule to make. */
export interface CreateScheduleRequest extends Omit<MessageOptions, "notBefore"> {
  /** A URL, or the name of a URL group. */
  readonly destination: string;
  /** Five fields or a word such as `@daily`, with `CRON_TZ=Europe/Berlin` in front for another zone than UTC. */
  readonly cron: string;
  readonly body?: BodyInit | null | undefined;
  /** Replaces the schedule that has this id; random when not given. */
  readonly scheduleId?: string | undefined;
  /** The messages go through this queue. */
  readonly queueName?: string | undefined;
}

/** A schedule as the server has it. */
export interface Schedule {
  readonly scheduleId: string;
  readonly cron: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly destination: string;
  readonly method: string;
  readonly header?: HeaderLists;
  /** The body when it is text. */
  readonly body?: string;
  /** The body when it is not, as base64. */
  readonly bodyBase64?: string;
  readonly retries: number;
  readonly retryDelayExpression?: string;
  /** Seconds from a tick to the first attempt. */
  readonly delay?: number;
  /** Limit of an attempt, in seconds. */
  readonly timeout?: number;
  readonly callback?: string;
  readonly callbackHeader?: HeaderLists;
  readonly failureCallback?: string;
  readonly failureCallbackHeader?: HeaderLists;
  readonly callerIP?: string;
  readonly callerIp?: string;
  readonly isPaused: boolean;
  readonly queueName?: string;
  readonly flowControlKey?: string;
  readonly parallelism?: number;
  readonly rate?: number;
  /** As `rate`. */
  readonly ratePerSecond?: number;
  /** Seconds. */
  readonly period?: number;
  /** The first of `labels`. */
  readonly label?: string;
  readonly labels?: string[];
  /** Epoch milliseconds of the last tick. */
  readonly lastScheduleTime?: number;
  /** Epoch milliseconds; none while it is paused. */
  readonly nextScheduleTime?: number;
  /** What has become of the messages of the last tick, by their ids. */
  readonly lastScheduleStates?: Record<string, "IN_PROGRESS" | "SUCCESS" | "FAIL">;
  /** Why the last tick made no message. */
  readonly error?: string;
}

const NOUN = "schedule";

/** Messages that are sent again and again. */
export class Schedules {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Makes a schedule; JSON is its type when `headers` do not say another one. */
  async create(
    request: CreateScheduleRequest,
  ): Promise<{ scheduleId: string; deduplicated?: boolean }> {
    const { destination, cron, scheduleId, queueName, method, body } = request;
    if (cron === undefined || cron === "") throw new QstashError("a schedule needs cron");
    return this.#http.json({
      method: "POST",
      path: ["v2", "schedules", checkDestination(destination)],
      headers: {
        [HEADER.contentType]: "application/json",
        ...forwardHeaders(this.#http.headers),
        ...forwardHeaders(request.headers),
        ...entry(HEADER.method, method),
        ...optionHeaders(request),
        [HEADER.cron]: cron,
        ...entry(HEADER.scheduleId, scheduleId),
        ...entry(HEADER.queueName, queueName),
      },
      body: checkBody(body),
    });
  }

  /** One schedule, by its id. */
  async get(scheduleId: string): Promise<Schedule> {
    const path = ["v2", "schedules", checkId(scheduleId, NOUN)];
    return withAlias(await this.#http.json<Schedule>({ method: "GET", path }));
  }

  /** Every schedule. */
  async list(): Promise<Schedule[]> {
    const path = ["v2", "schedules"];
    return (await this.#http.json<Schedule[]>({ method: "GET", path })).map(withAlias);
  }

  /** Deletes it; the messages that it has made go on. */
  async delete(scheduleId: string): Promise<void> {
    const path = ["v2", "schedules", checkId(scheduleId, NOUN)];
    await this.#http.done({ method: "DELETE", path });
  }

  /** Skips the ticks until it is resumed. */
  async pause({ schedule }: { readonly schedule: string }): Promise<void> {
    const path = ["v2", "schedules", checkId(schedule, NOUN), "pause"];
    await this.#http.done({ method: "PATCH", path });
  }

  /** Lets a schedule go on. */
  async resume({ schedule }: { readonly schedule: string }): Promise<void> {
    const path = ["v2", "schedules", checkId(schedule, NOUN), "resume"];
    await this.#http.done({ method: "PATCH", path });
  }
}

function withAlias(schedule: Schedule): Schedule {
  const { rate } = schedule;
  return rate === undefined ? schedule : { ...schedule, ratePerSecond: rate };
}
