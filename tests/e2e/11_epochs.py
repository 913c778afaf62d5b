#!/usr/bin/env python3
"""Epochs close at 100 receipts, by age, by an operator, and never otherwise; heads only grow."""

import base64
import time

import kit
import kit_tree
from kit import case, equal
from kit_receipts import Maker

MEMBERS = ["epoch", "first_leaf", "end_leaf", "receipt_count", "root", "opened_at",
           "finalized_at", "closed_by", "checkpoint", "consistency_proof", "status"]

maker = Maker("11")
tree = kit_tree.Tree()


def add(service, signer, count):
    envelopes = signer.seal_all(maker.bodies(count))
    lines = service.batch_ok(envelopes)
    for envelope in envelopes:
        tree.append(envelope.entry)
    return lines


def check_epoch(service, epoch, end_before):
    """Everything that a stranger can check about one epoch."""
    equal(sorted(epoch), sorted(MEMBERS))
    equal(epoch["first_leaf"], end_before)
    equal(epoch["receipt_count"], epoch["end_leaf"] - epoch["first_leaf"])
    assert epoch["receipt_count"] > 0, "an empty epoch"
    equal(epoch["root"], tree.root(epoch["end_leaf"]).hex())
    if epoch["status"] == "open":
        equal([epoch[name] for name in ("finalized_at", "closed_by", "checkpoint",
                                        "consistency_proof")], [None] * 4)
        return
    equal(epoch["status"], "finalized")
    assert epoch["opened_at"] <= epoch["finalized_at"], epoch
    head = service.checkpoint(epoch["checkpoint"])
    equal((head.size, head.root.hex()), (epoch["end_leaf"], epoch["root"]))
    proof = epoch["consistency_proof"]
    equal((proof["from"], proof["to"]), (end_before, epoch["end_leaf"]))
    equal((proof["root_from"], proof["root_to"]),
          (tree.root(end_before).hex(), epoch["root"]))
    assert kit_tree.consistency_holds(
        end_before, epoch["end_leaf"], tree.root(end_before), tree.root(epoch["end_leaf"]),
        kit_tree.unhex(proof["path"])), proof


def check_all(service, want):
    """want: [(receipt_count, closed_by)], the open one last with closed_by None."""
    items = service.ok("/v1/epochs")["items"]
    equal([(e["receipt_count"], e["closed_by"]) for e in items], want)
    end = 0
    for number, epoch in enumerate(items):
        equal(epoch["epoch"], number)
        check_epoch(service, epoch, end)
        equal(service.ok(f"/v1/epochs/{number}"), epoch)
        end = epoch["end_leaf"]
    return items


service = kit.Service()
signer = service.new_signer("s")

with case("99 receipts: the epoch is open"):
    add(service, signer, 99)
    check_all(service, [(99, None)])
    equal(service.ok("/v1/epochs/current"), service.ok("/v1/epochs/0"))

with case("the 100th closes it, and none is open"):
    lines = add(service, signer, 1)
    check_all(service, [(100, "count")])
    kit.problem(service.get("/v1/epochs/current"), 404, "NOT_FOUND")
    kit.problem(service.get("/v1/epochs/1"), 404, "NOT_FOUND")
    head = service.checkpoint()
    assert head.size == 100, head.size

with case("the 101st opens the next"):
    line, = add(service, signer, 1)
    equal((line["epoch"], line["leaf_index"]), (1, 100))
    check_all(service, [(100, "count"), (1, None)])

with case("a batch over the border splits where it must: 101 + 249 = 3 epochs and 50"):
    lines = add(service, signer, 249)
    equal([line["epoch"] for line in lines], [1] * 99 + [2] * 100 + [3] * 50)
    check_all(service, [(100, "count")] * 3 + [(50, None)])

with case("an operator closes the open one; then there is nothing to close: 409"):
    kit.problem(service.post("/v1/epochs/current/finalize"), 401, "UNAUTHORIZED")
    answer = service.post("/v1/epochs/current/finalize", token=service.token)
    equal(answer.status, 200, repr(answer))
    items = check_all(service, [(100, "count")] * 3 + [(50, "operator")])
    equal(answer.json(), items[-1])
    kit.problem(service.post("/v1/epochs/current/finalize", token=service.token), 409,
                "EPOCH_NOT_OPEN")
    check_all(service, [(100, "count")] * 3 + [(50, "operator")])

