import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSystemLog } from "./system-log.ts";

function openLog(levelMin: "debug" | "info" = "info") {
  const lines: Record<string, unknown>[] = [];
  const events: string[] = [];
  const log = createSystemLog({
    levelMin,
    writeLine: (line) => lines.push(JSON.parse(line)),
    onEvent: (level, event) => events.push(`${level} ${event}`),
    fields: () => ({ nodeId: "node_1", event: "forged" }),
  });
  return { lines, events, log };
}

test("a line has its instant in UTC, level, event and what stands on every line", () => {
  const { lines, log } = openLog();
  log("warn", "something", { at: "forged", messageId: "msg_1" });
  expect(lines).toEqual([
    {
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: "warn",
      event: "something",
      nodeId: "node_1",
      messageId: "msg_1",
    },
  ]);
});

test("repeats of an event are held back and counted, and hold back no other event", () => {
  const { lines, events, log } = openLog();
  for (let count = 0; count < 200; count++) log("error", "again", { count });
  log("error", "other", {});
  expect(lines.filter(({ event }) => event === "again")).toHaveLength(50);
  expect(lines.at(-1)).toMatchObject({ event: "other" });
  expect(events).toHaveLength(201);
});

test("whoever asks for every change gets every change", () => {
  const { lines, log } = openLog("debug");
  for (let count = 0; count < 200; count++) log("debug", "changed", { count });
  expect(lines).toHaveLength(200);
});

/** A program of its own that writes to its standard error by the log. */
function startWriter(program: string, stderr: "pipe" | number = "pipe") {
  const source = new URL("./system-log.ts", import.meta.url).href;
  const head = `const { descriptorWriter, openStandardError } = await import("${source}");
    let dropped = 0; const write = descriptorWriter(openStandardError(), () => { dropped++; });`;
  const args = ["--conditions=source", "--input-type=module", "-e", `${head}${program}`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", stderr] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("the last words of a process that ends at once are heard, in order", async () => {
  const child = startWriter(`for (let n = 0; n < 2000; n++) write("line " + n); process.exit(3);`);
  let text = "";
  child.stderr?.on("data", (part: Buffer) => {
    text += part.toString();
  });
  expect(await once(child, "close")).toEqual([3, null]);
  const lines = text.trimEnd().split("\n");
  expect(lines).toEqual(Array.from({ length: 2000 }, (_, n) => `line ${n}`));
});

const floods = `
  const long = "x".repeat(10_000);
  let rounds = 0;
  const timer = setInterval(() => {
    for (let n = 0; n < 50; n++) write(long);
    if (++rounds < 60) return;
    clearInterval(timer);
    process.stdout.write(String(dropped), () => process.exit(4));
  }, 5);`;

test.each([
  ["pipe", [4, null]],
  // A blocked thread cannot be left in another way.
  ["socket", [null, "SIGKILL"]],
])(
  "a %s whose reader stops reading stops nothing: lines are dropped, and the process ends",
  async (kind, end) => {
    const directory = mkdtempSync(join(tmpdir(), "reprise-log-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "pipe");
    execFileSync("mkfifo", [path]);
    // Opened for both, it has a reader, who never reads.
    const pipe = openSync(path, "r+");
    const child = startWriter(floods, kind === "pipe" ? pipe : "pipe");
    let told = "";
    child.stdout?.on("data", (part: Buffer) => {
      told += part.toString();
    });
    // Behind the end of the process there may still be something to read of what it has told.
    expect(await once(child, "close")).toEqual(end);
    closeSync(pipe);
    expect(Number(told)).toBeGreaterThan(100);
  },
);

test("a file is written at its end, beside what others write there", async () => {
  const directory = mkdtempSync(join(tmpdir(), "reprise-log-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "log");
  const file = openSync(path, "w");
  // A thread writes, which may have to wait for its turn.
  const program = `
    const { fstatSync } = process.getBuiltinModule("node:fs");
    write("one");
    const timer = setInterval(() => {
      if (fstatSync(2).size === 0) return;
      clearInterval(timer);
      process.stderr.write("two\\n");
      write("three");
    }, 5);`;
  const child = startWriter(program, file);
  expect(await once(child, "exit")).toEqual([0, null]);
  closeSync(file);
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\nthree\n");
});
