import {
  decideDeleteUrlGroup,
  decideRemoveEndpoints,
  decideSetEndpoints,
  decideSetUrlGroupHeaders,
} from "../core/url-group.ts";
import type { Handlers } from "./handlers.ts";
import type { Wants } from "./wants.ts";

/** Loads and asks for what concerns URL groups. */
export const urlGroupHandlers: Handlers = {
  setEndpoints: {
    want: wantGroup,
    keysNeeded: () => 1,
    decide: (command, { work, context }) =>
      decideSetEndpoints(work.named("urlGroups", command.name), command, context),
  },
  removeEndpoints: {
    want: wantGroup,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decideRemoveEndpoints(work.named("urlGroups", command.name), command, context),
  },
  deleteUrlGroup: {
    want: wantGroup,
    keysNeeded: () => 0,
    decide: (command, { work }) =>
      decideDeleteUrlGroup(work.named("urlGroups", command.name), command),
  },
  setUrlGroupHeaders: {
    want: wantGroup,
    keysNeeded: () => 0,
    decide: (command, { work, context }) =>
      decideSetUrlGroupHeaders(work.named("urlGroups", command.name), command, context),
  },
};

function wantGroup({ name }: { readonly name: string }, wants: Wants): void {
  wants.named("urlGroups", name);
}
