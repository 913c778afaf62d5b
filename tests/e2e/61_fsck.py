"""lucid log fsck: a good store, also while it is served and while it grows; copies without keys;
what it says of damage, and that damage which kills the reader is damage too."""

import json
import os
import random
import shutil
import threading

import kit
from kit import case, equal
from kit_receipts import Maker

COUNT = 260
rng = random.Random(61)
maker = Maker("61")
service = kit.Service(epoch_receipts_max=50)
signer = service.new_signer("s")
gone = service.new_signer("gone")
envelopes = signer.seal_all([maker.body("tool", marker="marker-" + maker.hex(16))
                             for _ in range(COUNT)])
service.batch_ok(envelopes)
kit.equal(service.post(f"/v1/signers/{gone.key}/revoke", {}, token=service.token).status, 200)
service.covered(COUNT)


def fsck(data, *more):
    status, out, err = kit.lucid("log", "fsck", "--data", data, "--json", *more)
    return status, json.loads(out), err


def good(data, *more):
    status, report, err = fsck(data, *more)
    equal(status, 0, f"{report} {err}")
    equal((report["verdict"], report["damage"], report["undecided"]), ("ok", 0, 0))
    return report


with case("a served store: everything is counted, nothing is found"):
    report = good(service.data)
    equal((report["receipts"], report["signatures"], report["bodies"], report["leaves"]),
          (COUNT,) * 4)
    equal(report["nodes"], 2 * COUNT - bin(COUNT).count("1"))
    equal((report["epochs"], report["vkey_checked"]), (5, True))
    assert report["heads"] >= 6 and report["rows"] > 15, report
    status, out, _ = kit.lucid("log", "fsck", "--data", service.data)
    equal(status, 0)
    assert out.rstrip().endswith(b"ok: 0 damaged, 0 undecided"), out

with case("with one thread, with many, and quick"):
    for threads in ("1", "7", "64"):
        equal(good(service.data, "--threads", threads)["receipts"], COUNT)
    equal(good(service.data, "--quick")["signatures"], 0)

with case("a store that grows meanwhile is no damage"):
    stop = threading.Event()
    sent = []

    def write():
        client = kit.Client(service.port)
        while not stop.is_set():
            batch = signer.seal_all([maker.body("tool") for _ in range(40)])
            answer = client.post("/v1/receipts/batch", b"".join(e.wire() + b"\n" for e in batch),
                                 headers={"Content-Type": "application/x-ndjson"})
            equal(answer.status, 200)
            sent.append(len(batch))
        client.close()
    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = [good(service.data)["receipts"] for _ in range(6)]
    finally:
        stop.set()
        thread.join()
    equal(seen, sorted(seen))
    assert seen[-1] > COUNT, seen
    kit.note(f"six checks while {sum(sent)} receipts were logged")

service.stop()
STORE = os.path.join(service.data, "store", "data.mdb")
with open(STORE, "rb") as file:
    IMAGE = file.read()

BASE = kit.scratch()
COPY = os.path.join(BASE, "copy")
os.makedirs(os.path.join(COPY, "store"))
shutil.copy(os.path.join(service.data, "vkey"), COPY)
TARGET = os.path.join(COPY, "store", "data.mdb")


def damage(changes, image=IMAGE):
    image = bytearray(image)
    for at, new in changes:
        image[at:at + len(new)] = new
    with open(TARGET, "wb") as file:
        file.write(image)


def places(text):
    found, at = [], IMAGE.find(text)
    while at >= 0:
        found.append(at)
        at = IMAGE.find(text, at + 1)
    return found


def flip(text, offset=0):
    spots = places(text)
    assert spots, text
    damage([(at + offset, bytes([IMAGE[at + offset] ^ 1])) for at in spots])


def found(*classes):
    status, report, err = fsck(COPY)
    equal(status, 1, f"{report} {err}")
    equal(report["verdict"], "damaged")
    for name in classes:
        assert report["by_class"][name] > 0, report
        assert any(f["class"] == name for f in report["findings"]), report
    return report


with case("a copy without keys: store and vkey are enough"):
    damage([])
    equal(sorted(os.listdir(COPY)), ["store", "vkey"])
    good(COPY)

with case("without vkey the log's own word counts, and that is said"):
    os.rename(os.path.join(COPY, "vkey"), os.path.join(BASE, "vkey"))
    equal(good(COPY)["vkey_checked"], False)
    other = kit.Service(start=False)
    shutil.copy(os.path.join(other.data, "vkey"), COPY)
    found("store", "head")
    shutil.copy(os.path.join(BASE, "vkey"), COPY)
    good(COPY)

