import type { Checker } from "../facts.ts";

/** The server's own limits hold for whatever is sent. */
export const ownLimits: Checker = {
  name: "never above the server's limits",
  promise: "never more connections are open than the operator allows, in all and to one origin",
  observe: ({ plan, sinks, violate, mark }) => {
    const { perOriginMax, parallelismMax } = plan.limits;
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
