#!/usr/bin/env python3
"""kill -9 at random moments under load, many rounds over one data directory.

After each restart: every acknowledged receipt is there with its placement, every head ever seen is
consistent with the newest, the tree holds no more than what was sent. At the end everything is
checked: each receipt once, the whole tree recomputed from its entries, every proof.

usage: 70_crash.py [--rounds N] [--seed TEXT]"""

import argparse
import base64
import http.client
import random
import threading
import time

import kit
import kit_tree
from kit import case, equal
from kit_receipts import Maker

STEADY = ("receipt_hash", "run_id", "leaf_index", "sequence", "epoch", "logged_at")
CONNECTIONS = 6

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=200 if kit.SLOW == 1 else 60,
                    help="200; 60 where a sanitizer slows everything down")
parser.add_argument("--seed", default=str(time.time_ns()))
options = parser.parse_args()
kit.note(f"seed {options.seed}, {options.rounds} rounds")
rng = random.Random(options.seed)

service = kit.Service(head_interval_ms=20, epoch_seconds_max=1, io_threads=2)
signer = service.new_signer("s")
sent = {}  # hash -> envelope, whatever became of it
acked = {}  # hash -> placement
heads = {}  # size -> root, every head ever seen
lock = threading.Lock()


class Worker(threading.Thread):
    """One connection: singles or batches, with a replay now and then, until the server dies."""

    def __init__(self, number, envelopes, old):
        super().__init__()
        self.number, self.envelopes, self.old = number, envelopes, old
        self.wrong = []

    def result(self, envelope, status, placement):
        if status not in (200, 201):
            self.wrong.append((status, placement))
            return
        got = {name: placement[name] for name in STEADY}
        with lock:
            first = acked.setdefault(envelope.hash, got)
        if first != got or (status == 201 and envelope in self.old):
            self.wrong.append((status, got, first))

    def batch(self, client, part):
        """Reads line by line: what came before the end counts."""
        client.connection.request("POST", "/v1/receipts/batch",
                                  b"\n".join(e.wire() for e in part))
        response = client.connection.getresponse()
        for envelope in part:
            line = response.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            line = kit.json.loads(line)
            self.result(envelope, line["http_status"], line)
        response.read()

    def run(self):
        client = kit.Client(service.port, 20)
        at, size = 0, (1, 1, 5, 40, 200, 1)[self.number % 6]
        try:
            while at < len(self.envelopes):
                part = self.envelopes[at:at + size]
                at += size
                if self.old and at % 7 == 0:
                    part = part + [self.old[at % len(self.old)]]
                for envelope in part:
                    sent[envelope.hash] = envelope
                if len(part) > 2:
                    self.batch(client, part)
                    continue
                for envelope in part:
                    answer = client.post("/v1/receipts", envelope.wire())
                    self.result(envelope, answer.status, answer.json())
                if self.number == 5:
                    answer = client.get("/checkpoint")
                    see(answer.body.decode(), self.wrong)
        except (OSError, EOFError, ValueError, http.client.HTTPException):
            pass
        client.close()


def see(text, wrong):
    head = kit_tree.Checkpoint(text, service.vkey)
    with lock:
        if heads.setdefault(head.size, head.root) != head.root:
            wrong.append(("two heads of one size", text))


def check_heads():
    """Every head seen so far against the newest one."""
    newest = service.checkpoint()
    heads.setdefault(newest.size, newest.root)
    equal(heads[newest.size], newest.root)
    sizes = sorted(heads)
    assert sizes[-1] <= newest.size, f"a head of {sizes[-1]} was seen, now it is {newest.size}"
    for size in {*sizes[-40:], *rng.sample(sizes, min(20, len(sizes)))}:
        got = service.ok(f"/v1/consistency?from={size}&to={newest.size}")
        assert kit_tree.consistency_holds(size, newest.size, heads[size], newest.root,
                                          kit_tree.unhex(got["path"])), (size, got)


def check_acked(hashes):
    lines = []
    part = [sent[h] for h in hashes]
    for start in range(0, len(part), 5000):
        lines += service.batch_ok(part[start:start + 5000], statuses=(200,))
    for digest, line in zip(hashes, lines):
        equal({name: line[name] for name in STEADY}, acked[digest])


