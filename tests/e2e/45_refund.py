#!/usr/bin/env python3
"""Refunds: a transfer back to the payer is looked at on the chain, counted once, and the payment's
split taken back to the unit; what does not fit is refused and leaves nothing. Killed around the
commit, it is in the log once. Payouts that the chain shows are verified, others are not."""

import http.client
import json
import threading

import kit
import kit_chain
import kit_pay
import kit_schema
import kit_split
from kit import case, equal, problem, wait_for
from kit_chain import FACILITATOR, PAYEE, PAYER, PAYER2, STRANGER, Wallet
from kit_evm import enhex, unhex
from kit_shop import ASSET, Shop

PRICE = 10007  # no round legs
TREASURY, GPU = Wallet("treasury of refunds"), Wallet("compute-1")


class Till(Shop):
    def refund(self, payment, external_id, transaction, **more):
        path = f"/v1/payments/{payment}/refunds"
        answer = self.client.request("POST", path, {
            "external_id": external_id, "transaction": enhex(transaction), **more},
            token=self.token)
        described.judge("POST", path, answer)
        return answer

    def back(self, wallet, value, sender=PAYEE, final=True):
        """A transfer out, final unless said otherwise."""
        transaction = self.chain.transfer(sender, wallet.address, value)
        if final:
            self.chain.mine(3)
        return transaction

    def payment(self, payment):
        return self.ok(f"/v1/payments/{payment}", token=self.token)

    def refunds(self, payment):
        path = f"/v1/payments/{payment}/refunds"
        answer = self.get(path, token=self.token)
        described.judge("GET", path, answer)
        return answer.json()["items"]

    def sold(self, wallet):
        """A payment that is final; its id."""
        payment = self.buy(wallet).header("X-Payment-Id")
        self.chain.mine(3)
        wait_for(lambda: self.payment(payment)["x402"]["final"], 10, "final")
        return payment


chain = kit_chain.chain()
# The treasury is an account of ours whose key the service does not have.
shop = Till(chain, price=PRICE,
            networks=[chain.network(gas_key=FACILITATOR, treasury_address=TREASURY.text)])
described = kit_schema.OpenApi(shop.get("/openapi.json").json())
chain.fund(TREASURY)
for funded in (PAYEE, STRANGER, TREASURY):  # of its own, to send from
    chain.transfer(PAYER, funded.address, 10 * PRICE)

with case("not before the payment is final"):
    early = shop.buy(PAYER).header("X-Payment-Id")
    transaction = shop.back(PAYER, 10, final=False)
    answer = shop.refund(early, "r-1", transaction)
    problem(answer, 503, "TRANSFER_PENDING", "transaction")
    assert int(answer.header("Retry-After")) > 0, answer
    chain.mine(3)
    wait_for(lambda: shop.payment(early)["x402"]["final"], 10, "final")
    pending = shop.sold(PAYER2)
    equal(shop.events("payment.refunded"), [])

with case("in parts, to the unit, and the last takes what is left"):
    legs = [int(leg["amount"]) for leg in shop.payment(early)["legs"]]
    equal(sum(legs), PRICE)
    given = 0
    for n, part in enumerate((10, 1, 1, 2, 4993, PRICE - 5007), 1):
        if n > 1:
            transaction = shop.back(PAYER, part)
        answer = shop.refund(early, f"r-{n}", transaction, note=f"part {n}")
        equal(answer.status, 201, repr(answer))
        got = answer.json()
        want = [after - before for before, after in zip(kit_split.refunded(legs, given),
                                                        kit_split.refunded(legs, given + part))]
        equal([int(got["legs"][leg]) for leg in kit_split.LEGS], want)
        equal((got["amount"], got["status"], got["to"], got["sent"], got["replayed"]),
              (str(part), "recorded", enhex(PAYER.address), False, False))
        given += part
        equal(shop.payment(early)["refunded"], str(given))
    equal(given, PRICE)
    equal(shop.split()[3], PRICE, "only the other payment is left")
    equal([r["external_id"] for r in shop.refunds(early)], [f"r-{n}" for n in range(1, 7)])
    equal([sum(int(r["legs"][leg]) for r in shop.refunds(early)) for leg in kit_split.LEGS], legs)
    revenue, = shop.get(f"/v1/assets/{ASSET}/revenue", token=shop.token).json()["units"]
    equal((revenue["refunded"]["refunds"], revenue["refunded"]["gross"], revenue["gross"]),
          (6, str(PRICE), str(2 * PRICE)))
    shop.audit()

