import {
  decidePauseFlowControl,
  decidePinFlowControl,
  decideResetFlowControlRate,
  decideResumeFlowControl,
  decideUnpinFlowControl,
} from "../core/change-flow-control.ts";
import type { Handlers } from "./handlers.ts";
import type { Wants } from "./wants.ts";

/** Loads and asks for what an operator does to keys of flow control. */
export const flowControlHandlers: Handlers = {
  pauseFlowControl: {
    want: wantKey,
    keysNeeded: () => 1,
    decide: (command, { work, context }) =>
      decidePauseFlowControl(work.named("flowControls", command.key), command, context),
  },
  resumeFlowControl: {
    want: wantKey,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decideResumeFlowControl(work.named("flowControls", command.key), command, context),
  },
  pinFlowControl: {
    want: wantKey,
    keysNeeded: () => 1,
    decide: (command, { work, context }) =>
      decidePinFlowControl(work.named("flowControls", command.key), command, context),
  },
  unpinFlowControl: {
    want: wantKey,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decideUnpinFlowControl(work.named("flowControls", command.key), command, context),
  },
  resetFlowControlRate: {
    want: wantKey,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decideResetFlowControlRate(work.named("flowControls", command.key), command, context),
  },
};

function wantKey({ key }: { readonly key: string }, wants: Wants): void {
  wants.named("flowControls", key);
}
