import { expect, test } from "vitest";
import { routePath } from "./route-path.ts";

test.each([
  ["/v2/schedules", "/v2/schedules"],
  ["/v2/schedules/", "/v2/schedules"],
  ["/v2/Schedules/Any.Id", "/v2/schedules/Any.Id"],
  ["/v2/SCHEDULES/https://Host.Test/Path/", "/v2/schedules/https://Host.Test/Path/"],
  ["/v2/flowControl/a b", "/v2/flowControl/a b"],
  ["/v2/flowcontrol/A", "/v2/flowControl/A"],
  ["/v2/topics/A/endpoints", "/v2/topics/A/endpoints"],
  ["/v2/Publish/x/", "/v2/publish/x/"],
  ["/V2/PUBLISH/", "/v2/publish/"],
  ["/v2/Enqueue/Q/x", "/v2/enqueue/Q/x"],
])("%s is looked for as %s", (path, expected) => {
  expect(routePath(path)).toBe(expected);
});

test.each([
  "/v2/publish/https://a.test//b/",
  "/v2/keys/",
  "/v2/Keys",
  "/v2/schedules//",
  "//v2/schedules",
  "/v2//schedules",
  "/v2/",
  "/livez",
  "/",
])("%s stays as it is", (path) => {
  expect(routePath(path)).toBe(path);
});
