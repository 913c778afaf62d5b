#!/usr/bin/env python3
"""Payments on a chain that changes its mind, hangs or is told differently by different nodes:
reorganised before and after serving, out of time and late, reverted, settled by a stranger, not
settled at all, stuck and replaced, contradictory endpoints, another chain. The payee's balance, the
events and the books agree at the end of each."""

import threading

import kit
import kit_chain
import kit_pay
from kit import case, equal, problem, wait_for
from kit_chain import FACILITATOR, PAYEE, PAYER, PAYER2, STRANGER, TOKEN
from kit_evm import enhex, unhex
from kit_shop import PRICE, Shop

GWEI = 10**9


def status_of(shop, payment_id):
    return shop.ok(f"/v1/payments/{payment_id}", token=shop.token)["status"]


def until(shop, payment_id, status, seconds=10):
    wait_for(lambda: status_of(shop, payment_id) == status, seconds, f"{payment_id} {status}")


def pending(answer):
    """503 PAYMENT_PENDING; the payment's id."""
    problem(answer, 503, "PAYMENT_PENDING")
    assert int(answer.header("Retry-After")) > 0, answer
    return answer.header("X-Payment-Id")


def types(shop):
    return [event["type"] for event in shop.events("payment.")]


def agrees(shop, chain, before):
    """What this shop booked is what the payee got since."""
    compute, model, protocol, clearing = shop.split()
    equal(clearing, chain.balance(PAYEE.address) - before, "in the books")
    equal(compute + model + protocol, clearing, "split")
    shop.audit()


def reorganised_before_serving(chain):
    """A transfer that is not deep enough, taken away and mined again elsewhere."""
    before = chain.balance(PAYEE.address)
    shop = Shop(chain, gas=False, networks=[chain.network(serve_depth=3, final_depth=5)])
    header = shop.transfer_proof(PAYER)
    answer = shop.show(header)
    problem(answer, 503, "PAYMENT_PENDING")
    equal(types(shop), [], "nothing was consumed")
    chain.mine()
    transaction = unhex(kit_pay.unb64(header[1])["transaction"])
    chain.reorg(2)
    if not chain.is_mined(transaction):  # a real node forgets it
        equal(chain.balance(PAYEE.address), before)
        problem(shop.show(header), 503, "PAYMENT_PENDING")
        header = shop.transfer_proof(PAYER)
    chain.mine(3)
    equal(shop.show(header).status, 200)
    equal(types(shop), ["payment.settled"])
    agrees(shop, chain, before)
    shop.stop()


def reorganised_after_serving(chain):
    """Served, then gone: postings undone. Sent and mined again, it serves nothing twice."""
    before = chain.balance(PAYEE.address)
    shop = Shop(chain, networks=[chain.network(gas_key=FACILITATOR, final_depth=6)])
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    answer = shop.show(header)
    equal(answer.status, 200, repr(answer))
    payment_id = answer.header("X-Payment-Id")
    record = shop.ok(f"/v1/payments/{payment_id}", token=shop.token)
    agrees(shop, chain, before)
    if chain.real:
        chain.reorg(1)
    else:
        chain.reorg(1, drop={unhex(record["transaction"])})
    wait_for(lambda: "payment.reversed" in types(shop), 10, "payment.reversed")
    agrees(shop, chain, before)
    until(shop, payment_id, "settled", 15)
    agrees(shop, chain, before)
    equal(shop.split()[3], PRICE)
    equal(shop.show(header).status, 200, "the same request: answered again")
    other = shop.show(header, f"/v1/receipts/{shop.run_id}/proof?size=1")
    assert other.status in (402, 409), other
    chain.mine(6)
    wait_for(lambda: "payment.final" in types(shop), 10, "payment.final")
    equal([t for t in types(shop) if t == "payment.intent"], ["payment.intent"])
    agrees(shop, chain, before)
    shop.stop()


def made_again(chain):
    """A wallet whose transfer was taken after it had served gives the nonce again. With the same
    fields it makes the same transaction: one payment, that of the first, whoever shows it with
    whichever challenge. With other fields it makes another, which is a payment of its own."""
    before = chain.balance(PAYEE.address)
    shop = Shop(chain, gas=False, networks=[chain.network(final_depth=6)])
    first = shop.transfer_proof(PAYER)
    answer = shop.show(first)
    equal(answer.status, 200, repr(answer))
    payment_id = answer.header("X-Payment-Id")
    transaction = unhex(kit_pay.unb64(first[1])["transaction"])

    def taken():
        chain.reorg(1, drop={transaction})
        equal((chain.is_mined(transaction), chain.balance(PAYEE.address)), (False, before))

    def served(header):
        wait_for(lambda: shop.show(header).status == 200, 15, "the payment is seen")
        return shop.show(header).header("X-Payment-Id")

    for seen in (False, True):
        taken()
        if seen:
            until(shop, payment_id, "reversed")
            agrees(shop, chain, before)
        again = shop.transfer_proof(PAYER)
        assert again != first, "another challenge, and another signature"
        equal(kit_pay.unb64(again[1])["transaction"], enhex(transaction))
        equal([served(again), served(first)], [payment_id, payment_id])
        path = f"/v1/receipts/{shop.run_id}/proof?size=1"
        other = kit_pay.pay_proof(shop.offer(path), transaction, PAYER)
        problem(shop.show(other, path), 409, "PAYMENT_ALREADY_SPENT", other[0])
        until(shop, payment_id, "settled")
        agrees(shop, chain, before)
        equal(shop.split()[3], PRICE)
    taken()
    asked = shop.offer()
    another = chain.transfer(PAYER, PAYEE.address, PRICE, gas=200001)
    assert another != transaction
    second_id = served(kit_pay.pay_proof(asked, another, PAYER))
    assert second_id != payment_id
    until(shop, payment_id, "reversed")
    problem(shop.show(first), 503, "PAYMENT_PENDING")  # it serves nothing while it is gone
    equal(status_of(shop, second_id), "settled")
    agrees(shop, chain, before)
    equal(shop.split()[3], PRICE)
    shop.stop()


