import type { Redaction } from "@reprise/protocol";
import {
  type Effective,
  effectiveConfig,
  emptyMessageConfig,
  type MessageConfig,
  parseMessageConfig,
  parseRunConfig,
  type RunConfig,
} from "../../core/run-config.ts";
import { parseWaitConfig, type WaitConfig } from "../../core/wait.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
import type { Lens } from "./content.ts";

/** What a run and its messages were started with, as far as it can be read: views never fail on an odd row. */

export function readRunConfig(json: string | undefined): RunConfig | null {
  if (json === undefined) return null;
  try {
    return parseRunConfig(json);
  } catch {
    return null; // The view shows what can be read.
  }
}

export function readMessageConfig(json: string | null): MessageConfig {
  try {
    return parseMessageConfig(json);
  } catch {
    return emptyMessageConfig; // As above.
  }
}

/** What a wait was registered with; null when it cannot be read. */
export function readWaitConfig(wait: Pick<WaitRow, "config">): WaitConfig | null {
  try {
    return parseWaitConfig(wait);
  } catch {
    return null; // As above.
  }
}

/** The settings that hold for one message; null when the run's cannot be read. */
export function settingsOf(run: RunConfig | null, message: MessageConfig): Effective | null {
  // Limits of attempts are not shown, so any default will do.
  return run === null ? null : effectiveConfig(run, message, 0);
}

/** A run whose settings cannot be read may have asked for anything, so everything is hidden. */
const ALL_HIDDEN: Redaction = { isBodyRedacted: true, headers: "all" };

export function lensOf(run: RunConfig | null, bodyBytesMax: number | null): Lens {
  return { redaction: run === null ? ALL_HIDDEN : (run.redaction ?? null), bodyBytesMax };
}
