import type { Checker } from "../facts.ts";
import { exactPrefix } from "./exact-prefix.ts";
import { joinOnce } from "./join-once.ts";
import { noStuckRun } from "./no-stuck-run.ts";
import { oneResult } from "./one-result.ts";

/** Every promise that each world is held to. */
export const allCheckers: readonly Checker[] = [oneResult, exactPrefix, joinOnce, noStuckRun];
