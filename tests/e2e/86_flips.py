"""One bit flips in a stored value: `lucid log fsck` finds it, and the service refuses to start, or
answers an error, or serves bytes that are still right. Places are taken from LMDB's own pages, from
every field of every run and of every table's rows."""

import collections
import http.client
import json
import os
import queue
import random
import shutil
import struct
import subprocess
import threading

import kit
from kit import case, equal
from kit_receipts import TYPES, Maker

PER_FIELD = int(os.environ.get("LUCID_FLIPS_PER_FIELD", "8"))
WORKERS = 2
PAGE = 4096
rng = random.Random(86)

# --- a store with everything ---------------------------------------------------------------------

maker = Maker("86")
service = kit.Service(epoch_receipts_max=7)
first, second = service.new_signer("first"), service.new_signer("second")
revoked = service.new_signer("revoked")
envelopes = first.seal_all([maker.body(kind) for kind in TYPES]) + \
    second.seal_all([maker.body(kind) for kind in TYPES]) + revoked.seal_all([maker.body()])
for at in (0, 5, 9):
    service.batch_ok(envelopes[at:{0: 5, 5: 9, 9: 13}[at]])
    service.covered({0: 5, 5: 9, 9: 13}[at])
READER = service.post("/v1/tokens", {"name": "reader", "scopes": ["read"]},
                      token=service.token).json()["token"]
gone = service.post("/v1/tokens", {"name": "gone", "scopes": ["read"]}, token=service.token).json()
equal(service.post(f"/v1/tokens/{gone['id']}/revoke", {}, token=service.token).status, 200)
equal(service.post(f"/v1/signers/{revoked.key}/revoke", {}, token=service.token).status, 200)
equal(service.post("/v1/epochs/current/finalize", {}, token=service.token).status, 200)
ERASED = envelopes[3]
answer = service.client.request("DELETE", f"/v1/receipts/{ERASED.hash}/body", {"reason": "policy"},
                                token=service.token)
equal(answer.status, 200, repr(answer))
service.batch_ok(first.seal_all([maker.body("tool")]))  # an epoch that stays open
service.covered(14)
service.stop()
with open(os.path.join(service.data, "store", "data.mdb"), "rb") as file:
    IMAGE = file.read()

# --- where its values lie ------------------------------------------------------------------------


def newest_meta():
    metas = []
    for page in (0, 1):
        at = page * PAGE + 16
        magic, version = struct.unpack_from("<II", IMAGE, at)
        equal((magic, version), (0xBEEFC0DE, 1))
        root = struct.unpack_from("<Q", IMAGE, at + 24 + 48 + 40)[0]
        txn = struct.unpack_from("<Q", IMAGE, at + 24 + 96 + 8)[0]
        metas.append((txn, root))
    return max(metas)[1]


