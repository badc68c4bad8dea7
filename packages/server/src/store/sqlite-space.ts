import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SpaceUse } from "./store.ts";

/** Pages that one step moves from the end of the file: they are copied, and commits wait for it. */
const STEP_PAGES = 64;

/**
 * What a database takes on the disk, and the steps that make its file shorter. A database that was made without `auto_vacuum` knows no
 * such steps: it uses its free pages again, and its file stays as long as it ever was.
 */
export class SqliteSpace {
  readonly #pageBytes: StatementSync;
  readonly #pages: StatementSync;
  readonly #freePages: StatementSync;
  readonly #vacuum: StatementSync;

  constructor(database: DatabaseSync) {
    this.#pageBytes = database.prepare("PRAGMA page_size");
    this.#pages = database.prepare("PRAGMA page_count");
    this.#freePages = database.prepare("PRAGMA freelist_count");
    this.#vacuum = database.prepare(`PRAGMA incremental_vacuum(${STEP_PAGES})`);
  }

  use(): SpaceUse {
    const pageBytes = Number(this.#pageBytes.get()?.page_size);
    const pages = Number(this.#pages.get()?.page_count);
    const freePages = Number(this.#freePages.get()?.freelist_count);
    return { bytesUsed: (pages - freePages) * pageBytes, bytesFree: freePages * pageBytes };
  }

  /** Within a transaction. */
  release(): void {
    // It goes on only as long as somebody takes its rows.
    this.#vacuum.all();
  }
}
