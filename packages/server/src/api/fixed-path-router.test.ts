import { Hono } from "hono";
import { expect, test } from "vitest";
import { FixedPathRouter } from "./fixed-path-router.ts";

const app = new Hono({ router: new FixedPathRouter(["/v2/publish/"]) })
  .use("/v2/*", async (c, next) => {
    await next();
    c.header("x-seen", "true");
  })
  .post("/v2/batch", (c) => c.text("batch"))
  .get("/v2/batch", (c) => c.text("list"))
  .get("/v2/runs/:id", (c) => c.text(`run ${c.req.param("id")}`))
  .post("/v2/publish/*", (c) => c.text("publish"));

async function ask(method: string, path: string) {
  const response = await app.request(path, { method });
  return [response.status, await response.text(), response.headers.get("x-seen")];
}

test("a path is answered by its method's route, the second time as the first", async () => {
  for (let time = 0; time < 2; time++) {
    expect(await ask("POST", "/v2/batch")).toEqual([200, "batch", "true"]);
    expect(await ask("GET", "/v2/batch")).toEqual([200, "list", "true"]);
    expect((await ask("DELETE", "/v2/batch"))[0]).toBe(404);
    expect((await ask("POST", "/v2/batch/"))[0]).toBe(404);
  }
});

test("a path with parameters is read each time", async () => {
  for (const id of ["a", "b", "a"]) {
    expect(await ask("GET", `/v2/runs/${id}`)).toEqual([200, `run ${id}`, "true"]);
  }
});

test("everything behind a prefix is answered by its one route", async () => {
  for (const target of ["https://a.test/", "https://b.test/x/y?z", "a", "https://a.test/"]) {
    expect(await ask("POST", `/v2/publish/${target}`)).toEqual([200, "publish", "true"]);
    expect((await ask("GET", `/v2/publish/${target}`))[0]).toBe(404);
  }
  expect((await ask("POST", "/v2/publisher/a"))[0]).toBe(404);
});

test("a second route behind a prefix is refused, because it would not be found", () => {
  const router = new FixedPathRouter(["/v2/publish/"]);
  router.add("POST", "/v2/publish/*", "one");
  expect(() => router.add("POST", "/v2/publish/:id/retry", "two")).toThrow(/below a prefix/);
});
