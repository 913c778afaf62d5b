#!/usr/bin/env python3
"""C2SP tlog-tiles over HTTP and as exported files, against a tree that knows only the RFCs."""

import fcntl
import functools
import hashlib
import http.server
import json
import os
import random
import shutil
import subprocess
import threading
import time

import kit
import kit_tree
from kit import case, equal
from kit_receipts import Maker

IMMUTABLE = "public, max-age=31536000, immutable"
STEPS = (1, 1, 97, 1, 2, 53, 100, 1, 1, 254, 1, 60)  # past 255, 256, 257, 511, 512

maker = Maker("14")
tree = kit_tree.Tree()
entries = []
service = kit.Service(head_interval_ms=50)
signer = service.new_signer("tiles")
served = {}  # path: (bytes, tag) of every tile of every size that was asked for


def add(count):
    envelopes = signer.seal_all(maker.bodies(count))
    service.batch_ok(envelopes)
    for envelope in envelopes:
        tree.append(envelope.entry)
        entries.append(envelope.entry)


def digits(number):
    text = f"{number % 1000:03}"
    while number := number // 1000:
        text = f"x{number % 1000:03}/{text}"
    return text


def hash_tile(level, number, width):
    span = 256 ** level
    return b"".join(tree.range((number * 256 + i) * span, (number * 256 + i + 1) * span)
                    for i in range(width))


def bundle(number, width):
    return b"".join(len(entry).to_bytes(2, "big") + entry
                    for entry in entries[number * 256:number * 256 + width])


