import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from "@tanstack/react-router";
import { Gate } from "./shell/gate.tsx";
import { NotFound, PageError } from "./shell/page-error.tsx";

/** The search of every page: texts by name, as typed; each page reads what it knows. */
export type Search = Readonly<Record<string, string>>;

function readSearch(raw: Record<string, unknown>): Search {
  return Object.fromEntries(
    Object.entries(raw)
      .filter(([, value]) => value !== undefined && value !== null && value !== "")
      .map(([name, value]) => [name, String(value)]),
  );
}

const root = createRootRoute({
  component: Gate,
  validateSearch: readSearch,
  notFoundComponent: NotFound,
  errorComponent: PageError,
});

const page = <P extends string>(path: P, load: () => Promise<Record<string, unknown>>) =>
  createRoute({
    getParentRoute: () => root,
    path,
    // Every page exports its component as `Page`.
    component: lazyRouteComponent(load as () => Promise<{ Page: () => React.ReactNode }>, "Page"),
  });

const routes = [
  page("/", () => import("./pages/overview/page.tsx")),
  page("/runs", () => import("./pages/runs/page.tsx")),
  page("/runs/$runId", () => import("./pages/run/page.tsx")),
  page("/failures", () => import("./pages/failures/page.tsx")),
  page("/failures/entries", () => import("./pages/failure-entries/page.tsx")),
  page("/messages", () => import("./pages/messages/page.tsx")),
  page("/messages/$messageId", () => import("./pages/message/page.tsx")),
  page("/logs", () => import("./pages/logs/page.tsx")),
  page("/bulk-actions", () => import("./pages/bulk-actions/page.tsx")),
  page("/queues", () => import("./pages/queues/page.tsx")),
  page("/schedules", () => import("./pages/schedules/page.tsx")),
  page("/url-groups", () => import("./pages/url-groups/page.tsx")),
  page("/flow-control", () => import("./pages/flow-control/page.tsx")),
  page("/waiters", () => import("./pages/waiters/page.tsx")),
  page("/keys", () => import("./pages/keys/page.tsx")),
  page("/settings", () => import("./pages/settings/page.tsx")),
  page("/audit", () => import("./pages/audit/page.tsx")),
  page("/playground", () => import("./pages/playground/page.tsx")),
];

/** `a=1&b=two` and no JSON in between, so that people can type addresses. */
const parseSearch = (text: string): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(text));
const stringifySearch = (search: Record<string, unknown>): string => {
  const text = new URLSearchParams(readSearch(search)).toString();
  return text === "" ? "" : `?${text}`;
};

export const router = createRouter({
  routeTree: root.addChildren(routes),
  history: createHashHistory(),
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
