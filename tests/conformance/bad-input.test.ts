// Messages that must be refused: each answer names the fault, and no row of the database changes.

import { test } from "vitest";
import { type Case, expectRefusals, LIVE, urlOf, useQuietWorld } from "./refusals.ts";
import type { CallOptions } from "./world.ts";

const world = useQuietWorld();

const batch = (body: unknown): CallOptions => ({ body: JSON.stringify(body) });

test("a batch that is malformed is refused as a whole", async () => {
  const url = urlOf(world);
  const good = { destination: url, headers: { "upstash-workflow-init": "true" } };
  const path = "/v2/batch";
  const bad = (body: string, names: RegExp): Case => ({
    path,
    options: { body },
    status: 400,
    names,
  });
  const badItem = (item: unknown, names: RegExp): Case => ({
    ...{ path, options: batch([good, good, item]), status: 400 },
    names: new RegExp(`item 2.*(${names.source})`),
  });
  await expectRefusals(world, {
    "not JSON": bad("{", /JSON/),
    "cut off": bad('[{"destination":"http://a', /JSON/),
    "an object": bad("{}", /array/),
    "a number": bad("1", /array/),
    nothing: bad("", /JSON/),
    "an empty list": bad("[]", /1 to 1000 items/),
    "too many items": {
      path,
      options: batch(Array(1_001).fill(good)),
      status: 400,
      names: /1 to 1000/,
    },
    "nested too deep": bad(`${"[".repeat(100)}${"]".repeat(100)}`, /nest|deep/),
    "bytes that are no text": {
      path,
      options: { body: Uint8Array.of(91, 255, 93) },
      status: 400,
      names: /UTF-8/,
    },
    "an item that is a number": badItem(7, /object/),
    "an item that is null": badItem(null, /object/),
    "no destination": badItem({ headers: good.headers }, /destination/),
    "a destination that is a number": badItem({ ...good, destination: 5 }, /destination/),
    "headers that are a list": badItem({ ...good, headers: [] }, /headers/),
    "a header that is a number": badItem({ ...good, headers: { a: 1 } }, /header "a"/),
    "a body that is an object": badItem({ ...good, body: {} }, /body/),
    "a body that is a number": badItem({ ...good, body: 1 }, /body/),
    "a bad setting": badItem(
      { ...good, headers: { ...good.headers, "upstash-retries": "x" } },
      /Upstash-Retries/,
    ),
  });
});

test("headers in a batch cannot smuggle lines, control characters or what cannot be sent", async () => {
  const url = urlOf(world);
  const values = ["a\r\nX-Evil: 1", "a\nb", "a\u0000b", "a\u007fb", "漢"];
  const names = ["x evil", "x\r\ny", "", "x:y", "ü"];
  const item = (headers: object) =>
    batch([{ destination: url, headers: { "upstash-workflow-init": "true", ...headers } }]);
  const cases: Record<string, Case> = {};
  for (const prefix of ["", "upstash-forward-", "upstash-failure-callback-forward-"]) {
    for (const value of values) {
      cases[`${prefix} value ${JSON.stringify(value)}`] = {
        ...{
          path: "/v2/batch",
          options: item({ [`${prefix}x-evil`]: value, "upstash-failure-callback": url }),
          status: 400,
        },
        names: /x-evil/,
      };
    }
    for (const name of names) {
      cases[`${prefix} name ${JSON.stringify(name)}`] = {
        ...{
          path: "/v2/batch",
          options: item({ [prefix + name]: "v", "upstash-failure-callback": url }),
          status: 400,
        },
        names: /header/i,
      };
    }
  }
  await expectRefusals(world, cases);
});

test("destinations that are no URL to deliver to are refused", async () => {
  const _url = urlOf(world);
  const destinations = [
    ...["ftp://a.test/x", "javascript:alert(1)", "file:///etc/passwd", "//a.test/x", "a.test/x y"],
    ...[
      "http://",
      "http:///x",
      "http://user:secret@a.test/",
      "http://a.test:99999/",
      "http://a.test:0/",
    ],
    ...["http://a..test/", "http://a b.test/", "http://a.test\\@b.test/", "http://-a.test/"],
    `http://a.test/${"x".repeat(9_000)}`,
  ];
  const cases: Record<string, Case> = {};
  for (const destination of destinations) {
    const options = batch([{ destination, headers: { "upstash-workflow-init": "true" } }]);
    const refusal = { options, status: 400, names: /url|URL|destination/ };
    cases[`batch ${destination.slice(0, 40)}`] = { path: "/v2/batch", ...refusal };
    cases[`batch/trigger ${destination.slice(0, 40)}`] = { path: "/v2/batch/trigger", ...refusal };
  }
  for (const path of ["/v2/trigger/", "/v2/trigger/ftp://a.test/", "/v2/trigger/http://"]) {
    cases[path] = { path, status: 400, names: /url|destination/ };
  }
  await expectRefusals(world, cases);
});

test("a running workflow's bad submissions are 412, never 400, and change nothing", async () => {
  const url = urlOf(world);
  const headers = { "upstash-workflow-init": "false", "upstash-workflow-runid": LIVE };
  const record = { stepId: 2, stepName: "x", stepType: "Run", out: "1", concurrent: 1 };
  const submit = (body: string, more: object = {}, destination = url): Case => ({
    ...{
      path: "/v2/batch",
      options: batch([{ destination, headers: { ...headers, ...more }, body }]),
    },
    ...{ status: 412, names: /./ },
  });
  const bad = (fields: object, names: RegExp): Case => ({
    ...submit(JSON.stringify({ ...record, ...fields })),
    names,
  });
  const plan = JSON.stringify({ ...record, stepId: 0, targetStep: 2, concurrent: 2 });
  const good = JSON.stringify(record);
  await expectRefusals(world, {
    "not JSON": submit("{"),
    nothing: submit(""),
    "a list": submit("[]"),
    "a negative id": bad({ stepId: -1 }, /stepId/),
    "a huge id": bad({ stepId: 1e9 }, /stepId/),
    "an id that is text": bad({ stepId: "2" }, /stepId/),
    "a plan without a target": bad({ stepId: 0 }, /targetStep/),
    "an unknown type": bad({ stepType: "Dance" }, /stepType/),
    "no name": bad({ stepName: 5 }, /stepName/),
    "no concurrency": bad({ concurrent: 0 }, /concurrent/),
    "a result that is no text": bad({ out: { a: 1 } }, /out/),
    "a bad delay": submit(good, { "upstash-delay": "soon" }),
    "a bad retry delay": submit(good, { "upstash-retry-delay": "1/0" }),
    "too many retries": submit(good, { "upstash-retries": "1000000" }),
    "a header with a line break": submit(good, { "upstash-forward-x": "a\nb" }),
    "a header that is a number": submit(good, { "upstash-forward-x": 1 }),
    "a bad destination": submit(good, {}, "ftp://a.test/"),
    "one bad plan of two": {
      ...{ path: "/v2/batch", status: 412, names: /item 1/ },
      options: batch([
        { destination: url, headers, body: plan },
        { destination: url, headers, body: "{" },
      ]),
    },
    "publish of nonsense": {
      path: `/v2/publish/${url}`,
      options: { headers, body: "{" },
      status: 412,
      names: /./,
    },
    "publish to nowhere": {
      path: "/v2/publish/ftp://a.test",
      options: { headers, body: good },
      status: 412,
      names: /url/,
    },
  });
});
