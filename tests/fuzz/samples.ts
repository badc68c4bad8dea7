import fc from "fast-check";
import { encodeRequest } from "./encode.ts";
import { Finds } from "./finds.ts";
import { fuzzRequest } from "./grammar.ts";
import type { Target } from "./target.ts";

export const SAMPLES = 500;

/** The bytes of well-framed requests, to be changed. */
export function sampleRequests({ server, sinkUrl }: Target, seed: number): readonly Buffer[] {
  const { token, port } = server;
  const finds = new Finds();
  return fc
    .sample(fuzzRequest, { numRuns: SAMPLES, seed })
    .map((request) => encodeRequest(request, { token, port, sinkUrl, finds }));
}
