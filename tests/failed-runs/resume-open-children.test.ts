// A resume while another branch waits for a run that it has invoked: the child runs once, and its end is not lost.

import type { InvokableWorkflow } from "@upstash/workflow";
import { expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { OpenBranch } from "./open-branches.ts";

const world = useWorld({ isOnDisk: true });

type End = () => string;

/** A branch that invokes a child, whose only step ends when the test says so. */
class InvokedChild {
  readonly branch: OpenBranch;
  readonly #working: ((end: End) => void)[] = [];
  readonly #runIds = new Set<string>();

  constructor() {
    const routeFunction: InvokableWorkflow<string, string>["routeFunction"] = async (context) => {
      this.#runIds.add(context.workflowRunId);
      const payload = context.requestPayload;
      const end = () => new Promise<End>((resolve) => void this.#working.push(resolve));
      return context.run("work", async () => `${payload}: ${(await end())()}`);
    };
    // A child's URL is its parent's with another last part.
    world.serve("/many/child", routeFunction);
    const workflow = { routeFunction, options: {}, workflowId: "child" };
    this.branch = new OpenBranch(world, {
      open: (context) => context.invoke("child", { workflow, body: "payload", retries: 0 }),
    });
  }

  /** The runs of the child so far. */
  get runIds(): readonly string[] {
    return [...this.#runIds];
  }

  /** Ends the step of the child that has worked longest. */
  async end(how: End): Promise<void> {
    const resolve = await until("a child that works", () => this.#working.shift());
    resolve(how);
  }
}

const fine: End = () => "done";
const broken: End = () => {
  throw new Error("the child is broken");
};

const DONE = { body: "payload: done", isFailed: false, isCanceled: false };

test("S35: a child that goes on over failure and resume tells the new run, and runs once", async () => {
  const child = new InvokedChild();
  const { branch } = child;
  await branch.fail();
  await branch.healAndRevive();
  await child.end(fine);
  expect(await branch.result()).toEqual({ value: DONE, bad: 2, after: 1 });
  expect(child.runIds).toHaveLength(1);
  // The branch that had failed, its result, the child's end, and the step behind both: the child was not asked for again.
  expect(branch.deliveriesOf(branch.runId)).toBe(4);
});

test("S35: a child that ends between failure and resume is known to the resumed run", async () => {
  const child = new InvokedChild();
  const { branch } = child;
  await branch.fail();
  const deliveries = branch.deliveriesOf(branch.runId);
  await child.end(fine);
  await branch.waitsIn("done");
  await branch.healAndRevive();
  expect(await branch.result()).toEqual({ value: DONE, bad: 2, after: 1 });
  expect(branch.deliveriesOf(branch.runIds[0] ?? "")).toBe(deliveries);
  expect(child.runIds).toHaveLength(1);
});

test.each([
  ["between failure and resume", false],
  ["after the resume", true],
])("S35: a child that fails %s is a result of the resumed run", async (_when, isLate) => {
  const child = new InvokedChild();
  const { branch } = child;
  await branch.fail();
  if (!isLate) await child.end(broken);
  if (!isLate) await branch.waitsIn("done");
  await branch.healAndRevive();
  if (isLate) await child.end(broken);
  const { value, ...counts } = await branch.result();
  expect(value).toMatchObject({ isFailed: true, isCanceled: false });
  expect(counts).toEqual({ bad: 2, after: 1 });
  expect(child.runIds).toHaveLength(1);
});

test("S35: a child that is cancelled between failure and resume is a result of the resumed run", async () => {
  const child = new InvokedChild();
  const { branch } = child;
  await branch.fail();
  await until("the child", () => child.runIds.length === 1);
  await world.client.cancel({ ids: child.runIds[0] ?? "" });
  await branch.waitsIn("done");
  await branch.healAndRevive();
  const { value } = await branch.result();
  expect(value).toMatchObject({ isFailed: false, isCanceled: true });
  await child.end(fine);
});

test("S35: a child that goes on over two resumes and a restart of the server runs once", async () => {
  const child = new InvokedChild();
  const { branch } = child;
  await branch.fail();
  await branch.resumeInVain();
  await branch.healAndRevive();
  const [wait] = await branch.waitsIn("open");
  await child.end(fine);
  expect(await branch.result()).toEqual({ value: DONE, bad: 3, after: 1 });
  expect((await branch.waits()).map(({ state }) => state)).toEqual(["moved", "moved", "done"]);
  expect(wait?.childRunKey).toEqual(expect.any(Number));
  expect(child.runIds).toHaveLength(1);
});

test("S35: a child that has failed can be resumed itself, and its parent hears of it once", async () => {
  const child = new InvokedChild();
  const { branch } = child;
  await branch.fail();
  await child.end(broken);
  await branch.waitsIn("done");
  const [failedChild = ""] = child.runIds;
  const { dlqId } = await world.deadLetter(failedChild);
  const { workflowRuns } = await world.client.dlq.resume(dlqId);
  await child.end(fine);
  await world.succeeded(workflowRuns[0]?.workflowRunId ?? "");
  await branch.healAndRevive();
  const { value } = await branch.result();
  expect(value).toMatchObject({ isFailed: true });
});

test("S36: a restart invokes a child of its own, and the end of the first one is of no account", async () => {
  const child = new InvokedChild();
  const { branch } = child;
  await branch.fail();
  await until("the first child", () => child.runIds.length === 1);
  await branch.healAndRevive("restart");
  await until("the second child", () => child.runIds.length === 2);
  await child.end(() => "for the failed run");
  await world.succeeded(child.runIds[0] ?? "");
  await child.end(fine);
  expect(await branch.result()).toEqual({ value: DONE, bad: 2, after: 1 });
  expect((await branch.waits()).map(({ state }) => state)).toEqual(["dropped", "done"]);
});
