#!/usr/bin/env python3
"""The service and its manager: sd_notify's datagrams, the watchdog, signals that change the log's
level, and what the log lines are."""

import json
import os
import signal
import socket
import subprocess
import time

import kit
from kit import case, equal, wait_for

HOLD = kit.program("LUCID_KIT_HOLD", "tests/e2e/kit_hold")
WATCHDOG_S = 2.0 * kit.SLOW


class Manager:
    """A socket as systemd has one; abstract names begin with '@'."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.heard = []  # (monotonic time, {field: value})

    def listen(self, seconds=0.0):
        end = time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                text = self.socket.recv(4096).decode()
            except (TimeoutError, BlockingIOError):
                return self.heard
            lines = [line.split("=", 1) for line in text.split("\n")]
            assert all(len(line) == 2 for line in lines), text
            self.heard.append((time.monotonic(), dict(lines)))

    def times(self, field):
        return [at for at, fields in self.listen() if field in fields]

    def order(self):
        return [field for _, fields in self.listen() for field in fields
                if field not in ("STATUS", "MONOTONIC_USEC", "WATCHDOG")]

    def __enter__(self):
        os.environ["NOTIFY_SOCKET"] = self.name
        return self

    def __exit__(self, *_):
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            os.environ.pop(name, None)
        self.socket.close()


service = kit.Service(start=False)


def lines_of(log):
    return [json.loads(line) for line in log.splitlines()]


for name in (os.path.join(kit.scratch(), "notify"), f"@lucid-e2e-{os.getpid()}"):
    with case(f"ready, reloading, stopping ({'abstract' if name[0] == '@' else 'path'})"), \
            Manager(name) as manager:
        service.start()
        wait_for(lambda: "READY" in manager.order(), what="READY=1")
        equal(manager.order(), ["READY"])
        equal(manager.heard[0][1], {"STATUS": "opening the log"})
        equal(manager.heard[-1][1], {"READY": "1", "STATUS": "serving"})
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(manager.order()) == 3, what="the end of the reload")
        equal(manager.order(), ["READY", "RELOADING", "READY"])
        stamp = [int(f["MONOTONIC_USEC"]) for _, f in manager.heard if "RELOADING" in f]
        assert before <= stamp[0] <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        service.ok("/readyz")
        service.stop()
        equal(manager.order()[-1], "STOPPING")
        equal(manager.times("WATCHDOG"), [], "without WATCHDOG_USEC")

with case("the watchdog is fed twice as often as asked, and not while the writer hangs"), \
        Manager(os.path.join(kit.scratch(), "watchdog")) as manager:
    os.environ["WATCHDOG_USEC"] = str(int(WATCHDOG_S * 1e6))
    service.start()
    manager.listen(2.2 * WATCHDOG_S)
    fed = manager.times("WATCHDOG")
    gaps = [b - a for a, b in zip(fed, fed[1:])]
    assert len(fed) >= 4 and max(gaps) < WATCHDOG_S, gaps
    signer = service.new_signer("notify")
    hold = subprocess.Popen([HOLD, os.path.join(service.data, "store")], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    try:
        equal(hold.stdout.readline(), b"held\n")
        late = kit.Raw(service.port)
        envelope = signer.seal(kit.kit_receipts.Maker(51).body()).wire()
        late.send(b"POST /v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                  % (len(envelope), envelope))
        begun = time.monotonic()
        manager.listen(3.5 * WATCHDOG_S)
        silent = time.monotonic() - max([begun, *manager.times("WATCHDOG")])
        assert silent > WATCHDOG_S, f"fed {silent:.1f} s ago: a watchdog would not have fired"
        kit.note(f"not fed for {silent:.1f} s with a watchdog of {WATCHDOG_S:.0f} s")
        assert "writer.silent" in service.log_text()
        service.ok("/healthz")
    finally:
        hold.stdin.close()
        equal(hold.wait(30), 0)
        hold.stdout.close()
    equal(late.answer().status, 201, "what waited is logged")
    late.close()
    count = len(manager.times("WATCHDOG"))
    wait_for(lambda: len(manager.times("WATCHDOG")) > count, what="the watchdog's next meal")
    service.stop()

with case("a watchdog for another process, and sockets that cannot be, do no harm"):
    with Manager(os.path.join(kit.scratch(), "other")) as manager:
        os.environ.update(WATCHDOG_USEC="200000", WATCHDOG_PID="1")
        service.start()
        manager.listen(1.0)
        equal(manager.times("WATCHDOG"), [])
        service.stop()
    for name in ("relative", "@", "/" + "x" * 200, "/nowhere/at/all"):
        os.environ["NOTIFY_SOCKET"] = name
        service.start()
        assert "service.notify" in service.log_text(), name
        service.stop()
    del os.environ["NOTIFY_SOCKET"]

with case("SIGUSR1 logs one level more, SIGUSR2 as configured"):
    service.start(log_level="warn")
    said = []
    for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR2):
        service.process.send_signal(number)
        wait_for(lambda: service.log_text().count("service.log_level") > len(said), what="a line")
        said = [line["message"] for line in lines_of(service.log_text())
                if line["event"] == "service.log_level"]
    equal(said, ["info", "debug", "debug", "warn"])
    service.stop()
    equal([line["event"] for line in lines_of(service.log_text())
           if line["event"] != "service.log_level"], [], "lines at level warn")

with case("log lines: one JSON object each, stable members, nothing secret"):
    service.start(log_level="debug")
    secret = kit.kit_receipts.Signer(kit.ED25519, "secret")
    service.register(secret)
    made = service.post("/v1/tokens", {"name": "t", "scopes": ["read"]}, token=service.token).json()
    service.get("/v1/receipts/run_nothing", token=made["token"])
    service.get("/v1/tokens", token="lucid_wrong_secret_text")
    envelope = secret.seal(kit.kit_receipts.Maker(52).body("tool", trace_id="body-text-" * 3))
    equal(service.submit(envelope).status, 201)
    raw = kit.Raw(service.port)
    raw.send(b"GET /\x7f\"}{ HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\"b\r\n\r\n")
    raw.ended()
    service.stop()
    lines = lines_of(service.log_text())
    for line in lines:
        equal(set(line) & {"time", "level", "event"}, {"time", "level", "event"}, repr(line))
        assert line["level"] in ("error", "warn", "info", "debug"), line
        part, word = line["event"].split(".")
        assert part.isidentifier() and word.isidentifier() and line["event"].islower(), line
    events = {line["event"] for line in lines}
    assert {"service.ready", "service.stopping", "service.stopped"} <= events, events
    text = service.log_text()
    for piece in (made["token"], service.token, "lucid_wrong_secret_text", "body-text-",
                  envelope.signature):
        assert piece not in text, f"{piece} is in the log"
    with open(os.path.join(service.data, "log.key"), encoding="utf-8") as file:
        assert file.read().strip() not in text
    kit.note(f"{len(lines)} lines, {len(events)} kinds of event")

kit.done()
