import type { Server } from "node:http";
import { ConnectedRegistry, type RegistryLimits } from "./api/connected/registry.ts";
import type { ApiRoom, ApiSettings } from "./api/room.ts";
import { submitLines } from "./api/submit-lines.ts";
import { ConnectDoor, type DoorLimits } from "./connect-door.ts";
import type { ConnectedApps } from "./engine/connected-apps.ts";
import type { Limits } from "./engine/limits.ts";
import type { Host } from "./host/host.ts";
import { answer } from "./transport.ts";

/** Everything of a server that apps need to connect to it. */
export interface Connected {
  /** For the engine, which is there before apps may connect. */
  readonly apps: ConnectedApps;
  /** Lets apps in by this server. */
  attach(server: Server): void;
  /** From here on apps are welcome. */
  open(room: ApiRoom): void;
  /** Gives apps nothing more, and tells them to connect anew. */
  drain(): void;
  close(): Promise<void>;
}

/** Everything that limits connections of apps. */
export type ConnectedLimits = RegistryLimits & DoorLimits;

/** What a frame may hold beside what an app submits. */
const FRAME_MARGIN_BYTES = 1024 * 1024;

/** Time in which connections may say goodbye before they are cut. */
const GOODBYE_MS = 1_000;

export function createConnected(parts: {
  readonly host: Host;
  readonly settings: ApiSettings;
  readonly connectedLimits: Partial<ConnectedLimits>;
}): Connected {
  const { host, settings } = parts;
  const limits = { ...toConnectedLimits(settings), ...parts.connectedLimits };
  const registry = new ConnectedRegistry({ host, limits });
  const door = new ConnectDoor({ host, registry, settings, limits, answer });
  return {
    apps: registry,
    attach: (server) => door.attach(server),
    open: (room) => {
      const { credentials } = room;
      registry.open({ credentials, submit: (submission) => submitLines(submission, room) });
    },
    drain: () => registry.drain(),
    close: async () => {
      registry.close();
      await door.close(GOODBYE_MS);
    },
  };
}

export function toConnectedLimits(limits: Limits): ConnectedLimits {
  return {
    parallelismMax: limits.connectedParallelismMax,
    silenceMs: limits.connectedSilenceMs,
    authFailuresMax: limits.authFailuresMax,
    frameBytesMax: limits.batchBytesMax + FRAME_MARGIN_BYTES,
    helloMs: 10_000,
    helloBytesMax: 16 * 1024,
    bufferedBytesMax: 4 * 1024 * 1024,
    pendingBytesMax: 32 * 1024 * 1024,
    checkMs: 1_000,
  };
}
