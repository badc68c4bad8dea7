import { parseDurationMs } from "@reprise/protocol";
import { parse } from "yaml";
import { readFile, stopMs, unknownSettings } from "./settings.ts";

/** What we want of a compose file. The compose program itself is not asked: it is not on every machine. */

interface Service {
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly privileged?: boolean;
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, { readonly file: string }>>;
}

export function readCompose(path: string): Compose {
  return parse(readFile(path), { strict: true, uniqueKeys: true, version: "1.2" });
}

export function composeFaults(compose: Compose): readonly string[] {
  const services = Object.entries(compose.services);
  return services.flatMap(([name, service]) =>
    [
      ...hardeningFaults(service),
      ...nameFaults(compose, service),
      ...(service.image?.startsWith("reprise:") ? serverFaults(service) : []),
    ].map((fault) => `${name} ${fault}`),
  );
}

function hardeningFaults(service: Service): readonly string[] {
  const rules: readonly (readonly [boolean, string])[] = [
    [service.read_only === true, "can write to its root"],
    [service.tmpfs?.some((mount) => mount.startsWith("/tmp")) ?? false, "has no /tmp"],
    [service.security_opt?.includes("no-new-privileges:true") ?? false, "can gain privileges"],
    [service.cap_drop?.includes("ALL") ?? false, "keeps capabilities"],
    [service.privileged !== true, "is privileged"],
    [service.healthcheck !== undefined, "has no health check"],
    [/:[\w.-]*\w$/.test(service.image ?? ""), "has an image without a version"],
    [!service.image?.endsWith(":latest"), "has the latest image, whichever that is"],
    [service.ports?.every((port) => port.startsWith("127.0.0.1:")) ?? true, "listens everywhere"],
  ];
  return rules.filter(([isKept]) => !isKept).map(([, fault]) => fault);
}

/** Names of networks, volumes, secrets and other services that are declared nowhere. */
function nameFaults(compose: Compose, service: Service): readonly string[] {
  const networks = Array.isArray(service.networks)
    ? service.networks
    : Object.keys(service.networks ?? {});
  const volumes = (service.volumes ?? [])
    .map((volume) => volume.split(":")[0] ?? "")
    .filter((volume) => !/^[./]/.test(volume));
  const environment = Object.entries(service.environment ?? {});
  const files = environment
    .filter(([, value]) => String(value).startsWith("/run/secrets/"))
    .map(([, value]) => value.slice("/run/secrets/".length));
  const absent = (kind: string, names: readonly string[], all: object | undefined) =>
    names
      .filter((name) => !Object.hasOwn(all ?? {}, name))
      .map((name) => `names the ${kind} ${name}, which is not declared`);
  const given = Object.fromEntries((service.secrets ?? []).map((name) => [name, true]));
  return [
    ...absent("network", networks, compose.networks),
    ...absent("volume", volumes, compose.volumes),
    ...absent("secret", service.secrets ?? [], compose.secrets),
    ...absent("secret of its own", files, given),
    ...absent("service", Object.keys(service.depends_on ?? {}), compose.services),
    ...unknownSettings(environment.map(([name]) => name)).map((name) => `sets ${name}`),
    ...environment
      .filter(([name, value]) => SECRET.test(name) && isLiteral(value))
      .map(([name]) => `has ${name} in the file`),
  ];
}

/** A name that ends with `_FILE` says where the secret is. */
const SECRET = /(TOKEN|KEY|PASSWORD|DATABASE_URL)$/;

const isLiteral = (value: string): boolean => value !== "" && !String(value).startsWith("$");

function serverFaults(service: Service): readonly string[] {
  const wantedMs = stopMs(service.environment ?? {});
  const graceMs = parseDurationMs(service.stop_grace_period ?? "10s", "stop_grace_period");
  return [
    ...(graceMs >= wantedMs ? [] : [`is killed after ${graceMs} ms, and needs ${wantedMs}`]),
    ...(service.healthcheck?.test.join(" ") === "CMD node /opt/reprise/bin/health-check.mjs"
      ? []
      : ["is not asked for its health by its own check"]),
  ];
}
