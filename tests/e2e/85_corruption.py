#!/usr/bin/env python3
"""Bytes of the store flip while it is stopped: wrong bytes are never served as right ones."""

import os
import random
import shutil

import kit
from kit import case, equal
from kit_receipts import Maker

COUNT = 700
rng = random.Random(85)
maker = Maker("85")
service = kit.Service()
signer = service.new_signer("s")
bodies = [maker.body("tool", marker="marker-" + maker.hex(16)) for _ in range(COUNT)]
envelopes = signer.seal_all(bodies)
service.batch_ok(envelopes)
HEAD = service.covered(COUNT)
service.stop()
STORE = os.path.join(service.data, "store", "data.mdb")
CLEAN = os.path.join(service.base, "clean.mdb")
shutil.copy(STORE, CLEAN)
PUBLISHED = os.path.join(service.data, "published.head")
CLEAN_HEAD = os.path.join(service.base, "clean.head")
shutil.copy(PUBLISHED, CLEAN_HEAD)
with open(CLEAN, "rb") as file:
    IMAGE = file.read()


def places(text):
    """Where the store has it (perhaps also in pages that are free by now)."""
    found, at = [], IMAGE.find(text)
    while at >= 0:
        found.append(at)
        at = IMAGE.find(text, at + 1)
    return found


def put_clean():
    """The store as it was, and the note of its newest head: else this would be a rollback."""
    shutil.copy(CLEAN, STORE)
    shutil.copy(CLEAN_HEAD, PUBLISHED)


def damage(changes):
    if service.process.poll() is None:
        service.kill()  # a failed case left it
    put_clean()
    with open(STORE, "r+b") as file:
        for at, new in changes:
            file.seek(at)
            file.write(new)


with case("a flipped bit in a body: 500 CORRUPT for it, the others are served"):
    hurt = envelopes[333]
    spots = places(hurt.body["marker"].encode())
    assert spots, "the body was not found in the store"
    damage([(at + 9, bytes([IMAGE[at + 9] ^ 1])) for at in spots])
    service.start()
    for name in (hurt.hash, hurt.run_id):
        kit.problem(service.get("/v1/receipts/" + name, token=service.token), 500, "CORRUPT")
    got = service.ok(f"/v1/receipts/{hurt.hash}/verify")
    equal((got["valid"], got["hash_valid"]), (False, False))
    for envelope in envelopes[300:333] + envelopes[334:400]:
        answer = service.get("/v1/receipts/" + envelope.hash, token=service.token)
        equal(answer.status, 200, repr(answer))
        assert b'"body":' + envelope.text in answer.body
        equal(service.ok(f"/v1/receipts/{envelope.hash}/verify")["valid"], True)

with case("its entry and its proof stay good, and it is still known"):
    head = service.checkpoint()
    proof = service.ok(f"/v1/receipts/{hurt.hash}/proof")
    assert kit.kit_tree.inclusion_holds(333, head.size, kit.kit_tree.leaf_hash(hurt.entry),
                                        kit.kit_tree.unhex(proof["path"]), head.root)
    answer = service.submit(hurt)
    assert answer.status in (200, 500), answer
    equal(service.size(), COUNT)
    equal(service.submit(signer.seal(maker.body())).status, 201)
    service.stop()

with case("a body whose text was exchanged for another of the same length: CORRUPT"):
    hurt = envelopes[10]
    damage([(at, b"marker-" + b"0" * 32) for at in places(hurt.body["marker"].encode())])
    service.start()
    kit.problem(service.get("/v1/receipts/" + hurt.hash, token=service.token), 500, "CORRUPT")
    service.stop()

with case("a flipped bit in a signature that the log committed to: never served as valid"):
    hurt = envelopes[100]
    spots = places(bytes.fromhex(hurt.signature))
    assert spots, "the signature was not found in the store"
    damage([(at + 5, bytes([IMAGE[at + 5] ^ 0x40])) for at in spots])
    try:
        service.start()
    except AssertionError as error:
        kit.note("refuses to start: " + str(error).strip().splitlines()[-1][-160:])
        assert service.process.returncode > 0, f"died of {service.process.returncode}"
    else:
        answer = service.get(f"/v1/receipts/{hurt.hash}/proof")
        equal((answer.status, answer.json()["code"]), (500, "CORRUPT"))
        answer = service.get(f"/v1/receipts/{hurt.hash}/verify")
        assert answer.status == 500 or not answer.json()["valid"], answer
        answer = service.get("/v1/receipts/" + hurt.hash, token=service.token)
        if answer.status == 200:
            equal(answer.json()["receipt_signature"], hurt.signature)
        equal(service.ok(f"/v1/receipts/{envelopes[400].hash}/verify")["valid"], True)
        service.stop()

