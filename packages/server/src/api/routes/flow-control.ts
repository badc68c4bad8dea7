import {
  afterPrefix,
  FLOW_CONTROL_COUNT_MAX,
  FLOW_CONTROL_KEY_CHARS_MAX,
  type FlowControlResource,
  type GlobalParallelismResource,
  quoted,
  RepriseError,
} from "@reprise/protocol";
import { type Context, Hono } from "hono";
import type { Command, PinFlowControl, UnpinFlowControl } from "../../core/commands.ts";
import { pathOf } from "../endpoints.ts";
import { invalid, type Parameters, queryParameters, readText, readWhole } from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { toFlowControlResource } from "../views/flow-control.ts";

/** In lower case: fixed parts of a path may have any letters. */
const PREFIX = "/v2/flowcontrol/";

/** The list has no pages: what is above needs a search. */
const LISTED_MAX = 10_000;

/** Rows that one read takes. */
const PAGE = 1_000;

/**
 * `/v2/flowControl`: keys under which so many attempts are in flight, or start in a period. Clients put keys into the path as they
 * are, with slashes and blanks: what an action does is what stands behind the last slash.
 */
export function flowControlRoutes(room: ApiRoom): Hono<ApiEnv> {
  const { engine, host, store } = room;
  return new Hono<ApiEnv>()
    .get("/v2/flowControl", async (c) => {
      const search = readText(queryParameters(c.req.raw), "search") ?? "";
      return c.json(await list(search, room));
    })
    .get("/v2/flowControl/*", async (c) => {
      const key = decode(afterPrefix(pathOf(c.env.rawTarget), PREFIX) ?? "");
      const [flow] = await store.find("flowControls", "byName", [[key]]);
      if (flow === undefined) throw flowControlNotFound(key);
      return c.json(toFlowControlResource(flow, host.now()));
    })
    .post("/v2/flowControl/*", async (c) => {
      await engine.execute([readAction(c, room)]);
      return c.json({});
    })
    .get("/v2/globalParallelism", (c) => {
      const resource: GlobalParallelismResource = {
        parallelismMax: engine.parallelismMax,
        parallelismCount: engine.attemptsInFlight,
      };
      return c.json(resource);
    });
}

async function list(search: string, { store, host }: ApiRoom) {
  const found: FlowControlResource[] = [];
  const query = { where: [], order: "ascending", limit: PAGE } as const;
  let page = await store.list("flowControls", query);
  while (page.length > 0 && found.length < LISTED_MAX) {
    const wanted = page.filter(({ name }) => name.includes(search));
    found.push(...wanted.map((flow) => toFlowControlResource(flow, host.now())));
    const afterKey = page.at(-1)?.key ?? 0;
    page = page.length < PAGE ? [] : await store.list("flowControls", { ...query, afterKey });
  }
  return found.slice(0, LISTED_MAX);
}

function readAction(c: Context<ApiEnv>, room: ApiRoom): Command {
  const path = pathOf(c.env.rawTarget);
  const rest = afterPrefix(path, PREFIX) ?? "";
  const slash = rest.lastIndexOf("/");
  const action = rest.slice(slash + 1).toLowerCase();
  const type = ACTIONS[action];
  if (type === undefined) {
    throw new RepriseError("not_found", {
      message: `there is nothing at POST ${path}; a key is followed by ${Object.keys(ACTIONS).join(", ")}`,
    });
  }
  const key = decode(slash === -1 ? "" : rest.slice(0, slash));
  if (key === "" || key.length > FLOW_CONTROL_KEY_CHARS_MAX) {
    throw new RepriseError("invalid_request", {
      message: `a flow-control key must have 1 to ${FLOW_CONTROL_KEY_CHARS_MAX} characters, got ${quoted(key)}`,
      details: { field: "flowControlKey" },
    });
  }
  const parameters = queryParameters(c.req.raw);
  switch (type) {
    case "pinFlowControl":
      return readPin(key, parameters, room);
    case "unpinFlowControl":
      return readUnpin(key, parameters);
    default:
      return { type, key };
  }
}

/** `reset` is an older name: what it cleared besides the rate, the attempts in flight, is always counted as it is. */
const ACTIONS: Readonly<
  Record<string, Extract<Command, { readonly key: string }>["type"] | undefined>
> = {
  pause: "pauseFlowControl",
  resume: "resumeFlowControl",
  pin: "pinFlowControl",
  unpin: "unpinFlowControl",
  resetrate: "resetFlowControlRate",
  reset: "resetFlowControlRate",
};

function readPin(key: string, parameters: Parameters, { settings }: ApiRoom): PinFlowControl {
  const parallelism = readLimit(parameters, "parallelism", FLOW_CONTROL_COUNT_MAX);
  const rate = readLimit(parameters, "rate", FLOW_CONTROL_COUNT_MAX);
  const period = readLimit(parameters, "period", settings.flowControlPeriodMsMax / 1000);
  if (parallelism === null && rate === null && period === null) {
    throw invalid("pin", "needs parallelism, rate or period, or several of them");
  }
  return {
    type: "pinFlowControl",
    key,
    ...(parallelism === null ? {} : { parallelism }),
    ...(rate === null ? {} : { rate }),
    ...(period === null ? {} : { periodMs: period * 1000 }),
  };
}

function readLimit(parameters: Parameters, name: string, max: number): number | null {
  const value = readWhole(parameters, name, 1);
  if (value !== null && value > max) throw invalid(name, `must be at most ${max}, got ${value}`);
  return value;
}

function readUnpin(key: string, parameters: Parameters): UnpinFlowControl {
  const parallelism = readFlag(parameters, "parallelism");
  return { type: "unpinFlowControl", key, parallelism, rate: readFlag(parameters, "rate") };
}

/** One client writes `True`. */
function readFlag(parameters: Parameters, name: string): boolean {
  const text = readText(parameters, name)?.toLowerCase() ?? "false";
  if (text === "true" || text === "false") return text === "true";
  throw invalid(name, `must be true or false, got ${quoted(text)}`);
}

/** The path has been checked to be an encoding of UTF-8. */
function decode(text: string): string {
  return decodeURIComponent(text);
}

function flowControlNotFound(key: string): RepriseError {
  return new RepriseError("flow_control_not_found", {
    message: `there is no flow-control key ${quoted(key)}: no message has named it`,
    details: { flowControlKey: key },
  });
}
