#!/usr/bin/env python3
"""Mixed load on a real service for a while, then SIGTERM: for builds with sanitizers.

Singles, batches, replays, refusals, proofs, reads, lists, clients that leave; several connections
at once. Fails on any sanitizer output, a status other than 0, an answer that is wrong, a receipt
that was acknowledged and is not there after a restart.

usage: load.py [--seconds N] [--connections N] [--seed TEXT]
The programs are found as the end-to-end tests find them ($LUCIDD, $LUCID_BUILD …)."""

import argparse
import http.client
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import kit  # noqa: E402
import kit_tree  # noqa: E402
from kit import case, equal  # noqa: E402
from kit_receipts import Maker  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float, default=60)
parser.add_argument("--connections", type=int, default=10)
parser.add_argument("--seed", default=str(time.time_ns()))
options = parser.parse_args()
kit.note(f"seed {options.seed}, {options.seconds:.0f} s, {options.connections} connections, "
         f"{kit.LUCIDD}")

service = kit.Service(io_threads=3, epoch_seconds_max=5, head_interval_ms=50)
signer = service.new_signer("s")
stranger = kit.kit_receipts.Signer(kit.ED25519, "stranger")
signing = threading.Lock()
acked = {}  # hash -> (envelope, placement)
count = {}


class Worker(threading.Thread):
    def __init__(self, number, end):
        super().__init__()
        self.rng = random.Random(f"{options.seed} {number}")
        self.maker = Maker(f"{options.seed} {number}")
        self.end, self.mine, self.fault = end, [], None
        self.client = kit.Client(service.port)

    def run(self):
        actions = [self.single] * 6 + [self.batch] * 3 + [self.replay, self.refused, self.leave] + \
            [self.proof] * 4 + [self.read] * 2 + [self.consistency, self.lists, self.several]
        try:
            while time.monotonic() < self.end:
                action = self.rng.choice(actions)
                count[action.__name__] = count.get(action.__name__, 0) + 1
                action()
        except Exception as error:  # pylint: disable=broad-except
            self.fault = f"{action.__name__}: {error!r}"
        self.client.close()

    def seal(self, number, by=signer):
        with signing:
            return by.seal_all(self.maker.bodies(number))

    def keep(self, envelope, placement):
        acked[envelope.hash] = (envelope, placement)
        self.mine.append(envelope)

    def single(self):
        envelope, = self.seal(1)
        answer = self.client.post("/v1/receipts", envelope.wire())
        equal(answer.status, 201, repr(answer))
        self.keep(envelope, answer.json())

    def batch(self):
        part = self.seal(self.rng.choice((2, 30, 300)))
        lines = self.client.post("/v1/receipts/batch",
                                 b"\n".join(e.wire() for e in part)).lines()
        equal([line["http_status"] for line in lines], [201] * len(part))
        for envelope, line in zip(part, lines):
            self.keep(envelope, line)

    def old(self):
        while not self.mine:
            self.single()
        return self.rng.choice(self.mine)

    def replay(self):
        envelope = self.old()
        answer = self.client.post("/v1/receipts", envelope.wire())
        equal((answer.status, answer.json()["leaf_index"]),
              (200, acked[envelope.hash][1]["leaf_index"]))

    def refused(self):
        wire = self.seal(1, stranger)[0].wire()
        data, status = self.rng.choice([(wire, 403), (wire[:-9], 400), (b"{}", 422),
                                        (wire.replace(b'"1.0"', b'"1.1"'), 422)])
        equal(self.client.post("/v1/receipts", data).status, status)

    def leave(self):
        part = self.seal(100)
        data = b"\n".join(e.wire() for e in part)
        raw = kit.Raw(service.port)
        raw.send(b"POST /v1/receipts/batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                 % (len(data), data[:self.rng.randrange(len(data))]))
        if self.rng.random() < 0.5:
            raw.socket.settimeout(0.1)  # without a whole line there is no answer to wait for
            try:
                raw.more()
            except TimeoutError:
                pass
        raw.close()

    def proof(self):
        envelope = self.old()
        leaf = acked[envelope.hash][1]["leaf_index"]
        answer = self.client.get(f"/v1/receipts/{envelope.hash}/proof")
        if answer.status == 503:
            return
        proof = answer.json()
        head = kit_tree.Checkpoint(proof["checkpoint"], service.vkey)
        assert kit_tree.inclusion_holds(leaf, head.size, kit_tree.leaf_hash(envelope.entry),
                                        kit_tree.unhex(proof["path"]), head.root), proof

    def read(self):
        envelope = self.old()
        answer = self.client.get("/v1/receipts/" + envelope.run_id, token=service.token)
        assert b'"body":' + envelope.text in answer.body, answer
        equal(self.client.get(f"/v1/receipts/{envelope.hash}/verify").json()["valid"], True)

    def consistency(self):
        size = self.client.get("/v1/log").json()["size"]
        low = self.rng.randint(0, size)
        got = self.client.get(f"/v1/consistency?from={low}&to={size}").json()
        roots = [bytes.fromhex(got[name]) for name in ("root_from", "root_to")]
        assert kit_tree.consistency_holds(low, size, *roots, kit_tree.unhex(got["path"])), got

    def lists(self):
        for path in ("/v1/epochs?limit=20", "/v1/epochs/0/receipts", "/v1/signers", "/metrics",
                     "/readyz", "/checkpoint", "/v1/mmr"):
            answer = self.client.get(path)
            assert answer.status in (200, 404), (path, answer)

    def several(self):
        """Eight connections with the same receipt at once."""
        envelope, = self.seal(1)
        raws = [kit.Raw(service.port) for _ in range(8)]
        wire = envelope.wire()
        for raw in raws:
            raw.send(b"POST /v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(wire), wire))
        answers = [raw.answer() for raw in raws]
        for raw in raws:
            raw.close()
        equal(sorted(answer.status for answer in answers), [200] * 7 + [201])
        self.keep(envelope, answers[0].json())


with case("mixed load"):
    workers = [Worker(n, time.monotonic() + options.seconds) for n in range(options.connections)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(options.seconds + 120 * kit.SLOW)
    equal([worker.fault for worker in workers if worker.fault], [])
    kit.note(", ".join(f"{name} {number}" for name, number in sorted(count.items())))
    kit.note(f"{len(acked)} receipts acknowledged, {service.size()} logged")

with case("SIGTERM under load: exit 0, no sanitizer has anything to say"):
    envelopes = signer.seal_all(Maker(f"{options.seed} last").bodies(3000))

    def until_the_end(part):
        client = kit.Client(service.port)
        try:
            for envelope in part:
                answer = client.post("/v1/receipts", envelope.wire())
                if answer.status == 201:
                    acked[envelope.hash] = (envelope, answer.json())
        except (OSError, http.client.HTTPException):
            pass
        client.close()
    threads = [threading.Thread(target=until_the_end, args=(envelopes[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    service.stop()
    for thread in threads:
        thread.join(60)

with case("after a restart every acknowledged receipt is there, where it was"):
    service.start()
    known = list(acked.values())
    for start in range(0, len(known), 5000):
        part = known[start:start + 5000]
        lines = service.batch_ok([envelope for envelope, _ in part], statuses=(200,))
        equal([line["leaf_index"] for line in lines], [p["leaf_index"] for _, p in part])
    service.stop()

kit.done()
