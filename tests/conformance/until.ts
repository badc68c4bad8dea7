/** Only what never happens is waited for so long: a machine with other work takes many times as long as one without. */
const DEADLINE_MS = 60_000;
const PAUSE_MS = 4;

/** The clock of a machine may be set back by so much while a test measures with it. */
export const CLOCK_STEP_MS = 20;

/**
 * Asks again and again until there is an answer other than `null`, `undefined` and `false`; an error counts as no answer yet.
 * A test awaits facts with it instead of sleeping.
 * @param what names the fact in the error when the deadline has passed.
 * @param pauseMs between two questions; longer where others need the processor to make the fact true.
 */
export async function until<T>(
  what: string,
  ask: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  deadlineMs = DEADLINE_MS,
  pauseMs = PAUSE_MS,
): Promise<T> {
  const endAt = Date.now() + deadlineMs;
  let lastFault: unknown;
  while (Date.now() < endAt) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false) return answer;
    } catch (error) {
      lastFault = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  throw new Error(`waited ${deadlineMs} ms in vain for: ${what}`, { cause: lastFault });
}
