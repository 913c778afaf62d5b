#!/usr/bin/env python3
"""Payments settled by other facilitators, true ones and lying ones: who is asked, what is believed,
and that money moves once, whatever they say and whenever the service is killed."""

import http.client
import os
import threading

import kit
import kit_chain
import kit_facilitator
import kit_pay
from kit import case, equal, problem
from kit_chain import PAYEE, PAYER, PAYER2
from kit_facilitator import SETTLER2, Facilitator
from kit_shop import PRICE, Shop

URL = "https://ledger.example"  # what challenges name; it must outlive a restart on another port
received = 0


class TestShop(Shop):
    init_flags = ("--test",)  # only such a log lets itself be killed


def sold(count=1):
    """So many more payments: the chain's money is the books', under the facilitators' names."""
    global received  # pylint: disable=global-statement
    received += count * PRICE
    equal(chain.balance(PAYEE.address), received, "on the chain")
    names = ("coinbase", "payai", "direct")
    clearing = sum(shop.balance(f"clearing:{name}:USDC") for name in names)
    equal(clearing, received, "in the books")
    equal(sum(shop.split()[:3]), received, "split")


def settled(header):
    """Shows the same payment until it is decided; the answer."""
    def probe():
        answer = shop.show(header)
        if answer.status == 503:
            problem(answer, 503, "PAYMENT_PENDING")
            return None
        return answer
    answer = kit.wait_for(probe, 15, "an outcome")
    equal(answer.status, 200, repr(answer))
    return answer


def facilitator_of(answer):
    """Who settled the payment of an answer."""
    paid = shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)
    equal(paid["status"], "settled")
    return paid["facilitator"]


def known():
    """Whether every facilitator has said what it supports."""
    text = shop.get("/metrics").body.decode()
    return all(f'lucid_x402_facilitator_reachable{{facilitator="{name}"}} 1' in text
               for name in ("coinbase", "payai"))


def metric(name, facilitator="coinbase"):
    for line in shop.get("/metrics").body.decode().splitlines():
        if line.startswith(f'lucid_x402_facilitator_{name}{{facilitator="{facilitator}"}}'):
            return int(line.split()[-1])
    raise AssertionError(name)


chain = kit_chain.chain()
coinbase = Facilitator(chain, "cdp")
payai = Facilitator(chain, "payai", wallet=SETTLER2)
shop = TestShop(chain, gas=False, start=False, public_url=URL, settle_ms_max=1000)
FILE = kit_facilitator.file(shop.base, coinbase, payai, order=["direct", "coinbase", "payai"],
                            assets={"other": ["payai"]}, timeout_ms=2000, settle_timeout_ms=400)
shop.settings["x402_facilitators_file"] = FILE
shop.open()
kit.wait_for(known, 10, "what they support")

with case("the first of the order settles, in both versions of the protocol"):
    for pay in (kit_pay.pay_v2, kit_pay.pay_v1):
        answer = shop.buy(PAYER, pay=pay)
        equal(facilitator_of(answer), "coinbase")
        sold()
    equal([route for route, _ in coinbase.asked],
          ["supported", "verify", "settle", "verify", "settle"])
    equal(payai.routes("verify"), [])
    equal([list(body) for body in coinbase.routes("settle")],
          [["paymentPayload", "paymentRequirements", "x402Version"]] * 2)
    equal(coinbase.routes("verify"), coinbase.routes("settle"))
    header = answer.header("X-PAYMENT-RESPONSE")
    told = kit_pay.unb64(header)
    assert told["success"] and told["network"] == "base-sepolia" and told["transaction"], told

with case("before money moves the next one takes over"):
    coinbase.down()
    for pay in (kit_pay.pay_v2, kit_pay.pay_v1):
        equal(facilitator_of(shop.buy(PAYER, pay=pay)), "payai")
        sold()
    assert "facilitator_unreachable" in shop.get("/readyz").json()["warnings"]
    coinbase.up()
    for trouble in ((500, {}), (429, {}), (200, b"yes"), (200, {"isValid": "true"}),
                    (503, {"isValid": True}), (200, {"isValid": True, "payer": "0x" + "22" * 20}),
                    (400, {"isValid": False, "invalidReason": "invalid_network"})):
        coinbase.valid = trouble
        equal(facilitator_of(shop.buy(PAYER2)), "payai", repr(trouble))
        sold()
    coinbase.valid = None
    equal(len(coinbase.routes("settle")), 2)

with case("a token is made for each question, or kept, as each of them wants it"):
    equal(coinbase.refused + payai.refused, [])
    equal(len(coinbase.nonces), len(coinbase.asked))
    equal(len(payai.jtis), 1)
    assert len(payai.asked) > 2

with case("what is refused before an intent costs nothing, and nobody else is asked"):
    asked = len(payai.asked)
    for reason in ("invalid_exact_evm_address_kyt", "insufficient_funds"):
        coinbase.valid = (200, {"isValid": False, "invalidReason": reason, "payer": PAYER.text})
        header = kit_pay.pay_v2(shop.offer(), PAYER)
        problem(shop.show(header), 402, "PAYMENT_REQUIRED")
    coinbase.valid = None
    equal(len(payai.asked), asked)
    equal(shop.payments(status="pending"), [])
    equal(shop.show(header).status, 200)
    sold()

