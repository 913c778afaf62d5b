"""lucid log replay: the store that follows from the events is the one that is there, and mends one
whose tables are not."""

import json
import os
import shutil
import struct

import kit
from kit import case, equal
from kit_receipts import TYPES, Maker

maker = Maker("66")
service = kit.Service(epoch_receipts_max=40)
signer, gone = service.new_signer("s"), service.new_signer("gone")
envelopes = signer.seal_all([maker.body(TYPES[i % 6]) for i in range(300)])
service.batch_ok(envelopes)
equal(service.post(f"/v1/signers/{gone.key}/revoke", {}, token=service.token).status, 200)
equal(service.client.request("DELETE", f"/v1/receipts/{envelopes[7].hash}/body",
                             {"reason": "asked for"}, token=service.token).status, 200)
service.covered(300)
BASE = kit.scratch()


def replay(*more, data=None):
    status, out, err = kit.lucid("log", "replay", "--data", data or service.data, "--json", *more)
    return status, json.loads(out), err


def equal_all(answer, bodies):
    status, report, err = answer
    equal(status, 0, f"{report} {err}")
    parts = {part["part"]: part for part in report["parts"]}
    assert report["equal"] and all(part["equal"] for part in parts.values())
    equal(("bodies" in parts), bodies)
    equal((parts["leaves"]["rows"], parts["nodes"]["rows"]), (300, 600 - bin(300).count("1")))
    for table, rows in (("signers", 2), ("epochs", 7), ("tokens", 1), ("erasures", 1)):
        equal(parts["table " + table]["rows"], rows, table)


with case("--check on a served store: everything is equal"):
    equal_all(replay("--check"), False)

with case("--to makes the same store anew; it passes fsck and is served"):
    new = os.path.join(BASE, "new")
    equal_all(replay("--to", new, "--verify"), True)
    equal(sorted(os.listdir(new)), ["store", "vkey"])
    equal(kit.lucid("log", "fsck", "--data", new)[0], 0)
    before = service.ok("/v1/mmr")
    head = service.checkpoint().text
    service.stop()
    for name in ("log.key", "service.key", "admin.token", "published.head"):
        shutil.copy(os.path.join(service.data, name), new)
    other = os.path.join(BASE, "log")
    os.rename(new, other)
    second = kit.Service(directory=BASE, init=False)
    equal(second.ok("/v1/mmr"), before)
    equal(second.checkpoint().text, head)
    for number in (0, 150, 299):
        got = second.get("/v1/receipts/" + envelopes[number].hash, token=second.token)
        assert b'"body":' + envelopes[number].text in got.body
    equal(second.get("/v1/receipts/" + envelopes[7].hash, token=second.token).status, 410)
    equal(second.submit(signer.seal(maker.body())).status, 201)
    second.stop()

with case("usage; a directory that is there; no store"):
    equal(kit.lucid("log", "replay", "--data", service.data)[0], 2)
    equal(kit.lucid("log", "replay", "--data", service.data, "--to", "x", "--check")[0], 2)
    status, report, _ = replay("--to", service.data)
    equal(status, 1, report)
    equal(kit.lucid("log", "fsck", "--data", service.data)[0], 0)
    equal(replay("--check", data=os.path.join(BASE, "nothing"))[0], 3)

STORE = os.path.join(service.data, "store", "data.mdb")
with open(STORE, "rb") as file:
    IMAGE = file.read()


def places(text):
    at = IMAGE.find(text)
    while at >= 0:
        yield at
        at = IMAGE.find(text, at + 1)


def is_row(at):
    """Whether a row's key begins there, as LMDB's page says. Pages keep scraps of what they were:
    behind such a key there may be anything."""
    page = at // 4096 * 4096
    flags, lower = struct.unpack_from("<HH", IMAGE, page + 10)
    if flags != 2 or not 16 <= lower <= 4096:  # a leaf page
        return False
    nodes = struct.unpack_from(f"<{(lower - 16) // 2}H", IMAGE, page + 16)
    return at - page - 8 in nodes


def hurt(spots):
    image = bytearray(IMAGE)
    assert spots
    for at in spots:
        image[at] ^= 1
    with open(STORE, "wb") as file:
        file.write(image)


with case("a rotten row differs, and the replayed store has it right"):
    row = bytes.fromhex(gone.key)
    hurt([at + 40 for at in places(row) if is_row(at)])  # in its value, behind its key
    status, report, _ = replay("--check")
    equal(status, 1)
    equal([part["part"] for part in report["parts"] if not part["equal"]], ["table signers"])
    mended = os.path.join(BASE, "mended")
    status, report, _ = replay("--to", mended, "--verify")
    equal(status, 1)
    equal(kit.lucid("log", "fsck", "--data", mended)[0], 0)
    equal(kit.lucid("log", "fsck", "--data", service.data)[0], 1)

with case("a rotten event stops the replay there, and leaves nothing behind"):
    hurt([at + 70 for at in places(envelopes[100].entry)])
    status, report, _ = replay("--to", os.path.join(BASE, "never"))
    equal(status, 1)
    assert "event" in report["error"]["message"], report
    assert not os.path.exists(os.path.join(BASE, "never"))

kit.done()
