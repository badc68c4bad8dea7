export { type Api, createApi } from "./api/app.ts";
export { createBulkRunner } from "./api/bulk-runner.ts";
export { ConnectedRegistry } from "./api/connected/registry.ts";
export type { ConnectedSocket } from "./api/connected/socket.ts";
export { createAnswerReader } from "./api/read-answer.ts";
export type { ApiRoom } from "./api/room.ts";
export { type LinesSubmission, submitLines } from "./api/submit-lines.ts";
export { devServerConfig, LIMITS, parseServerConfig, type ServerConfig } from "./config.ts";
export { type Cron, nextTick } from "./core/cron.ts";
export { parseCron } from "./core/cron-parse.ts";
export type { Outcome } from "./core/outcome.ts";
export type { Change, DeadLetterRow, MessageRow, RunRow, StepRow, Tables } from "./core/rows.ts";
export { type DescribedConfig, type DescribedSetting, describeConfig } from "./describe-config.ts";
export type { ConnectedApps, ConnectedDelivery } from "./engine/connected-apps.ts";
export { Engine } from "./engine/engine.ts";
export { DEFAULT_LIMITS } from "./engine/limits.ts";
export { NodeLease } from "./engine/node-lease.ts";
export { SharedClock, withSharedClock } from "./engine/shared-clock.ts";
export { Sweeper } from "./engine/sweeper.ts";
export { Watchdog } from "./engine/watchdog.ts";
export { EnvironmentReader } from "./environment-reader.ts";
export type { Host, OutgoingRequest, Timer } from "./host/host.ts";
export { type RunningServer, startServer } from "./main.ts";
export {
  type AuditOptions,
  type AuditProgress,
  type AuditReport,
  auditChecks,
  auditDatabase,
  type Finding,
} from "./operate/audit.ts";
export { type BackupReport, backupDatabase, type CopyProgress } from "./operate/backup.ts";
export type { DatabaseContents } from "./operate/contents.ts";
export type { DatabasePlace } from "./operate/database.ts";
export {
  type MovePlan,
  type MoveProgress,
  type MoveReport,
  moveDatabase,
  planMove,
} from "./operate/move.ts";
export { type MoveTrial, tryMove } from "./operate/move-trial.ts";
export { type RestoreReport, restoreDatabase } from "./operate/restore.ts";
export { type RotateDatabaseOptions, rotateDatabase } from "./rotate-encryption.ts";
export type { RotationReport } from "./store/encrypted-rotation.ts";
export { withLockCheck } from "./store/lock-check.ts";
export { passOnStore, passOnTransaction } from "./store/pass-on.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./store/sqlite.ts";
export type {
  Condition,
  DueTable,
  KeySpan,
  LookupValue,
  Query,
  Reader,
  Store,
  Transaction,
} from "./store/store.ts";
export { type LookupName, lockedTables, lookups, uniqueColumns } from "./store/tables.ts";
