import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askAgain } from "./ask-again.ts";

/** What a page shows: answers of the server, which a test gives when it likes. */
class Shown {
  readonly waiting: ((answer: string) => void)[] = [];
  asked = 0;
  readonly observer: QueryObserver<string>;

  constructor(queryKey: readonly unknown[]) {
    this.observer = new QueryObserver<string>(client, {
      queryKey,
      queryFn: () => {
        this.asked += 1;
        return new Promise((resolve) => this.waiting.push(resolve));
      },
    });
    this.observer.subscribe(() => {});
  }

  answer(text: string): void {
    this.waiting.shift()?.(text);
  }

  get text(): string | undefined {
    return this.observer.getCurrentResult().data;
  }
}

let client: QueryClient;

beforeEach(() => {
  client = new QueryClient();
  client.mount();
});

afterEach(() => {
  client.clear();
  client.unmount();
});

test("what a change is about is asked for again, and nothing else", async () => {
  const runs = new Shown(["runs", "all"]);
  const both = new Shown([["runs", "messages"]]);
  const queues = new Shown(["queues"]);
  for (const shown of [runs, both, queues]) shown.answer("old");
  await expect.poll(() => [runs.text, both.text, queues.text]).toEqual(Array(3).fill("old"));
  askAgain(client, ["runs"]);
  for (const shown of [runs, both]) shown.answer("new");
  await expect.poll(() => [runs.text, both.text]).toEqual(["new", "new"]);
  expect([runs.asked, both.asked, queues.asked]).toEqual([2, 2, 1]);
});

test("a first answer that was under way at the change is shown, and asked for once more", async () => {
  const runs = new Shown(["runs"]);
  const queues = new Shown(["queues"]);
  askAgain(client, ["runs"]);
  for (const shown of [runs, queues]) shown.answer("old");
  await expect.poll(() => runs.asked).toBe(2);
  expect(runs.text).toBe("old");
  runs.answer("new");
  await expect.poll(() => runs.text).toBe("new");
  expect([runs.asked, queues.asked]).toEqual([2, 1]);
});
