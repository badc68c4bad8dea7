import { createServer, type Socket } from "node:net";

/** How a destination misbehaves: when a connection is there, or when the head of a request is. */
export interface Misdeed {
  readonly onConnect?: (socket: Socket) => void;
  readonly onRequest?: (socket: Socket) => void;
  /** Reads nothing of what is sent to it. */
  readonly isDeaf?: boolean;
}

export interface HostileServer {
  readonly url: string;
  /** Connections that are open now. */
  readonly open: () => number;
  /** Paths that were asked for, in order. */
  readonly paths: readonly string[];
  readonly close: () => Promise<void>;
}

const HEALTHY = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhealthy";

/** A destination on loopback that misbehaves on its first connection and at the path `/bad`, and is healthy besides. */
export async function openHostile(misdeed: Misdeed): Promise<HostileServer> {
  const sockets = new Set<Socket>();
  const paths: string[] = [];
  let connections = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1;
    // One that reads nothing does not learn that it was closed.
    for (const other of sockets) other.resume();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // Both sides end connections as they like.
    socket.on("error", () => {});
    if (connections === 1) {
      misdeed.onConnect?.(socket);
      if (misdeed.isDeaf === true) return;
    }
    let head = "";
    socket.on("data", (chunk) => {
      head += chunk.toString("latin1");
      // A part of a body is no request.
      if (!/^[A-Z]+ \//.test(head)) head = "";
      if (!head.includes("\r\n\r\n")) return;
      const path = head.split(" ")[1] ?? "";
      head = "";
      paths.push(path);
      if (path !== "/bad") socket.write(HEALTHY);
      else misdeed.onRequest?.(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    open: () => sockets.size,
    paths,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers with these bytes, all at once. */
export function say(...parts: readonly string[]): Misdeed {
  return { onRequest: (socket) => void socket.write(parts.join(""), "latin1") };
}

/** Answers with these bytes and ends the connection. */
export function sayAndEnd(...parts: readonly string[]): Misdeed {
  return { onRequest: (socket) => void socket.end(parts.join(""), "latin1") };
}

/** Answers with `start` and then with `again`, over and over, every few milliseconds. */
export function drip(start: string, again: string, everyMs = 5): Misdeed {
  return {
    onRequest: (socket) => {
      socket.write(start, "latin1");
      const timer = setInterval(() => socket.write(again, "latin1"), everyMs);
      socket.on("close", () => clearInterval(timer));
    },
  };
}

/** Answers with `start` and then with `again` as fast as it is taken. */
export function flood(start: string, again: string): Misdeed {
  return {
    onRequest: (socket) => {
      socket.write(start, "latin1");
      const pour = (): void => {
        while (!socket.destroyed && socket.write(again, "latin1"));
      };
      socket.on("drain", pour);
      pour();
    },
  };
}
