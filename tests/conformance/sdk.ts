import { expect } from "vitest";

/**
 * Which SDK stands behind the imports of these tests: the official one, or ours with `vitest.sdk.config.ts`, whose results then
 * reach the server in the mode that `REPRISE_SDK_MODE` names.
 */
export type SdkMode = "classic" | "answered" | "warm" | "continued" | "connected";

const OPTIONS: Readonly<Record<SdkMode, object>> = {
  classic: { mode: "classic" },
  answered: { mode: "answered", warm: false },
  warm: { mode: "answered", warm: true },
  continued: { mode: "continued", warm: false },
  // Whatever does not come over the connection is answered.
  connected: { mode: "answered", warm: true },
};

export const sdkModes = Object.keys(OPTIONS) as readonly SdkMode[]; // The keys are those of the type.

/** Null for the official SDK. */
export const sdkMode: SdkMode | null = readMode(process.env.REPRISE_SDK_MODE);

export const isOwnSdk = sdkMode !== null;

/** Options of a workflow that say so; none for the official SDK, which does not know them. */
export const sdkOptions: object = sdkMode === null ? {} : OPTIONS[sdkMode];

export function sdkOptionsOf(mode: SdkMode): object {
  return OPTIONS[mode];
}

/** Words in which the SDKs tell the same; everything else about these answers is equal. */
export const sdkWords = isOwnSdk
  ? {
      unverified: '"error":"SignatureError"',
      forbiddenFailure: "turns requests away",
      divergence: (expected: string, got: string) =>
        `is recorded as \\"${got}\\" (Run), but the function calls \\"${expected}\\" (Run)`,
      nestedStep: /cannot be called inside another/,
      branchFailure: '"message":"bad"',
      notServed: /no workflow is called \\"other\\"/,
    }
  : {
      unverified: "Failed to verify",
      forbiddenFailure: "Not authorized",
      divergence: (expected: string, got: string) =>
        `Incompatible step name. Expected '${expected}', got '${got}' from the request`,
      nestedStep: /can not be run inside another step/,
      branchFailure: "Error submitting steps to QStash in partial parallel step",
      notServed: /No workflows in serveMany found for 'other'/,
    };

/**
 * Status of an attempt whose step the server has refused: the app says 489 when it hears of it; what comes with an answer of 200 is
 * refused behind it.
 */
export const refusedStatus: unknown =
  sdkMode === null || sdkMode === "classic" ? 489 : expect.toBeOneOf([200, 489]);

interface Answered {
  readonly answerHeaders: Readonly<Record<string, string>>;
}

/** Deliveries to a workflow: as many as this, fewer only in the modes in which one invocation does several steps. */
export function expectDeliveries(all: readonly Answered[], count: number): void {
  // One whose app did not keep the function is made again, with the whole list.
  const received = all.filter(
    ({ answerHeaders }) => answerHeaders["reprise-answer"]?.includes("need=history") !== true,
  );
  const goesOn = sdkMode === "continued" || sdkMode === "connected";
  if (!goesOn) expect(received).toHaveLength(count);
  else expect(received.length).toSatisfy((n: number) => n >= Math.min(1, count) && n <= count);
}

function readMode(name: string | undefined): SdkMode | null {
  if (name === undefined || name === "") return null;
  const mode = sdkModes.find((known) => known === name);
  if (mode !== undefined) return mode;
  throw new Error(`REPRISE_SDK_MODE must be one of ${sdkModes.join(", ")}, got ${name}`);
}
