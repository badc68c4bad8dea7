import { openTestStore } from "./postgres-databases.suite.ts";
import { storeSuite } from "./store.suite.ts";

storeSuite("postgres", () => openTestStore());