def late_success(chain):
    """Out of time is not a failure: no second demand, and the same header is served later."""
    before = chain.balance(PAYEE.address)
    shop = Shop(chain, settle_ms_max=1000)
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    chain.set_automine(False)
    payment_id = pending(shop.show(header))
    equal(types(shop), ["payment.intent"])
    equal(shop.split(), (0, 0, 0, 0))
    threading.Timer(0.5, lambda: chain.set_automine(True)).start()
    wait_for(lambda: shop.show(header).status == 200, 15, "the same header is served")
    record = shop.ok(f"/v1/payments/{payment_id}", token=shop.token)
    equal((record["status"], record["x402"]["served"]), ("settled", True))
    equal(sorted(types(shop))[:3], ["payment.intent", "payment.served", "payment.settled"])
    agrees(shop, chain, before)
    equal(shop.split()[3], PRICE)
    shop.stop()


def in_one_block(chain, shop, header, first):
    """The answer to a payment that lands in a block behind another transaction."""
    chain.set_automine(False)
    nonce = chain.nonce(FACILITATOR.address)
    first()
    got = []
    thread = threading.Thread(target=lambda: got.append(shop.show(header, client=kit.Client(
        shop.port))))
    thread.start()
    wait_for(lambda: chain.nonce(FACILITATOR.address) > nonce, 10, "the settlement is sent")
    chain.set_automine(True)
    thread.join(30)
    return got[0]


def reverted(chain):
    """The payer cancels between the simulation and the block: ours is reverted, nothing moved."""
    before = chain.balance(PAYEE.address)
    shop = Shop(chain)
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    nonce = kit_pay.authorization_of(header)["nonce"]
    answer = in_one_block(chain, shop, header, lambda: chain.cancel(PAYER, nonce))
    payment_id = pending(answer)
    chain.mine(4)
    until(shop, payment_id, "failed")
    equal(chain.balance(PAYEE.address), before)
    equal(types(shop), ["payment.intent", "payment.failed"])
    problem(shop.show(header), 402, "PAYMENT_REQUIRED")
    shop.buy(PAYER)  # and the service goes on
    agrees(shop, chain, before)
    shop.stop()


def strangers(chain):
    """Somebody submits the authorization first: once to suspense, and nothing is served for it."""
    before = chain.balance(PAYEE.address)
    shop = Shop(chain)
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    signed = kit_pay.authorization_of(header)
    answer = in_one_block(chain, shop, header, lambda: chain.spend(STRANGER, signed))
    problem(answer, 409, "PAYMENT_ALREADY_SPENT", "PAYMENT-SIGNATURE")
    equal(types(shop), ["payment.intent", "payment.stray"])
    equal(chain.balance(PAYEE.address), before + PRICE)
    equal(shop.split()[:3], (0, 0, 0))
    equal(shop.split()[3], PRICE, "in suspense")
    problem(shop.show(header), 409, "PAYMENT_ALREADY_SPENT", "PAYMENT-SIGNATURE")
    shop.audit()
    shop.stop()


def intent_alone(chain):
    """An intent, and the node takes nothing: broadcast again as soon as that is possible."""
    before = chain.balance(PAYEE.address)
    shop = Shop(chain, settle_ms_max=1000, public_url="https://shop.example")
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    chain.endpoint.fault = lambda method, params: (
        b"" if method == "eth_sendRawTransaction" else None)
    payment_id = pending(shop.show(header))
    shop.kill()
    equal(chain.balance(PAYEE.address), before)
    chain.endpoint.fault = None
    shop.start()
    until(shop, payment_id, "settled")
    equal(shop.show(header).status, 200)
    agrees(shop, chain, before)
    equal(shop.split()[3], PRICE)
    shop.stop()


