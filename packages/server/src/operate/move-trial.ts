import { RepriseError } from "@reprise/protocol";
import { withoutSecrets } from "../store/postgres-url.ts";
import { type MovePlan, planMove } from "./move.ts";
import { MOVE_MARK } from "./move-mark.ts";
import { movedTables } from "./move-source.ts";
import { connectPostgres } from "./postgres-database.ts";

export interface MoveTrial extends MovePlan {
  readonly target: string;
  /** `empty`: ready for the move; `halfMoved`: an earlier move was interrupted there. */
  readonly state: "empty" | "halfMoved";
}

/**
 * Looks at both sides of a move and changes neither.
 * @throws RepriseError `invalid_request` for a target that cannot take it, `storage_unavailable` for one that cannot be reached.
 */
export async function tryMove(dataDir: string, databaseUrl: string): Promise<MoveTrial> {
  const plan = await planMove(dataDir);
  const target = withoutSecrets(databaseUrl);
  return { ...plan, target, state: await stateOf(databaseUrl, target) };
}

async function stateOf(databaseUrl: string, target: string): Promise<MoveTrial["state"]> {
  const client = await connectPostgres(databaseUrl);
  const ask = async (sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
    (await client.query(sql)).rows;
  try {
    const [rights] = await ask(
      "SELECT has_schema_privilege(current_schema(), 'CREATE') AS may, pg_is_in_recovery() AS reads",
    );
    if (rights?.reads === true) throw refuse(`${target} is a replica; name the primary`);
    if (rights?.may !== true) throw refuse(`the user of ${target} may not create tables there`);
    const found = await ask(
      `SELECT relname AS name FROM pg_class
       WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')`,
    );
    const names = new Set(found.map(({ name }) => String(name)));
    if (names.size === 0) return "empty";
    if (!names.has("settings") || !names.has("runs")) {
      throw refuse(`${target} has tables of another program; move into a new database`);
    }
    const marks = await ask(`SELECT 1 FROM settings WHERE name = '${MOVE_MARK}'`);
    if (marks.length > 0) return "halfMoved";
    for (const table of movedTables) {
      if ((await ask(`SELECT 1 FROM "${table}" LIMIT 1`)).length > 0) {
        throw refuse(
          `${target} is not empty: there are rows in ${table}; move into a new database`,
        );
      }
    }
    return "empty";
  } finally {
    await client.end();
  }
}

function refuse(message: string): RepriseError {
  return new RepriseError("invalid_request", { message });
}
