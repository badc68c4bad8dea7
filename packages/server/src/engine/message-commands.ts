import type { EndDelivery, PublishMessage, StartDelivery } from "../core/commands.ts";
import { decideCancelMessage, decideEndMessage, needsEnvelope } from "../core/end-message.ts";
import { type Envelope, parseEnvelope } from "../core/envelope.ts";
import { GateBook } from "../core/gate-book.ts";
import type { Gates } from "../core/gates.ts";
import { decidePublish, dedupIdOf, endpointsOf } from "../core/publish.ts";
import type { DedupRow, EnvelopeRow, MessageRow } from "../core/rows.ts";
import { decideReleaseMessage, decideStartMessage } from "../core/start-message.ts";
import type { Transition } from "../core/transition.ts";
import type { DecisionRoom } from "./decide.ts";
import type { Handlers } from "./handlers.ts";
import { hashBody } from "./signer.ts";
import type { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** Loads and asks for what concerns messages without a run. */

/** Keys of one accepted message: its own, that of its log row, its place in a line, its claim; and those of new gates. */
const KEYS_PER_MESSAGE = 4;
const KEYS_OF_GATES = 2;

/** An upper bound of the keys that are drawn when so many messages with the same gates are accepted. */
export function keysOfMessages(count: number): number {
  return KEYS_OF_GATES + KEYS_PER_MESSAGE * count;
}

export const messageHandlers: Handlers = {
  publish: {
    want(command, wants) {
      wantGates(command.envelope, wants);
      if (command.destination.kind === "urlGroup") {
        wants.named("urlGroups", command.destination.name);
      }
    },
    wantReferred(command, work, wants) {
      for (const id of dedupIds(command, work)) wants.named("dedups", id);
    },
    keysNeeded(command, work) {
      return keysOfMessages(endpointCount(command, work));
    },
    decide(command, { work, context }) {
      const { envelope, destination } = command;
      const isGroup = destination.kind === "urlGroup";
      const group = isGroup ? work.named("urlGroups", destination.name) : null;
      return decidePublish(
        { group, gates: bookOf(envelope, work), dedups: dedupsOf(command, work) },
        command,
        context,
      );
    },
  },
  cancelMessage: {
    want: () => {},
    wantReferred: wantNamedMessage,
    keysNeeded: () => 2,
    decide: (command, { work, context }) =>
      decideCancelMessage(commandState(command.messageKey, work), command, context),
  },
  releaseMessage: {
    want: () => {},
    wantReferred: wantNamedMessage,
    keysNeeded: () => 3,
    decide: (command, { work, context }) =>
      decideReleaseMessage(commandState(command.messageKey, work), command, context),
  },
};

function wantNamedMessage(
  command: { readonly messageKey: number },
  work: WorkingSet,
  wants: Wants,
): void {
  const message = work.get("messages", command.messageKey);
  if (message !== null) wantMessage(message, wants);
}

function commandState(messageKey: number, work: WorkingSet) {
  const message = work.get("messages", messageKey);
  const gates = message === null ? { queue: null, flow: null } : gatesOf(message, work);
  return { message, gates, sharers: message === null ? [] : sharersOf(message, work) };
}

/** The part of an envelope that names gates. */
type GateNames = Pick<Envelope, "queueName" | "flowControl">;

/** The queue and the flow control that an envelope names. */
export function wantGates(envelope: GateNames, wants: Wants): void {
  wants.named("queues", envelope.queueName);
  wants.named("flowControls", envelope.flowControl?.key);
}

/** The gates that an envelope names, for messages that are about to be accepted with it. */
export function bookOf(envelope: GateNames, work: WorkingSet): GateBook {
  const { queueName, flowControl } = envelope;
  const queue = queueName === undefined ? null : work.named("queues", queueName);
  const flow = flowControl === undefined ? null : work.named("flowControls", flowControl.key);
  return new GateBook(queue, [flow]);
}

export function endpointCount(
  { destination }: Pick<PublishMessage, "destination">,
  work: WorkingSet,
): number {
  if (destination.kind === "url") return 1;
  const group = work.named("urlGroups", destination.name);
  return group === null ? 0 : endpointsOf(group, { destination }).length;
}

function dedupIds(command: PublishMessage, work: WorkingSet): readonly string[] {
  const { destination, dedup } = command;
  if (dedup === null) return [];
  const group = destination.kind === "url" ? null : work.named("urlGroups", destination.name);
  if (destination.kind === "urlGroup" && group === null) return [];
  const ids = endpointsOf(group, command).map(({ url }) => dedupIdOf(command, url, hashBody));
  return ids.filter((id) => id !== null);
}

function dedupsOf(command: PublishMessage, work: WorkingSet): ReadonlyMap<string, DedupRow> {
  const dedups = new Map<string, DedupRow>();
  for (const id of dedupIds(command, work)) {
    const dedup = work.named("dedups", id);
    if (dedup !== null) dedups.set(id, dedup);
  }
  return dedups;
}

/** What every decision about an open message needs: its gates, and who shares its place. */
export function wantMessage(message: MessageRow, wants: Wants): void {
  wants.named("queues", message.queueName);
  wants.named("flowControls", message.flowControlKey);
  if (message.ticketKey !== null) wants.tickets.add(message.ticketKey);
}

/** The same, and for outcomes that somebody hears of the envelope, with what its callbacks name. */
export function wantMessageEnd(message: MessageRow, command: EndDelivery, wants: Wants): void {
  wantMessage(message, wants);
  if (needsEnvelope(message, command)) wants.envelopes.add(message.key);
}

/** The flow controls of the callbacks of a message whose envelope has been loaded. */
export function wantCallbackFlows(message: MessageRow, work: WorkingSet, wants: Wants): void {
  if (message.hasCallback === 0) return;
  const row = work.peek("envelopes", message.key);
  if (row === null) return;
  for (const key of callbackFlowKeys(parseEnvelope(row.config))) wants.named("flowControls", key);
}

function callbackFlowKeys({ callback, failureCallback }: Envelope): readonly string[] {
  const keys = [callback?.flowControl?.key, failureCallback?.flowControl?.key];
  return keys.filter((key) => key !== undefined);
}

function gatesOf(message: MessageRow, work: WorkingSet): Gates {
  const { queueName, flowControlKey } = message;
  return {
    queue: queueName === null ? null : work.named("queues", queueName),
    flow: flowControlKey === null ? null : work.named("flowControls", flowControlKey),
  };
}

function sharersOf(message: MessageRow, work: WorkingSet): readonly MessageRow[] {
  return message.ticketKey === null ? [] : work.sharers(message.ticketKey);
}

export function startMessage(
  message: MessageRow,
  command: StartDelivery,
  { work, context }: DecisionRoom,
): Transition<null> {
  const state = { message, gates: gatesOf(message, work), sharers: sharersOf(message, work) };
  return decideStartMessage(state, command, context);
}

export function endMessage(
  message: MessageRow,
  command: EndDelivery,
  { work, context }: DecisionRoom,
): Transition<null> {
  const envelopeRow: EnvelopeRow | null = needsEnvelope(message, command)
    ? work.get("envelopes", message.key)
    : null;
  const envelope = envelopeRow === null ? null : parseEnvelope(envelopeRow.config);
  const keys = envelope === null ? [] : callbackFlowKeys(envelope);
  return decideEndMessage(
    {
      message,
      envelopeRow,
      envelope,
      gates: gatesOf(message, work),
      sharers: sharersOf(message, work),
      callbackFlows: keys.map((key) => work.named("flowControls", key)),
    },
    command,
    context,
  );
}
