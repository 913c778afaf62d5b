#!/usr/bin/env python3
"""Two logs from one backup, both run with the log's keys: our witness cosigns the one and refuses
the other, and a mirror that has seen the one tells the other. The real programs, nothing faked."""

import base64
import json
import os
import subprocess

import kit
from kit import case, equal, wait_for
from kit_receipts import Maker
from kit_witness import cosigners

maker = Maker("68")
base = kit.scratch()


class Witness:
    """lucid-witness for one log."""

    def __init__(self, name, vkey):
        self.folder = kit.scratch()
        program = kit.program("LUCID_WITNESS", "tools/lucid-witness")
        files = []
        for part in ("key", "state"):
            files += ["--" + part, os.path.join(self.folder, part)]
        made = subprocess.run([program, "--init", name, *files], capture_output=True, check=True,
                              timeout=30 * kit.SLOW)
        self.vkey = made.stdout.decode().strip()
        self.name, digits, blob = self.vkey.split("+", 2)
        self.id, self.public = bytes.fromhex(digits), base64.b64decode(blob)[1:]
        logs = os.path.join(self.folder, "logs")
        with open(logs, "w", encoding="utf-8") as file:
            file.write(vkey + "\n")
        with open(os.path.join(self.folder, "text"), "wb") as text:
            self.process = subprocess.Popen(
                [program, *files, "--logs", logs, "--listen", "127.0.0.1:0"],
                stdout=subprocess.PIPE, stderr=text, env=kit.environment())
        kit._services.append(self)
        self.url = self.process.stdout.readline().decode().split()[2]

    def text(self):
        with open(os.path.join(self.folder, "text"), encoding="utf-8") as file:
            return file.read()

    def evidence(self):
        return [name for name in os.listdir(self.folder) if ".fork-" in name]

    def end(self):
        self.process.terminate()
        equal(self.process.wait(timeout=20 * kit.SLOW), 0)
        self.process.stdout.close()
        assert not kit.TROUBLE.search(self.text().encode()), self.text()


def grow(service, signer, count):
    service.batch_ok(signer.seal_all(maker.bodies(count)))
    return service.size()


def lines_of(service):
    return cosigners(service.get("/checkpoint").body.decode(), service.vkey, [witness])


def witnessed(service, size):
    def probe():
        head, names = lines_of(service)
        return head if head.size >= size and names == [witness.name] else None
    return wait_for(probe, 20, f"a head of {size} with the witness's line")


def failures(service, cause):
    total = 0
    for line in service.get("/metrics").body.decode().splitlines():
        if line.startswith("lucid_witness_failures_total{") and f'cause="{cause}"' in line:
            total += int(float(line.rsplit(" ", 1)[1]))
    return total


def mirror(service, directory):
    status, out, err = kit.lucid(
        "log", "mirror", directory, "--url", f"http://127.0.0.1:{service.port}", "--vkey",
        os.path.join(service.data, "vkey"), "--token-file",
        os.path.join(service.data, "admin.token"), "--json")
    assert out, (status, err)
    return status, json.loads(out.splitlines()[-1])


log = kit.Service(start=False)
with open(os.path.join(log.data, "vkey"), encoding="utf-8") as file:
    witness = Witness("fork.example/w", file.read().strip())
policy = os.path.join(base, "policy")
with open(policy, "w", encoding="utf-8") as file:
    file.write(f"witness w {witness.vkey} {witness.url}\nquorum w\n")
log.settings = {"witness_policy": policy, "witness_interval_ms": 100, "head_interval_ms": 50}
log.start()
signer = log.new_signer("s")
witnessed(log, grow(log, signer, 30))

with case("a backup restored while the log has not gone on is the same log to its witness"):
    spot = os.path.join(base, "backup")
    kit.run_lucid("log", "backup", "--data", log.data, "--to", spot)
    folder = os.path.join(base, "twin")
    os.mkdir(folder)
    kit.run_lucid("log", "restore", "--verify", spot, "--data", os.path.join(folder, "log"),
                  "--keys", log.data)
    with open(os.path.join(spot, "backup.json"), encoding="utf-8") as file:
        size = json.load(file)["size"]
    kit.run_lucid("log", "accept-head", "--data", os.path.join(folder, "log"), "--size", str(size))
    twin = kit.Service(folder, init=False, **log.settings)
    equal(twin.get("/checkpoint").body, log.get("/checkpoint").body)
    copy = os.path.join(base, "copy")
    status, said = mirror(log, copy)
    equal(status, 0, repr(said))
    status, said = mirror(twin, copy)
    equal(status, 0, repr(said))

with case("they part: the witness goes with the first and refuses the other, at every size"):
    head = witnessed(log, grow(log, signer, 12))
    other = twin.new_signer("other")
    count = failures(twin, "inconsistent")
    for more in (5, 20, 3):  # smaller than what it has cosigned, then larger
        size = grow(twin, other, more)
        wait_for(lambda: failures(twin, "inconsistent") + failures(twin, "ahead") > count, 20,
                 "a refusal")
        count = failures(twin, "inconsistent") + failures(twin, "ahead")
    assert failures(twin, "inconsistent") > 0, twin.log_text()[-2000:]
    served, names = lines_of(twin)
    assert served.size < head.size, (served.size, head.size)  # what it had before they parted
    assert twin.ok("/v1/log")["witnessed_size"] == served.size
    assert '"witness.failed"' in twin.log_text() or "witness.failed" in twin.log_text()

with case("the first one is cosigned as before, by a witness that kept to it"):
    equal(failures(log, "inconsistent") + failures(log, "conflict"), 0)
    head = witnessed(log, grow(log, signer, 7))
    equal(log.ok("/v1/log")["witnessed_size"], head.size)

with case("the mirror tells the fork, with both heads, and stays with what it verified"):
    status, said = mirror(log, copy)
    equal(status, 0, repr(said))
    status, said = mirror(twin, copy)
    equal((status, said["error"]["code"]), (1, "LOG_FORKED"), repr(said))
    assert os.path.exists(os.path.join(said["evidence"], "report.json"))
    status, said = mirror(log, copy)
    equal(status, 0, repr(said))

with case("the other one does not start again: its witness holds another head of its key"):
    twin.stop()
    ended = subprocess.run(
        [kit.LUCIDD, "--data", twin.data, "--listen", "127.0.0.1:0", "--witness-policy", policy],
        capture_output=True, check=False, timeout=60 * kit.SLOW, env=kit.environment())
    assert ended.returncode not in (0, -9), ended
    equal(ended.stdout, b"")
    assert b"witness" in ended.stderr, ended.stderr
    assert not kit.TROUBLE.search(ended.stderr), ended.stderr

with case("the newest cosigned head is older than what was published meanwhile: no rollback"):
    witness.end()
    log.stop()
    settings = log.settings
    log.settings = {"head_interval_ms": 50}
    log.start()
    size = grow(log, signer, 9)
    log.covered(size)
    status, said = mirror(log, copy)
    equal((status, said["published_size"]), (0, size), repr(said))
    log.stop()
    log.settings = settings
    log.start()
    size = grow(log, signer, 4)
    served, names = lines_of(log)
    assert served.size < size - 4 and names == [witness.name], (served.size, names)
    for _ in range(2):
        status, said = mirror(log, copy)
        equal((status, said.get("published_size")), (0, served.size), repr(said))
    log.stop()

kit.done()