def stuck(chain):
    """Fees rise above what was offered: it is sent again for more, with the same nonce."""
    before = chain.balance(PAYEE.address)
    shop = Shop(chain, networks=[chain.network(gas_key=FACILITATOR, stuck_seconds=5)])
    header = kit_pay.pay_v2(shop.offer(), PAYER2)
    nonce = chain.nonce(FACILITATOR.address)
    if chain.real:
        chain.set_automine(False)
        threading.Timer(7, lambda: chain.set_automine(True)).start()
    else:
        chain.fee_floor = 16 * GWEI // 5
    answer = shop.show(header)
    equal(answer.status, 200, repr(answer))
    chain.fee_floor = 0
    equal(chain.nonce(FACILITATOR.address), nonce + 1, "one nonce")
    assert '"wallet.stuck"' in shop.log_text(), shop.log_text()[-2000:]
    agrees(shop, chain, before)
    equal(shop.split()[3], PRICE)
    shop.stop()


def contradictory(chain):
    """Two endpoints that must agree, and one lies: nothing is decided, nothing is consumed."""
    before = chain.balance(PAYEE.address)
    liar = chain.add_endpoint()
    shop = Shop(chain, networks=[chain.network(gas_key=FACILITATOR, rpc_quorum=2)])
    header = shop.transfer_proof(PAYER)
    liar.fault = lambda method, params: (
        {"result": None} if method == "eth_getTransactionReceipt" else None)
    problem(shop.show(header), 503, "PAYMENT_UNAVAILABLE")
    liar.fault = lambda method, params: (
        {"result": "0x" + "00" * 31 + "01"} if method == "eth_call" else None)
    signed = kit_pay.pay_v2(shop.offer(), PAYER2)
    problem(shop.show(signed), 503, "PAYMENT_UNAVAILABLE")
    equal(types(shop), [])
    liar.fault = None
    equal(shop.show(header).status, 200)
    equal(shop.show(signed).status, 200)
    liar.down = True
    problem(shop.show(kit_pay.pay_v2(shop.offer(), PAYER)), 503, "PAYMENT_UNAVAILABLE")
    agrees(shop, chain, before)
    equal(shop.split()[3], 2 * PRICE)
    shop.stop()
    chain.endpoints.remove(liar)
    liar.close()


def lying(chain):
    """One endpoint that is believed, and lies about what can be compared."""
    shop = Shop(chain, settle_ms_max=1000)
    header = shop.transfer_proof(PAYER)
    truth = chain.rpc("eth_getTransactionReceipt", [kit_pay.unb64(header[1])["transaction"]])
    for name, lie in (
            ("another transaction's receipt", {**truth, "transactionHash": "0x" + "11" * 32}),
            ("a block that is not the chain's", {**truth, "blockHash": "0x" + "22" * 32})):
        chain.endpoint.fault = lambda method, params, lie=lie: (
            {"result": lie} if method == "eth_getTransactionReceipt" else None)
        equal(shop.show(header).status, 503, name)
    other = [{**log, "address": enhex(PAYER.address)} for log in truth["logs"]]
    chain.endpoint.fault = lambda method, params: (
        {"result": {**truth, "logs": other}} if method == "eth_getTransactionReceipt" else None)
    problem(shop.show(header), 402, "PAYMENT_REQUIRED")
    chain.endpoint.fault = None
    equal(types(shop), [], "nothing was consumed")
    equal(shop.show(header).status, 200)
    chain.head.state.tokens[TOKEN].lies.add("no-log")  # a token that says nothing
    answer = shop.show(kit_pay.pay_v2(shop.offer(), PAYER2))
    chain.head.state.tokens[TOKEN].lies.clear()
    assert answer.status in (402, 503), answer
    equal(shop.split()[3], PRICE)
    shop.stop()


def wrong_chain(chain):
    """The endpoint is of another network."""
    chain.endpoint.fault = lambda method, params: (
        {"result": "0x1"} if method == "eth_chainId" else None)
    shop = Shop(chain)
    problem(shop.show(shop.transfer_proof(PAYER)), 503, "PAYMENT_UNAVAILABLE")
    problem(shop.show(kit_pay.pay_v2(shop.offer(), PAYER)), 503, "PAYMENT_UNAVAILABLE")
    equal(types(shop), [])
    chain.endpoint.fault = None
    shop.stop()


CASES = [
    ("a transfer is reorganised before it is served", reorganised_before_serving, True),
    ("a settlement is reorganised after it was served", reorganised_after_serving, True),
    ("a transfer is reorganised after it was served, and made again", made_again, True),
    ("a settlement is out of time, and succeeds later", late_success, True),
    ("a settlement is reverted", reverted, True),
    ("a stranger submits the authorization first", strangers, True),
    ("an intent without a settlement", intent_alone, False),
    ("a settlement is stuck and replaced", stuck, True),
    ("endpoints that contradict each other", contradictory, False),
    ("an endpoint that lies", lying, False),
    ("an endpoint of another chain", wrong_chain, False),
]

with kit_chain.chain() as the_chain:
    for title, run, on_real_nodes in CASES:
        if the_chain.real and not on_real_nodes:
            kit.skip(title, "a real node does not do that")
            continue
        with case(title):
            run(the_chain)

kit.done()