with case("the receipts of an epoch: its placements, finalized, in order"):
    for number, count in ((0, 100), (3, 50)):
        items = service.ok(f"/v1/epochs/{number}/receipts?limit=1000")["items"]
        equal([item["leaf_index"] for item in items],
              list(range(number * 100, number * 100 + count)))
        for item in items:
            equal((item["epoch"], item["status"]), (number, "finalized"))
    kit.problem(service.get("/v1/epochs/4/receipts"), 404, "NOT_FOUND")

with case("an idle log makes no epoch, no head, no event"):
    before = (service.ok("/v1/epochs"), service.get("/checkpoint").body, service.ok("/v1/log"))
    time.sleep(2.5)
    equal((service.ok("/v1/epochs"), service.get("/checkpoint").body, service.ok("/v1/log")),
          before)

with case("finalized epochs are the same bytes after a restart"):
    before = [service.get(f"/v1/epochs/{n}").body for n in range(4)]
    service.restart()
    equal([service.get(f"/v1/epochs/{n}").body for n in range(4)], before)
    check_all(service, [(100, "count")] * 3 + [(50, "operator")])

with case("an epoch that was open at the stop goes on after the start"):
    add(service, signer, 7)
    service.restart()
    add(service, signer, 93)
    check_all(service, [(100, "count")] * 3 + [(50, "operator"), (100, "count")])
service.stop()

# --- by age -------------------------------------------------------------------------------------

tree = kit_tree.Tree()
aged = kit.Service(epoch_seconds_max=2, head_interval_ms=200)
signer = aged.new_signer("s")

with case("age closes an epoch, counted from its first leaf"):
    started = time.monotonic()
    add(aged, signer, 1)
    time.sleep(1)
    add(aged, signer, 2)
    equal(aged.ok("/v1/epochs/current")["receipt_count"], 3)
    kit.wait_for(lambda: aged.get("/v1/epochs/current").status == 404, 10, "the close")
    took = time.monotonic() - started
    assert 1.9 < took < 2 + 2 * kit.SLOW, f"closed after {took:.2f} s"
    check_all(aged, [(3, "age")])

with case("then nothing: never an empty epoch"):
    head = aged.get("/checkpoint").body
    time.sleep(2.6)
    check_all(aged, [(3, "age")])
    equal(aged.get("/checkpoint").body, head)

with case("age runs on while the service is down"):
    add(aged, signer, 1)
    aged.stop()
    time.sleep(2.2)
    aged.start()
    kit.wait_for(lambda: aged.get("/v1/epochs/current").status == 404, 5, "the close")
    check_all(aged, [(3, "age"), (1, "age")])

with case("a head at least every head_interval_ms while the tree grows, each from the last"):
    heads = []
    end = time.monotonic() + 3
    while time.monotonic() < end:
        aged.submit(envelope := signer.seal(maker.body()))
        tree.append(envelope.entry)
        head = aged.checkpoint()
        if not heads or head.text != heads[-1][1].text:
            heads.append((time.monotonic(), head))
    assert len(heads) >= 6, f"{len(heads)} heads in 3 s"
    for (_, old), (_, new) in zip(heads, heads[1:]):
        assert old.size < new.size, (old.size, new.size)
        equal(new.root, tree.root(new.size))
    # What was logged last is covered soon after, without anything else happening.
    aged.covered(len(tree.leaves), 3)

with case("a stopped log has published all that it logged"):
    aged.submit(envelope := signer.seal(maker.body()))
    tree.append(envelope.entry)
    aged.restart()
    head = aged.checkpoint()
    equal((head.size, head.root), (len(tree.leaves), tree.root()))
aged.stop()

with case("limits of one receipt: every receipt is an epoch"):
    tree = kit_tree.Tree()
    ones = kit.Service(epoch_receipts_max=1)
    add(ones, ones.new_signer("s"), 12)
    items = check_all(ones, [(1, "count")] * 12)
    equal(base64.b64decode(items[-1]["checkpoint"].split("\n")[2]), tree.root())
    ones.stop()

kit.done()
