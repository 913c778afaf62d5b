#!/usr/bin/env python3
"""Real answers of every route and status class, held against the served OpenAPI document."""


import kit
import kit_schema

service = kit.Service(epoch_receipts_max=5, head_interval_ms=50)
answer = service.get("/openapi.json")
document = answer.json()
api = kit_schema.OpenApi(document)
signer = kit.kit_receipts.Signer(kit.ED25519, "openapi")
ZERO = "0" * 64
maker = kit.kit_receipts.Maker(24)


def ask(method, target, body=None, token=None, status=None, **headers):
    """One request whose answer must be as described."""
    got = service.client.request(method, target, body, headers, token)
    if status is not None:
        kit.equal(got.status, status, f"{method} {target}: {got!r}")
    api.judge(method, target, got)
    return got


def admin(method, target, body=None, status=200):
    return ask(method, target, body, service.token, status)


def operations():
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


with kit.case("the document: references lead somewhere, examples fit, nothing is unused"):
    api.judge("GET", "/openapi.json", answer)
    kit.equal(document["openapi"], "3.1.0")

    def walk(value):
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                api.follow(value)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)
    for mapped in document["components"]["schemas"]["ReceiptBody"]["discriminator"][
            "mapping"].values():
        api.follow({"$ref": mapped})
    for kind, parts in document["components"].items():
        if kind != "securitySchemes":
            unused = {name for name in parts if f"#/components/{kind}/{name}" not in api.used}
            # Alternatives of the body are reached through it.
            kit.equal(unused, set(), kind)
    count = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            api.check(schema, example, f"example of {name}")
            count += 1
    assert count >= 15, count
    tags = [tag["name"] for tag in document["tags"]]
    for path, method, operation in operations():
        assert set(operation["tags"]) <= set(tags), path
        assert "summary" in operation and "security" in operation, path

with kit.case("the validator refuses: 12 documents that do not fit"):
    placement = document["components"]["schemas"]["Placement"]["examples"][0]
    bad = [("Placement", {**placement, "more": 1}), ("Placement", {**placement, "epoch": -1}),
           ("Placement", {**placement, "status": "lost"}),
           ("Placement", {**placement, "logged_at": "2026-11-21T10:00:00Z"}),
           ("Placement", {**placement, "replayed": 0}), ("Placement", []),
           ("Placement", {**placement, "receipt_hash": "AB" * 32}),
           ("Placement", {k: v for k, v in placement.items() if k != "epoch"}),
           ("Problem", {"code": "NO_SUCH_CODE"}), ("Path", [ZERO] * 65),
           ("ReceiptBody", {"receipt_type": "tool"}), ("TokenRequest", {"name": "a", "scopes": []})]
    for name, value in bad:
        try:
            api.check({"$ref": "#/components/schemas/" + name}, value)
        except kit_schema.Mismatch:
            continue
        raise AssertionError(f"{name} took {value}")

with kit.case("signers and tokens"):
    request = {"signer_pubkey": signer.key, "name": "openapi", "signer_type": "worker"}
    admin("POST", "/v1/signers", request, 201)
    admin("POST", "/v1/signers", request, 200)
    admin("POST", "/v1/signers", {**request, "signer_type": "x"}, 422)
    admin("POST", "/v1/signers", "{", 400)
    ask("POST", "/v1/signers", request, None, 401)
    ask("GET", "/v1/signers", status=200)
    ask("GET", "/v1/signers?limit=0", status=400)
    ask("GET", "/v1/signers/" + signer.key, status=200)
    ask("GET", "/v1/signers/" + ZERO, status=404)
    made = admin("POST", "/v1/tokens", {"name": "reader", "scopes": ["read"]}, 201).json()
    admin("POST", "/v1/tokens", {"name": "gone", "scopes": ["audit", "attest"],
                                 "expires_at": "2099-01-01T00:00:00Z"}, 201)
    admin("POST", "/v1/tokens", {"name": "", "scopes": ["read"]}, 422)
    ask("POST", "/v1/tokens", {"name": "x", "scopes": ["read"]}, made["token"], 403)
    admin("GET", "/v1/tokens?limit=1")
    admin("POST", f"/v1/tokens/{made['id']}/revoke", "")
    ask("GET", "/v1/tokens", token=made["token"], status=401)
    admin("POST", "/v1/tokens/ffffffffffffffff/revoke", "", 404)

