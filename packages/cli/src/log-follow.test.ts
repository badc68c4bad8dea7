import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { devServerConfig, startServer } from "@reprise/server";
import { expect, test } from "vitest";
import { runCommand, until } from "./failing-app.test.fixture.ts";

/** Refuses as a server does whose storage is not open yet, until it has been asked so often. */
async function refuse(port: number, count: number): Promise<void> {
  let asked = 0;
  const body = JSON.stringify({ error: "the server is starting", code: "storage_unavailable" });
  const server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(503, { "content-type": "application/json" }).end(body);
  });
  await once(server.listen(port, "127.0.0.1"), "listening");
  await until("the refusals", () => (asked >= count ? true : null));
  server.closeAllConnections();
  await once(server.close(), "close");
}

test("following goes on when the server was away, and repeats nothing", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "reprise-cli-"));
  const config = { ...devServerConfig({ port: 0, dataDir, logLevel: "error" }), drainMs: 1_000 };
  const first = await startServer(config);
  const env = { QSTASH_URL: first.url, QSTASH_TOKEN: first.token };
  // Nothing listens there; the delay keeps the messages where they are.
  const publish = () => runCommand(["publish", "http://127.0.0.1:9/", "--delay", "1h"], { env });
  await publish();
  let out = "";
  let err = "";
  let stop = (_name: string): void => {};
  const ended = runCommand(["logs", "--follow"], {
    env,
    onOutput: (part) => {
      out += part;
    },
    onRemark: (part) => {
      err += part;
    },
    onListen: (listener) => {
      stop = listener;
    },
  });
  const count = () => out.split("\n").length - 1;
  await until("the first line", () => (count() === 1 ? true : null));
  await publish();
  await until("the second line", () => (count() === 2 ? true : null));
  await first.close();
  await until("the remark", () => (err.includes("does not answer") ? true : null));
  const port = Number(new URL(first.url).port);
  await refuse(port, 2);
  const second = await startServer({ ...config, port });
  await publish();
  await until("the third line", () => (count() === 3 ? true : null));
  stop("SIGINT");
  const outcome = await ended;
  expect(outcome.exitCode).toBe(0);
  expect(outcome.err).toBe("the server does not answer; trying again until Ctrl-C ...\n");
  expect(new Set(out.trimEnd().split("\n")).size).toBe(3);
  await second.close();
  rmSync(dataDir, { recursive: true, force: true });
});

test("a server that is not there from the start is a failure", async () => {
  const env = { QSTASH_URL: "http://127.0.0.1:9/" };
  const { exitCode, err } = await runCommand(["logs", "--follow"], { env });
  expect(exitCode).toBe(1);
  expect(err).toMatch(/^reprise: no server answers at /);
});
