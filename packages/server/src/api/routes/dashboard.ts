import { RepriseError } from "@reprise/protocol";
import { type Context, Hono } from "hono";
import { checkLoopback, checkTransport } from "../request.ts";
import type { ApiEnv, ApiRoom, DashboardFile, DashboardFiles } from "../room.ts";

/**
 * The dashboard's files. They hold nothing of anybody, so they need no token; what they show comes from the API, which does.
 */
export function dashboardRoutes(room: ApiRoom, files: DashboardFiles): Hono<ApiEnv> {
  const { settings } = room;
  const check = (c: Context<ApiEnv>) => {
    checkTransport(c.env);
    if (settings.isLoopbackOnly) checkLoopback(c.req.raw);
  };
  const fixed = (c: Context<ApiEnv>, path: string) => {
    check(c);
    const file = files.find(path);
    if (file === null) {
      throw new RepriseError("not_found", { message: `there is nothing at ${c.req.path}` });
    }
    return fileResponse(c.req.raw, file, path.startsWith("assets/"));
  };
  return new Hono<ApiEnv>()
    .get("/", (c) => {
      check(c);
      return pageResponse(files.find("index.html"), room);
    })
    .get("/favicon.svg", (c) => fixed(c, "favicon.svg"))
    .get("/assets/:name", (c) => fixed(c, `assets/${c.req.param("name")}`));
}

/** In the page, where the nonce of each answer goes. */
const NONCE_PLACE = "__CSP_NONCE__";
const NONCE_BYTES = 16;

/** Holds for everything that a browser may be shown. */
const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy":
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
} as const;

/** docs/dashboard.md says what each part is for. */
function policyOf(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types preview",
  ].join("; ");
}

function pageResponse(page: DashboardFile | null, { host }: ApiRoom): Response {
  const nonce = Buffer.from(host.randomBytes(NONCE_BYTES)).toString("base64");
  const text = page === null ? NOT_BUILT : Buffer.from(page.body).toString("utf8");
  const bytes = Buffer.from(text.replaceAll(NONCE_PLACE, nonce));
  return new Response(bytes, {
    status: page === null ? 404 : 200,
    headers: {
      ...SECURITY_HEADERS,
      "content-security-policy": policyOf(nonce),
      "content-type": "text/html; charset=utf-8",
      "content-length": String(bytes.byteLength),
      "cache-control": "no-store",
    },
  });
}

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Reprise</title>
<style nonce="${NONCE_PLACE}">body { font: 16px/1.5 sans-serif; margin: 4em auto; max-width: 36em; padding: 0 1em }</style>
<h1>Reprise is running</h1>
<p>The dashboard is not built. In the repository, run</p>
<pre>npm run build --workspace @reprise/dashboard</pre>
<p>and load this page again. The API needs no dashboard.</p>
</html>
`;

const YEAR_SECONDS = 31_536_000;

/** Names of assets change with their content. */
function fileResponse(request: Request, file: DashboardFile, isHashed: boolean): Response {
  const accepted = request.headers.get("accept-encoding") ?? "";
  const encoded = file.encoded.find(({ encoding }) => accepts(accepted, encoding));
  const { body, encoding } = encoded ?? { body: file.body, encoding: null };
  const etag = `"${file.digest}${encoding === null ? "" : `-${encoding}`}"`;
  const headers = {
    ...SECURITY_HEADERS,
    // An image that is opened by itself is a document of this origin.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": isHashed ? `public, max-age=${YEAR_SECONDS}, immutable` : "no-cache",
    etag,
    vary: "accept-encoding",
  };
  if (isKnown(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(body, {
    headers: {
      ...headers,
      ...(encoding === null ? {} : { "content-encoding": encoding }),
      "content-type": file.contentType,
      "content-length": String(body.byteLength),
    },
  });
}

function isKnown(header: string | null, etag: string): boolean {
  const known = header?.split(",").map((text) => text.trim().replace(/^W\//, "")) ?? [];
  return known.includes(etag) || known.includes("*");
}

/** Whether a client takes an encoding; a weight of zero is a refusal. */
function accepts(header: string, encoding: string): boolean {
  return header
    .toLowerCase()
    .split(",")
    .some((part) => {
      const [name, weight = ""] = part.split(";").map((text) => text.trim());
      return name === encoding && !/^q=0(?:\.0*)?$/.test(weight);
    });
}
