#!/usr/bin/env python3
"""Many buyers with all kinds of payment, while the service is killed, the chain reorganises, the
node goes away and prices change. In the end money on the chain, payments, books and what the buyers
got are held against each other.

LUCID_SEED repeats the choices (not the interleaving); LUCID_BUYERS and LUCID_PURCHASES make it
longer."""

import collections
import http.client
import itertools
import os
import random
import socket
import threading
import time

import kit
import kit_chain
import kit_pay
from kit import case, equal
from kit_chain import PAYEE, PAYER, PAYER2, STRANGER
from kit_evm import enhex, word
from kit_shop import Shop

SEED = int(os.environ.get("LUCID_SEED", time.time_ns()))
BUYERS = int(os.environ.get("LUCID_BUYERS", "6"))
PURCHASES = int(os.environ.get("LUCID_PURCHASES", "8"))
PATIENCE = 40 * kit.SLOW
# No two of the buyers' transfers have the same gas limit. A wallet whose transfer was reorganised
# away gives its nonce again, and equal fields are signed to equal bytes (RFC 6979): the next
# purchase at that price would be the same transaction, and the gate rightly answers it as the
# payment that it is (35_reorg). Here every purchase is to have a payment of its own.
GAS = itertools.count(200000)
GONE = (ConnectionError, http.client.HTTPException, socket.timeout, OSError)


