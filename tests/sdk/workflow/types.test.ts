// Results are typed from the step to whoever reads them.

import {
  createWorkflow,
  type RouteFunction,
  type StepError,
  type WorkflowContext,
} from "@reprise/sdk";
import { expectTypeOf, test } from "vitest";

test("steps, waits, calls and invoked workflows give what they say", () => {
  const child = createWorkflow(async (context: WorkflowContext<{ readonly id: number }>) => {
    return context.run("double", () => context.requestPayload.id * 2);
  });
  const route = async (context: WorkflowContext<string>) => {
    expectTypeOf(context.requestPayload).toEqualTypeOf<string>();
    expectTypeOf(context.run("sync", () => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(context.run("async", async () => "a")).toEqualTypeOf<Promise<string>>();
    expectTypeOf(context.sleep("nap", "10s")).toEqualTypeOf<Promise<void>>();
    const wait = context.waitForEvent<{ readonly paid: boolean }>("wait", "event");
    expectTypeOf<Awaited<typeof wait>["eventData"]>().toEqualTypeOf<
      { readonly paid: boolean } | undefined
    >();
    const called = context.call<{ readonly ok: boolean }>("call", { url: "https://a.test" });
    expectTypeOf<Awaited<typeof called>["body"]>().toEqualTypeOf<{ readonly ok: boolean }>();
    const invoked = context.invoke("child", { workflow: child, body: { id: 1 } });
    expectTypeOf<Awaited<typeof invoked>["body"]>().toEqualTypeOf<number>();
    return "end";
  };
  expectTypeOf(route).toExtend<RouteFunction<string, string>>();
  expectTypeOf<StepError["attempts"]>().toEqualTypeOf<number>();
});

test("what does not fit is refused", () => {
  const child = createWorkflow(async (context: WorkflowContext<{ readonly id: number }>) => {
    return context.requestPayload.id;
  });
  const route = async (context: WorkflowContext) => {
    // @ts-expect-error: the payload of the child has a number.
    await context.invoke("child", { workflow: child, body: { id: "one" } });
    // @ts-expect-error: a duration has a unit.
    await context.sleep("nap", "ten");
    // @ts-expect-error: there is no such limit.
    await context.run("step", () => 1, { attempts: 3 });
  };
  expectTypeOf(route).toBeFunction();
});