with kit.case("tariff, accounts, postings"):
    account = "/v1/accounts/" + signer.key
    key = {"Idempotency-Key": "openapi-1"}
    admin("PUT", "/v1/gas/tariff", {"igas": "1000000000", "mgas": "5000000000"})
    admin("PUT", "/v1/gas/tariff", {"igas": "1", "mgas": 5}, 422)
    admin("PUT", "/v1/gas/tariff", "{", 400)
    ask("PUT", "/v1/gas/tariff", {"igas": "1", "mgas": "1"}, status=401)
    ask("GET", "/v1/gas/tariff", status=200)
    ask("GET", "/v1/gas/tariff?as_of=1", status=200)
    ask("GET", "/v1/gas/tariff?as_of=99999", status=400)
    ask("GET", "/v1/gas/tariff/history", status=200)
    ask("POST", account + "/deposits", {"amount": "7", "note": "a"}, service.token, 201, **key)
    ask("POST", account + "/deposits", {"amount": "7", "note": "a"}, service.token, 200, **key)
    ask("POST", account + "/deposits", {"amount": "8"}, service.token, 409, **key)
    admin("POST", account + "/deposits", {"amount": "8"}, 422)
    ask("POST", f"/v1/accounts/{ZERO}/deposits", {"amount": "8"}, service.token, 404, **key)
    admin("PUT", account + "/credit-limit", {"credit_limit": "5"})
    admin("PUT", account + "/credit-limit", {"credit_limit": -5}, 422)
    admin("PUT", f"/v1/accounts/{ZERO}/credit-limit", {"credit_limit": "5"}, 404)
    for path in ("/v1/accounts", account, account + "/postings", "/v1/postings",
                 "/v1/trial-balance"):
        admin("GET", path)
        admin("GET", path + "?as_of=1")
        admin("GET", path + "?as_of=x", status=400)
        ask("GET", path, status=401)
    admin("GET", "/v1/accounts?class=signer&unit=LUCID&limit=1")
    admin("GET", "/v1/accounts/payee:nobody:USDC", status=404)
    admin("GET", f"/v1/accounts/{ZERO}/postings", status=404)
    admin("GET", "/v1/postings?cause=1&after_sequence=2&from=2026-01-01T00:00:00Z")

with kit.case("receipts of every type, alone and in a batch"):
    ask("GET", "/v1/epochs/current", status=404)
    bodies = maker.bodies(len(kit.kit_receipts.TYPES))
    for body in bodies:
        api.check({"$ref": "#/components/schemas/ReceiptBody"}, body)
    envelopes = signer.seal_all(bodies)
    for envelope in envelopes:
        api.check({"$ref": "#/components/schemas/Envelope"}, envelope.members())
        ask("POST", "/v1/receipts", envelope.wire(), status=201)
    ask("POST", "/v1/receipts", envelopes[0].wire(), status=200)
    ask("POST", "/v1/receipts", "[]", status=422)
    ask("POST", "/v1/receipts", "{", status=400)
    tampered = envelopes[0].members()
    ask("POST", "/v1/receipts", {**tampered, "signer_pubkey": ZERO}, status=403)
    ask("POST", "/v1/receipts", {**tampered, "receipt_hash": ZERO}, status=422)
    other = signer.seal({**bodies[2], "latency_ms": 1})
    ask("POST", "/v1/receipts", other.wire(), status=409)
    ask("POST", "/v1/receipts", "x" * (600 << 10), status=413)
    ask("POST", "/v1/receipts", "<a/>", status=415, **{"Content-Type": "application/xml"})
    lines = [envelopes[0].wire(), b"{", other.wire(),
             signer.seal(maker.body("tool")).wire()]
    got = ask("POST", "/v1/receipts/batch", b"".join(line + b"\n" for line in lines), status=200)
    kit.equal([line["http_status"] for line in got.lines()], [200, 400, 409, 201])
    ask("POST", "/v1/receipts/batch", "x", status=415, **{"Content-Encoding": "gzip"})

