import { expect, test } from "vitest";
import { CommitAnswerWatcher, CommitWatcher } from "./postgres-frames.ts";

function message(type: string, ...texts: readonly string[]): Buffer {
  const body = Buffer.from(texts.map((text) => `${text}\0`).join(""));
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

function startup(code: number, rest = ""): Buffer {
  const body = Buffer.alloc(8 + rest.length);
  body.writeUInt32BE(body.length, 0);
  body.writeUInt32BE(code, 4);
  body.write(rest, 8);
  return body;
}

const started = () => {
  const watcher = new CommitWatcher();
  watcher.push(startup(196_608, "user\0me\0\0"));
  return watcher;
};

test.each([
  ["COMMIT", 1],
  ["commit;", 1],
  ["  Commit", 1],
  ["INSERT INTO a VALUES (1); COMMIT", 1],
  ["BEGIN", 0],
  ["SELECT 'commit'", 0],
  ["ROLLBACK", 0],
])("a query %s asks for %i commits", (text, count) => {
  expect(started().push(message("Q", text))).toBe(count);
});

test("a prepared commit is one each time it is executed, and none when it is parsed or bound", () => {
  const watcher = started();
  expect(watcher.push(message("P", "s1", "COMMIT"))).toBe(0);
  expect(watcher.push(message("B", "", "s1"))).toBe(0);
  expect(watcher.push(message("E", ""))).toBe(1);
  expect(watcher.push(message("P", "", "SELECT 1"))).toBe(0);
  expect(watcher.push(Buffer.concat([message("B", "", ""), message("E", "")]))).toBe(0);
  expect(watcher.push(Buffer.concat([message("B", "", "s1"), message("E", "")]))).toBe(1);
  expect(watcher.count).toBe(2);
});

test("messages are found however they are cut, behind a refused encryption too", () => {
  const stream = Buffer.concat([
    startup(80_877_103),
    startup(196_608, "user\0me\0\0"),
    message("Q", "BEGIN"),
    message("P", "", `INSERT ${"x".repeat(5_000)} COMMIT`),
    message("Q", "COMMIT"),
    message("Q", "SELECT 1"),
    message("Q", "COMMIT"),
  ]);
  for (const bytes of [1, 2, 3, 7, 64, 511, 512, 513, stream.length]) {
    const watcher = new CommitWatcher();
    for (let at = 0; at < stream.length; at += bytes) watcher.push(stream.subarray(at, at + bytes));
    expect(watcher.count, `${bytes} bytes at a time`).toBe(2);
  }
});

test("answers are counted when a transaction is over, and a row that looks like one is not", () => {
  const stream = Buffer.concat([
    message("C", "INSERT 0 1"),
    message("D", "COMMIT"),
    message("C", "COMMIT"),
    message("C", "ROLLBACK"),
    message("Z", "I"),
  ]);
  for (const bytes of [1, 5, 6, stream.length]) {
    const watcher = new CommitAnswerWatcher();
    watcher.push(Buffer.from("N"));
    for (let at = 0; at < stream.length; at += bytes) watcher.push(stream.subarray(at, at + bytes));
    expect(watcher.count, `${bytes} bytes at a time`).toBe(2);
  }
});
