import type { Counters } from "../conformance/counters.ts";
import type { World } from "../conformance/world.ts";

/** Two steps and a failure function; `charge` and `mailer` fail as long as they are broken. */
export function serveAlarmed(world: World, path: string, counters: Counters): string {
  return world.serve(
    path,
    async (context) => {
      await context.run("first", counters.step("first", 1));
      await context.run("charge", counters.step("charge", 2));
    },
    { failureFunction: () => counters.step("mailer", "mailed")() },
  );
}
