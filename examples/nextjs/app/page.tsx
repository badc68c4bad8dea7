import { OrderDesk } from "./order-desk.tsx";

export default function Page() {
  return (
    <main>
      <h1>A shop with durable workflows</h1>
      <p>
        Order, pay, and see the journal of the order grow. Take the carrier offline to see an order
        fail; the README shows how to resume it from the command line.
      </p>
      <OrderDesk />
    </main>
  );
}
