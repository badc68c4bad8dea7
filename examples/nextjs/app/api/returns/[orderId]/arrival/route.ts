// The warehouse has unpacked what came back.

import { returnOf } from "../../../../../shop/orders.ts";
import { client } from "../../../../../shop/workflow-client.ts";

interface Place {
  readonly params: Promise<{ readonly orderId: string }>;
}

export async function POST(request: Request, { params }: Place): Promise<Response> {
  const { orderId } = await params;
  const eventData = await request.json();
  const workflowRunId = returnOf(orderId);
  if (workflowRunId === null) {
    return Response.json({ error: `order ${orderId} is not on its way back` }, { status: 404 });
  }
  // With the run id the server keeps an event that comes before the run waits for it.
  await client.notify({ eventId: `returned-${orderId}`, eventData, workflowRunId });
  return Response.json({ workflowRunId });
}
