import type { Handler } from "../conformance/app.ts";
import type { World } from "../conformance/world.ts";

/** An endpoint that always answers so. */
export function failing(
  status: number,
  headers: Readonly<Record<string, string>>,
  body = "no",
): Handler {
  return () => new Response(body, { status, headers });
}

/** A workflow with one step that always throws. */
export function serveBroken(world: World, path: string): string {
  return world.serve(path, async (context) => {
    await context.run("broken", () => {
      throw new Error("database is down");
    });
  });
}
