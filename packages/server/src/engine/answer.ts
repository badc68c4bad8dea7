import { isRepriseError } from "@reprise/protocol";
import type { Command, EndDelivery } from "../core/commands.ts";
import { isOffered } from "../core/delivery.ts";
import { isAnswer, type ResponseOutcome } from "../core/outcome.ts";
import type { Delivery } from "./dispatcher.ts";
import { admitted, type EngineOptions } from "./engine-options.ts";

/** What an app submits with its answer to a delivery. See docs/fast-modes.md#answered. */
export interface Answer {
  /** The end of the attempt is the last of them. */
  readonly commands: readonly Command[];
  /** The end of the attempt when they are refused. */
  readonly refused: (error: unknown) => EndDelivery;
}

const NO_BYTES = new Uint8Array();

/** Null when the answer submits nothing. */
export function toAnswer(
  command: EndDelivery,
  delivery: Delivery,
  options: Pick<EngineOptions, "readAnswer" | "admit" | "tracing">,
): Answer | null {
  const { outcome } = command;
  const { readAnswer } = options;
  if (readAnswer === undefined || delivery.kind !== "run") return null;
  if (outcome.type === "error" || outcome.body.byteLength === 0) return null;
  if (!isOffered(delivery.message) || !isAnswer(outcome)) return null;
  // What the answer says stands in the records.
  const silent = { ...outcome, body: NO_BYTES };
  const refused = (error: unknown) => refuse({ ...command, outcome: silent }, silent, error);
  try {
    const commands = admitted(readAnswer(delivery, outcome), options);
    return { commands: [...commands, { ...command, outcome: silent }], refused };
  } catch (error) {
    return { commands: [refused(error)], refused };
  }
}

/**
 * An answer to a run that has ended changes nothing. Whatever else is refused would be refused again, so the attempt fails without a
 * retry, as if the app had said what the refusal says. A fault of ours, or of the disk, is retried.
 */
function refuse(command: EndDelivery, outcome: ResponseOutcome, error: unknown): EndDelivery {
  if (!isRepriseError(error) || error.status === 429 || error.status >= 500) {
    const text = error instanceof Error ? error.message : String(error);
    const message = `the answer could not be taken in: ${text}`;
    return { ...command, outcome: { type: "error", cause: "unknown", message } };
  }
  if (error.code === "run_ended") return command;
  const body = new TextEncoder().encode(
    JSON.stringify({ error: error.code, message: error.message }),
  );
  return { ...command, outcome: { ...outcome, refusal: error.message, body } };
}