def tiles(size):
    """What a tree of that size is made of: (path, content)."""
    level = 0
    while size >> 8 * level:
        hashes = size >> 8 * level
        for number in range((hashes + 255) // 256):
            width = min(256, hashes - number * 256)
            path = digits(number) + (f".p/{width}" if width < 256 else "")
            yield f"/tile/{level}/{path}", hash_tile(level, number, width)
            if level == 0:
                yield f"/tile/entries/{path}", bundle(number, width)
        level += 1


def check(path, content):
    answer = service.get(path)
    equal(answer.status, 200, path)
    equal(answer.header("content-type"), "application/octet-stream", path)
    equal(answer.header("cache-control"), IMMUTABLE, path)
    equal(answer.header("access-control-allow-origin"), "*", path)
    assert answer.body == content, f"{path}: other bytes"
    tag = answer.header("etag")
    assert tag.startswith('"') and len(tag) > 16, tag
    equal(served.setdefault(path, (content, tag)), (content, tag), path)


with case("an empty log has no tile"):
    service.covered(0)
    for path in ("0/000", "0/000.p/1", "entries/000", "entries/000.p/1", "1/000.p/1"):
        kit.problem(service.get("/tile/" + path), 404, "NOT_FOUND")

with case(f"every tile of a log that grows in {len(STEPS)} steps to {sum(STEPS)}"):
    for step in STEPS:
        add(step)
        size = len(entries)
        head = service.covered(size)
        equal((head.size, head.root), (size, tree.root(size)))
        for path, content in tiles(size):
            check(path, content)
        # What the next leaf will make is not there.
        width = size % 256 + 1
        more = digits(size // 256) + (f".p/{width}" if width < 256 else "")
        for path in ("/tile/0/" + more, "/tile/entries/" + more):
            kit.problem(service.get(path), 404, "NOT_FOUND")

with case("partial tiles of every width, also below a full one"):
    for number in (0, len(entries) // 256):
        for width in range(1, min(255, len(entries) - number * 256) + 1):
            check(f"/tile/0/{digits(number)}.p/{width}", hash_tile(0, number, width))
            check(f"/tile/entries/{digits(number)}.p/{width}", bundle(number, width))

with case("beyond the tree: 404"):
    for path in ("0/002", "0/003", "0/003.p/1", "1/000", "1/000.p/3", "1/001.p/1", "2/000.p/1",
                 "5/000.p/1", "6/000.p/1", "7/000.p/1", "8/000.p/1", "63/000", "entries/002",
                 "entries/003.p/1", "entries/x001/000", "0/x999/x999/x999/999",
                 "0/x281/x474/x976/x710/655", "6/x281/x474/x976/x710/655.p/255"):
        kit.problem(service.get("/tile/" + path), 404, "NOT_FOUND")

with case("malformed paths: 404, and the connection goes on"):
    for path in ("0", "0/", "0/0", "0/00", "0/0000", "00/000", "01/000", "64/000", "-1/000",
                 "+1/000", "0/x000/000", "0/x001", "0/001/000", "0/x01/000", "0/000.p",
                 "0/000.p/", "0/000.p/0", "0/000.p/01", "0/000.p/001", "0/000.p/256",
                 "0/000.p/1000", "0/000.p/1/", "0/000.P/1", "0/000/", "0//000", "0/abc",
                 "0/00%30", "0%2F000", "%30/000", "entries", "entries/",
                 "entries/0/000", "entries/000.p/0", "Entries/000", "data/000", "8/0/000",
                 "0/x281/x474/x976/x710/656", "0/x999/x999/x999/x999/999",
                 "/".join(["0"] + ["x001"] * 40 + ["000"]), "0/" + "9" * 3000):
        kit.problem(service.get("/tile/" + path), 404, "NOT_FOUND")
    equal(service.get("/tile").status, 404)
    equal(service.get("/tile/").status, 404)
    equal(service.get("/tile/0/000?from=cache").status, 200)
    equal(service.get("/tile/0/../0/000").status, 400)
    equal(service.post("/tile/0/000").status, 405)

with case("caches: 304 for the tag, HEAD, tags differ"):
    for path, (content, tag) in list(served.items())[:40]:
        for value in (tag, "*", f'"x", {tag}'):
            again = service.get(path, headers={"If-None-Match": value})
            equal((again.status, again.body, again.header("etag"), again.header("cache-control")),
                  (304, b"", tag, IMMUTABLE), path)
        again = service.get(path, headers={"If-None-Match": '"0"'})
        equal((again.status, again.body), (200, content))
        head = service.client.request("HEAD", path)
        equal((head.status, head.body, head.header("etag")), (200, b"", tag))
        equal(head.header("content-length"), str(len(content)))
    for kind in ("0", "entries"):
        tags = [tag for path, (_, tag) in served.items() if path.startswith(f"/tile/{kind}/")]
        equal(len(set(tags)), len(tags), "tags of different content")

with case("the same bytes and tags after a restart and more receipts"):
    service.restart()
    add(90)
    service.covered(len(entries))
    for path, (content, _) in served.items():
        check(path, content)
    kit.note(f"{len(served)} tiles")

with case("what no head covers is not served, though the tree has it"):
    slow = kit.Service(head_interval_ms=3600000)
    envelopes = slow.new_signer("s").seal_all(maker.bodies(3))
    slow.batch_ok(envelopes)
    equal(slow.size(), 3)
    for path in ("/tile/0/000.p/1", "/tile/0/000.p/3", "/tile/entries/000.p/3"):
        kit.problem(slow.get(path), 404, "NOT_FOUND")
    equal(slow.post("/v1/epochs/current/finalize", token=slow.token).status, 200)
    slow.covered(3)
    equal(slow.get("/tile/0/000.p/3").body,
          b"".join(kit_tree.leaf_hash(envelope.entry) for envelope in envelopes))
    slow.stop()

with case("the checkpoint: text/plain in UTF-8, asked for anew each time"):
    answer = service.get("/checkpoint")
    equal((answer.status, answer.header("content-type"), answer.header("cache-control")),
          (200, "text/plain; charset=utf-8", "no-cache"))

# --- lucid log export --tiles --------------------------------------------------------------------

rng = random.Random(14)


def url_of(of=None):
    return f"http://127.0.0.1:{(of or service).port}"


def export(folder, *arguments, want=0, code=None, of=None):
    """Runs an export; returns its summary, or checks why it was refused."""
    if not arguments:
        arguments = ("--data", (of or service).data)
    status, out, err = kit.lucid("log", "export", "--tiles", folder, "--json", *arguments)
    equal(status, want, f"{out!r} {err!r}")
    answer = json.loads(out)
    if want == 0:
        return answer
    equal(answer["error"].get("code"), code, repr(answer))
    return answer["error"]


def files(folder):
    """Every file below it: {name: SHA-256}."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


def expected(size):
    return {path[1:]: hashlib.sha256(content).hexdigest() for path, content in tiles(size)}


def head_of(folder):
    with open(os.path.join(folder, "checkpoint"), encoding="utf-8") as file:
        return service.checkpoint(file.read())


def complete(folder, size):
    """Whether the folder holds the tree of that size, and nothing that is wrong."""
    equal(head_of(folder).size, size)
    there = files(folder)
    for name, digest in expected(size).items():
        equal(there.get(name), digest, name)
    return there


def flip(path):
    """One bit; of a checkpoint the last one of the first digit of its size."""
    with open(path, "r+b") as file:
        data = file.read()
        note = path.endswith("checkpoint")
        at = data.index(b"\n") + 1 if note else rng.randrange(len(data))
        file.seek(at)
        file.write(bytes([data[at] ^ 1 << (0 if note else rng.randrange(8))]))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Static:
    """Any web server over an exported folder."""

    def __init__(self, folder):
        handler = functools.partial(Quiet, directory=folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.arguments = ("--url", f"http://127.0.0.1:{self.server.server_address[1]}",
                          "--vkey-file", service.data + "/vkey")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


out = os.path.join(kit.scratch(), "out")
size = len(entries)

with case("export from the directory of a running service: exactly the tiles and the checkpoint"):
    summary = export(out)
    equal((summary["size"], summary["from_size"], summary["files_present"]), (size, 0, 0))
    want = expected(size)
    there = files(out)
    equal(there.pop("checkpoint"), hashlib.sha256(service.get("/checkpoint").body).hexdigest())
    equal(there, want)
    equal(summary["files_written"], len(want) + 1)

with case("a second run writes nothing"):
    before = {name: os.stat(os.path.join(out, name)) for name in files(out)}
    summary = export(out)
    equal((summary["files_written"], summary["files_present"]), (0, len(want)))
    for name, info in before.items():
        again = os.stat(os.path.join(out, name))
        equal((again.st_ino, again.st_mtime_ns), (info.st_ino, info.st_mtime_ns), name)

with case("the log grows three times: only what is new is written, old partial tiles stay"):
    for more in (10, 95, 300):
        old = files(out)
        add(more)
        service.covered(len(entries))
        summary = export(out)
        equal((summary["from_size"], summary["size"]), (size, len(entries)))
        size = len(entries)
        there = complete(out, size)
        new = {name for name in there if name not in old}
        equal(new, set(expected(size)) - set(old))
        equal(summary["files_written"], len(new) + 1)
        for name, digest in old.items():
            if name != "checkpoint":
                equal(there.get(name), digest, name)

with case("from the service, and from any web server of the files: the same bytes"):
    remote = os.path.join(kit.scratch(), "remote")
    again = os.path.join(kit.scratch(), "again")
    export(remote, "--url", url_of(), "--vkey-file", service.data + "/vkey")
    complete(remote, size)
    with Static(out) as static:
        export(again, *static.arguments)
    equal(files(again), files(remote))
    with open(service.data + "/vkey", encoding="ascii") as file:
        equal(export(again, "--url", url_of() + "/", "--vkey", file.read().strip(),
                     "--check")["files_written"], 0)

# One of each kind: full and partial, hashes of both levels, entries, checkpoint.
KINDS = [name for name in files(again)
         if name.count("/") < 3 and not name.endswith("001")] + \
        [name for name in files(again) if ".p/" in name]

with case(f"one changed byte in any kind of file of a web server ({len(KINDS)} kinds): exit 1"):
    for name in KINDS:
        wrong = os.path.join(kit.scratch(), "wrong")
        target = os.path.join(kit.scratch(), "target")
        shutil.copytree(again, wrong)
        flip(os.path.join(wrong, name))
        with Static(wrong) as static:
            code = "SIGNATURE_INVALID" if name == "checkpoint" else "TILE_MISMATCH"
            export(target, *static.arguments, want=1, code=code)
        right = expected(size)
        for written, digest in files(target).items():
            equal(digest, right.get(written), f"{name}: {written}")

with case("killed at 24 moments: never a wrong file, the next run completes"):
    killed = 0
    started = time.monotonic()
    export(os.path.join(kit.scratch(), "timed"))
    whole = time.monotonic() - started
    for moment in range(24):
        target = os.path.join(kit.scratch(), "killed")
        process = subprocess.Popen([kit.LUCID, "log", "export", "--tiles", target, "--data",
                                    service.data], env=kit.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(whole * (moment + 1) / 25)
        process.kill()
        process.wait()
        left = files(target)
        left.pop(".lucid-export.tmp", None)
        right = expected(size)
        if "checkpoint" in left:
            complete(target, size)
        else:
            killed += len(left) > 0
            for name, digest in left.items():
                equal(digest, right.get(name), name)
        export(target)
        equal(set(complete(target, size)), set(right) | {"checkpoint"})
    kit.note(f"{killed} of 24 left a part behind ({whole * 1000:.0f} ms for all)")

with case("what a killed run left and somebody changed: refused, nothing is written"):
    target = os.path.join(kit.scratch(), "beyond")
    shutil.copytree(again, target)
    os.unlink(os.path.join(target, "checkpoint"))
    os.unlink(os.path.join(target, "tile/0/000"))
    flip(os.path.join(target, "tile/entries/001"))
    before = files(target)
    equal(export(target, want=1, code="EXPORT_DIFFERS")["param"], "tile/entries/001")
    equal(files(target), before)

with case("a file of the export is changed, cut, or no file: refused, nothing is changed"):
    for name in KINDS:
        target = os.path.join(kit.scratch(), "tampered")
        shutil.copytree(again, target)
        flip(os.path.join(target, name))
        before = files(target)
        export(target, "--data", service.data, "--check", want=1, code="EXPORT_DIFFERS")
        if ".p/" in name and "entries" not in name or name == "checkpoint":  # where the tree ends
            export(target, want=1, code="EXPORT_DIFFERS")
        with open(os.path.join(target, name), "r+b") as file:
            file.truncate(os.path.getsize(file.name) - 1)
        before = files(target)
        export(target, want=1, code="EXPORT_DIFFERS")
        equal(files(target), before)
        os.unlink(os.path.join(target, name))
        os.symlink(os.path.join(again, name), os.path.join(target, name))
        export(target, want=1, code="EXPORT_DIFFERS")

with case("a file that is gone is written again"):
    os.unlink(os.path.join(again, "tile/entries/000"))
    shutil.rmtree(os.path.join(again, "tile/1"))
    export(again, want=1, code="EXPORT_DIFFERS")  # the tree ends there
    shutil.rmtree(os.path.join(again, "tile"))
    os.unlink(os.path.join(again, "checkpoint"))
    export(again)
    complete(again, size)
    os.unlink(os.path.join(again, "tile/entries/000"))
    equal(export(again)["files_written"], 1)
    complete(again, size)

with case("one at a time"):
    lock = os.open(again, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    export(again, want=1)
    os.close(lock)

with case("another log, another key, no service, no key: exit 1, 4, 3, 2"):
    other = kit.Service(head_interval_ms=50)
    other.batch_ok(other.new_signer("o").seal_all(maker.bodies(5)))
    other.covered(5)
    before = files(again)
    export(again, want=1, code="EXPORT_DIFFERS", of=other)
    export(again, "--url", url_of(), "--vkey", "x", want=2, code="KEY_MALFORMED")
    with open(other.data + "/vkey", encoding="ascii") as file:
        stranger = file.read().strip()
    export(again, "--url", url_of(), "--vkey", stranger, want=4, code="NOTE_UNVERIFIED")
    other.stop()
    export(again, "--url", url_of(other), "--vkey", stranger, want=3)
    export(again, "--url", url_of(), want=2)
    equal(kit.lucid("log", "export")[0], 2)
    export(again + "/no/such/folder", want=1)
    export(again, "--data", again, want=1)
    equal(files(again), before)

with case("a fork is refused loudly and nothing is changed; a log that was rolled back, too"):
    service.stop()
    base = kit.scratch()
    shutil.copytree(service.data, os.path.join(base, "log"))
    service.start()
    old = len(entries)
    add(30)
    service.covered(len(entries))
    export(again)
    before = files(again)
    behind = kit.Service(directory=base, init=False, head_interval_ms=50)
    answer = export(again, of=behind, want=1, code="LOG_BEHIND")
    assert str(old) in answer["message"] and str(old + 30) in answer["message"], answer
    for count in (30, 31):
        behind.batch_ok(signer.seal_all(maker.bodies(count - (behind.size() - old))))
        behind.covered(old + count)
        for arguments in (("--data", behind.data),
                          ("--url", url_of(behind), "--vkey-file", behind.data + "/vkey")):
            answer = export(again, *arguments, want=1, code="LOG_FORKED")
            assert "FORK" in answer["message"], answer
        equal(files(again), before)
    behind.stop()
    export(again)

service.stop()
kit.done()
