// The Helm chart, without Helm: its templates are rendered by the small evaluator beside this file, its values checked against its schema.

import { globSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ChartTemplates } from "./chart-template.ts";
import { type Schema, schemaFaults } from "./json-schema.ts";
import {
  PROBE_PATHS,
  readFile,
  repository,
  settingNames,
  stopMs,
  unknownSettings,
} from "./settings.ts";

const home = "deploy/helm/reprise";
const chart = parse(readFile(`${home}/Chart.yaml`));
const preset = parse(readFile(`${home}/values.yaml`));
const schema: Schema = JSON.parse(readFile(`${home}/values.schema.json`));
const templates = globSync("templates/*", { cwd: join(repository, home) });
const sources = new Map(templates.map((name) => [name, readFile(`${home}/${name}`)]));

type Tree = Readonly<Record<string, unknown>>;

/** Values of a user over those of the chart, as Helm lays them. */
function merge(base: Tree, over: Tree): Tree {
  const isTree = (value: unknown): value is Tree =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const merged = Object.entries(over).map(([name, value]) => {
    const below = base[name];
    return [name, isTree(below) && isTree(value) ? merge(below, value) : value];
  });
  return { ...base, ...Object.fromEntries(merged) };
}

function render(name: string, values: Tree): string {
  const all = merge(preset, values);
  expect(schemaFaults(schema, all)).toEqual([]);
  const root = {
    Values: all,
    Chart: { Name: chart.name, Version: chart.version, AppVersion: chart.appVersion },
    Release: { Name: "shop", Namespace: "apps", Service: "Helm" },
  };
  return new ChartTemplates(sources).render(`templates/${name}`, root);
}

/** The object that a template makes, or null. */
const objectOf = (name: string, values: Tree) =>
  parse(render(name, values), { strict: true, uniqueKeys: true });

const sqlite = { token: { secretName: "shop-token" } };
const postgres = { ...sqlite, store: "postgres", postgres: { urlSecretName: "shop-database" } };
const everything = {
  ...postgres,
  fullnameOverride: "orders",
  image: { repository: "registry.internal/reprise", tag: "1.2.3", pullSecrets: [{ name: "pull" }] },
  settings: { REPRISE_EGRESS_ALLOW: "10.0.0.0/8", REPRISE_PARALLELISM_MAX: 500 },
  drainSeconds: 120,
  service: { annotations: { "example.com/a": "b: c" } },
  podAnnotations: { "example.com/odd": "x: 'y'" },
  nodeSelector: { disk: "fast" },
  tolerations: [{ key: "dedicated", operator: "Exists" }],
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  priorityClassName: "high",
  resources: { limits: { memory: "2Gi" } },
};

const workloads = [
  ["sqlite", "statefulset.yaml", "StatefulSet", sqlite],
  ["postgres", "deployment.yaml", "Deployment", postgres],
  ["everything set", "deployment.yaml", "Deployment", everything],
] as const;

test("the chart has the version of the server", () => {
  const { version } = JSON.parse(readFile("packages/server/package.json"));
  expect({ chart: chart.version, app: chart.appVersion }).toEqual({ chart: version, app: version });
});

describe.each(workloads)("with %s", (_name, file, kind, values) => {
  const workload = objectOf(file, values);
  const pod = workload.spec.template.spec;
  const [container] = pod.containers;
  const variables: readonly { name: string; value: string }[] = container.env;

  test("it is the workload that selects its own pods", () => {
    expect(workload.kind).toBe(kind);
    const { matchLabels } = workload.spec.selector;
    expect(workload.spec.template.metadata.labels).toMatchObject(matchLabels);
    const service = objectOf("network.yaml", values);
    expect(service.spec.selector).toEqual(matchLabels);
    const [{ targetPort }] = service.spec.ports;
    expect(container.ports.map((port: Tree) => port.name)).toEqual([targetPort]);
    expect(workload.metadata.name).toBe("fullnameOverride" in values ? "orders" : "shop");
  });

  test("its probes ask for paths that the server has", () => {
    const [live, started, ready] = PROBE_PATHS;
    const probes = { livenessProbe: live, startupProbe: started, readinessProbe: ready };
    for (const [name, path] of Object.entries(probes)) {
      expect(container[name].httpGet).toEqual({ path, port: "http" });
    }
  });

  test("it is killed later than it drains", () => {
    const environment = Object.fromEntries(variables.map(({ name, value }) => [name, value]));
    expect(environment).toMatchObject({
      REPRISE_PRE_STOP: expect.stringMatching(/^\d+s$/),
      REPRISE_DRAIN_TIMEOUT: expect.stringMatching(/^\d+s$/),
    });
    expect(pod.terminationGracePeriodSeconds * 1_000).toBe(stopMs(environment));
  });

  test("it runs without privileges on a root that it cannot write to", () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(pod.automountServiceAccountToken).toBe(false);
  });

  test("its variables are settings, texts, and no secrets", () => {
    expect(unknownSettings(variables.map(({ name }) => name))).toEqual([]);
    expect(variables.filter(({ value }) => typeof value !== "string")).toEqual([]);
    expect(variables.find(({ name }) => name === "REPRISE_TOKEN")).toBeUndefined();
    // Those of services would be read as settings.
    expect(pod.enableServiceLinks).toBe(false);
  });

  test("every mount has a volume, and every file of a secret is mounted", () => {
    const claims = workload.spec.volumeClaimTemplates ?? [];
    const volumes = [
      ...pod.volumes.map(({ name }: { name: string }) => name),
      ...claims.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
    ];
    const mounts: readonly { name: string; mountPath: string }[] = container.volumeMounts;
    expect(mounts.map(({ name }) => name).toSorted()).toEqual(volumes.toSorted());
    for (const { name, value } of variables.filter((each) => each.name.endsWith("_FILE"))) {
      const isMounted = mounts.some(({ mountPath }) => String(value).startsWith(`${mountPath}/`));
      expect(isMounted, name).toBe(true);
    }
  });
});

