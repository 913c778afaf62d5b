#!/usr/bin/env python3
"""lucid log mirror: the copy equals the log, survives kill -9, and notices a stream that was
changed on its way, a fork, a rollback and withheld entries."""

import http.client
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import kit
from kit import case, equal
from kit_receipts import Maker

maker = Maker("18")


class Proxy:
    """Passes requests on to a service; what comes back goes through `change(path, body)`."""

    def __init__(self, port):
        proxy = self
        self.port_behind, self.change, self.bytes_per_second = port, None, None

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                connection = http.client.HTTPConnection("127.0.0.1", proxy.port_behind, timeout=60)
                connection.request("GET", self.path, headers={
                    k: v for k, v in self.headers.items() if k.lower() != "host"})
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
                if proxy.change:
                    body = proxy.change(self.path, body)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.getheader("Content-Type") or "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.pass_on(body)
                except OSError:
                    pass

            def pass_on(self, body):
                if not proxy.bytes_per_second or not self.path.startswith("/v1/events"):
                    self.wfile.write(body)
                    return
                piece = proxy.bytes_per_second // 50
                for at in range(0, len(body), piece):
                    self.wfile.write(body[at:at + piece])
                    time.sleep(0.02)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):  # the client left, or was killed
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def url(service):
    return f"http://127.0.0.1:{service.port}"


def mirror_command(service, directory, *more, at=None):
    return ["log", "mirror", directory, "--url", at or url(service), "--vkey",
            os.path.join(service.data, "vkey"), "--token-file",
            os.path.join(service.data, "admin.token"), "--json", *more]


def mirror(service, directory, *more, at=None):
    """(exit status, what it said)."""
    status, out, err = kit.lucid(*mirror_command(service, directory, *more, at=at))
    lines = out.decode().splitlines()
    assert lines, (status, err)
    return status, json.loads(lines[-1])


def mirror_ok(service, directory, at=None):
    status, said = mirror(service, directory, at=at)
    equal(status, 0, repr(said))
    return said


def info(directory):
    return json.loads(kit.run_lucid("log", "info", "--data", directory, "--json"))


def events_of(service):
    answer = service.get("/v1/events?bodies=true", token=service.token)
    equal(answer.status, 200)
    return answer.lines()


HAS = {command["name"] for command in json.loads(kit.run_lucid("help", "--json"))["commands"]
       if command.get("group") == "log"}


def check_copy(service, directory):
    """The copy says what the service's own directory says, and is whole."""
    service.covered(service.size())
    mirror_ok(service, directory)
    equal(info(directory), info(service.data))
    if "fsck" in HAS:
        kit.run_lucid("log", "fsck", "--data", directory, "--json")


def new_directory():
    return os.path.join(kit.scratch(), "copy")


def expect_fault(said, status, code, directory):
    equal(status, 1, repr(said))
    equal(said["error"]["code"], code, repr(said))
    folder = said["evidence"]
    assert os.path.dirname(folder) == os.path.join(directory, "evidence"), folder
    with open(os.path.join(folder, "report.json"), encoding="utf-8") as file:
        equal(json.load(file), said)
    return folder


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


service = kit.Service()
signer = service.new_signer("s")
proxy = Proxy(service.port)
copy = new_directory()

with case("an empty log, then one with everything: the copy equals it"):
    check_copy(service, copy)
    service.batch_ok(signer.seal_all(maker.bodies(250)))
    gone = service.new_signer("gone")
    service.batch_ok(gone.seal_all(maker.bodies(3)))
    equal(service.post(f"/v1/signers/{gone.key}/revoke", token=service.token).status, 200)
    service.post("/v1/epochs/current/finalize", token=service.token)
    check_copy(service, copy)
    assert info(copy)["size"] == 253, info(copy)

with case("a second run takes what is new and nothing else"):
    said = mirror_ok(service, copy)
    equal(said["new_events"], 0)
    service.batch_ok(signer.seal_all(maker.bodies(7)))
    service.covered(260)
    said = mirror_ok(service, copy)
    equal((said["signatures_verified"], said["size"], said["bodies"]), (7, 260, 7))
    check_copy(service, copy)

