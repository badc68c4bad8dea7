import type { Server } from "node:http";
import type { Api } from "./api/app.ts";
import type { ServerConfig } from "./config.ts";
import type { Host } from "./host/host.ts";
import { closeServer, createHttpServer, listen, TRANSPORT_LIMITS } from "./transport.ts";

/** Where requests come in. It is there before everything else, so that whoever asks hears why nothing is served yet. */
export interface Front {
  readonly port: number;
  /** From here on `api` answers. */
  serve(api: Api): void;
  close(): Promise<void>;
}

export interface FrontOptions {
  readonly config: ServerConfig;
  readonly host: Host;
  /** Answers until `serve` is called. */
  readonly first: Api;
  /** Takes what is no request of its own: connections of apps. */
  readonly attach: (server: Server) => void;
}

/** @throws the system's error when the port is taken, or the address is not this machine's. */
export async function openFront(options: FrontOptions): Promise<Front> {
  const { config, host, first, attach } = options;
  let current = first;
  const api: Api = { fetch: (request, peer) => current.fetch(request, peer) };
  const openServer = () => {
    const server = createHttpServer(api, host, {
      ...TRANSPORT_LIMITS,
      connectionsMax: config.connectionsMax,
      headerBytesMax: config.headerBytesMax,
    });
    attach(server);
    return server;
  };
  const { servers, port } = await listenAll(openServer, config, host);
  return {
    port,
    serve: (next) => {
      current = next;
    },
    close: async () => {
      await Promise.all(servers.map((server) => closeServer(server, host)));
    },
  };
}

/**
 * Listens at the host of the configuration, and in development at the other `localhost` as well: the name has two addresses, and some
 * clients try the IPv6 one alone. A port that the system picks belongs to one address only.
 */
async function listenAll(
  openServer: () => Server,
  { mode, host: name, port: wanted }: ServerConfig,
  host: Host,
): Promise<{ readonly servers: readonly Server[]; readonly port: number }> {
  const server = openServer();
  const port = await listen(server, name, wanted);
  if (mode !== "development" || name !== "127.0.0.1" || wanted === 0) {
    return { servers: [server], port };
  }
  const twin = openServer();
  try {
    await listen(twin, "::1", port);
    return { servers: [server, twin], port };
  } catch (error) {
    if (isWithoutIpv6(error)) return { servers: [server], port };
    // Whoever has the port there would be taken for this server.
    await closeServer(server, host);
    throw error;
  }
}

function isWithoutIpv6(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
}
