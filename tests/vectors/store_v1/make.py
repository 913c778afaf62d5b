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

RECEIPTS = 260


def main(target):
    maker = Maker("store_v1")
    base = kit.scratch()
    kit.ORIGIN = "test.example/store-v1"
    data = os.path.join(base, "log")
    kit.run_lucid("log", "init", "--data", data, "--origin", kit.ORIGIN, "--test")
    service = kit.Service(base, init=False, epoch_receipts_max=50, head_interval_ms=100)
    signers = [service.new_signer(f"store v1 {i}") for i in range(3)]
    bodies = maker.bodies(RECEIPTS)
    envelopes, lines = [], []
    for number, body in enumerate(bodies):
        envelopes.append(signers[number % 3 if number < 150 else number % 2].seal(body))
    for first, last in ((0, 1), (1, 2), (2, 9), (9, 60), (60, 100), (100, 150)):
        lines += service.batch_ok(envelopes[first:last])
        service.covered(last)
    kit.equal(service.post("/v1/epochs/current/finalize", token=service.token).status, 409)
    revoked = signers[2]
    kit.equal(service.post(f"/v1/signers/{revoked.key}/revoke", token=service.token).status, 200)
    lines += service.batch_ok(envelopes[150:170])
    kit.equal(service.post("/v1/epochs/current/finalize", token=service.token).status, 200)
    lines += service.batch_ok(envelopes[170:])
    tokens = {}
    for name, scopes in (("reader", ["read"]), ("second", ["read", "audit"]), ("gone", ["admin"])):
        answer = service.post("/v1/tokens", {"name": name, "scopes": scopes}, token=service.token)
        kit.equal(answer.status, 201, repr(answer))
        tokens[name] = answer.json()
    kit.equal(service.post(f"/v1/tokens/{tokens['gone']['id']}/revoke",
                           token=service.token).status, 200)
    service.covered(RECEIPTS)
    service.stop()
    service.start()
    expected = {
        "log": {name: service.ok("/v1/log")[name]
                for name in ("origin", "vkey", "service_key", "size", "root")},
        "checkpoint": service.get("/checkpoint").body.decode(),
        "mmr": service.ok("/v1/mmr"),
        "epochs": service.ok("/v1/epochs")["items"],
        "signers": service.ok("/v1/signers")["items"],
        "tokens": service.ok("/v1/tokens", token=service.token)["items"],
        "token_texts": {name: token["token"] for name, token in tokens.items()},
        "receipts": [[e.hash, e.run_id, e.signer.key, line["leaf_index"], line["sequence"],
                      line["logged_at"]] for e, line in zip(envelopes, lines)],
        "envelopes": [json.loads(e.wire()) for e in envelopes[:12] + envelopes[-6:]],
        "proofs": [service.ok(f"/v1/receipts/{e.hash}/proof?tree_size={RECEIPTS}")
                   for e in (envelopes[0], envelopes[131], envelopes[-1])],
    }
    expected["log"]["events"] = json.loads(kit.run_lucid("log", "info", "--data", data,
                                                         "--json"))["events"]
    service.stop()
    os.makedirs(os.path.join(target, "data", "store"), mode=0o700)
    subprocess.run(["mdb_copy", "-c", os.path.join(data, "store"),
                    os.path.join(target, "data", "store")], check=True)
    for name in ("log.key", "service.key", "admin.token", "vkey"):
        shutil.copy(os.path.join(data, name), os.path.join(target, "data", name))
    with open(os.path.join(target, "expected.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
                   .replace('],["', '],\n["').replace('},{"', '},\n{"') + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
