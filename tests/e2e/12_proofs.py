#!/usr/bin/env python3
"""Proofs and heads checked by the verifier of kit_tree.py, which knows only the RFCs."""

import json
import random

import kit
import kit_tree
from kit import case, equal
from kit_receipts import Maker

COUNT = 137
IMMUTABLE = "public, max-age=31536000, immutable"

rng = random.Random(12)
maker = Maker("12")
tree = kit_tree.Tree()
service = kit.Service()
signer = service.new_signer("s")
other = service.new_signer("t")
envelopes = []


def add(count):
    new = [rng.choice((signer, other)).seal(body) for body in maker.bodies(count)]
    service.batch_ok(new)
    for envelope in new:
        tree.append(envelope.entry)
    envelopes.extend(new)


def check_proof(proof, envelope, index, size):
    """One proof against what we know, not against its own copies."""
    equal(sorted(proof), ["checkpoint", "entry", "leaf_hash", "leaf_index", "path", "root",
                          "tree_size"])
    equal((proof["leaf_index"], proof["tree_size"]), (index, size))
    equal(proof["entry"], envelope.entry.hex())
    equal(proof["leaf_hash"], tree.leaves[index].hex())
    equal(proof["root"], tree.root(size).hex())
    assert kit_tree.inclusion_holds(index, size, kit_tree.leaf_hash(envelope.entry),
                                    kit_tree.unhex(proof["path"]), tree.root(size)), proof
    if proof["checkpoint"] is not None:
        head = service.checkpoint(proof["checkpoint"])
        equal((head.size, head.root), (size, tree.root(size)))


with case("not covered yet: 503 NOT_COVERED with Retry-After 1; an explicit size is served"):
    slow = kit.Service(head_interval_ms=3600000)
    envelope = slow.new_signer("s").seal(maker.body())
    slow.submit(envelope)
    answer = slow.get(f"/v1/receipts/{envelope.hash}/proof")
    kit.problem(answer, 503, "NOT_COVERED")
    equal(answer.header("retry-after"), "1")
    head = slow.checkpoint()
    equal((head.size, head.root), (0, kit_tree.EMPTY))
    answer = slow.get(f"/v1/receipts/{envelope.hash}/proof?tree_size=1")
    equal((answer.status, answer.json()["checkpoint"]), (200, None))
    equal(slow.ok(f"/v1/receipts/{envelope.hash}/verify")["valid"], True)
    slow.stop()

with case("at each size 1 to 20: root, peaks, node count, the proof of every leaf"):
    for size in range(1, 21):
        add(1)
        mmr = service.ok("/v1/mmr")
        equal((mmr["leaf_count"], mmr["node_count"]), (size, kit_tree.node_count(size)))
        equal(mmr["peaks"], [peak.hex() for peak in tree.peaks(size)])
        equal(mmr["root"], kit_tree.bag(kit_tree.unhex(mmr["peaks"])).hex())
        equal(mmr["root"], tree.root(size).hex())
        log = service.ok("/v1/log")
        equal((log["size"], log["root"]), (size, mmr["root"]))
        for index in range(size):
            path = f"/v1/receipts/{envelopes[index].hash}/proof?tree_size={size}"
            check_proof(service.ok(path), envelopes[index], index, size)

with case(f"/v1/mmr at every size up to {COUNT}"):
    add(COUNT - 20)
    for size in range(COUNT + 1):
        mmr = service.ok(f"/v1/mmr?size={size}")
        equal(mmr, {"leaf_count": size, "node_count": kit_tree.node_count(size),
                    "peaks": [peak.hex() for peak in tree.peaks(size)],
                    "root": tree.root(size).hex()})
        equal(kit_tree.bag(kit_tree.unhex(mmr["peaks"])), tree.root(size))

with case("default proofs of all receipts: against the newest head that covers them"):
    head = service.covered(COUNT)
    for index, envelope in enumerate(envelopes):
        name = rng.choice((envelope.hash, envelope.run_id))
        proof = service.ok(f"/v1/receipts/{name}/proof")
        check_proof(proof, envelope, index, COUNT)
        equal(proof["checkpoint"], head.text)

with case("proofs at 400 random sizes"):
    for _ in range(400):
        size = rng.randint(1, COUNT)
        index = rng.randrange(size)
        proof = service.ok(f"/v1/receipts/{envelopes[index].hash}/proof?tree_size={size}")
        check_proof(proof, envelopes[index], index, size)

with case("consistency of 700 pairs and all edges"):
    pairs = [(a, b) for a in (0, 1, 2, 63, 64, 65, 128, COUNT) for b in range(a, COUNT + 1)]
    pairs = rng.sample(pairs, 500) + [(n, n) for n in range(COUNT + 1)] + \
        [(0, n) for n in range(60)]
    for first, second in pairs:
        got = service.ok(f"/v1/consistency?from={first}&to={second}")
        equal(sorted(got), ["from", "path", "root_from", "root_to", "to"])
        equal((got["from"], got["to"]), (first, second))
        equal((got["root_from"], got["root_to"]),
              (tree.root(first).hex(), tree.root(second).hex()))
        path = kit_tree.unhex(got["path"])
        if first == 0:
            equal(path, [])
        assert kit_tree.consistency_holds(first, second, tree.root(first), tree.root(second),
                                          path), got

