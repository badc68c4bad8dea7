import { describe, expect, test } from "vitest";
import { asked, SHELLS } from "../recover/shell.suite.ts";
import { toCurl } from "./curl.ts";

test("writes a request as a command", () => {
  const headers = { "Content-Type": ["application/json"], Host: ["x"], "X-Empty": [""] };
  const url = "https://app.test/order?a=[1]";
  expect(toCurl({ method: "POST", url, headers, text: '{"a":1}' })).toBe(
    [
      "curl -X POST",
      "-H 'Content-Type: application/json'",
      "-H 'X-Empty;'",
      `--data-raw '{"a":1}'`,
      "--globoff",
      "--url 'https://app.test/order?a=[1]'",
    ].join(" \\\n  "),
  );
});

const HOSTILE = [
  "it's",
  "$(touch /tmp/x)",
  "`id`",
  "a; rm -rf ~",
  "'; echo hi; '",
  "\u001b'; echo hi; '",
  "\n'; echo hi #",
  '"quoted" & more',
  "-o/etc/passwd",
  "@/etc/passwd",
  "a\nb\u001b[2J\r\n",
  "\u202etxt.exe \u200b",
  "100% \\n %s !x",
  "\ud83d\ude42 \u200d",
];

describe.each(SHELLS)("in %s", (shell) => {
  test.each(HOSTILE)("%j stays what it is, wherever it stands", (text) => {
    const header = text.replace(/[\r\n]/g, " ").trim();
    const url = `https://app.test/${text}`;
    const command = toCurl({ method: "POST", url, headers: { "X-A": [header] }, text });
    expect(asked(command, shell)).toEqual({
      args: ["-X", "POST", "-H", `X-A: ${header}`, "--data-raw", text, "--globoff", "--url", url],
      input: "",
    });
  });

  test("a text with NUL goes through base64, as no word holds one", () => {
    const text = "a\u0000'b'\n";
    const { args, input } = asked(
      toCurl({ method: "POST", url: "https://a.test/", headers: {}, text }),
      shell,
    );
    expect([args.includes("--data-binary"), input]).toEqual([true, text]);
  });
});

test("nothing that a terminal takes for more than a letter is part of the command", () => {
  for (const text of HOSTILE) {
    const command = toCurl({ method: "POST", url: "https://a.test/", headers: {}, text });
    expect(command.replaceAll("\n", "").replaceAll("\ud83d\ude42", "")).toMatch(/^[\x20-\x7e]*$/);
  }
});

test("bytes go through base64", () => {
  const command = toCurl({ method: "PUT", url: "https://a.test/", headers: {}, base64: "/+8=" });
  expect(command).toMatch(/^printf %s '?\/\+8='? \| base64 -d \| curl -X PUT/);
  expect(command).toContain("--data-binary @-");
});
