// `reprise runs logs --follow`. The API lists events run by run, so following means to ask again for the events of
// every run that has not ended, and for runs that are new.

import type { RunResource, WorkflowEventPage, WorkflowEventResource } from "@reprise/protocol";
import { type Api, ask, type Query } from "./api-client.ts";
import { runFilters } from "./filter-sets.ts";
import { toQuery } from "./filters.ts";
import { type Following, lookAgain } from "./follow.ts";
import type { ListOptions } from "./list-options.ts";
import { listUpTo } from "./pages.ts";
import {
  EVENT_PAGE_SIZE_MAX,
  type EventOptions,
  eventLine,
  eventList,
  inOrder,
  listEvents,
} from "./run-events.ts";
import { runList, WITHOUT_BODIES } from "./run-lists.ts";
import { note, printJsonLine, printLine, type Terminal } from "./terminal.ts";

type FollowOptions = EventOptions & ListOptions;

/** Prints the last events, and then those to come. */
export async function followRuns(
  following: Following,
  options: FollowOptions,
  terminal: Terminal,
): Promise<void> {
  const follower = new RunFollower(following.api, options, terminal);
  await follower.begin();
  await lookAgain(() => follower.look(), following, terminal);
}

/** Runs whose events are asked for again and again. */
const WATCHED_RUNS_MAX = 100;

/** Names of runs that are known not to be new. */
const KNOWN_RUNS_MAX = 10_000;

/** New runs on one page, and pages of one look. */
const NEW_RUNS_MAX = 10;
const NEW_PAGES_MAX = 10;

/** Names of runs in one request: they are part of its URL. */
const NAMES_CHARS_MAX = 6_000;

class RunFollower {
  readonly #api: Api;
  readonly #options: FollowOptions;
  readonly #terminal: Terminal;
  /** Keys of the events that were printed or are too old, by the name of the run; oldest run first. */
  readonly #watched = new Map<string, Set<string>>();
  readonly #known = new Set<string>();
  #hasDropped = false;

  constructor(api: Api, options: FollowOptions, terminal: Terminal) {
    this.#api = api;
    this.#options = options;
    this.#terminal = terminal;
  }

