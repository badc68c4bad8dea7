// How the example talks, and how it waits.

import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 100;
const startedAt = Date.now();

export function say(text) {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`[${seconds.padStart(4)} s] ${text}`);
}

export function title(text) {
  console.log(`\n${text}`);
}

/** The first answer of `look` that is not null; `what` names it when there is none in time. */
export async function waitFor(what, deadlineAt, look) {
  while (Date.now() < deadlineAt) {
    const found = await look();
    if (found !== null) return found;
    await sleep(pollMs);
  }
  throw new Error(`waited too long for ${what}`);
}
