const PAUSE_MS = 20;
const TRIES_MAX = 3_000;

/**
 * Starts something again at the port that it had before. Whoever asks for any port may have been given that one meanwhile, an outgoing
 * connection for example: then it is tried again until it is free.
 */
export async function onSamePort<T>(start: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (!isTaken(error) || tries === TRIES_MAX) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