def one_round():
    workers = []
    known = [sent[h] for h in rng.sample(sorted(acked), min(20, len(acked)))]
    for number in range(CONNECTIONS):
        maker = Maker(f"{options.seed} {service.starts} {number}")
        count = (60, 60, 200, 400, 1000, 60)[number]
        workers.append(Worker(number, signer.seal_all(maker.bodies(count)), known))
    fresh = set(acked)
    for worker in workers:
        worker.start()
    time.sleep(rng.choice((0.01, 0.05, 0.15, 0.3)) * rng.random() * kit.SLOW)
    service.kill()
    for worker in workers:
        worker.join(60)
        equal(worker.wrong, [])
    service.start()
    size = service.size()
    assert len(acked) <= size <= len(sent), (len(acked), size, len(sent))
    check_acked(sorted(set(acked) - fresh) + rng.sample(sorted(fresh), min(300, len(fresh))))
    equal(service.size(), size)
    check_heads()


def entries_by_leaf():
    """All receipts by leaf, from the placements of all epochs."""
    found, cursor = [], None
    while True:
        page = service.ok("/v1/epochs?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
        for epoch in page["items"]:
            inner = None
            while True:
                path = f"/v1/epochs/{epoch['epoch']}/receipts?limit=1000"
                items = service.ok(path + (f"&cursor={inner}" if inner else ""))
                found += [(item["leaf_index"], item["receipt_hash"]) for item in items["items"]]
                inner = items["next_cursor"]
                if inner is None:
                    break
        cursor = page["next_cursor"]
        if cursor is None:
            return found


started = time.monotonic()
fault = False
for number in range(options.rounds):
    if fault:
        break
    if number % 10 == 0:
        begun = f"rounds {number} to {min(number + 10, options.rounds) - 1}"
        with case(begun):
            fault = True
            for _ in range(min(10, options.rounds - number)):
                one_round()
            fault = False
            kit.note(f"{len(sent)} sent, {len(acked)} acknowledged, {service.size()} leaves, "
                     f"{len(heads)} heads, {time.monotonic() - started:.0f} s")

with case("at the end: all acknowledged receipts with their placements"):
    check_acked(sorted(acked))

with case("as many leaves as receipts, none twice, each one that we sent"):
    size = service.size()
    leaves = entries_by_leaf()
    equal([leaf for leaf, _ in leaves], list(range(size)))
    equal(len({digest for _, digest in leaves}), size)
    assert {digest for _, digest in leaves} <= set(sent)

with case("the tree is the one of its entries, and so is every head ever seen"):
    tree = kit_tree.Tree()
    for _, digest in leaves:
        tree.append(sent[digest].entry)
    newest = service.covered(size)
    equal((newest.size, newest.root), (size, tree.root()))
    for old, root in heads.items():
        equal(tree.root(old), root, f"head of {old}")
    cursor, epochs = None, 0
    for epoch in service.ok("/v1/epochs?limit=1000")["items"]:
        if epoch["status"] == "finalized":
            text = epoch["checkpoint"].split("\n")
            equal((int(text[1]), base64.b64decode(text[2])),
                  (epoch["end_leaf"], tree.root(epoch["end_leaf"])))
            epochs += 1
    kit.note(f"{len(heads)} heads, {epochs} epochs")

with case("every receipt's proof holds (up to 6,000, else a sample)"):
    chosen = leaves if size <= 6000 else rng.sample(leaves, 6000)
    for leaf, digest in chosen:
        proof = service.ok(f"/v1/receipts/{digest}/proof?tree_size={size}")
        equal((proof["leaf_index"], proof["entry"]), (leaf, sent[digest].entry.hex()))
        assert kit_tree.inclusion_holds(leaf, size, tree.leaves[leaf],
                                        kit_tree.unhex(proof["path"]), newest.root), proof

with case("the service's own judgement of a sample"):
    for leaf, digest in rng.sample(leaves, min(300, size)):
        equal(service.ok(f"/v1/receipts/{digest}/verify")["valid"], True)

service.stop()
kit.done()
