import { isRepriseError } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import {
  cancelSelection,
  deadLetterConditions,
  logSelection,
  runStateCondition,
} from "./filters.ts";
import {
  bulkParameters,
  type Parameters,
  queryParameters,
  readCount,
  readCursor,
  readList,
  refuseUnknown,
} from "./parameters.ts";

function query(text: string): Parameters {
  return queryParameters(new Request(`http://reprise.test/?${text}`));
}

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (isRepriseError(error)) return `${error.status} ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("dead letters", () => {
  const open = { type: "in", column: "state", values: ["open"] };
  const conditionsOf = (text: string) => deadLetterConditions(query(text)).slice(1);

  test("only open entries are in the queue", () => {
    expect(deadLetterConditions(query(""))).toEqual([open]);
  });

  test.each([
    ["workflowUrl=https://a/x", "url", ["https://a/x"]],
    ["workflowUrl=https://a/x&workflowUrl=https://b/y", "url", ["https://a/x", "https://b/y"]],
    [
      "workflowUrl=https://a/x,https://b/y",
      "url",
      ["https://a/x,https://b/y", "https://a/x", "https://b/y"],
    ],
    ["workflowUrl=https://a/x,y?z=1,2", "url", ["https://a/x,y?z=1,2"]],
    ["url=https://a/x", "url", ["https://a/x"]],
    ["workflowRunId=wfr_1", "runId", ["wfr_1"]],
    ["workflowCreatedAt=1750000000000", "runCreatedAt", [1_750_000_000_000]],
    ["callerIp=10.0.0.1,10.0.0.2", "callerIp", ["10.0.0.1", "10.0.0.2"]],
    ["callerIP=10.0.0.1", "callerIp", ["10.0.0.1"]],
    ["flowControlKey=a&flowControlKey=b,c", "flowControlKey", ["a", "b,c", "b", "c"]],
    ["responseStatus=404,500", "responseStatus", [404, 500]],
    ["failureFunctionState=CALLBACK_FAIL", "callbackState", ["CALLBACK_FAIL"]],
    ["failureCallbackState=CALLBACK_CANCELED", "callbackState", ["CALLBACK_CANCELED"]],
    ["failureFunctionState=NONE", "callbackState", [null]],
    ["failureFunctionState=NONE,CALLBACK_FAIL", "callbackState", [null, "CALLBACK_FAIL"]],
    ["messageId=msg_1z", "messageKey", [71]],
    ["messageId=nobody", "messageKey", []],
  ])("%s", (text, column, values) => {
    expect(conditionsOf(text)).toEqual([{ type: "in", column, values }]);
  });

  test("labels are looked for in the list of each run", () => {
    const contains = { type: "contains", column: "labels", values: ["a", "b"] };
    expect(conditionsOf("label=a,b")).toEqual([contains]);
    expect(conditionsOf("label=a&label=b")).toEqual([contains]);
  });

  test("dates are a range on the time of failure", () => {
    expect(conditionsOf("fromDate=5&toDate=5")).toEqual([
      { type: "range", column: "createdAt", from: 5, to: 5 },
    ]);
    expect(conditionsOf("toDate=9")).toEqual([{ type: "range", column: "createdAt", to: 9 }]);
  });

  test("S69: different filters all hold", () => {
    expect(conditionsOf("label=a&workflowRunId=wfr_1")).toHaveLength(2);
  });

  test.each([
    ["fromDate=2&toDate=1", "400 fromDate must not be after toDate, got 2 and 1"],
    ["fromDate=-1", '400 fromDate must be a whole number of 0 or more, got "-1"'],
    ["fromDate=NaN", '400 fromDate must be a whole number of 0 or more, got "NaN"'],
    ["toDate=2025-01-01", '400 toDate must be a whole number of 0 or more, got "2025-01-01"'],
    ["toDate=1e3", '400 toDate must be a whole number of 0 or more, got "1e3"'],
    ["toDate=1&toDate=2", "400 toDate must be given once"],
    ["workflowCreatedAt=x", '400 workflowCreatedAt must be a whole number of 0 or more, got "x"'],
    ["label=", "400 label must have a value; leave it out to ask for everything"],
    ["label=a,,b", "400 label must have a value; leave it out to ask for everything"],
    ["workflowUrl=", "400 workflowUrl must have a value; leave it out to ask for everything"],
    ["host=a", "400 host is no filter of dead letters; use workflowUrl with the whole URL"],
    ["path=/a", "400 path is no filter of dead letters; use workflowUrl with the whole URL"],
    [
      "failureFunctionState=BROKEN",
      "400 failureFunctionState must be one of CALLBACK_INPROGRESS, CALLBACK_SUCCESS, CALLBACK_FAIL, " +
        'CALLBACK_CANCELED, NONE, got "BROKEN"',
    ],
  ])("%s is refused in one line that says what is allowed", (text, message) => {
    expect(refusal(() => conditionsOf(text))).toBe(message);
  });

  test("a value is bounded before it is shown or bound", () => {
    expect(refusal(() => conditionsOf(`fromDate=${"x".repeat(10_000)}`)).length).toBeLessThan(200);
    const many = Array.from({ length: 1001 }, (_, index) => `l${index}`).join(",");
    expect(refusal(() => conditionsOf(`label=${many}`))).toBe(
      "400 label must have at most 1000 values, got 1001",
    );
  });
});

describe("runs", () => {
  test("a cancel takes URLs as beginnings unless it says otherwise", () => {
    expect(cancelSelection(query("workflowUrl=https://a/x")).conditions).toEqual([
      { type: "prefix", column: "url", prefix: "https://a/x" },
    ]);
    expect(
      cancelSelection(query("workflowUrl=https://a/x&workflowUrlExactMatch=true")).conditions,
    ).toEqual([{ type: "in", column: "url", values: ["https://a/x"] }]);
    expect(refusal(() => cancelSelection(query("workflowUrlExactMatch=maybe")))).toBe(
      "400 workflowUrlExactMatch must be true or false",
    );
  });

  test("several beginnings are alternatives", () => {
    const { matches } = cancelSelection(query("workflowUrl=https://a/&workflowUrl=https://b/"));
    expect(matches?.({ url: "https://b/x" })).toBe(true);
    expect(matches?.({ url: "https://c/x" })).toBe(false);
  });

  test("host and path compare the parts of the URL", () => {
    const { matches } = logSelection(query("host=APP.example,b.example:8080&path=/order"));
    expect(matches?.({ url: "https://app.example/order?x=1" })).toBe(true);
    expect(matches?.({ url: "https://app.example:99/order" })).toBe(true);
    expect(matches?.({ url: "http://b.example:8080/order" })).toBe(true);
    expect(matches?.({ url: "http://b.example:8081/order" })).toBe(false);
    expect(matches?.({ url: "https://app.example/orders" })).toBe(false);
    expect(matches?.({ url: "no url" })).toBe(false);
  });

  test("states have the names of the wire", () => {
    expect(runStateCondition(query("state=RUN_FAILED,RUN_CANCELED"))).toEqual([
      { type: "in", column: "state", values: ["failed", "canceled"] },
    ]);
    expect(refusal(() => runStateCondition(query("state=failed")))).toBe(
      '400 state must be one of RUN_STARTED, RUN_SUCCESS, RUN_FAILED, RUN_CANCELED, got "failed"',
    );
  });
});

describe("what every list takes", () => {
  test.each([
    ["count=0", '400 count must be a whole number of 1 or more, got "0"'],
    ["count=-1", '400 count must be a whole number of 1 or more, got "-1"'],
    ["count=NaN", '400 count must be a whole number of 1 or more, got "NaN"'],
    ["count=1.5", '400 count must be a whole number of 1 or more, got "1.5"'],
    ["count=1&count=2", "400 count must be given once"],
    ["count=", "400 count must have a value; leave it out to ask for everything"],
  ])("%s is refused", (text, message) => {
    expect(refusal(() => readCount(query(text), 100))).toBe(message);
  });

  test("a count above the limit of a page is cut to it", () => {
    expect(readCount(query("count=5"), 100)).toBe(5);
    expect(readCount(query("count=5000"), 100)).toBe(100);
    expect(readCount(query(""), 100)).toBe(100);
  });

  test("the empty cursor of a last page means the beginning", () => {
    expect(readCursor(query("cursor="))).toBeNull();
    expect(readCursor(query("cursor=abc"))).toBe("abc");
  });

  test("a name that means nothing is refused, and the token is no name", () => {
    expect(refusal(() => refuseUnknown(query("labeel=a"), ["label"]))).toBe(
      "400 labeel is not known here; known are label",
    );
    expect(refusal(() => refuseUnknown(query("qstash_token=t&label=a"), ["label"]))).toBe(
      "accepted",
    );
    expect(refusal(() => refuseUnknown(query("__proto__=a"), ["label"]))).toContain(
      "400 __proto__",
    );
  });
});

describe("a JSON body", () => {
  const parametersOf = (body: string, search = "") =>
    bulkParameters(new Request(`http://reprise.test/${search}`, { method: "POST", body }));

  test("gives the same parameters as a query", async () => {
    const parameters = await parametersOf('{"dlqIds":["1-2","3-4"],"count":5,"label":"a,b"}');
    expect(readList(parameters, "dlqIds")).toEqual(["1-2", "3-4"]);
    expect(readCount(parameters, 100)).toBe(5);
    expect(readList(parameters, "label")).toEqual(["a", "b"]);
  });

  test("items of a list may have commas", async () => {
    const parameters = await parametersOf('{"workflowUrl":["https://a/x,https://b"]}');
    expect(readList(parameters, "workflowUrl")).toEqual(["https://a/x,https://b"]);
  });

  test("an empty list is refused, never everything", async () => {
    const parameters = await parametersOf('{"dlqIds":[]}');
    expect(refusal(() => readList(parameters, "dlqIds"))).toBe(
      "400 dlqIds must have a value; leave it out to ask for everything",
    );
  });

  test.each([
    ["[1]", "the body must be a JSON object of ids or filters"],
    ["{", "the body must be valid JSON"],
    ['{"label":{"a":1}}', "label must be a text, a number, true, false or a list of those"],
    ['{"label":[["a"]]}', "label must be a text, a number, true, false or a list of those"],
    [`{"a":${"[".repeat(10_000)}`, "the body must not be nested deeper than 64 levels"],
  ])("%s is refused", async (body, message) => {
    await expect(parametersOf(body)).rejects.toMatchObject({ status: 400, message });
  });

  test("an empty body in chunks is refused where the query says nothing", async () => {
    const headers = { "transfer-encoding": "chunked" };
    const chunked = (search: string) =>
      bulkParameters(new Request(`http://reprise.test/${search}`, { method: "DELETE", headers }));
    await expect(chunked("")).rejects.toMatchObject({ code: "invalid_json", status: 400 });
    expect(readCount(await chunked("?count=5"), 100)).toBe(5);
  });

  test("a parameter in both places is refused", async () => {
    await expect(parametersOf('{"label":"a"}', "?label=b")).rejects.toMatchObject({
      status: 400,
      message: "label must be given in the query or in the body, not in both",
    });
  });
});
