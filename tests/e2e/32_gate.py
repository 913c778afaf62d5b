#!/usr/bin/env python3
"""Agents buy: proofs, receipts and batches, with each of the three payment headers; what moved on
the chain is what the events and the books say, to the unit."""

import json
import os
import threading
import time

import kit
import kit_chain
import kit_pay
import kit_schema
from kit import case, equal, problem
from kit_chain import PAYEE, PAYER, PAYER2, STRANGER
from kit_evm import enhex, unhex
from kit_receipts import Maker
from kit_shop import ASSET, PRICE, Shop

URL = "https://ledger.example"  # what challenges name; it must outlive a restart on another port
maker = Maker("32")
chain = kit_chain.chain()
shop = Shop(chain, public_url=URL, stop_grace_ms=300)
api = kit_schema.OpenApi(shop.get("/openapi.json").json())
received = 0


def paid(answer, payer=PAYER, amount=PRICE, scheme="eip3009", status=200):
    """A paid answer, and what the service says of its payment."""
    global received
    received += amount
    return known(answer, payer, amount, scheme, status)


def known(answer, payer=PAYER, amount=PRICE, scheme="eip3009", status=200):
    equal(answer.status, status, repr(answer))
    equal(answer.header("Cache-Control"), "private, no-store")
    equal(answer.header("ETag"), None)
    payment = shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)
    equal((payment["id"], payment["status"]), (answer.header("X-Payment-Id"), "settled"))
    equal((payment["payer"], payment["amount"]), (enhex(payer.address), str(amount)))
    gate = payment["x402"]
    equal((gate["scheme"], gate["bound"], gate["served"]), (scheme, True, True))
    equal(sum(int(leg["amount"]) for leg in payment["legs"]), amount)
    name = "X-PAYMENT-RESPONSE" if answer.header("X-PAYMENT-RESPONSE") else "PAYMENT-RESPONSE"
    said = kit_pay.unb64(answer.header(name))
    equal((said["success"], said["transaction"]), (True, payment["transaction"]))
    return payment


def proof_of(answer):
    body = answer.json()
    assert body["leaf_index"] == 0 and body["path"] == [] and body["checkpoint"], body
    return body


def bound_transfer(asked, wallet, amount=None, sender=STRANGER):
    """A transfer whose authorization's nonce is the challenge; anybody may send it."""
    payment = asked.json()["x402"]["payment"]
    authorization = kit_pay.authorize(wallet, unhex(payment["recipient"]),
                                      amount or int(payment["amount"]),
                                      nonce=kit_pay.challenge_nonce(asked))
    return chain.spend(sender, authorization)


with case("a 402 says all: the problem, v1, v2, and how to sign a proof of a transfer"):
    asked = shop.offer()
    api.judge("GET", shop.proof_path, asked)
    body = asked.json()
    equal(asked.header("Cache-Control"), "no-store")
    equal((body["x402Version"], len(body["accepts"])), (1, 1))
    offer = kit_pay.offer_v2(asked)
    equal((offer["x402Version"], offer["accepts"][0]["amount"]), (2, str(PRICE)))
    equal(offer["resource"]["url"], URL + shop.proof_path)
    equal(body["x402"]["payment"]["recipient"].lower(), enhex(PAYEE.address))
    equal(body["x402"]["typedData"]["primaryType"], "PaymentProof")

with case("a proof is bought with v2, and the same again is answered afresh"):
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    answer = shop.show(header)
    payment = paid(answer)
    proof_of(answer)
    api.judge("GET", shop.proof_path, answer)
    path = f"/v1/payments/{payment['id']}"
    api.judge("GET", path, shop.get(path, token=shop.token))
    again = shop.show(header)
    equal(known(again)["id"], payment["id"])
    proof_of(again)
    shop.agree(received)

