import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type FastDelivery, openFastWorld, plan, result } from "./fast-app.suite.ts";

/** A process that keeps the function of a run is sent the new records alone. See docs/fast-modes.md#warm. */

const KEPT = (known: number) => `v=1; warm=k9Yd; known=${known}`;

/** Steps 1 and 2 of a run, answered by a process that keeps its function. */
async function warmUp(answerOfSecond = KEPT(2)) {
  const world = await openFastWorld();
  await world.trigger("wfr_a");
  (await world.delivery(1)).submit([result(1)], KEPT(1));
  const second = await world.delivery(2);
  second.submit([result(2)], answerOfSecond);
  return { world, second, third: await world.delivery(3) };
}

/** What the signature says of the body that was signed. */
function signedHash({ headers }: FastDelivery): string {
  const [, claims = ""] = String(headers["upstash-signature"]).split(".");
  return JSON.parse(Buffer.from(claims, "base64url").toString()).body.replace(/=+$/, "");
}

const hash = (text: string) => createHash("sha256").update(text).digest("base64url");

describe("a delivery to a warm process", () => {
  test("carries the new records alone, signed as they are sent", async () => {
    const { third, second } = await warmUp();
    expect(second.offer).toBe("v=1; hold=1; retries=3; from=1; warm=k9Yd");
    expect(JSON.parse(second.body)).toEqual({
      from: 1,
      records: [
        {
          messageId: second.held.messageId,
          body: Buffer.from(JSON.stringify(result(1))).toString("base64"),
          callType: "step",
        },
      ],
    });
    expect(third.offer).toBe("v=1; hold=1; retries=3; from=2; warm=k9Yd");
    expect(third.list).toEqual([JSON.stringify(result(2))]);
    for (const delivery of [second, third]) {
      expect(signedHash(delivery)).toBe(hash(delivery.body));
    }
  });

  test("carries several records when it knows less", async () => {
    const { third } = await warmUp(KEPT(1));
    expect(third.offer).toContain("from=1;");
    expect(third.list).toEqual([result(1), result(2)].map((line) => JSON.stringify(line)));
  });

  test("is whole for who knows as much as is to be told, or says nothing", async () => {
    const { third } = await warmUp(KEPT(3));
    expect(third.offer).toBe("v=1; hold=1; retries=3");
    expect(third.list).toHaveLength(3);
    third.submit([result(3)]);
  });

  test("is asked for once: the next one is whole unless the process says so again", async () => {
    const { world, third } = await warmUp();
    third.submit([plan(3, 2), plan(4, 2)], KEPT(3));
    const [fourth, fifth] = [await world.delivery(4), await world.delivery(5)];
    const sizes = [fourth.offer.includes("from="), fifth.offer.includes("from=")];
    expect(sizes.toSorted()).toEqual([false, true]);
  });

  test.each([
    ["says that it holds nothing", 200, "v=1; need=history"],
    ["says so with a failure", 500, "v=1; need=history"],
    ["does not know of parts", 200, ""],
    ["fails without knowing of parts", 502, ""],
  ])(
    "is made again, whole and under the same attempt, when the process %s",
    async (_, status, field) => {
      const { world, third } = await warmUp();
      third.answer(status, "", field === "" ? {} : { "reprise-answer": field });
      const fourth = await world.delivery(4);
      expect(fourth.held).toEqual(third.held);
      expect(fourth.headers["upstash-retried"]).toBe("0");
      expect(fourth.offer).toBe("v=1; hold=1; retries=3");
      expect(fourth.list).toEqual([
        "payload",
        JSON.stringify(result(1)),
        JSON.stringify(result(2)),
      ]);
      expect(signedHash(fourth)).toBe(hash(fourth.body));
      fourth.submit([{ finish: {} }]);
      await world.runIn("RUN_SUCCESS", "wfr_a");
      expect(world.app.deliveries).toHaveLength(4);
    },
  );

  test("that fails and knows of parts is a failure like any other, and its retry is whole", async () => {
    const { world, third } = await warmUp();
    third.answer(500, "", { "reprise-answer": "v=1", "retry-after": "0" });
    const fourth = await world.delivery(4);
    expect(fourth.headers["upstash-retried"]).toBe("1");
    expect(fourth.list).toHaveLength(3);
  });

  test("goes on like any other", async () => {
    const { world, third } = await warmUp();
    const held = await world.proceed("wfr_a", third.held, [result(3)]);
    expect(held.body).toMatchObject({ hold: 1 });
    third.submit([result(4)], KEPT(5));
    expect((await world.delivery(4)).list).toHaveLength(5);
  });

  test("that went on and is answered without the field is not made again", async () => {
    const { world, third } = await warmUp();
    await world.proceed("wfr_a", third.held, [result(3)]);
    third.answer(500, "", { "retry-after": "0" });
    const fourth = await world.delivery(4);
    expect(fourth.list).toHaveLength(4);
    expect(fourth.headers["upstash-retried"]).toBe("1");
  });
});
