// The story that `npm start` tells, run as a person runs it: in a process of its own, without a terminal.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";

interface Story {
  readonly child: ChildProcess;
  readonly text: () => string;
  readonly exitCode: Promise<number | null>;
  /** Resolves with the match as soon as the story contains `pattern`. */
  readonly says: (pattern: RegExp) => Promise<RegExpExecArray>;
}

const examples =
  process.env.REPRISE_EXAMPLES ?? fileURLToPath(new URL("../../examples", import.meta.url));
const script = join(examples, "failed-run/start.mjs");
const started: Story[] = [];

afterEach(async () => {
  for (const { child, exitCode } of started.splice(0)) {
    // Not SIGKILL: the story has a server and an app to stop.
    child.kill("SIGTERM");
    await exitCode;
  }
});

function start(
  args: readonly string[] = [],
  settings: Readonly<Record<string, string>> = {},
): Story {
  const child = spawn(process.execPath, [script, "--once", ...args], {
    env: { ...process.env, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const readers = new Set<() => void>();
  const read = (part: string) => {
    text += part;
    for (const reader of readers) reader();
  };
  child.stdout.setEncoding("utf8").on("data", read);
  child.stderr.setEncoding("utf8").on("data", read);
  const exitCode = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code));
  });
  const says = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(text);
        if (match === null) return;
        readers.delete(look);
        resolve(match);
      };
      readers.add(look);
      look();
      void exitCode.then(() => reject(new Error(`ended without ${pattern}:\n${text}`)));
    });
  const story = { child, text: () => text, exitCode, says };
  started.push(story);
  return story;
}

/** Expects the sentences in this order. */
function expectInOrder(text: string, sentences: readonly RegExp[]): void {
  let position = 0;
  for (const sentence of sentences) {
    const found = text.slice(position).search(sentence);
    expect(found, `${sentence} after position ${position} in:\n${text}`).toBeGreaterThanOrEqual(0);
    position += found;
  }
}

const verdict = /Verdict: the run was resumed and finished, and no finished step ran again\./;

test("a run fails, survives a kill of the server, is resumed and finishes", async () => {
  // Settings of the reader's shell must not lead the story to another server.
  const story = start([], {
    QSTASH_URL: "http://127.0.0.1:9",
    QSTASH_TOKEN: "x",
    NODE_ENV: "production",
  });
  const exitCode = await story.exitCode;
  expectInOrder(story.text(), [
    /Reprise is running at http:\/\/127\.0\.0\.1:\d+/,
    /Triggered run wfr_[\w-]+: up to 3 attempts a step/,
    /reserve-stock finished/,
    // A second, and what a busy machine takes to write that down.
    /book-courier: attempt 1 of 3 failed: .*404 ERR_NGROK_3200.*; retry in [1-9](\.\d)? s/,
    /book-courier: attempt 2 of 3 failed: .*404 ERR_NGROK_3200.*; retry in [1-9](\.\d)? s/,
    /book-courier: attempt 3 of 3 failed: .*404 ERR_NGROK_3200.*; no retry is left/,
    /The run ended as RUN_FAILED/,
    /Dead letter \S+ keeps its payload/,
    /500 the courier answered 404 ERR_NGROK_3200/,
    /The failure function ran \(CALLBACK_SUCCESS\)/,
    /order \d+ is on hold, support was told/,
    /Dead letter \S+ is still there, unchanged/,
    /Resumed dead letter \S+ from book-courier as run wfr_/,
    /The run ended as RUN_SUCCESS/,
    /reserve-stock +ran 1 time +finished before the failure, did not run again/,
    /book-courier +ran 4 times +3 failed attempts, then 1 after the resume/,
    /send-confirmation +ran 1 time/,
    verdict,
  ]);
  expect(exitCode).toBe(0);
});

test("an app behind an offline tunnel is told apart, called again and resumed", async () => {
  const story = start(["--tunnel"]);
  const exitCode = await story.exitCode;
  expectInOrder(story.text(), [
    /attempt 3 of 3 failed: 404 Not Found: Ngrok-Error-Code ERR_NGROK_3200; no retry is left/,
    /404 ERR_NGROK_3200 The endpoint shop\.tunnel\.example is offline/,
    /The failure function could not be reached \(CALLBACK_FAIL, 404\)/,
    /Called the failure function again/,
    /order \d+ is on hold, support was told \(404: ERR_NGROK_3200\)/,
    /The run ended as RUN_SUCCESS/,
    /book-courier +ran 1 time +no attempt reached it before the resume/,
    verdict,
  ]);
  expect(exitCode).toBe(0);
});

test("an interrupted story stops what it started and proves nothing", async () => {
  const story = start();
  const [, serverUrl = ""] = await story.says(/Reprise is running at (http:\S+);/);
  const [, appUrl = ""] = await story.says(/order app is running at (http:\S+),/);
  await story.says(/attempt 1 of 3 failed/);
  expect((await fetch(`${serverUrl}/v2/keys`)).status).toBe(401);
  story.child.kill("SIGTERM");
  expect(await story.exitCode).toBe(128 + 15);
  await expect(fetch(serverUrl)).rejects.toThrow();
  await expect(fetch(appUrl)).rejects.toThrow();
});
