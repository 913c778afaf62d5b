#!/usr/bin/env python3
"""Backup while serving and offline, and the way back: what is in it, what is verified, what is
refused, and that a restored log does not go on before its operator has said so."""

import hashlib
import json
import os
import shutil
import stat
import threading

import kit
from kit import case, equal
from kit_receipts import Maker

maker = Maker("62")
SECRETS = ("log.key", "service.key", "admin.token", "x402.keys")
MARK = "erase-me-62-" + "x" * 100
service = kit.Service(epoch_receipts_max=50, head_interval_ms=100)
signer = service.new_signer("s")
marked = signer.seal_all([{**maker.body(), "trace_id": f"{MARK}-{i}"} for i in range(8)])
service.batch_ok(signer.seal_all(maker.bodies(120)))
service.batch_ok(marked)
service.batch_ok(signer.seal_all(maker.bodies(172)))
service.covered(300)
base = kit.scratch()


def at(name):
    return os.path.join(base, name)


def backup(name, *more, data=None):
    return json.loads(kit.run_lucid("log", "backup", "--data", data or service.data, "--to",
                                    at(name), "--json", *more))


def refused(want, *arguments, code=None):
    status, out, err = kit.lucid(*arguments, "--json")
    equal(status, want, repr((out, err)))
    got = json.loads(out)["error"]
    if code:
        equal(got["code"], code, repr(got))
    return got["message"]


def count(path, needle):
    with open(path, "rb") as file:
        return file.read().count(needle.encode())


def tree(path):
    return sorted(os.path.relpath(os.path.join(folder, name), path)
                  for folder, _, names in os.walk(path) for name in names)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


