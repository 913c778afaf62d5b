#!/usr/bin/env python3
"""Erasing bodies: what goes, what stays, who may. That the bytes are gone from a
backup is 62_backup.py's."""

import kit
from kit import case, equal
from kit_receipts import Maker

maker = Maker("63")
service = kit.Service(epoch_receipts_max=5, head_interval_ms=100)
signer = service.new_signer("s")
MARK = "erase-me-63-" + "x" * 200


def body(mark):
    return {**maker.body(), "trace_id": mark}


bodies = [body(f"{MARK}-{number}") for number in range(20)]
envelopes = signer.seal_all(bodies)
placements = service.batch_ok(envelopes)
service.covered(20)


def delete(ident, document=None, token=service.token):
    return service.client.request("DELETE", f"/v1/receipts/{ident}/body", document, token=token)


with case("only an admin may"):
    kit.problem(delete(envelopes[0].hash, token=None), 401, "UNAUTHORIZED")
    token = service.post("/v1/tokens", {"name": "r", "scopes": ["read"]},
                         token=service.token).json()["token"]
    kit.problem(delete(envelopes[0].hash, token=token), 403, "FORBIDDEN")
    equal(service.get("/v1/receipts/" + envelopes[0].hash, token=service.token).status, 200)

with case("bad input changes nothing"):
    kit.problem(delete("run_nothing_here"), 404, "NOT_FOUND")
    kit.problem(delete(envelopes[0].hash, {"reason": 7}), 400, "INVALID_PARAMETER", "reason")
    kit.problem(delete(envelopes[0].hash, {"reason": "x" * 257}), 400, "INVALID_PARAMETER",
                "reason")
    kit.problem(delete(envelopes[0].hash, {"reason": "a\nb"}), 400, "INVALID_PARAMETER", "reason")
    kit.problem(delete(envelopes[0].hash, b"{"), 400, "INVALID_JSON")
    equal(service.get("/v1/receipts/" + envelopes[0].hash, token=service.token).status, 200)

with case("erased: 200 with placement, time and reason; again: replayed, nothing new is logged"):
    answer = delete(envelopes[7].run_id, {"reason": "asked f\u00fcr it"})
    equal(answer.status, 200, repr(answer))
    first = answer.json()
    for name in ("receipt_hash", "run_id", "leaf_index", "sequence", "epoch", "logged_at"):
        equal(first[name], placements[7][name], name)
    equal((first["replayed"], first["reason"], first["status"]),
          (False, "asked f\u00fcr it", "finalized"))
    again = delete(envelopes[7].hash, {"reason": "another"})
    equal((again.status, again.json()), (200, {**first, "replayed": True}))
    equal(delete(envelopes[0].hash).status, 200, "without a body")
    equal(service.size(), 20)

with case("the body is gone (410), entry, proof, epoch and lists stay as they were"):
    for number in (0, 7):
        envelope = envelopes[number]
        for ident in (envelope.hash, envelope.run_id):
            kit.problem(service.get(f"/v1/receipts/{ident}", token=service.token), 410, "ERASED")
            kit.problem(service.get(f"/v1/receipts/{ident}/verify"), 410, "ERASED")
        head = service.checkpoint()
        proof = service.ok(f"/v1/receipts/{envelope.hash}/proof?tree_size={head.size}")
        equal(proof["entry"], envelope.entry.hex())
        assert kit.kit_tree.inclusion_holds(
            proof["leaf_index"], head.size, kit.kit_tree.leaf_hash(envelope.entry),
            kit.kit_tree.unhex(proof["path"]), head.root)
    items = service.ok("/v1/epochs/1/receipts")["items"]
    equal([item["receipt_hash"] for item in items], [e.hash for e in envelopes[5:10]])
    for number in set(range(20)) - {0, 7}:
        got = service.ok(f"/v1/receipts/{envelopes[number].hash}", token=service.token)
        equal(got["body"], bodies[number])
        assert service.ok(f"/v1/receipts/{envelopes[number].hash}/verify")["valid"]

with case("submitted again: 200, stores nothing; the run_id stays taken"):
    answer = service.submit(envelopes[7])
    equal((answer.status, answer.json()["replayed"]), (200, True))
    line, = service.batch_ok([envelopes[7]], statuses=(200,))
    equal(line["leaf_index"], 7)
    kit.problem(service.get("/v1/receipts/" + envelopes[7].hash, token=service.token), 410,
                "ERASED")
    other = signer.seal({**bodies[7], "trace_id": "other"})
    kit.problem(service.submit(other), 409, "RUN_ID_CONFLICT", "body.run_id")

with case("all of it holds after a restart, and after a kill -9"):
    for stop in (service.stop, service.kill):
        stop()
        service.start()
        kit.problem(service.get("/v1/receipts/" + envelopes[7].hash, token=service.token), 410,
                    "ERASED")
        equal(service.size(), 20)
        equal(delete(envelopes[7].hash).json()["erased_at"], first["erased_at"])

with case("lucid receipt erase: asks for a reason and a confirmation"):
    url = f"http://127.0.0.1:{service.port}"
    common = ("--url", url, "--data", service.data)
    status, _, err = kit.lucid("receipt", "erase", envelopes[1].hash, *common)
    equal(status, 2, repr(err))
    status, _, err = kit.lucid("receipt", "erase", envelopes[1].hash, "--reason", "r", *common)
    equal(status, 2, repr(err))
    assert b"--yes" in err, err
    equal(service.get("/v1/receipts/" + envelopes[1].hash, token=service.token).status, 200)
    out = kit.run_lucid("receipt", "erase", envelopes[1].hash, "--reason", "r", "--yes", "--json",
                        *common)
    document = kit.json.loads(out)
    equal((document["leaf_index"], document["replayed"], document["reason"]), (1, False, "r"))
    status, _, _ = kit.lucid("receipt", "erase", "run_nothing_here", "--reason", "r", "--yes",
                             *common)
    equal(status, 1)
    kit.problem(service.get("/v1/receipts/" + envelopes[1].hash, token=service.token), 410,
                "ERASED")

with case("a receipt without a head yet can be erased; epochs and heads go on"):
    envelope = signer.seal(body(MARK + "-late"))
    equal(service.submit(envelope).status, 201)
    equal(delete(envelope.hash).status, 200)
    head = service.covered(21)
    proof = service.ok(f"/v1/receipts/{envelope.hash}/proof?tree_size={head.size}")
    equal(proof["entry"], envelope.entry.hex())
    service.batch_ok(signer.seal_all(maker.bodies(10)))
    service.covered(31)

kit.done()
