import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DashboardFile, DashboardFiles } from "./api/room.ts";

/** The built dashboard, beside the code of this package; git does not keep it. */
export const DASHBOARD_DIR = fileURLToPath(new URL("../dashboard/", import.meta.url));

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

const ENCODINGS = [
  [".br", "br"],
  [".gz", "gzip"],
] as const;

/**
 * The files of a directory, read when they are first asked for and then kept: a path of a request never becomes a path of the disk.
 * A directory without a page is looked at again, so that it can be built while the server runs.
 */
export function openDashboard(directory: string): DashboardFiles {
  let files: ReadonlyMap<string, DashboardFile> = new Map();
  return {
    find: (path) => {
      if (!files.has("index.html")) files = readFiles(directory);
      return files.get(path) ?? null;
    },
  };
}

function readFiles(directory: string): ReadonlyMap<string, DashboardFile> {
  const bytes = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of listNames(directory)) bytes.set(name, read(join(directory, name)));
  for (const name of listNames(join(directory, "assets"))) {
    bytes.set(`assets/${name}`, read(join(directory, "assets", name)));
  }
  const files = new Map<string, DashboardFile>();
  for (const [name, body] of bytes) {
    const encoded = ENCODINGS.flatMap(([extension, encoding]) => {
      const found = bytes.get(name + extension);
      return found === undefined ? [] : [{ encoding, body: found }];
    });
    const contentType = CONTENT_TYPES[extname(name)] ?? "application/octet-stream";
    const digest = hash("sha256", body, "base64url").slice(0, 22);
    files.set(name, { body, encoded, contentType, digest });
  }
  return files;
}

const read = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(path));

/** Plain files only: a link could lead anywhere. */
function listNames(directory: string): readonly string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