with case("while serving: one state, verified, without keys; the manifest says which"):
    stop = threading.Event()
    sent = []

    def submit():
        client = kit.Client(service.port)
        while not stop.is_set():
            envelope = signer.seal(maker.body())
            answer = client.post("/v1/receipts", envelope.wire())
            equal(answer.status, 201)
            sent.append(envelope)
        client.close()

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        result = backup("one")
    finally:
        stop.set()
        thread.join()
    kit.note(f"{len(sent)} receipts accepted meanwhile")
    equal(tree(at("one")), ["backup.json", "store/data.mdb", "vkey"])
    equal([mode(at(p)) for p in ("one", "one/store", "one/store/data.mdb")],
          [0o700, 0o700, 0o600])
    with open(at("one/backup.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    with open(at("one/store/data.mdb"), "rb") as file:
        data = file.read()
    equal((manifest["lucid_backup"], manifest["origin"], manifest["bytes"], manifest["sha256"]),
          (1, kit.ORIGIN, len(data), hashlib.sha256(data).hexdigest()))
    for name in ("sequence", "leaves", "root", "bytes", "sha256"):
        equal(manifest[name], result[name], name)
    head = service.checkpoint(manifest["checkpoint"])
    equal((head.size, head.root.hex()), (manifest["size"], manifest["root"]))
    assert 300 <= head.size <= manifest["leaves"] <= 300 + len(sent), manifest
    assert manifest["version"] and manifest["made_at"] and not manifest["keys"]
    out = json.loads(kit.run_lucid("log", "restore", "--verify", at("one"), "--json"))
    equal((out["leaves"], out["root"]), (manifest["leaves"], manifest["root"]))
    equal(tree(at("one")), ["backup.json", "store/data.mdb", "vkey"])

with case("the target must not exist, the source must be a log"):
    refused(1, "log", "backup", "--data", service.data, "--to", at("one"), code="EXISTS")
    os.mkdir(at("empty"))
    refused(1, "log", "backup", "--data", service.data, "--to", at("empty"), code="EXISTS")
    refused(1, "log", "backup", "--data", at("empty"), "--to", at("none"))
    refused(2, "log", "backup", "--data", service.data)
    refused(2, "log", "backup", "--to", at("none"))
    refused(2, "log", "backup", "--data", service.data, "--to", at("none"), "--rate", "x")
    refused(1, "log", "backup", "--data", service.data, "--to", at("no/such/parent"))
    assert not [name for name in os.listdir(base) if name.startswith("none")], os.listdir(base)

with case("erased bodies are not in a later backup"):
    assert count(at("one/store/data.mdb"), MARK) == 8
    for envelope in marked[:5]:
        answer = service.client.request("DELETE", f"/v1/receipts/{envelope.hash}/body",
                                        token=service.token)
        equal(answer.status, 200, repr(answer))
    result = backup("erased")
    equal((result["erased"], count(at("erased/store/data.mdb"), MARK)), (5, 3))
    for number in range(5):
        equal(count(at("erased/store/data.mdb"), f"{MARK}-{number}"), 0)
    kit.note(f"{count(os.path.join(service.data, 'store/data.mdb'), MARK)} of 8 texts still lie in "
             "free or live pages of the served file")

with case("offline and with keys: 0600, and slow when told to be"):
    service.stop()
    began = kit.time.monotonic()
    result = backup("keys", "--with-keys", "--rate", "1")
    took = kit.time.monotonic() - began
    assert took >= result["bytes"] / (1 << 20) * 0.7, (took, result["bytes"])
    equal(tree(at("keys")), ["admin.token", "backup.json", "log.key", "service.key",
                             "store/data.mdb", "vkey", "x402.keys"])
    equal({mode(at("keys/" + name)) for name in SECRETS}, {0o600})
    equal(result["keys"], True)

with case("restored: the service refuses it until accept-head, then it is the log it was"):
    target = os.path.join(kit.scratch(), "log")
    status, out, err = kit.lucid("log", "restore", at("erased"), "--data", target, "--keys",
                                 service.data)
    equal(status, 0, repr((out, err)))
    assert b"accept-head" in err, err
    equal({mode(os.path.join(target, name)) for name in SECRETS}, {0o600})
    assert not os.path.exists(os.path.join(target, "published.head"))
    with open(at("erased/backup.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    restored = kit.Service(os.path.dirname(target), init=False, start=False,
                           epoch_receipts_max=50, head_interval_ms=100)
    try:
        restored.start()
    except AssertionError as refusal:
        assert "accept-head" in str(refusal), refusal
    else:
        raise AssertionError("it started without a word of its operator")
    kit.run_lucid("log", "accept-head", "--data", target, "--size", str(manifest["size"]))
    restored.start()
    assert restored.size() >= manifest["leaves"]
    equal(restored.ok(f"/v1/mmr?size={manifest['size']}")["root"], manifest["root"])
    for number, envelope in enumerate(marked):
        answer = restored.get("/v1/receipts/" + envelope.hash, token=restored.token)
        equal(answer.status, 410 if number < 5 else 200, repr(answer))
    for envelope in marked[5:] + sent[:3]:
        assert restored.ok(f"/v1/receipts/{envelope.hash}/verify")["valid"]
    restored.batch_ok(restored.new_signer("s").seal_all(maker.bodies(20)))
    restored.covered(manifest["leaves"] + 20)
    restored.stop()
    file_now = os.path.join(target, "store/data.mdb")
    equal(count(file_now, f"{MARK}-0"), 0)

with case("restore with the backup's own keys; an empty directory may be there"):
    target = os.path.join(kit.scratch(), "log")
    os.mkdir(target)
    kit.run_lucid("log", "restore", "--verify", at("keys"), "--data", target)
    for name in SECRETS + ("vkey",):
        with open(os.path.join(target, name), "rb") as one:
            with open(os.path.join(service.data, name), "rb") as two:
                equal(one.read(), two.read(), name)

with case("restore overwrites nothing and takes no other log's keys"):
    refused(1, "log", "restore", at("keys"), "--data", target, code="EXISTS")
    refused(1, "log", "restore", at("keys"), "--data", service.data, code="EXISTS")
    fresh = at("fresh")
    other = kit.Service(start=False)
    refused(1, "log", "restore", at("keys"), "--data", fresh, "--keys", other.data,
            code="WRONG_KEY")
    refused(1, "log", "restore", at("empty"), "--data", fresh, code="NOT_A_BACKUP")
    refused(2, "log", "restore", at("keys"))
    assert not [name for name in os.listdir(base) if name.startswith("fresh")], os.listdir(base)

with case("a damaged backup is refused, whatever was changed in it"):
    for offset in (4096 * 3 + 17, len(data) // 2, len(data) - 100):
        shutil.rmtree(at("bad"), ignore_errors=True)
        shutil.copytree(at("one"), at("bad"))
        with open(at("bad/store/data.mdb"), "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 4]))
        refused(1, "log", "restore", at("bad"), "--data", fresh, code="MANIFEST_MISMATCH")
        refused(1, "log", "restore", "--verify", at("bad"), code="MANIFEST_MISMATCH")
    with open(at("one/backup.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    for name, value in (("root", "0" * 64), ("origin", "x.example/y"), ("sequence", 7),
                        ("size", 1), ("event_hash", "1" * 64), ("sha256", "2" * 64),
                        ("bytes", 4096)):
        shutil.copyfile(at("one/store/data.mdb"), at("bad/store/data.mdb"))
        with open(at("bad/backup.json"), "w", encoding="utf-8") as file:
            json.dump({**manifest, name: value}, file)
        refused(1, "log", "restore", at("bad"), "--data", fresh, code="MANIFEST_MISMATCH")
    for text in ("", "{", "[]", "{}", json.dumps({**manifest, "lucid_backup": 2}),
                 json.dumps({**manifest, "sha256": "zz"})):
        with open(at("bad/backup.json"), "w", encoding="utf-8") as file:
            file.write(text)
        refused(1, "log", "restore", at("bad"), "--data", fresh, code="NOT_A_BACKUP")
    os.truncate(at("bad/store/data.mdb"), len(data) // 2)
    with open(at("bad/backup.json"), "w", encoding="utf-8") as file:
        json.dump(manifest, file)
    refused(1, "log", "restore", at("bad"), "--data", fresh, code="MANIFEST_MISMATCH")
    assert not [name for name in os.listdir(base) if name.startswith("fresh")], os.listdir(base)

with case("a damaged store gives no backup: the copy does not verify"):
    shutil.copytree(service.data, at("rotten"))
    path = at("rotten/store/data.mdb")
    with open(path, "rb") as file:
        text = file.read()
    with open(path, "wb") as file:  # free pages may hold it, too
        file.write(text.replace(f"{MARK}-7".encode(), f"E{MARK[1:]}-7".encode()))
    message = refused(1, "log", "backup", "--data", at("rotten"), "--to", at("none"),
                      code="DAMAGED")
    assert "body" in message, message
    assert not [name for name in os.listdir(base) if name.startswith("none")], os.listdir(base)

with case("a store of the first release can be backed up before it is migrated, and restored"):
    vectors = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "store_v1")
    shutil.copytree(os.path.join(vectors, "data"), at("old"))
    for name in ("log.key", "service.key", "admin.token", "store/data.mdb"):
        os.chmod(at("old/" + name), 0o600)
    result = backup("old-backup", "--with-keys", data=at("old"))
    equal((result["leaves"], result["sequence"], result["head_size"]), (260, 286, 260))
    kit.run_lucid("log", "restore", at("old-backup"), "--data", at("old-restored"))
    out = json.loads(kit.run_lucid("log", "accept-head", "--data", at("old-restored"), "--size",
                                   "260", "--json"))
    equal(out["written"], True)

kit.done()
