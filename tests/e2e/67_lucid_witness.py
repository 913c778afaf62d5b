#!/usr/bin/env python3
"""lucid-witness: the statuses of tlog-witness, forks, its state through kills and corruption."""

import base64
import hashlib
import os
import random
import shutil
import subprocess
import threading
import time

import kit
from kit import case, equal
from kit_tree import EMPTY, leaf_hash, node_hash, sha256

WITNESS = kit.program("LUCID_WITNESS", "tools/lucid-witness")
SIZE_TYPE = "text/x.tlog.size"
rng = random.Random(67)


def root_of(leaves):
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root_of(leaves[:k]), root_of(leaves[k:]))


def proof_of(m, leaves, whole=True):
    """RFC 9162 2.1.4.1"""
    if m == len(leaves):
        return [] if whole else [root_of(leaves)]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if m <= k:
        return proof_of(m, leaves[:k], whole) + [root_of(leaves[k:])]
    return proof_of(m - k, leaves[k:], False) + [root_of(leaves[:k])]


class Log:
    """A log in Python: leaves, heads, proofs."""

    def __init__(self, name, leaves=300):
        self.name = name
        self.seed = sha256(b"e2e log " + name.encode())
        raw = b"\x01" + bytes.fromhex(kit.ED25519.public(self.seed))
        self.id = sha256(name.encode() + b"\n" + raw)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(raw).decode()}"
        self.leaves = [leaf_hash(b"%s %d" % (name.encode(), i)) for i in range(leaves)]

    def note(self, size, root=None, extra=""):
        root = root_of(self.leaves[:size]) if root is None else root
        text = f"{self.name}\n{size}\n{base64.b64encode(root).decode()}\n{extra}"
        signature = bytes.fromhex(kit.ED25519.sign(self.seed, [text.encode()])[0])
        return text + f"\n\u2014 {self.name} {base64.b64encode(self.id + signature).decode()}\n"

    def body(self, old, new, note=None, proof=None):
        if proof is None:
            proof = proof_of(old, self.leaves[:new]) if 0 < old <= new else []
        lines = "".join(base64.b64encode(h).decode() + "\n" for h in proof)
        return (f"old {old}\n{lines}\n" + (note or self.note(new))).encode()

    @property
    def path(self):
        return "/" + hashlib.sha256(self.name.encode()).hexdigest() + "/checkpoint"