# --- lies about settlements: our own look at the chain decides -----------------------------------

ANSWERS = ("no_transaction", "wrong_hash", "other_network", "other_payer", "false", "pending",
           "pending_500", "pending_bare", "duplicate", "500", "429", "garbage", "empty", "drop")
asked = len(payai.asked)
for answer_with in ANSWERS:
    with case(f"it settles, and answers {answer_with}"):
        coinbase.says(answer_with, settle=True)
        header = kit_pay.pay_v2(shop.offer(), PAYER)
        equal(facilitator_of(settled(header)), "coinbase")
        sold()

LEFT_OPEN = ("no_transaction", "wrong_hash", "false", "pending", "500", "drop")
for answer_with in LEFT_OPEN:
    with case(f"it does not settle, and answers {answer_with}"):
        coinbase.says(answer_with, settle=False)
        before = len(coinbase.routes("settle"))
        header = kit_pay.pay_v2(shop.offer(), PAYER)
        answer = shop.show(header)
        problem(answer, 503, "PAYMENT_PENDING")
        assert answer.header("X-Payment-Id") and answer.header("Retry-After"), answer
        sold(0)
        coinbase.says()
        settled(header)
        sold()
        bodies = coinbase.routes("settle")[before:]
        assert all(body == bodies[0] for body in bodies), "the identical payload"

with case("it says no, and settles after that"):
    coinbase.says("false", settle="later")
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    sold(0)
    coinbase.settle_later()
    settled(header)
    sold()
    coinbase.says()

with case("it answers too late"):
    coinbase.says(delay=0.8, times=1)
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    settled(header)
    sold()

with case("after an intent nobody else is given a payment"):
    equal(len(payai.asked), asked)
    assert metric("lies_total") >= 5, metric("lies_total")
    equal(metric("lies_total", "payai"), 0)
    assert metric("settled_total") >= len(ANSWERS)

with case("the settling question never left: the next payer's turn is not his"):
    coinbase.valid = None
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    # It goes away between its yes and the settlement.
    coinbase.verify_delay = 0.3
    gone = threading.Timer(0.2, coinbase.down)
    gone.start()
    answer = shop.show(header)
    gone.join()
    coinbase.verify_delay = 0.0
    coinbase.up()
    if answer.status == 503:
        settled(header)
    sold()

# --- kill -9 --------------------------------------------------------------------------------------

for at in ("intent", "settled"):
    with case(f"killed at {at}: the restart goes on with it, by the same facilitator"):
        shop.stop()
        shop.start(prefix=("env", f"LUCID_TEST_KILL_AT={at}"))
        kit.wait_for(known, 10, "what they support")
        header = kit_pay.pay_v2(shop.offer(), PAYER)
        before = len(coinbase.routes("settle"))
        try:
            raise AssertionError(f"it answered: {shop.show(header)!r}")
        except (http.client.HTTPException, ConnectionError):
            pass
        equal(shop.wait(), -9, "killed by itself")
        equal(len(coinbase.routes("settle")) - before, int(at == "settled"))
        shop.start()
        equal(facilitator_of(settled(header)), "coinbase")
        equal(len(coinbase.routes("settle")) - before, 1)
        sold()

with case("killed with the settlement under way: found by who has sent it"):
    shop.stop()
    shop.start()
    kit.wait_for(known, 10, "what they support")
    coinbase.says("drop", settle="later")
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    shop.kill()
    coinbase.settle_later()
    coinbase.down()
    shop.start()
    # Whose transaction it is can only be said when the facilitator has named its accounts.
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    coinbase.says()
    coinbase.up()
    settled(header)
    sold()

with case("books and log"):
    equal(shop.payments(status="pending") + shop.payments(status="stray"), [])
    equal(coinbase.refused + payai.refused, [])
    shop.audit()
    shop.stop()

# --- what it does not start with ------------------------------------------------------------------


def refused(text, path=FILE):
    """The service does not start, and says why."""
    kit.refuses_to_start(shop.data, text, "--x402-networks-file", shop.networks_path,
                         "--x402-facilitators-file", path)


with case("keys and files that will not do"):
    secret = os.path.join(shop.base, "coinbase.secret")
    os.chmod(secret, 0o644)
    refused("coinbase.secret")
    with open(os.open(secret, os.O_WRONLY | os.O_TRUNC), "w", encoding="ascii") as file:
        file.write("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n")
    os.chmod(secret, 0o600)
    refused("ES256")
    bad = os.path.join(shop.base, "bad.json")
    with open(bad, "w", encoding="ascii") as file:
        file.write('{"facilitators":[{"name":"payai","networks":["eip155:8453"]}]}')
    refused("eip155:8453 is not in x402_networks_file", bad)

kit.done()
