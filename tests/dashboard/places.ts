import type { ShopRuns } from "./fill-shop.ts";

/** Every page, with the run that is worth a look: addresses behind `#`, by name. */
export function placesOf({
  failed,
  tunnelled,
  succeeded,
  waiting,
  sleeping,
  parent,
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
    failures: "/failures",
    "failure-entries": "/failures/entries",
    messages: "/messages",
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