class Witness:
    def __init__(self, name, logs):
        self.base = kit.scratch()
        self.key, self.state = (os.path.join(self.base, f) for f in ("key", "state"))
        self.logs = os.path.join(self.base, "logs")
        with open(self.logs, "w", encoding="utf-8") as file:
            file.write("# trusted\n\n" + "".join(f"log {log.vkey} https://x.example\n"
                                                 if i % 2 else log.vkey + "\n"
                                                 for i, log in enumerate(logs)) +
                       f"witness w {name}+01020304+AAAA\ngroup g all w\n quorum g\n")
        self.vkey = self.run("--init", name).stdout.decode().strip()
        self.name, digits, key = self.vkey.split("+", 2)
        raw = base64.b64decode(key)
        assert raw[0] == 4 and sha256(self.name.encode() + b"\n" + raw)[:4].hex() == digits
        self.public, self.id = raw[1:], bytes.fromhex(digits)
        self.process = None
        kit._services.append(self)

    def run(self, *arguments, want=0):
        ended = subprocess.run([WITNESS, "--key", self.key, "--state", self.state, *arguments],
                               capture_output=True, check=False, timeout=20 * kit.SLOW,
                               env=kit.environment())
        equal(ended.returncode, want, repr(ended.stderr))
        assert not kit.TROUBLE.search(ended.stderr), ended.stderr
        return ended

    def start(self):
        with open(os.path.join(self.base, "log.txt"), "ab") as log:
            self.process = subprocess.Popen(
                [WITNESS, "--key", self.key, "--state", self.state, "--logs", self.logs,
                 "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log,
                env=kit.environment())
        timer = threading.Timer(20 * kit.SLOW, self.process.kill)
        timer.start()
        line = self.process.stdout.readline().decode()
        timer.cancel()
        assert line.startswith("listening on http://127.0.0.1:"), (line, self.text())
        self.client = kit.Client(int(line.rsplit(":", 1)[1]))

    def text(self):
        with open(os.path.join(self.base, "log.txt"), encoding="utf-8") as file:
            return file.read()

    def end(self, kill=False):
        (self.process.kill if kill else self.process.terminate)()
        status = self.process.wait(timeout=20 * kit.SLOW)
        equal(status, -9 if kill else 0)
        self.process.stdout.close()
        assert not kit.TROUBLE.search(self.text().encode()), self.text()

    def add(self, body):
        return self.client.post("/add-checkpoint", body)

    def cosigned(self, note, line):
        """The line is this witness's cosignature on the note; its time."""
        dash, name, blob = line.rstrip("\n").split(" ")
        raw = base64.b64decode(blob, validate=True)
        assert (dash, name, raw[:4], len(raw)) == ("\u2014", self.name, self.id, 76), line
        when = int.from_bytes(raw[4:12], "big")
        text = note.split("\n\n", 1)[0] + "\n"
        message = f"cosignature/v1\ntime {when}\n{text}".encode()
        assert kit.ED25519.verify(self.public, raw[12:], message), "cosignature"
        return when

    def good(self, log, old, new):
        answer = self.add(log.body(old, new))
        equal(answer.status, 200, repr(answer))
        when = self.cosigned(log.note(new), answer.body.decode())
        assert abs(when - time.time()) < 60, when

    def refused(self, body, status):
        answer = self.add(body)
        equal(answer.status, status, repr(answer))
        assert b"\xe2\x80\x94" not in answer.body, answer
        return answer


one, two, stranger = Log("one.example/log"), Log("two.example/log"), Log("stranger.example/log")
long = Log("long.example/log", leaves=1500)
witness = Witness("witness.example/w", [one, two, long])

with case("--init: key 0600, a state, a key that is not replaced; usage errors"):
    equal(os.stat(witness.key).st_mode & 0o777, 0o600)
    witness.run("--init", "witness.example/other", want=1)
    witness.run(want=2)
    witness.run("--bad", want=2)
    ended = subprocess.run([WITNESS, "--init", "a+b", "--key", witness.key + "2", "--state",
                            witness.state + "2"], capture_output=True, check=False)
    equal(ended.returncode, 1)
    assert not os.path.exists(witness.key + "2") and not os.path.exists(witness.state + "2")

witness.start()
with case("heads that grow are cosigned, and so is the same head again"):
    for old, new in ((0, 1), (1, 1), (1, 2), (2, 7), (7, 8), (8, 100), (100, 100), (100, 250)):
        witness.good(one, old, new)
    witness.good(two, 0, 0)
    witness.good(two, 0, 0)
    witness.good(two, 0, 33)
    served = witness.client.get(one.path)
    equal(served.status, 200)
    text = served.body.decode()
    note, line = text.rsplit("\n", 2)[0] + "\n", text.split("\n")[-2]
    equal(note, one.note(250))
    witness.cosigned(note, line)
    equal(witness.client.get(stranger.path).status, 404)
    equal(witness.client.get("/zz/checkpoint").status, 404)

with case("lines that anybody can add do not fill the state: it opens again"):
    log = Log("padded.example/log")
    with open(witness.logs, "a", encoding="utf-8") as file:
        file.write(log.vkey + "\n")
    witness.end()
    witness.start()
    plain = log.note(5)
    own = plain.split("\n\n", 1)[1]
    junk = f"\u2014 {log.name} {base64.b64encode(b'junk' + bytes(64)).decode()}\n"
    kept = None  # the first answer's line: the same head again changes nothing
    for padded in (junk * 63 + own, own * 64, own + junk * 63):
        note = plain[:-len(own)] + padded
        answer = witness.add(b"old 0\n\n" + note.encode() if padded.startswith(junk)
                             else b"old 5\n\n" + note.encode())
        equal(answer.status, 200, repr(answer))
        witness.cosigned(plain, answer.body.decode())
        kept = kept or answer.body.decode()
        served = witness.client.get(log.path).body.decode()
        equal(served, plain + kept)
        witness.end()
        witness.start()
        equal(witness.client.get(log.path).body.decode(), served)

with case("every refusal of the specification"):
    witness.refused(stranger.body(0, 5), 404)
    other = Log(one.name)
    other.seed = sha256(b"another key")
    witness.refused(other.body(250, 251), 403)
    witness.refused(one.body(250, 251, note=one.note(251).replace("\n251\n", "\n252\n")), 403)
    witness.refused(one.body(251, 250), 400)
    for old in (0, 100, 249, 251):
        answer = witness.refused(one.body(old, 280), 409)
        equal((answer.header("content-type"), answer.body), (SIZE_TYPE, b"250\n"))
    proof = proof_of(250, one.leaves[:280])
    for bad in ([], proof[:-1], proof + [EMPTY], [EMPTY] + proof[1:], proof[::-1]):
        witness.refused(one.body(250, 280, proof=bad), 422)
    witness.refused(one.body(250, 250, note=one.note(250, root=sha256(b"x"))), 422)
    witness.refused(two.body(33, 33, proof=[EMPTY]), 422)
    empty = long.note(0, root=sha256(b"x"))
    witness.refused(long.body(0, 0, note=empty), 422)
    witness.refused(long.body(0, 0, note=empty.replace("\n0\n", "\n1\n")), 403)
    witness.refused(long.body(0, 0, note=long.note("00", root=EMPTY)), 400)
    witness.refused(stranger.body(0, 0, note=stranger.note(0, root=sha256(b"x"))), 404)
    good = one.body(250, 280)
    for bad in (b"", b"old\n", good.replace(b"old 250", b"old 0250"), good[:-1], good + b"x",
                good.replace(b"old 250", b"old -1"), good.replace(b"\n\n", b"\n", 1),
                good.replace(b"old ", b"new "), b"old 250\n" + b"A" * 44 + b"\n" * 3,
                good.replace(b"old 250\n", b"old 250\n" + b"A" * 43 + b"=\n" * 1 + b"A\n")):
        witness.refused(bad, 400)
    answer = witness.client.post("/add-checkpoint", b"old 0\n" + b"x" * 200000)
    equal(answer.status, 413)
    equal(witness.client.get("/add-checkpoint").status, 405)
    witness.good(one, 250, 280)

with case("a fork is refused at every size and leaves evidence when the log convicts itself"):
    for name in os.listdir(witness.base):
        if ".fork-" in name:  # of the case before: one file a log is kept
            os.unlink(os.path.join(witness.base, name))
    fork = Log(one.name)
    fork.leaves[270] = sha256(b"rewritten")
    for new in (280, 281, 300):
        witness.refused(fork.body(280, new), 422)
    witness.refused(fork.body(200, 280), 409)
    found = [name for name in os.listdir(witness.base) if ".fork-" in name]
    equal(len(found), 1, "evidence files")
    with open(os.path.join(witness.base, found[0]), encoding="utf-8") as file:
        kept = file.read()
    assert fork.note(280) in kept and one.note(280) in kept
    assert "witness.fork" in witness.text()
    witness.good(one, 280, 281)

with case("one state, one witness: a second process is refused"):
    ended = witness.run("--logs", witness.logs, "--listen", "127.0.0.1:0", want=1)
    assert b"another witness" in ended.stderr, ended.stderr

with case("30 kills while heads are cosigned: never behind what was answered"):
    witness.end()
    bodies = {}
    size = 0
    for turn in range(30):
        witness.start()
        known = {size}
        stop = threading.Timer(rng.uniform(0.005, 0.05), witness.process.kill)
        stop.start()
        sent = size
        try:
            while size < 1490:
                sent = size + rng.randrange(1, 4)
                answer = witness.add(long.body(size, sent))
                equal(answer.status, 200, repr(answer))
                size = sent
        except (OSError, kit.http.client.HTTPException):
            pass
        stop.join()
        witness.process.wait(timeout=20)
        witness.process.stdout.close()
        witness.start()
        got = int(witness.client.get(long.path).body.split(b"\n")[1]) if size or \
            witness.client.get(long.path).status == 200 else 0
        assert got in (size, sent), (turn, got, size, sent)
        size = got
        witness.end(kill=True)
    kit.note(f"{size} leaves were cosigned through 30 kills")

with case("a state that was lost, changed or cut, or a log that left the list: refused"):
    with open(witness.state, "rb") as file:
        good = file.read()
    start = ["--logs", witness.logs, "--listen", "127.0.0.1:0"]
    for _ in range(60):
        bad = bytearray(good)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        with open(witness.state, "wb") as file:
            file.write(bad)
        witness.run(*start, want=1)
    for cut in (0, 1, 30, len(good) // 2, len(good) - 1):
        with open(witness.state, "wb") as file:
            file.write(good[:cut])
        witness.run(*start, want=1)
    os.unlink(witness.state)
    witness.run(*start, want=1)
    with open(witness.state, "wb") as file:
        file.write(good)
    shutil.copy(witness.logs, witness.logs + ".all")
    with open(witness.logs, "w", encoding="utf-8") as file:
        file.write(two.vkey + "\n")
    witness.run(*start, want=1)
    shutil.move(witness.logs + ".all", witness.logs)
    os.chmod(witness.key, 0o644)
    witness.run(*start, want=1)
    os.chmod(witness.key, 0o600)

with case("a state that cannot be written: 503, no cosignature; afterwards it goes on"):
    witness.start()
    hold = os.path.join(witness.base, f"state.tmp.{witness.process.pid}")
    os.mkdir(hold)  # the temporary file's name is taken
    witness.refused(one.body(281, 282), 503)
    os.rmdir(hold)
    witness.good(one, 281, 282)
    witness.end()

kit.done()
