// An agent with the official client of x402 version 2 asks for URL and pays for it.
// usage: node client.mjs URL PRIVATE_KEY; prints {"status","body","settlement","paymentId"}.
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { privateKeyToAccount } from "viem/accounts";

const [url, key] = process.argv.slice(2);
const client = new x402Client().register("eip155:*", new ExactEvmScheme(privateKeyToAccount(key)));
const answer = await wrapFetchWithPayment(fetch, client)(url, { method: "GET" });
const paid = answer.headers.get("PAYMENT-RESPONSE");
console.log(JSON.stringify({
  status: answer.status,
  body: await answer.text(),
  settlement: paid && decodePaymentResponseHeader(paid),
  paymentId: answer.headers.get("X-Payment-Id"),
}));