with kit.case("reading: receipts, proofs, log, epochs, checkpoint"):
    head = service.covered(7)
    receipt = "/v1/receipts/" + envelopes[0].hash
    admin("GET", receipt)
    ask("GET", receipt, status=401)
    admin("GET", "/v1/receipts/run_openapi_nothing", status=404)
    ask("GET", receipt + "/proof", status=200)
    sized = ask("GET", f"{receipt}/proof?tree_size={head.size}", status=200)
    ask("GET", f"{receipt}/proof?tree_size={head.size}", status=304,
        **{"If-None-Match": sized.header("etag")})
    ask("GET", receipt + "/proof?tree_size=0", status=400)
    ask("GET", f"/v1/receipts/{ZERO}/proof", status=404)
    ask("GET", receipt + "/verify", status=200)
    ask("GET", f"/v1/consistency?from=3&to={head.size}", status=200)
    ask("GET", "/v1/consistency?from=0&to=0", status=200)
    ask("GET", "/v1/consistency?from=0", status=400)
    for path in ("/v1/log", "/v1/mmr", "/v1/mmr?size=3", "/v1/epochs", "/v1/epochs?limit=1",
                 "/v1/epochs/0", "/v1/epochs/current", "/v1/epochs/0/receipts?limit=2",
                 "/healthz", "/readyz", "/metrics"):
        ask("GET", path, status=200)
    ask("GET", "/v1/mmr?size=99999", status=400)
    ask("GET", "/v1/epochs/99", status=404)
    ask("GET", "/v1/epochs/99/receipts", status=404)
    tag = ask("GET", "/checkpoint", status=200).header("etag")
    ask("GET", "/checkpoint", status=304, **{"If-None-Match": tag})
    admin("POST", "/v1/epochs/current/finalize", "")
    admin("POST", "/v1/epochs/current/finalize", "", 409)
    admin("POST", f"/v1/signers/{signer.key}/revoke", "")
    admin("POST", f"/v1/signers/{ZERO}/revoke", "", 404)
    late = signer.seal(maker.body("agent"))
    ask("POST", "/v1/receipts", late.wire(), status=403)

with kit.case("payouts"):
    calculate = "/v1/payouts/calculate"
    ask("POST", calculate, {"amount": "101", "compute_payee": "provider-1"}, status=200)
    ask("POST", calculate, {"amount": "1", "split_bps": [0, 1, 9999], "unit": "LUCID"}, status=200)
    ask("POST", calculate, {"amount": "1", "split_bps": [0, 1, 9998]}, status=422)
    ask("POST", calculate, {"amount": str(2**63)}, status=422)
    ask("POST", calculate, "{", status=400)

