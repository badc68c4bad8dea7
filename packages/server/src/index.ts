export { devServerConfig, parseServerConfig, type ServerConfig } from "./config.ts";
export { type RunningServer, startServer } from "./main.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./store/sqlite.ts";
export type { Reader, Store, Transaction } from "./store/store.ts";
