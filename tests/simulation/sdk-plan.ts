import { createRandom, type Random } from "./random.ts";

/** The official SDK, or a way in which the SDK of this project speaks to the server. */
export const SDK_NAMES = [
  "official",
  "classic",
  "answered",
  "warm",
  "continued",
  "connected",
] as const;

export type SdkName = (typeof SDK_NAMES)[number];

/** `mixed`: each process of an app is another one, so that a run goes from SDK to SDK. */
export type SdkOption = SdkName | "mixed";

export const FLOW_URL = "http://app.test/flow";
const APP_NAME = "shop";
export const CONNECTED_ORIGIN = `http://${APP_NAME}.connected.alt`;

/** How one process of the app works. */
export interface AppStyle {
  /** What answers requests. */
  readonly sdk: Exclude<SdkName, "connected">;
  /** The app that it connects as, too; null when it opens no connection. */
  readonly app: string | null;
  readonly isWarm: boolean;
  readonly parallel: "fanout" | "invocation";
  readonly maxDuration: number;
  readonly parallelism: number;
}

/** Which SDK and mode each process of a world has, and where its runs are served. */
export class SdkPlan {
  /** Whether anything but the official SDK is there. */
  readonly hasOwn: boolean;
  /** Processes behind the one URL of the app. */
  readonly processCount: number;
  readonly #option: SdkOption;
  readonly #random: Random;
  readonly #palette: readonly AppStyle["sdk"][];
  readonly #isConnected: boolean;
  readonly #isCalm: boolean;
  readonly #connectedPrograms = new Map<number, boolean>();

  constructor(seed: number, wanted: SdkOption, isCalm: boolean) {
    const random = createRandom(seed, "sdks");
    // Half of the mixed worlds have one SDK alone, so that each mode gets its share.
    const option = wanted === "mixed" && random.chance(0.5) ? random.pick(SDK_NAMES) : wanted;
    this.#option = option;
    this.#random = random;
    this.#isCalm = isCalm;
    this.hasOwn = wanted !== "official";
    this.processCount = this.hasOwn && random.chance(0.4) ? 2 : 1;
    const names = ["official", "classic", "answered", "warm", "continued"] as const;
    if (option === "mixed") {
      this.#palette = Array.from({ length: random.integer(1, 3) }, () => random.pick(names));
    } else this.#palette = [option === "connected" ? "classic" : option];
    this.#isConnected = option === "connected" || (option === "mixed" && random.chance(0.4));
  }

  /** The next process that starts. */
  next(): AppStyle {
    const random = this.#random;
    const sdk = random.pick(this.#palette);
    return {
      sdk,
      app: this.#isConnected ? APP_NAME : null,
      isWarm: sdk === "warm" || (sdk !== "answered" && random.chance(0.5)),
      parallel: random.chance(0.3) ? "invocation" : "fanout",
      maxDuration: random.pick([50, 50, 1, 0.05]),
      parallelism: this.#isCalm ? 100 : random.pick([100, 100, 1, 2]),
    };
  }

  /** Where a program's runs are served. */
  urlOf(program: number): string {
    const known = this.#connectedPrograms.get(program);
    const isConnected =
      known ?? (this.#isConnected && (this.#option === "connected" || this.#random.chance(0.6)));
    this.#connectedPrograms.set(program, isConnected);
    return isConnected ? `${CONNECTED_ORIGIN}/flow` : FLOW_URL;
  }
}

/** @throws Error with a sentence for people. */
export function readSdkOption(text: string | undefined): SdkOption {
  if (text === undefined || text === "mixed") return "mixed";
  const name = SDK_NAMES.find((candidate) => candidate === text);
  if (name !== undefined) return name;
  throw new Error(`--sdk must be mixed or one of ${SDK_NAMES.join(", ")}, got ${text}`);
}
