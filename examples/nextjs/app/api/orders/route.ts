import { isCarrierOnline, listOrders, type Order } from "../../../shop/orders.ts";
import { client, urlOf } from "../../../shop/workflow-client.ts";

export function GET(): Response {
  return Response.json({ orders: listOrders(), isCarrierOnline: isCarrierOnline() });
}

export async function POST(request: Request): Promise<Response> {
  const order: Order = await request.json();
  const { workflowRunId } = await client.trigger({
    url: urlOf("/api/workflows/order", request),
    body: order,
    label: `order-${order.orderId}`,
    retries: 2,
    retryDelay: "500",
  });
  return Response.json({ workflowRunId });
}
