// What `reprise explain` tells: who it is, where it stands, where it came from and went to, and everything that happened, in order.

import { formatMs } from "./instant.ts";
import { formatFields, indent, oneLine, plain } from "./text.ts";

export type Fact = readonly [name: string, value: string | undefined];

/** Facts that have a value, by name. */
export function factsOf(facts: readonly Fact[]): Readonly<Record<string, string>> {
  const given: Record<string, string> = {};
  for (const [name, value] of facts) if (value !== undefined && value !== "") given[name] = value;
  return given;
}

export interface Explanation {
  readonly kind: "message" | "run";
  readonly id: string;
  readonly state: string;
  /** What it waits for now, in one sentence; null when it waits for nothing. */
  readonly waitingFor: string | null;
  readonly facts: Readonly<Record<string, string>>;
  readonly links: readonly Link[];
  readonly moments: readonly Moment[];
  /** The log has more than was read. */
  readonly isCut: boolean;
}

/** Something that it came from, belongs to, or has led to. */
export interface Link {
  readonly relation: string;
  readonly id: string;
  readonly detail?: string;
  /** The command that shows more of it, without `reprise`. */
  readonly command?: string;
}

export interface Moment {
  /** Epoch ms. */
  readonly at: number;
  readonly what: string;
  /** From 1, of moments that an attempt is about. */
  readonly attempt?: number;
  /** How long the attempt took that ended here. */
  readonly tookMs?: number;
  /** What the server decided, and why. */
  readonly next?: string;
}

export function formatExplanation(explanation: Explanation): string {
  const { kind, id, state, waitingFor, facts, links, moments, isCut } = explanation;
  const head = formatFields([
    [kind, id],
    ["state", state],
    ["waiting for", waitingFor === null ? undefined : oneLine(waitingFor, 2000)],
    ...Object.entries(facts),
  ]);
  const connected = links.map(({ relation, id: name, detail, command }) => {
    const more = command === undefined ? "" : `  (reprise ${command})`;
    return [
      relation,
      `${oneLine(name)}${detail === undefined ? "" : `  ${oneLine(detail, 500)}`}${more}`,
    ] as const;
  });
  return [
    plain(head),
    ...(connected.length === 0 ? [] : [`connected with\n${indent(formatFields(connected))}`]),
    `what happened${isCut ? " (the newest part)" : ""}\n${indent(formatMoments(moments))}`,
  ].join("\n\n");
}

function formatMoments(moments: readonly Moment[]): string {
  const lines = moments.map(({ at, what, tookMs, next }) => {
    const took = tookMs === undefined ? "" : `, after ${formatMs(tookMs)}`;
    const line = `${new Date(at).toISOString().replace("T", " ")}  ${oneLine(what, 1000)}${took}`;
    return next === undefined ? line : `${line}\n${" ".repeat(MARGIN)}so: ${oneLine(next, 1000)}`;
  });
  return lines.join("\n");
}

/** Below the text behind an instant. */
const MARGIN = "2026-01-31 10:00:00.000Z  ".length;
