// A server that sells GET /thing by the official kit, version 2, and has its payments settled by
// the facilitator given. Prints "listening PORT"; ends with its standard input.
// usage: node server.mjs FACILITATOR_URL TOKEN PAY_TO
import { createServer } from "node:http";
import { HTTPFacilitatorClient, x402HTTPResourceServer, x402ResourceServer } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";

const [url, token, payTo] = process.argv.slice(2);
const auth = { Authorization: `Bearer ${token}` };
const facilitator = new HTTPFacilitatorClient({
  url,
  createAuthHeaders: async () => ({ verify: auth, settle: auth, supported: auth }),
});
const kit = new x402ResourceServer(facilitator).register("eip155:84532", new ExactEvmScheme());
const shop = new x402HTTPResourceServer(kit, {
  "GET /thing": {
    accepts: [{ scheme: "exact", network: "eip155:84532", price: "$0.01", payTo }],
    description: "a thing",
    mimeType: "text/plain",
  },
});
await shop.initialize();

function adapter(request) {
  const target = new URL(request.url, `http://${request.headers.host}`);
  return {
    getHeader: (name) => request.headers[name.toLowerCase()],
    getMethod: () => request.method,
    getPath: () => target.pathname,
    getUrl: () => target.href,
    getAcceptHeader: () => request.headers.accept ?? "",
    getUserAgent: () => request.headers["user-agent"] ?? "",
  };
}

function send(answer, { status, headers, body }) {
  answer.writeHead(status, headers);
  answer.end(typeof body === "string" ? body : JSON.stringify(body ?? {}));
}

async function serve(request, answer) {
  const asked = adapter(request);
  const context = {
    adapter: asked,
    path: asked.getPath(),
    method: request.method,
    paymentHeader: asked.getHeader("PAYMENT-SIGNATURE") ?? asked.getHeader("X-PAYMENT"),
  };
  const found = await shop.processHTTPRequest(context);
  if (found.type === "payment-error") {
    send(answer, found.response);
    return;
  }
  if (found.type !== "payment-verified") {
    send(answer, { status: 404, headers: {}, body: "" });
    return;
  }
  const body = "the thing";
  const settled = await shop.processSettlement(found.paymentPayload, found.paymentRequirements,
    found.declaredExtensions, { request: context, responseBody: Buffer.from(body) });
  if (!settled.success) {
    send(answer, settled.response);
    return;
  }
  send(answer, { status: 200, headers: { "Content-Type": "text/plain", ...settled.headers }, body });
}

const server = createServer((request, answer) => {
  serve(request, answer).catch((error) => {
    send(answer, { status: 500, headers: {}, body: String(error.stack ?? error) });
  });
});
server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
process.stdin.resume().on("end", () => process.exit(0));
