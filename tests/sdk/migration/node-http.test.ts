import { migrateExample } from "./migration.suite.ts";

migrateExample("node-http", 3);
await import("../../examples/node-http.test.ts");
