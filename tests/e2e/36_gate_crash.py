#!/usr/bin/env python3
"""kill -9 between the steps of a payment: after the restart the same proof is served, by exactly
one payment, and the chain has moved the money once."""

import http.client
import threading

import kit
import kit_chain
import kit_pay
from kit import case, equal, problem
from kit_chain import PAYEE, PAYER, PAYER2
from kit_receipts import Maker
from kit_shop import PRICE, Shop

URL = "https://ledger.example"  # what challenges name; it must outlive a restart on another port
RECEIPTS = "/v1/receipts"
maker = Maker("36")


class TestShop(Shop):
    init_flags = ("--test",)  # only such a log lets itself be killed


def armed(shop, at):
    """The service again, which a payment will kill there."""
    shop.stop()
    shop.start(prefix=("env", f"LUCID_TEST_KILL_AT={at}"))


def killed(shop, header, *request):
    """Shows the payment and loses the service by it."""
    try:
        answer = shop.show(header, *request)
        raise AssertionError(f"it answered: {answer!r}")
    except (http.client.HTTPException, ConnectionError):
        pass
    equal(shop.wait(), -9, "killed by itself")


def settled(shop, header, *request, status=200):
    """Shows the same proof until it is decided; the answer."""
    def probe():
        answer = shop.show(header, *request)
        if answer.status == 503:
            problem(answer, 503, "PAYMENT_PENDING")
            assert answer.header("X-Payment-Id") and answer.header("Retry-After"), answer
            return None
        return answer
    answer = kit.wait_for(probe, 20, "an outcome")
    equal(answer.status, status, repr(answer))
    return answer


def kinds(shop):
    """What the log has of payments: {"intent": 1, "settled": 1, …}."""
    counts = {}
    for event in shop.events("payment."):
        name = event["type"].split(".")[1]
        counts[name] = counts.get(name, 0) + 1
    return counts


def one_more(shop, before, received, want):
    """The log has grown by just these events of payments, and books and chain agree."""
    after = kinds(shop)
    grown = {name: after[name] - before.get(name, 0) for name in after
             if name != "final" and after[name] != before.get(name, 0)}
    equal(grown, want)
    shop.agree(received)


chain = kit_chain.chain()
shop = TestShop(chain, public_url=URL)
received = 0

# Killed when it has claimed, nothing has begun: the proof is as new. From the intent on the keeper
# settles what is open, for a request that is gone; the same one again is served for it.
KEEPER = {"intent": 1, "settled": 1, "served": 1}
NEW = {"intent": 1, "settled": 1}
for at, want in (("claimed", NEW), ("intent", KEEPER), ("settled", KEEPER), ("recorded", NEW)):
    with case(f"an authorization, killed at {at}"):
        before = kinds(shop)
        armed(shop, at)
        header = kit_pay.pay_v2(shop.offer(), PAYER)
        killed(shop, header)
        shop.start()
        kit.wait_for(lambda: not shop.payments(status="pending"), 20, "reconciliation")
        answer = settled(shop, header)
        received += PRICE
        one_more(shop, before, received, want)
        equal(settled(shop, header).header("X-Payment-Id"), answer.header("X-Payment-Id"))
        one_more(shop, before, received, want)
        other = shop.proof_path + "?tree_size=1"
        v1 = kit_pay.pay_v1(shop.offer(other), PAYER2)
        equal(shop.show(v1, other).status, 200)
        problem(shop.show(v1), 409, "PAYMENT_ALREADY_SPENT", "X-PAYMENT")
        received += PRICE

for at in ("claimed", "recorded"):
    with case(f"a transfer, killed at {at}"):
        before = kinds(shop)
        armed(shop, at)
        header = shop.transfer_proof(PAYER)
        killed(shop, header)
        shop.start()
        settled(shop, header)
        received += PRICE
        one_more(shop, before, received, {"settled": 1})
        settled(shop, header)
        one_more(shop, before, received, {"settled": 1})

with case("killed with the transaction on its way: it is found, and not sent twice"):
    before = kinds(shop)
    sent = chain.nonce(kit_chain.FACILITATOR.address)
    armed(shop, "settled")
    chain.set_automine(False)
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    lost = threading.Thread(target=killed, args=(shop, header))
    lost.start()
    kit.wait_for(lambda: chain.nonce(kit_chain.FACILITATOR.address) == sent + 1, 10, "a broadcast")
    shop.process.kill()
    lost.join()
    shop.start()
    problem(shop.show(header), 503, "PAYMENT_PENDING")
    chain.set_automine(True)
    settled(shop, header)
    received += PRICE
    equal(chain.nonce(kit_chain.FACILITATOR.address), sent + 1)
    one_more(shop, before, received, KEEPER)

with case("a restart between the 402 and the payment"):
    first, second = shop.offer(), shop.offer()
    shop.kill()
    shop.start()
    equal(shop.show(kit_pay.pay_v2(first, PAYER)).status, 200)
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    equal(shop.show(kit_pay.pay_proof(second, tx, PAYER)).status, 200)
    received += 2 * PRICE
    shop.agree(received)

with case("everything checks out"):
    equal(shop.payments(status="pending") + shop.payments(status="stray"), [])
    shop.stop()
    kit.run_lucid("log", "fsck", "--data", shop.data)

# --- a write: logged once, whichever side of the commit the crash was on ------------------------

chain = kit_chain.chain()
writes = TestShop(chain, classes={"receipt": "writes"}, public_url=URL)
received = 0
for count, (at, want) in enumerate(
    (("claimed", NEW), ("intent", KEEPER), ("settled", KEEPER), ("recorded", NEW)), 1
):
    with case(f"a write, killed at {at}"):
        before = kinds(writes)
        armed(writes, at)
        wire = writes.signer.seal(maker.body()).wire()
        header = kit_pay.pay_v2(writes.offer(RECEIPTS, "POST", wire), PAYER)
        killed(writes, header, RECEIPTS, "POST", wire)
        writes.start()
        equal(writes.size(), count if at == "recorded" else count - 1)
        status = 200 if at == "recorded" else 201  # it is there already
        answer = settled(writes, header, RECEIPTS, "POST", wire, status=status)
        equal(answer.json()["leaf_index"], count - 1)
        equal(writes.size(), count)
        received += PRICE
        one_more(writes, before, received, want)

with case("a log that is no test log is not killed"):
    safe = Shop(kit_chain.chain(), public_url=URL, start=False)
    Shop.start(safe, prefix=("env", "LUCID_TEST_KILL_AT=claimed"))
    safe.stop()
    safe.open()
    assert "LUCID_TEST_KILL_AT is ignored" in open(
        safe.log.replace("-2.", "-1."), encoding="utf-8").read()

kit.done()
