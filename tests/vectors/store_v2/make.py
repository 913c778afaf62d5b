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

RECEIPTS = 120
ERASED = 7


def main(target):
    base = kit.scratch()
    kit.ORIGIN = "test.example/store-v2"
    data = os.path.join(base, "log")
    kit.run_lucid("log", "init", "--data", data, "--origin", kit.ORIGIN, "--test")
    service = kit.Service(base, init=False, epoch_receipts_max=50, head_interval_ms=100)
    signers = [service.new_signer(f"store v2 {i}") for i in range(2)]
    envelopes = [signers[number % 3 == 0].seal(body)
                 for number, body in enumerate(Maker("store_v2").bodies(RECEIPTS))]
    lines = []
    for first, last in ((0, 40), (40, 110), (110, RECEIPTS)):
        lines += service.batch_ok(envelopes[first:last])
        service.covered(last)
    answer = service.client.request("DELETE", f"/v1/receipts/{envelopes[ERASED].hash}/body",
                                    token=service.token)
    kit.equal(answer.status, 200, repr(answer))
    service.stop()
    service.start()
    expected = {
        "checkpoint": service.get("/checkpoint").body.decode(),
        "mmr": service.ok("/v1/mmr"),
        "epochs": service.ok("/v1/epochs")["items"],
        "signers": service.ok("/v1/signers")["items"],
        "erased": envelopes[ERASED].hash,
        "receipts": [[e.hash, e.signer.key, line["leaf_index"], line["sequence"]]
                     for e, line in zip(envelopes, lines)],
        "envelopes": [json.loads(e.wire()) for e in (envelopes[0], envelopes[-1])],
        "proof": service.ok(f"/v1/receipts/{envelopes[60].hash}/proof?tree_size={RECEIPTS}"),
    }
    service.stop()
    os.makedirs(os.path.join(target, "data", "store"), mode=0o700)
    subprocess.run(["mdb_copy", "-c", os.path.join(data, "store"),
                    os.path.join(target, "data", "store")], check=True)
    for name in ("log.key", "service.key", "admin.token", "vkey", "published.head"):
        shutil.copy(os.path.join(data, name), os.path.join(target, "data", name))
    with open(os.path.join(target, "expected.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
                   .replace('],["', '],\n["').replace('},{"', '},\n{"') + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