with case("what does not fit is refused"):
    count = len(shop.events())
    enough = shop.back(PAYER2, PRICE + 1)
    problem(shop.refund(pending, "x-1", enough), 409, "REFUND_EXCEEDS", "amount")
    elsewhere = shop.back(STRANGER, 7)
    problem(shop.refund(pending, "x-2", elsewhere), 422, "INVALID_REFUND", "transaction")
    whose = shop.back(PAYER2, 7, sender=STRANGER)
    problem(shop.refund(pending, "x-3", whose), 422, "INVALID_REFUND", "transaction")
    small = shop.back(PAYER2, 7)
    problem(shop.refund(pending, "x-4", small, amount="8"), 422, "INVALID_REFUND", "transaction")
    problem(shop.refund(pending, "x-4", small, log_index=1), 422, "INVALID_REFUND",
            "transaction")
    problem(shop.refund(pending, "x-4", small, network="eip155:1"), 422, "INVALID_REFUND",
            "network")
    problem(shop.refund(pending, "x 4", small), 422, "INVALID_REFUND", "external_id")
    problem(shop.refund(pending, "x-5", bytes(32)), 503, "TRANSFER_PENDING", "transaction")
    problem(shop.refund("0" * 32, "x-6", small), 404, "NOT_FOUND")
    problem(shop.refund(pending, "x-7", small, send=True), 422, "INVALID_REFUND", "send")
    answer = shop.client.request("POST", f"/v1/payments/{pending}/refunds",
                                 {"external_id": "x-8", "transaction": enhex(small)})
    problem(answer, 401, "UNAUTHORIZED")
    # The payment's own transfer is none that goes out.
    paid = shop.payment(pending)["transaction"]
    problem(shop.refund(pending, "x-9", unhex(paid)), 422, "INVALID_REFUND", "transaction")
    equal(len(shop.events()), count, "nothing of it is in the log")

with case("the treasury may send it too"):
    equal(shop.refund(pending, "treasury", shop.back(PAYER2, 9, sender=TREASURY)).status, 201)

with case("a transfer counts once, and so does a name"):
    equal(shop.refund(pending, "once", small, amount="7").status, 201)
    again = shop.refund(pending, "once", small)
    equal((again.status, again.json()["replayed"]), (200, True))
    problem(shop.refund(pending, "twice", small), 409, "TRANSFER_SPENT", "transaction")
    problem(shop.refund(pending, "once", shop.back(PAYER2, 7)), 409, "IDEMPOTENCY_CONFLICT",
            "external_id")
    other = shop.client.request("POST", "/v1/payments", {
        "external_id": "by-hand", "asset": ASSET, "amount": "7", "network": kit_chain.NETWORK,
        "transaction": enhex(small)}, token=shop.token)
    problem(other, 409, "PAYMENT_ALREADY_SPENT", "transaction")
    equal(shop.payment(pending)["refunded"], "16")
    shop.audit()

with case("one that is not settled cannot be refunded"):
    known = shop.back(PAYER, 5)
    chain.set_automine(False)
    shop_settle = kit_pay.pay_v2(shop.offer(f"{shop.proof_path}?size=1"), PAYER)
    answer = None

    def ask():
        global answer
        answer = shop.show(shop_settle, f"{shop.proof_path}?size=1", client=kit.Client(shop.port))

    thread = threading.Thread(target=ask)
    thread.start()
    open_one = wait_for(lambda: [p["id"] for p in shop.payments(status="pending")], 10, "an intent")
    problem(shop.refund(open_one[0], "p-1", known), 409, "PAYMENT_STATE")
    chain.set_automine(True)
    chain.mine(1)
    thread.join()

with case("by hand: nothing here has seen it"):
    recorded = shop.client.request("POST", "/v1/payments", {
        "external_id": "cash", "asset": ASSET, "amount": "100"}, token=shop.token)
    equal(recorded.status, 201)
    problem(shop.refund(recorded.json()["id"], "c-1", known), 422, "INVALID_REFUND")

