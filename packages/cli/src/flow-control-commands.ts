// `reprise flow-control`: keys under which so many attempts are in flight, or start in a period.

import {
  type FlowControlResource,
  type GlobalParallelismResource,
  isRepriseError,
  parseDurationMs,
} from "@reprise/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { addJsonOption, type JsonOption, printAnswer, printDone, printList } from "./answer.ts";
import { ask, askList, connectApi, type Query } from "./api-client.ts";
import { usageFault } from "./fault.ts";
import { parseCount } from "./list-options.ts";
import { segment } from "./paths.ts";
import type { Terminal } from "./terminal.ts";
import { formatFields, formatTable, oneLine } from "./text.ts";

const PATH = "/v2/flowControl";

export function addFlowControlCommands(program: Command, terminal: Terminal): void {
  const flow = program
    .command("flow-control")
    .description("look at keys of flow control and change them");
  const list = flow
    .command("list")
    .description("list keys, what waits for each and what is in flight")
    .option("--search <text>", "keys that contain this");
  addJsonOption(list).action(async (options: JsonOption & { readonly search?: string }) => {
    const { search } = options;
    const query: Query = search === undefined ? [] : [["search", search]];
    const keys = await askList<FlowControlResource>(connectApi(terminal), { path: PATH, query });
    printList(keys, { ...options, noun: "flow-control key" }, formatFlowTable, terminal);
  });
  const show = flow.command("show").description("show a key").argument("<key>");
  addJsonOption(show).action(async (key: string, options: JsonOption) => {
    const answer = await ask<FlowControlResource>(connectApi(terminal), { path: keyPath(key) });
    printAnswer(answer, options, formatFlow, terminal);
  });
  const total = flow
    .command("total")
    .description("show how many deliveries the server has in flight");
  addJsonOption(total).action(async (options: JsonOption) => {
    const request = { path: "/v2/globalParallelism" };
    const answer = await ask<GlobalParallelismResource>(connectApi(terminal), request);
    printAnswer(answer, options, formatTotal, terminal);
  });
  addSwitchCommands(flow, terminal);
  addPinCommands(flow, terminal);
}

function keyPath(key: string): string {
  return `${PATH}/${segment(key, "the key")}`;
}

interface Change {
  readonly key: string;
  /** The last segment of the path. */
  readonly action: string;
  readonly query?: Query;
  readonly past: string;
}

async function change(
  { key, action, query = [], past }: Change,
  options: JsonOption,
  terminal: Terminal,
): Promise<void> {
  const path = `${keyPath(key)}/${action}`;
  const answer = await connectApi(terminal)({ method: "POST", path, query });
  printDone(answer, options, `${key}: ${past}`, terminal);
}

function addSwitchCommands(flow: Command, terminal: Terminal): void {
  const actions = [
    ["pause", "pause", "paused", "start no attempt under a key any more"],
    ["resume", "resume", "resumed", "go on with a paused key"],
    ["reset-rate", "resetRate", "rate reset", "begin a new period of the rate now"],
  ] as const;
  for (const [name, action, past, description] of actions) {
    const command = flow.command(name).description(description).argument("<key>");
    addJsonOption(command).action((key: string, options: JsonOption) =>
      change({ key, action, past }, options, terminal),
    );
  }
}

interface PinOptions extends JsonOption {
  readonly parallelism?: number;
  readonly rate?: number;
  readonly period?: number;
}

interface UnpinOptions extends JsonOption {
  readonly parallelism?: true;
  readonly rate?: true;
}

function addPinCommands(flow: Command, terminal: Terminal): void {
  const pin = flow
    .command("pin")
    .description("set limits of a key that messages can no longer change")
    .argument("<key>")
    .option("--parallelism <number>", "attempts in flight at once", parseCount)
    .option("--rate <number>", "attempts that start in one period", parseCount)
    .option("--period <duration>", "the period, such as 1m", parsePeriod);
  addJsonOption(pin).action((key: string, options: PinOptions) => {
    const query = (["parallelism", "rate", "period"] as const).flatMap((name) => {
      const value = options[name];
      return value === undefined ? [] : [[name, String(value)] as const];
    });
    if (query.length === 0) throw usageFault("give --parallelism, --rate or --period");
    return change({ key, action: "pin", query, past: "pinned" }, options, terminal);
  });
  const unpin = flow
    .command("unpin")
    .description("let messages change the limits of a key again; without a flag all of them")
    .argument("<key>")
    .option("--parallelism", "the parallelism")
    .option("--rate", "rate and period");
  addJsonOption(unpin).action((key: string, options: UnpinOptions) => {
    const isAll = options.parallelism === options.rate;
    const query: Query = [
      ["parallelism", String(isAll || options.parallelism === true)],
      ["rate", String(isAll || options.rate === true)],
    ];
    return change({ key, action: "unpin", query, past: "unpinned" }, options, terminal);
  });
}

/** Whole seconds, as the wire has it. */
function parsePeriod(text: string): number {
  try {
    const seconds = parseDurationMs(text, "the period") / 1000;
    if (Number.isInteger(seconds) && seconds >= 1) return seconds;
  } catch (error) {
    if (!isRepriseError(error)) throw error;
  }
  throw new InvalidArgumentError("It must be a duration of whole seconds, such as 30s or 1m.");
}

function formatFlowTable(flows: readonly FlowControlResource[]): string {
  const rows = flows.map((flow) => [
    oneLine(flow.flowControlKey),
    String(flow.waitListSize),
    parallelismOf(flow),
    rateOf(flow),
    flow.isPaused ? "yes" : "no",
  ]);
  return formatTable(["key", "waiting", "in flight", "rate", "paused"], rows);
}

function formatFlow(flow: FlowControlResource): string {
  return formatFields([
    ["key", oneLine(flow.flowControlKey)],
    ["waiting", String(flow.waitListSize)],
    ["in flight", parallelismOf(flow)],
    ["rate", rateOf(flow)],
    ["paused", flow.isPaused ? "yes" : "no"],
  ]);
}

function parallelismOf({
  parallelismCount,
  parallelismMax,
  isPinnedParallelism,
}: FlowControlResource): string {
  const limit = parallelismMax === 0 ? "" : ` of ${parallelismMax}`;
  return `${parallelismCount}${limit}${isPinnedParallelism ? " (pinned)" : ""}`;
}

function rateOf({ rateCount, rateMax, ratePeriod, isPinnedRate }: FlowControlResource): string {
  const limit = rateMax === 0 ? "-" : `${rateCount} of ${rateMax} in ${ratePeriod} s`;
  return `${limit}${isPinnedRate ? " (pinned)" : ""}`;
}

function formatTotal({ parallelismCount, parallelismMax }: GlobalParallelismResource): string {
  return `${parallelismCount} of ${parallelismMax} in flight`;
}
