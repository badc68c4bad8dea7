import { expect, test } from "vitest";
import { parseTarget } from "./target.ts";

test.each([
  "/",
  "//a//b/",
  "/a/../b/./c/..",
  "/%2e%2e/%2F/%zz%",
  "/a+b;c=d,e'f(g)*h!i~j@k:l|m^n`{o}",
  '/p?it\'s="so"&&x=<y>&z=?/../',
  "/p?",
])("the path and query %j are sent as they are", (path) => {
  expect(parseTarget(`https://example.com${path}`)).toEqual({
    origin: "https://example.com",
    path,
  });
});

test.each([
  ["HTTP://EXAMPLE.com:80/A", "http://example.com", "/A"],
  ["http://[2001:DB8::1]:3000/x", "http://[2001:db8::1]:3000", "/x"],
  ["https://example.com", "https://example.com", "/"],
  ["https://example.com?it's=1/../2", "https://example.com", "/?it's=1/../2"],
  ["https://example.com/ü?ß", "https://example.com", "/%C3%BC?%C3%9F"],
  ["https://example.com/a#b", "https://example.com", "/a"],
  // Where parsers could disagree on the end of the host, one of them says both.
  ["http://127.0.0.1\\@example.com/a/../b", "http://127.0.0.1", "/@example.com/b"],
  ["http://exam\tple.com/a b", "http://example.com", "/a%20b"],
])("%j is sent to %s as %s", (url, origin, path) => {
  expect(parseTarget(url)).toEqual({ origin, path });
});

test.each([
  ["https://", "the URL https:// does not parse"],
  ["ftp://example.com/", "the URL must start with http:// or https://, got ftp:"],
  ["https://a:b@example.com/", "the URL must not hold credentials; send them as a header"],
])("nothing is sent to %j", (url, fault) => {
  expect(parseTarget(url)).toBe(fault);
});
