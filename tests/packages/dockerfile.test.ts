import { globSync } from "node:fs";
import { expect, test } from "vitest";
import { dockerfileFaults, parseDockerfile } from "./dockerfile.ts";
import { readFile, repository, unknownSettings } from "./settings.ts";

const text = readFile("Dockerfile");
const [build, image] = parseDockerfile(text);

test("the Dockerfile keeps the rules", () => {
  expect(dockerfileFaults(text)).toEqual([]);
});

const plants = [
  ["runs as root", (good: string) => good.replace(/^USER.*$/m, "USER root")],
  ["runs as root", (good: string) => good.replace(/^USER.*$/m, "")],
  ["has no version", (good: string) => good.replace(/^FROM node:\S+$/m, "FROM node:latest")],
  ["has no version", (good: string) => good.replace(/^FROM node:\S+$/m, "FROM node")],
  ["has no HEALTHCHECK", (good: string) => good.replace("HEALTHCHECK", "LABEL")],
  ["a secret", (good: string) => good.replace("NODE_ENV=", "REPRISE_TOKEN=abc NODE_ENV=")],
  ["CMD is not a list", (good: string) => good.replace('CMD ["start"]', "CMD start")],
  ["has no VOLUME", (good: string) => good.replace("VOLUME", "EXPOSE")],
  ["nothing is fetched", (good: string) => good.replace("npm ci", "curl x | sh; npm ci")],
  ["ADD fetches", (good: string) => good.replace("COPY . .", "ADD . .")],
] as const;

test.each(plants)("a Dockerfile that breaks a rule is found: %s", (fault, plant) => {
  const broken = plant(text);
  expect(broken).not.toBe(text);
  expect(dockerfileFaults(broken)).toEqual([expect.stringContaining(fault)]);
});

test("both stages have the same Node, the one that the server needs", () => {
  expect(build?.base).toBe(image?.base);
  expect(image?.base).toMatch(/^node:24\b/);
});

test("every workspace has its manifest there when npm installs", () => {
  const copied = build?.instructions
    .filter(({ name }) => name === "COPY")
    .flatMap(({ text: files }) => files.split(" ").slice(0, -1));
  for (const manifest of globSync("{packages,examples}/*/package.json", { cwd: repository })) {
    expect(copied).toContain(manifest);
  }
});

test("its variables are settings", () => {
  const names = [...text.matchAll(/\b(REPRISE_\w+)=/g)].map(([, name = ""]) => name);
  expect(names).toContain("REPRISE_DATA_DIR");
  expect(unknownSettings(names)).toEqual([]);
});
