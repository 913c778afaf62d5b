#!/usr/bin/env python3
"""A route of a plugin is sold: nothing of the plugin runs before a payment that fits is shown, what
its handler refuses or answers itself costs nothing, and what it submits is logged with the payment,
once."""

import hashlib
import os

import kit
import kit_chain
import kit_pay
from kit import case, equal, problem
from kit_chain import PAYEE, PAYER, PAYER2
from kit_evm import unhex
from kit_shop import PRICE, Shop

SOLD, ASSET = "/v1/notes-sold", "appraisals"
MODULES = os.path.join(os.path.abspath(kit.BUILD), "tests/unit/api")

chain = kit_chain.chain()
shop = Shop(chain, classes={"proof": "proofs", "appraise": ASSET, "match": "matches"},
            public_url="https://ledger.example", plugins="notes", plugins_dir=MODULES,
            stop_grace_ms=300)
received = 0


def post(body, header=None, token=None, **more):
    fields = dict(more, **({header[0]: header[1]} if header else {}))
    return shop.client.request("POST", SOLD, body, fields, token=token)


def offer(body):
    return shop.offer(SOLD, "POST", body)


def calls():
    """How often a handler of the plugin has run."""
    text = shop.get("/metrics").body.decode()
    return int(next(line for line in text.splitlines()
                    if line.startswith('lucid_plugin_calls_total{plugin="notes"')).split()[-1])


def notes():
    return [event["payload"]["text"] if isinstance(event.get("payload"), dict) else event
            for event in shop.events("note.written")]


def settled(answer, served=True):
    payment = shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)
    equal((payment["status"], payment["asset"], payment["amount"]), ("settled", ASSET, str(PRICE)))
    equal(payment["x402"]["served"], served)
    return payment["id"]


with case("402 at once, with an offer of the class's asset; nothing of the plugin runs"):
    before = calls()
    asked = offer(b"one")
    equal(kit_pay.offer_v2(asked)["accepts"][0]["amount"], str(PRICE))
    equal(kit_pay.offer_v2(asked)["resource"]["url"], "https://ledger.example" + SOLD)
    problem(post(b"far too long a note to be one"), 402, "PAYMENT_REQUIRED")
    problem(post(b"one", ("X-PAYMENT", "no base64!")), 400, "PAYMENT_MALFORMED", "X-PAYMENT")
    problem(post(b"one", kit_pay.pay_v2(asked, PAYER, PRICE + 1)), 402, "PAYMENT_REQUIRED")
    problem(post(b"one", token="lucid_" + "0" * 64), 402, "PAYMENT_REQUIRED")
    equal(calls(), before)
    items = shop.ok("/discovery/resources")["items"]
    assert any(item["resource"] == "https://ledger.example" + SOLD for item in items), items

with case("it is bought: logged with its payment; the same again is the same, and no second event"):
    header = kit_pay.pay_v2(offer(b"one"), PAYER)
    answer = post(b"one", header)
    equal((answer.status, answer.json()), (201, {"id": "one", "known": False, "stored": True}))
    equal((answer.header("Cache-Control"), answer.header("X-Note")), ("private, no-store", "one"))
    equal(kit_pay.unb64(answer.header("PAYMENT-RESPONSE"))["success"], True)
    received += PRICE
    payment = settled(answer)
    again = post(b"one", header)
    equal((again.status, again.json()["known"]), (200, True))
    equal(again.header("X-Payment-Id"), payment)
    equal(len(notes()), 1)
    shop.agree(received)

with case("with v1, and with a transfer that the payer signs for"):
    equal(post(b"two", kit_pay.pay_v1(offer(b"two"), PAYER2)).status, 201)
    asked = offer(b"three")
    tx = chain.transfer(PAYER, unhex(asked.json()["x402"]["payment"]["recipient"]), PRICE)
    answer = post(b"three", kit_pay.pay_proof(asked, tx, PAYER, body=b"three"))
    equal(answer.status, 201, repr(answer))
    settled(answer)
    received += 2 * PRICE
    equal(len(notes()), 3)
    shop.agree(received)

with case("what the handler refuses, or answers itself, costs nothing"):
    long = b"far too long a note to be one"
    before = calls()
    answer = post(long, kit_pay.pay_v2(offer(long), PAYER))
    problem(answer, 409, "NOTE_REFUSED", "body")
    equal((answer.header("X-Payment-Id"), answer.header("PAYMENT-RESPONSE")), (None, None))
    answer = post(b"free of cost", kit_pay.pay_v2(offer(b"free of cost"), PAYER))
    equal((answer.status, answer.json()), (200, {"free": True}))
    equal(answer.header("Cache-Control"), "private, no-store")
    equal(calls(), before + 2)
    equal(len(shop.payments(limit=1000)), 3)
    shop.agree(received)

