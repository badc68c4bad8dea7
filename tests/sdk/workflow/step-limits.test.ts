// Retries, pauses and time of single steps, in place of the run's.

import { WorkflowRetryAfterError } from "@reprise/sdk";
import { describe, expect, test } from "vitest";
import { faultOf } from "../../conformance/surface.ts";
import { modes, useMode } from "./modes.ts";

describe.each(modes)("%s", (mode) => {
  const { world, serve, result } = useMode(mode);

  /** A step that fails so often before it succeeds, with this many retries of its own. */
  function serveFlaky(failures: number, retries: number) {
    const attempts: number[] = [];
    const url = serve("/flaky", async (context) => {
      await context.run("before", () => 1);
      const flaky = (attempt: { readonly retried: number }) => {
        attempts.push(attempt.retried);
        if (attempts.length <= failures) throw new Error("flaky");
        return "done";
      };
      return context.run("flaky", flaky, { retries, retryDelay: () => 1 });
    });
    return { url, attempts };
  }

  // On the public wire a message has only the run's retries, so that a step may have fewer, not more.
  const raised =
    mode === "classic"
      ? []
      : [
          [1, 0, 1],
          [3, 0, 3],
          [3, 1, 4],
        ];

  test.each([[0, 0, 0], [0, 3, 3], [1, 3, 1], [2, 3, 2], ...raised])(
    "%i retries of a step in a run with %i: as many failures as it has retries are survived",
    async (retries = 0, ofRun = 0) => {
      const { url, attempts } = serveFlaky(retries, retries);
      expect(await result(url, { retries: ofRun, retryDelay: "1" })).toBe("done");
      expect(attempts).toEqual(Array.from({ length: retries + 1 }, (_, n) => n));
    },
  );

  test.each([
    [0, 3],
    [1, 3],
    [2, 3],
    ...raised.map(([retries = 0, ofRun = 0]) => [retries, ofRun]),
  ])(
    "%i retries of a step in a run with %i: one failure more fails the run, at once",
    async (retries = 0, ofRun = 0) => {
      const { url, attempts } = serveFlaky(retries + 1, retries);
      const runId = await world.trigger({ url, retries: ofRun, retryDelay: "1" });
      expect(faultOf(await world.failed(runId)).body).toContain("flaky");
      expect(attempts).toHaveLength(retries + 1);
      expect((await world.deadLetter(runId)).dlqId).toBeTruthy();
    },
  );

  test("the steps behind one with limits of its own have those of the run again", async () => {
    const counts = { own: 0, other: 0 };
    const url = serve("/flow", async (context) => {
      await context.run("own", () => ++counts.own, { retries: 0 });
      return context.run("other", () => {
        counts.other++;
        if (counts.other <= 2) throw new Error("flaky");
        return "done";
      });
    });
    expect(await result(url, { retries: 2, retryDelay: "1" })).toBe("done");
    expect(counts).toEqual({ own: 1, other: 3 });
  });

  test("limits hold for branches, each its own", async () => {
    const counts = { a: 0, b: 0 };
    const url = serve("/flow", async (context) => {
      const branch = (name: "a" | "b", retries: number) =>
        context.run(
          name,
          () => {
            counts[name]++;
            throw new Error(name);
          },
          { retries, retryDelay: () => 1 },
        );
      const ends = await Promise.allSettled([branch("a", 0), branch("b", 1)]);
      return context.run("after", () => ends.map(({ status }) => status));
    });
    expect(await result(url, { retries: 2, retryDelay: "1" })).toEqual(["rejected", "rejected"]);
    expect(counts).toEqual({ a: 1, b: 2 });
  });

  test("a step that takes too long has failed, and its signal aborts", async () => {
    const signals: AbortSignal[] = [];
    const url = serve("/flow", async (context) => {
      try {
        const hang = ({ signal }: { readonly signal: AbortSignal }) => {
          signals.push(signal);
          return new Promise((resolve) => signal.addEventListener("abort", resolve));
        };
        await context.run("slow", hang, { timeout: 0.05, retries: 1, retryDelay: () => 1 });
      } catch (error) {
        return context.run("after", () => String(error));
      }
      return null;
    });
    const told = 'StepError: step "slow" took more than 50 ms';
    expect(await result(url, { retries: 3 })).toBe(told);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  test("the pause before the next attempt is the step's, or what the error asks for", async () => {
    const retried: number[] = [];
    const url = serve("/flow", async (context) => {
      let count = 0;
      await context.run("asks", ({ retried: n }) => {
        count = n;
        if (n === 0) throw new WorkflowRetryAfterError("later", "0s");
      });
      await context.run(
        "pauses",
        ({ retried: n }) => {
          if (n < 2) throw new Error("again");
        },
        {
          retryDelay: (n) => {
            retried.push(n);
            return 1;
          },
        },
      );
      return count;
    });
    // The pause of the run would outlast the test.
    expect(await result(url, { retries: 3, retryDelay: "3600000" })).toBeDefined();
    expect(retried).toEqual([0, 1]);
  });

  test("an attempt of the context is that of the delivery", async () => {
    const seen: number[] = [];
    const url = serve("/flow", async (context) => {
      await context.run("first", () => "ok");
      return context.run("second", () => {
        seen.push(context.retried);
        if (seen.length < 3) throw new Error("again");
        return context.retried;
      });
    });
    expect(await result(url, { retries: 3, retryDelay: "1" })).toBe(2);
    expect(seen).toEqual([0, 1, 2]);
  });
});
