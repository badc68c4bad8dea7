import {
  type FailureFunction,
  StepError,
  WorkflowNonRetryableError,
  WorkflowRetryAfterError,
} from "@reprise/sdk";
import { broken, type Case, type CaseWorld, type Context, untilAttempt } from "./case.ts";

/** A failure function that keeps what it is told. */
const noting =
  (world: CaseWorld): FailureFunction<never> =>
  ({ failStatus, failResponse, failedStep, attempts, context }) => {
    world.count("failure function");
    const { stepName = null, stepId = null } = failedStep ?? {};
    const { requestPayload } = context;
    const statuses = attempts.map(({ status, error }) => [status, error === null]);
    world.note("failure", { failStatus, failResponse, stepName, stepId, requestPayload, statuses });
    return "noted";
  };

export const failureCases: readonly Case[] = [
  ...[2, 3, 4].map(
    (nth): Case => ({
      name: `a step succeeds at attempt ${nth}`,
      retryDelay: "1",
      route: (world) => async (context: Context) =>
        context.run("flaky", () => untilAttempt(nth, world, "flaky")),
    }),
  ),
  ...[0, 1, 3].map(
    (retries): Case => ({
      name: `a step fails for good with ${retries} retries`,
      retries,
      retryDelay: "1",
      options: (world) => ({ failureFunction: noting(world) }),
      payload: { order: 7 },
      route: (world) => async (context: Context) => {
        await context.run("fine", () => 1);
        return context.run("charge", () => broken(world, "charge"));
      },
    }),
  ),
  ...[0, 1, 5].map(
    (retries): Case => ({
      name: `a step has ${retries} retries of its own`,
      retryDelay: "1",
      options: (world) => ({ failureFunction: noting(world) }),
      route: (world) => async (context: Context) =>
        context.run("own", () => broken(world, "own"), { retries, retryDelay: "0s" }),
    }),
  ),
  {
    name: "a step succeeds at the last retry of its own",
    retries: 0,
    route: (world) => async (context: Context) =>
      context.run("own", () => untilAttempt(3, world, "own"), { retries: 2, retryDelay: () => 1 }),
  },
  ...[0, 2].map(
    (retries): Case => ({
      name: `a failed step is caught after ${retries} retries`,
      retries,
      retryDelay: "1",
      route: (world) => async (context: Context) => {
        try {
          await context.run("charge", () => broken(world, "charge"));
        } catch (error) {
          if (!(error instanceof StepError)) throw error;
          const { stepName, attempts, errorName, message } = error;
          const undone = await context.run("undo", () => world.count("undo"));
          return { stepName, attempts, errorName, message, undone };
        }
        return "not reached";
      },
    }),
  ),
  {
    name: "compensation in the reverse order",
    retries: 0,
    route: (world) => async (context: Context) => {
      const undo: string[] = [];
      try {
        for (const name of ["hotel", "flight", "car"]) {
          await context.run(name, () => (name === "car" ? broken(world, name) : name));
          undo.unshift(name);
        }
      } catch {
        for (const name of undo) await context.run(`cancel ${name}`, () => world.count(name));
        return undo;
      }
      return "not reached";
    },
  },
  {
    name: "an error that must not be retried",
    options: (world) => ({ failureFunction: noting(world) }),
    route: (world) => async (context: Context) =>
      context.run("strict", () => {
        world.count("strict");
        throw new WorkflowNonRetryableError("never again");
      }),
  },
  {
    name: "an error that must not be retried is caught",
    route: (world) => async (context: Context) => {
      const answer = context.run("strict", () => {
        world.count("strict");
        throw new WorkflowNonRetryableError("never again");
      });
      return answer.catch(({ name, errorName }) => ({ name, errorName }));
    },
  },
  {
    name: "an error that asks for a pause",
    retryDelay: "1",
    route: (world) => async (context: Context) =>
      context.run("busy", () => {
        if (world.count("busy") === 1) throw new WorkflowRetryAfterError("busy", 1);
        return "free";
      }),
  },
  {
    name: "something is thrown that is no error",
    retries: 1,
    retryDelay: "1",
    options: (world) => ({ failureFunction: noting(world) }),
    route: (world) => async (context: Context) =>
      context.run("odd", () => {
        world.count("odd");
        throw "a text";
      }),
  },
  {
    name: "the function throws between its steps, and then no more",
    retryDelay: "1",
    route: (world) => async (context: Context) => {
      const a = await context.run("a", () => world.count("a"));
      if (world.count("between") === 1) throw new Error("not yet");
      return context.run("b", () => a);
    },
  },
  {
    name: "the function throws between its steps for good",
    retries: 1,
    retryDelay: "1",
    options: (world) => ({ failureFunction: noting(world) }),
    route: (world) => async (context: Context) => {
      await context.run("a", () => world.count("a"));
      throw new Error("always");
    },
  },
  {
    name: "what was caught is thrown again",
    retries: 0,
    options: (world) => ({ failureFunction: noting(world) }),
    route: (world) => async (context: Context) => {
      try {
        await context.run("a", () => broken(world, "a"));
      } catch (error) {
        world.count("catch");
        throw error;
      }
    },
  },
  {
    name: "the catch itself throws something else",
    retries: 0,
    options: (world) => ({ failureFunction: noting(world) }),
    route: (world) => async (context: Context) => {
      try {
        await context.run("a", () => broken(world, "a"));
      } catch (cause) {
        throw new Error("could not undo", { cause });
      }
    },
  },
  {
    name: "a result that cannot be written as JSON",
    options: (world) => ({ failureFunction: noting(world) }),
    route: (world) => async (context: Context) =>
      context.run("big", () => BigInt(world.count("big"))),
  },
  {
    name: "the failure function fails itself",
    retries: 1,
    retryDelay: "1",
    options: (world) => ({ failureFunction: () => broken(world, "failure function") }),
    route: (world) => async (context: Context) => context.run("a", () => broken(world, "a")),
  },
  {
    name: "the failure function succeeds at its second attempt",
    retries: 1,
    retryDelay: "1",
    options: (world) => ({ failureFunction: () => untilAttempt(2, world, "failure function") }),
    route: (world) => async (context: Context) => context.run("a", () => broken(world, "a")),
  },
  {
    name: "a payload that does not fit the schema",
    payload: { amount: "many" },
    options: () => ({
      schema: {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: () => ({ issues: [{ message: "must be a number", path: ["amount"] }] }),
        },
      },
    }),
    route: (world) => async (context: Context) => context.run("a", () => world.count("a")),
  },
  {
    name: "a resume keeps what was done",
    retries: 0,
    revive: "resume",
    route: (world) => async (context: Context) => {
      const a = await context.run("a", () => world.count("a"));
      const b = await context.run("b", () =>
        world.isBroken() ? broken(world, "b") : world.count("b"),
      );
      return [a, b];
    },
  },
  {
    name: "a restart begins anew",
    retries: 0,
    payload: { order: 9 },
    revive: "restart",
    route: (world) => async (context: Context) => {
      const a = await context.run("a", () => world.count("a"));
      const b = await context.run("b", () =>
        world.isBroken() ? broken(world, "b") : world.count("b"),
      );
      return [a, b, context.requestPayload];
    },
  },
  {
    name: "a resume of a run that failed at its first step",
    retries: 1,
    retryDelay: "1",
    revive: "resume",
    route: (world) => async (context: Context) =>
      context.run("a", () => (world.isBroken() ? broken(world, "a") : world.count("a"))),
  },
  {
    name: "a resume of a run that failed between its steps",
    retries: 0,
    revive: "resume",
    route: (world) => async (context: Context) => {
      await context.run("a", () => world.count("a"));
      if (world.isBroken()) throw new Error("between");
      return context.run("b", () => "b");
    },
  },
];
