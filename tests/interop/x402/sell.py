#!/usr/bin/env python3
"""A server of the official kit, pointed at our facilitator routes, sells on a real chain (anvil) to
the official client; to a stranger's recipient, and over budget, it does not.

usage: sell.py SERVER.mjs CLIENT.mjs     LUCID_ANVIL names the node's program."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e"))

# pylint: disable=wrong-import-position
import kit
import kit_chain
from kit import case, equal
from kit_chain import PAYER, PAYER2, STRANGER
from kit_clients import MERCHANT, RESERVE, Facilitator

SERVER, CLIENT = sys.argv[1:3]
PRICE = 10000


class Merchant:
    """node server.mjs, for that client's token and that recipient."""

    def __init__(self, facilitator, name, pay_to):
        self.process = subprocess.Popen(
            ["node", SERVER, f"http://127.0.0.1:{facilitator.port}/v1/x402",
             facilitator.tokens[name]["token"], pay_to],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening "), (line, self.process.stderr.read().decode()[-2000:])
        self.url = f"http://127.0.0.1:{int(line.split()[1])}/thing"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()

    def sell(self, wallet):
        ended = subprocess.run(["node", CLIENT, self.url, wallet.key_text], capture_output=True,
                               timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr.decode()[-2000:]
        return json.loads(ended.stdout)


with kit_chain.chain() as chain:
    assert chain.real, "LUCID_ANVIL is not set"
    facilitator = Facilitator(chain, {"shop": {}, "poor": {"gas_wei_per_day": str(RESERVE - 1)}})
    received, gas_before = 0, facilitator.gas()[1]

    with Merchant(facilitator, "shop", MERCHANT.text) as merchant:
        for wallet in (PAYER, PAYER2):
            with case(f"the official kit sells through us to the official client, {wallet.name}"):
                nonce = facilitator.gas()[0]
                found = merchant.sell(wallet)
                equal((found["status"], found["body"]), (200, "the thing"))
                received += PRICE
                settled = found["settlement"]
                equal((settled["success"], settled["payer"]), (True, wallet.text))
                assert chain.is_mined(bytes.fromhex(settled["transaction"][2:])), settled
                equal(chain.balance(MERCHANT.address), received)
                equal(facilitator.gas()[0], nonce + 1)
                item = facilitator.facilitations()[-1]
                equal((item["status"], item["client"], item["transaction"], item["ours"]),
                      ("settled", "shop", settled["transaction"], True))

    for name, pay_to, what in (("shop", STRANGER.text, "a recipient that is not the client's"),
                               ("poor", MERCHANT.text, "a budget that is used up")):
        with case(f"{what}: not sold, and no gas money is moved"):
            before = facilitator.gas()
            with Merchant(facilitator, name, pay_to) as merchant:
                found = merchant.sell(PAYER)
            equal(found["status"], 402, repr(found))
            equal(facilitator.gas(), before)
            equal(chain.balance(MERCHANT.address), received)

    with case("what the gas account paid is what the log counts"):
        items = facilitator.facilitations()
        assert all(item["gas_measured"] for item in items), items
        equal(gas_before - facilitator.gas()[1], sum(int(item["gas_wei"]) for item in items))

    facilitator.stop()
    kit.done()