with case("with v1"):
    proof_of(answer := shop.show(kit_pay.pay_v1(shop.offer(), PAYER2)))
    paid(answer, PAYER2)
    assert answer.header("X-PAYMENT-RESPONSE") and not answer.header("PAYMENT-RESPONSE")
    shop.agree(received)

with case("with a plain transfer that the payer signs for"):
    header = shop.transfer_proof(PAYER)
    proof_of(answer := shop.show(header))
    paid(answer, scheme="transfer")
    known(shop.show(header), scheme="transfer")
    shop.agree(received)

with case("with a transfer whose nonce is the challenge: no signature is needed"):
    asked = shop.offer()
    header = kit_pay.pay_proof(asked, bound_transfer(asked, PAYER2), log_index=None)
    proof_of(answer := shop.show(header))
    paid(answer, PAYER2, scheme="transfer")
    shop.agree(received)

with case("a payment for one thing is none for another"):
    other = shop.proof_path + "?tree_size=1"
    problem(shop.show(header, other), 402, "PAYMENT_REQUIRED")
    v1 = kit_pay.pay_v1(shop.offer(other), PAYER)
    paid(answer := shop.show(v1, other))
    equal(shop.show(v1, other, **{"If-None-Match": "*"}).status, 200, "no 304 of what is private")
    problem(answer := shop.show(v1), 409, "PAYMENT_ALREADY_SPENT", "X-PAYMENT")
    api.judge("GET", shop.proof_path, answer)
    shop.agree(received)

with case("what would be refused anyway is refused before anybody pays"):
    absent = "/v1/receipts/run_not_there_1/proof"
    problem(shop.get(absent), 404, "NOT_FOUND")
    problem(shop.show(kit_pay.pay_v2(shop.offer(), PAYER), absent), 404, "NOT_FOUND")
    problem(shop.get(shop.proof_path + "?tree_size=x"), 400, "INVALID_PARAMETER", "tree_size")
    problem(shop.get(shop.proof_path, headers={"Accept": "image/png"}), 406, "NOT_ACCEPTABLE")
    problem(shop.get(shop.proof_path + "?tree_size=1&x=" + "a" * 2048), 414, "URI_TOO_LONG")
    shop.agree(received)

with case("an administrator does not pay; a HEAD costs what a GET costs"):
    for path in (shop.proof_path, shop.proof_path + "?tree_size=1"):
        answer = shop.get(path, token=shop.token)
        equal((answer.status, answer.header("Cache-Control"), answer.header("ETag")),
              (200, "private, no-store", None), "no cache may give it to others")
    answer = shop.client.request("HEAD", shop.proof_path)
    equal((answer.status, answer.body), (402, b""))
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    answer = shop.client.request("HEAD", shop.proof_path, headers={header[0]: header[1]})
    equal(answer.status, 200)
    paid(shop.show(header))
    shop.agree(received)

with case("two payment headers, a repeated one, none that can be read: 400"):
    v1, v2 = kit_pay.pay_v1(shop.offer(), PAYER), kit_pay.pay_v2(shop.offer(), PAYER)
    answer = shop.show(v1, **{v2[0]: v2[1]})
    problem(answer, 400, "PAYMENT_MALFORMED", "PAYMENT-SIGNATURE")
    with_two = (f"GET {shop.proof_path} HTTP/1.1\r\nHost: x\r\n{v1[0]}: {v1[1]}\r\n"
                f"{v1[0].lower()}: {v1[1]}\r\n\r\n").encode()
    raw = shop.raw()
    raw.send(with_two)
    problem(raw.answer(), 400, "PAYMENT_MALFORMED", "X-PAYMENT")
    raw.close()
    for name in ("X-PAYMENT", "PAYMENT-SIGNATURE", "X-Payment-Proof"):
        problem(shop.show((name, "not base64!")), 400, "PAYMENT_MALFORMED", name)
    shop.agree(received)

