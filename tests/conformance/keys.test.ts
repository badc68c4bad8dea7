// Signing keys: where clients find them, how they change, and the development identity.

import { DEV_IDENTITY, type SigningKeysResource } from "@reprise/protocol";
import { Client as QstashClient, Receiver } from "@upstash/qstash";
import { Client, serve } from "@upstash/workflow";
import { afterEach, expect, test } from "vitest";
import { sdkWords } from "./sdk.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

afterEach(() => {
  delete process.env.QSTASH_DEV;
  delete process.env.QSTASH_DEV_PORT;
});

async function keys(): Promise<SigningKeysResource> {
  const answer = await world.call("GET", "/v2/keys");
  return answer.json as SigningKeysResource; // The first test checks it.
}

async function rotate(): Promise<SigningKeysResource> {
  const answer = await world.call("POST", "/v2/keys/rotate");
  expect(answer.status).toBe(200);
  return answer.json as SigningKeysResource; // The second test checks it.
}

const receiverOf = ({ current, next }: SigningKeysResource): Receiver =>
  new Receiver({ currentSigningKey: current, nextSigningKey: next });

/** The newest delivery to a workflow that ends at once. */
async function deliver() {
  const url = world.serve("/order", async (context) => context.run("only", () => 1));
  await world.succeeded(await world.trigger({ url }));
  const last = world.app.at("/order").at(-1);
  return { signature: last?.headers["upstash-signature"] ?? "", body: last?.body ?? "", url };
}

test("a development server has the published keys", async () => {
  expect(await keys()).toEqual({
    current: DEV_IDENTITY.currentSigningKey,
    next: DEV_IDENTITY.nextSigningKey,
  });
  expect((await world.call("GET", "/v2/keys", { token: null })).status).toBe(401);
});

test("a signature has the claims that every receiver checks, and is good now and not for ever", async () => {
  const { signature, url, body } = await deliver();
  const [header = "", claims = ""] = signature.split(".");
  const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  expect(read(header)).toEqual({ alg: "HS256", typ: "JWT" });
  const { iss, sub, exp, nbf, iat, jti, body: hash } = read(claims);
  expect([iss, sub]).toEqual(["Upstash", url]);
  expect(jti).toMatch(/^jwt_/);
  expect(exp - iat).toBe(300);
  expect(nbf).toBeLessThanOrEqual(iat);
  const digest = await crypto.subtle.digest("SHA-256", Buffer.from(body));
  expect(hash.replace(/=+$/, "")).toBe(Buffer.from(digest).toString("base64url"));
});

test("a changed body, another URL and other keys are refused by the official receiver", async () => {
  const delivery = await deliver();
  const receiver = receiverOf(await keys());
  await expect(receiver.verify(delivery)).resolves.toBe(true);
  await expect(receiver.verify({ ...delivery, body: `${delivery.body} ` })).rejects.toThrow(
    /body hash/,
  );
  await expect(receiver.verify({ ...delivery, url: `${delivery.url}/x` })).rejects.toThrow(
    /subject/,
  );
  const strangers = receiverOf({ current: "sig_one", next: "sig_two" });
  await expect(strangers.verify(delivery)).rejects.toThrow(/signature/);
});

test("a rotation makes the next key the current one; receivers with the old pair accept it and one more does not", async () => {
  const old = await keys();
  const rotated = await rotate();
  expect(rotated.current).toBe(old.next);
  expect(rotated.next).toMatch(/^sig_/);
  expect(rotated.next).not.toBe(old.current);
  expect(await keys()).toEqual(rotated);
  const first = await deliver();
  await expect(receiverOf(old).verify(first)).resolves.toBe(true);
  await expect(receiverOf(rotated).verify(first)).resolves.toBe(true);
});

test("a client in development mode finds the running server by its port, and its runs are verified", async () => {
  // A client that does not recognise the server would try to download one.
  expect(await keys()).toEqual({
    current: DEV_IDENTITY.currentSigningKey,
    next: DEV_IDENTITY.nextSigningKey,
  });
  process.env.QSTASH_DEV = "true";
  process.env.QSTASH_DEV_PORT = String(world.server.port);
  const { handler } = serve(async (context) => context.run("only", () => "in development"));
  const url = world.app.on("/dev", (request) => handler(request));
  const { workflowRunId } = await new Client({}).trigger({ url });
  const run = await world.succeeded(workflowRunId);
  expect(run.workflowRunResponse).toBe('"in development"');
  const unsigned = await fetch(url, {
    method: "POST",
    headers: { "upstash-workflow-sdk-version": "1", "upstash-workflow-runid": "wfr_x" },
    body: "[]",
  });
  expect(unsigned.status).toBe(500);
  expect(await unsigned.text()).toContain(sdkWords.unverified);
});

test("the token may be in the query as well, and a client of plain messages uses the same one", async () => {
  const token = encodeURIComponent(world.server.token);
  const answer = await world.call("GET", `/v2/keys?qstash_token=${token}`, { token: null });
  expect(answer.status).toBe(200);
  const client = new QstashClient({ baseUrl: world.server.url, token: world.server.token });
  const direct = await client.http.request({ path: ["v2", "keys"], method: "GET" });
  expect(direct).toEqual(await keys());
});
