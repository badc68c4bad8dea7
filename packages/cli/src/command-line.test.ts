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

test("every command explains itself", async () => {
  const { out } = await runCommand(["help"]);
  const groups = [...out.matchAll(/^ {2}([a-z-]+) (?!\[command\])/gm)].map(([, name = ""]) => name);
  expect(groups).toEqual(
    expect.arrayContaining(["publish", "messages", "logs", "runs", "dlq", "queues", "schedules"]),
  );
  for (const group of groups) {
    const help = await runCommand([group, "--help"]);
    expect([group, help.exitCode, help.err]).toEqual([group, 0, ""]);
    expect(help.out).toContain(`Usage: reprise ${group}`);
    const names = [...help.out.matchAll(/^ {2}([a-z-]+) \[options\]/gm)];
    for (const [, name = ""] of names) {
      const inner = await runCommand([group, name, "--help"]);
      expect([group, name, inner.exitCode]).toEqual([group, name, 0]);
      expect(inner.out).toContain("--json");
    }
  }
});

test("the same flag means the same wherever there is one", async () => {
  const commands = ["logs", "runs list", "dlq list", "dlq retry", "dlq resume", "messages cancel"];
  for (const command of commands) {
    const { out } = await runCommand([...command.split(" "), "--help"]);
    for (const flag of [
      "--url",
      "--label",
      "--flow-control-key",
      "--caller-ip",
      "--from",
      "--to",
    ]) {
      expect([command, out]).toEqual([command, expect.stringContaining(`${flag} <`)]);
    }
  }
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
