#!/usr/bin/env python3
"""`lucid pay` buys from the service, in each way. With LUCID_ANVIL on a real node."""

import json
import os
import threading

import kit
import kit_chain
import kit_pay
from kit import case, equal
from kit_chain import FACILITATOR, PAYER
from kit_evm import enhex
from kit_shop import PRICE, Shop

here = kit.scratch()
KEY = os.path.join(here, "payer.key")
with open(os.open(KEY, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as key_file:
    key_file.write(PAYER.key_text + "\n")


def buy(*arguments, want=0):
    """lucid pay for the shop's proof."""
    url = f"http://127.0.0.1:{shop.port}{shop.proof_path}"
    status, out, err = kit.lucid("pay", url, "--key-file", KEY, "--json", *arguments, cwd=here)
    equal(status, want, f"{arguments}: {out!r} {err!r}")
    return json.loads(out)


with kit_chain.chain() as chain:
    shop = Shop(chain)
    WAYS = (["--via", "v2"], ["--via", "v1"], ["--via", "proof", "--rpc", chain.url],
            ["--via", "proof", "--rpc", chain.url, "--bind", "nonce"])
    with case("each way buys a proof once; chain, payments and books agree"):
        for count, way in enumerate(WAYS, 1):
            said = buy(*way)
            equal((said["paid"], said["price"], said["body"]["leaf_index"]),
                  (True, "0.010000 USDC", 0), str(way))
            record = shop.ok(f"/v1/payments/{said['payment_id']}", token=shop.token)
            equal((record["transaction"], record["payer"], record["x402"]["served"],
                   record["x402"]["bound"]),
                  (said["transaction"], enhex(PAYER.address), True, True), str(way))
            shop.agree(PRICE * count)
    with case("over the cap nothing is paid; --dry-run pays nothing"):
        equal(buy("--max-amount", "0.009", want=1)["error"]["code"], "AMOUNT_OVER_MAXIMUM")
        equal(buy("--dry-run")["price"], "0.010000 USDC")
        shop.agree(PRICE * len(WAYS))
    with case("without a gas key only the transfer is offered: it says so, and that way works"):
        shop.stop()
        kit_pay.networks_file(shop.base, chain.network())
        shop.start()
        refused = buy(want=1)["error"]
        equal(refused["code"], "NO_OFFER")
        assert "--via proof" in refused["message"], refused
        buy(*WAYS[2])
        shop.agree(PRICE * (len(WAYS) + 1))
    with case("a transfer that is not deep enough is waited for, and paid once"):
        shop.stop()
        kit_pay.networks_file(shop.base, chain.network(serve_depth=3, final_depth=4,
                                                       gas_key=FACILITATOR))
        shop.start()
        threading.Timer(2, chain.mine, [3]).start()
        equal(buy(*WAYS[2], "--wait", "30")["paid"], True)
        shop.agree(PRICE * (len(WAYS) + 2))
        equal([name for name in os.listdir(here) if name.startswith(".lucid-pay")], [])
    shop.stop()
kit.done()
