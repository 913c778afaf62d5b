#!/usr/bin/env python3
"""Proofs as C2SP tlog-proof and as COSE receipt: taken apart here from the documents alone, then by
POST /v1/verify and by lucid verify; changed ones are refused by both."""

import base64
import hashlib
import json
import os
import random
import subprocess
import time

import kit
import kit_tree
from kit import case, equal
from kit_receipts import Maker

COUNT = 41
IMMUTABLE = "public, max-age=31536000, immutable"
COSE = {"Accept": "application/cose"}
TLOG = {"Accept": "text/plain"}

rng = random.Random(15)
maker = Maker("15")
tree = kit_tree.Tree()
service = kit.Service(head_interval_ms=1000, io_threads=2)
signer = service.new_signer("s")
here = kit.scratch()
envelopes = []


def add(count):
    new = [signer.seal(body) for body in maker.bodies(count)]
    service.batch_ok(new)
    for envelope in new:
        tree.append(envelope.entry)
    envelopes.extend(new)
    return service.covered(len(envelopes))


# --- readers that share nothing with the service ------------------------------------------------


class Cbor:
    """RFC 8949, as much of it as a receipt needs; shortest forms only."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at:self.at + count]
        assert len(part) == count, "cut"
        self.at += count
        return part

    def item(self):
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if first == 0xf6:
            return None
        value = info
        if info >= 24:
            assert info <= 27, info
            value = int.from_bytes(self.take(1 << (info - 24)), "big")
            assert value >= (24 if info == 24 else 1 << (4 << (info - 24))), "not shortest"
        if major == 0:
            return value
        if major == 1:
            return -1 - value
        if major == 2:
            return self.take(value)
        if major == 3:
            return self.take(value).decode()
        if major == 4:
            return [self.item() for _ in range(value)]
        if major == 5:
            pairs = [(self.item(), self.item()) for _ in range(value)]
            equal(len(dict(pairs)), len(pairs), "labels")
            return dict(pairs)
        assert (major, value) == (6, 18), (major, value)
        return ("sign1", self.item())


def decode(data):
    reader = Cbor(data)
    value = reader.item()
    equal(reader.at, len(data), "bytes behind the item")
    return value


def head_of(length, major):
    assert length < 65536
    if length < 24:
        return bytes([major << 5 | length])
    if length < 256:
        return bytes([major << 5 | 24, length])
    return bytes([major << 5 | 25]) + length.to_bytes(2, "big")


def cose_check(data, log, envelope, index, size):
    """An inclusion receipt, by RFC 9942 and docs/FORMAT.md."""
    tag, (protected, unprotected, payload, signature) = decode(data)
    key = bytes.fromhex(log["service_key"])
    equal((tag, payload, len(signature)), ("sign1", None, 64))
    equal(decode(protected), {1: -8, 4: hashlib.sha256(key).digest(),
                              15: {1: log["origin"], 2: envelope.hash}, 395: 1})
    equal(sorted(map(str, unprotected)), ["396", "lucid-checkpoint"])
    equal(list(unprotected[396]), [-1])
    proof, = unprotected[396][-1]
    got_size, got_index, path = decode(proof)
    equal((got_size, got_index), (size, index))
    head = service.checkpoint(unprotected["lucid-checkpoint"].decode())
    equal((head.size, head.root), (size, tree.root(size)))
    assert kit_tree.inclusion_holds(index, size, kit_tree.leaf_hash(envelope.entry), path,
                                    head.root)
    signature_check(protected, head.root, signature, key)


def signature_check(protected, root, signature, key):
    signed = b"\x84\x6aSignature1" + head_of(len(protected), 2) + protected + b"\x40" + \
        head_of(32, 2) + root
    assert kit.ED25519.verify(key, signature, signed), "the service key's signature"


def tlog_check(text, envelope, index, size):
    """By c2sp.org/tlog-proof."""
    front, checkpoint = text.split("\n\n", 1)
    lines = front.split("\n")
    equal(lines[:2], ["c2sp.org/tlog-proof@v1", f"index {index}"])
    head = service.checkpoint(checkpoint)
    equal((head.size, head.root), (size, tree.root(size)))
    path = [base64.b64decode(line, validate=True) for line in lines[2:]]
    assert kit_tree.inclusion_holds(index, size, kit_tree.leaf_hash(envelope.entry), path,
                                    head.root)


def chosen_by_accept(answer):
    """Vary may name more, in one header or several."""
    return "Accept" in [name.strip() for key, value in answer.fields if key == "vary"
                        for name in value.split(",")]


# --- what is served -----------------------------------------------------------------------------

add(1)
add(COUNT - 1)
LOG = service.ok("/v1/log")

with case("COSE and tlog-proof of every receipt, under the newest head"):
    for number, one in enumerate(envelopes):
        path = f"/v1/receipts/{rng.choice((one.hash, one.run_id))}/proof"
        answer = service.get(path, headers=COSE)
        equal((answer.status, answer.header("content-type"), answer.header("cache-control")),
              (200, "application/cose", "no-cache"))
        equal(chosen_by_accept(answer), True)
        cose_check(answer.body, LOG, one, number, COUNT)
        answer = service.get(path, headers=TLOG)
        equal((answer.status, answer.header("content-type"), answer.header("cache-control")),
              (200, "text/plain; charset=utf-8", "no-cache"))
        tlog_check(answer.body.decode(), one, number, COUNT)

with case("a tree of one leaf: the path is empty in both forms"):
    path = f"/v1/receipts/{envelopes[0].hash}/proof?tree_size=1"
    cose_check(service.get(path, headers=COSE).body, LOG, envelopes[0], 0, 1)
    answer = service.get(path, headers=TLOG)
    tlog_check(answer.body.decode(), envelopes[0], 0, 1)
    equal(answer.header("cache-control"), "no-cache")

with case("Accept: weights, wildcards, 406; JSON when nothing is said"):
    path = f"/v1/receipts/{envelopes[3].hash}/proof"
    for accept, kind in ((None, "application/json"), ("*/*", "application/json"),
                         ("text/*", "text/plain; charset=utf-8"),
                         ("application/cose;q=0.2, text/plain;q=0.1", "application/cose"),
                         ("text/html, */*;q=0.1", "application/json")):
        answer = service.get(path, headers={"Accept": accept} if accept else {})
        equal((answer.status, answer.header("content-type")), (200, kind), accept)
        equal(chosen_by_accept(answer), True)
    for accept in ("image/png", "application/json;q=0", "application/xml"):
        kit.problem(service.get(path, headers={"Accept": accept}), 406, "NOT_ACCEPTABLE")
    kit.problem(service.get("/v1/consistency?from=1&to=2", headers=TLOG), 406, "NOT_ACCEPTABLE")

with case("no head of that size: 404 below the newest, JSON says checkpoint null"):
    headless = next(n for n in range(2, COUNT) if service.ok(
        f"/v1/receipts/{envelopes[0].hash}/proof?tree_size={n}")["checkpoint"] is None)
    for headers in (COSE, TLOG):
        kit.problem(service.get(f"/v1/receipts/{envelopes[0].hash}/proof?tree_size={headless}",
                                headers=headers), 404, "NOT_FOUND")
    kit.problem(service.get(f"/v1/consistency?from=1&to={headless}", headers=COSE), 404,
                "NOT_FOUND")

with case("no head yet: 503 NOT_COVERED with Retry-After, in every form"):
    slow = kit.Service(head_interval_ms=3600000)
    late = slow.new_signer("s").seal(maker.body())
    slow.submit(late)
    for headers in (COSE, TLOG):
        for query in ("", "?tree_size=1"):
            answer = slow.get(f"/v1/receipts/{late.hash}/proof{query}", headers=headers)
            kit.problem(answer, 503, "NOT_COVERED")
            equal(answer.header("retry-after"), "1")
    kit.problem(slow.get("/v1/consistency?from=0&to=1", headers=COSE), 503, "NOT_COVERED")
    slow.stop()

with case("consistency as COSE: the newer root is the payload, the newer head is in it"):
    for older in (0, 1, 2, 17, 32, COUNT):
        answer = service.get(f"/v1/consistency?from={older}&to={COUNT}", headers=COSE)
        equal((answer.status, answer.header("cache-control")), (200, IMMUTABLE))
        _, (protected, unprotected, payload, signature) = decode(answer.body)
        equal(payload, tree.root(COUNT))
        equal(decode(protected)[15], {1: LOG["origin"]})
        first, second, nodes = decode(unprotected[396][-2][0])
        equal((first, second), (older, COUNT))
        assert kit_tree.consistency_holds(older, COUNT, tree.root(older), payload, nodes)
        equal(service.checkpoint(unprotected["lucid-checkpoint"].decode()).root, payload)
        signature_check(protected, payload, signature, bytes.fromhex(LOG["service_key"]))

with case("COSE at an explicit size: immutable, the same bytes after more receipts and a restart"):
    paths = [f"/v1/receipts/{envelopes[i].hash}/proof?tree_size={COUNT}" for i in (0, 7, 40)] + \
        [f"/v1/consistency?from={n}&to={COUNT}" for n in (1, 33)]
    before = [service.get(path, headers=COSE) for path in paths]
    for path, answer in zip(paths, before):
        equal((answer.status, answer.header("cache-control")), (200, IMMUTABLE))
        tag = answer.header("etag")
        again = service.get(path, headers={**COSE, "If-None-Match": tag})
        equal((again.status, again.body), (304, b""))
        equal(service.get(path, headers={"If-None-Match": tag}).status, 200, "JSON, other tag")
    service.restart()
    add(20)
    for path, old in zip(paths, before):
        new = service.get(path, headers=COSE)
        equal((new.body, new.header("etag")), (old.body, old.header("etag")), path)

# --- POST /v1/verify ----------------------------------------------------------------------------

OURS = 13
ours = envelopes[OURS]
PATH = f"/v1/receipts/{ours.hash}/proof?tree_size={COUNT}"
proofs = {"json": service.get(PATH).body, "tlog": service.get(PATH, headers=TLOG).body,
          "cose": service.get(PATH, headers=COSE).body}


def wrap(form, data):
    if form == "json":
        return json.loads(data)
    return data.decode() if form == "tlog" else {"cose": base64.b64encode(data).decode()}


def ask(form, data, **more):
    answer = service.post("/v1/verify", {"receipt": json.loads(ours.wire()),
                                         "proof": wrap(form, data), **more})
    equal(answer.status, 200, repr(answer))
    return answer.json()


def tampered(form):
    """The proof with one node of its path changed, one after the other."""
    data = proofs[form]
    nodes = kit_tree.unhex(json.loads(proofs["json"])["path"])
    assert len(nodes) > 4
    for node in nodes:
        wrong = bytes([node[0] ^ 1]) + node[1:]
        kind = {"json": bytes.hex, "cose": bytes}.get(form, base64.b64encode)
        old, new = (x if isinstance(x, bytes) else x.encode() for x in (kind(node), kind(wrong)))
        equal(data.count(old), 1)
        yield data.replace(old, new)


with case("POST /v1/verify: valid in all three forms, each step told"):
    for form, steps in (("json", 8), ("tlog", 8), ("cose", 9)):
        got = ask(form, proofs[form])
        equal((got["verdict"], got["valid"], len(got["steps"])), ("valid", True, steps), form)
        equal({step["outcome"] for step in got["steps"]}, {"passed"})
        equal(sorted(got["steps"][0]), ["name", "outcome", "text"])

with case("POST /v1/verify: each node changed is invalid, another receipt is invalid"):
    for form, proof in proofs.items():
        for wrong in tampered(form):
            equal(ask(form, wrong)["verdict"], "invalid", form)
        answer = service.post("/v1/verify", {"receipt": json.loads(envelopes[OURS + 1].wire()),
                                             "proof": wrap(form, proof)})
        equal(answer.json()["verdict"], "invalid", form)

with case("POST /v1/verify: undecided with keys of others, 422 for what is no question"):
    foreign = kit.Service(start=False)
    with open(os.path.join(foreign.data, "vkey"), encoding="utf-8") as file:
        vkey = file.read().strip()
    for form, proof in proofs.items():
        equal(ask(form, proof, vkey=vkey)["verdict"], "undecided", form)
    equal(ask("cose", proofs["cose"], service_key="11" * 32)["verdict"], "undecided")
    for question, code, param in (({}, "INVALID_RECEIPT", "receipt"),
                                  ({"receipt": {}}, "INVALID_PROOF", "proof"),
                                  ({"receipt": {}, "proof": {"cose": "!"}}, "INVALID_PROOF",
                                   "proof.cose"),
                                  ({"receipt": {}, "proof": {}, "vkey": 1}, "INVALID_PROOF",
                                   "vkey")):
        kit.problem(service.post("/v1/verify", question), 422, code, param)
    kit.problem(service.post("/v1/verify", b"{"), 400, "INVALID_JSON")
    kit.problem(service.post("/v1/verify", b" " * 600000), 413, "BODY_TOO_LARGE")

# --- the command line ---------------------------------------------------------------------------

VKEY = ("--vkey-file", os.path.join(service.data, "vkey"))
KEYS = (*VKEY, "--service-key", LOG["service_key"])
URL = ("--url", f"http://127.0.0.1:{service.port}")


def put(name, data):
    path = os.path.join(here, name)
    with open(path, "wb") as out:
        out.write(data)
    return path


def verify(*arguments, want):
    status, out, err = kit.lucid("verify", *arguments, "--json", cwd=here)
    equal(status, want, f"{arguments}: {out[-300:]!r} {err!r}")
    return json.loads(out)


RECEIPT = put("receipt.json", ours.wire())

with case("lucid receipt proof --format writes the bytes that are served"):
    for form in ("tlog", "cose"):
        name = os.path.join(here, "proof." + form)
        kit.run_lucid("receipt", "proof", ours.run_id, "--tree-size", str(COUNT), "--format", form,
                      "-o", name, *URL)
        with open(name, "rb") as file:
            equal(file.read(), proofs[form])
        got = json.loads(kit.run_lucid("receipt", "proof", ours.run_id, "--tree-size", str(COUNT),
                                       "--format", form, "--json", *URL))
        equal(got["proof"], wrap(form, proofs[form]))
    out = kit.run_lucid("receipt", "proof", ours.run_id, "--tree-size", str(COUNT), "--format",
                        "tlog", *URL)
    equal(out, proofs["tlog"])
    equal(kit.lucid("receipt", "proof", ours.run_id, "--format", "cose", *URL)[0], 2)
    equal(kit.lucid("receipt", "proof", ours.run_id, "--format", "xml", *URL)[0], 2)

with case("lucid verify takes all three, alone with --receipt, as --proof, or in one file"):
    for form, data in proofs.items():
        path = put("p." + form, data)
        for arguments in ((path, "--receipt", RECEIPT), (RECEIPT, "--proof", path)):
            got = verify(*arguments, *KEYS, want=0)
            equal((got["verdict"], {s["outcome"] for s in got["steps"]}), ("valid", {"passed"}))
        bundle = {"receipt": json.loads(ours.wire()), "proof": wrap(form, data)}
        verify(put("bundle", json.dumps(bundle).encode()), *KEYS, want=0)
        verify(put("bundle", json.dumps(bundle).encode()), "--data", service.data, want=0)
        status, out, _ = kit.lucid("verify", path, "--receipt", RECEIPT, *KEYS)
        equal((status, out.splitlines()[-1]), (0, b"valid"))
        equal(kit.lucid("verify", path, *KEYS)[0], 2, "no receipt")
    equal(kit.lucid("verify", RECEIPT, *KEYS)[0], 2, "no proof")

with case("lucid verify reads standard input and pipes that fill slowly"):
    for name in ("-", "/dev/stdin"):
        piped = subprocess.Popen([kit.LUCID, "verify", name, "--receipt", RECEIPT, *KEYS],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env=kit.environment())
        time.sleep(0.2)
        out = piped.communicate(proofs["tlog"], timeout=20 * kit.SLOW)[0]
        equal((piped.returncode, out.splitlines()[-1:]), (0, [b"valid"]))

with case("lucid verify: 1 for each node changed, cut or longer files, 4 without a key"):
    for form, data in proofs.items():
        for wrong in tampered(form):
            verify(put("w", wrong), "--receipt", RECEIPT, *KEYS, want=1)
        for wrong in (data[:-1], data[:len(data) // 2], data + b"x"):
            verify(put("w", wrong), "--receipt", RECEIPT, *KEYS, want=1)
        verify(put("p", data), "--receipt", RECEIPT, want=4)
    verify(put("p", proofs["cose"]), "--receipt", RECEIPT, *VKEY, want=4)
    verify(put("p", proofs["tlog"]), "--receipt", RECEIPT, *VKEY, want=0)
    verify(put("p", proofs["cose"]), "--receipt", put("other", envelopes[2].wire()), *KEYS, want=1)

with case("lucid verify --consistency: JSON and COSE between two checkpoints"):
    def head_at(size):
        return service.ok(f"/v1/receipts/{envelopes[0].hash}/proof?tree_size={size}")[
            "checkpoint"].encode()

    old, new = put("old", head_at(COUNT)), put("new", head_at(len(envelopes)))
    path = f"/v1/consistency?from={COUNT}&to={len(envelopes)}"
    joined = {"json": service.get(path).body, "cose": service.get(path, headers=COSE).body}
    for form, data in joined.items():
        name = put("c", data)
        verify("--consistency", name, "--from", old, "--to", new, *KEYS, want=0)
        verify("--consistency", name, "--from", new, "--to", old, *KEYS, want=1)
        verify("--consistency", name, "--from", old, "--to", new, want=4)
        verify("--consistency", put("c", data[:-1]), "--from", old, "--to", new, *KEYS, want=1)
        equal(kit.lucid("verify", "--consistency", name, *KEYS)[0], 2)
    verify("--consistency", put("c", joined["cose"]), "--from", old, *KEYS, want=0)
    equal(kit.lucid("verify", "--consistency", put("c", joined["json"]), "--from", old, *KEYS)[0],
          2)
    node = kit_tree.unhex(json.loads(joined["json"])["path"])[0]
    wrong = joined["cose"].replace(node, bytes([node[0] ^ 1]) + node[1:])
    verify("--consistency", put("c", wrong), "--from", old, "--to", new, *KEYS, want=1)

service.stop()
kit.done()