class Buyer(threading.Thread):
    """Buys the same proof again and again, each time with one payment of its own, and does not give
    a payment up before it is decided."""

    def __init__(self, number):
        super().__init__(daemon=True)
        self.random = random.Random(f"{SEED}/{number}")
        self.wallet = (PAYER, PAYER2, STRANGER)[number % 3]
        self.served, self.refused, self.lost, self.answers = [], [], [], collections.Counter()
        self.sent = []
        self.failure = None
        self.client = None

    def ask(self, header=None, path=None):
        """An answer, however long it takes for the service to be there."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.client = self.client or kit.Client(shop.port, seconds=20)
                return shop.show(header or ("X-None", "1"), path, client=self.client)
            except GONE:
                self.client = None
                assert time.monotonic() < deadline, "the service did not come back"
                time.sleep(0.05)

    def asked(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.ask()
            if answer.status == 402:
                return answer
            assert answer.status == 503 and time.monotonic() < deadline, answer
            time.sleep(0.05)

    def pay(self, answer):
        """(header, the transaction that is on the chain already or None)"""
        kind = self.random.choice(("v1", "v2", "v2", "signed", "nonce"))
        if kind == "v1":
            return kit_pay.pay_v1(answer, self.wallet), None
        if kind == "v2":
            return kit_pay.pay_v2(answer, self.wallet), None
        price = int(answer.json()["x402"]["payment"]["amount"])
        price += self.random.choice((0, 0, 0, 7))
        if kind == "signed":
            tx = chain.transfer(self.wallet, PAYEE.address, price, gas=next(GAS))
            return kit_pay.pay_proof(answer, tx, self.wallet), tx
        signed = kit_pay.authorize(self.wallet, PAYEE.address, price,
                                   nonce=kit_pay.challenge_nonce(answer))
        tx = chain.spend(self.wallet, signed)
        return kit_pay.pay_proof(answer, tx, log_index=1), tx

    def is_gone(self, tx):
        """Whether a reorganisation took it for good. What waits is behind a nonce whose transaction
        was taken, and would wait for ever when nobody else pays from the wallet: it is used up."""
        with chain.lock:
            if chain.is_waiting(tx):
                chain.transfer(self.wallet, self.wallet.address, 1, gas=next(GAS))
            return not chain.is_mined(tx) and not chain.is_waiting(tx)

    def insist(self, header, tx):
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.ask(header)
            self.answers[answer.status] += 1
            if answer.status != 503:
                return answer
            if tx is not None and self.is_gone(tx):
                return None
            assert time.monotonic() < deadline, answer
            time.sleep(0.1)

    def purchase(self):
        asked = self.asked()
        header, tx = self.pay(asked)
        self.sent += [tx] if tx else []
        answer = self.insist(header, tx)
        if answer is None:
            self.lost.append(tx)
            return
        if answer.status != 200:
            assert answer.status == 402, answer
            self.refused.append((answer.json()["error"], tx))
            return
        payment = answer.header("x-payment-id")
        self.served.append(payment)
        if self.random.random() < 0.3:
            again = self.insist(header, tx)
            # A reorganisation may have taken it meanwhile.
            if again is not None and again.status == 200:
                equal(again.header("x-payment-id"), payment)
            other = self.ask(header, shop.proof_path + "?tree_size=1")
            assert other.status in (409, 503, 402), other

    def run(self):
        try:
            for _ in range(PURCHASES):
                self.purchase()
        except BaseException as failure:  # pylint: disable=broad-except
            self.failure = failure


def chaos(buyers):
    """What may happen while they buy."""
    choice = random.Random(SEED)
    done = collections.Counter()
    while any(buyer.is_alive() for buyer in buyers):
        time.sleep(choice.uniform(0.1, 0.5) * kit.SLOW)
        what = choice.choices(("kill", "reorg", "drop", "down", "price", "block"),
                              (2, 2, 2, 1, 1, 1))[0]
        done[what] += 1
        if what == "kill":
            shop.kill()
            shop.start(listen=f"127.0.0.1:{shop.port}")
        elif what == "reorg":
            chain.reorg(choice.randint(1, 4))
        elif what == "drop":
            depth = choice.randint(1, 4)
            gone = [tx["hash"] for block in chain.blocks[-depth:] for tx in block.transactions]
            chain.reorg(depth, drop=[tx for tx in gone if choice.random() < 0.5])
        elif what == "down":
            chain.endpoint.down = True
            time.sleep(0.3)
            chain.endpoint.down = False
        elif what == "price":
            shop.set_price(price=choice.choice((10000, 9000, 12345)))
        else:
            chain.mine()
    return done


def received():
    """What the payee got on the chain as it stands: (transaction, position) -> amount."""
    found = {}
    for block in chain.blocks:
        for receipt in block.receipts:
            for at, log in enumerate(receipt["logs"]):
                if log["topics"][0] == kit_chain.TRANSFER and log["topics"][2] == word(
                        PAYEE.address):
                    place = (enhex(receipt["tx"]["hash"]), at)
                    found[place] = int.from_bytes(log["data"], "big")
    return found


def settle_down():
    """Blocks until nothing is open any more."""
    def at_rest():
        chain.mine()
        return all(p["status"] == "recorded" or p["status"] == "failed" or p["x402"]["final"]
                   for p in shop.payments(limit=1000))
    kit.wait_for(at_rest, 60, "every payment final", 0.2)


kit.note(f"seed {SEED}")
with kit_chain.Chain() as chain:
    # What a reorganisation took is looked for longer than the wallet needs to send it again behind
    # a stuck nonce: given up before, it would be on the chain and in no payment.
    shop = Shop(chain, reorg_watch_seconds=10, payment_seconds_max=30,
                networks=[chain.network(gas_key=kit_chain.FACILITATOR, stuck_seconds=5,
                                        final_depth=6)])
    buyers = [Buyer(number) for number in range(BUYERS)]
    with case("buyers are served while everything happens"):
        for buyer in buyers:
            buyer.start()
        kit.note(str(dict(chaos(buyers))))
        for buyer in buyers:
            if buyer.failure:
                raise buyer.failure
        kit.note(str(dict(sum((b.answers for b in buyers), collections.Counter()))))
        refused = collections.Counter(why for b in buyers for why, _ in b.refused)
        kit.note(f"served {sum(len(b.served) for b in buyers)}, refused {dict(refused)}, "
                 f"lost {sum(len(b.lost) for b in buyers)}")
        assert sum(len(buyer.served) for buyer in buyers) >= BUYERS * PURCHASES // 3

    with case("no payment has bought twice, and everything comes to rest"):
        settle_down()
        sent = [tx for buyer in buyers for tx in buyer.sent]
        equal(len(set(sent)), len(sent), "transactions of the buyers")
        served = [payment for buyer in buyers for payment in buyer.served]
        equal(len(set(served)), len(served), "payments that bought")
        payments = {p["id"]: p for p in shop.payments(limit=1000)}
        for payment in served:
            assert payments[payment]["x402"]["served"], payments[payment]
        kit.note(str(collections.Counter(p["status"] for p in payments.values())))

    with case("what is settled is on the chain, and what is on the chain is known"):
        there = received()
        settled = {}
        for payment in payments.values():
            if payment["status"] == "settled":
                place = (payment["transaction"], payment["x402"]["log_index"])
                assert place not in settled, payment
                settled[place] = int(payment["amount"])
        for place, amount in settled.items():
            equal(there.get(place), amount, f"settled, on the chain {place}")
        known = {(enhex(tx), at) for b in buyers for _, tx in b.refused if tx for at in (0, 1)}
        known |= {(enhex(tx), at) for b in buyers for tx in b.lost for at in (0, 1)}
        rest = {place: amount for place, amount in there.items()
                if place not in settled and place not in known}
        equal(rest, {}, "transfers that no payment knows")

    with case("the books have it to the unit"):
        books = shop.audit()
        equal(shop.balance("clearing:direct:USDC"), sum(settled.values()))
        equal(books.balance("clearing:direct:USDC"), sum(settled.values()))

    with case("fsck, and the log replayed into an empty store"):
        shop.stop()
        kit.run_lucid("log", "fsck", "--data", shop.data)
        target = os.path.join(shop.base, "replayed")
        kit.run_lucid("log", "replay", "--data", shop.data, "--to", target)
kit.done()
