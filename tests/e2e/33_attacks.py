#!/usr/bin/env python3
"""Known attacks on payment gates (the reports collected for this service), one case a row: who pays
nothing, or once, gets nothing, or one thing; whoever paid is not robbed of it."""

import threading
import time

import kit
import kit_chain
import kit_pay
from kit import case, equal, problem, wait_for
from kit_chain import FACILITATOR, OTHER_TOKEN, PAYEE, PAYER, PAYER2, STRANGER, TOKEN
from kit_clock import Clock
from kit_evm import domain_separator, eip55, enhex, transfer_digest, unhex
from kit_shop import PRICE, Shop

URL = "https://ledger.example"
SPENT, PENDING, REQUIRED = "PAYMENT_ALREADY_SPENT", "PAYMENT_PENDING", "PAYMENT_REQUIRED"


def sent_by(chain):
    return chain.nonce(FACILITATOR.address)


def at_broadcast(chain, action):
    """Does something just before the service's next transaction reaches the node."""
    def fault(method, _):
        if method == "eth_sendRawTransaction":
            chain.endpoint.fault = None
            action()
    chain.endpoint.fault = fault


def changed(header, change):
    document = kit_pay.unb64(header[1])
    change(document)
    return header[0], kit_pay.b64(document)


def resigned(header, wallet, separator):
    """The same payment, signed for another EIP-712 domain."""
    given = kit_pay.authorization_of(header)
    digest = transfer_digest(separator, given["from"], given["to"], given["value"],
                             given["after"], given["before"], given["nonce"])
    return changed(header, lambda d: d["payload"].update(signature=enhex(wallet.sign(digest))))


