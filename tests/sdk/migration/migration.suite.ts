import { afterAll, expect, test } from "vitest";
import { migrate } from "./migrate.ts";

/**
 * Moves an example to our SDK, and checks its types. The tests of the example that are loaded after this run against the copy.
 * @param files that import the official SDK.
 */
export function migrateExample(name: string, files: number): void {
  const { home, changes, checkTypes, remove } = migrate(name);
  process.env.REPRISE_EXAMPLES = home;
  afterAll(remove);

  test("imports are all that changes, and the types hold", () => {
    expect(Object.keys(changes)).toHaveLength(files);
    checkTypes();
  });
}
