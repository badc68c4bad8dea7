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

export type ScriptName = keyof typeof SCRIPTS;

export const SCRIPT_NAMES = Object.keys(SCRIPTS) as readonly ScriptName[]; // The keys of the table.