with case("an erased body is copied as erased, and one that is erased later is erased in the copy"):
    first = new_directory()
    check_copy(service, first)
    envelope, = signer.seal_all(maker.bodies(1))
    service.batch_ok([envelope])
    check_copy(service, first)
    answer = service.client.request("DELETE", f"/v1/receipts/{envelope.hash}/body",
                                    token=service.token)
    if answer.status == 404 or answer.status == 405:
        kit.note("this service does not erase")
    else:
        assert answer.status in (200, 204), answer
        service.batch_ok(signer.seal_all(maker.bodies(1)))
        check_copy(service, first)
        later = new_directory()
        check_copy(service, later)
        equal(mirror_ok(service, later)["new_events"], 0)

if "export" in HAS:
    with case("the copy is exported as tiles, the same ones"):
        folders = [os.path.join(kit.scratch(), "tiles") for _ in range(2)]
        check_copy(service, copy)
        for folder, data in zip(folders, (copy, service.data)):
            kit.run_lucid("log", "export", "--tiles", folder, "--data", data)
        equal(subprocess.run(["diff", "-r", *folders], check=False).returncode, 0)

with case("the copy cannot be served, also not with the log's keys in it"):
    for keys in (False, True):
        if keys:
            for name in ("log.key", "service.key", "admin.token"):
                shutil.copy(os.path.join(service.data, name), copy)
        ended = subprocess.run([kit.LUCIDD, "--data", copy, "--listen", "127.0.0.1:0"],
                               capture_output=True, check=False, timeout=30 * kit.SLOW,
                               env=kit.environment())
        equal((ended.returncode, ended.stdout), (2, b""))
        assert b"mirror" in ended.stderr, ended.stderr
    for name in ("log.key", "service.key", "admin.token"):
        os.unlink(os.path.join(copy, name))

with case("usage: no key, another key, a foreign directory, no service, no token"):
    token = os.path.join(service.data, "admin.token")
    equal(kit.lucid("log", "mirror", new_directory(), "--url", url(service))[0], 2)
    equal(kit.lucid("log", "mirror", new_directory(), "--vkey", "/nonexistent")[0], 2)
    other = kit.Service(start=False)
    other_vkey = os.path.join(other.data, "vkey")
    status, out, _ = kit.lucid("log", "mirror", copy, "--url", url(service), "--vkey", other_vkey,
                               "--token-file", token, "--json")
    equal((status, json.loads(out)["error"]["code"]), (1, "WRONG_KEY"))
    foreign = new_directory()
    status, out, _ = kit.lucid("log", "mirror", foreign, "--url", url(service), "--vkey",
                               other_vkey, "--token-file", token, "--json")
    equal(status, 1)
    expect_fault(json.loads(out), status, "HEAD_UNVERIFIED", foreign)
    equal(mirror(service, service.data)[0], 1)
    assert "mirror" not in os.listdir(service.data)
    equal(mirror(service, copy, at="http://127.0.0.1:1")[0], 3)
    status, _, err = kit.lucid("log", "mirror", copy, "--url", url(service))
    equal(status, 1, repr(err))
    assert b"UNAUTHORIZED" in err, err

# --- a stream that was changed on its way ---------------------------------------------------------


def flip_hex(text):
    return ("0" if text[0] != "0" else "1") + text[1:]


def flip_base64(text):
    return ("B" if text[0] != "B" else "C") + text[1:]


CHANGES = {
    "sequence": lambda e: e.update(sequence=e["sequence"] + 1),
    "time_ms": lambda e: e.update(time_ms=e["time_ms"] + 1),
    "time": lambda e: e.update(time=e["time"].replace("Z", "z")),
    "type": lambda e: e.update(type=e["type"][:-1] + "x"),
    "version": lambda e: e.update(version=2),
    "payload": lambda e: e.update(payload=flip_base64(e["payload"])),
    "entry": lambda e: e.update(entry=flip_hex(e["entry"])),
    "leaf_index": lambda e: e.update(leaf_index=e["leaf_index"] + 1),
    "hash": lambda e: e.update(hash=flip_hex(e["hash"])),
    "decoded": lambda e: e["decoded"].update(run_id="run_somebody_elses"),
    "decoded left out": lambda e: e.pop("decoded"),
    "body": lambda e: e.update(body=flip_base64(e["body"])),
    "body left out": lambda e: e.pop("body"),
    "entry left out": lambda e: (e.pop("entry"), e.pop("leaf_index")),
}


