import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import {
  createServer,
  getCACertificates,
  setDefaultCACertificates,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Outcome } from "../core/outcome.ts";
import { type Certificate, makeCertificate } from "./certificates.suite.ts";
import { createEgress } from "./egress.ts";
import { SystemFetch } from "./system-fetch.ts";

const NAME = "app.example";
const authority = makeCertificate({ name: "an authority", isAuthority: true });
const issuer = { name: "an authority", key: authority.key };
const good = makeCertificate({ name: NAME, issuer });

const trustedBefore = getCACertificates("default");
beforeAll(() => setDefaultCACertificates([...trustedBefore, authority.cert]));
afterAll(() => setDefaultCACertificates(trustedBefore));

const clients: SystemFetch[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

function openClient(): SystemFetch {
  const client = new SystemFetch({
    ...{ connectionsPerOrigin: 1, originsMax: 10, idleMs: 60_000 },
    egress: createEgress({ mode: "allow-private", allow: [] }),
    resolve: async () => [{ address: "127.0.0.1", family: 4 }],
  });
  clients.push(client);
  return client;
}

function ask(client: SystemFetch, port: number, headers: Readonly<Record<string, string>> = {}) {
  const limits = { timeoutMs: 60_000, responseBytesMax: 65_536 };
  return client.fetch({
    url: `https://${NAME}:${port}/`,
    method: "POST",
    headers,
    body: "",
    ...limits,
  });
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A server that answers 200 to whoever completes the handshake; counts requests and keeps the names that were asked for. */
async function openTls(certificate: Certificate, options: TlsOptions = {}) {
  const served: (string | false | null)[] = [];
  const { key, cert } = certificate;
  const server = createServer({ key, cert, ...options }, (socket: TLSSocket) => {
    socket.on("error", () => {});
    socket.on("data", () => {
      served.push(socket.servername);
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
  });
  server.on("tlsClientError", () => {});
  return { port: await listen(server), served };
}

test("a certificate of a trusted authority for this name is good", async () => {
  const { port, served } = await openTls(good);
  const client = openClient();
  for (let round = 0; round < 2; round += 1) {
    expect(await ask(client, port)).toMatchObject({ type: "response", status: 200 });
  }
  expect(served).toEqual([NAME, NAME]);
});

test("the name of the handshake is the URL's, whatever a Host header says", async () => {
  const { port, served } = await openTls(good);
  expect(await ask(openClient(), port, { host: "other.example" })).toMatchObject({ status: 200 });
  expect(served).toEqual([NAME]);
  const other = await openTls(makeCertificate({ name: "other.example", issuer }));
  const outcome = await ask(openClient(), other.port, { host: "other.example" });
  expect(outcome).toMatchObject({ type: "error", cause: "tls" });
  expect(other.served).toEqual([]);
});

const DAY_MS = 86_400_000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY_MS);

test.each<[string, Certificate, RegExp]>([
  [
    "has expired",
    makeCertificate({ name: NAME, issuer, notBefore: daysFromNow(-9), notAfter: daysFromNow(-2) }),
    /^certificate has expired$/,
  ],
  [
    "is not valid yet",
    makeCertificate({ name: NAME, issuer, notBefore: daysFromNow(2), notAfter: daysFromNow(9) }),
    /^certificate is not yet valid$/,
  ],
  ["has signed itself", makeCertificate({ name: NAME }), /^self-signed certificate$/],
  [
    "is of an unknown authority",
    makeCertificate({
      name: NAME,
      issuer: { name: "nobody", key: makeCertificate({ name: "nobody" }).key },
    }),
    /^unable to verify the first certificate$/,
  ],
  [
    "is for another name",
    makeCertificate({ name: "other.example", issuer }),
    /^Hostname\/IP does not match certificate's altnames: Host: app\.example\. is not in the cert's altnames: DNS:other\.example$/,
  ],
])(
  "a certificate that %s fails the attempt, and nothing is sent",
  async (_name, certificate, reason) => {
    const { port, served } = await openTls(certificate);
    const client = openClient();
    for (let round = 0; round < 2; round += 1) {
      expect(await ask(client, port)).toEqual({
        type: "error",
        cause: "tls",
        message: expect.stringMatching(reason),
      });
    }
    expect(served).toEqual([]);
  },
);

test.each<[string, TlsOptions, string]>([
  [
    "of the past alone",
    { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" },
    "TLS failed: tlsv1 alert protocol version",
  ],
  [
    "with no cipher in common",
    { maxVersion: "TLSv1.2", ciphers: "PSK-AES128-CBC-SHA256" },
    "TLS failed: ssl/tls alert handshake failure",
  ],
])("a server that speaks TLS %s is a matter of TLS", async (_name, options, message) => {
  const { port, served } = await openTls(good, options);
  const outcome = await ask(openClient(), port);
  expect(outcome).toEqual({ type: "error", cause: "tls", message });
  expect(served).toEqual([]);
});

test("a server that wants a certificate of ours fails the attempt", async () => {
  const { port, served } = await openTls(good, { requestCert: true, rejectUnauthorized: true });
  const outcome = await ask(openClient(), port);
  expect(outcome).toMatchObject({ type: "error" });
  expect(served).toEqual([]);
});

test("a server that does not know the name fails the attempt", async () => {
  const { port } = await openTls(good, {
    SNICallback: (_name, callback) => callback(new Error("unknown name")),
  });
  const outcome = await ask(openClient(), port);
  expect(outcome).toMatchObject({ type: "error" });
});

test.each<[string, (socket: Socket) => void, string]>([
  ["speaks plain HTTP", (socket) => void socket.end("HTTP/1.1 400 No\r\n\r\n"), "tls"],
  ["ends within the handshake", (socket) => void socket.end("\x16\x03\x03"), "reset"],
  ["resets within the handshake", (socket) => void socket.resetAndDestroy(), "reset"],
  ["is silent within the handshake", () => {}, "timeout"],
])("a server that %s ends the attempt and frees the connection", async (_name, talk, cause) => {
  let connections = 0;
  let closed = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    socket.on("close", () => {
      closed += 1;
    });
    socket.once("data", () => talk(socket));
  });
  const port = await listen(server);
  const client = openClient();
  const limits = { timeoutMs: cause === "timeout" ? 150 : 60_000, responseBytesMax: 1_000 };
  const request = {
    url: `https://${NAME}:${port}/`,
    method: "POST",
    headers: {},
    body: "",
    ...limits,
  };
  for (let round = 1; round <= 3; round += 1) {
    const outcome = await client.fetch(request);
    expect(outcome).toMatchObject({ type: "error", cause });
    expect(messageOf(outcome)).toMatch(/^[\x20-\x7e]{10,300}$/);
    // On a busy machine the deadline may come before the server hears of the connection.
    await expect.poll(() => connections).toBe(round);
  }
  await expect.poll(() => closed).toBe(3);
});

function messageOf(outcome: Outcome): string {
  return outcome.type === "error" ? outcome.message : "";
}
