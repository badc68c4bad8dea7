import { migrateExample } from "./migration.suite.ts";

migrateExample("express", 3);
await import("../../examples/express.test.ts");
