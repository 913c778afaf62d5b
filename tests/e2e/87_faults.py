#!/usr/bin/env python3
"""Faults around the store: backups killed at random moments, full disks under source, target and
start, a full map, no descriptors left. A clear error each time, nothing lost, the service goes on.
Disk and map under load are 80_disk.py, the clock is in the tests of the writer and the sim."""

import json
import os
import random
import re
import resource
import signal
import subprocess
import threading
import time

import kit
from kit import case, equal
from kit_receipts import Maker

MIB = 1 << 20
ROUNDS = 24
seed = int(os.environ.get("LUCID_SEED", "0")) or random.randrange(1 << 32)
kit.note(f"LUCID_SEED={seed}")
chance = random.Random(seed)
maker = Maker("87")


class Load:
    """One client that submits single receipts until it is stopped."""

    def __init__(self, service, signer):
        self.service, self.signer = service, signer
        self.acked, self.stop, self.trouble = [], threading.Event(), None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        client = kit.Client(self.service.port)
        try:
            while not self.stop.is_set():
                envelope = self.signer.seal(maker.body())
                answer = client.post("/v1/receipts", envelope.wire())
                equal(answer.status, 201)
                self.acked.append((envelope, answer.json()))
                time.sleep(0.002)
        except Exception as error:  # pylint: disable=broad-except
            self.trouble = error
        client.close()

    def end(self):
        self.stop.set()
        self.thread.join()
        if self.trouble:
            raise self.trouble
        return self.acked


def metric(service, name):
    text = service.get("/metrics", token=service.token).body.decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))


def entries(folder):
    return sorted(os.listdir(folder))


service = kit.Service(head_interval_ms=100, disk_reserve_bytes=0)
signer = service.new_signer("s")
for _ in range(4):
    service.batch_ok(signer.seal_all(maker.bodies(1000)))
base = kit.scratch()
target = os.path.join(base, "backup")

with case(f"kill -9 at {ROUNDS} random moments of a backup: nothing under its name, no harm done"):
    idle_readers = metric(service, "lucid_store_readers")
    load = Load(service, signer)
    partial = whole = 0
    slots = 0
    started = time.monotonic()
    kit.run_lucid("log", "backup", "--data", service.data, "--to", target, "--rate", "16")
    took = time.monotonic() - started  # the kills fall into it on any machine
    kit.shutil.rmtree(target)
    for _ in range(ROUNDS):
        child = subprocess.Popen([kit.LUCID, "log", "backup", "--data", service.data, "--to",
                                  target, "--rate", "16"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=kit.environment())
        time.sleep(chance.uniform(0, took))
        child.kill()
        child.wait()
        slots = max(slots, metric(service, "lucid_store_readers"))
        if os.path.exists(target):  # it was quick enough
            whole += 1
            kit.run_lucid("log", "restore", "--verify", target)
            kit.shutil.rmtree(target)
        elif entries(base) == ["backup.partial"]:
            partial += 1
        else:
            equal(entries(base), [])
    acked = load.end()
    kit.note(f"{partial} left a partial one, {whole} were whole; {len(acked)} receipts accepted "
             f"meanwhile; reader slots: {idle_readers:.0f} before, at most {slots:.0f}")
    assert partial >= ROUNDS // 4, "the kills hit nothing"

with case("the next backup uses what is left, and frees the slots of the killed ones"):
    result = json.loads(kit.run_lucid("log", "backup", "--data", service.data, "--to", target,
                                      "--rate", "0", "--json"))
    equal(entries(base), ["backup"])
    equal(result["leaves"], 4000 + len(acked))
    # The service reads at times as well: a snapshot of its own is seen for a moment.
    kit.wait_for(lambda: metric(service, "lucid_store_readers") <= idle_readers and metric(
        service, "lucid_store_oldest_reader_lag_commits") == 0, 10, "the slots are free")
    equal(service.size(), 4000 + len(acked))
    for envelope, placement in acked[-200:]:
        got = service.ok("/v1/receipts/" + envelope.hash, token=service.token)
        equal(got["leaf_index"], placement["leaf_index"])
    service.restart()
    equal(service.size(), 4000 + len(acked))

with case("two backups to one name: the second is told so"):
    first = subprocess.Popen([kit.LUCID, "log", "backup", "--data", service.data, "--to",
                              target + "-two", "--rate", "1"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env=kit.environment())
    kit.wait_for(lambda: os.path.exists(target + "-two.partial/store/data.mdb"))
    status, out, _ = kit.lucid("log", "backup", "--data", service.data, "--to", target + "-two",
                               "--json")
    first.kill()
    first.wait()
    assert status in (1, 3), status
    equal(json.loads(out)["error"]["code"], "BUSY")

# --- disks that are full ------------------------------------------------------------------------


class Tmpfs:
    def __init__(self, size):
        self.path = kit.scratch()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path]
        self.mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0

    def __enter__(self):
        return self

    def fill(self, leave=0):
        """Ballast, until not a page is left (or `leave` bytes are)."""
        with open(os.path.join(self.path, "ballast"), "ab", buffering=0) as file:
            try:
                while True:
                    free = os.statvfs(self.path)
                    free = free.f_bavail * free.f_frsize - leave
                    if free <= 0:
                        return
                    file.write(b"x" * min(free, MIB))
            except OSError:
                pass

    def free(self):
        os.unlink(os.path.join(self.path, "ballast"))

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path], check=False)


