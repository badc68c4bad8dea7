import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Environment, EnvironmentReader } from "./environment-reader.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reprise-secrets-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

function read(env: Environment): { readonly secret: string | null; readonly faults: string[] } {
  const faults: string[] = [];
  const reader = new EnvironmentReader(env, faults);
  const secret = reader.secret("REPRISE_TOKEN");
  reader.refuseUnknown();
  return { secret, faults };
}

function write(text: string): string {
  const path = join(directory, "token");
  writeFileSync(path, text);
  return path;
}

describe("a secret", () => {
  test("is the value of its variable", () => {
    expect(read({ REPRISE_TOKEN: "abc" })).toEqual({ secret: "abc", faults: [] });
  });

  test("or what the file holds that its variable names, without the line end", () => {
    const path = write("abc\n");
    expect(read({ REPRISE_TOKEN_FILE: path })).toEqual({ secret: "abc", faults: [] });
  });

  test("is not given when both variables are empty", () => {
    const env = { REPRISE_TOKEN: "", REPRISE_TOKEN_FILE: " " };
    expect(read(env)).toEqual({ secret: null, faults: [] });
  });

  test("may not be given twice", () => {
    const env = { REPRISE_TOKEN: "abc", REPRISE_TOKEN_FILE: write("abc") };
    const fault = "REPRISE_TOKEN and REPRISE_TOKEN_FILE must not be given together";
    expect(read(env).faults).toEqual([fault]);
  });

  test("needs a file that is there and holds something", () => {
    const path = write("\n");
    const empty = `REPRISE_TOKEN_FILE names ${path}, which is empty`;
    expect(read({ REPRISE_TOKEN_FILE: path })).toEqual({ secret: null, faults: [empty] });
    const absent = expect.stringMatching(
      /^REPRISE_TOKEN_FILE names a file that cannot be read: ENOENT/,
    );
    const { secret, faults } = read({ REPRISE_TOKEN_FILE: join(directory, "absent") });
    expect({ secret, faults }).toEqual({ secret: null, faults: [absent] });
  });
});

test("a setting that is no secret is not read from a file", () => {
  const faults: string[] = [];
  const reader = new EnvironmentReader({ REPRISE_PORT_FILE: write("80") }, faults);
  reader.whole("REPRISE_PORT", { min: 0, max: 65_535 });
  reader.refuseUnknown();
  expect(faults).toEqual([expect.stringMatching(/^REPRISE_PORT_FILE is not a setting/)]);
});
