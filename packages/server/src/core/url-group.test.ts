import { describe, expect, test } from "vitest";
import type { Endpoint } from "./publish.ts";
import { contextAt, NOW } from "./rows.suite.ts";
import type { UrlGroupRow } from "./rows.ts";
import {
  decideDeleteUrlGroup,
  decideRemoveEndpoints,
  decideSetEndpoints,
  decideSetUrlGroupHeaders,
} from "./url-group.ts";

const A = "https://a.test/";
const B = "https://b.test/";

function group(endpoints: readonly Endpoint[], headers: string | null = null): UrlGroupRow {
  return {
    key: 7,
    name: "orders",
    createdAt: NOW - 1_000,
    updatedAt: NOW - 1_000,
    endpoints: JSON.stringify(endpoints),
    headers,
  };
}

/** The endpoints after an upsert of `given` into `before`. */
function put(before: readonly Endpoint[] | null, ...given: Endpoint[]): unknown {
  const { changes } = decideSetEndpoints(
    before === null ? null : group(before),
    { type: "setEndpoints", name: "orders", endpoints: given },
    contextAt(),
  );
  const [change] = changes;
  if (change?.table !== "urlGroups" || change.type === "delete") throw new Error("no group");
  const json = change.type === "insert" ? change.row.endpoints : change.set.endpoints;
  return json === undefined ? before : JSON.parse(json);
}

describe("endpoints that are added", () => {
  test("make the group when it is missing", () => {
    const { changes } = decideSetEndpoints(
      null,
      { type: "setEndpoints", name: "orders", endpoints: [{ url: A }] },
      contextAt(),
    );
    const row = { ...group([{ url: A }]), key: 1_000, createdAt: NOW, updatedAt: NOW };
    expect(changes).toEqual([{ type: "insert", table: "urlGroups", row }]);
  });

  test.each<[string, Endpoint[], Endpoint[], Endpoint[]]>([
    ["come last", [{ url: A }], [{ url: B }], [{ url: A }, { url: B }]],
    [
      "rename one of the same URL",
      [{ name: "x", url: A }],
      [{ name: "y", url: A }],
      [{ name: "y", url: A }],
    ],
    ["name one that had no name", [{ url: A }], [{ name: "y", url: A }], [{ name: "y", url: A }]],
    [
      "leave a name that they do not mention",
      [{ name: "x", url: A }],
      [{ url: A }],
      [{ name: "x", url: A }],
    ],
    [
      "move one of the same name",
      [{ name: "x", url: A }, { url: B }],
      [{ name: "x", url: "https://c.test" }],
      [{ name: "x", url: "https://c.test" }, { url: B }],
    ],
    [
      "unite one of the same name with one of the same URL",
      [
        { name: "x", url: A },
        { name: "y", url: B },
      ],
      [{ name: "y", url: A }],
      [{ name: "y", url: A }],
    ],
    ["count once when they are given twice", [], [{ url: A }, { url: A }], [{ url: A }]],
    [
      "do not mix up those without a name",
      [{ url: A }],
      [{ url: B }, { url: "https://c.test" }],
      [{ url: A }, { url: B }, { url: "https://c.test" }],
    ],
  ])("%s", (_, before, given, after) => {
    expect(put(before, ...given)).toEqual(after);
  });

  test("are refused above the limit", () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ url: `https://a.test/${index}` }));
    expect(put(many, { name: "x", url: "https://a.test/5" })).toHaveLength(100);
    expect(() => put(many, { url: B })).toThrow(
      expect.objectContaining({ code: "quota_exceeded", message: expect.stringContaining("101") }),
    );
  });
});

describe("endpoints that are removed", () => {
  const before = [{ name: "x", url: A }, { name: "y", url: B }, { url: "https://c.test" }];
  const removed = (...endpoints: { name?: string; url?: string }[]) =>
    decideRemoveEndpoints(
      group(before),
      { type: "removeEndpoints", name: "orders", endpoints },
      contextAt(),
    ).changes;

  test("are found by name and by URL", () => {
    expect(removed({ name: "x" }, { url: "https://c.test" })).toEqual([
      {
        type: "update",
        table: "urlGroups",
        key: 7,
        set: { updatedAt: NOW, endpoints: JSON.stringify([{ name: "y", url: B }]) },
      },
    ]);
  });

  test("change nothing when they are not there", () => {
    expect(removed({ name: "z" }, { url: "https://d.test" })).toEqual([]);
  });

  test("take the group along with the last one", () => {
    const all = [{ name: "x" }, { name: "y" }, { url: "https://c.test" }];
    expect(removed(...all)).toEqual([{ type: "delete", table: "urlGroups", key: 7 }]);
  });

  test("need a group", () => {
    const command = { type: "removeEndpoints", name: "orders", endpoints: [{ url: A }] } as const;
    expect(() => decideRemoveEndpoints(null, command, contextAt())).toThrow(
      expect.objectContaining({ code: "url_group_not_found" }),
    );
  });
});

test("a group can be deleted that does not exist", () => {
  const command = { type: "deleteUrlGroup", name: "orders" } as const;
  expect(decideDeleteUrlGroup(null, command).changes).toEqual([]);
  expect(decideDeleteUrlGroup(group([{ url: A }]), command).changes).toEqual([
    { type: "delete", table: "urlGroups", key: 7 },
  ]);
});

test("default headers are replaced as a whole, and taken away by none", () => {
  const set = (headers: Readonly<Record<string, string>>) =>
    decideSetUrlGroupHeaders(
      group([{ url: A }], '{"upstash-delay":"1m"}'),
      { type: "setUrlGroupHeaders", name: "orders", headers },
      contextAt(),
    ).changes;
  const change = { type: "update", table: "urlGroups", key: 7 };
  const headers = '{"upstash-retries":"3"}';
  expect(set({ "upstash-retries": "3" })).toEqual([
    { ...change, set: { updatedAt: NOW, headers } },
  ]);
  expect(set({})).toEqual([{ ...change, set: { updatedAt: NOW, headers: null } }]);
});