test("SQLite has one pod with a volume and no budget, PostgreSQL several with a budget", () => {
  expect(objectOf("deployment.yaml", sqlite)).toBeNull();
  expect(objectOf("poddisruptionbudget.yaml", sqlite)).toBeNull();
  expect(objectOf("statefulset.yaml", postgres)).toBeNull();
  expect(objectOf("statefulset.yaml", sqlite).spec.replicas).toBe(1);
  expect(objectOf("deployment.yaml", postgres).spec.replicas).toBe(3);
  const budget = objectOf("poddisruptionbudget.yaml", postgres);
  expect(budget.spec.selector).toEqual(objectOf("deployment.yaml", postgres).spec.selector);
});

test("what the user sets arrives", () => {
  const { spec } = objectOf("deployment.yaml", everything).spec.template;
  const [container] = spec.containers;
  expect(container.image).toBe("registry.internal/reprise:1.2.3");
  expect(container.env).toContainEqual({ name: "REPRISE_PARALLELISM_MAX", value: "500" });
  expect(container.resources.limits.memory).toBe("2Gi");
  const { imagePullSecrets, nodeSelector, tolerations, affinity, priorityClassName } = spec;
  expect({ nodeSelector, tolerations, affinity, priorityClassName }).toEqual({
    nodeSelector: everything.nodeSelector,
    tolerations: everything.tolerations,
    affinity: everything.affinity,
    priorityClassName: "high",
  });
  expect(imagePullSecrets).toEqual([{ name: "pull" }]);
  const { annotations } = objectOf("deployment.yaml", everything).spec.template.metadata;
  expect(annotations).toEqual(everything.podAnnotations);
});

test("the notes name the service, its namespace and the secret", () => {
  const notes = render("NOTES.txt", sqlite);
  expect(notes).toContain("http://shop.apps.svc:80");
  expect(notes).toContain("get secret shop-token -o jsonpath=\"{.data['token']}\"");
  expect(notes).not.toContain("{{");
});

test("a chart without the secrets that it needs is not rendered", () => {
  expect(() => objectOf("statefulset.yaml", {})).toThrow("token.secretName must name a secret");
  const values = { ...sqlite, store: "postgres" };
  expect(() => objectOf("deployment.yaml", values)).toThrow("postgres.urlSecretName must name");
});

test("the schema knows every value, and allows those of the chart", () => {
  expect(schemaFaults(schema, preset)).toEqual([]);
  // The chart reads what the schema lists, and sets itself what the schema forbids.
  const { settings } = JSON.parse(readFile(`${home}/values.schema.json`)).properties;
  const forbidden: readonly string[] = settings.propertyNames.not.enum;
  expect(unknownSettings(forbidden)).toEqual([]);
  for (const name of settingNames) {
    expect(name).toMatch(new RegExp(settings.propertyNames.pattern));
  }
});

test.each([
  ["values.store is none of", { store: "mysql" }],
  ["values.postgres.replicas is too small", { postgres: { replicas: 0 } }],
  ["values.image.tag is not allowed", { image: { tag: "latest" } }],
  ["values.settings.PORT does not match", { settings: { PORT: "1" } }],
  ["values.settings.REPRISE_TOKEN is not allowed", { settings: { REPRISE_TOKEN: "abc" } }],
  ["values.tokens is not known", { tokens: {} }],
  ["values.sqlite.size does not match", { sqlite: { size: "10" } }],
  ["values.drainSeconds is string", { drainSeconds: "30s" }],
])("the schema refuses a wrong value: %s", (fault, values) => {
  const faults = schemaFaults(schema, merge(preset, values));
  expect(faults[0]).toContain(fault);
});

test.each([
  ["does not end", "{{ if .Values.store }}"],
  ["without a beginning", "{{ end }}"],
  ["no function that is known", "{{ frobnicate 1 }}"],
  ["no template named", '{{ include "reprise.nothing" . }}'],
  ["no value", "{{ .Values.nothing }}"],
  ["has no b", "{{ .Values.nothing.b }}"],
])("a wrong template is found: %s", (fault, source) => {
  const write = () =>
    new ChartTemplates(new Map([["a", source]])).render("a", { Values: { store: "sqlite" } });
  expect(write).toThrow(fault);
});
