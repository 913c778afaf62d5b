#!/usr/bin/env python3
"""A log is made, receipts of all types go in, alone and in batches, and come back as they were."""

import hashlib
import json
import os
import re
import stat

import kit
from kit import case, equal
from kit_receipts import Maker, TYPES

PLACEMENT = ["receipt_hash", "run_id", "leaf_index", "sequence", "epoch", "logged_at", "status",
             "replayed"]
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

maker = Maker("10")
service = kit.Service(start=False)

with case("log init makes the store and the keys, secrets with mode 0600"):
    for name in ("log.key", "service.key", "admin.token"):
        mode = os.stat(os.path.join(service.data, name)).st_mode
        equal(stat.S_IMODE(mode), 0o600, name)
    equal(service.vkey.name, kit.ORIGIN)

with case("log init refuses a directory that holds a log"):
    before = service.vkey.key
    status, _, err = kit.lucid("log", "init", "--data", service.data, "--origin", "other")
    equal(status, 1, repr(err))
    equal(kit.Service(service.base, init=False, start=False).vkey.key, before)

with case("the server does not create a log"):
    empty = kit.scratch()
    try:
        other = kit.Service(service.base, init=False, start=False)
        other.data = empty
        other.start()
    except AssertionError as error:
        assert "lucidd said ''" in str(error), error
    else:
        raise AssertionError("it started")
    equal(os.listdir(empty), [])

with case("an unknown key refuses the start"):
    try:
        kit.Service(service.base, init=False, start=False).start(epoch_receipts_maxx=7)
    except AssertionError as error:
        assert "epoch" in str(error), error
    else:
        raise AssertionError("it started")

service.start()
signer = service.new_signer("orchestrator 1")

with case("register: 201, again 200, and it is listed"):
    fresh = kit.kit_receipts.Signer(kit.ED25519, "compute 1")
    first = service.register(fresh, "compute")
    equal(first.status, 201)
    second = service.register(fresh, "compute")
    equal(second.status, 200)
    equal(first.json(), second.json())
    equal(first.json()["signer_type"], "compute")
    keys = [item["signer_pubkey"] for item in service.ok("/v1/signers")["items"]]
    equal(keys, sorted([signer.key, fresh.key]))

with case("an empty log: size 0, the empty tree's root, no head, no epoch"):
    log = service.ok("/v1/log")
    equal((log["size"], log["root"]), (0, hashlib.sha256(b"").hexdigest()))
    equal(log["origin"], kit.ORIGIN)
    equal(log["vkey"].split("+")[0], kit.ORIGIN)
    equal(log["test"], False)
    equal(service.ok("/v1/mmr"), {"leaf_count": 0, "node_count": 0, "peaks": [],
                                  "root": hashlib.sha256(b"").hexdigest()})
    kit.problem(service.get("/v1/epochs/current"), 404, "NOT_FOUND")
    equal(service.ok("/v1/epochs"), {"items": [], "next_cursor": None})

placements = []
envelopes = signer.seal_all([maker.body(kind) for kind in TYPES])
for number, envelope in enumerate(envelopes):
    with case(f"POST one {envelope.body['receipt_type']} receipt: 201 and exactly a placement"):
        answer = service.submit(envelope)
        equal(answer.status, 201, repr(answer))
        placement = answer.json()
        equal(sorted(placement), sorted(PLACEMENT))
        equal(placement["receipt_hash"], envelope.hash)
        equal(placement["run_id"], envelope.run_id)
        equal(placement["leaf_index"], number)
        equal((placement["epoch"], placement["status"], placement["replayed"]),
              (0, "logged", False))
        assert TIME.fullmatch(placement["logged_at"]), placement
        if placements:
            assert placement["sequence"] > placements[-1]["sequence"]
            assert placement["logged_at"] >= placements[-1]["logged_at"]
        placements.append(placement)

with case("the memory receipt's two forms"):
    for extra in ({"memory_id": "m", "memory_type": "t", "content_hash": "0" * 64,
                   "prev_hash": None},
                  {"session_id": "s", "entry_hashes": [], "entry_count": 0}):
        body = {"schema_version": "1.0", "receipt_type": "memory", "run_id": "run_" + maker.hex(8),
                "timestamp": maker.timestamp, "agent_passport_id": "a", "namespace": "n", **extra}
        envelopes.append(signer.seal(body))
        answer = service.submit(envelopes[-1])
        equal(answer.status, 201, repr(answer))
        placements.append(answer.json())

with case("receipt_hash is optional, unknown envelope members are ignored"):
    envelopes += signer.seal_all([maker.body(), maker.body()])
    bare = envelopes[-2].wire(with_hash=False)
    extra = {**envelopes[-1].members(), "future": {"a": [1, None]}, "epoch": "nonsense"}
    for data in (bare, extra):
        answer = service.post("/v1/receipts", data)
        equal(answer.status, 201, repr(answer))
        placements.append(answer.json())

