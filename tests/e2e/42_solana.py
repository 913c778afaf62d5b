#!/usr/bin/env python3
"""Payments that only a facilitator can settle: on Solana, and of smart wallets; and payments that
name themselves. Nothing is taken twice, nobody takes another's, and the books have it all."""

import base64
import json
import os
import time

import kit
import kit_chain
import kit_facilitator
import kit_pay
import kit_receipts
import kit_solana
from kit import case, equal, problem
from kit_chain import PAYEE, PAYER
from kit_evm import unhex
from kit_facilitator import FEE_PAYER, SOLANA_DEVNET, Facilitator, base58
from kit_shop import PRICE, Shop
from kit_solana import MINT_DEVNET, Payer

URL = "https://ledger.example"  # what challenges name; it must outlive a restart on another port
SELLER = base58(kit_solana.place("seller"))
received = {"payai": 0, "direct": 0}


class TestShop(Shop):
    init_flags = ("--test",)  # only such a log lets itself be killed


def sold(name="payai"):
    """One more payment, under the name of who has settled it; the books are what events say."""
    received[name] += PRICE
    for one, sum_ in received.items():
        equal(shop.balance(f"clearing:{one}:USDC"), sum_, one)
    total = sum(received.values())
    equal(shop.split()[:3], (total * 7 // 10, total * 2 // 10, total // 10), "70/20/10")


def settled(header, path=None):
    """Shows the same payment until it is decided; the answer."""
    def probe():
        answer = shop.show(header, path)
        if answer.status == 503:
            problem(answer, 503, "PAYMENT_PENDING")
            return None
        return answer
    answer = kit.wait_for(probe, 15, "an outcome")
    equal(answer.status, 200, repr(answer))
    return answer


def judged(header, path=None):
    """Shows a payment until somebody can judge it: after a start nobody has said yet what he
    supports."""
    def probe():
        answer = shop.show(header, path)
        if answer.status == 503:
            problem(answer, 503, "PAYMENT_UNAVAILABLE")
            return None
        return answer
    return kit.wait_for(probe, 15, "a verdict")


def payment_of(answer):
    return shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)


def elsewhere(header):
    """The same v2 payment, as it would be shown for OTHER_PATH."""
    document = kit_pay.unb64(header[1])
    document["resource"]["url"] = URL + OTHER_PATH
    return header[0], kit_pay.b64(document)


def settlements():
    return len(payai.routes("settle"))


chain = kit_chain.chain()
payai = Facilitator(chain, "payai", solana=True)
shop = TestShop(chain, networks=[chain.network(gas_key=kit_chain.FACILITATOR),
                                 {"network": SOLANA_DEVNET}],
                start=False, public_url=URL, settle_ms_max=1000)
shop.settings["x402_facilitators_file"] = kit_facilitator.file(
    shop.base, payai, order=["direct", "payai"], timeout_ms=2000, settle_timeout_ms=500,
    smart_wallets=True)
shop.open()
shop.set_price(network=SOLANA_DEVNET, pay_to=SELLER)
ed25519 = kit_receipts.Ed25519(kit.program("LUCID_KIT_SIGN", "tests/e2e/kit_sign"))
ANN, BOB = Payer(ed25519, "ann"), Payer(ed25519, "bob")
other_body = kit_receipts.Maker("other").body("inference",
                                              run_id="run_other_" + os.urandom(6).hex())
equal(shop.submit(shop.signer.seal(other_body)).status, 201)
shop.covered(2)
OTHER_PATH = f"/v1/receipts/{other_body['run_id']}/proof"
kit.wait_for(lambda: shop.client.request("GET", shop.proof_path).status == 402, 10, "a fee payer")

# --- Solana --------------------------------------------------------------------------------------

with case("the offer names mint, recipient and who pays the fees, in both versions"):
    asked = shop.offer()
    accepted = kit_pay.offer_v2(asked)["accepts"][0]
    equal({name: accepted[name] for name in ("scheme", "network", "asset", "payTo", "amount")},
          {"scheme": "exact", "network": SOLANA_DEVNET, "asset": MINT_DEVNET, "payTo": SELLER,
           "amount": str(PRICE)})
    equal(accepted["extra"], {"feePayer": FEE_PAYER})
    equal(asked.json()["accepts"][0]["network"], "solana-devnet")

with case("version 0 and legacy transactions, by both versions of the protocol"):
    for pay, more in ((kit_solana.pay, {"version": 0}), (kit_solana.pay, {"version": None}),
                      (kit_solana.pay_v1, {"version": 0})):
        asked = shop.offer()
        header = pay(asked, ANN, hash_of=os.urandom(8).hex(), **more)
        answer = shop.show(header)
        equal(answer.status, 200, repr(answer))
        sold()
    told = kit_pay.unb64(answer.header("X-PAYMENT-RESPONSE"))
    text = kit_pay.unb64(header[1])["payload"]["transaction"]
    equal(told, {"success": True, "network": "solana-devnet", "payer": ANN.text,
                 "transaction": payai.solana[text]})
    paid = payment_of(answer)
    equal({name: paid[name] for name in ("status", "facilitator", "payer", "network",
                                         "transaction")},
          {"status": "settled", "facilitator": "payai", "payer": ANN.text,
           "network": SOLANA_DEVNET, "transaction": payai.solana[text]})
    gate = paid["x402"]
    equal((gate["scheme"], gate["token"], gate["pay_to"], gate["final"], gate["served"]),
          ("solana", MINT_DEVNET, SELLER, True, True))
    equal([gate[name] for name in ("log_index", "block", "block_hash", "paid_at", "identifier")],
          [None] * 5)
    equal([item["id"] for item in shop.payments(payer=ANN.text)][-1], paid["id"])
    equal(shop.payments(payer=ANN.text.lower()), [])

with case("its events: keys by message and signature, what was sent is kept"):
    intent = shop.events("payment.intent")[-1]["decoded"]
    done = shop.events("payment.settled")[-1]["decoded"]
    equal(intent["scheme"], "solana")
    equal(json.loads(intent["forward"]), payai.routes("settle")[-1])
    equal(done["keys"], [intent["key"], f"{SOLANA_DEVNET}/{payai.solana[text]}"])
    assert "authorization" not in intent and "signature" not in intent, intent

with case("the same again: the answer again; for another request 409; nothing moves"):
    before = settlements()
    equal(shop.show(header).status, 200)
    problem(shop.show(header, OTHER_PATH), 409, "PAYMENT_ALREADY_SPENT", "X-PAYMENT")
    equal(settlements(), before)

with case("who has not signed, or changed what was signed, pays nothing and holds nothing"):
    before = len(payai.asked)
    for more in ({"signer": False}, {"signer": BOB}):
        answer = shop.show(kit_solana.pay(shop.offer(), ANN, hash_of="a", **more))
        problem(answer, 400, "PAYMENT_MALFORMED",
            "PAYMENT-SIGNATURE")
    for more in ({"amount": PRICE - 1}, {"amount": PRICE + 1}, {"mint": SELLER}):
        problem(shop.show(kit_solana.pay(shop.offer(), ANN, hash_of="a", **more)), 402,
                "PAYMENT_REQUIRED")
    document = kit_pay.unb64(kit_solana.pay(shop.offer(), ANN, hash_of="a")[1])
    raw = bytearray(base64.b64decode(document["payload"]["transaction"]))
    raw[-3] ^= 1
    document["payload"]["transaction"] = base64.b64encode(raw).decode()
    problem(shop.show(("PAYMENT-SIGNATURE", kit_pay.b64(document))), 400, "PAYMENT_MALFORMED",
            "PAYMENT-SIGNATURE")
    equal(len(payai.asked), before)
    equal(shop.show(kit_solana.pay(shop.offer(), ANN, hash_of="a")).status, 200)
    sold()

with case("a stranger who has the message, without the payer's signature"):
    header = kit_solana.pay(shop.offer(), BOB, hash_of="b")
    document = kit_pay.unb64(header[1])
    raw = base64.b64decode(document["payload"]["transaction"])
    for signature in (bytes(64), ANN.sign(raw[129:]), raw[65:97] + bytes(32)):
        document["payload"]["transaction"] = base64.b64encode(
            raw[:65] + signature + raw[129:]).decode()
        problem(shop.show(("PAYMENT-SIGNATURE", kit_pay.b64(document))), 400, "PAYMENT_MALFORMED",
            "PAYMENT-SIGNATURE")
    equal(shop.show(header).status, 200)
    sold()

with case("refused by the facilitator before it sent anything: the same payment may come again"):
    header = kit_solana.pay(shop.offer(), ANN, hash_of="c")
    payai.says("insufficient", settle=False, times=1)
    problem(shop.show(header), 402, "PAYMENT_REQUIRED")
    equal(shop.payments(status="failed")[-1]["x402"]["scheme"], "solana")
    equal(shop.show(header).status, 200)
    sold()

with case("not known yet: 503, asked again with the same payload, by a process after as well"):
    header = kit_solana.pay(shop.offer(), ANN, hash_of="d")
    payai.says("pending_bare", settle=False)
    before = settlements()
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    waiting = shop.payments(status="pending")
    equal([item["network"] for item in waiting], [SOLANA_DEVNET])
    problem(shop.show(elsewhere(header), OTHER_PATH), 503, "PAYMENT_PENDING")
    shop.kill()
    shop.start()
    payai.says()
    answer = settled(header)
    sold()
    equal(payment_of(answer)["id"], waiting[0]["id"])
    given = payai.routes("settle")[before:]
    assert len(given) > 1 and all(body == given[0] for body in given), len(given)

with case("a made-up success: nobody is let in; with the true one it is settled"):
    payai.says("made_up", settle=False)
    header = kit_solana.pay(shop.offer(), ANN, hash_of="lie")
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    text = shop.get("/metrics").body.decode()
    assert 'lies_total{facilitator="payai"} 0' not in text and "lies_total{" in text, text
    equal(len(shop.payments(status="pending")), 1)
    payai.says()
    equal(payment_of(settled(header))["transaction"],
          payai.solana[kit_pay.unb64(header[1])["payload"]["transaction"]])
    sold()

def resolve(id_, **body):
    return shop.client.request("POST", f"/v1/payments/{id_}/resolve", body, token=shop.token)


with case("nobody tells the end: an admin does, with the transaction or after ten minutes"):
    payai.says("pending_bare", settle=False)
    header = kit_solana.pay(shop.offer(), ANN, hash_of="word")
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    id_ = shop.payments(status="pending")[0]["id"]
    text = kit_pay.unb64(header[1])["payload"]["transaction"]
    good = base58(payai.complete(text))
    equal(shop.client.request("POST", f"/v1/payments/{id_}/resolve", {}).status, 401)
    for body, param in (({}, "outcome"), ({"outcome": "maybe"}, "outcome"),
                        ({"outcome": "settled"}, "transaction"),
                        ({"outcome": "settled", "transaction": good[:-1] + "0"}, "transaction"),
                        ({"outcome": "settled", "transaction": good, "reason": "x"}, "reason"),
                        ({"outcome": "settled", "transaction": base58(b"\x02" * 64)},
                         "transaction"),
                        ({"outcome": "failed"}, "reason"),
                        ({"outcome": "failed", "reason": "x" * 65}, "reason"),
                        ({"outcome": "failed", "reason": "x", "transaction": good},
                         "transaction")):
        problem(resolve(id_, **body), 422, "INVALID_PAYMENT", param)
    problem(resolve("0" * 32, outcome="failed", reason="x"), 404, "NOT_FOUND")
    answer = resolve(id_, outcome="failed", reason="never landed")
    problem(answer, 409, "PAYMENT_STATE")
    assert "can be failed from 20" in answer.json()["detail"], answer.json()
    where = ("--url", f"http://127.0.0.1:{shop.port}", "--data", shop.data)
    equal(kit.lucid("payment", "resolve", id_, *where)[0], 2)
    status, out, err = kit.lucid("payment", "resolve", id_, "--settled", good, *where)
    equal(status, 0, (out, err))
    sold()
    equal(shop.payments(payer=ANN.text)[-1]["transaction"], good)
    equal(shop.payments(payer=ANN.text)[-1]["x402"]["served"], False)
    answer = resolve(id_, outcome="settled", transaction=good)
    equal((answer.status, answer.json()["replayed"]), (200, True))
    problem(resolve(id_, outcome="failed", reason="x"), 409, "PAYMENT_STATE")
    before = settlements()
    equal(shop.show(header).status, 200)
    equal(shop.payments(payer=ANN.text)[-1]["x402"]["served"], True)
    equal(settlements(), before)
    payai.says()

with case("the facilitator is away: nothing is taken, or what was begun ends when it is back"):
    header = kit_solana.pay(shop.offer(), ANN, hash_of="e")
    payai.down()
    problem(shop.show(header), 503, "PAYMENT_UNAVAILABLE")
    payai.up()
    equal(settled(header).status, 200)
    sold()
    header = kit_solana.pay(shop.offer(), ANN, hash_of="f")
    payai.says("drop", settle=False, times=2)
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    settled(header)
    sold()

# --- payments that name themselves ---------------------------------------------------------------

with case("one identifier, one payment: 409 before anything moves"):
    name = "order-" + os.urandom(8).hex()
    first = kit_solana.pay(shop.offer(), ANN, hash_of="g", identifier=name)
    answer = shop.show(first)
    equal(answer.status, 200, repr(answer))
    sold()
    equal(payment_of(answer)["x402"]["identifier"], name)
    before = len(payai.asked)
    second = kit_solana.pay(shop.offer(), ANN, hash_of="h", identifier=name)
    problem(shop.show(second), 409, "PAYMENT_IDENTIFIER_CONFLICT", first[0])
    problem(shop.show(kit_solana.pay(shop.offer(OTHER_PATH), BOB, hash_of="i", identifier=name),
                      OTHER_PATH), 409, "PAYMENT_IDENTIFIER_CONFLICT", first[0])
    equal(len(payai.asked), before)
    equal(shop.show(first).status, 200)
    again = kit_solana.pay(shop.offer(), ANN, hash_of="h", identifier=name + "-2")
    equal(shop.show(again).status, 200)
    sold()

# --- smart wallets -------------------------------------------------------------------------------

shop.set_price()
WALLET, SIGNATURE = kit_chain.Wallet("contract"), os.urandom(130)
chain.add_contract_wallet(WALLET.address, SIGNATURE)


def pay_wallet(asked, signature=SIGNATURE, nonce=None, identifier=None, **more):
    name, value = kit_pay.pay_v2(asked, WALLET, nonce=nonce, identifier=identifier, **more)
    document = kit_pay.unb64(value)
    document["payload"]["signature"] = "0x" + signature.hex()
    return name, kit_pay.b64(document)


with case("who can check a smart wallet's signature settles it; ours is still ours"):
    header = pay_wallet(shop.offer())
    answer = shop.show(header)
    equal(answer.status, 200, repr(answer))
    paid = payment_of(answer)
    equal((paid["facilitator"], paid["payer"]), ("payai", WALLET.text.lower()))
    intent = shop.events("payment.intent")[-1]["decoded"]
    equal(intent["signature"], "0x" + "00" * 65)
    assert SIGNATURE.hex() in intent["forward"], intent
    sold()
    equal(payment_of(shop.buy(PAYER))["facilitator"], "direct")
    sold("direct")
    equal(chain.balance(PAYEE.address), 2 * PRICE)

with case("shown again: the same bytes are the client's, a stranger's are not"):
    before = settlements()
    equal(shop.show(header).status, 200)
    problem(shop.show(elsewhere(header), OTHER_PATH), 409, "PAYMENT_ALREADY_SPENT", header[0])
    nonce = unhex(kit_pay.unb64(header[1])["payload"]["authorization"]["nonce"])
    document = kit_pay.unb64(header[1])
    document["payload"]["signature"] = "0x" + os.urandom(130).hex()
    problem(shop.show(("PAYMENT-SIGNATURE", kit_pay.b64(document))), 402, "PAYMENT_REQUIRED")
    equal(settlements(), before)

with case("shown again after its end, and when nobody would take a new one: it is served"):
    end = int(time.time()) + 12
    header = pay_wallet(shop.offer(), before=end)
    settled(header)
    sold()
    other = pay_wallet(shop.offer(), os.urandom(130), before=end,
                       nonce=unhex(kit_pay.unb64(header[1])["payload"]["authorization"]["nonce"]))
    before = len(payai.asked)
    equal(shop.show(header).header("X-Payment-Id"), shop.payments()[-1]["id"])
    kit.wait_for(lambda: time.time() > end - 5, 10, "its end")
    equal(shop.show(header).status, 200)
    problem(shop.show(other), 402, "PAYMENT_REQUIRED")
    problem(shop.show(elsewhere(header), OTHER_PATH), 409, "PAYMENT_ALREADY_SPENT", header[0])
    equal(len(payai.asked), before)
    shop.stop()
    taken = shop.settings["x402_facilitators_file"]
    shop.settings["x402_facilitators_file"] = kit_facilitator.file(
        shop.base, payai, order=["direct", "payai"], timeout_ms=2000, settle_timeout_ms=500,
        smart_wallets=False)
    shop.start()
    equal(shop.show(header).status, 200)
    problem(shop.show(other), 402, "PAYMENT_REQUIRED")
    problem(resolve(shop.payments()[-1]["id"], outcome="failed", reason="x"), 409, "PAYMENT_STATE")
    shop.stop()
    equal(kit_facilitator.file(shop.base, payai, order=["direct", "payai"], timeout_ms=2000,
                               settle_timeout_ms=500, smart_wallets=True), taken)
    shop.start()

with case("a stranger cannot hold a wallet's nonce"):
    nonce = os.urandom(32)
    asked = shop.offer()
    problem(judged(pay_wallet(asked, os.urandom(130), nonce)), 402, "PAYMENT_REQUIRED")
    settled(pay_wallet(asked, SIGNATURE, nonce))
    sold()
    equal(shop.payments(status="pending"), [])

with case("not known yet; the chain says it in the end, also to a process after"):
    payai.says("pending", settle="later")
    header = pay_wallet(shop.offer())
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    shop.kill()
    shop.start()
    payai.settle_later()
    payai.says()
    settled(header)
    sold()

with case("whoever cannot check it does not take it"):
    payai.down()
    problem(shop.show(pay_wallet(shop.offer())), 503, "PAYMENT_UNAVAILABLE")
    equal(payment_of(shop.buy(PAYER))["facilitator"], "direct")
    sold("direct")
    payai.up()

with case("all of it once more from the events, and by replay"):
    shop.audit()
    where = ("--url", f"http://127.0.0.1:{shop.port}", "--data", shop.data)
    status, text, _ = kit.lucid("payment", "show", paid["id"], *where)
    equal(status, 0, text)
    assert b"payai" in text and WALLET.text.lower().encode() in text, text
    status, text, _ = kit.lucid("payment", "list", "--payer", ANN.text, *where)
    equal(status, 0, text)
    assert ANN.text.encode() in text, text
    shop.stop()
    status, text, err = kit.lucid("log", "replay", "--data", shop.data, "--check", "--json")
    tables = {part["part"]: part["equal"] for part in json.loads(text)["parts"]}
    assert tables["table x402_payments"] and tables["table x402_identifiers"], (status, text, err)
    assert tables["table x402_keys"], text

payai.close()
chain.close()
kit.done()
