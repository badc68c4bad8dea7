import { endpoints } from "./endpoints.ts";
import { schemas } from "./schemas.ts";
import { type JsonSchema, toSchema } from "./to-schema.ts";

/** The description of the whole API, as OpenAPI 3.1. */

/** Whoever asks for one of these has no token. */
const OPEN = /^(?:GET \/(?:livez|readyz|startupz|openapi\.json)|\w+ \/v2\/session|ALL )/;

const ERROR: JsonSchema = {
  type: "object",
  properties: { error: { type: "string" }, code: { type: "string" } },
  required: ["error"],
};

export function openApiDocument(version: string): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const endpoint of endpoints) {
    const [verb = "", route = ""] = endpoint.route.split(" ");
    const path = toPath(route);
    const item = paths[path] ?? {};
    paths[path] = item;
    for (const method of verb === "ALL" ? ["get", "post"] : [verb.toLowerCase()]) {
      item[method] = toOperation(endpoint, path);
    }
  }
  const shapes = Object.entries(schemas).map(([name, text]) => [name, toSchema(text)]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Reprise",
      version,
      description:
        "Durable workflows and HTTP messages. Every refusal has the text `error`; docs/errors.md explains each code.",
    },
    servers: [{ url: "." }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: { ...Object.fromEntries(shapes), Refusal: ERROR },
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

type Described = (typeof endpoints)[number];

function toOperation({ route, summary, answer, query }: Described, path: string): JsonSchema {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => {
    return { name, in: "path", required: true, schema: { type: "string" } };
  });
  const inQuery = Array.from(new Set(query), (name) => {
    return { name, in: "query", schema: { type: "string" } };
  });
  const parameters = [...inPath, ...inQuery];
  const content =
    answer === null ? {} : { content: { "application/json": { schema: toSchema(answer) } } };
  return {
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: { "2XX": { description: summary, ...content }, default: REFUSAL },
    ...(OPEN.test(route) ? { security: [] } : {}),
  };
}

const REFUSAL: JsonSchema = {
  description: "A refusal",
  content: { "application/json": { schema: { $ref: "#/components/schemas/Refusal" } } },
};

/** Names of parameters stand in braces; what may hold slashes is one as well. */
function toPath(route: string): string {
  return route.replace(/:(\w+)/g, "{$1}").replace(/\*$/, "{rest}");
}