with case("a body's form on the wire does not matter, its canonical bytes are hashed"):
    envelopes.append(signer.seal(maker.body("tool", extra={"z": 1, "a": [True, None, "\u20ac"]})))
    members = envelopes[-1].members()
    loose = json.dumps({**members, "body": dict(reversed(list(members["body"].items())))},
                       indent=2, ensure_ascii=True)
    answer = service.post("/v1/receipts", loose)
    equal(answer.status, 201, repr(answer))
    placements.append(answer.json())

with case("a batch of 250: one placement a line, in order, with http_status 201"):
    batch = signer.seal_all(maker.bodies(250))
    answer = service.batch(batch)
    equal((answer.status, answer.header("content-type")), (200, "application/x-ndjson"))
    lines = answer.lines()
    equal([line["receipt_hash"] for line in lines], [e.hash for e in batch])
    equal([line["leaf_index"] for line in lines],
          list(range(len(placements), len(placements) + 250)))
    for line in lines:
        equal(sorted(line), sorted(PLACEMENT + ["http_status"]))
        equal(line.pop("http_status"), 201)
    envelopes += batch
    placements += lines

STEADY = [name for name in PLACEMENT if name != "status"]


def check_get(envelope, placement, path):
    answer = service.get(path, token=service.token)
    equal(answer.status, 200, repr(answer))
    got = answer.json()
    equal(sorted(got), sorted(PLACEMENT + ["body", "receipt_signature", "signer_pubkey"]))
    equal({name: got[name] for name in STEADY}, {name: placement[name] for name in STEADY})
    equal((got["receipt_signature"], got["signer_pubkey"]), (envelope.signature, signer.key))
    assert b'"body":' + envelope.text in answer.body, "not byte for byte the canonical form"
    return got


with case("GET by hash and by run_id: envelope and placement, the body's own bytes"):
    for envelope, placement in zip(envelopes, placements):
        check_get(envelope, placement, "/v1/receipts/" + envelope.hash)
        check_get(envelope, placement, "/v1/receipts/" + envelope.run_id)

with case("GET wants a token with scope read: 401, 401, 403, 200"):
    path = "/v1/receipts/" + envelopes[0].hash
    answer = service.get(path)
    kit.problem(answer, 401, "UNAUTHORIZED")
    assert answer.header("www-authenticate").startswith("Bearer")
    kit.problem(service.get(path, token="lucid_" + "0" * 43), 401, "UNAUTHORIZED")
    kit.problem(service.get(path, headers={"Authorization": "Basic eDp5"}), 401, "UNAUTHORIZED")
    made = {}
    for scope in ("audit", "read"):
        answer = service.post("/v1/tokens", {"name": scope, "scopes": [scope]},
                              token=service.token)
        equal(answer.status, 201, repr(answer))
        equal(answer.header("cache-control"), "no-store")
        made[scope] = answer.json()
    kit.problem(service.get(path, token=made["audit"]["token"]), 403, "FORBIDDEN")
    equal(service.get(path, token=made["read"]["token"]).status, 200)

with case("a read token does no admin's work; a revoked one does nothing"):
    read = made["read"]["token"]
    kit.problem(service.post("/v1/signers", {}, token=read), 403, "FORBIDDEN")
    kit.problem(service.post("/v1/epochs/current/finalize", token=read), 403, "FORBIDDEN")
    kit.problem(service.get("/v1/tokens", token=read), 403, "FORBIDDEN")
    answer = service.post(f"/v1/tokens/{made['read']['id']}/revoke", token=service.token)
    equal(answer.status, 200, repr(answer))
    kit.problem(service.get(path, token=read), 401, "UNAUTHORIZED")

with case("tokens are stored hashed: the store does not hold their text"):
    for name in os.listdir(os.path.join(service.data, "store")):
        with open(os.path.join(service.data, "store", name), "rb") as file:
            data = file.read()
        assert service.token.encode() not in data and read.encode() not in data, name

with case("verify: all three, for everybody"):
    for envelope in envelopes[:20]:
        equal(service.ok(f"/v1/receipts/{envelope.run_id}/verify"),
              {"valid": True, "hash_valid": True, "signature_valid": True,
               "inclusion_valid": True})

with case("status goes from logged over covered to finalized"):
    service.covered(len(envelopes))
    states = [check_get(e, p, "/v1/receipts/" + e.hash)["status"]
              for e, p in zip(envelopes, placements)]
    closed = len(envelopes) // 100 * 100
    equal(states, ["finalized"] * closed + ["covered"] * (len(envelopes) - closed))

with case("public_reads opens what needs read, and nothing else"):
    service.restart(public_reads="true")
    equal(service.get(path).status, 200)
    kit.problem(service.get("/v1/tokens"), 401, "UNAUTHORIZED")
    kit.problem(service.post("/v1/epochs/current/finalize"), 401, "UNAUTHORIZED")

with case("a restart keeps everything"):
    service.restart()
    equal(service.size(), len(envelopes))
    for envelope, placement in zip(envelopes, placements):
        check_get(envelope, placement, "/v1/receipts/" + envelope.hash)

service.stop()
kit.done()
