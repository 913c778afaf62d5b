#!/usr/bin/env python3
"""Logs as earlier programs left them (tests/vectors/store_v1, store_v2 and store_v3), opened by
today's: nothing changes for those who hold their heads and proofs, they go on, nobody is charged
for what was free, and what was paid stays paid."""

import json
import os
import re
import shutil

import kit
from kit import case, equal
from kit_receipts import Maker

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")
maker = Maker("65")


def copy(name="store_v1"):
    """The vectors' data directory, with the modes that git does not keep."""
    base = kit.scratch()
    data = os.path.join(base, "log")
    shutil.copytree(os.path.join(VECTORS, name, "data"), data)
    for name, mode in (("", 0o700), ("store", 0o700), ("store/data.mdb", 0o600),
                       ("log.key", 0o600), ("service.key", 0o600), ("admin.token", 0o600),
                       ("vkey", 0o644)):
        os.chmod(os.path.join(data, name), mode)
    return base


def formats(base):
    """Format numbers in the store's file; pages that are free now count too."""
    with open(os.path.join(base, "log", "store", "data.mdb"), "rb") as store:
        return {int.from_bytes(number, "big")
                for number in re.findall(b"format(\0\0\0[\1-\t])", store.read())}


def expectations(name):
    with open(os.path.join(VECTORS, name, "expected.json"), encoding="utf-8") as file:
        return json.load(file)


expected = expectations("store_v1")
receipts = expected["receipts"]
head = expected["checkpoint"]

with case("read only, it is whole as it is, and stays of format 1"):
    old = copy()
    status, out, err = kit.lucid("log", "fsck", "--data", os.path.join(old, "log"))
    equal(status, 1, err)  # the tables are an older program's
    assert b"older program" in out and b"leaves" in out, out
    for word in (b"sum over", b"cannot be read", b"leaf's row", b"node of height"):
        assert word not in out, out
    equal(formats(old), {1})

with case("it opens, migrates, and says what it said before"):
    service = kit.Service(copy(), init=False, epoch_seconds_max=31536000, epoch_receipts_max=50)
    assert "store.migrated" in service.log_text(), service.log_text()
    log = service.ok("/v1/log")
    equal({name: log[name] for name in expected["log"] if name != "events"},
          {name: value for name, value in expected["log"].items() if name != "events"})
    assert log["test"]
    equal(service.get("/checkpoint").body.decode(), head)
    equal(service.ok("/v1/mmr"), expected["mmr"])
    # The open one closes by age, once this file is old enough.
    equal(service.ok("/v1/epochs")["items"][:-1], expected["epochs"][:-1])
    equal(service.ok("/v1/signers")["items"], expected["signers"])
    equal(service.ok("/v1/tokens", token=service.token)["items"], expected["tokens"])

with case("tokens: those that held still hold, the revoked one does not"):
    path = "/v1/receipts/" + receipts[0][0]
    for name, status in (("reader", 200), ("second", 200), ("gone", 401)):
        equal(service.get(path, token=expected["token_texts"][name]).status, status, name)

with case("every receipt is found by hash and by run_id, and verifies"):
    for digest, run_id, key, leaf, sequence, logged_at in receipts:
        got = service.ok("/v1/receipts/" + run_id, token=service.token)
        equal((got["receipt_hash"], got["signer_pubkey"], got["leaf_index"], got["sequence"],
               got["logged_at"]), (digest, key, leaf, sequence, logged_at))
        equal(service.ok(f"/v1/receipts/{digest}/verify"),
              {"valid": True, "hash_valid": True, "signature_valid": True,
               "inclusion_valid": True})
    for envelope in expected["envelopes"]:
        got = service.ok("/v1/receipts/" + envelope["receipt_hash"], token=service.token)
        equal((got["body"], got["receipt_signature"]),
              (envelope["body"], envelope["receipt_signature"]))

with case("its proofs are made again to the byte"):
    for proof in expected["proofs"]:
        equal(service.ok(f"/v1/receipts/{proof['entry'][:64]}/proof?tree_size=260"), proof)

with case("it goes on: replays, new receipts, consistency with the old head, erasure"):
    lines = service.post("/v1/receipts/batch",
                         b"".join(json.dumps(e).encode() + b"\n" for e in expected["envelopes"]),
                         headers={"Content-Type": "application/x-ndjson"}).lines()
    equal([line["http_status"] for line in lines], [200] * len(lines))
    signer = service.new_signer("new")
    service.batch_ok(signer.seal_all(maker.bodies(120)))
    new = service.covered(380)
    old = service.checkpoint(head)
    proof = service.ok(f"/v1/consistency?from={old.size}&to={new.size}")
    assert kit.kit_tree.consistency_holds(old.size, new.size, old.root, new.root,
                                          kit.kit_tree.unhex(proof["path"]))
    answer = service.client.request("DELETE", f"/v1/receipts/{receipts[3][0]}/body",
                                    token=service.token)
    equal(answer.status, 200, repr(answer))
    kit.problem(service.get("/v1/receipts/" + receipts[3][0], token=service.token), 410, "ERASED")
    service.restart()
    assert "store.migrated" not in service.log_text()
    equal(service.size(), 380)
    service.stop()
    equal(kit.lucid("log", "fsck", "--data", service.data)[0], 0)
    assert 2 in formats(service.base), formats(service.base)

