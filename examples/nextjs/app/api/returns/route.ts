import { keepReturn } from "../../../shop/orders.ts";
import { client, urlOf } from "../../../shop/workflow-client.ts";

export async function POST(request: Request): Promise<Response> {
  const { orderId } = await request.json();
  const { workflowRunId } = await client.trigger({
    url: urlOf("/api/workflows/return", request),
    body: { orderId },
    label: `return-${orderId}`,
  });
  keepReturn(orderId, workflowRunId);
  return Response.json({ workflowRunId });
}