with case("what the writer refuses after the money moved: good for a corrected body, once"):
    header = kit_pay.pay_v2(offer(b"no way"), PAYER)
    answer = post(b"no way", header)
    problem(answer, 418, "NOTE_REFUSED", "body")
    received += PRICE
    payment = settled(answer, served=False)
    problem(again := post(b"no way", header), 418, "NOTE_REFUSED", "body")
    equal(again.header("X-Payment-Id"), payment)
    shop.agree(received)
    answer = post(b"then so", header)
    equal((answer.status, answer.header("X-Payment-Id")), (201, payment))
    settled(answer)
    problem(post(b"other", header), 409, "PAYMENT_ALREADY_SPENT", "PAYMENT-SIGNATURE")
    equal(len(notes()), 4)
    shop.agree(received)

with case("a handler's answer that never came does not undo what was paid"):
    header = kit_pay.pay_v2(offer(b"mute"), PAYER)
    answer = post(b"mute", header)
    problem(answer, 500, "PLUGIN_FAULT")
    received += PRICE
    settled(answer)
    equal(len(notes()), 5)
    assert "plugin.fault" in shop.log_text() and "ends without an answer" in shop.log_text()
    shop.agree(received)

with case("a token with a scope that lets in does not pay, nor does an access grant"):
    made = {}
    for scope in ("attest", "read"):
        answer = shop.post("/v1/tokens", {"name": scope, "scopes": [scope]}, token=shop.token)
        equal(answer.status, 201)
        made[scope] = answer.json()["token"]
    for token, note in ((made["attest"], b"of a token"), (shop.token, b"of an admin")):
        answer = post(note, token=token)
        equal((answer.status, answer.header("X-Payment-Id")), (201, None))
        equal(answer.header("Cache-Control"), "private, no-store")
    problem(post(b"of a reader", token=made["read"]), 402, "PAYMENT_REQUIRED")
    secret = os.urandom(32).hex()
    given = shop.post("/v1/access", {"asset": ASSET, "duration_hours": 1, "secret_sha256":
                                     hashlib.sha256(secret.encode()).hexdigest()}, token=shop.token)
    equal(given.status, 201, repr(given))
    answer = post(b"of a grant", ("X-Access-Grant", f"{given.json()['id']}.{secret}"))
    equal(answer.status, 201, repr(answer))
    assert answer.header("X-Access-Expires")
    shop.agree(received)

with case("a client that goes away while its payment is settled finds what it has bought"):
    header = kit_pay.pay_v2(offer(b"gone"), PAYER)
    chain.set_automine(False)
    raw = shop.raw()
    raw.send((f"POST {SOLD} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
              f"{header[0]}: {header[1]}\r\n\r\ngone").encode())
    kit.wait_for(lambda: shop.payments(status="pending"), what="the intent")
    raw.close()
    chain.set_automine(True)
    kit.wait_for(lambda: not shop.payments(status="pending"), what="its end")
    received += PRICE
    answer = post(b"gone", header)
    equal((answer.status, answer.json()["known"]), (200, True))
    settled(answer)
    shop.agree(received)

with case("a stop in the middle: the next start goes on with the payment"):
    header = kit_pay.pay_v2(offer(b"stopped"), PAYER)
    chain.set_automine(False)
    raw = shop.raw()
    raw.send((f"POST {SOLD} HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n"
              f"{header[0]}: {header[1]}\r\n\r\nstopped").encode())
    kit.wait_for(lambda: shop.payments(status="pending"), what="the intent")
    shop.restart()
    raw.close()
    problem(post(b"stopped", header), 503, "PAYMENT_PENDING")
    chain.set_automine(True)
    kit.wait_for(lambda: not shop.payments(status="pending"), what="its end")
    received += PRICE
    answer = post(b"stopped", header)
    equal((answer.status, answer.json()["known"]), (201, False))
    equal((post(b"stopped", header).status, post(b"stopped", header).json()["known"]), (200, True))
    settled(answer)
    shop.agree(received)

with case("a class that no plugin sells is still told of at the start"):
    assert "price_class.match is of no route" in shop.log_text()
    assert "price_class.appraise is" not in shop.log_text()
    equal(chain.balance(PAYEE.address), received)

shop.stop()
chain.close()
kit.done()
