// Lambda, by the events of each of its front doors.

import type { IncomingMessage } from "node:http";
import {
  createWorkflow,
  type LambdaEvent,
  type LambdaHandler,
  type LambdaResult,
  serve,
  serveMany,
  verifySignature,
} from "@reprise/sdk/lambda";
import type {
  ALBEvent,
  ALBResult,
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2,
  APIGatewayProxyResult,
  APIGatewayProxyResultV2,
  Handler,
  LambdaFunctionURLEvent,
} from "aws-lambda";
import { adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";
import { listenTo } from "./world.ts";

/** What a front door makes of a request. */
type ToEvent = (request: IncomingMessage, body: Buffer) => LambdaEvent;

function lambdaSuite(name: string, toEvent: ToEvent): void {
  adapterSuite(name, async ({ signed, open, prefixed, config }) => {
    const many = serveMany({
      order: createWorkflow(order, signed),
      mirror: createWorkflow(mirror, signed),
    });
    const message = verifySignature(async (event: LambdaEvent): Promise<LambdaResult> => {
      const { body, isBase64Encoded = false } = event;
      return { statusCode: 200, body: body ?? "", isBase64Encoded };
    }, config);
    const routes: Record<string, LambdaHandler> = {
      "/order": serve(order, signed),
      "/order-text": serve(mirror, signed),
      "/failing": serve(failing, { ...signed, ...failingOptions }),
      "/open": serve(mirror, open),
      "/prefixed": serve(mirror, prefixed),
      "/message": message,
    };
    return listenTo(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const [path = ""] = (request.url ?? "").split("?");
      const event = toEvent(request, Buffer.concat(chunks));
      const answer = await (routes[path] ?? many)(event);
      response.writeHead(answer.statusCode, { ...answer.headers, ...answer.multiValueHeaders });
      response.end(Buffer.from(answer.body, answer.isBase64Encoded ? "base64" : "utf8"));
    });
  });
}

const textHeaders = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

/** As the front doors send them: plain HTTP is theirs alone to know. */
const plain = { "x-forwarded-proto": "http" };

lambdaSuite("Lambda behind an HTTP API or a function URL", (request, body) => {
  const [rawPath = "/", rawQueryString = ""] = (request.url ?? "").split("?");
  return {
    rawPath,
    rawQueryString,
    headers: { ...textHeaders(request), ...plain },
    requestContext: { http: { method: request.method ?? "GET", path: rawPath } },
    ...(body.length === 0 ? {} : { body: body.toString("base64") }),
    isBase64Encoded: body.length > 0,
  };
});

lambdaSuite("Lambda behind a REST API", (request, body) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const headers = { ...textHeaders(request), ...plain };
  const names = Object.entries(headers).map(([name, value]) => [titleCase(name), value]);
  return {
    httpMethod: request.method ?? "GET",
    path: pathname,
    headers: Object.fromEntries(names),
    multiValueHeaders: Object.fromEntries(names.map(([name, value]) => [name, [value]])),
    queryStringParameters: searchParams.size === 0 ? null : Object.fromEntries(searchParams),
    multiValueQueryStringParameters: null,
    requestContext: { path: pathname },
    body: body.length === 0 ? null : body.toString(),
    isBase64Encoded: false,
  };
});

lambdaSuite("Lambda behind a load balancer with headers of many values", (request, body) => {
  const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
  const headers = Object.entries({ ...textHeaders(request), ...plain });
  const pairs = search === "" ? [] : search.slice(1).split("&");
  return {
    httpMethod: request.method ?? "GET",
    path: pathname,
    multiValueHeaders: Object.fromEntries(headers.map(([name, value]) => [name, [value]])),
    multiValueQueryStringParameters: Object.fromEntries(
      pairs.map((pair) => pair.split("=")).map(([name = "", value = ""]) => [name, [value]]),
    ),
    requestContext: { elb: { targetGroupArn: "arn:aws:elasticloadbalancing:1" } },
    body: body.toString(),
    isBase64Encoded: false,
  };
});

function titleCase(name: string): string {
  return name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
}

// What AWS declares is what the adapter takes and gives; the compiler checks it.
export const restHandler: Handler<APIGatewayProxyEvent, APIGatewayProxyResult> = serve(mirror);
export const httpHandler: Handler<APIGatewayProxyEventV2, APIGatewayProxyResultV2> = serve(mirror);
export const urlHandler: Handler<LambdaFunctionURLEvent, APIGatewayProxyResultV2> = serve(mirror);
export const balancedHandler: Handler<ALBEvent, ALBResult> = serve(mirror);