with kit.case("the event log, as export and as stream; tiles"):
    admin("GET", "/v1/events")
    admin("GET", "/v1/events?after=2&limit=3")
    admin("GET", "/v1/events?after=x", status=400)
    ask("GET", "/v1/events", status=401)
    ask("GET", "/tile/0/000.p/7", status=200)
    ask("GET", "/tile/entries/000.p/7", status=200)
    ask("GET", "/tile/0/00", status=404)
    stream = kit.Raw(service.port)
    stream.send(f"GET /v1/stream?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                f"{service.token}\r\n\r\n".encode())
    got = stream.answer(head_only=True)
    while got.body.count(b"\n\n") < 8:
        got.body += stream.take(int(stream.until(b"\r\n"), 16))
        stream.take(2)
    stream.close()
    got.body = got.body[:got.body.rindex(b"\n\n") + 2]
    api.judge("GET", "/v1/stream", got)

with kit.case("proof forms, judged by the service; erasing a body"):
    proof = ask("GET", receipt + "/proof", status=200).json()
    ask("GET", receipt + "/proof", status=200, Accept="text/plain")
    ask("GET", receipt + "/proof", status=200, Accept="application/cose")
    ask("GET", receipt + "/proof", status=406, Accept="image/png")
    verdict = ask("POST", "/v1/verify", {"receipt": envelopes[0].members(), "proof": proof},
                  status=200).json()
    ask("POST", "/v1/verify", {"receipt": envelopes[0].members()}, status=422)
    ask("POST", "/v1/verify", "{", status=400)
    admin("DELETE", receipt + "/body", {"reason": "asked"})
    admin("DELETE", receipt + "/body", "")
    ask("DELETE", receipt + "/body", status=401)
    admin("DELETE", f"/v1/receipts/{ZERO}/body", status=404)
    admin("DELETE", f"/v1/blobs/{ZERO}", {"reason": "asked"}, status=404)
    ask("DELETE", f"/v1/blobs/{ZERO}", status=401)
    admin("GET", receipt, status=410)

with kit.case("prices and payments"):
    price = {"price_per_call": "10000", "network": "eip155:8453", "pay_to": "0x" + "1" * 40}
    pricing = "/v1/assets/model/pricing"
    ask("GET", pricing, status=404)
    admin("PUT", pricing, price, 201)
    admin("PUT", pricing, {**price, "split_bps": [6000, 3000, 1000], "compute_payee": "gpu"}, 200)
    admin("PUT", pricing, {**price, "price_per_call": "0"}, 422)
    admin("PUT", pricing, {**price, "price_per_call": str(2**63)}, 422)
    admin("PUT", pricing, "{", 400)
    admin("PUT", pricing, "x" * (20 << 10), 413)
    ask("PUT", pricing, price, None, 401)
    ask("PUT", pricing, price, made["token"], 401)
    ask("GET", pricing, status=200)
    ask("GET", pricing + "?version=1", status=200)
    ask("GET", pricing + "?version=x", status=400)
    ask("GET", pricing + "/history", status=200)
    ask("GET", pricing + "/history?limit=0", status=400)
    ask("GET", "/v1/assets/nothing/pricing/history", status=404)
    ask("GET", "/v1/assets", status=200)
    ask("GET", "/v1/assets?limit=0", status=400)
    payment = {"external_id": "openapi", "asset": "model", "amount": "7", "note": "by hand"}
    paid = admin("POST", "/v1/payments", payment, 201).json()
    admin("POST", "/v1/payments", payment, 200)
    admin("POST", "/v1/payments", {**payment, "amount": "8"}, 409)
    admin("POST", "/v1/payments", {**payment, "amount": "-8"}, 422)
    admin("POST", "/v1/payments", {**payment, "external_id": "x", "asset": "nothing"}, 422)
    admin("POST", "/v1/payments", "[", 400)
    ask("POST", "/v1/payments", payment, None, 401)
    admin("GET", "/v1/payments?order=desc&asset=model")
    admin("GET", "/v1/payments?order=up", status=400)
    ask("GET", "/v1/payments", status=401)
    admin("GET", "/v1/payments/" + paid["id"])
    admin("GET", "/v1/payments/0", status=404)
    refunds = f"/v1/payments/{paid['id']}/refunds"
    admin("GET", refunds)
    admin("GET", refunds + "?cursor=x", status=400)
    admin("GET", "/v1/payments/0/refunds", status=404)
    ask("GET", refunds, status=401)
    admin("POST", refunds, {"external_id": "r", "transaction": "0x" + "0" * 64}, 422)
    admin("POST", refunds, "[", 400)
    admin("POST", "/v1/payments/0/refunds", {"external_id": "r"}, 404)
    ask("POST", refunds, {}, None, 401)
    admin("GET", "/v1/assets/model/revenue")
    admin("GET", "/v1/assets/nothing/revenue", status=404)
    ask("GET", "/v1/assets/model/revenue", status=401)
    for name, body in (("PriceRequest", price), ("PaymentRequest", payment)):
        api.check({"$ref": "#/components/schemas/" + name}, body)
    ask("DELETE", pricing, status=401)
    admin("DELETE", pricing)
    admin("DELETE", pricing, status=404)

with kit.case("settlements and payouts"):
    closer = service.new_signer("closer")
    ask("POST", "/v1/receipts", closer.seal(maker.body("tool")).wire(), status=201)
    admin("GET", "/v1/settlements/current")
    admin("GET", "/v1/settlements/current?unit=x", status=400)
    ask("GET", "/v1/settlements/current", status=401)
    admin("POST", "/v1/epochs/current/finalize", "")
    admin("GET", "/v1/settlements?unit=USDC&status=open&payee=gpu&limit=1")
    admin("GET", "/v1/settlements?status=x", status=400)
    ask("GET", "/v1/settlements", status=401)
    admin("GET", "/v1/settlements/USDC-0")
    ask("GET", "/v1/settlements/USDC-0", status=401)
    admin("GET", "/v1/settlements/USDC-7", status=404)
    payouts = "/v1/settlements/USDC-0/payouts"
    payout = {"external_id": "po-1", "payee": "gpu", "amount": "3"}
    admin("POST", payouts, payout, 201)
    admin("POST", payouts, payout, 200)
    admin("POST", payouts, {**payout, "amount": "1"}, 409)
    admin("POST", payouts, {**payout, "external_id": "po-2"}, 409)
    admin("POST", payouts, {**payout, "amount": "-1"}, 422)
    admin("POST", payouts, "{", 400)
    admin("POST", payouts, "x" * (20 << 10), 413)
    admin("POST", "/v1/settlements/USDC-7/payouts", payout, 404)
    ask("POST", payouts, payout, None, 401)
    reader = admin("POST", "/v1/tokens", {"name": "r", "scopes": ["read"]}, 201).json()["token"]
    ask("POST", payouts, payout, reader, 403)
    ask("GET", "/v1/settlements/USDC-0", None, reader, 200)
    admin("GET", "/v1/payouts?settlement=USDC-0&status=started")
    admin("GET", "/v1/payouts?settlement=0", status=400)
    ask("GET", "/v1/payouts", status=401)
    admin("GET", "/v1/payouts/1")
    admin("GET", "/v1/payouts/2", status=404)
    admin("POST", "/v1/payouts/1/fail", {"reason": ""}, 422)
    admin("POST", "/v1/payouts/1/fail", {"reason": "no such bank"}, 200)
    admin("POST", "/v1/payouts/1/fail", {"reason": "no such bank"}, 200)
    admin("POST", "/v1/payouts/1/complete", {"reference": "SEPA 1"}, 409)
    admin("POST", "/v1/payouts/1/complete", {}, 422)
    admin("POST", "/v1/payouts/9/complete", {"reference": "SEPA 1"}, 404)
    recorded = {**payout, "external_id": "po-3", "reference": "SEPA 1"}
    done = admin("POST", payouts, recorded, 201).json()
    admin("POST", f"/v1/payouts/{done['payout']}/complete", {"reference": "SEPA 1"}, 200)
    for name, body in (("PayoutRequest", recorded), ("PayoutFailure", {"reason": "x"})):
        api.check({"$ref": "#/components/schemas/" + name}, body)

with kit.case("where payees are paid, and payout runs, where there is no treasury"):
    where, runs = "/v1/payees/gpu/address", "/v1/payout-runs"
    admin("GET", "/v1/payees?limit=1")
    admin("GET", "/v1/payees?limit=0", status=400)
    ask("GET", "/v1/payees", status=401)
    admin("GET", where, status=404)
    ask("GET", where, status=401)
    admin("PUT", where, {"network": "eip155:8453", "address": "0x" + "2" * 40}, 422)
    admin("PUT", where, "{", 400)
    ask("PUT", where, {}, None, 401)
    admin("DELETE", where, status=400)
    admin("DELETE", where + "?network=eip155:8453", status=404)
    ask("DELETE", where, None, reader, 403)
    admin("POST", "/v1/settlements/USDC-0/runs", {"network": "eip155:8453"}, 422)
    admin("POST", "/v1/settlements/x/runs", {"network": "eip155:8453"}, 404)
    ask("POST", "/v1/settlements/USDC-0/runs", {}, reader, 403)
    admin("GET", runs + "?settlement=USDC-0&limit=1")
    admin("GET", runs + "?settlement=x", status=400)
    ask("GET", runs, status=401)
    admin("GET", runs + "/1", status=404)
    for verb, body in (("approve", {"total": "1"}), ("cancel", "")):
        admin("POST", f"{runs}/1/{verb}", body, 404)
        ask("POST", f"{runs}/1/{verb}", body, reader, 403)
    admin("POST", runs + "/1/approve", {"total": "-1"}, 422)

with kit.case("access grants, and what is for sale"):
    grant = {"asset": "model", "duration_hours": 1, "secret_sha256": ZERO}
    ask("POST", "/v1/access", grant, None, 401)
    ask("POST", "/v1/access", grant, reader, 403)
    admin("POST", "/v1/access", {**grant, "duration_hours": 0}, 422)
    given = admin("POST", "/v1/access", grant, 201).json()
    admin("POST", "/v1/access", grant, 200)
    one = "/v1/access/" + given["id"]
    admin("GET", one)
    ask("GET", one, status=401)
    admin("GET", "/v1/access/" + "f" * 32, status=404)
    admin("GET", "/v1/access?asset=model&limit=1")
    admin("GET", "/v1/access?asset=/", status=400)
    ask("GET", "/v1/access", status=401)
    ask("POST", one + "/revoke", {"reason": "x"}, None, 401)
    admin("POST", one + "/revoke", {}, 422)
    admin("POST", one + "/revoke", {"reason": "x"}, 200)
    admin("POST", "/v1/access", grant, 409)
    admin("POST", "/v1/access/" + "f" * 32 + "/revoke", {"reason": "x"}, 404)
    ask("POST", "/v1/access/subscribe", grant, status=503)
    ask("GET", "/discovery/resources?limit=1", status=200)
    ask("GET", "/discovery/resources?limit=101", status=400)

with kit.case("what a proxy asks, where nothing is sold behind one"):
    for route in ("authorize", "explain"):
        admin("GET", f"/v1/x402/{route}?asset=x", status=404)
        ask("GET", f"/v1/x402/{route}?asset=x", status=401)
    ask("GET", "/.well-known/jwks.json", status=200)

with kit.case("the facilitator API, where this service is none for others"):
    for route in ("verify", "settle"):
        admin("POST", f"/v1/x402/{route}", {}, 404)
        ask("POST", f"/v1/x402/{route}", {}, None, 401)
        ask("POST", f"/v1/x402/{route}", {}, reader, 403)
        admin("POST", f"/v1/x402/{route}", "x" * (70 << 10), 413)
    admin("GET", "/v1/x402/supported", status=404)
    ask("GET", "/v1/x402/supported", status=401)
    admin("GET", "/v1/x402/facilitations")
    admin("GET", "/v1/x402/facilitations?status=x", status=400)
    ask("GET", "/v1/x402/facilitations", status=401)

with kit.case("what an admin may say of a payment, where there are no networks"):
    nobodys = "/v1/payments/" + "0" * 32 + "/resolve"
    ask("POST", nobodys, {"outcome": "failed", "reason": "x"}, status=401)
    admin("POST", nobodys, {"outcome": "perhaps"}, 422)
    admin("POST", nobodys, {"outcome": "failed", "reason": "x"}, 503)

with kit.case("revenue by what it came from"):
    admin("GET", "/v1/revenue?by=day")
    admin("GET", "/v1/revenue?by=week", status=400)
    ask("GET", "/v1/revenue?by=payer", status=401)

with kit.case("every route was asked, with success and with what it refuses"):
    asked = {(method, path) for method, path, _ in api.seen}
    missing = [f"{method.upper()} {path}" for path, method, _ in operations()
               if (method.upper(), path) not in asked]
    kit.equal(missing, [])
    successes = {(method, path) for method, path, status in api.seen if status in ("200", "201")}
    # Needs a chain, or is there to refuse: 42_solana to 47_access judge them. Blobs are what
    # plugins bring: tests/unit/api/api_plugins_test.c.
    elsewhere = {("DELETE", "/v1/blobs/{sha256}"), ("POST", "/v1/access/subscribe"),
                 ("POST", "/v1/payments/{id}/refunds"),
                 ("POST", "/v1/payments/{id}/resolve"),
                 ("GET", "/v1/payees/{payee}/address"), ("PUT", "/v1/payees/{payee}/address"),
                 ("DELETE", "/v1/payees/{payee}/address"),
                 ("POST", "/v1/settlements/{id}/runs"), ("GET", "/v1/payout-runs/{n}"),
                 ("POST", "/v1/payout-runs/{n}/approve"), ("POST", "/v1/payout-runs/{n}/cancel"),
                 ("GET", "/v1/x402/authorize"), ("GET", "/v1/x402/explain"),
                 ("POST", "/v1/x402/verify"), ("POST", "/v1/x402/settle"),
                 ("GET", "/v1/x402/supported")}
    kit.equal(sorted(asked - successes), sorted(elsewhere), "routes without a success")
    described = sum(len(operation["responses"]) for _, _, operation in operations())
    kit.note(f"{len(api.seen)} of {described} described answers seen")

service.stop()
kit.done()