def start_fails(service):
    """The service must say why and exit by itself, not by a signal."""
    process = subprocess.run([kit.LUCIDD, "--data", service.data, "--listen", "127.0.0.1:0",
                              "--disk-reserve-bytes", "0"], capture_output=True, check=False,
                             timeout=30 * kit.SLOW, env=kit.environment())
    text = process.stderr.decode(errors="replace")
    assert process.returncode > 0, f"ended with {process.returncode}: {text[-500:]}"
    assert not kit.TROUBLE.search(process.stderr), text[-1000:]
    return text.strip().splitlines()[-1]


with Tmpfs("3m") as disk:
    if disk.mounted:
        with case("backup to a disk that fills: a clear error, nothing left there"):
            path = os.path.join(disk.path, "backup")
            status, out, _ = kit.lucid("log", "backup", "--data", service.data, "--to", path,
                                       "--rate", "0", "--json")
            assert status != 0
            error = json.loads(out)["error"]
            kit.note(error["message"])
            equal(error["code"], "DISK_FULL")
            assert "No space left" in error["message"], error
            equal(entries(disk.path), [])
            equal(service.submit(signer.seal(maker.body())).status, 201)
        with case("restore to a disk that fills: the same"):
            status, out, _ = kit.lucid("log", "restore", target, "--data",
                                       os.path.join(disk.path, "log"), "--json")
            assert status != 0
            equal(json.loads(out)["error"]["code"], "DISK_FULL")
            equal(entries(disk.path), [])
    else:
        kit.skip("backup and restore to a full disk", "no right to mount")

with Tmpfs("8m") as disk:
    if disk.mounted:
        with case("start on a completely full disk: an error in words; with room again, it starts"):
            full = kit.Service(disk.path, disk_reserve_bytes=0)
            hands = full.new_signer("s")
            envelopes = hands.seal_all(maker.bodies(50))
            full.batch_ok(envelopes)
            full.stop()
            os.unlink(os.path.join(full.data, "store/lock.mdb"))  # as after a restore
            disk.fill()
            kit.note(start_fails(full))
            for command in (("log", "info", "--data", full.data),
                            ("log", "backup", "--data", full.data, "--to",
                             os.path.join(base, "from-full"))):
                status, out, err = kit.lucid(*command, "--json")
                assert status in (0, 1, 3), (status, out, err)
                if status:
                    assert json.loads(out)["error"]["message"], out
            disk.free()
            full.start()
            equal(full.size(), 50)
            full.stop()
        with case("the disk fills while it serves and idles: it answers, and starts again later"):
            full.start()
            disk.fill()
            for envelope in envelopes[:5]:
                equal(full.get("/v1/receipts/" + envelope.hash, token=full.token).status, 200)
            equal(full.get("/healthz").status, 200)
            time.sleep(1.5)  # the published head is kept every second
            equal(full.get("/healthz").status, 200)
            full.process.send_signal(signal.SIGTERM)
            status = full.wait()
            assert status >= 0, status
            disk.free()
            full.start()
            equal(full.size(), 50)
            full.batch_ok(hands.seal_all(maker.bodies(50)))
            full.covered(100)
            full.stop()
        with case("a full disk at the end of the reserve: erasures and receipts are refused, 507"):
            full.start(disk_reserve_bytes=64 * 1024)
            disk.fill(leave=32 * 1024)
            kit.problem(full.submit(hands.seal(maker.body())), 507, "STORE_FULL")
            answer = full.client.request("DELETE", f"/v1/receipts/{envelopes[0].hash}/body",
                                         token=full.token)
            kit.problem(answer, 507, "STORE_FULL")
            equal(full.get("/v1/receipts/" + envelopes[0].hash, token=full.token).status, 200)
            disk.free()
            kit.wait_for(lambda: full.submit(hands.seal(maker.body())).status == 201)
            equal(full.client.request("DELETE", f"/v1/receipts/{envelopes[0].hash}/body",
                                      token=full.token).status, 200)
            full.stop()
    else:
        kit.skip("start on a full disk", "no right to mount")