with case("our verifier is not blind: changed proofs fail"):
    proof = service.ok(f"/v1/receipts/{envelopes[77].hash}/proof")
    path, leaf, root = kit_tree.unhex(proof["path"]), tree.leaves[77], tree.root(COUNT)
    assert kit_tree.inclusion_holds(77, COUNT, leaf, path, root)
    for wrong in (path[:-1], path + [root], path[::-1], [root] + path[1:]):
        assert not kit_tree.inclusion_holds(77, COUNT, leaf, wrong, root)
    assert not kit_tree.inclusion_holds(76, COUNT, leaf, path, root)
    assert not kit_tree.inclusion_holds(77, COUNT, tree.leaves[76], path, root)
    got = service.ok(f"/v1/consistency?from=77&to={COUNT}")
    path = kit_tree.unhex(got["path"])
    for wrong in (path[:-1], path + [root], path[::-1], [root] + path[1:]):
        assert not kit_tree.consistency_holds(77, COUNT, tree.root(77), root, wrong)

PARAMETERS = [
    (f"/v1/receipts/{envelopes[5].hash}/proof?tree_size=", "tree_size",
     ["0", "5", str(COUNT + 1), "99999999999999999999", "-1", "x", "", "1e2", "007", "+9", "9 "]),
    ("/v1/mmr?size=", "size", [str(COUNT + 1), "-1", "x", "", "00", "18446744073709551616"]),
    ("/v1/consistency?to=9&from=", "from", ["10", "-1", "x", "", "01"]),
    ("/v1/consistency?from=1&to=", "to", [str(COUNT + 1), "-1", "x", ""]),
]
for prefix, param, values in PARAMETERS:
    with case(f"{prefix[:24]}… refuses {param} = {values}"):
        for value in values:
            answer = service.get(prefix + value.replace(" ", "%20"))
            kit.problem(answer, 400, "INVALID_PARAMETER", param)
with case("consistency needs both parameters"):
    kit.problem(service.get("/v1/consistency?from=1"), 400, "INVALID_PARAMETER", "to")
    kit.problem(service.get("/v1/consistency?to=1"), 400, "INVALID_PARAMETER", "from")

with case("proofs of what is not there: 404"):
    for name in ("0" * 64, "run_nobody_has_this", "short", "A" * 64, "x" * 129):
        kit.problem(service.get(f"/v1/receipts/{name}/proof"), 404, "NOT_FOUND")
        kit.problem(service.get(f"/v1/receipts/{name}/verify"), 404, "NOT_FOUND")

with case("the checkpoint: its own bytes, text/plain, ETag, no-cache, 304"):
    answer = service.get("/checkpoint")
    equal(answer.header("content-type"), "text/plain; charset=utf-8")
    equal(answer.header("cache-control"), "no-cache")
    tag = answer.header("etag")
    assert tag.startswith('"') and tag.endswith('"') and len(tag) > 4, tag
    for value in (tag, "*", f'"other", {tag}'):
        again = service.get("/checkpoint", headers={"If-None-Match": value})
        equal((again.status, again.body, again.header("etag")), (304, b"", tag), value)
    again = service.get("/checkpoint", headers={"If-None-Match": '"other"'})
    equal((again.status, again.body), (200, answer.body))


def immutable_paths():
    size = service.checkpoint().size
    return ["/v1/epochs/0"] + [f"/v1/receipts/{envelopes[i].hash}/proof?tree_size={n}"
                               for n in (100, size) for i in (0, 42, 99)]


with case("immutable answers: strong ETag, immutable, 304"):
    for path in immutable_paths():
        answer = service.get(path)
        equal(answer.header("cache-control"), IMMUTABLE, path)
        tag = answer.header("etag")
        assert tag.startswith('"'), tag
        again = service.get(path, headers={"If-None-Match": tag})
        equal((again.status, again.body, again.header("cache-control")), (304, b"", IMMUTABLE))
        head = service.client.request("HEAD", path)
        equal((head.status, head.body, head.header("etag")), (200, b"", tag))
        equal(head.header("content-length"), str(len(answer.body)))

with case("all else is no-cache"):
    for path in ("/v1/log", "/v1/mmr", "/v1/epochs", "/v1/epochs/1", "/v1/epochs/current",
                 "/v1/signers", "/v1/consistency?from=1&to=2", "/healthz", "/readyz",
                 f"/v1/receipts/{envelopes[0].hash}/proof",
                 f"/v1/receipts/{envelopes[0].hash}/proof?tree_size=99"):
        answer = service.get(path)
        equal((answer.status, answer.header("cache-control")), (200, "no-cache"), path)

with case("immutable answers and heads are the same bytes after a restart and more receipts"):
    before = {path: service.get(path) for path in immutable_paths()}
    checkpoint = service.get("/checkpoint").body
    service.restart()
    equal(service.get("/checkpoint").body, checkpoint)
    add(80)
    service.covered(COUNT + 80)
    for path, old in before.items():
        new = service.get(path)
        equal((new.body, new.header("etag")), (old.body, old.header("etag")), path)

with case("the old head is consistent with the newest"):
    old = service.checkpoint(checkpoint.decode())
    new = service.checkpoint()
    got = service.ok(f"/v1/consistency?from={old.size}&to={new.size}")
    assert kit_tree.consistency_holds(old.size, new.size, old.root, new.root,
                                      kit_tree.unhex(got["path"])), got

with case("lucid verify says the same offline"):
    out = kit.run_lucid("receipt", "proof", envelopes[3].run_id, "-o", "-", "--url",
                        f"http://127.0.0.1:{service.port}", "--data", service.data)
    bundle = json.loads(out)
    check_proof(bundle["proof"], envelopes[3], 3, service.checkpoint().size)
    out = kit.run_lucid("verify", "-", "--vkey-file", service.data + "/vkey", "--json", stdin=out)
    equal(json.loads(out)["valid"], True)

service.stop()
kit.done()