def lines_changed(change):
    def run(path, body):
        if not path.startswith("/v1/events"):
            return body
        lines = body.splitlines(keepends=True)
        return b"".join(change(lines))
    return run


def at_receipt(change):
    def run(lines):
        numbers = [i for i, line in enumerate(lines) if b'"type":"receipt"' in line]
        at = numbers[len(numbers) // 2]
        event = json.loads(lines[at])
        change(event)
        lines[at] = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        return lines
    return lines_changed(run)


def head_changed(lines):
    """A head of other leaves, its event hash made to fit: only the signature tells."""
    at = max(i for i, line in enumerate(lines) if b'"type":"head"' in line)
    event = json.loads(lines[at])
    event["payload"] = flip_base64(event["payload"])
    lines[at] = json.dumps(event, separators=(",", ":")).encode() + b"\n"
    return lines


def garbage(lines):
    lines[len(lines) // 2] = b'{"sequence":\n'
    return lines


TAMPERED = {name: at_receipt(change) for name, change in CHANGES.items()}
TAMPERED["a head"] = lines_changed(head_changed)
TAMPERED["a line left out"] = lines_changed(lambda lines: lines[:100] + lines[101:])
TAMPERED["a line twice"] = lines_changed(lambda lines: lines[:100] + lines[99:])
TAMPERED["two lines exchanged"] = lines_changed(
    lambda lines: lines[:100] + [lines[101], lines[100]] + lines[102:])
TAMPERED["no JSON"] = lines_changed(garbage)

with case(f"each member changed on its way is noticed ({len(TAMPERED)} ways), and harms nothing"):
    for number, (name, change) in enumerate(TAMPERED.items()):
        directory = new_directory()
        proxy.change = change
        status, said = mirror(service, directory, at=proxy.url)
        equal(status, 1, f"{name}: {said!r}")
        folder = expect_fault(said, status, "EVENT_UNVERIFIED", directory)
        assert os.path.exists(os.path.join(folder, "event.service.json")), name
        proxy.change = None
        if number % 4 == 0:
            check_copy(service, directory)

with case("random bytes flipped: noticed, or the copy is the same all the same"):
    chance = random.Random(18)
    noticed = 0
    for _ in range(10):
        directory = new_directory()
        offset = chance.random()

        def flip(path, body, offset=offset):
            if not path.startswith("/v1/events"):
                return body
            at = int(offset * (len(body) - 1))
            return body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1:]
        proxy.change = flip
        status, said = mirror(service, directory, at=proxy.url)
        proxy.change = None
        noticed += status == 1
        assert status in (0, 1), said
        check_copy(service, directory)
    kit.note(f"{noticed} of 10 noticed")
    assert noticed >= 8, noticed

with case("a published head that was changed on its way, or whose leaves are not told"):
    directory = new_directory()
    def another_root(path, body):
        if path != "/checkpoint":
            return body
        lines = body.decode().split("\n")
        lines[2] = flip_base64(lines[2])
        return "\n".join(lines).encode()
    proxy.change = another_root
    status, said = mirror(service, directory, at=proxy.url)
    expect_fault(said, status, "HEAD_UNVERIFIED", directory)
    proxy.change = lines_changed(lambda lines: lines[:100])
    status, said = mirror(service, directory, at=proxy.url)
    expect_fault(said, status, "LOG_WITHHELD", directory)
    proxy.change = None
    check_copy(service, directory)

# --- kill -9 --------------------------------------------------------------------------------------

with case("kill -9 at random moments: each run goes on, the copy equals the log"):
    service.batch_ok(signer.seal_all(maker.bodies(6000)))
    service.covered(service.size())
    directory = new_directory()
    proxy.bytes_per_second = 12_000_000
    kills = kept = 0
    for number in range(20):
        process = subprocess.Popen(
            [kit.LUCID, *mirror_command(service, directory, at=proxy.url)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=kit.environment())
        try:
            process.wait(timeout=(0.1 + 0.1 * number) * (0.7 + 0.6 * chance.random()))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        if kills >= 4:
            status, out, _ = kit.lucid("log", "info", "--data", directory, "--json")
            if status == 0:  # 1 until the first commit: no log yet
                kept = json.loads(out)["events"]
                break
    proxy.bytes_per_second = None
    status, said = mirror(service, directory)
    equal(status, 0, repr(said))
    kit.note(f"{kills} kills left {kept} events; the last run took {said['new_events']}")
    equal(kept + said["new_events"] if kept else said["events"], said["events"])
    assert kills > 0, kills
    check_copy(service, directory)

with case("--follow keeps up, and ends with Ctrl-C"):
    process = subprocess.Popen(
        [kit.LUCID, *mirror_command(service, copy, "--follow", "--interval", "1")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=kit.environment())
    first = json.loads(process.stdout.readline())
    service.batch_ok(signer.seal_all(maker.bodies(5)))
    said = json.loads(process.stdout.readline())
    assert said["new_events"] > 0 and said["events"] > first["events"], (first, said)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20 * kit.SLOW)
    equal(process.returncode, 0)
    check_copy(service, copy)

# --- forks ----------------------------------------------------------------------------------------


def twin_of(origin):
    """Another service over a copy of the data directory."""
    origin.stop()
    base = kit.scratch()
    shutil.copytree(origin.data, os.path.join(base, "log"))
    twin = kit.Service(directory=base, init=False)
    origin.start()
    return twin


fork = twin_of(service)
other_signer = fork.new_signer("other")
before_fork = new_directory()

with case("before they part, either is the same log"):
    check_copy(service, before_fork)

with case("a fork: two logs from one directory, of different and of equal sizes"):
    for ours, theirs in ((4, 9), (9, 4), (20, 10)):
        here, there = service.size() + ours, fork.size() + theirs
        service.batch_ok(signer.seal_all(maker.bodies(ours)))
        fork.batch_ok(other_signer.seal_all(maker.bodies(theirs)))
        service.covered(here)
        fork.covered(there)
        directory = new_directory()
        check_copy(service, directory)
        before = info(directory)
        status, said = mirror(service, directory, at=url(fork))
        folder = expect_fault(said, status, "LOG_FORKED", directory)
        equal(info(directory), before)
        for name, head_of in (("copy", service), ("published", fork)):
            text = read(folder, name + ".checkpoint")
            equal(text, head_of.checkpoint().text)  # signed by the one key
        assert said["copy_head"] != said["published_head"]
        check_copy(service, directory)  # the real one is as good as before
    # The one that the fork tells is the other way round a fork as well.
    directory = new_directory()
    check_copy(fork, directory)
    status, said = mirror(fork, directory, at=url(service))
    expect_fault(said, status, "LOG_FORKED", directory)

with case("people are told loudly, with both heads"):
    arguments = [a for a in mirror_command(service, directory) if a != "--json"]
    status, out, err = kit.lucid(*arguments)
    equal((status, out), (1, b""))
    text = err.decode()
    assert "THE LOG HAS FORKED" in text and "Evidence: " in text, text
    equal(text.count(f"— {kit.ORIGIN} "), 2, "heads printed")

# --- rollback -------------------------------------------------------------------------------------

with case("a rollback: the log of yesterday is served again"):
    directory = new_directory()
    old = twin_of(service)
    service.batch_ok(signer.seal_all(maker.bodies(30)))
    check_copy(service, directory)
    before = info(directory)
    status, said = mirror(service, directory, at=url(old))
    expect_fault(said, status, "LOG_ROLLED_BACK", directory)
    equal(info(directory), before)
    # Behind the copy it grows again, and passes it: then it is a fork.
    old.batch_ok(signer.seal_all(maker.bodies(60)))
    old.covered(old.size())
    status, said = mirror(service, directory, at=url(old))
    expect_fault(said, status, "LOG_FORKED", directory)
    equal(info(directory), before)
    check_copy(service, directory)
    old.stop()

fork.stop()
service.stop()
kit.done()