with case("too little is refused and nothing is consumed; too much is taken, all of it"):
    problem(shop.show(kit_pay.pay_v2(shop.offer(), PAYER, PRICE + 1)), 402, "PAYMENT_REQUIRED")
    problem(shop.show(kit_pay.pay_v1(shop.offer(), PAYER, PRICE - 1)), 402, "PAYMENT_REQUIRED")
    equal(chain.balance(PAYEE.address), received)
    paid(shop.show(kit_pay.pay_v1(shop.offer(), PAYER, PRICE + 40)), amount=PRICE + 40)
    paid(shop.show(shop.transfer_proof(PAYER, value=PRICE + 60)), amount=PRICE + 60,
         scheme="transfer")
    shop.agree(received)

with case("a quoted price holds although the price has changed"):
    asked = shop.offer()
    payment = asked.json()["x402"]["payment"]
    tx = chain.transfer(PAYER, unhex(payment["recipient"]), PRICE)
    old = kit_pay.pay_v2(asked, PAYER)
    shop.set_price(price=3 * PRICE)
    paid(shop.show(kit_pay.pay_proof(asked, tx, PAYER)), scheme="transfer")
    answer = shop.show(old)
    problem(answer, 402, "PAYMENT_REQUIRED")
    equal(kit_pay.offer_v2(answer)["accepts"][0]["amount"], str(3 * PRICE))
    shop.set_price()
    shop.agree(received)

with case("what was bought stays bought when the price has changed"):
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    paid(shop.show(header))
    shop.set_price(price=2 * PRICE)
    known(shop.show(header))
    shop.set_price()
    shop.agree(received)

with case("no price, no sale"):
    asked = shop.offer()
    equal(shop.client.request("DELETE", f"/v1/assets/{ASSET}/pricing",
                              token=shop.token).status, 200)
    problem(shop.get(shop.proof_path), 503, "PRICE_UNAVAILABLE")
    shop.set_price()

with case("a restart, and a new key, between the 402 and the payment"):
    first, second = shop.offer(), shop.offer()
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    shop.restart()
    paid(shop.show(kit_pay.pay_proof(first, tx, PAYER)), scheme="transfer")
    shop.stop()
    kit.run_lucid("x402", "rotate-key", "--data", shop.data)
    shop.start()
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    paid(shop.show(kit_pay.pay_proof(second, tx, PAYER)), scheme="transfer")
    fresh = shop.offer()
    key = [a.json()["x402"]["challenge"].split(".")[1] for a in (second, fresh)]
    assert key[0] != key[1], key
    shop.agree(received)

with case("/v1/payments lists them, by status, asset and payer"):
    listed = shop.payments(limit=1000)
    equal(sum(int(p["amount"]) for p in listed), received)
    equal({p["status"] for p in listed}, {"settled"})
    settled = shop.payments(status="settled", limit=1000)
    equal([p["id"] for p in settled], [p["id"] for p in listed])
    equal(shop.payments(status="pending") + shop.payments(status="recorded"), [])
    mine = shop.payments(payer=PAYER2.text)
    equal({p["payer"] for p in mine}, {enhex(PAYER2.address)})
    equal(shop.ok(f"/v1/payments/{listed[0]['sequence']}", token=shop.token), listed[0])
    page = shop.ok("/v1/payments?status=settled&limit=2", token=shop.token)
    more = shop.ok(f"/v1/payments?status=settled&limit=2&cursor={page['next_cursor']}",
                   token=shop.token)
    equal([p["id"] for p in page["items"] + more["items"]], [p["id"] for p in listed[:4]])
    shown = json.loads(kit.run_lucid("payment", "show", listed[0]["id"], "--json", "--url",
                                     f"http://127.0.0.1:{shop.port}", "--data", shop.data))
    equal(shown, listed[0])
    table = kit.run_lucid("payment", "list", "--status", "settled", "--url",
                          f"http://127.0.0.1:{shop.port}", "--data", shop.data).decode()
    assert listed[0]["id"] in table and "settled" in table, table

