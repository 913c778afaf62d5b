#!/usr/bin/env python3
"""Witnesses: cosigned heads by a quorum, hostile and dead witnesses, restarts, rollback."""

import base64
import json
import os
import re
import shutil
import statistics
import subprocess
import time

import kit
from kit import case, equal, wait_for
from kit_receipts import Maker
from kit_witness import Cosigner, FakeWitness, cosigners, dead_port

WITNESS = kit.program("LUCID_WITNESS", "tools/lucid-witness")
FAST = {"witness_interval_ms": 100, "witness_timeout_ms": 600, "head_interval_ms": 50}
maker = Maker("16")
base = kit.scratch()


def policy(service, text, name="policy"):
    path = os.path.join(service.base, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def grow(service, signer, count=1):
    service.batch_ok(signer.seal_all(maker.bodies(count)))
    return service.size()


def witnessed(service, keys, size, names=None, seconds=10):
    """Waits until /checkpoint is a head of at least that size with lines of all those names."""
    def probe():
        head, found = cosigners(service.get("/checkpoint").body.decode(), service.vkey, keys)
        if head.size >= size and (names is None or set(names) <= set(found)):
            return head, found
        return None
    return wait_for(probe, seconds, f"a head of {size} cosigned by {names}")


def metric(service, name, **labels):
    """The sum of a metric's samples that bear those labels; None when there is none."""
    total = None
    for line in service.get("/metrics").body.decode().splitlines():
        match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? ([0-9.]+)", line)
        if match and all(f'{k}="{v}"' in (match.group(1) or "") for k, v in labels.items()):
            total = (total or 0) + float(match.group(2))
    return total


def failures(service, witness, cause):
    return metric(service, "lucid_witness_failures_total", witness=witness.key.name,
                  cause=cause) or 0


# --- one witness --------------------------------------------------------------------------------

service = kit.Service(start=False)
first = FakeWitness("w1.example/w", service.vkey)
one = policy(service, f"log {service.vkey.name}+{service.vkey.id.hex()}+"
             f"{base64.b64encode(bytes([1]) + service.vkey.key).decode()}\n"
             f"witness w1 {first.key.vkey} {first.url}/\nquorum w1\n")
service.settings = {**FAST, "witness_policy": one}
service.start()
signer = service.new_signer("s")

with case("a head is cosigned, served with the line, and shown"):
    envelope = signer.seal(maker.body("tool"))
    placement = service.submit(envelope).json()
    equal(placement["witnessed"], False)
    head, names = witnessed(service, [first.key], 1, [first.key.name])
    got = service.ok(f"/v1/receipts/{envelope.hash}", token=service.token)
    equal(got["witnessed"], True)
    log = service.ok("/v1/log")
    equal(log["witnessed_size"], head.size)
    equal([(w["name"], w["vkey"], w["size"]) for w in log["witnesses"]],
          [(first.key.name, first.key.vkey, head.size)])
    equal(metric(service, "lucid_witness_size", witness=first.key.name), head.size)
    equal(metric(service, "lucid_witnessed_size"), head.size)
    assert metric(service, "lucid_witness_age_seconds") < 30
    assert first.gets >= 1, "the read side was never asked"
    # The proof in JSON keeps the head's own bytes: cosignatures come and go, it does not.
    proof = service.ok(f"/v1/receipts/{envelope.hash}/proof")
    service.checkpoint(proof["checkpoint"])

with case("heads that grow are cosigned in turn, the proofs always lead there"):
    for count in (1, 1, 7, 90, 130):
        size = grow(service, signer, count)
        witnessed(service, [first.key], size)
    equal(first.faults, 0, "malformed requests")
    assert first.olds == sorted(first.olds), first.olds
    page = service.ok("/v1/epochs/0/receipts?limit=3")["items"]
    equal([p["witnessed"] for p in page], [True] * 3)
    equal(metric(service, "lucid_witness_failures_total"), None)
    events = service.get("/v1/events?after=0&limit=1000", token=service.token).lines()
    assert any(e.get("type") == "head.cosigned" for e in events), "no head.cosigned event"

with case("an idle log asks nothing"):
    posts = first.posts
    time.sleep(0.6)
    assert first.posts <= posts + 1, (posts, first.posts)

with case("what was cosigned survives a stop, kill -9, and a witness that is gone"):
    before = service.get("/checkpoint").body
    first.mode = "hang"
    for end in (service.stop, service.kill):
        end()
        first.release.set()
        first.release.clear()
        service.start()
        equal(service.get("/checkpoint").body, before)
        equal(service.ok("/v1/log")["witnessed_size"], service.size())

with case("the service stops at once while a witness hangs"):
    grow(service, signer)
    time.sleep(0.3)
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 5 * kit.SLOW, time.monotonic() - started
    first.release.set()
    first.release.clear()
    service.start()

with case("a witness without a read side, its state not known: 409, then the right proof"):
    first.mode = "no read side"
    size = grow(service, signer, 3)
    witnessed(service, [first.key], size)
    service.restart()
    size = grow(service, signer, 3)
    posts = first.posts
    witnessed(service, [first.key], size)
    equal(first.olds[-2], 0)
    equal(first.faults, 0, "malformed requests")

with case("lines of others beside its own are no fault"):
    first.mode = "with others"
    size = grow(service, signer)
    witnessed(service, [first.key], size, [first.key.name])

# --- hostile ------------------------------------------------------------------------------------

HOSTILE = [
    (400, "refused"), (403, "forbidden"), (404, "unknown_log"), (422, "inconsistent"),
    (429, "busy"), (503, "busy"), (500, "server"), (502, "server"), (302, "redirect"),
    (307, "redirect"), (204, "status"), (418, "status"),
    ("too large", "too_large"), ("many lines", "too_large"), ("nonsense", "malformed"),
    ("no end", "malformed"), ("html", "malformed"), ("binary", "malformed"),
    ("empty", "signature"), ("other key", "signature"), ("namesake", "signature"),
    ("bad signature", "signature"), ("another text", "signature"),
    ("409 bare", "conflict"), ("409 untyped", "conflict"), ("409 garbage", "conflict"),
    ("409 negative", "conflict"), ("409 same", "conflict"), ("409 dance", "conflict"),
    ("409 above 2^64", "conflict"), ("409 beyond", "ahead"), ("hang", "unreachable"),
    ("trickle", "unreachable"),
]
away = FakeWitness("away.example/w", service.vkey)
first.away = away.url + "/add-checkpoint"
for mode, cause in HOSTILE:
    with case(f"hostile answer: {mode}"):
        first.mode = "good"
        good, _ = witnessed(service, [first.key], service.size())
        count = failures(service, first, cause)
        first.mode = mode
        size = grow(service, signer)
        wait_for(lambda: failures(service, first, cause) > count, 10, f"a failure by {cause}")
        head, names = cosigners(service.get("/checkpoint").body.decode(), service.vkey,
                                [first.key])
        equal((head.size, names), (good.size, [first.key.name]), "the older head goes on")
        equal(service.ok("/v1/log")["witnessed_size"], good.size)
        warnings = service.ok("/readyz").get("warnings", [])
        equal("witness_ahead" in warnings, cause == "ahead")
        if cause == "ahead":
            equal(metric(service, "lucid_witness_ahead"), 1)
            assert "witness.ahead" in service.log_text()
        first.mode = "good"
        first.release.set()
        first.release.clear()
        witnessed(service, [first.key], size)
        equal("witness_ahead" in service.ok("/readyz").get("warnings", []), False)
equal(away.posts, 0, "redirects followed")
equal(first.faults, 0, "malformed requests")

with case("Retry-After is kept to"):
    # The back-off alone would have asked some five times.
    first.answer, plain = (lambda handler, status, body=b"", kind="text/plain", **more:
                           plain(handler, status, body, kind,
                                 **({"Retry_After": "2"} if status == 503 else more))), first.answer
    first.mode = 503
    posts = first.posts
    grow(service, signer)
    wait_for(lambda: first.posts > posts, 5, "the question")
    time.sleep(1.5)
    equal(first.posts, posts + 1)
    first.answer, first.mode = plain, "good"
    witnessed(service, [first.key], service.size())

with case("submits are not slowed by a witness that hangs"):
    def measure():
        times = []
        for _ in range(150):
            envelope = signer.seal(maker.body("tool"))
            started = time.monotonic()
            equal(service.submit(envelope).status, 201)
            times.append(time.monotonic() - started)
        return sorted(times)
    quiet = measure()
    first.mode = "hang"
    hung = measure()
    p50, p95 = statistics.median(hung), hung[int(len(hung) * 0.95)]
    kit.note(f"median {1000 * statistics.median(quiet):.1f} ms quiet, {1000 * p50:.1f} ms hung; "
             f"p95 {1000 * quiet[int(len(quiet) * 0.95)]:.1f} and {1000 * p95:.1f} ms")
    assert p50 < 3 * statistics.median(quiet) + 0.005, (p50, statistics.median(quiet))
    assert hung[-1] < 0.6 * kit.SLOW + 3 * quiet[-1], "a submit waited for the witness"
    first.mode = "good"
    first.release.set()
    first.release.clear()
    witnessed(service, [first.key], service.size())

# --- a quorum -----------------------------------------------------------------------------------

with case("2 of 3: one dead, one hangs: the head is served as before; a second one makes it"):
    service.stop()
    second = FakeWitness("w2.example/w", service.vkey, mode="hang")
    third = Cosigner("w3.example/w")
    several = policy(service, f"witness a {first.key.vkey} {first.url}\n"
                     f"witness b {second.key.vkey} {second.url}\n"
                     f"witness c {third.vkey} http://127.0.0.1:{dead_port()}/\n"
                     "group g 2 a b c\nquorum g\n", "several")
    service.start(witness_policy=several)
    keys = [first.key, second.key, third]
    envelope = signer.seal(maker.body("tool"))
    service.submit(envelope)
    size = service.size()
    wait_for(lambda: metric(service, "lucid_witness_size", witness=first.key.name) == size, 10,
             "the first witness")
    equal(service.ok("/v1/log")["witnessed_size"], None)
    path = f"/v1/receipts/{envelope.hash}"
    equal(service.ok(path, token=service.token)["witnessed"], False)
    head, names = witnessed(service, keys, size)
    equal(names, [first.key.name])  # the newest head as it is: one line is there already
    second.mode = "good"
    second.release.set()
    second.release.clear()
    head, names = witnessed(service, keys, size, [first.key.name, second.key.name], 20)
    wait_for(lambda: service.ok("/v1/log")["witnessed_size"] == size, 10, "witnessed_size")
    equal(service.ok(path, token=service.token)["witnessed"], True)
    assert metric(service, "lucid_witness_failures_total", witness=third.name,
                  cause="unreachable") >= 1

with case("a head that only one has cosigned does not replace one with a quorum"):
    second.mode = 500
    more = grow(service, signer)
    wait_for(lambda: metric(service, "lucid_witness_size", witness=first.key.name) == more, 10,
             "the first witness")
    head, names = cosigners(service.get("/checkpoint").body.decode(), service.vkey, keys)
    equal((head.size, names), (size, [first.key.name, second.key.name]))
    second.mode = "good"
    witnessed(service, keys, more, [first.key.name, second.key.name], 20)

with case("what was served without a quorum is not taken back when one comes"):
    fourth = FakeWitness("w4.example/w", service.vkey, mode="hang")
    service.restart(witness_policy=policy(
        service, f"witness d {fourth.key.vkey} {fourth.url}\nquorum d\n", "late"))
    seen = [grow(service, signer)]
    for turn in range(40):
        if turn == 10:
            fourth.mode = "late"  # the head is an old one when its cosignature comes
            fourth.release.set()
            fourth.release.clear()
        grow(service, signer)
        text = service.get("/checkpoint").body.decode()
        seen.append(cosigners(text, service.vkey, [fourth.key])[0].size)
        time.sleep(0.03)
    assert seen[1:] == sorted(seen[1:]), seen
    witnessed(service, [fourth.key], service.size(), [fourth.key.name], 20)

with case("quorum none: every head counts; no policy: nothing of it shows"):
    service.restart(witness_policy=policy(service, "quorum none\n", "none"))
    size = grow(service, signer)
    witnessed(service, [], size)
    envelope = signer.seal(maker.body("tool"))
    service.submit(envelope)
    witnessed(service, [], size + 1)
    equal(service.ok(f"/v1/receipts/{envelope.hash}", token=service.token)["witnessed"],
          True)
    service.stop()
    del service.settings["witness_policy"]
    service.start()
    log = service.ok("/v1/log")
    assert "witnesses" not in log and "witnessed_size" not in log, log
    assert "witnessed" not in service.submit(signer.seal(maker.body("tool"))).json()
    service.checkpoint()
    equal(metric(service, "lucid_witnessed_size"), None)
    service.stop()

# --- the start ----------------------------------------------------------------------------------

with case("a policy that is missing, malformed, or for another log stops the start"):
    other = Cosigner("other.example/x")
    bad = {
        "no such file": None,
        "line 2": f"witness a {other.vkey}\nquorum b\n",
        "line 1": "quorum\n",
        "not this one's key": "log example.com/foo+530d903a+"
                              "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\nquorum none\n",
        "not http://": f"witness a {other.vkey} ftp://w.example/\nquorum a\n",
    }
    for text, content in bad.items():
        path = os.path.join(service.base, "nowhere") if content is None else \
            policy(service, content, "bad")
        kit.refuses_to_start(service.data, "" if content is None else text, "--witness-policy",
                             path)

with case("a store that lacks what a witness has cosigned does not start"):
    copy = os.path.join(base, "copy")
    shutil.copytree(service.data, copy)  # with its published.head: only the witness knows better
    service.start(witness_policy=one)
    size = grow(service, signer, 5)
    witnessed(service, [first.key], size)
    service.stop()
    kit.refuses_to_start(copy, "witness", *[f for k, v in FAST.items() for f in
                                            ("--" + k.replace("_", "-"), str(v))],
                         "--witness-policy", one)
    # A witness that only claims so, without our signature, stops nothing.
    first.mode = "forged read side"
    service.start(witness_policy=one)
    size = grow(service, signer)
    witnessed(service, [first.key], size)
    first.mode = "good"
    service.stop()

# --- real witnesses -----------------------------------------------------------------------------


class Program:
    """lucid-witness with a key of its own."""

    def __init__(self, name, log):
        self.base = kit.scratch()
        self.files = [os.path.join(self.base, f) for f in ("key", "state", "logs", "text")]
        key, state, logs, text = self.files
        with open(logs, "w", encoding="utf-8") as file:
            file.write(log + "\n")
        self.vkey = subprocess.run([WITNESS, "--init", name, "--key", key, "--state", state],
                                   check=True, capture_output=True).stdout.decode().strip()
        self.name, digits, blob = self.vkey.split("+", 2)
        self.id, self.public = bytes.fromhex(digits), base64.b64decode(blob)[1:]
        with open(text, "ab") as log_file:
            self.process = subprocess.Popen(
                [WITNESS, "--key", key, "--state", state, "--logs", logs, "--listen",
                 "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log_file, env=kit.environment())
        kit._services.append(self)
        self.url = self.process.stdout.readline().decode().split()[2]

    def end(self):
        self.process.terminate()
        equal(self.process.wait(timeout=20 * kit.SLOW), 0)
        self.process.stdout.close()


with case("cosigned by our witness and by a second instance with another key: the policy is met"):
    with open(os.path.join(service.data, "vkey"), encoding="utf-8") as file:
        vkey = file.read().strip()
    programs = [Program(f"program{i}.example/w", vkey) for i in range(2)]
    both = policy(service, f"log {vkey}\n" + "".join(
        f"witness p{i} {p.vkey} {p.url}\n" for i, p in enumerate(programs)) +
        "group both all p0 p1\nquorum both\n", "both")
    service.start(witness_policy=both)
    for count in (1, 3, 120):
        size = grow(service, signer, count)
        head, names = witnessed(service, programs, size, [p.name for p in programs])
    service.restart(witness_policy=both)
    size = grow(service, signer, 2)
    witnessed(service, programs, size, [p.name for p in programs])
    equal(metric(service, "lucid_witness_failures_total"), None)

with case("lucid verify --policy: a tlog-proof under the quorum is valid, all else is not"):
    url = ("--url", f"http://127.0.0.1:{service.port}")
    envelope = signer.seal(maker.body("tool"))
    service.submit(envelope)
    head, _ = witnessed(service, programs, service.size(), [p.name for p in programs])
    receipt, proof = (os.path.join(service.base, name) for name in ("r.json", "p"))
    with open(receipt, "wb") as file:
        file.write(envelope.wire())

    def verdict(want, step, *arguments):
        status, out, err = kit.lucid("verify", proof, "--receipt", receipt, "--json", *arguments)
        equal(status, want, repr((out, err)))
        if step:
            found = {s["name"]: s["outcome"] for s in json.loads(out)["steps"]}
            equal(found.pop("cosignatures"), step)
            return found
        return None

    answer = service.get(f"/v1/receipts/{envelope.hash}/proof?tree_size={head.size}",
                         headers={"Accept": "text/plain"})
    with open(proof, "wb") as file:
        file.write(answer.body)
    steps = verdict(0, "passed", "--vkey", vkey, "--policy", both)
    assert set(steps.values()) == {"passed"}, steps
    three = policy(service, f"witness p0 {programs[0].vkey}\nwitness p1 {programs[1].vkey}\n"
                   f"witness c {third.vkey}\ngroup all3 all p0 p1 c\nquorum all3\n", "three")
    verdict(1, "failed", "--vkey", vkey, "--policy", three)
    verdict(4, "skipped", "--vkey", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYc"
            "rnKv3U2k", "--policy", both)
    verdict(2, None, "--vkey", vkey, "--policy", policy(service, "quorum\n", "bad"))
    equal(kit.lucid("verify", "--consistency", proof, "--from", proof, "--policy", both)[0], 2)
    whole = answer.body
    with open(proof, "wb") as file:  # one bit of the last cosignature
        file.write(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    verdict(1, "failed", "--vkey", vkey, "--policy", both)
    with open(proof, "wb") as file:  # without it
        file.write(whole[:whole[:-1].rindex(b"\n") + 1])
    verdict(1, "failed", "--vkey", vkey, "--policy", both)
    answer = service.get(f"/v1/receipts/{envelope.hash}/proof?tree_size={head.size}")
    with open(proof, "wb") as file:
        file.write(answer.body)
    verdict(1, "failed", "--vkey", vkey, "--policy", both)
    service.stop()
    for program in programs:
        program.end()

with case("fsck passes a log with cosignatures, and its replay makes the same tables"):
    kit.run_lucid("log", "fsck", "--data", service.data)
    kit.run_lucid("log", "replay", "--data", service.data, "--check")

first.close()
second.close()
away.close()
kit.done()
