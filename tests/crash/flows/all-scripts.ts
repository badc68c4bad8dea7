import { FAST_SCRIPTS } from "./fast-scripts.ts";
import {
  cancelOpen,
  deleteOpen,
  failOpen,
  restartOpen,
  resumeAnswered,
  resumeOpen,
} from "./revive-scripts.ts";
import {
  call,
  failure,
  invoke,
  invokeCanceled,
  invokeFailing,
  notifyAll,
  notifyEarly,
  notifyOne,
  nudge,
  type Script,
  timeOut,
  webhook,
} from "./scripts.ts";

export const SCRIPTS = {
  invoke,
  invokeFailing,
  invokeCanceled,
  notifyAll,
  notifyOne,
  notifyEarly,
  webhook,
  timeOut,
  call,
  failure,
  nudge,
  resumeOpen,
  resumeAnswered,
  restartOpen,
  deleteOpen,
  cancelOpen,
  failOpen,
} as const satisfies Readonly<Record<string, Script>>;

/** Those that need the app to themselves, and are played at crash points only. */
export const POINT_SCRIPTS = { ...SCRIPTS, ...FAST_SCRIPTS } as const;

export type ScriptName = keyof typeof SCRIPTS;
export type PointScriptName = keyof typeof POINT_SCRIPTS;

// The keys of the table.
export const POINT_SCRIPT_NAMES = Object.keys(POINT_SCRIPTS) as readonly PointScriptName[];

export const SCRIPT_NAMES = Object.keys(SCRIPTS) as readonly ScriptName[]; // The keys of the table.