def rows(root):
    """(flags, key, offset of the value, its length) of one B-tree."""
    if root == 0xFFFFFFFFFFFFFFFF:
        return
    at = root * PAGE
    flags, lower = struct.unpack_from("<HH", IMAGE, at + 10)
    for slot in range((lower - 16) // 2):
        node = at + struct.unpack_from("<H", IMAGE, at + 16 + 2 * slot)[0]
        low, high, node_flags, key_len = struct.unpack_from("<HHHH", IMAGE, node)
        key = IMAGE[node + 8:node + 8 + key_len]
        if flags & 1:  # a branch
            yield from rows(low | high << 16 | node_flags << 32)
        elif node_flags & 1:  # the value lies on pages of its own
            page = struct.unpack_from("<Q", IMAGE, node + 8 + key_len)[0]
            yield node_flags, key, page * PAGE + 16, low | high << 16
        else:
            yield node_flags, key, node + 8 + key_len, low | high << 16


DATABASES = {key.decode(): struct.unpack_from("<Q", IMAGE, at + 40)[0]
             for flags, key, at, _ in rows(newest_meta()) if flags & 2}
FIELDS = collections.defaultdict(list)  # name of a field: (offset, length)


def field(name, at, size):
    if size > 0:
        FIELDS[name].append((at, size))


def events_run(at, size):
    count = struct.unpack_from(">I", IMAGE, at + 4)[0]
    field("events: run header", at, 8)
    field("events: offsets", at + 8, 4 * (count + 1))
    offsets = struct.unpack_from(f">{count + 1}I", IMAGE, at + 8)
    equal(offsets[-1], size)
    for start, end in zip(offsets, offsets[1:]):
        start += at
        length = IMAGE[start + 8]
        kind = IMAGE[start + 9:start + 9 + length].decode()
        field("events: time", start, 8)
        field("events: type", start + 8, 1 + length)
        rest = start + 9 + length
        field("events: version and flags", rest, 3)
        field("events: hash", rest + 3, 32)
        rest += 35
        if IMAGE[rest - 33] & 1:
            field("events: entry", rest, 128)
            rest += 128
        field("events: payload of " + kind, rest, at + end - rest)


def bodies_run(at, size):
    count = struct.unpack_from(">I", IMAGE, at + 4)[0]
    field("bodies: run header", at, 16)
    for row in range(count):
        entry = at + 16 + 12 * row
        start, length, flags = struct.unpack_from(">IHB", IMAGE, entry + 4)
        field("bodies: index row" + (" (erased)" if flags else ""), entry, 12)
        field("bodies: erased bytes" if flags else "bodies: body", at + start, length)
    assert size > 16


def leaves_run(at, size):
    count = struct.unpack_from(">I", IMAGE, at + 4)[0]
    field("leaves: run header", at, 8)
    for row in range(count):
        field("leaves: row", at + 8 + 24 * row, 8)
        field("leaves: tags", at + 16 + 24 * row, 16)
    nodes = at + 8 + 24 * count
    equal((IMAGE[at + 1], (at + size - nodes) % 32), (2, 8))
    for node in range(nodes, at + size - 8, 32):
        field("leaves: node", node, 32)
    field("leaves: sum", at + size - 8, 8)


for name, root in DATABASES.items():
    for flags, key, at, size in rows(root):
        if name in ("events", "bodies", "leaves"):
            {"events": events_run, "bodies": bodies_run, "leaves": leaves_run}[name](at, size)
        else:
            field(f"table {name}" if name.startswith("t.") else f"database {name}", at, size)


def flips():
    """(field, offset, bit): of each field PER_FIELD bits, of tables three times as many."""
    for name, places in sorted(FIELDS.items()):
        wanted = PER_FIELD * (3 if name.startswith("table") else 1)
        bits = sum(8 * size for _, size in places)
        chosen = set()
        while len(chosen) < min(wanted, bits):
            at, size = rng.choice(places)
            chosen.add((at + rng.randrange(size), rng.randrange(8)))
        for at, bit in sorted(chosen):
            yield name, at, bit


# --- what it serves while it is whole ------------------------------------------------------------

PATHS = ["/v1/log", "/v1/mmr", "/v1/mmr?size=9", "/v1/epochs", "/v1/epochs/current",
         "/v1/epochs/0", "/v1/epochs/1", "/v1/epochs/2", "/v1/epochs/0/receipts",
         "/v1/epochs/1/receipts", "/v1/epochs/2/receipts", "/v1/signers", "/v1/tokens",
         "/checkpoint", "/v1/consistency?from=5&to=14", "/v1/consistency?from=7&to=13",
         "/tile/0/000.p/14", "/tile/0/000.p/9", "/tile/entries/000.p/14", "/v1/events?after=0"]
for envelope in envelopes:
    PATHS += [f"/v1/receipts/{envelope.hash}", f"/v1/receipts/{envelope.run_id}",
              f"/v1/receipts/{envelope.hash}/proof", f"/v1/receipts/{envelope.hash}/verify"]
PATHS += [f"/v1/receipts/{envelopes[2].hash}/proof?tree_size={size}" for size in (5, 7, 12)]
PATHS += [f"/v1/signers/{signer.key}" for signer in (first, second, revoked)]


class Bench:
    """A directory and a service of its own for one worker."""

    def __init__(self, number):
        self.base = kit.scratch()
        shutil.copytree(service.data, os.path.join(self.base, "log"))
        self.service = kit.Service(directory=self.base, init=False, start=False,
                                   epoch_receipts_max=7)
        self.store = os.path.join(self.base, "log", "store", "data.mdb")
        self.number = number

    def put(self, image):
        with open(self.store, "wb") as file:
            file.write(image)
        shutil.copy(os.path.join(service.data, "published.head"), self.service.data)

    def fsck(self):
        ended = subprocess.run([kit.LUCID, "log", "fsck", "--data", self.service.data, "--json",
                                "--threads", "1"], capture_output=True, check=False,
                               timeout=60 * kit.SLOW, env=kit.environment())
        return ended.returncode, json.loads(ended.stdout)

    def ask(self, path):
        """(status, body); status 0: the answer broke off."""
        for token in (service.token, READER):
            try:
                got = self.service.client.get(path, token=token)
            except (OSError, http.client.HTTPException):
                return 0, b""
            if got.status not in (401, 403):
                break
        return got.status, got.body

    def answers(self):
        return {path: self.ask(path) for path in PATHS}


workers = [Bench(number) for number in range(WORKERS)]
workers[0].put(IMAGE)
equal(workers[0].fsck()[0], 0)
workers[0].service.start()
GOOD = workers[0].answers()
workers[0].service.kill()
BAD_AT_FIRST = [path for path, (status, _) in GOOD.items() if status != 200]
with case("the whole store: every question is answered (the erased body with 410)"):
    equal(sorted(BAD_AT_FIRST), sorted([f"/v1/receipts/{ERASED.hash}",
                                        f"/v1/receipts/{ERASED.run_id}",
                                        f"/v1/receipts/{ERASED.hash}/verify"]))
    equal({GOOD[path][0] for path in BAD_AT_FIRST}, {410})
    workers[0].put(IMAGE)
    workers[0].service.start()
    again = workers[0].answers()
    workers[0].service.kill()
    for path in PATHS:
        if path not in BAD_AT_FIRST:
            equal(again[path], GOOD[path], path)


def harmless(path, status, body):
    """Whether an answer is right, or says that something is wrong."""
    good = GOOD[path]
    if status == 0 or status >= 400:
        return True
    if (status, body) == good:
        return True
    if path.endswith("/verify"):
        return json.loads(body)["valid"] is False
    if path.startswith("/v1/events"):  # breaks off at what is damaged
        return good[1].startswith(body)
    return False


class Outcome:
    def __init__(self):
        self.fsck = collections.Counter()
        self.service = collections.Counter()


def try_one(bench, name, at, bit, outcome):
    image = bytearray(IMAGE)
    image[at] ^= 1 << bit
    bench.put(image)
    status, report = bench.fsck()
    what = f"{name}, byte {at}, bit {bit}"
    if status == 4:
        # Numbers of versions: a newer program's store looks the same.
        said = json.dumps(report)
        assert "newer" in said or "older" in said or "not known" in said or "knows" in said or \
            "does not know" in said, (what, report)
        outcome.fsck["says newer, older or unknown (exit 4)"] += 1
    else:
        equal(status, 1, f"fsck, {what}: {report}")
        outcome.fsck["damage (exit 1)"] += 1
    try:
        bench.service.start()
    except AssertionError:
        assert bench.service.process.returncode > 0, f"{what}: died at the start"
        if name in ("leaves: tags", "leaves: node", "leaves: sum"):
            assert "lucid log fsck" in bench.service.log_text(), what
        outcome.service["refuses to start"] += 1
        return
    answers = bench.answers()
    alive = bench.service.process.poll() is None
    bench.service.kill()
    for path, (code, body) in answers.items():
        assert harmless(path, code, body), (what, path, code, body, GOOD[path])
    if not alive:
        assert bench.service.process.returncode != 0
        outcome.service["stops"] += 1
    elif any(answers[path][0] != GOOD[path][0] or answers[path][1] != GOOD[path][1]
             for path in PATHS if path not in BAD_AT_FIRST):
        outcome.service["answers an error where it is damaged"] += 1
    else:
        outcome.service["serves what is right"] += 1


CHOSEN = list(flips())
work = queue.Queue()
for chosen in CHOSEN:
    work.put(chosen)
outcomes = collections.defaultdict(Outcome)
faults = []


def run(bench):
    while True:
        try:
            name, at, bit = work.get_nowait()
        except queue.Empty:
            return
        try:
            try_one(bench, name, at, bit, outcomes[name])
        except Exception as error:  # pylint: disable=broad-except
            faults.append((name, at, bit, repr(error)[:1500]))
            if bench.service.process.poll() is None:
                bench.service.process.kill()
                bench.service.process.wait()


for name in FIELDS:
    _ = outcomes[name]
threads = [threading.Thread(target=run, args=(bench,)) for bench in workers]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

with case("at least 300 flips over all stored values"):
    assert len(CHOSEN) >= 300, len(CHOSEN)
    kit.note(f"{len(CHOSEN)} flips in {len(FIELDS)} kinds of fields of {len(DATABASES)} databases")
    totals = Outcome()
    for name in sorted(outcomes):
        totals.fsck += outcomes[name].fsck
        totals.service += outcomes[name].service
        kit.note(f"{name}: {dict(outcomes[name].fsck)} {dict(outcomes[name].service)}")
    kit.note(f"all: {dict(totals.fsck)} {dict(totals.service)}")

with case("no bit of a leaves run is lived with: the maps of receipts are made from it"):
    for name in ("run header", "row", "tags", "node", "sum"):
        equal(set(outcomes["leaves: " + name].service), {"refuses to start"}, name)

for name in sorted(FIELDS):
    with case(f"{name}: found, and never served as good"):
        mine = [fault for fault in faults if fault[0] == name]
        assert not mine, f"{len(mine)}: {mine[:3]}"

kit.done()
