// Storage trouble at any moment of a request about messages: it is answered with 503 and has done nothing, or all of it.

import { expect, test } from "vitest";
import { type Fault, withFaults } from "../faults/faulty-store.ts";
import { COMMAND_NAMES, type CommandCase, commandCases, prepare } from "./command-cases.ts";
import { readRows } from "./snapshot.ts";
import { until } from "./until.ts";
import { type Answer, World } from "./world.ts";

/** A world in which one call of the store fails. */
class Stage {
  readonly world: World;
  /** Calls that could have failed since the last plan. */
  calls = 0;
  #failing = 0;

  constructor(fault: Fault) {
    this.world = new World({
      surroundings: {
        wrapStore: (store) =>
          withFaults(store, ({ method }) => {
            // Behind any other call nothing is on disk yet.
            if (fault === "after" && method !== "commit") return null;
            this.calls += 1;
            return this.calls === this.#failing ? fault : null;
          }),
        limits: { storeRetryMs: 5, lingerMs: 1 },
        // The log would say what is caused on purpose.
        writeLine: () => {},
      },
    });
  }

  /** 0 lets every call pass. */
  failCall(number: number): void {
    this.calls = 0;
    this.#failing = number;
  }

  send({ method, path, options }: CommandCase): Promise<Answer> {
    return this.world.call(method, path, options);
  }

  /** What was looked for behind a failure has been found: a command that changes nothing has been executed. */
  async recover(): Promise<void> {
    this.failCall(0);
    await until("the store to be asked again", async () => {
      const { status } = await this.world.call("POST", "/v2/messages/msg_1/retry");
      return status === 404;
    });
  }
}

async function onStage(
  fault: Fault,
  name: string,
  play: (stage: Stage, command: CommandCase) => Promise<void>,
): Promise<void> {
  const stage = new Stage(fault);
  await stage.world.open();
  try {
    const command = commandCases(await prepare(stage.world))[name];
    if (command === undefined) throw new Error(`there is no case ${name}`);
    await stage.recover();
    await play(stage, command);
  } finally {
    await stage.world.close();
  }
}

/** Every row, without what differs from world to world: keys, instants, ports, secrets. */
async function readShape(world: World): Promise<unknown> {
  const text = JSON.stringify(await readRows(world.store), (name, value) => {
    if (/key$|At$|^waitOrder$/i.test(name) && typeof value === "number") return "#";
    if (name === "responseHeaders" || name === "value") return "#";
    // A digest with the port in it.
    if (name === "groupId" && value !== null) return "#";
    if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
    return typeof value === "string"
      ? value.replace(/\d{10,}/g, "#").replace(/127\.0\.0\.1:\d+/g, "host")
      : value;
  });
  return JSON.parse(text);
}

function expectUnavailable(answer: Answer): void {
  expect([answer.status, answer.text]).toEqual([503, answer.text]);
  expect(answer.json).toMatchObject({ code: "storage_unavailable" });
  expect(answer.headers.get("retry-after")).toBe("1");
}

const CALLS_MAX = 40;

/** What the newest row of the audit trail says that was answered: null when it was not told. */
async function lastAudited({ store }: World): Promise<number | null | undefined> {
  const query = { where: [], order: "descending", limit: 1 } as const;
  const [last] = await store.list("audits", query);
  return last?.status;
}

test.each(COMMAND_NAMES)("%s is done as a whole or not at all", async (name) => {
  let done: unknown;
  let isAudited = false;
  await onStage("before", name, async (stage, command) => {
    const before = await readRows(stage.world.store);
    const shapeBefore = await readShape(stage.world);
    let isDone = false;
    let failed = 0;
    for (let number = 1; !isDone && number <= CALLS_MAX; number += 1) {
      const audits = await stage.world.store.count("audits", []);
      stage.failCall(number);
      const answer = await stage.send(command);
      isAudited = (await stage.world.store.count("audits", [])) > audits;
      // What was done stays done where only its outcome in the audit trail is lost.
      isDone = stage.calls < number || (await lastAudited(stage.world)) === null;
      if (isDone) {
        expect([answer.status < 300, answer.text]).toEqual([true, answer.text]);
        continue;
      }
      failed += 1;
      expectUnavailable(answer);
      await stage.recover();
      expect(await readRows(stage.world.store)).toEqual(before);
    }
    expect(isDone).toBe(true);
    // To begin, to write, to commit.
    expect(failed).toBeGreaterThanOrEqual(3);
    done = await readShape(stage.world);
    expect(done).not.toEqual(shapeBefore);
  });
  await onStage("after", name, async (stage, command) => {
    // The audit trail commits before the command, and behind it.
    stage.failCall(isAudited ? 2 : 1);
    expectUnavailable(await stage.send(command));
    if (isAudited) expect(await lastAudited(stage.world)).toBe(503);
    // The server looks for what was lost, which may have committed as well by now.
    expect(stage.calls).toBeGreaterThanOrEqual(isAudited ? 3 : 1);
    await stage.recover();
    expect(await readShape(stage.world)).toEqual(done);
    const again = await stage.send(command);
    expect([again.status < 500, again.text]).toEqual([true, again.text]);
  });
});