def at_once(shop, requests):
    """All of them together, each (header, path); the answers."""
    gate, answers = threading.Barrier(len(requests)), []

    def ask(header, path):
        client = kit.Client(shop.port)
        gate.wait()
        answers.append(shop.show(header, path, client=client))
        client.close()

    threads = [threading.Thread(target=ask, args=request) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(len(answers), len(requests))
    return answers


def statuses(answers):
    return sorted(answer.status for answer in answers)


def count(shop, status=None):
    return len(shop.payments(limit=1000, **({"status": status} if status else {})))


def never_served(shop, header, code, seconds=10):
    """Shown again and again until it has that answer, and never a good one."""
    def probe():
        answer = shop.show(header)
        assert answer.status in (402, 409, 503), repr(answer)
        return answer.json()["code"] == code
    wait_for(probe, seconds, code)


chain = kit_chain.chain()
shop = Shop(chain, classes={"proof": "proofs", "batch": "bulk"}, public_url=URL)
received = 0
BATCH = "/v1/receipts/batch"


def path_of(number):
    return f"{shop.proof_path}?tree_size=1&n={number}"


with case("the same header many times before it is settled"):
    header, before, sent = kit_pay.pay_v2(shop.offer(), PAYER), count(shop), sent_by(chain)
    chain.endpoint.delay = 0.02
    answers = at_once(shop, [(header, shop.proof_path)] * 64)
    chain.endpoint.delay = 0.0
    received += PRICE
    equal(statuses(answers), [200] * 64)
    equal(len({a.header("X-Payment-Id") for a in answers}), 1)
    equal((count(shop), sent_by(chain)), (before + 1, sent + 1))
    shop.agree(received)

with case("the same header for many things at once"):
    header, before = kit_pay.pay_v1(shop.offer(), PAYER), count(shop)
    chain.endpoint.delay = 0.02
    answers = at_once(shop, [(header, path_of(n)) for n in range(32)])
    chain.endpoint.delay = 0.0
    received += PRICE
    equal(statuses(answers).count(200), 1)
    for answer in answers:
        assert answer.status == 200 or answer.json()["code"] in (SPENT, PENDING), repr(answer)
    equal(count(shop), before + 1)
    shop.agree(received)

with case("the same transfer for many things at once"):
    asked = [shop.offer(path_of(n)) for n in range(16)]
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    answers = at_once(shop, [(kit_pay.pay_proof(a, tx, PAYER), path_of(n))
                             for n, a in enumerate(asked)])
    received += PRICE
    equal(statuses(answers).count(200), 1)
    shop.agree(received)

with case("a cheap thing's payment for a dear one, at an equal price"):
    v1, v2 = kit_pay.pay_v1(shop.offer(), PAYER), kit_pay.pay_v2(shop.offer(), PAYER)
    problem(shop.show(v2, BATCH, "POST", b"{}\n"), 402, REQUIRED)
    equal(shop.show(v1).status, 200)
    received += PRICE
    problem(shop.show(v1, BATCH, "POST", b"{}\n"), 409, SPENT, "X-PAYMENT")
    equal(shop.show(v2).status, 200)
    received += PRICE
    shop.agree(received)

with case("cancelled between verification and settlement"):
    header, before = kit_pay.pay_v2(shop.offer(), PAYER), count(shop, "settled")
    at_broadcast(chain, lambda: chain.cancel(PAYER, kit_pay.authorization_of(header)["nonce"]))
    answer = shop.show(header)
    assert answer.status in (402, 503), repr(answer)
    chain.mine(6)
    never_served(shop, header, REQUIRED)
    equal(count(shop, "settled"), before)
    shop.agree(received)

with case("emptied between verification and settlement: a settlement that fails serves nothing"):
    header, before = kit_pay.pay_v2(shop.offer(), PAYER2), count(shop, "settled")
    purse = chain.balance(PAYER2.address)
    at_broadcast(chain, lambda: chain.transfer(PAYER2, STRANGER.address, purse))
    # Only a final revert is certain: a reorganisation may let it through.
    threading.Timer(1, chain.mine, (6,)).start()
    answer = shop.show(header)
    assert answer.status in (402, 503), repr(answer)
    never_served(shop, header, REQUIRED)
    equal(count(shop, "settled"), before)
    chain.transfer(STRANGER, PAYER2.address, purse)
    equal(shop.show(header).status, 200, "the authorization itself is as good as before")
    received += PRICE
    shop.agree(received)

with case("less than the price, however it is paid"):
    problem(shop.show(kit_pay.pay_v1(shop.offer(), PAYER, PRICE - 1)), 402, REQUIRED)
    problem(shop.show(kit_pay.pay_v2(shop.offer(), PAYER, PRICE - 1)), 402, REQUIRED)
    problem(shop.show(kit_pay.pay_v2(shop.offer(), PAYER, 0)), 402, REQUIRED)
    lying = changed(kit_pay.pay_v2(shop.offer(), PAYER, 1),
                    lambda d: d["accepted"].update(amount="1"))
    problem(shop.show(lying), 402, REQUIRED)
    shop.agree(received)

with case("another chain's signature, another token's name, another network's word"):
    for separator in (domain_separator("USDC", "2", 1, TOKEN),
                      domain_separator("USD Coin", "2", kit_chain.CHAIN_ID, TOKEN),
                      domain_separator("USDC", "1", kit_chain.CHAIN_ID, TOKEN),
                      domain_separator("USDC", "2", kit_chain.CHAIN_ID, OTHER_TOKEN)):
        bad = resigned(kit_pay.pay_v2(shop.offer(), PAYER), PAYER, separator)
        problem(shop.show(bad), 402, REQUIRED)
    bad = changed(kit_pay.pay_v2(shop.offer(), PAYER),
                  lambda d: d["accepted"].update(network="eip155:8453"))
    problem(shop.show(bad), 402, REQUIRED)
    bad = changed(kit_pay.pay_v1(shop.offer(), PAYER), lambda d: d.update(network="base"))
    problem(shop.show(bad), 402, REQUIRED)
    for change in (lambda d: d["accepted"].update(payTo=STRANGER.text),
                   lambda d: d["accepted"].update(asset=eip55(OTHER_TOKEN)),
                   lambda d: d["payload"]["authorization"].update(to=STRANGER.text)):
        problem(shop.show(changed(kit_pay.pay_v2(shop.offer(), PAYER), change)), 402, REQUIRED)
    shop.agree(received)

with case("a smart wallet's signature with somebody's call inside is not even asked about"):
    header, asked = kit_pay.pay_v2(shop.offer(), PAYER), len(chain.endpoint.asked)
    for length in (66, 2000, 5000):
        bad = changed(header, lambda d, n=length: d["payload"].update(
            signature="0x" + "ab" * n + "6492" * 16))
        problem(shop.show(bad), 402, REQUIRED)
    questions = {method for method, _ in chain.endpoint.asked[asked:]}
    assert not questions & {"eth_call", "eth_sendRawTransaction"}, questions
    equal(shop.show(header).status, 200)
    received += PRICE
    problem(shop.show(bad), 402, REQUIRED)  # nor for what has been served
    shop.agree(received)

with case("a stranger who has seen the transaction cannot use it, nor lock it"):
    mine = shop.offer()
    time.sleep(0.01)
    theirs = shop.offer()
    assert mine.json()["x402"]["challenge"] != theirs.json()["x402"]["challenge"]
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    thefts = [kit_pay.pay_proof(theirs, tx, STRANGER), kit_pay.pay_proof(theirs, tx, None),
              kit_pay.pay_proof(theirs, tx, None, log_index=None),
              changed(kit_pay.pay_proof(mine, tx, PAYER),
                      lambda d: d.update(challenge=theirs.json()["x402"]["challenge"]))]
    for theft in thefts:
        problem(shop.show(theft), 402, REQUIRED)
    good = kit_pay.pay_proof(mine, tx, PAYER)
    at_once(shop, [(theft, shop.proof_path) for theft in thefts * 4])
    equal(shop.show(good).status, 200)
    received += PRICE
    for theft in thefts:  # nor get a copy of what was bought
        problem(shop.show(theft), 402, REQUIRED)
    shop.agree(received)

with case("a challenge that is tampered with, of another asset, or of another time"):
    asked = shop.offer()
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    text = asked.json()["x402"]["challenge"]
    parts = text.split(".")
    for index, value in ((1, "00000000"), (2, str(int(parts[2]) + 1)), (3, str(int(parts[3]) + 1)),
                         (4, str(int(parts[4]) + 60)), (5, "0" * 32), (6, "0" * 64)):
        bad = ".".join(parts[:index] + [value] + parts[index + 1:])
        header = changed(kit_pay.pay_proof(asked, tx, PAYER),
                         lambda d, c=bad: d.update(challenge=c))
        problem(shop.show(header), 402, REQUIRED)
    bulk = shop.offer(BATCH, "POST", b"{}\n")
    problem(shop.show(kit_pay.pay_proof(bulk, tx, PAYER, body=b"{}\n")), 402, REQUIRED)
    late = shop.offer()  # of after the transfer
    chain.mine()
    equal(shop.show(kit_pay.pay_proof(asked, tx, PAYER)).status, 200)
    received += PRICE
    problem(shop.show(kit_pay.pay_proof(late, tx, PAYER), path_of(1)), 402, REQUIRED)
    shop.agree(received)

with case("several payments in one transaction: each is good for one thing"):
    asked = [shop.offer(path_of(n)) for n in range(3)]
    tx = chain.batch(PAYER, [(PAYEE.address, PRICE), (STRANGER.address, PRICE),
                             (PAYEE.address, PRICE)])
    problem(shop.show(kit_pay.pay_proof(asked[1], tx, PAYER, log_index=1), path_of(1)), 402,
            REQUIRED)  # not to us
    problem(shop.show(kit_pay.pay_proof(asked[1], tx, PAYER, log_index=7), path_of(1)), 402,
            REQUIRED)
    moved = changed(kit_pay.pay_proof(asked[0], tx, PAYER, log_index=0),
                    lambda d: d.update(logIndex=2))
    problem(shop.show(moved, path_of(0)), 402, REQUIRED)  # the signature names the other one
    for n, at in ((0, 0), (1, 2)):
        header = kit_pay.pay_proof(asked[n], tx, PAYER, log_index=at)
        equal(shop.show(header, path_of(n)).status, 200)
        received += PRICE
    for at in (0, 2):
        problem(shop.show(kit_pay.pay_proof(asked[2], tx, PAYER, log_index=at), path_of(2)), 409,
                SPENT, "X-Payment-Proof")
    shop.agree(received)

with case("replayed after a restart: the log remembers, no time-out forgets"):
    header = kit_pay.pay_v1(shop.offer(), PAYER)
    proof = shop.transfer_proof(PAYER)
    equal([shop.show(header).status, shop.show(proof).status], [200, 200])
    received += 2 * PRICE
    before = count(shop)
    shop.restart()
    problem(shop.show(header, path_of(9)), 409, SPENT, "X-PAYMENT")
    asked = shop.offer(path_of(9))
    again = kit_pay.pay_proof(asked, unhex(kit_pay.unb64(proof[1])["transaction"]), PAYER)
    problem(shop.show(again, path_of(9)), 409, SPENT, "X-Payment-Proof")
    equal([shop.show(header).status, shop.show(proof).status], [200, 200])
    equal(count(shop), before)
    shop.agree(received)

with case("caches and proxies: paid answers are private, two payments in one request are none"):
    asked = shop.offer()
    equal(asked.header("Cache-Control"), "no-store")
    first, second = kit_pay.pay_v2(asked, PAYER), kit_pay.pay_v1(asked, PAYER)
    problem(shop.show(first, **{second[0]: second[1]}), 400, "PAYMENT_MALFORMED", first[0])
    answer = shop.show(first)
    received += PRICE
    equal((answer.status, answer.header("Cache-Control")), (200, "private, no-store"))
    shop.agree(received)

with case("made in time, shown late: good for a while; what is served stays served for ever"):
    clock = Clock(shop.base)
    shop.stop()
    shop.start(prefix=clock.prefix(), payment_seconds_max=60, proof_age_seconds_max=300)
    asked = [shop.offer() for _ in range(2)]
    headers = [kit_pay.pay_proof(a, chain.transfer(PAYER, PAYEE.address, PRICE), PAYER)
               for a in asked]
    unpaid = shop.offer()
    clock.set(200 * 1000)
    equal(shop.show(headers[0]).status, 200)
    received += PRICE
    clock.set(400 * 1000)
    problem(shop.show(headers[1]), 402, REQUIRED)
    equal(shop.show(headers[0]).status, 200)
    chain.ahead = 400
    expired = kit_pay.pay_proof(unpaid, chain.transfer(PAYER, PAYEE.address, PRICE), PAYER)
    problem(shop.show(expired), 402, REQUIRED)  # made when the challenge had expired
    stale = kit_pay.pay_v2(shop.offer(), PAYER, before=int(time.time()) + 401)
    problem(shop.show(stale), 402, REQUIRED)
    equal(sum(shop.split()[:3]), received)
shop.stop()
chain.close()

# --- each with a chain of its own ---------------------------------------------------------------

with case("the same authorization at two services that share a recipient"):
    chain = kit_chain.chain()
    one = Shop(chain, public_url=URL)
    two = Shop(chain, networks=[chain.network(gas_key=STRANGER)], public_url=URL, shop=one)
    equal(two.proof_path, one.proof_path)
    for _ in range(4):
        before = chain.balance(PAYEE.address)
        header, answers = kit_pay.pay_v1(one.offer(), PAYER), []
        chain.endpoint.delay = 0.02
        threads = [threading.Thread(target=lambda s=s: answers.append((s, s.show(header))))
                   for s in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        chain.endpoint.delay = 0.0
        equal(chain.balance(PAYEE.address), before + PRICE)
        wait_for(lambda: not count(one, "pending") + count(two, "pending"), 10, "both to end")
        for service, answer in answers:
            # 503: its transaction is not the one that settled; it knows by now.
            wait_for(lambda s=service: s.show(header).status != 503, 10, "an outcome")
        equal(sorted(s.show(header).status for s, _ in answers)[0], 200)
        assert sorted(s.show(header).status for s, _ in answers)[1] in (402, 409)
    equal(count(one, "settled") + count(two, "settled"), 4)
    equal(sum(one.split()[:3]) + sum(two.split()[:3]), 4 * PRICE)
    one.stop()
    two.stop()
    chain.close()

with case("somebody else submits the authorization: counted once, to suspense, and serves nothing"):
    chain = kit_chain.chain()
    shop = Shop(chain)
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    at_broadcast(chain, lambda: chain.spend(STRANGER, kit_pay.authorization_of(header)))
    never_served(shop, header, SPENT)
    equal((count(shop, "stray"), count(shop, "settled")), (1, 0))
    equal(shop.balance("clearing:direct:USDC"), PRICE)
    equal(shop.split()[:3], (0, 0, 0))
    # The payer can still show the transfer; it is recorded, so it is not counted again.
    equal(chain.balance(PAYEE.address), PRICE)
    shop.stop()
    own = Shop(chain, pay_to_exclusive="true")
    header = kit_pay.pay_v2(own.offer(), PAYER)
    at_broadcast(chain, lambda: chain.spend(STRANGER, kit_pay.authorization_of(header)))
    wait_for(lambda: own.show(header).status == 200, 10, "served")
    equal((count(own, "stray"), count(own, "settled")), (0, 1))
    equal(sum(own.split()[:3]), PRICE)
    own.stop()
    chain.close()

with case("out of time: pending, never a second demand, and paid once when it comes"):
    chain = kit_chain.chain()
    shop = Shop(chain, settle_ms_max=1000)
    sent = sent_by(chain)
    chain.set_automine(False)
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    first = shop.show(header)
    problem(first, 503, PENDING)
    for again in at_once(shop, [(header, shop.proof_path)] * 4):
        problem(again, 503, PENDING)
        equal(again.header("X-Payment-Id"), first.header("X-Payment-Id"))
    chain.set_automine(True)
    wait_for(lambda: shop.show(header).status == 200, 10, "the settlement")
    equal((sent_by(chain), count(shop)), (sent + 1, 1))
    shop.agree(PRICE)
    shop.stop()
    chain.close()

with case("a settlement that succeeds without a transfer"):
    chain = kit_chain.chain()
    shop = Shop(chain, settle_ms_max=1000)
    chain.head.state.tokens[TOKEN].lies.add("no-log")
    header = kit_pay.pay_v2(shop.offer(), PAYER)
    answer = shop.show(header)
    assert answer.status in (402, 503), repr(answer)
    chain.mine(6)
    never_served(shop, header, REQUIRED)
    equal((count(shop, "settled"), shop.balance("clearing:direct:USDC")), (0, 0))
    shop.stop()
    chain.close()

with case("an asset that is no contract, or another token than configured"):
    chain = kit_chain.chain()
    for token, version in ((STRANGER.address, "2"), (OTHER_TOKEN, "1")):
        entry = chain.network(gas_key=FACILITATOR, token=eip55(token), token_name="USDC",
                              token_version=version)
        shop = Shop(chain, networks=[entry])
        separator = domain_separator("USDC", version, kit_chain.CHAIN_ID, token)
        header = resigned(kit_pay.pay_v2(shop.offer(), PAYER), PAYER, separator)
        sent = sent_by(chain)
        problem(shop.show(header), 503, "PAYMENT_UNAVAILABLE")
        equal((count(shop), sent_by(chain)), (0, sent))
        shop.stop()
    chain.close()

with case("a reorganisation after the grant: taken out of the books, and it serves nothing more"):
    chain = kit_chain.chain()
    shop = Shop(chain, gas=False, networks=[chain.network(final_depth=8)])
    header = shop.transfer_proof(PAYER)
    equal(shop.show(header).status, 200)
    tx = unhex(kit_pay.unb64(header[1])["transaction"])
    chain.reorg(1, drop=(tx,))
    chain.mine(2)
    wait_for(lambda: count(shop, "reversed") == 1, 15, "the reversal")
    shop.agree(0)
    problem(shop.show(header), 503, PENDING)
    shop.stop()
    chain.close()

with case("a challenge of another service, with keys of its own"):
    chain = kit_chain.chain()
    one = Shop(chain, gas=False, public_url=URL)
    two = Shop(chain, gas=False, public_url=URL, shop=one)
    asked = one.offer()
    tx = chain.transfer(PAYER, PAYEE.address, PRICE)
    header = kit_pay.pay_proof(asked, tx, PAYER)
    problem(two.show(header), 402, REQUIRED)
    equal(one.show(header).status, 200)
    one.agree(PRICE)
    one.stop()
    two.stop()
    chain.close()

kit.done()
