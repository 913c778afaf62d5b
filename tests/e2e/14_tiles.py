#!/usr/bin/env python3
"""C2SP tlog-tiles over HTTP, against a tree that knows only the RFCs."""

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

service.stop()
kit.done()