with case("a transfer that the gate has taken is not recorded by hand, and the other way round"):
    taken = next(p for p in listed if p["x402"]["scheme"] == "transfer")
    body = {"external_id": "by-hand-1", "asset": ASSET, "amount": taken["amount"],
            "network": kit_chain.NETWORK, "transaction": taken["transaction"],
            "log_index": taken["x402"]["log_index"]}
    problem(shop.post("/v1/payments", body, token=shop.token), 409, "PAYMENT_ALREADY_SPENT",
            "transaction")
    asked = shop.offer()
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    body.update(external_id="by-hand-2", transaction=enhex(tx), log_index=0, amount=str(PRICE))
    equal(shop.post("/v1/payments", body, token=shop.token).status, 201)
    problem(shop.show(kit_pay.pay_proof(asked, tx, PAYER)), 409, "PAYMENT_ALREADY_SPENT",
            "X-Payment-Proof")
    body["log_index"] = "0"
    problem(shop.post("/v1/payments", body, token=shop.token), 422, "INVALID_PAYMENT", "log_index")

with case("/metrics and /readyz know the gate"):
    kit.wait_for(lambda: shop.ok("/readyz") == {"status": "ready"}, what="readiness")
    text = shop.get("/metrics").body.decode()
    for line in ("lucid_spent_store_ready 1", 'lucid_x402_requests_total{outcome="admitted"} 1',
                 f'lucid_x402_network_reachable{{network="{kit_chain.NETWORK}"}} 1'):
        assert line in text, [got for got in text.splitlines() if "x402" in got]
    asked = shop.offer()
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    chain.endpoint.down = True
    problem(shop.show(kit_pay.pay_proof(asked, tx, PAYER)), 503, "PAYMENT_UNAVAILABLE")
    kit.wait_for(lambda: "network_unreachable" in shop.ok("/readyz").get("warnings", []))
    chain.endpoint.down = False
    answer = shop.show(kit_pay.pay_proof(asked, tx, PAYER))
    equal(answer.status, 200, repr(answer))

with case("a client that goes away while its payment is settled finds its answer later"):
    before = len(shop.payments(limit=1000))
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    chain.set_automine(False)
    raw = shop.raw()
    raw.send((f"GET {shop.proof_path} HTTP/1.1\r\nHost: x\r\n{header[0]}: {header[1]}\r\n"
              "\r\n").encode())
    kit.wait_for(lambda: shop.payments(status="pending"), what="the intent")
    raw.close()
    chain.set_automine(True)
    kit.wait_for(lambda: not shop.payments(status="pending"), what="its end")
    equal(shop.show(header).status, 200)
    equal(len(shop.payments(limit=1000)), before + 1)

with case("a stop while a payment is settled: soon over, and the next start goes on with it"):
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    chain.set_automine(False)
    raw = shop.raw()
    raw.send((f"GET {shop.proof_path} HTTP/1.1\r\nHost: x\r\n{header[0]}: {header[1]}\r\n"
              "\r\n").encode())
    kit.wait_for(lambda: shop.payments(status="pending"), what="the intent")
    began = time.monotonic()
    shop.restart()
    kit.note(f"{time.monotonic() - began:.1f} s")
    raw.close()
    answer = shop.show(header)
    problem(answer, 503, "PAYMENT_PENDING")
    api.judge("GET", shop.proof_path, answer)
    assert answer.header("Retry-After") and answer.header("X-Payment-Id"), answer.fields
    chain.set_automine(True)
    equal(known(shop.show(header))["id"], answer.header("X-Payment-Id"))
    equal(len(shop.payments(limit=1000)), before + 2)

shop.stop()

