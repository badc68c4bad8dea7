import type { DeadMessageResource } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { overrideFields, placeholderOf, toOverrideHeaders } from "./overrides.ts";
import { failedAtOf, filterOf, upTo } from "./recovery.ts";

describe("the headers of overrides", () => {
  test("what is empty stays as it is", () => {
    expect(toOverrideHeaders({ retries: " ", label: "" })).toEqual({ headers: {}, problems: {} });
  });

  test("flow control needs a key and a limit", () => {
    expect(toOverrideHeaders({ flowControlKey: "k" }).problems).toEqual({
      flowControlKey: "needs parallelism or a rate",
    });
    expect(toOverrideHeaders({ rate: "3" }).problems).toEqual({ rate: "needs a flow-control key" });
    const both = toOverrideHeaders({
      flowControlKey: "k",
      parallelism: "2",
      rate: "3",
      period: "1m",
    });
    expect(both).toEqual({
      headers: {
        "Upstash-Flow-Control-Key": "k",
        "Upstash-Flow-Control-Value": "parallelism=2,rate=3,period=1m",
      },
      problems: {},
    });
  });

  test("a part cannot set another one, a value cannot begin another header", () => {
    const { problems } = toOverrideHeaders({ flowControlKey: "k", rate: "3,parallelism=9" });
    expect(problems).toEqual({ rate: "must be a number or a duration" });
    const lines = toOverrideHeaders({ label: "a\r\nUpstash-Retries: 9" });
    expect(lines).toEqual({
      headers: {},
      problems: { label: "must be plain ASCII text in one line" },
    });
  });

  test("runs know fewer of them than messages", () => {
    const names = overrideFields("workflows").map(({ name }) => name);
    expect(names).not.toContain("timeout");
    expect(overrideFields("messages").map(({ name }) => name)).toContain("timeout");
  });
});

describe("placeholders", () => {
  const entry: DeadMessageResource = {
    dlqId: "1-1",
    messageId: "msg_1",
    url: "http://a",
    method: "POST",
    maxRetries: 3,
    notBefore: 1,
    createdAt: 1,
    callerIP: "",
    expiresAt: null,
    responseStatus: 0,
    reason: "",
    timeout: 2500,
  };

  test("show the value of one entry, or of all when they agree", () => {
    expect(placeholderOf([entry], "retries", true)).toBe("3");
    expect(placeholderOf([entry], "timeout", true)).toBe("2.5s");
    expect(placeholderOf([entry], "label", true)).toBe("not set");
    expect(placeholderOf([entry, { ...entry, maxRetries: 5 }], "retries", true)).toBe(
      "each keeps its own",
    );
  });

  test("do not speak for entries that are not in the sample", () => {
    expect(placeholderOf([entry], "retries", false)).toBe("each its own, such as 3");
    expect(placeholderOf([entry], "label", false)).toBe("each keeps its own");
    expect(placeholderOf([], "retries", false)).toBe("");
  });
});

describe("what is meant", () => {
  test("ends with the newest that was counted", () => {
    expect(upTo({ label: "a" }, 7)).toEqual({ label: "a", toDate: 7 });
    expect(upTo({ toDate: "5" }, 7)).toEqual({ toDate: 5 });
    expect(upTo({ toDate: 9 }, 7)).toEqual({ toDate: 7 });
    expect(upTo({ label: "a" }, null)).toEqual({ label: "a" });
  });

  test("a re-run is about failure functions that have failed", () => {
    expect(filterOf({ kind: "group", groupId: "g" }, "callback")).toEqual({
      groupId: "g",
      failureFunctionState: "CALLBACK_FAIL",
    });
    expect(filterOf({ kind: "ids", dlqIds: ["1-1"] }, "callback")).toBeNull();
  });

  test("an id says when its run failed", () => {
    expect(failedAtOf("1725323658779-7")).toBe(1725323658779);
    expect(failedAtOf("x")).toBeNull();
  });
});