with case("killed at any moment while it migrates: the next start goes on"):
    for delay_ms in (0, 2, 5, 10, 20, 40, 80):
        base = copy()
        process = kit.subprocess.Popen([kit.LUCIDD, "--data", os.path.join(base, "log"), "--listen",
                                        "127.0.0.1:0"], stdout=kit.subprocess.DEVNULL,
                                       stderr=kit.subprocess.DEVNULL, env=kit.environment())
        kit.time.sleep(delay_ms / 1000)
        process.kill()
        process.wait()
        service = kit.Service(base, init=False, epoch_seconds_max=31536000, epoch_receipts_max=50)
        equal(service.ok("/v1/mmr"), expected["mmr"])
        equal(service.ok(f"/v1/receipts/{receipts[-1][0]}/verify")["valid"], True)
        service.stop()

# --- before there was money -----------------------------------------------------------------------

expected = expectations("store_v2")
LUCID = 10 ** 9

with case("format 2 without books: it says what it said before, and owes nothing"):
    service = kit.Service(copy("store_v2"), init=False, epoch_seconds_max=31536000,
                          epoch_receipts_max=50)
    assert "store.migrated" in service.log_text(), service.log_text()
    equal(service.get("/checkpoint").body.decode(), expected["checkpoint"])
    equal(service.ok("/v1/mmr"), expected["mmr"])
    equal(service.ok("/v1/epochs")["items"][:-1], expected["epochs"][:-1])
    equal(service.ok("/v1/signers")["items"], expected["signers"])
    equal(service.ok(f"/v1/receipts/{expected['proof']['entry'][:64]}/proof?tree_size=120"),
          expected["proof"])
    kit.problem(service.get("/v1/receipts/" + expected["erased"], token=service.token),
                410, "ERASED")
    tariff = service.ok("/v1/gas/tariff")
    equal((tariff["igas"], tariff["mgas"]), ("0", "0"))
    for account in service.ok("/v1/accounts", token=service.token)["items"]:
        equal((account["debits"], account["credits"]), ("0", "0"), account["account"])
    for envelope in expected["envelopes"]:
        equal(service.post("/v1/receipts", envelope).status, 200)

with case("charging begins with the first tariff; a root is shared by all of its epoch's leaves"):
    answer = service.client.request("PUT", "/v1/gas/tariff", token=service.token,
                                    body=json.dumps({"igas": str(LUCID), "mgas": str(5 * LUCID)}))
    assert answer.status in (200, 201), repr(answer)
    signer = service.new_signer("new")
    service.batch_ok(signer.seal_all(maker.bodies(30)))
    of = {}
    for _, key, leaf, _ in expected["receipts"]:
        if leaf >= 100:
            of[key] = of.get(key, 0) + 1
    of[signer.key] = 30
    equal(sum(of.values()), 50)
    for key, leaves in of.items():
        account = service.ok("/v1/accounts/" + key, token=service.token)
        own = 30 * LUCID if key == signer.key else 0
        equal(int(account["debits"]), own + leaves * 5 * LUCID // 50, key)
    revenue = service.ok("/v1/accounts/revenue:gas:LUCID", token=service.token)
    equal(int(revenue["credits"]), 35 * LUCID)
    service.restart()
    equal(service.ok("/v1/accounts/revenue:gas:LUCID", token=service.token)["credits"],
          revenue["credits"])
    service.stop()
    equal(kit.lucid("log", "fsck", "--data", service.data)[0], 0)

# --- before the gate ----------------------------------------------------------------------------

expected = expectations("store_v3")


def holds(got, want, where):
    """What was there is there; members may have come with the time, and events go on."""
    if isinstance(want, dict):
        for name, value in want.items():
            if name != "as_of":
                holds(got[name], value, f"{where}.{name}")
    elif isinstance(want, list):
        equal(len(got), len(want), where)
        for number, (one, other) in enumerate(zip(got, want)):
            holds(one, other, f"{where}[{number}]")
    else:
        equal(got, want, where)


with case("with money, before the gate: whatever stood in a payment's texts, all sums stand"):
    service = kit.Service(copy("store_v3"), init=False, epoch_seconds_max=31536000,
                          epoch_receipts_max=50)
    assert "store.migrated" in service.log_text(), service.log_text()
    equal(service.get("/checkpoint").body.decode(), expected["checkpoint"])
    equal(service.ok("/v1/mmr"), expected["mmr"])
    for path, want in expected["same"].items():
        holds(service.ok(path, token=service.token), want, path)

with case("the transfers that it had recorded are spent, by their log or as a whole"):
    transaction, other = "0x" + "ab" * 32, "0x" + "cd" * 32

    def record(number, text):
        return service.post("/v1/payments",
                            {"external_id": f"new-{number}", "asset": "proof", "amount": "10",
                             "network": "eip155:8453", "transaction": text}, token=service.token)

    for number, text in enumerate((transaction, transaction + "/3", transaction + "/4", other,
                                   other + "/7", other + "/8")):
        kit.problem(record(number, text), 409, "PAYMENT_ALREADY_SPENT", "transaction")
    equal(record(10, other + "/9").status, 201)
    kit.problem(record(11, other + "/9"), 409, "PAYMENT_ALREADY_SPENT", "transaction")
    service.restart()
    kit.problem(record(12, other + "/9"), 409, "PAYMENT_ALREADY_SPENT", "transaction")
    service.stop()
    equal(kit.lucid("log", "fsck", "--data", service.data)[0], 0)

kit.done()