TEXT = HEAD.text.encode()
PLACES = places(TEXT)
assert PLACES, "the head was not found in the store"


def check_served_heads():
    """Each answer that bears the newest head, if it is given at all, bears a good one."""
    for path in ("/checkpoint", "/v1/epochs/6", f"/v1/receipts/{envelopes[5].hash}/proof",
                 f"/v1/receipts/{envelopes[5].hash}/proof?tree_size={COUNT}"):
        answer = service.get(path)
        if answer.status == 200:
            text = answer.body.decode() if path == "/checkpoint" else answer.json()["checkpoint"]
            if text is not None:
                service.checkpoint(text)


for name, spot in (("signature", len(TEXT) - 20), ("root", TEXT.index(b"\n\n") - 10),
                   ("size", len(kit.ORIGIN) + 1)):
    for chosen in [PLACES] + [[at] for at in PLACES]:
        where = "everywhere" if chosen == PLACES else f"in copy {PLACES.index(chosen[0])}"
        with case(f"another {name} in a stored head {where}: no client gets that head"):
            # From one digit to another, so that only the meaning is wrong.
            new = b"8" if TEXT[spot:spot + 1] != b"8" else b"9"
            damage([(at + spot, new) for at in chosen])
            try:
                service.start()
            except AssertionError:
                assert service.process.returncode > 0
                note = "refused to start"
            else:
                note = "started"
                check_served_heads()
                service.stop()
            kit.note(note)

outcomes = {"right": 0, "an error": 0, "refused to start": 0, "died": 0}
USED = [at for at in range(0, len(IMAGE), 64) if any(IMAGE[at:at + 64])]


def judge(text):
    """Whatever is served is right, or an error. False: the service died over it."""
    client = kit.Client(service.port)
    for number in rng.sample(range(COUNT), 40):
        envelope = envelopes[number]
        try:
            answer = client.get("/v1/receipts/" + envelope.hash, token=service.token)
            proof = client.get(f"/v1/receipts/{envelope.hash}/proof")
        except (OSError, kit.http.client.HTTPException):
            return False
        if answer.status == 200:
            assert b'"body":' + envelope.text in answer.body, (text, number)
            got = answer.json()
            equal((got["receipt_hash"], got["receipt_signature"], got["signer_pubkey"]),
                  (envelope.hash, envelope.signature, signer.key), text)
        else:
            # What cannot be found any more looks unknown.
            assert answer.status in (401, 404, 500), (text, answer)
        outcomes["right" if answer.status == 200 else "an error"] += 1
        if proof.status == 200:
            proof = proof.json()
            head = kit.kit_tree.Checkpoint(proof["checkpoint"], service.vkey)
            assert kit.ED25519.verify(service.vkey.key, head.signature, head.signed), \
                (text, "signature of the head", proof)
            equal((proof["leaf_index"], proof["entry"]), (number, envelope.entry.hex()), text)
            assert kit.kit_tree.inclusion_holds(
                number, head.size, kit.kit_tree.leaf_hash(envelope.entry),
                kit.kit_tree.unhex(proof["path"]), head.root), (text, "path", proof)
    client.close()
    return True


# A broken tree of pages may kill LMDB, which has no page checksums: that is an outage, which a
# backup mends. A wrong answer would be none.
for start in range(0, 60, 20):
    with case(f"random bytes of used pages, rounds {start} to {start + 19}: right, or no answer"):
        for number in range(start, start + 20):
            spots = [rng.choice(USED) + rng.randrange(64) for _ in range((1, 4, 40)[number % 3])]
            spots = [at for at in spots if at < len(IMAGE)]
            text = f"bits in bytes {spots} of {len(IMAGE)}"
            damage([(at, bytes([IMAGE[at] ^ (1 << rng.randrange(8))])) for at in spots])
            try:
                service.start()
            except AssertionError:
                died = service.process.returncode < 0
                outcomes["died" if died else "refused to start"] += 1
                continue
            if judge(text):
                service.process.terminate()
                service.wait()
            else:
                assert service.wait() != 0, text
                outcomes["died"] += 1
kit.note(str(outcomes))

with case("a store cut in half: refuses to start, or serves only what is right"):
    put_clean()
    os.truncate(STORE, len(IMAGE) // 2 // 4096 * 4096)
    try:
        service.start()
    except AssertionError as error:
        assert service.process.returncode > 0, f"died of {service.process.returncode}: {error}"
    else:
        judge("half")
        service.kill()

with case("the clean copy still works"):
    put_clean()
    service.start()
    judge("clean")
    equal(service.size(), COUNT)
    service.stop()

kit.done()