with case("the settlement statement carries it"):
    answer = shop.client.request("POST", "/v1/epochs/current/finalize", token=shop.token)
    equal(answer.status, 200, repr(answer))
    listed = shop.ok("/v1/settlements?unit=USDC", token=shop.token)["items"]
    equal(len(listed), 1)
    shop.audit()

with case("payouts that the chain shows close the statement's line"):
    statement = shop.ok(f"/v1/settlements/{listed[0]['settlement']}", token=shop.token)
    owed = {line["payee"]: line["amount"] for line in statement["lines"]}
    amount = int(owed["compute-1"])

    def pay(external_id, transaction, **more):
        return shop.client.request("POST", f"/v1/settlements/{listed[0]['settlement']}/payouts", {
            "external_id": external_id, "payee": "compute-1", "amount": str(amount),
            "network": kit_chain.NETWORK, "transaction": enhex(transaction), **more},
            token=shop.token)

    early = chain.transfer(TREASURY, GPU.address, amount)
    problem(pay("out-1", early), 422, "INVALID_PAYOUT", "payee")
    address = shop.client.request("PUT", "/v1/payees/compute-1/address", {
        "network": kit_chain.NETWORK, "address": GPU.text}, token=shop.token)
    assert address.status in (200, 201), address
    problem(pay("out-1", early), 503, "TRANSFER_PENDING", "transaction")
    chain.mine(3)
    for wrong in (shop.back(GPU, amount, sender=PAYER), shop.back(GPU, amount - 1, sender=TREASURY),
                  shop.back(PAYER, amount, sender=TREASURY)):
        problem(pay("out-1", wrong), 422, "INVALID_PAYOUT", "transaction")
    problem(pay("out-1", small), 422, "INVALID_PAYOUT", "transaction")
    answer = pay("out-1", early)
    equal(answer.status, 201, repr(answer))
    equal((answer.json()["verified"], answer.json()["status"], answer.json()["reference"]),
          (True, "completed", enhex(early)))
    again = pay("out-1", early)
    equal((again.status, again.json()["replayed"]), (200, True))
    problem(pay("out-2", early, amount="1"), 422, "INVALID_PAYOUT", "transaction")
    problem(pay("out-2", shop.back(GPU, amount, sender=TREASURY)), 409, "PAYOUT_CONFLICT", "amount")
    # Of another: started, then ended by a transfer; and by a word alone, which nobody has seen.
    started = shop.client.request("POST", f"/v1/settlements/{listed[0]['settlement']}/payouts", {
        "external_id": "out-3", "payee": "model-1", "amount": "1"}, token=shop.token).json()
    equal(started["verified"], False)
    ended = shop.client.request("POST", f"/v1/payouts/{started['payout']}/complete",
                                {"reference": "cash"}, token=shop.token)
    equal((ended.status, ended.json()["verified"]), (200, False), repr(ended))
    shown = shop.ok(f"/v1/settlements/{listed[0]['settlement']}", token=shop.token)["payouts"]
    equal([(p["external_id"], p["verified"]) for p in shown],
          [("out-1", True), ("out-3", False)])
    equal(len(shop.events("outflow.recorded")), 1)
    shop.audit()

with case("the command line"):
    url = ("--url", f"http://127.0.0.1:{shop.port}", "--data", shop.data)
    payment = shop.sold(PAYER)
    transaction = shop.back(PAYER, 100, final=False)
    words = ("payment", "refund", payment, "-x", "cli", "--transaction", enhex(transaction), *url)
    equal(kit.lucid(*words)[0], 3, "not final yet")
    chain.mine(3)
    kit.run_lucid(*words, "--amount", "0.0001")
    assert b"recorded before" in kit.lucid(*words)[2]
    out, = json.loads(kit.run_lucid("payment", "refunds", payment, "--json", *url))["items"]
    equal((out["external_id"], out["amount"]), ("cli", "100"))
    assert b"0.0001" in kit.run_lucid("payment", "refunds", payment, *url)
    words = ("payment", "refund", payment, "-x", "b", "--transaction")
    equal(kit.lucid(*words, enhex(bytes(32)), *url)[0], 3)
    equal(kit.lucid("payment", "refund", payment, "-x", "b", *url)[0], 2)
    equal(kit.lucid(*words, enhex(small), *url)[0], 1)

