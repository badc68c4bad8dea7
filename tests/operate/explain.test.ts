import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";
import { until } from "../conformance/until.ts";
import { deadLettersOf, fill } from "./busy-work.ts";
import { BusyWorld } from "./busy-world.ts";
import { type Outcome, runCli } from "./cli.ts";

quietSdk();
// Whole worlds on machines that may be slow: several waits, each of which has a deadline of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const world = new BusyWorld(600);
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-explain-"));
  await world.start({ dataDir: directory });
  await fill(world);
});

afterAll(async () => {
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});

function explain(id: string, ...flags: readonly string[]): Promise<Outcome> {
  return runCli(["explain", id, ...flags], { QSTASH_URL: world.server.url });
}

async function textOf(id: string): Promise<string> {
  const { exitCode, out, err } = await explain(id);
  expect([exitCode, err]).toEqual([0, ""]);
  return out;
}

/** The newest message to a path of the app. */
async function messageTo(path: string): Promise<string> {
  const answer = await world.ask(
    `/v2/events?count=1000&url=${encodeURIComponent(world.appUrl + path)}`,
  );
  // The answer of this server has this shape.
  const { events } = answer as { readonly events: readonly { readonly messageId: string }[] };
  return events[0]?.messageId ?? "none";
}

const run = (name: string): string => world.runs.get(name) ?? "";