with case("it does not start with what it cannot sell by"):
    settings = [f"--{name.replace('_', '-')}={value}" for name, value in shop.settings.items()]
    with open(shop.networks_path, encoding="ascii") as file:
        networks = file.read()

    def refuses(text, *more):
        kit.refuses_to_start(shop.data, text, *settings, *more)

    os.chmod(key := json.loads(networks)["networks"][0]["gas_key_file"], 0o644)
    refuses("facilitator.key")
    os.chmod(key, 0o600)
    with open(key, "w", encoding="ascii") as file:
        file.write("no key\n")
    refuses("holds no key")
    with open(shop.networks_path, "w", encoding="ascii") as file:
        file.write(networks.replace('"rpc"', '"rcp"'))
    refuses("networks[0]")
    os.chmod(keys := os.path.join(shop.data, "x402.keys"), 0o644)
    with open(shop.networks_path, "w", encoding="ascii") as file:
        file.write(networks)
    refuses("x402.keys")
    os.chmod(keys, 0o600)

# --- writes -------------------------------------------------------------------------------------

chain2 = kit_chain.chain()
writes = Shop(chain2, classes={"receipt": "writes", "batch": "bulk"}, public_url=URL)
received = 0
shop, chain = writes, chain2
signer = shop.signer
RECEIPTS, BATCH = "/v1/receipts", "/v1/receipts/batch"


def post(header, body, path=RECEIPTS):
    return shop.show(header, path, "POST", body)


def free(envelope):
    return shop.post(RECEIPTS, envelope.wire(), token=shop.token)


with case("a receipt is bought: logged with its payment in one commit"):
    wire = signer.seal(maker.body()).wire()
    header = kit_pay.pay_v2(shop.offer(RECEIPTS, "POST", wire), PAYER)
    answer = post(header, wire)
    payment = paid(answer, status=201)
    equal((answer.json()["leaf_index"], shop.size()), (0, 1))
    api.judge("POST", RECEIPTS, answer)
    unsold = signer.seal(maker.body()).wire()
    api.judge("POST", RECEIPTS, shop.offer(RECEIPTS, "POST", unsold))
    again = post(header, wire)
    known(again)
    equal((again.json()["leaf_index"], again.json()["replayed"]), (0, True))
    equal(shop.size(), 1)
    shop.agree(received)

with case("what the log says already is said before anybody pays, and costs nothing"):
    first = signer.seal(maker.body())
    equal(free(first).status, 201)
    clash = signer.seal({**maker.body(), "run_id": first.body["run_id"]}).wire()
    revoked = shop.new_signer("revoked")
    late = revoked.seal(maker.body()).wire()
    header = kit_pay.pay_v2(shop.offer(RECEIPTS, "POST", late), PAYER)
    equal(shop.post(f"/v1/signers/{revoked.key}/revoke", {}, token=shop.token).status, 200)
    misfit = kit_pay.pay_v2(shop.offer(RECEIPTS, "POST", signer.seal(maker.body()).wire()), PAYER,
                            PRICE + 1)
    for body, status, code, param in ((clash, 409, "RUN_ID_CONFLICT", "body.run_id"),
                                      (late, 403, "SIGNER_REVOKED", "signer_pubkey")):
        for asked in (shop.post(RECEIPTS, body), post(header, body), post(misfit, body)):
            problem(asked, status, code, param)
            equal(asked.header("X-Payment-Id"), None)
            api.judge("POST", RECEIPTS, asked)
    for answer in (shop.post(RECEIPTS, first.wire()), post(header, first.wire())):
        equal((answer.status, answer.json()["replayed"]), (200, True))
        equal((answer.header("X-Payment-Id"), answer.header("Cache-Control")),
              (None, "private, no-store"))
    equal(chain.balance(PAYEE.address), received)
    good = signer.seal(maker.body()).wire()
    paid(answer := post(header, good), status=201)
    shop.agree(received)


