import type { BulkActionResource, MessageResource, OpenMessageResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./failing-app.test.fixture.ts";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld();
});

afterEach(() => world.close());

const later = (...args: readonly string[]): Promise<string> =>
  world.publish("--delay", "1h", ...args);

/** The state that the log of a message ends with. */
async function stateOf(id: string): Promise<string | undefined> {
  const entries = await world.json<readonly { readonly state: string }[]>([
    ...["logs", "--message-id", id],
  ]);
  return entries.at(-1)?.state;
}

const awaitState = (id: string, state: string) =>
  until(state, async () => ((await stateOf(id)) === state ? true : null));

test("a message is shown with what it was given and what has happened", async () => {
  world.answer(500, "out of order\u001b[2J");
  const id = await world.publish("--retries", "0", "--label", "x", "--body", "hello\u0007");
  await awaitState(id, "FAILED");
  const { exitCode, out, err } = await world.run(["messages", "show", id]);
  expect([exitCode, err]).toEqual([0, ""]);
  for (const line of [
    new RegExp(`^message +${id}$`, "m"),
    new RegExp(`^to +POST ${world.url}$`, "m"),
    /^labels +x$/m,
    /^body\n {2}hello\uFFFD$/m,
    /^ {2}\d{4}-\S+ \S+Z {2}CREATED +msg_/m,
    /^ {2}\d{4}-\S+ \S+Z {2}ERROR +msg_\S+ +http\S+ +.*out of order\uFFFD\[2J after \d+ ms$/m,
    /^ {2}\d{4}-\S+ \S+Z {2}FAILED /m,
  ]) {
    expect(out).toMatch(line);
  }
  for (const character of ["\u001b", "\u0007"]) expect(out).not.toContain(character);
});

test("as JSON a message is what the API answers, without a control character", async () => {
  const id = await later("--body", "a\u009b31m\u202e");
  const { out } = await world.run(["messages", "show", id, "--json"]);
  for (const character of ["\u009b", "\u202e"]) expect(out).not.toContain(character);
  const message: MessageResource = JSON.parse(out);
  expect(message).toMatchObject({ messageId: id, url: world.url, body: "a\u009b31m\u202e" });
});

test("an unknown message fails, and an id that is a path is refused", async () => {
  const unknown = await world.run(["messages", "show", "msg_zzzz"]);
  expect([unknown.exitCode, unknown.out]).toEqual([1, ""]);
  expect(unknown.err).toContain("msg_zzzz");
  for (const id of ["", ".", ".."]) {
    expect((await world.run(["messages", "show", id])).exitCode).toBe(2);
    expect((await world.run(["messages", "retry", id])).exitCode).toBe(2);
  }
});

test("open messages are listed with what each waits for", async () => {
  const release = world.hold();
  await world.publish("--queue", "q", "--label", "a");
  const first = await until("the delivery", () => world.received[0]?.headers ?? null);
  const waiting = await world.publish("--queue", "q", "--label", "a");
  const delayed = await later("--label", "b");
  const { exitCode, out, err } = await world.run(["messages", "list"]);
  expect([exitCode, err]).toEqual([0, "3 open messages\n"]);
  const lines = out.trimEnd().split("\n");
  expect(lines).toEqual([
    expect.stringMatching(/^message +state +created +destination +waiting for$/),
    expect.stringMatching(
      new RegExp(`^${delayed} +SCHEDULED +\\d{4}-\\S+ \\S+Z +${world.url} +delay until \\S+Z$`),
    ),
    expect.stringMatching(
      new RegExp(`^${waiting} .* queue q, place 1 of 1; 1 of 1 place taken by msg_\\w+$`),
    ),
    expect.stringMatching(/ ACTIVE .* delivery in flight since \S+Z \(attempt 1 of 4\)$/),
  ]);
  expect(first["upstash-message-id"]).toBe(lines[3]?.split(" ")[0]);
  const shown = await world.run(["messages", "show", waiting]);
  expect(shown.out).toMatch(/^state +WAITING$/m);
  expect(shown.out).toMatch(/^waiting for +queue q, place 1 of 1; /m);
  release();
});

test("the list takes the filters of a cancel, and a state", async () => {
  const ids = [await later("--label", "a"), await later("--label", "b"), await later()];
  const listed = async (...args: string[]) => {
    const messages = await world.json<readonly OpenMessageResource[]>([
      "messages",
      "list",
      ...args,
    ]);
    return messages.map(({ messageId }) => messageId);
  };
  expect(await listed()).toEqual(ids.toReversed());
  expect(await listed("--label", "a", "--label", "b")).toEqual([ids[1], ids[0]]);
  expect(await listed("--state", "scheduled", "--label", "b")).toEqual([ids[1]]);
  expect(await listed("--state", "active", "--state", "requested")).toEqual([]);
  const limited = await world.run(["messages", "list", "--limit", "2"]);
  expect(limited.err).toBe("2 open messages; there are more, see --limit\n");
  expect((await world.run(["messages", "list", "--state", "failed"])).exitCode).toBe(2);
  expect(await world.run(["messages", "list", "--label", "none"])).toEqual({
    exitCode: 0,
    out: "",
    err: "0 open messages\n",
  });
});

test("one named message is cancelled without a question", async () => {
  const [first, second] = [await later(), await later()];
  const outcome = await world.run(["messages", "cancel", first]);
  expect(outcome).toEqual({ exitCode: 0, out: "", err: "cancelled 1 message\n" });
  await awaitState(first, "CANCELED");
  expect(await stateOf(second)).toBe("CREATED");
  const again = await world.run(["messages", "cancel", first]);
  expect(again.exitCode).toBe(1);
  expect(again.err).toContain("1 of the chosen had ended or never been");
});

test("several are asked about with their count, and only what is named is cancelled", async () => {
  const ids = [await later(), await later(), await later()];
  const named = ids.slice(0, 2);
  const refused = await world.run(["messages", "cancel", ...named]);
  expect(refused).toEqual({
    exitCode: 2,
    out: "",
    err: "reprise: this would cancel 2 messages; add --yes to do it without a question\n",
  });
  const agreed = await world.run(["messages", "cancel", named.join(","), "--json"], {
    answer: "y",
  });
  expect([agreed.exitCode, JSON.parse(agreed.out)]).toEqual([0, { cancelled: 2 }]);
  expect(await stateOf(ids[2] ?? "")).toBe("CREATED");
});

test("filters count what has not ended, and the count is what is cancelled", async () => {
  await world.publish("--label", "a");
  await until("the delivery", () => world.received[0] ?? null);
  const chosen = [await later("--label", "a"), await later("--label", "a", "--label", "c")];
  const other = await later("--label", "b");
  await until("the end of the delivered one", async () => {
    const asked = await world.run(["messages", "cancel", "--label", "a"]);
    return asked.err.includes("this would cancel 2 messages;") && asked.exitCode === 2
      ? true
      : null;
  });
  const denied = await world.run(["messages", "cancel", "--label", "a"], { answer: "" });
  expect([denied.exitCode, denied.err]).toEqual([
    1,
    "cancel 2 messages? [y/N] reprise: nothing was changed\n",
  ]);
  const agreed = await world.run(["messages", "cancel", "--label", "a"], { answer: "yes" });
  expect([agreed.exitCode, agreed.err]).toEqual([
    0,
    "cancel 2 messages? [y/N] cancelled 2 messages\n",
  ]);
  for (const id of chosen) await awaitState(id, "CANCELED");
  expect(await stateOf(other)).toBe("CREATED");
});

test("what is in flight and cancelled already is not counted", async () => {
  const release = world.hold();
  const id = await world.publish();
  await until("the delivery", () => world.received[0] ?? null);
  await later();
  await world.run(["messages", "cancel", id]);
  const asked = await world.run(["messages", "cancel", "--all"]);
  expect(asked.err).toContain("this would cancel 1 message;");
  release();
});

test("what arrives while the question is open is left alone", async () => {
  const counted = await later("--label", "a");
  const { createdAt } = await world.json<MessageResource>(["messages", "show", counted]);
  let arrived = "";
  const outcome = await world.run(["messages", "cancel", "--label", "a", "--json"], {
    answer: async () => {
      await until("the next millisecond", () => (Date.now() > createdAt ? true : null));
      arrived = await later("--label", "a");
      return "y";
    },
  });
  expect(outcome.err).toContain("cancel 1 message? [y/N] ");
  expect(JSON.parse(outcome.out)).toMatchObject({ state: "FINISHED", processed: 1 });
  await awaitState(counted, "CANCELED");
  expect(await stateOf(arrived)).toBe("CREATED");
});

test("every filter narrows the choice", async () => {
  await world.run(["url-groups", "add", "group", world.url]);
  await later("--queue", "q", "--flow-control-key", "k", "--rate", "1");
  await world.run(["publish", "group", "--delay", "1h"]);
  const count = async (...filters: string[]): Promise<number> => {
    const { err } = await world.run(["messages", "cancel", ...filters]);
    return Number(/cancel (\d+) message/.exec(err)?.[1]);
  };
  expect(await count("--all")).toBe(2);
  expect(await count("--queue", "q")).toBe(1);
  expect(await count("--flow-control-key", "k")).toBe(1);
  expect(await count("--url-group", "group")).toBe(1);
  expect(await count("--url", world.url, "--path", "/hook", "--host", "127.0.0.1")).toBe(2);
  expect(await count("--caller-ip", "127.0.0.1", "--from", "1h")).toBe(2);
  const none = await world.run(["messages", "cancel", "--to", "1h"]);
  expect([none.exitCode, none.err]).toEqual([0, "cancelled 0 messages\n"]);
});

test("with --yes the server cancels in the background, and its answer is printed", async () => {
  const chosen = await later("--label", "a");
  const other = await later("--label", "b");
  const action = await world.json<BulkActionResource>([
    ...["messages", "cancel", "--label", "a", "--yes"],
  ]);
  expect(action).toMatchObject({
    kind: "cancel",
    state: "FINISHED",
    processed: 1,
    filter: { label: ["a"] },
  });
  await awaitState(chosen, "CANCELED");
  expect(await stateOf(other)).toBe("CREATED");
  const list = await world.run(["bulk-actions", "list"]);
  expect(list.out).toMatch(/^bulk action +kind +state +done +created +filter\n/);
  expect(list.out).toMatch(
    new RegExp(`^${action.actionId} +cancel +FINISHED +1 of 1 .* label=a$`, "m"),
  );
  const shown = await world.run(["bulk-actions", "show", action.actionId]);
  expect(shown.out).toMatch(/^done +1 of 1$/m);
  expect(await world.json(["bulk-actions", "show", action.actionId])).toEqual(action);
  expect(await world.json(["bulk-actions", "list", "--state", "progress"])).toEqual([]);
});

test("neither ids nor filters is a wrong use, and so are both", async () => {
  const id = await later();
  for (const args of [[], [id, "--all"], [id, "--label", "a"], [""]]) {
    const { exitCode, out } = await world.run(["messages", "cancel", ...args, "--yes"]);
    expect([args, exitCode, out]).toEqual([args, 2, ""]);
  }
  expect((await world.run(["messages", "cancel", "--label", "", "--yes"])).exitCode).toBe(1);
  expect(await stateOf(id)).toBe("CREATED");
});

test("a message that waits is sent now, one that is not there is named", async () => {
  const id = await later("--body", "now");
  const { exitCode, out, err } = await world.run(["messages", "retry", id, "msg_zzzz"]);
  expect([exitCode, out]).toEqual([1, `${id}\n`]);
  expect(err).toMatch(/^msg_zzzz {2}.*\nsent: 1 of 2 messages\nreprise: 1 of them .*\n$/);
  expect((await until("the delivery", () => world.received[0] ?? null)).body).toBe("now");
});
