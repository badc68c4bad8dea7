import { migrateExample } from "./migration.suite.ts";

migrateExample("nextjs", 3);
await import("../../examples/nextjs.test.ts");