def meanwhile(header, body, change):
    """Shows a payment; change happens between its intent and its settling. The answer."""
    chain.set_automine(False)
    found = []
    client = kit.Client(shop.port)
    buyer = threading.Thread(target=lambda: found.append(
        shop.show(header, RECEIPTS, "POST", body, client=client)))
    buyer.start()
    kit.wait_for(lambda: shop.payments(status="pending"), what="the intent")
    shown = kit.run_lucid("payment", "list", "--status", "pending", "--url",
                          f"http://127.0.0.1:{shop.port}", "--data", shop.data).decode()
    assert shop.payments(status="pending")[0]["id"] in shown, shown
    change()
    chain.set_automine(True)
    buyer.join()
    client.close()
    return found[0]


with case("refused after the money moved: the payment is good for a corrected body"):
    body = maker.body()
    rival = signer.seal({**maker.body(), "run_id": body["run_id"]})
    clash = signer.seal(body).wire()
    good = signer.seal(maker.body()).wire()
    header = kit_pay.pay_v2(shop.offer(RECEIPTS, "POST", clash), PAYER)
    answer = meanwhile(header, clash, lambda: equal(free(rival).status, 201))
    problem(answer, 409, "RUN_ID_CONFLICT", answer.json().get("param"))
    again = post(header, clash)
    problem(again, 409, "RUN_ID_CONFLICT", again.json().get("param"))
    equal(again.header("X-Payment-Id"), answer.header("X-Payment-Id"), "who has paid is told so")
    received += PRICE
    shop.agree(received)
    unserved = shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)
    equal((unserved["status"], unserved["x402"]["served"]), ("settled", False))
    answer = post(header, good)
    equal(known(answer, status=201)["id"], unserved["id"])
    problem(post(header, signer.seal(maker.body()).wire()), 409, "PAYMENT_ALREADY_SPENT",
            "PAYMENT-SIGNATURE")
    shop.agree(received)

with case("the same with a transfer: a new challenge, signed for, and the old transfer"):
    revoked = shop.new_signer("to be revoked")
    bad = revoked.seal(maker.body()).wire()
    asked = shop.offer(RECEIPTS, "POST", bad)
    equal(shop.post(f"/v1/signers/{revoked.key}/revoke", {}, token=shop.token).status, 200)
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    answer = post(kit_pay.pay_proof(asked, tx, PAYER, body=bad), bad)
    problem(answer, 403, "SIGNER_REVOKED", answer.json().get("param"))
    received += PRICE
    good = signer.seal(maker.body()).wire()
    asked = shop.offer(RECEIPTS, "POST", good)
    problem(post(kit_pay.pay_proof(asked, tx, STRANGER, body=good), good), 402, "PAYMENT_REQUIRED")
    answer = post(kit_pay.pay_proof(asked, tx, PAYER, body=good), good)
    known(answer, scheme="transfer", status=201)
    shop.agree(received)

with case("the same with an authorization, whose signer is revoked while it settles"):
    revoked = shop.new_signer("to be revoked, too")
    bad = revoked.seal(maker.body()).wire()
    header = kit_pay.pay_v1(shop.offer(RECEIPTS, "POST", bad), PAYER)
    path = f"/v1/signers/{revoked.key}/revoke"
    answer = meanwhile(header, bad, lambda: equal(shop.post(path, {}, token=shop.token).status,
                                                  200))
    problem(answer, 403, "SIGNER_REVOKED", answer.json().get("param"))
    said = kit_pay.unb64(answer.header("X-PAYMENT-RESPONSE"))
    equal(said["success"], True, "the money has moved")
    received += PRICE
    known(post(header, signer.seal(maker.body()).wire()), status=201)
    shop.agree(received)

with case("what prepare refuses is refused before anybody pays"):
    problem(shop.post(RECEIPTS, b"{}"), 422, "INVALID_RECEIPT",
            shop.post(RECEIPTS, b"{}").json().get("param"))
    problem(shop.post(RECEIPTS, b"{"), 400, "INVALID_JSON")

