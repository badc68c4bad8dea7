import type { Outcome } from "@reprise/server";
import type { Attempt, Fact } from "./facts.ts";
import { type CallStep, type Program, stepsById } from "./program.ts";
import type { Troubles } from "./troubles.ts";

export const SERVICE_HOST = "service.test";

/** The address of a step's service. */
export function serviceUrl(program: Program, step: CallStep): string {
  return `http://${SERVICE_HOST}/${program.index}/${encodeURIComponent(step.name)}`;
}

/** The step that a request to the service belongs to. */
export function stepAtService(url: string, programs: readonly Program[]): CallStep | null {
  const { hostname, pathname } = new URL(url);
  if (hostname !== SERVICE_HOST) return null;
  const [, index = "", name = ""] = pathname.split("/");
  const program = programs[Number(index)];
  const steps = program === undefined ? [] : stepsById(program).values();
  for (const step of steps) {
    if (step.kind === "call" && step.name === decodeURIComponent(name)) return step;
  }
  return null;
}

const TEXT = "text/plain; charset=utf-8";

/** Somebody else's service: it works, answers badly, hangs or refuses, as each step's program says. */
export class Service {
  readonly #programs: readonly Program[];
  readonly #troubles: Troubles;
  readonly #tell: (fact: Fact) => void;
  #requests = 0;

  constructor(programs: readonly Program[], troubles: Troubles, tell: (fact: Fact) => void) {
    this.#programs = programs;
    this.#troubles = troubles;
    this.#tell = tell;
  }

  /** Every answer names its request, so that it can be told from all others. */
  async handle(attempt: Attempt): Promise<Outcome> {
    this.#requests += 1;
    const number = this.#requests;
    this.#tell({ kind: "serviceRequest", attempt });
    const step = stepAtService(attempt.url, this.#programs);
    if (step === null) return response(404, TEXT, `no such service: ${attempt.url}`);
    const { service } = step;
    if (this.#troubles.count(0, attempt.url) >= service.times) {
      const text = JSON.stringify({ answer: number, text: "grüße" });
      return response(attempt.method === "PUT" ? 201 : 200, "application/json", text);
    }
    switch (service.type) {
      case "answers":
        return response(service.status, TEXT, `not now (${number})`);
      case "hangs":
        return new Promise(() => {});
      case "refuses":
        return { type: "error", cause: "refused", message: `connection refused (${number})` };
    }
  }
}

function response(status: number, contentType: string, text: string): Outcome {
  const headers = {
    "content-type": [contentType],
    ...(status === 429 ? { "retry-after": ["2"] } : {}),
  };
  return {
    type: "response",
    status,
    headers,
    body: new TextEncoder().encode(text),
    isTruncated: false,
  };
}
