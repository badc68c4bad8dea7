import { migrateExample } from "./migration.suite.ts";

migrateExample("failed-run", 3);
await import("../../examples/failed-run.test.ts");
