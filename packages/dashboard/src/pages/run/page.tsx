import { useParams } from "@tanstack/react-router";
import { PageHead } from "../../parts/page.tsx";

export function Page() {
  const { runId } = useParams({ from: "/runs/$runId" });
  return <PageHead title={runId} />;
}
