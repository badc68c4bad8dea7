import {
  checkHeaders,
  type FlatHeaders,
  flatHeadersFromRecord,
  HEADER,
  isJsonObject,
  isName,
  NAME_CHARS_MAX,
  parseHttpUrl,
  parsePlainOptions,
  RepriseError,
  URL_GROUPS_MAX,
  type UrlGroupResource,
} from "@reprise/protocol";
import { Hono } from "hono";
import type { Endpoint } from "../../core/publish.ts";
import type { EndpointMark } from "../../core/url-group-command.ts";
import { invalidField, type JsonObject, readJsonObject } from "../json-body.ts";
import { toEnvelope } from "../publish-message.ts";
import { checkUrlGroupQuota } from "../quotas.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { toUrlGroupResource } from "../views/url-group.ts";
import { readOptions } from "../workflow-message.ts";

/** `/v2/topics`: names for lists of endpoints. */
export function urlGroupRoutes(room: ApiRoom): Hono<ApiEnv> {
  const { engine, store } = room;
  return new Hono<ApiEnv>()
    .get("/v2/topics", async (c) => {
      const groups = await store.list("urlGroups", {
        where: [],
        order: "ascending",
        limit: URL_GROUPS_MAX,
      });
      return c.json(groups.map(toUrlGroupResource));
    })
    .get("/v2/topics/:name", async (c) => c.json(await findGroup(c.req.param("name"), room)))
    .delete("/v2/topics/:name", async (c) => {
      await engine.execute([{ type: "deleteUrlGroup", name: readName(c.req.param("name")) }]);
      return c.json({});
    })
    .patch("/v2/topics/:name", async (c) => {
      const name = readName(c.req.param("name"));
      const headers = readHeaders(await readJsonObject(c.req.raw), room);
      await engine.execute([{ type: "setUrlGroupHeaders", name, headers }]);
      return c.json({});
    })
    .post("/v2/topics/:name/endpoints", async (c) => {
      const name = readName(c.req.param("name"));
      const endpoints = readList(await readJsonObject(c.req.raw), room).map((value, index) =>
        readEndpoint(value, `endpoints[${index}]`, room),
      );
      await checkUrlGroupQuota(name, room);
      const endpointsMax = room.settings.urlGroupEndpointsMax;
      await engine.execute([{ type: "setEndpoints", name, endpoints, endpointsMax }]);
      return c.json({});
    })
    .delete("/v2/topics/:name/endpoints", async (c) => {
      const name = readName(c.req.param("name"));
      const endpoints = readList(await readJsonObject(c.req.raw), room).map((value, index) =>
        readMark(value, `endpoints[${index}]`),
      );
      await engine.execute([{ type: "removeEndpoints", name, endpoints }]);
      return c.json({});
    });
}

async function findGroup(text: string, { store }: ApiRoom): Promise<UrlGroupResource> {
  const name = readName(text);
  const [group] = await store.find("urlGroups", "byName", [[name]]);
  if (group !== undefined) return toUrlGroupResource(group);
  throw new RepriseError("url_group_not_found", {
    message: `there is no URL group of the name ${name}`,
    details: { urlGroup: name },
  });
}

const NAME_EXPECTED = `1 to ${NAME_CHARS_MAX} letters, digits, hyphens, underscores or dots`;

function readName(text: string): string {
  if (isName(text)) return text;
  throw invalidField("the name of the URL group", NAME_EXPECTED, text);
}

/** A list without endpoints would say nothing; at a removal it must not be taken for "all". */
function readList({ endpoints }: JsonObject, { settings }: ApiRoom): readonly unknown[] {
  const isList = Array.isArray(endpoints);
  if (isList && endpoints.length > 0 && endpoints.length <= settings.urlGroupEndpointsMax) {
    return endpoints;
  }
  const expected = `a list of 1 to ${settings.urlGroupEndpointsMax} endpoints`;
  throw invalidField("endpoints", expected, isList ? endpoints.length : endpoints);
}

function readEndpoint(value: unknown, field: string, { settings }: ApiRoom): Endpoint {
  const { name, url: given } = readMark(value, field);
  if (given === undefined) throw invalidField(`${field}.url`, "a text", given);
  const url = parseHttpUrl(given, `${field}.url`);
  settings.checkEgress(url, `${field}.url`);
  return { ...(name === undefined ? {} : { name }), url };
}

/** An endpoint as a removal names it. Null and the empty text stand for "not given", as one client sends them. */
function readMark(value: unknown, field: string): EndpointMark {
  if (!isJsonObject(value)) throw invalidField(field, "an object with name or url", value);
  const name = readText(value.name, `${field}.name`);
  const url = readText(value.url, `${field}.url`);
  if (name === undefined && url === undefined) {
    throw invalidField(field, "an object with name or url", value);
  }
  if (name !== undefined && !isName(name)) {
    throw invalidField(`${field}.name`, NAME_EXPECTED, name);
  }
  return { ...(name === undefined ? {} : { name }), ...(url === undefined ? {} : { url }) };
}

function readText(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw invalidField(field, "a text", value);
}

/** With these, a publish would not be a publish any more. */
const NOT_DEFAULTS: readonly string[] = [
  HEADER.authorization,
  HEADER.cron,
  HEADER.scheduleId,
  HEADER.notBefore,
  HEADER.deduplicationId,
];

/** Default headers are read as those of a message are, or every publish to the group would be refused later. */
function readHeaders({ headers }: JsonObject, room: ApiRoom): FlatHeaders {
  if (!isJsonObject(headers)) throw invalidField("headers", "an object", headers);
  const set = flatHeadersFromRecord(headers);
  checkHeaders(set);
  const misplaced = NOT_DEFAULTS.find((name) => name in set);
  if (misplaced !== undefined) {
    throw new RepriseError("invalid_header", {
      message: `${misplaced} is not allowed among the default headers of a URL group`,
      details: { header: misplaced },
    });
  }
  const read = { options: readOptions(set, room), plain: parsePlainOptions(set) };
  toEnvelope({ callerIp: "", queueName: null }, read, room);
  return set;
}
