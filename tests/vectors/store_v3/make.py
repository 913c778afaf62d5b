#!/usr/bin/env python3
"""Makes this folder's store again, with the programs in $LUCID_BUILD (README.md says which).

usage: PYTHONPATH=../../e2e LUCID_BUILD=… python3 make.py DIR"""

import json
import os
import shutil
import subprocess
import sys

import kit
from kit_receipts import Maker

RECEIPTS = 60
PAY_TO = "0x" + "1" * 40
TX = "0x" + "ab" * 32
OTHER = "0x" + "cd" * 32
# What a person may have written where a transaction's name belongs.
TRANSACTIONS = [("eip155:8453", TX), ("eip155:8453", TX), ("eip155:8453", TX + "/3"),
                ("eip155:8453", OTHER + "/7"), ("eip155:8453", OTHER + "/7"),
                ("eip155:8453", OTHER.upper().replace("0X", "0x") + "/8"),
                ("eip155:8453", "wire of Monday \u2192 bank"), ("eip155:08453", TX),
                ("eip155:8453", OTHER + "/x"), (None, TX), ("eip155:8453", None),
                ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjC"
                 "JjBRnbJLgp8uirBgmQpjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW"), (None, None)]


def main(target):
    base = kit.scratch()
    kit.ORIGIN = "test.example/store-v3"
    data = os.path.join(base, "log")
    kit.run_lucid("log", "init", "--data", data, "--origin", kit.ORIGIN, "--test")
    service = kit.Service(base, init=False, epoch_receipts_max=20, head_interval_ms=100)

    def ask(method, path, body):
        answer = service.client.request(method, path, json.dumps(body), token=service.token)
        assert answer.status in (200, 201), repr(answer)
        return answer.json()

    def price(asset, **members):
        ask("PUT", f"/v1/assets/{asset}/pricing",
            {"price_per_call": "10000", "network": "eip155:8453", "pay_to": PAY_TO, **members})

    signers = [service.new_signer(f"store v3 {i}") for i in range(2)]
    envelopes = [signers[number % 3 == 0].seal(body)
                 for number, body in enumerate(Maker("store_v3").bodies(RECEIPTS))]
    price("inference", compute_payee="gpu-1")
    price("proof", compute_payee="gpu-1", model_payee="lab", split_bps=[5000, 3000, 2000])
    for number, (network, transaction) in enumerate(TRANSACTIONS):
        members = {"network": network, "transaction": transaction, "payer": f"agent {number}"}
        ask("POST", "/v1/payments",
            {"external_id": f"pay-{number}", "asset": ("inference", "proof")[number % 2],
             "amount": str(10000 + 7 * number),
             **{name: text for name, text in members.items() if text is not None}})
        if number == 6:
            service.batch_ok(envelopes[:25])
            price("inference", compute_payee="gpu-1", model_payee="lab")
            price("inference", compute_payee="gpu-1")
    service.batch_ok(envelopes[25:])
    service.covered(RECEIPTS)
    service.stop()
    service.start()
    expected = {"checkpoint": service.get("/checkpoint").body.decode(),
                "mmr": service.ok("/v1/mmr"),
                "same": {path: service.ok(path, token=service.token)
                         for path in ("/v1/accounts?limit=1000", "/v1/trial-balance",
                                      "/v1/payments?limit=1000", "/v1/settlements",
                                      "/v1/assets/inference/revenue", "/v1/assets/proof/revenue",
                                      "/v1/assets/inference/pricing/history")}}
    service.stop()
    os.makedirs(os.path.join(target, "data", "store"), mode=0o700)
    subprocess.run(["mdb_copy", "-c", os.path.join(data, "store"),
                    os.path.join(target, "data", "store")], check=True)
    for name in ("log.key", "service.key", "admin.token", "vkey", "published.head"):
        shutil.copy(os.path.join(data, name), os.path.join(target, "data", name))
    with open(os.path.join(target, "expected.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
                   .replace('},{"', '},\n{"') + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
