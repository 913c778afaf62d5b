#!/usr/bin/env python3
"""A priced proof bought on a real chain (anvil): by an official x402 client and (--ours) by a plain
transfer bound by signature, by an authorization bound by its nonce, and by `lucid pay`. What the
payee has on the chain, the payment events and the postings agree to the unit.

usage: buy.py CLIENT.mjs [--ours]     LUCID_ANVIL names the node's program."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e"))

# pylint: disable=wrong-import-position
import kit
import kit_chain
import kit_pay
from kit import case, equal
from kit_chain import PAYER, PAYER2
from kit_evm import enhex, unhex
from kit_shop import ASSET, PRICE, Shop

client = sys.argv[1]
received = 0


def official(url):
    ended = subprocess.run(["node", client, url, PAYER.key_text], capture_output=True,
                           timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    return json.loads(ended.stdout)


def bought(payment_id, scheme, payer):
    """The payment event, the payment's record and the books say the same as the chain."""
    shop.agree(received)
    settled = shop.events("payment.settled")[-1]
    equal(settled["decoded"]["id"], payment_id)
    record = shop.ok(f"/v1/payments/{payment_id}", token=shop.token)
    for name, want in (("status", "settled"), ("asset", ASSET), ("amount", str(PRICE)),
                       ("payer", enhex(payer.address)), ("facilitator", "direct")):
        equal(record[name], want, name)
    for name, want in (("served", True), ("scheme", scheme), ("bound", True)):
        equal(record["x402"][name], want, name)
    return record


with kit_chain.chain() as chain:
    assert chain.real, "LUCID_ANVIL is not set"
    shop = Shop(chain)

    with case("the official client buys a proof"):
        found = official(f"http://127.0.0.1:{shop.port}{shop.proof_path}")
        equal(found["status"], 200, found["body"][:500])
        equal(json.loads(found["body"])["leaf_index"], 0)
        assert found["settlement"]["success"] is True, found
        received += PRICE
        record = bought(found["paymentId"], "eip3009", PAYER)
        equal(found["settlement"]["transaction"], record["transaction"])
        assert chain.is_mined(unhex(record["transaction"]))

    with case("and again, which is another payment"):
        found = official(f"http://127.0.0.1:{shop.port}{shop.proof_path}")
        equal(found["status"], 200)
        received += PRICE
        bought(found["paymentId"], "eip3009", PAYER)

    if "--ours" in sys.argv:
        with case("a plain transfer, bound by the payer's signature"):
            answer = shop.show(shop.transfer_proof(PAYER2))
            equal(answer.status, 200, repr(answer))
            received += PRICE
            bought(answer.header("x-payment-id"), "transfer", PAYER2)

        with case("an authorization of the payer's own, bound by its nonce"):
            asked = shop.offer()
            signed = kit_pay.authorize(PAYER2, kit_chain.PAYEE.address, PRICE,
                                       nonce=kit_pay.challenge_nonce(asked))
            tx = chain.spend(PAYER2, signed)
            answer = shop.show(kit_pay.pay_proof(asked, tx, log_index=1))
            equal(answer.status, 200, repr(answer))
            received += PRICE
            bought(answer.header("x-payment-id"), "transfer", PAYER2)

        for via in ("v2", "v1", "proof"):
            with case(f"lucid pay --via {via}"):
                key_file = os.path.join(shop.base, "payer.key")
                with open(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                          "w") as file:
                    file.write(PAYER.key_text + "\n")
                out = os.path.join(shop.base, f"proof-{via}.json")
                more = ["--rpc", chain.url] if via == "proof" else []
                kit.run_lucid("pay", f"http://127.0.0.1:{shop.port}{shop.proof_path}",
                              "--key-file", key_file, "--max-amount", "0.05", "--via", via,
                              "-o", out, *more)
                with open(out, encoding="utf-8") as file:
                    equal(json.load(file)["leaf_index"], 0)
                received += PRICE
                bought(shop.payments()[-1]["id"], "transfer" if via == "proof" else "eip3009",
                       PAYER)

    with case("every payment is served, and the service stops cleanly"):
        assert all(p["x402"]["served"] for p in shop.payments()), shop.payments()
        shop.audit()
        shop.stop()
    kit.done()
