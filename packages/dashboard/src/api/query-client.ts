import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./client.ts";

const RETRIES_MAX = 2;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      // What the server refuses it refuses again.
      retry: (count, error) =>
        count < RETRIES_MAX &&
        !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});
