export { type Api, createApi } from "./api/app.ts";
export { devServerConfig, LIMITS, parseServerConfig, type ServerConfig } from "./config.ts";
export type { Outcome } from "./core/outcome.ts";
export type { Change, DeadLetterRow, MessageRow, RunRow, StepRow, Tables } from "./core/rows.ts";
export { Engine } from "./engine/engine.ts";
export type { Host, OutgoingRequest, Timer } from "./host/host.ts";
export { type RunningServer, startServer } from "./main.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./store/sqlite.ts";
export type { Reader, Store, Transaction } from "./store/store.ts";