  /** Prints the end of the log, and whatever happens while it finds out which runs are open. */
  async begin(): Promise<void> {
    const { items } = await listEvents(this.#api, this.#options, this.#options.limit);
    const ended = new Set(items.filter(isEnd).map(nameOf));
    for (const event of items) {
      const name = nameOf(event);
      if (ended.has(name)) this.#know(name);
      else this.#watch(name).add(keyOf(event));
      this.#print(event);
    }
    for (const name of await this.#findOpen()) this.#watch(name);
    const since = items.at(-1)?.time ?? 0;
    for (const event of inOrder(await this.#readWatched())) {
      if (event.time >= since) this.#print(event);
    }
    if (this.#options.runId !== undefined && this.#known.size === 0) {
      note(this.#terminal, "there is no such run yet; waiting for it until Ctrl-C ...");
    }
  }

  async look(): Promise<"more" | "end"> {
    for (const name of (await this.#findNew()).toReversed()) this.#watch(name);
    for (const event of inOrder(await this.#readWatched())) this.#print(event);
    const isOver = this.#known.size > 0 && this.#watched.size === 0;
    return this.#options.runId !== undefined && isOver ? "end" : "more";
  }

  /** Names of runs that are not known, newest first. */
  async #findNew(): Promise<readonly string[]> {
    const { state: _, ...filters } = this.#options;
    const { path, query = [] } = eventList({ ...filters, json: true });
    const names: string[] = [];
    let cursor = "";
    for (let pages = 0; pages < NEW_PAGES_MAX; pages++) {
      const page: WorkflowEventPage = await ask<WorkflowEventPage>(this.#api, {
        path,
        query: [
          ...query,
          ["state", "RUN_STARTED"],
          ["count", String(NEW_RUNS_MAX)],
          WITHOUT_BODIES,
          ...(cursor === "" ? [] : [["cursor", cursor] as const]),
        ],
      });
      const found = page.events.map(nameOf);
      names.push(...found.filter((name) => !this.#known.has(name)));
      cursor = page.cursor ?? "";
      if (cursor === "" || found.some((name) => this.#known.has(name))) break;
    }
    return names;
  }

  /** Names of runs that have not ended, oldest first. */
  async #findOpen(): Promise<readonly string[]> {
    const { state: _, ...filters } = this.#options;
    const query: Query = [
      ...toQuery(filters, runFilters),
      ["state", "RUN_STARTED"],
      WITHOUT_BODIES,
    ];
    const { items, cursor } = await listUpTo<RunResource>(
      this.#api,
      runList(query),
      WATCHED_RUNS_MAX,
    );
    if (cursor !== "") this.#sayDropped();
    return items
      .map(({ workflowRunId, workflowRunCreatedAt }) => `${workflowRunId}@${workflowRunCreatedAt}`)
      .toReversed();
  }

  #know(name: string): void {
    this.#known.add(name);
    const [oldest] = this.#known;
    if (this.#known.size > KNOWN_RUNS_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Returns the keys of what is known of the run. */
  #watch(name: string): Set<string> {
    const printed = this.#watched.get(name) ?? new Set();
    if (this.#watched.has(name)) return printed;
    this.#know(name);
    this.#watched.set(name, printed);
    const [oldest] = this.#watched.keys();
    if (this.#watched.size > WATCHED_RUNS_MAX && oldest !== undefined) {
      this.#watched.delete(oldest);
      this.#sayDropped();
    }
    return printed;
  }

  #sayDropped(): void {
    if (this.#hasDropped) return;
    this.#hasDropped = true;
    const text = `following the newest ${WATCHED_RUNS_MAX} runs that have not ended; filters show others`;
    note(this.#terminal, text);
  }

  /** New events of the watched runs, newest first. Runs that have ended are no longer watched. */
  async #readWatched(): Promise<readonly WorkflowEventResource[]> {
    const fresh: WorkflowEventResource[] = [];
    for (const names of this.#batches()) {
      for (const event of await this.#readRuns(names)) {
        const printed = this.#watched.get(nameOf(event));
        const key = keyOf(event);
        if (printed === undefined || printed.has(key)) continue;
        printed.add(key);
        fresh.push(event);
      }
    }
    for (const event of fresh) if (isEnd(event)) this.#watched.delete(nameOf(event));
    return fresh;
  }

  /** Runs whose events fit on one page; a long one stands alone. */
  #batches(): readonly (readonly string[])[] {
    const batches: string[][] = [];
    let events = 0;
    let chars = 0;
    for (const [name, printed] of this.#watched) {
      events += printed.size + NEW_EVENTS;
      chars += name.length + 1;
      const last = batches.at(-1);
      if (last !== undefined && events <= EVENT_PAGE_SIZE_MAX && chars <= NAMES_CHARS_MAX) {
        last.push(name);
      } else {
        batches.push([name]);
        events = printed.size + NEW_EVENTS;
        chars = name.length + 1;
      }
    }
    return batches;
  }

  async #readRuns(names: readonly string[]): Promise<readonly WorkflowEventResource[]> {
    const [first = ""] = names;
    const isOne = names.length === 1;
    const size = isOne ? NEW_EVENTS : EVENT_PAGE_SIZE_MAX;
    const events: WorkflowEventResource[] = [];
    let cursor = "";
    do {
      const page: WorkflowEventPage = await ask<WorkflowEventPage>(this.#api, {
        path: eventList({}).path,
        query: [
          ...(eventList(this.#options.json === true ? { json: true } : {}).query ?? []),
          ["workflowRuns", names.join(",")],
          ["count", String(size)],
          ...(cursor === "" ? [] : [["cursor", cursor] as const]),
        ],
      });
      events.push(...page.events);
      cursor = page.cursor ?? "";
      // What lies behind a whole page of known events of one run is known as well.
      const printed = isOne ? this.#watched.get(first) : undefined;
      if (printed !== undefined && page.events.every((event) => printed.has(keyOf(event)))) break;
    } while (cursor !== "");
    return events;
  }

  #print(event: WorkflowEventResource): void {
    const { state, json } = this.#options;
    if (state !== undefined && !state.includes(event.state)) return;
    if (json === true) printJsonLine(this.#terminal, event);
    else printLine(this.#terminal, eventLine(event));
  }
}

/** Events of one run that may come between two looks. */
const NEW_EVENTS = 100;

function nameOf({ workflowRunId, workflowCreatedAt }: WorkflowEventResource): string {
  return `${workflowRunId}@${workflowCreatedAt}`;
}

function keyOf({ state, time, stepInfo, responseStatus }: WorkflowEventResource): string {
  return `${state} ${time} ${stepInfo?.messageId} ${stepInfo?.callType} ${responseStatus}`;
}

function isEnd({ state }: WorkflowEventResource): boolean {
  return state === "RUN_SUCCESS" || state === "RUN_FAILED" || state === "RUN_CANCELED";
}