with case("a batch is bought: its admission is paid for, its lines stand alone"):
    lines = [e.wire() for e in signer.seal_all(maker.bodies(300))]
    body = b"\n".join(lines + [b"{}"]) + b"\n"
    header = kit_pay.pay_v2(shop.offer(BATCH, "POST", body), PAYER)
    answer = post(header, body, BATCH)
    paid(answer)
    api.judge("POST", BATCH, answer)
    equal([line["http_status"] for line in answer.lines()], [201] * 300 + [422])
    again = post(header, body, BATCH)
    equal([line["http_status"] for line in again.lines()], [200] * 300 + [422])
    problem(post(header, b"\n".join(lines[:9]), BATCH), 409, "PAYMENT_ALREADY_SPENT",
            "PAYMENT-SIGNATURE")
    problem(shop.post(BATCH, b"\n\n"), 400, "INVALID_JSON")
    problem(shop.post(BATCH, b"\n".join([b"{}"] * 10001)), 413, "BATCH_TOO_LARGE")
    equal([line["http_status"] for line in
           shop.post(BATCH, body, token=shop.token).lines()], [200] * 300 + [422])
    shop.agree(received)

with case("every payment is a settled event with keys, a transfer and postings"):
    events = shop.events("payment.settled")
    equal(len(events), received // PRICE)
    payments = shop.payments(limit=1000)
    equal([e["sequence"] for e in events], [p["sequence"] for p in payments])

shop.stop()
chain.close()

# --- prepaid gas --------------------------------------------------------------------------------

chain = kit_chain.chain()
shop = Shop(chain, classes={"receipt": "writes"}, public_url=URL, gas_mode="prepaid")
received = 0

RECEIPT_GAS = 10 ** 9  # the tariff of a new log
deposits = iter(range(100))


def deposit(receipts):
    answer = shop.client.request("POST", f"/v1/accounts/{shop.signer.key}/deposits",
                                 {"amount": str(receipts * RECEIPT_GAS)}, token=shop.token,
                                 headers={"Idempotency-Key": f"32-{next(deposits)}"})
    equal(answer.status, 201, repr(answer))


with case("whose signer cannot pay the gas is not asked to pay for the receipt"):
    wire = shop.signer.seal(maker.body()).wire()
    problem(shop.post(RECEIPTS, wire), 402, "GAS_EXHAUSTED", "signer_pubkey")
    deposit(1)
    header = kit_pay.pay_v2(shop.offer(RECEIPTS, "POST", wire), PAYER)

with case("GAS_EXHAUSTED after the money moved: the same again after a deposit is served"):
    answer = meanwhile(header, wire,
                       lambda: equal(free(shop.signer.seal(maker.body())).status, 201))
    problem(answer, 402, "GAS_EXHAUSTED", "signer_pubkey")
    equal((answer.header("PAYMENT-REQUIRED"), "accepts" in answer.json()), (None, False),
          "no second demand")
    api.judge("POST", RECEIPTS, answer)
    equal(kit_pay.unb64(answer.header("PAYMENT-RESPONSE"))["success"], True)
    received += PRICE
    payment = shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)
    equal((payment["status"], payment["x402"]["served"]), ("settled", False))
    shop.agree(received)
    again = post(header, wire)
    problem(again, 402, "GAS_EXHAUSTED", "signer_pubkey")
    equal(again.header("X-Payment-Id"), payment["id"])
    listed = kit.run_lucid("payment", "list", "--status", "settled", "--url",
                           f"http://127.0.0.1:{shop.port}", "--data", shop.data).decode()
    assert payment["id"] in listed and "false" in listed, listed
    deposit(1)
    equal(known(post(header, wire), status=201)["id"], payment["id"])
    equal(shop.size(), 2)
    known(post(header, wire))
    shop.agree(received)

shop.stop()
chain.close()
kit.done()
