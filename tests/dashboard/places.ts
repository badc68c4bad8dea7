import type { ShopRuns } from "./fill-shop.ts";

/** Every page, with the run that is worth a look: addresses behind `#`, by name. */
export function placesOf({
  failed,
  tunnelled,
  succeeded,
  waiting,
  sleeping,
  parent,
  message,
}: ShopRuns): Readonly<Record<string, string>> {
  return {
    overview: "/",
    runs: "/runs",
    "run-failed": `/runs/${failed}`,
    "run-tunnelled": `/runs/${tunnelled}`,
    "run-succeeded": `/runs/${succeeded}`,
    "run-waiting": `/runs/${waiting}`,
    "run-sleeping": `/runs/${sleeping}`,
    "run-parent": `/runs/${parent}`,
    "run-payload": `/runs/${succeeded}?tab=payload`,
    "run-function": `/runs/${failed}?tab=failure`,
    "run-events": `/runs/${failed}?tab=events`,
    "run-unknown": "/runs/wfr_nobody",
    failures: "/failures",
    "failures-messages": "/failures?kind=messages",
    "failure-entries": "/failures/entries",
    "failure-entries-messages": "/failures/entries?kind=messages",
    messages: "/messages",
    message: `/messages/${message}`,
    logs: "/logs",
    queues: "/queues",
    schedules: "/schedules",
    "url-groups": "/url-groups",
    "flow-control": "/flow-control",
    waiters: "/waiters",
    "bulk-actions": "/bulk-actions",
    keys: "/keys",
    settings: "/settings",
    audit: "/audit",
    playground: "/playground",
  };
}
