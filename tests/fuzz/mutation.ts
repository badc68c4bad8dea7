import { connect } from "node:net";
import { Random } from "../crash/random.ts";
import { judge } from "./judge.ts";
import type { Target } from "./target.ts";
import { ANSWER_MS_MAX, takeAnswer } from "./wire-client.ts";

/** Bytes of real requests, changed blindly: what the grammar cannot say. */

export interface MutationOptions {
  readonly requests: number;
  readonly seed: number;
  readonly connections: number;
}

export interface MutationReport {
  readonly requests: number;
  readonly answers: number;
  readonly faults: readonly string[];
}

const FAULTS_MAX = 20;

/** Sends each changed request over a connection of its own and judges whatever comes back. */
export async function mutate(
  target: Target,
  samples: readonly Buffer[],
  options: MutationOptions,
): Promise<MutationReport> {
  const random = new Random(options.seed);
  const faults: string[] = [];
  let requests = 0;
  let answers = 0;
  const work = async (): Promise<void> => {
    while (requests < options.requests && faults.length < FAULTS_MAX) {
      requests += 1;
      const bytes = changed(pick(samples, random) ?? Buffer.alloc(0), samples, random);
      const { received, fault } = await exchange(target, bytes);
      const judged = judgeAll(received);
      answers += judged.answers;
      const said = fault ?? judged.fault;
      if (said !== null) faults.push(`${said}\n  ${JSON.stringify(bytes.toString("latin1"))}`);
    }
  };
  await Promise.all(Array.from({ length: options.connections }, work));
  return { requests, answers, faults: [...faults, ...target.faults] };
}

/** One to four changes: bytes flipped, put in, taken out, doubled, or the end of another request. */
function changed(sample: Buffer, samples: readonly Buffer[], random: Random): Buffer {
  let bytes = Buffer.from(sample);
  for (let count = random.between(1, 4); count > 0; count -= 1) {
    const at = random.between(0, bytes.byteLength);
    const to = Math.min(bytes.byteLength, at + random.between(1, 12));
    const [front, middle, back] = [
      bytes.subarray(0, at),
      bytes.subarray(at, to),
      bytes.subarray(to),
    ];
    const other = pick(samples, random) ?? bytes;
    const kinds = [
      [front, Buffer.from(middle.map((byte) => byte ^ (1 << random.between(0, 7)))), back],
      [front, Buffer.from(middle.map(() => random.between(0, 255))), back],
      [front, Buffer.from(pick(TOKENS, random) ?? "", "latin1"), middle, back],
      [front, back],
      [front, middle, middle, back],
      [front, other.subarray(random.between(0, other.byteLength))],
    ];
    bytes = Buffer.concat(pick(kinds, random) ?? []);
  }
  return bytes;
}

function pick<T>(values: readonly T[], random: Random): T | undefined {
  return values[random.between(0, values.length - 1)];
}

const TOKENS = [
  ...[
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    "%",
    "?",
    "#",
    "/",
    "//",
    "\\",
    '"',
    "{",
    "}",
    "[",
    "]",
  ],
  ...[
    "\r\n\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Host: a\r\n",
    "0\r\n\r\n",
  ],
  ...[
    "HTTP/1.1",
    "HTTP/2.0",
    "GET / HTTP/1.1\r\n\r\n",
    "\xff\xfe",
    "%00",
    "ffffffff\r\n",
    "-1",
    "\x7f",
  ],
];

interface Exchange {
  readonly received: Buffer;
  readonly fault: string | null;
}

/**
 * What is not complete is not answered: when others were answered meanwhile, the client ends its half, and the server has to end the other.
 * Time alone says nothing: a slow machine is silent too, and what comes behind the end is lost.
 */
const SILENCE_MS = 60;
const OTHERS = 2;

function exchange(target: Target, bytes: Buffer): Promise<Exchange> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const { port } = target.server;
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () =>
      socket.write(bytes),
    );
    const end = async (): Promise<void> => {
      const before = chunks.length;
      for (let count = 0; count < OTHERS; count += 1) await askAnother(target);
      if (chunks.length === before) socket.end();
    };
    let silence = setTimeout(() => void end(), SILENCE_MS);
    const limit = setTimeout(() => finish("the connection stays open"), ANSWER_MS_MAX);
    const finish = (fault: string | null): void => {
      clearTimeout(silence);
      clearTimeout(limit);
      socket.destroy();
      resolve({ received: Buffer.concat(chunks), fault });
    };
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      clearTimeout(silence);
      silence = setTimeout(() => void end(), SILENCE_MS / 6);
    });
    socket.on("end", () => finish(null));
    // A reset is an answer as well: the server does not want more of this.
    socket.on("error", () => finish(null));
    socket.on("close", () => finish(null));
  });
}

/** Sends what takes as long as anything: it is written down. */
async function askAnother({ server, sinkUrl }: Target): Promise<void> {
  const headers = { authorization: `Bearer ${server.token}`, "upstash-delay": "1d" };
  const url = `${server.url}/v2/publish/${sinkUrl}/ok`;
  // Whatever comes is an answer; that the server is well is looked at when all is over.
  const answer = await fetch(url, { method: "POST", headers }).catch(() => null);
  await answer?.arrayBuffer().catch(() => null);
}

/** What announces a body and is followed by the next answer has answered HEAD. */
function hasNoBody(received: Buffer): boolean {
  // What only asks for more is followed by the answer itself.
  if (received.subarray(0, 10).toString("latin1") === "HTTP/1.1 1") return false;
  const end = received.indexOf("\r\n\r\n");
  return end !== -1 && received.subarray(end + 4, end + 13).toString("latin1") === "HTTP/1.1 ";
}

/** Judges one answer after the other; the changed bytes may hold several requests. */
function judgeAll(received: Buffer): { readonly answers: number; readonly fault: string | null } {
  let rest = received;
  let answers = 0;
  while (rest.byteLength > 0) {
    // The method of what was sent is not known any more: without a body, an answer is taken for one to HEAD.
    const answer = hasNoBody(rest)
      ? takeAnswer(rest, true, true)
      : (takeAnswer(rest, false, true) ?? takeAnswer(rest, true, true));
    if (answer === null) return { answers, fault: "an answer that breaks off" };
    answers += 1;
    const method = answer.reply.body === "" ? "HEAD" : "GET";
    const fault = judge(method, { ...answer.reply, durationMs: 0 });
    if (fault !== null) return { answers, fault: `${fault}: ${answer.reply.body.slice(0, 300)}` };
    rest = rest.subarray(answer.length);
  }
  return { answers, fault: null };
}
