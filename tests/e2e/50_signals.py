#!/usr/bin/env python3
"""Stopping: under load, with requests under way, twice; and what a second server may not do."""

import http.client
import random
import signal
import threading
import time

import kit
from kit import Raw, case, equal
from kit_receipts import Maker

maker = Maker("50")
STEADY = ("receipt_hash", "run_id", "leaf_index", "sequence", "epoch", "logged_at")


class Load:
    """Connections that write until the server is gone; what was acknowledged is in .acks."""

    def __init__(self, service, signer, connections):
        self.port, self.acks, self.odd, self.sent = service.port, {}, [], []
        parts = [signer.seal_all(maker.bodies(2000)) for _ in range(connections)]
        self.threads = [threading.Thread(target=self.work, args=(n, parts[n]))
                        for n in range(connections)]
        for thread in self.threads:
            thread.start()

    def line(self, envelope, status, placement):
        if status in (200, 201):
            self.acks[envelope.hash] = (envelope, placement)
        elif status != 503:
            self.odd.append((status, placement))

    def work(self, number, envelopes):
        client = kit.Client(self.port)
        at, size = 0, (1, 7, 60)[number % 3]
        try:
            while at < len(envelopes):
                part = envelopes[at:at + size]
                at += size
                self.sent += part
                if size == 1:
                    answer = client.post("/v1/receipts", part[0].wire())
                    self.line(part[0], answer.status, answer.json())
                    continue
                answer = client.post("/v1/receipts/batch", b"\n".join(e.wire() for e in part))
                if answer.status == 200:
                    for envelope, line in zip(part, answer.lines()):
                        self.line(envelope, line["http_status"], line)
        except (OSError, EOFError, http.client.HTTPException):
            pass
        client.close()

    def join(self):
        for thread in self.threads:
            thread.join(60 * kit.SLOW)
            assert not thread.is_alive()


def check_kept(service, load):
    """Every acknowledged receipt is there with the same placement; none twice."""
    equal(load.odd, [])
    for envelope, placement in load.acks.values():
        answer = service.submit(envelope)
        equal(answer.status, 200, repr(answer))
        got = answer.json()
        equal({n: got[n] for n in STEADY}, {n: placement[n] for n in STEADY})
    there = [line for line in service.batch_ok(load.sent[:10000], statuses=(200, 201))]
    equal(len({line["leaf_index"] for line in there}), len({e.hash for e in load.sent[:10000]}))
    head = service.covered(service.size())
    equal(head.size, service.size())


service = kit.Service(io_threads=2)
signer = service.new_signer("s")

for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT"),
                     (signal.SIGTERM, "SIGTERM again")):
    with case(f"{name} under load: exit 0, what was acknowledged is there"):
        load = Load(service, signer, 9)
        time.sleep(random.Random(name).uniform(0.3, 0.7))
        started = time.monotonic()
        service.stop(number)
        took = time.monotonic() - started
        load.join()
        kit.note(f"{len(load.acks)} acknowledged, stopped in {took:.2f} s")
        assert len(load.acks) > 50, "no load"
        assert took < 5 * kit.SLOW, f"{took:.1f} s"
        service.start()
        check_kept(service, load)

with case("a request under way is answered, then the connection closes; new ones are refused"):
    envelope = signer.seal(maker.body())
    raw = Raw(service.port)
    raw.send(b"POST /v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
             % (len(envelope.wire()), envelope.wire()[:100]))
    asking = Raw(service.port)
    asking.send(b"GET /readyz HTTP/1.1\r\nHost: x\r\n")
    idle = Raw(service.port)
    time.sleep(0.3)
    service.process.send_signal(signal.SIGTERM)
    assert idle.ended() and idle.input == b"", "an idle connection is closed at once"
    asking.send(b"\r\n")
    answer = asking.answer()
    equal((answer.status, answer.json()["causes"]), (503, ["stopping"]))
    try:
        Raw(service.port)
        raise AssertionError("a new connection was taken")
    except ConnectionRefusedError:
        pass
    assert service.process.poll() is None
    raw.send(envelope.wire()[100:])
    answer = raw.answer()
    assert answer.status in (201, 503), answer
    equal(answer.header("connection").lower(), "close")
    assert raw.ended()
    equal(service.wait(), 0)
    service.start()
    want = 200 if answer.status == 201 else 201
    equal(service.submit(envelope).status, want)

with case("a client that goes on and on does not hold the stop longer than stop_grace_ms"):
    service.restart(stop_grace_ms=700)
    raw = Raw(service.port)
    raw.send(b"POST /v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    time.sleep(0.2)
    started = time.monotonic()
    service.stop()
    took = time.monotonic() - started
    assert 0.5 < took < 2 * kit.SLOW, f"{took:.2f} s"
    raw.close()
    service.start()

with case("a second signal cuts what is left"):
    service.restart(stop_grace_ms=60000)
    raw = Raw(service.port)
    raw.send(b"POST /v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    time.sleep(0.2)
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert service.process.poll() is None, "the first signal did not wait for the request"
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 2 * kit.SLOW
    assert raw.ended()
    service.start()

with case("a stop in the middle of a batch: answered lines stand, none is half there"):
    batch = signer.seal_all(maker.bodies(3000))
    raw = Raw(service.port)
    data = b"\n".join(e.wire() for e in batch)
    raw.send(b"POST /v1/receipts/batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
             % len(data))
    sender = threading.Thread(target=lambda: raw.send(data))
    sender.start()
    raw.until(b"\r\n\r\n")
    service.process.send_signal(signal.SIGTERM)
    raw.ended()
    sender.join()
    equal(service.wait(), 0)
    answered = raw.input.count(b'"http_status":201')
    service.start()
    lines = service.batch_ok(batch, statuses=(200, 201))
    logged = [line["http_status"] for line in lines].count(200)
    kit.note(f"{answered} of 3000 answered, {logged} logged")
    assert logged >= answered, (logged, answered)

with case("SIGPIPE is ignored: who reads the log may go away"):
    service.process.send_signal(signal.SIGPIPE)
    time.sleep(0.1)
    equal(service.get("/healthz").status, 200)

with case("a second server on the same directory does not start"):
    second = kit.Service(service.base, init=False, start=False)
    try:
        second.start(seconds=10)
    except AssertionError as error:
        assert "lucidd said ''" in str(error), error
        kit.note(str(error).strip().splitlines()[-1][-200:])
    else:
        second.kill()
        raise AssertionError("two servers write one store")
    equal(service.submit(signer.seal(maker.body())).status, 201)

with case("a port in use: a message and a status, not silence"):
    other = kit.Service(start=False)
    try:
        other.start(listen=f"127.0.0.1:{service.port}")
    except AssertionError as error:
        assert str(service.port) in str(error), error
    else:
        raise AssertionError("it started")

with case("30 starts and stops in a row"):
    for _ in range(30):
        service.restart()
    equal(service.get("/readyz").json()["status"], "ready")

service.stop()
kit.done()
