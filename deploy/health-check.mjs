// Ends with 0 when the server in this container answers that it lives. Containers have no curl, and need none.

const { REPRISE_PORT: port = "8080" } = process.env;

try {
  const answer = await fetch(`http://127.0.0.1:${port}/livez`, {
    signal: AbortSignal.timeout(2_000),
  });
  if (!answer.ok) throw new Error(`GET /livez answers ${answer.status}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