# --- the map ------------------------------------------------------------------------------------

with case("map full: an erasure is refused with 507, a backup still works, more room heals"):
    small = kit.Service(store_bytes_max=2 * MIB, disk_reserve_bytes=0)
    pen = small.new_signer("s")
    kept = []
    for _ in range(100):
        part = pen.seal_all(maker.bodies(100))
        lines = small.batch(part).lines()
        kept += [e for e, line in zip(part, lines) if line["http_status"] == 201]
        if any(line["http_status"] == 507 for line in lines):
            break
    else:
        raise AssertionError("never full")
    for _ in range(1000):
        envelope = pen.seal(maker.body())
        if small.submit(envelope).status != 201:
            break
        kept.append(envelope)
    # An erasure is smaller than a receipt: a few may fit still.
    for victim in kept[:500]:
        answer = small.client.request("DELETE", f"/v1/receipts/{victim.hash}/body",
                                      token=small.token)
        if answer.status != 200:
            break
    kit.problem(answer, 507, "STORE_FULL")
    equal(small.get("/v1/receipts/" + victim.hash, token=small.token).status, 200)
    result = json.loads(kit.run_lucid("log", "backup", "--data", small.data, "--to",
                                      os.path.join(base, "small"), "--json"))
    equal(result["leaves"], len(kept))
    small.restart(store_bytes_max=64 * MIB)
    equal(small.size(), len(kept))
    equal(small.client.request("DELETE", f"/v1/receipts/{victim.hash}/body",
                               token=small.token).status, 200)
    equal(small.submit(pen.seal(maker.body())).status, 201)
    small.stop()
    kit.note(f"{len(kept)} receipts in 2 MiB")

# --- descriptors --------------------------------------------------------------------------------


def limited(number, command):
    """The command with so many descriptors: its status, output and error."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60 * kit.SLOW,
                           preexec_fn=limit, env=kit.environment())
    assert not kit.TROUBLE.search(ended.stderr), ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


with case("out of descriptors: a backup works or says why, and leaves nothing half"):
    spot = os.path.join(base, "narrow")
    refused = 0
    for number in range(4, 20):
        status, out, err = limited(number, [kit.LUCID, "log", "backup", "--data", service.data,
                                            "--to", spot, "--rate", "0", "--json"])
        if b"error while loading shared libraries" in err:
            continue  # not ours yet
        if status == 0:
            kit.run_lucid("log", "restore", "--verify", spot)
            kit.shutil.rmtree(spot)
        else:
            refused += 1
            assert 0 < status < 5, (number, status, err)
            assert json.loads(out)["error"]["message"], (number, out)
        assert not os.path.exists(spot + ".partial/backup.json"), number
    kit.note(f"{refused} of 16 limits were too low")
    assert refused > 0
    equal(status, 0, "with 19 descriptors")

with case("out of descriptors: lucidd starts or says why"):
    service.stop()
    refused = 0
    for number in range(4, 40, 3):
        service.settings["io_threads"] = 1
        process = subprocess.Popen(
            [kit.LUCIDD, "--data", service.data, "--listen", "127.0.0.1:0", "--io-threads", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=kit.environment(),
            preexec_fn=lambda n=number: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
        line = process.stdout.readline()
        if line.startswith(b"listening"):
            process.terminate()
            _, err = process.communicate(timeout=30 * kit.SLOW)
            equal(process.returncode, 0)
        else:
            _, err = process.communicate(timeout=30 * kit.SLOW)
            refused += 1
            assert process.returncode > 0, (number, process.returncode, err[-400:])
        assert not kit.TROUBLE.search(err), (number, err[-800:])
    kit.note(f"{refused} of 12 limits were too low")
    service.start()
    equal(service.submit(signer.seal(maker.body())).status, 201)
    service.stop()

kit.done()
