import { expect, test } from "vitest";
import { runCommand } from "./failing-app.test.fixture.ts";

test("help and version are asked for, so they succeed on standard output", async () => {
  for (const args of [["--help"], ["dlq", "--help"], ["dlq", "resume", "--help"], ["help"]]) {
    const { exitCode, out, err } = await runCommand(args);
    expect([args, exitCode, err]).toEqual([args, 0, ""]);
    expect(out).toContain("Usage: reprise");
  }
  const { exitCode, out } = await runCommand(["--version"]);
  expect([exitCode, out]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
});

test.each([
  [[]],
  [["dlq"]],
  [["serve"]],
  [["dev", "--port", "high"]],
  [["dev", "--port", "65536"]],
  [["dev", "--nonsense"]],
  [["dev", "surplus"]],
  [["runs", "show"]],
  [["runs", "list", "--limit", "0"]],
  [["runs", "list", "--state", "CALLBACK_FAIL"]],
  [["dlq", "list", "--from", "yesterday"]],
  [["dlq", "resume", "1-1", "--set-label", "a\nb"]],
])("%j is a wrong use: exit code 2, nothing on standard output", async (args) => {
  const { exitCode, out, err } = await runCommand(args);
  expect([exitCode, out]).toEqual([2, ""]);
  expect(err).not.toBe("");
});

test("a server that is not there is named with the reason", async () => {
  // Port 9 of loopback: nothing listens there, and unprivileged programs cannot.
  const { exitCode, err } = await runCommand(["dlq", "list"], {
    env: { QSTASH_URL: "http://127.0.0.1:9/" },
  });
  expect(exitCode).toBe(1);
  expect(err).toMatch(/^reprise: no server answers at http:\/\/127\.0\.0\.1:9 \(.+\); start one/);
});

test("an address that is not one is refused before anything is sent", async () => {
  const { exitCode, err } = await runCommand(["dlq", "list"], { env: { QSTASH_URL: "reprise" } });
  expect([exitCode, err]).toEqual([
    2,
    "reprise: QSTASH_URL must be an http or https URL, got reprise\n",
  ]);
});
