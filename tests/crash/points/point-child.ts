import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { devServerConfig, type Store, startServer } from "@reprise/server";
import type { Listening } from "../server-process.ts";
import { type PointMutant, plantPoint } from "./point-mutants.ts";
import { isAt, type Point, pointName, type Target, withPoints } from "./point-store.ts";

export type ToChild =
  | { readonly type: "open"; readonly dataDir: string; readonly port: number }
  /** From now on points are counted, and at this one the process dies. Null: it lives. */
  | { readonly type: "arm"; readonly at: Target | null }
  /** Asks for the points since then. */
  | { readonly type: "report" }
  | { readonly type: "stop" };

export type FromChild =
  | ({ readonly type: "listening" } & Listening)
  | { readonly type: "armed" }
  | { readonly type: "points"; readonly names: readonly string[] };

/** Where a process writes down at which point it dies. */
export const POINT_FILE = "point.txt";

/** The server process that dies at a point. It is loaded ahead and opens the store when it is told to. */
export function serveUntilPoint(mutant: PointMutant | null): void {
  const send = (message: FromChild) => process.send?.(message);
  let points: string[] | null = null;
  let last: Target | null = null;
  let dataDir = "";
  const pass = (point: Point) => {
    if (points === null) return;
    const name = pointName(point);
    points.push(name);
    if (!isAt(last, name, points.length)) return;
    writeFileSync(join(dataDir, POINT_FILE), name);
    // Nothing of this process runs behind this line.
    process.kill(process.pid, "SIGKILL");
  };
  const open = async (order: ToChild & { readonly type: "open" }) => {
    dataDir = order.dataDir;
    const config = devServerConfig({ dataDir, port: order.port, logLevel: "error" });
    const wrapStore = (store: Store) => {
      const pointed = withPoints(store, pass);
      return mutant === null ? pointed : plantPoint(mutant, pointed);
    };
    const { url, port, token, close } = await startServer(config, { wrapStore });
    process.on("message", (message) => {
      const next = message as ToChild; // The parent is this very program.
      if (next.type === "stop") void close().then(() => process.exit());
      if (next.type === "report") send({ type: "points", names: points ?? [] });
      if (next.type !== "arm") return;
      points = [];
      last = next.at;
      send({ type: "armed" });
    });
    send({ type: "listening", url, port, token });
  };
  process.on("disconnect", () => process.exit(1));
  process.once("message", (message) => {
    const order = message as ToChild; // As above.
    if (order.type !== "open") process.exit();
    open(order).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
}