with case("each kind of damage is named, with its place"):
    hurt = envelopes[33]
    flip(hurt.body["marker"].encode(), 9)
    report = found("body")
    equal([f["leaf_index"] for f in report["findings"]], [33])
    flip(bytes.fromhex(hurt.signature), 3)
    found("signature", "chain", "node")
    flip(hurt.entry[:32] + hurt.entry[32:64], 40)
    found("receipt", "chain")
    flip(kit.kit_tree.leaf_hash(hurt.entry), 31)
    report = found("node")
    equal(report["findings"][0]["leaf_index"], 33)
    flip(bytes.fromhex(gone.key) + b"", 0)
    found("table")

with case("the wrong command line, no store, not a store"):
    equal(kit.lucid("log", "fsck")[0], 2)
    equal(kit.lucid("log", "fsck", "--data", COPY, "--threads", "0")[0], 2)
    equal(fsck(os.path.join(BASE, "nothing"))[0], 3)
    with open(TARGET, "wb") as file:
        file.write(rng.randbytes(8192))
    status, report, _ = fsck(COPY)
    assert status in (1, 3), report

with case("a store cut short: damage, also where the reader dies of it"):
    for pages in (3, 20, len(IMAGE) // 4096 // 2, len(IMAGE) // 4096 * 9 // 10):
        with open(TARGET, "wb") as file:
            file.write(IMAGE[:pages * 4096])
        status, report, err = fsck(COPY)
        equal(status, 1, f"{pages} pages: {report} {err}")

with case("pages of rubbish: damage, whatever becomes of the reader"):
    deaths = 0
    used = [at for at in range(2 * 4096, len(IMAGE), 4096) if any(IMAGE[at:at + 4096])]
    damage([])
    for _ in range(25):
        damage([(rng.choice(used) + 10, rng.randbytes(40)) for _ in range(3)])
        status, report, err = fsck(COPY)
        if status == 0:  # all three lay in pages that no tree uses any more
            continue
        equal(status, 1, f"{report} {err}")
        deaths += "killed" in report.get("error", {}).get("message", "")
    kit.note(f"{deaths} of 25 killed the reader")



def scrub_of(service):
    lines = service.get("/metrics").body.decode().splitlines()
    return {line.split()[0][len("lucid_scrub_"):]: int(line.split()[1])
            for line in lines if line.startswith("lucid_scrub_")}


def warnings_of(service):
    return service.ok("/readyz").get("warnings", [])


with case("the scrub walks the whole log beside the requests, and finds nothing in a good one"):
    service.start(scrub_receipts_per_second=20000)
    seen = kit.wait_for(lambda: (lambda s: s if s["passes_total"] else None)(scrub_of(service)),
                        what="a pass of the scrub")
    equal((seen["findings"], seen["events"] - seen["events_done"]), (0, 0))
    assert seen["events"] == seen["checked_events_total"] > COUNT, seen
    assert seen["pass_end_timestamp_seconds"] > 1700000000, seen
    equal(warnings_of(service), [])
    service.stop()

with case("a gentle scrub keeps its rate, and off is off"):
    service.start(scrub_receipts_per_second=50)
    kit.wait_for(lambda: scrub_of(service)["events_done"] > 0, what="the first slice")
    before = scrub_of(service)["events_done"]
    kit.time.sleep(1)
    went = scrub_of(service)["events_done"] - before
    assert went <= 100, went
    service.restart(scrub_receipts_per_second=0)
    equal(scrub_of(service), {})
    service.stop()

with case("the scrub finds a rotten body: log line, metric, warning; the service goes on"):
    spots = places(envelopes[200].body["marker"].encode())
    with open(STORE, "r+b") as file:
        for at in spots:
            file.seek(at)
            file.write(bytes([IMAGE[at] ^ 4]))
    service.start(scrub_receipts_per_second=20000)
    kit.wait_for(lambda: warnings_of(service) == ["store_damaged"], what="the warning")
    kit.wait_for(lambda: scrub_of(service)["passes_total"], what="a pass of the scrub")
    equal(scrub_of(service)["findings"], 1)
    lines = [line for line in service.log_text().splitlines() if "scrub.damage" in line]
    equal(len(lines), 1)
    assert "leaf 200" in lines[0] and "body" in lines[0], lines
    equal(service.submit(signer.seal(maker.body())).status, 201)
    service.stop()

kit.done()
