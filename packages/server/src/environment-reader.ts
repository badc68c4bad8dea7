import { readFileSync } from "node:fs";
import { parseDurationMs } from "@reprise/protocol";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Both ends are allowed. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** One setting as it was found. */
export interface FoundSetting {
  readonly name: string;
  /** Null when it is not given; of a secret that stands in a file: the name of the file. */
  readonly text: string | null;
  readonly source: "environment" | "file" | "default";
  readonly isSecret: boolean;
}

const NOT_GIVEN = { text: null, source: "default" } as const;

/** Reads variables and collects every fault, so that an operator sees them all at once. */
export class EnvironmentReader {
  readonly #env: Environment;
  readonly #faults: string[];
  readonly #known = new Set<string>();
  /** Names that give the path of a file in place of a value. */
  readonly #files = new Set<string>();

  constructor(env: Environment, faults: string[]) {
    this.#env = env;
    this.#faults = faults;
  }

  text(name: string): string | null {
    this.#known.add(name);
    const value = this.#env[name]?.trim();
    return value === undefined || value === "" ? null : value;
  }

  /** A value that should not stand in an environment: `NAME_FILE` may name a file that holds it, as secrets of containers do. */
  secret(name: string): string | null {
    const value = this.text(name);
    const fileName = `${name}_FILE`;
    this.#files.add(fileName);
    const path = this.#env[fileName]?.trim() ?? "";
    if (path === "") return value;
    if (value !== null) {
      this.#faults.push(`${name} and ${fileName} must not be given together`);
      return value;
    }
    try {
      const content = readFileSync(path, "utf8").trim();
      if (content === "") this.#faults.push(`${fileName} names ${path}, which is empty`);
      return content === "" ? null : content;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#faults.push(`${fileName} names a file that cannot be read: ${reason}`);
      return null;
    }
  }

  list(name: string): readonly string[] {
    return (this.text(name) ?? "")
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  }

  whole(name: string, range: Range): number | null {
    const value = this.text(name);
    if (value === null) return null;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : -1;
    if (number >= range.min && number <= range.max) return number;
    this.#faults.push(
      `${name} must be a whole number from ${range.min} to ${range.max}, got ${value}`,
    );
    return null;
  }

  /** @param msMin 0 where a duration of none has a meaning. */
  duration(name: string, msMax: number, msMin: 0 | 1 = 1): number | null {
    const value = this.text(name);
    if (value === null) return null;
    try {
      const ms = parseDurationMs(value, name);
      if (ms >= msMin && ms <= msMax) return ms;
      const floor = msMin === 0 ? "" : "longer than 0 and ";
      this.#faults.push(`${name} must be ${floor}at most ${msMax / 1000} seconds, got ${value}`);
    } catch (error) {
      this.#faults.push(error instanceof Error ? error.message : String(error));
    }
    return null;
  }

  choice<T extends string>(name: string, allowed: readonly T[]): T | null {
    const value = this.text(name);
    if (value === null) return null;
    const found = allowed.find((item) => item === value);
    if (found === undefined) {
      this.#faults.push(`${name} must be one of ${allowed.join(", ")}, got ${value}`);
    }
    return found ?? null;
  }

  /** Everything that has been asked for, in that order. */
  get found(): readonly FoundSetting[] {
    return Array.from(this.#known, (name) => {
      const isSecret = this.#files.has(`${name}_FILE`);
      const text = this.text(name);
      if (text !== null) return { name, text, source: "environment", isSecret };
      const path = this.#env[`${name}_FILE`]?.trim() ?? "";
      const isInFile = isSecret && path !== "";
      return { name, isSecret, ...(isInFile ? { text: path, source: "file" } : NOT_GIVEN) };
    });
  }

  /** A misspelt setting would silently keep its default. */
  refuseUnknown(): void {
    for (const name of Object.keys(this.#env)) {
      const isSetting = this.#known.has(name) || this.#files.has(name);
      if (name.startsWith("REPRISE_") && !isSetting) {
        this.#faults.push(`${name} is not a setting; known are ${[...this.#known].join(", ")}`);
      }
    }
  }
}
