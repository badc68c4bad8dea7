import { afterAll, expect, test, vi } from "vitest";
import { migrate } from "./migrate.ts";

// Compilers have the processor to themselves for a while: where others want it too, they take many times as long.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

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
