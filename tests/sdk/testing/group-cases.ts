import { broken, type Case, type Context, untilAttempt } from "./case.ts";

export const groupCases: readonly Case[] = [
  ...[2, 5].map(
    (size): Case => ({
      name: `a group of ${size} steps`,
      route: (world) => async (context: Context) => {
        const names = Array.from({ length: size }, (_, index) => `branch ${index}`);
        const results = names.map((name) =>
          context.run(name, () => `${name} ${world.count(name)}`),
        );
        return Promise.all(results);
      },
    }),
  ),
  {
    name: "groups and single steps by turns",
    route: (world) => async (context: Context) => {
      const first = await Promise.all([context.run("a", () => 1), context.run("b", () => 2)]);
      const sum = await context.run("sum", () => world.count("sum") + (first[0] ?? 0));
      const second = await Promise.all([context.run("c", () => sum), context.run("d", () => 4)]);
      return [...first, sum, ...second];
    },
  },
  {
    name: "a branch is retried",
    retryDelay: "1",
    route: (world) => async (context: Context) =>
      Promise.all([
        context.run("steady", () => world.count("steady")),
        context.run("flaky", () => untilAttempt(3, world, "flaky")),
      ]),
  },
  {
    name: "a branch with retries of its own",
    retries: 0,
    route: (world) => async (context: Context) =>
      Promise.all([
        context.run("steady", () => world.count("steady")),
        context.run("flaky", () => untilAttempt(3, world, "flaky"), {
          retries: 2,
          retryDelay: () => 1,
        }),
      ]),
  },
  {
    name: "a branch fails for good and is caught by itself",
    retries: 1,
    retryDelay: "1",
    route: (world) => async (context: Context) => {
      const bad = context.run("bad", () => broken(world, "bad"));
      const results = await Promise.all([
        context.run("good", () => world.count("good")),
        bad.catch(({ attempts, message }) => ({ attempts, message })),
      ]);
      return context.run("behind", () => results);
    },
  },
  {
    name: "allSettled tells of a branch that failed",
    retries: 0,
    route: (world) => async (context: Context) => {
      const ends = await Promise.allSettled([
        context.run("good", () => world.count("good")),
        context.run("bad", () => broken(world, "bad")),
      ]);
      return ends.map(({ status }) => status);
    },
  },
  {
    name: "the first of two steps wins a race",
    route: (world) => async (context: Context) => {
      const winner = await Promise.race([
        context.run("hare", () => world.count("hare")),
        context.run("hedgehog", () => world.count("hedgehog") + 1),
      ]);
      return context.run("prize", () => winner);
    },
  },
  {
    name: "a sleep beside a step",
    route: (world) => async (context: Context) => {
      await Promise.all([context.sleep("rest", 1), context.run("work", () => world.count("work"))]);
      return context.run("behind", () => "rested");
    },
  },
  {
    name: "two sleeps beside each other",
    route: () => async (context: Context) => {
      await Promise.all([context.sleep("short", 0), context.sleep("long", 1)]);
      return context.run("behind", () => "rested");
    },
  },
  {
    name: "groups in a loop",
    route: (world) => async (context: Context) => {
      const sums: number[] = [];
      for (const round of [1, 2, 3]) {
        const [a, b] = await Promise.all([
          context.run(`a${round}`, () => round * world.count(`a${round}`)),
          context.run(`b${round}`, () => round * 10),
        ]);
        sums.push(a + b);
      }
      return sums;
    },
  },
  {
    name: "a resume of a run whose branch failed",
    // By its second attempt the other branch is recorded.
    retries: 1,
    retryDelay: "2000",
    revive: "resume",
    route: (world) => async (context: Context) => {
      const results = await Promise.all([
        context.run("good", () => world.count("good")),
        context.run("bad", () => (world.isBroken() ? broken(world, "bad") : world.count("bad"))),
      ]);
      return context.run("behind", () => results);
    },
  },
];
