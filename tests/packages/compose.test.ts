import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Compose, composeFaults, readCompose } from "./compose.ts";
import { PROBE_PATHS, readFile, repository, stopMs } from "./settings.ts";

const files = globSync("deploy/compose/*.yml", { cwd: repository });

test.each(files)("%s keeps the rules", (file) => {
  expect(composeFaults(readCompose(file))).toEqual([]);
});

test.each(files)("%s builds and mounts what is there", (file) => {
  const { services } = readCompose(file);
  const home = join(repository, "deploy/compose");
  expect(existsSync(join(home, "../..", "Dockerfile"))).toBe(true);
  for (const { volumes = [] } of Object.values(services)) {
    for (const volume of volumes.filter((each) => each.startsWith("."))) {
      expect(existsSync(join(home, volume.split(":")[0] ?? ""))).toBe(true);
    }
  }
});

test.each(files)("the head of %s makes every secret that it reads", (file) => {
  const { secrets = {} } = readCompose(file);
  const head = readFile(file).split("\nname:")[0] ?? "";
  for (const { file: path } of Object.values(secrets)) {
    expect(head).toContain(`> deploy/compose/${path.replace(/^\.\//, "")}\n`);
  }
  // What is made there must not end in a commit.
  expect(readFile(".gitignore")).toContain("deploy/compose/secrets/\n");
});

const balancer = readFile("deploy/compose/haproxy.cfg");

test("the balancer asks the nodes of the compose file whether they are ready", () => {
  const { services } = readCompose("deploy/compose/postgres.yml");
  const [, name = "", port] = /server-template \w+ \d+ (\w+):(\d+) /.exec(balancer) ?? [];
  expect(Object.keys(services)).toContain(name);
  expect(port).toBe("8080");
  const path = /http-check send meth GET uri (\S+) ver HTTP\/1\.1 hdr Host /.exec(balancer)?.[1];
  expect(PROBE_PATHS).toContain(path);
  // It has to notice before the node stops taking requests.
  const [, seconds, times] = /check inter (\d+)s fall (\d+)/.exec(balancer) ?? [];
  expect(Number(seconds) * (Number(times) + 1) * 1_000).toBeLessThanOrEqual(
    stopMs({ REPRISE_DRAIN_TIMEOUT: "0s" }) - 15_000,
  );
});

const hasHaproxy = spawnSync("haproxy", ["-v"]).status === 0;

test.runIf(hasHaproxy)("HAProxy takes the file of the balancer", () => {
  const file = join(repository, "deploy/compose/haproxy.cfg");
  const { status, stderr } = spawnSync("haproxy", ["-c", "-f", file], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
});

const sqlite = () => readCompose("deploy/compose/sqlite.yml");
const changed = (change: object): Compose => {
  const compose = sqlite();
  const reprise = { ...compose.services.reprise, ...change };
  return { ...compose, services: { reprise } };
};

test.each([
  ["can write to its root", { read_only: false }],
  ["has no /tmp", { tmpfs: [] }],
  ["can gain privileges", { security_opt: [] }],
  ["keeps capabilities", { cap_drop: ["NET_RAW"] }],
  ["has no health check", { healthcheck: undefined, image: "other:1" }],
  ["has the latest image", { image: "other:latest" }],
  ["listens everywhere", { ports: ["8080:8080"] }],
  ["names the volume lost", { volumes: ["lost:/data"] }],
  ["names the network lost", { networks: ["lost"] }],
  ["sets REPRISE_TOKENS", { environment: { REPRISE_TOKENS: "$X" } }],
  ["has REPRISE_TOKEN in the file", { environment: { REPRISE_TOKEN: "abc" } }],
  ["secret of its own other", { environment: { REPRISE_TOKEN_FILE: "/run/secrets/other" } }],
  ["is killed after 30000 ms", { stop_grace_period: "30s" }],
  ["is killed after 10000 ms", { stop_grace_period: undefined }],
])("a service that breaks a rule is found: %s", (fault, change) => {
  expect(composeFaults(changed(change))).toEqual([
    expect.stringMatching(new RegExp(`^reprise .*${fault}`)),
  ]);
});
