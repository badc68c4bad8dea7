import { migrateExample } from "./migration.suite.ts";

migrateExample("hono", 2);
await import("../../examples/hono.test.ts");
