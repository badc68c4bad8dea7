import { describe, expect, test } from "vitest";
import { wordsOf } from "./shell.suite.ts";
import { cliOf, curlOf, type Recovery, sdkOf } from "./snippets.ts";

const SERVER = "http://127.0.0.1:8080/";

function recovery(part: Partial<Recovery>): Recovery {
  return {
    queue: "workflows",
    verb: "resume",
    what: { kind: "ids", dlqIds: ["1-2"] },
    overrides: {},
    ...part,
  };
}

describe("curl", () => {
  test("one entry by its path, with the overrides as headers", () => {
    const overrides = { retries: "5", flowControlKey: "it's", parallelism: "2", rate: "" };
    expect(curlOf(SERVER, recovery({ overrides }))).toBe(
      [
        "curl -X POST http://127.0.0.1:8080/v2/workflows/dlq/resume/1-2",
        '-H "Authorization: Bearer $REPRISE_TOKEN"',
        "-H 'Upstash-Retries: 5'",
        "-H 'Upstash-Flow-Control-Key: it'\\''s'",
        "-H 'Upstash-Flow-Control-Value: parallelism=2'",
      ].join(" \\\n  "),
    );
  });

  test("several entries in the query, many in the body", () => {
    const few = recovery({ verb: "delete", what: { kind: "ids", dlqIds: ["1-2", "1-3"] } });
    expect(curlOf(SERVER, few)).toContain(
      "curl -X DELETE 'http://127.0.0.1:8080/v2/workflows/dlq?dlqIds=1-2,1-3'",
    );
    const dlqIds = Array.from({ length: 21 }, (_, index) => `1-${index}`);
    const many = curlOf(SERVER, recovery({ what: { kind: "ids", dlqIds } }));
    expect(many).toContain("curl -X POST http://127.0.0.1:8080/v2/workflows/dlq/resume \\\n");
    expect(many).toContain(`-d '${JSON.stringify({ dlqIds })}'`);
  });

  test("a filter is percent-encoded, and cannot leave its quotes", () => {
    const what = {
      kind: "filter",
      query: { label: "a'b&c=d $x", responseStatus: ["0", "503"] },
    } as const;
    const words = wordsOf(curlOf(SERVER, recovery({ what })).split("\n#")[0] ?? "");
    const url = new URL(words[3] ?? "");
    expect(url.searchParams.get("label")).toBe("a'b&c=d $x");
    expect(url.searchParams.getAll("responseStatus")).toEqual(["0", "503"]);
  });

  test("failure functions are called one by one", () => {
    const what = { kind: "ids", dlqIds: ["1-2", "1-3"] } as const;
    const text = curlOf(SERVER, recovery({ verb: "callback", what, overrides: { retries: "5" } }));
    expect(text.match(/dlq\/callback\/1-\d/g)).toEqual(["dlq/callback/1-2", "dlq/callback/1-3"]);
    expect(text).not.toContain("Upstash-Retries");
  });
});

describe("the command line", () => {
  test("ids and overrides", () => {
    const overrides = { retries: "5", label: "it's, b", flowControlKey: "k", rate: "3" };
    const line = cliOf(SERVER, recovery({ verb: "restart", overrides })).split("\n")[1] ?? "";
    expect(wordsOf(line)).toEqual([
      ...["reprise", "dlq", "restart", "1-2", "--set-retries", "5", "--set-label", "it's, b"],
      ...["--set-flow-control-key", "k", "--set-rate", "3"],
    ]);
  });

  test("filters as flags; none is everything", () => {
    const query = {
      workflowUrl: "http://a/b?c",
      failureFunctionState: "NONE",
      label: "-x",
      toDate: 5,
    };
    const line = cliOf(SERVER, recovery({ what: { kind: "filter", query } })).split("\n")[1] ?? "";
    expect(wordsOf(line).slice(3)).toEqual([
      ...["--url", "http://a/b?c", "--state", "NONE", "--label=-x", "--to", "5"],
    ]);
    const all = cliOf(SERVER, recovery({ what: { kind: "filter", query: {} } }));
    expect(all.endsWith("reprise dlq resume --all")).toBe(true);
  });

  test("a deletion names the queue, a re-run the state that it needs", () => {
    const what = { kind: "group", groupId: "grp_1" } as const;
    const gone = cliOf(SERVER, recovery({ queue: "messages", verb: "delete", what }));
    expect(gone).toMatch(/reprise dlq delete --group grp_1 --messages$/);
    const again = cliOf(SERVER, recovery({ verb: "callback", what }));
    expect(again).toMatch(/reprise dlq callback --group grp_1 --state CALLBACK_FAIL$/);
  });

  test("the token is the variable's", () => {
    expect(cliOf(SERVER, recovery({}))).toContain('QSTASH_TOKEN="$REPRISE_TOKEN"');
  });
});

describe("the SDK", () => {
  test("ids with options", () => {
    const overrides = { retries: "5", label: "a,b", flowControlKey: "k", rate: "3", period: "1m" };
    expect(sdkOf(SERVER, recovery({ overrides }))).toContain(
      'await client.dlq.resume("1-2", { retries: 5, label: ["a", "b"], flowControl: { key: "k", rate: 3, period: "1m" } });',
    );
  });

  test("a filter with numbers as numbers and texts that cannot leave theirs", () => {
    const query = { label: ['"); evil(); ("', "b"], responseStatus: ["503"], topicName: "g" };
    const text = sdkOf(
      SERVER,
      recovery({ queue: "messages", verb: "retry", what: { kind: "filter", query } }),
    );
    expect(text).toContain('import { Client } from "@reprise/sdk/messages";');
    expect(text).toContain(
      'client.dlq.retryAll({ filter: { label: ["\\"); evil(); (\\"", "b"], responseStatus: 503, urlGroup: "g" } })',
    );
  });

  test("a text that would read otherwise than it is stands there as escapes", () => {
    const query = { label: "\u202etxt.exe\u2066\u200b" };
    const text = sdkOf(SERVER, recovery({ what: { kind: "filter", query } }));
    expect(text).toContain(String.raw`label: "\u202etxt.exe\u2066\u200b"`);
  });

  test("failure functions and deletions go page by page", () => {
    const what = { kind: "filter", query: {} } as const;
    expect(sdkOf(SERVER, recovery({ verb: "callback", what }))).toContain(
      'client.dlq.all({ failureFunctionState: "CALLBACK_FAIL" })',
    );
    expect(sdkOf(SERVER, recovery({ verb: "delete", what }))).toContain(
      "delete({ all: true, cursor })",
    );
  });
});
