import { RepriseError } from "@reprise/protocol";
import type { ReadAnswer } from "../engine/engine-options.ts";
import { linesOf, readLines } from "./read-lines.ts";
import type { ReadingRoom } from "./room.ts";

/** Reads what apps submit with their answers; every engine that answers are meant for is given one. */
export function createAnswerReader(room: ReadingRoom): ReadAnswer {
  return ({ run, own }, { body, isTruncated }) => {
    if (isTruncated) {
      throw new RepriseError("body_too_large", {
        message: `the answer has more than the ${body.byteLength} bytes that are read of one; submit long results by a request`,
        details: { limit: body.byteLength },
      });
    }
    const source = { runId: run.id, runKey: run.key, own, callerIp: run.callerIp };
    return readLines(linesOf(body), source, room);
  };
}