with case("stray money has a way out"):
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    chain.set_automine(False)
    nonce = chain.nonce(FACILITATOR.address)
    chain.spend(STRANGER, kit_pay.authorization_of(header))
    thread = threading.Thread(target=lambda: shop.show(header, client=kit.Client(shop.port)))
    thread.start()
    wait_for(lambda: chain.nonce(FACILITATOR.address) > nonce, 10, "the settlement is sent")
    chain.set_automine(True)
    thread.join(30)
    stray = wait_for(lambda: [p["id"] for p in shop.payments(status="stray")], 10, "a stray")[0]
    chain.mine(3)
    wait_for(lambda: shop.payment(stray)["x402"]["final"], 10, "final")
    account = f"suspense:payment:{ASSET}:USDC"
    equal(shop.balance(account), PRICE)
    for n, part in enumerate((PRICE - 1, 1)):
        equal(shop.refund(stray, f"s-{n}", shop.back(PAYER, part)).status, 201)
    equal(shop.balance(account), 0)
    equal(shop.payment(stray)["refunded"], str(PRICE))
    shop.audit()

with case("killed around the commit: once in the log"):
    for n in range(3):
        payment = shop.sold(PAYER2)
        transaction = shop.back(PAYER2, PRICE)
        before = len(shop.events("payment.refunded"))

        def post():
            try:
                shop.refund(payment, "k", transaction)
            except (http.client.HTTPException, OSError):
                pass

        thread = threading.Thread(target=post)
        thread.start()
        thread.join(0.004 * n)
        shop.kill()
        thread.join()
        shop.start()
        answer = shop.refund(payment, "k", transaction)
        assert answer.status in (200, 201), answer
        equal(len(shop.events("payment.refunded")), before + 1)
        equal(shop.payment(payment)["refunded"], str(PRICE))
    shop.audit()

shop.stop()

with case("sent by the treasury: ordered once, recorded when it is final"):
    sender = Wallet("treasury that refunds")
    chain.fund(sender)
    chain.transfer(PAYER, sender.address, 2 * PRICE)
    shop = Till(chain, price=PRICE, networks=[chain.network(
        gas_key=FACILITATOR, treasury_key=sender, treasury_day_max=str(10 * PRICE))])
    payment = shop.sold(PAYER2)
    before = chain.balance(PAYER2.address)

    def send(external_id, amount, **more):
        path = f"/v1/payments/{payment}/refunds"
        answer = shop.client.request("POST", path, {
            "external_id": external_id, "send": True, "amount": str(amount), **more},
            token=shop.token)
        described.judge("POST", path, answer)
        return answer

    problem(send("s-1", PRICE + 1), 409, "REFUND_EXCEEDS", "amount")
    problem(send("s-1", 0), 422, "INVALID_REFUND", "amount")
    ordered = send("s-1", 5000, note="sorry")
    equal(ordered.status, 202, repr(ordered))
    equal((ordered.json()["status"], ordered.json()["sent"], ordered.json()["transaction"]),
          ("ordered", True, None))
    equal(send("s-1", 5000, note="sorry").status, 202)
    problem(send("s-1", 4999), 409, "IDEMPOTENCY_CONFLICT", "external_id")
    problem(send("s-2", PRICE - 4999), 409, "REFUND_EXCEEDS", "amount")
    kit.run_lucid("payment", "refund", payment, "-x", "s-2", "--send", "--amount-units",
                  str(PRICE - 5000), "--url", f"http://127.0.0.1:{shop.port}", "--data", shop.data)

    def recorded():
        chain.mine()
        return [r["status"] for r in shop.refunds(payment)] == ["recorded"] * 2

    wait_for(recorded, 15, "both are recorded", every=0.1)
    equal(chain.balance(PAYER2.address), before + PRICE)
    equal(shop.split(), (0, 0, 0, 0))
    equal(len(shop.events("outflow.ordered")), 2)
    shop.audit()
    shop.stop()

kit.done()
