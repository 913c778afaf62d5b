// An agent with the official client of x402 version 1 asks for URL and pays for it.
// usage: node client.mjs URL PRIVATE_KEY; prints {"status","body","settlement","paymentId"}.
import { privateKeyToAccount } from "viem/accounts";
import { decodeXPaymentResponse, wrapFetchWithPayment } from "x402-fetch";

const [url, key] = process.argv.slice(2);
const answer = await wrapFetchWithPayment(fetch, privateKeyToAccount(key))(url, { method: "GET" });
const paid = answer.headers.get("X-PAYMENT-RESPONSE");
console.log(JSON.stringify({
  status: answer.status,
  body: await answer.text(),
  settlement: paid && decodeXPaymentResponse(paid),
  paymentId: answer.headers.get("X-Payment-Id"),
}));
