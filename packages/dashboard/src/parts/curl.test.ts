import { expect, test } from "vitest";
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

/** Words of the command as a shell reads single quotes; null when something outside of quotes means more than itself. */
function wordsOf(command: string): readonly string[] | null {
  const words: string[] = [];
  for (const found of command.matchAll(/(?:'[^']*'|\\'|\\\n|[^\s'\\])+|\s+/g)) {
    const [word] = found;
    if (/^\s+$/.test(word) || word === "\\\n") continue;
    const bare = word.replace(/\\'|'[^']*'/g, "");
    if (/[$`;&|<>*?~!#(){}"]/.test(bare)) return null;
    words.push(word.replace(/\\'|'([^']*)'/g, (all, inner) => (all === "\\'" ? "'" : inner)));
  }
  return words;
}

test.each([
  "it's",
  "$(touch /tmp/x)",
  "`id`",
  "a; rm -rf ~",
  "'; echo hi; '",
  '"quoted" & more',
  "-o/etc/passwd",
  "@/etc/passwd",
])("the body %j stays one word", (text) => {
  const command = toCurl({ method: "POST", url: "https://app.test/", headers: {}, text });
  const words = wordsOf(command);
  expect(words).toContain(text);
  expect(words?.at(-1)).toBe("https://app.test/");
});

test("line breaks and control characters cannot end the command early", () => {
  const command = toCurl({
    method: "POST",
    url: "https://a.test/",
    headers: {},
    text: "a\nb\u001b[2J",
  });
  expect(command).toContain(String.raw`--data-raw $'a\x0ab\x1b[2J'`);
});

test("bytes go through base64", () => {
  const command = toCurl({ method: "PUT", url: "https://a.test/", headers: {}, base64: "/+8=" });
  expect(command).toMatch(/^printf %s '?\/\+8='? \| base64 -d \| curl -X PUT/);
  expect(command).toContain("--data-binary @-");
});