test("a message that failed tells each attempt, how long it took, why the next, and where it went", async () => {
  const id = await messageTo("/broken/told");
  const text = await textOf(id);
  expect(text).toMatch(/^message +msg_\w+\nstate +FAILED\nto +POST /);
  expect(text).toMatch(
    /^ {2}dead letter +\d+-\d+ {2}500 Internal Server Error {2}\(reprise dlq show /m,
  );
  expect(text.match(/^ {2}callback +msg_\w+ {2}/gm)).toHaveLength(2);
  const story = text.slice(text.indexOf("what happened"));
  expect(story.replaceAll(/\d{4}-\d\d-\d\d [\d:.]+Z/g, "at").replaceAll(/\d+ ms/g, "so long")).toBe(
    [
      "what happened",
      "  at  accepted",
      "                            so: due at once",
      "  at  attempt 1 began",
      "  at  attempt 1 failed: 500 Internal Server Error: out of order, after so long",
      "                            so: failed: no retries are allowed",
      "  at  given up: 500 Internal Server Error",
      "                            so: put into the dead letter queue",
      "",
    ].join("\n"),
  );
});

test("a message that is retried says for what it waits, and by which rule", async () => {
  const text = await textOf(await messageTo("/broken/retrying"));
  expect(text).toMatch(/^waiting for +retry 1 of 3 at \d{4}-/m);
  expect(text).toMatch(/so: retry 1 of 3 in 10m, by the retry delay of the message$/m);
  expect(text).toMatch(/waits for the next attempt\n +so: attempt 2 at \d{4}-.*Z$/m);
});

test("a callback names its message, a scheduled message its schedule, a queued one its queue", async () => {
  expect(await textOf(await messageTo("/held/report"))).toMatch(
    /callback of +msg_\w+ {2}\(reprise explain msg_/,
  );
  expect(await textOf(await messageTo("/held/queued-1"))).toMatch(
    /waiting for +queue line, place 1 of 3[\s\S]*in queue +line {2}\(reprise queues show line\)[\s\S]*so: due, and waits for its turn/,
  );
});

test("an attempt that a stop cut off was made again under the same number, and the story says so", async () => {
  const id = await messageTo("/held/flight");
  await world.restart();
  await until("the second attempt", async () => {
    return world.delivered.filter(({ path }) => path === "/held/flight").length === 2;
  });
  const text = await textOf(id);
  expect(text.match(/attempt 1 began/g)).toHaveLength(2);
  expect(text).toMatch(
    /so: the server that made the last attempt has ended, .* made again under the same number$/m,
  );
});

test("a failed run tells its steps, its failed attempts, and what goes on from it", async () => {
  const text = await textOf(run("resumed"));
  expect(text).toMatch(/^run +wfr_.*\nstate +RUN_FAILED$/m);
  expect(text).toMatch(/^ {2}resumed as +wfr_\S+ {2}\(reprise explain wfr_/m);
  expect(text).toMatch(/^ {2}failure function +CALLBACK_SUCCESS/m);
  expect(text).toMatch(/Z {2}the run began: http:/);
  expect(text).toMatch(/Z {2}recorded good \(Run\): "kept"$/m);
  expect(text).toMatch(
    /the last attempt failed: delivery of good \(Run\); 500 Internal Server Error: broken on purpose, after \d+ ms\n +so: failed: no retries are allowed$/m,
  );
  expect(text).toMatch(/the run failed: dead letter \d+-\d+$/m);
  const next = /resumed as +(\S+)/.exec(text)?.[1] ?? "";
  expect(await textOf(next)).toContain(`resumed from      ${run("resumed")}`);
  const restarted = /restarted as +(\S+)/.exec(await textOf(run("restarted")))?.[1] ?? "";
  expect(await textOf(restarted)).toMatch(/restarted from +wfr_/);
});

test("parent and child name each other, and say what they wait for", async () => {
  const parent = await textOf(run("parent"));
  expect(parent).toMatch(/^waiting for +child run wfr_\S+ \(event children until /m);
  const child = /^ {2}invoked +(\S+)/m.exec(parent)?.[1] ?? "";
  expect(await textOf(child)).toMatch(new RegExp(`^ {2}invoked by +${run("parent")} `, "m"));
});

test("a dead letter and a message of a run are explained by whom they are of", async () => {
  const [ofMessage = ""] = await deadLettersOf(world, "/v2/dlq");
  expect(await textOf(ofMessage)).toContain(`dead letter  ${ofMessage}`);
  const [ofRun = ""] = await deadLettersOf(world, "/v2/workflows/dlq");
  expect(await textOf(ofRun)).toMatch(/^run +wfr_[\s\S]*dead letter/);
  const answer = await world.ask(`/v2/workflows/events?workflowRunId=${run("sleeping")}`);
  const messageId = /"messageId":"(msg_\w+)"/.exec(JSON.stringify(answer))?.[1] ?? "";
  expect(await textOf(messageId)).toContain(run("sleeping"));
});

test("programs get the same as JSON", async () => {
  const { out } = await explain(run("failing"), "--json");
  expect(JSON.parse(out)).toMatchObject({
    kind: "run",
    id: run("failing"),
    state: "RUN_FAILED",
    waitingFor: null,
    facts: { workflow: `${world.appUrl}/failing` },
    links: expect.arrayContaining([expect.objectContaining({ relation: "dead letter" })]),
    moments: expect.arrayContaining([
      expect.objectContaining({
        next: "failed: no retries are allowed",
        tookMs: expect.any(Number),
      }),
    ]),
    isCut: false,
  });
});

test("an unknown id is refused with what to do", async () => {
  for (const [id, hint] of [
    ["msg_zzzz", "reprise logs"],
    ["wfr_nobody", "reprise runs list"],
    ["5-5", "reprise dlq list"],
  ] as const) {
    const { exitCode, out, err } = await explain(id);
    expect([id, exitCode, out]).toEqual([id, 1, ""]);
    expect(err).toContain(hint);
  }
});

test("a message whose dead letter was retried names the one that goes on with it", async () => {
  await world.publish("/broken/again", { "Upstash-Retries": "0" });
  const id = await messageTo("/broken/again");
  const filter = `/v2/dlq?messageId=${id}`;
  let dlqId: string | undefined;
  while (dlqId === undefined) [dlqId] = await deadLettersOf(world, filter);
  expect(await textOf(id)).not.toContain("retried as");
  await world.ask(`/v2/dlq/retry/${dlqId}`, { method: "POST" });
  const text = await textOf(id);
  const next = /^ {2}retried as +(msg_\w+) {2}\(reprise explain \1\)$/m.exec(text)?.[1];
  expect(next).not.toBe(id);
  expect(await textOf(next ?? "")).toContain(`${world.appUrl}/broken/again`);
});
