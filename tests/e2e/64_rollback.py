#!/usr/bin/env python3
"""A store that went back (an old copy, a restored backup, a fork) is refused at the start."""

import base64
import os
import shutil

import kit
from kit import case, equal
from kit_receipts import Maker

maker = Maker("64")
service = kit.Service(epoch_receipts_max=10)
signer = service.new_signer("s")
SIDE = os.path.join(service.data, "published.head")


def grow(to, count):
    to.batch_ok(signer.seal_all([maker.body("tool") for _ in range(count)]))
    return to.covered(to.size()).size


def side(path=SIDE):
    with open(path, encoding="utf-8") as file:
        return file.read()


def side_size(path=SIDE):
    return int(side(path).splitlines()[1])


def copy_store(to):
    shutil.copytree(os.path.join(service.data, "store"), to)


def put_store(from_):
    shutil.rmtree(os.path.join(service.data, "store"))
    shutil.copytree(from_, os.path.join(service.data, "store"))


with case("the newest published head lies beside the store: at birth, while running, at the stop"):
    first = grow(service, 25)
    kit.wait_for(lambda: side_size() == first, 5, "the side file")
    service.checkpoint(side())
    service.stop()
    equal(side_size(), first)

OLD = os.path.join(service.base, "old")
NEW = os.path.join(service.base, "new")
with case("an older copy of the store is refused, and nothing of it or of the file changes"):
    copy_store(OLD)
    service.start()
    newest = grow(service, 15)
    service.stop()
    known = side()
    copy_store(NEW)
    put_store(OLD)
    kit.refuses_to_start(service.data, "an old copy")
    kit.refuses_to_start(service.data, f"a head of {newest} leaves, the store's newest has {first}")
    equal(side(), known)
    status, _, err = kit.lucid("log", "accept-head", "--data", service.data, "--size", str(first))
    equal(status, 1, repr(err))
    assert b"fork" in err, err
    equal(side(), known)

with case("with the newest store back it starts and goes on"):
    put_store(NEW)
    service.start()
    equal(service.size(), newest)
    newest = grow(service, 3)
    service.stop()
    equal(side_size(), newest)

OTHER = os.path.join(service.base, "other")
with case("a restored directory without the file is refused until the operator accepts its head"):
    shutil.copytree(service.data, OTHER)
    shutil.rmtree(os.path.join(OTHER, "store"))
    shutil.copytree(OLD, os.path.join(OTHER, "store"))
    os.unlink(os.path.join(OTHER, "published.head"))
    kit.refuses_to_start(OTHER, "accept-head")
    status, _, err = kit.lucid("log", "accept-head", "--data", OTHER)
    equal(status, 2, repr(err))
    assert str(first).encode() in err, err
    status, _, err = kit.lucid("log", "accept-head", "--data", OTHER, "--size", str(first + 1))
    equal(status, 2, repr(err))
    cosigned = os.path.join(service.base, "cosigned.head")
    with open(SIDE, encoding="utf-8") as file, open(cosigned, "w", encoding="utf-8") as out:
        out.write(file.read())
        for i in range(40):  # by witnesses that nobody here knows
            out.write(f"\u2014 witness.example/w{i} {base64.b64encode(bytes(76)).decode()}\n")
    for known in (SIDE, cosigned):
        status, _, err = kit.lucid("log", "accept-head", "--data", OTHER, "--size", str(first),
                                   "--published", known)
        equal(status, 1, repr(err))
        assert b"it is an old copy" in err, err
    assert not os.path.exists(os.path.join(OTHER, "published.head"))
    kit.run_lucid("log", "accept-head", "--data", OTHER, "--size", str(first))
    equal(side_size(os.path.join(OTHER, "published.head")), first)

with case("a fork that was made so meets the other log's head: refused"):
    os.makedirs(os.path.join(service.base, "fork"))
    os.rename(OTHER, os.path.join(service.base, "fork", "log"))
    fork = kit.Service(os.path.join(service.base, "fork"), init=False, epoch_receipts_max=10)
    forked = grow(fork, 60)
    fork.stop()
    assert forked > newest
    with open(os.path.join(fork.data, "published.head"), "w", encoding="utf-8") as file:
        file.write(side())
    kit.refuses_to_start(fork.data, "another root")

with case("the file may lie elsewhere, and what lies there must be this log's"):
    elsewhere = os.path.join(service.base, "elsewhere.head")
    kit.refuses_to_start(service.data, "elsewhere.head is missing", "--published-head-file",
                         elsewhere)
    kit.run_lucid("log", "accept-head", "--data", service.data, "--size", str(newest), "--file",
                  elsewhere)
    service.start(published_head_file=elsewhere)
    newest = grow(service, 12)
    service.stop()
    equal(side_size(elsewhere), newest)
    with open(elsewhere, encoding="utf-8") as file:
        good = file.read()
    for bad in ("", "nonsense\n", good[:-10], good.replace(f"\n{newest}\n", f"\n{newest - 1}\n")):
        with open(elsewhere, "w", encoding="utf-8") as file:
            file.write(bad)
        kit.refuses_to_start(service.data, "not a checkpoint", "--published-head-file", elsewhere)
    with open(elsewhere, "w", encoding="utf-8") as file:
        file.write(good)
    with open(SIDE, "w", encoding="utf-8") as file:
        file.write(good)

with case("20 kills under load: the file is never ahead of the store, every start succeeds"):
    for _ in range(20):
        service.start(head_interval_ms=20)
        for _ in range(5):
            service.batch_ok(signer.seal_all([maker.body("tool") for _ in range(7)]))
        service.kill()
    service.start()
    size = service.size()
    assert size >= newest + 20 * 35, size
    service.stop()
    equal(side_size(), size)

kit.done()
