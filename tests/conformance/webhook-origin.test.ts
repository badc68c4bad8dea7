// The URL that a webhook reports is the one that its caller has used: directly, through a tunnel, or behind a proxy.

import { describe, expect, test } from "vitest";
import { sendRaw } from "./raw-http.ts";
import { resultOf, waiting } from "./surface.ts";
import { until } from "./until.ts";
import { useWorld, type World } from "./world.ts";

/** A run that reports under which URL its webhook was called. */
async function startReporter(world: World) {
  const made: string[] = [];
  const url = world.serve("/flow", async (context) => {
    const webhook = await context.createWebhook("make");
    await context.run("note", () => made.push(webhook.webhookUrl));
    return (await context.waitForWebhook("wait", webhook, "1h")).request?.url;
  });
  const runId = await world.trigger({ url });
  const { pathname } = new URL(await until("a webhook", () => made[0]));
  await waiting(world, pathname.split("/").at(-1) ?? "");
  return { runId, path: pathname };
}

/** Calls the webhook over a connection to the server with these headers, and gives the URL that the run has seen. */
async function reported(world: World, headers: Readonly<Record<string, string>>) {
  const { runId, path } = await startReporter(world);
  const all = Object.entries({ connection: "close", "content-length": "2", ...headers });
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const text = `POST ${path}?x=1 HTTP/1.1\r\n${head}\r\nhi`;
  const { status } = await sendRaw(world.server.port, text);
  expect(status).toBe(200);
  const url = resultOf(await world.succeeded(runId));
  return String(url).replace(path, "/hook");
}

const behindProxy = {
  host: "10.0.0.7:8080",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "hooks.example.com",
};

describe("without settings", () => {
  const world = useWorld();

  test("through a tunnel to a development server: the host that the tunnel has passed on", async () => {
    const url = await reported(world, { host: "abc.tunnel.example" });
    expect(url).toBe("http://abc.tunnel.example/hook?x=1");
  });

  test("a stranger's word about the host is not taken", async () => {
    expect(await reported(world, behindProxy)).toBe("http://10.0.0.7:8080/hook?x=1");
  });

  test("only webhooks answer under a foreign host on a development server", async () => {
    const { runId } = await startReporter(world);
    const text = `GET /v2/workflows/logs?workflowRunId=${runId} HTTP/1.1\r\nhost: abc.tunnel.example\r\nauthorization: Bearer ${world.token}\r\nconnection: close\r\n\r\n`;
    expect((await sendRaw(world.server.port, text)).status).toBe(403);
  });
});

describe("with a trusted proxy", () => {
  const world = useWorld({ config: { trustedProxies: ["127.0.0.1"] } });

  test("scheme and host are those that the proxy names", async () => {
    expect(await reported(world, behindProxy)).toBe("https://hooks.example.com/hook?x=1");
  });

  test("of several proxies the first one has met the caller", async () => {
    const headers = {
      ...behindProxy,
      "x-forwarded-proto": "https, http",
      "x-forwarded-host": "hooks.example.com, inner.example.com",
    };
    expect(await reported(world, headers)).toBe("https://hooks.example.com/hook?x=1");
  });

  test("a proxy that names nothing passes the host on", async () => {
    expect(await reported(world, { host: "hooks.example.com" })).toBe(
      "http://hooks.example.com/hook?x=1",
    );
  });
});

describe("with a public URL", () => {
  const world = useWorld({ config: { publicUrl: "https://public.example.com:8443" } });

  test("it is what every webhook reports", async () => {
    const url = "https://public.example.com:8443/hook?x=1";
    expect(await reported(world, behindProxy)).toBe(url);
    expect(await reported(world, { host: "other.example.com" })).toBe(url);
  });
});
