import type { Checker } from "../facts.ts";

/** The server's own limits hold for whatever is sent. */
export const ownLimits: Checker = {
  name: "never above the server's limits",
  promise: "never more connections are open than the operator allows, in all and to one origin",
  observe: ({ plan, sinks, nodes, violate, mark }) => {
    const timesNodes = (limit?: number) => (limit === undefined ? undefined : limit * nodes);
    const perOriginMax = timesNodes(plan.limits.perOriginMax);
    const parallelismMax = timesNodes(plan.limits.parallelismMax);
    return (fact) => {
      if (fact.kind !== "attempt") return;
      const { open } = sinks;
      const { origin } = new URL(fact.attempt.url);
      const count = open.filter(({ url }) => new URL(url).origin === origin).length;
      if (count === perOriginMax) mark("origin full");
      if (open.length === parallelismMax) mark("server full");
      if (perOriginMax !== undefined && count > perOriginMax) {
        violate(`${count} connections to ${origin} are open; ${perOriginMax} are allowed`);
      }
      if (parallelismMax !== undefined && open.length > parallelismMax) {
        violate(`${open.length} connections are open; ${parallelismMax} are allowed`);
      }
    };
  },
};
