#!/usr/bin/env python3
"""Batches at their limits, and clients that behave badly with them."""

import random
import threading
import time

import kit
from kit import Raw, case, equal
from kit_receipts import Maker

PATH = "/v1/receipts/batch"

rng = random.Random(40)
maker = Maker("40")
service = kit.Service(write_ms_max=4000, io_threads=2)
signer = service.new_signer("s")


def head(length, more=b""):
    size = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    return b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s\r\n" % (PATH.encode(), size, more)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b"0\r\n\r\n"


def send(data, **more):
    return service.post(PATH, data, **more)


def rss_kib():
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


wires = [e.wire() for e in signer.seal_all(maker.bodies(10000))]

with case("10,000 lines: 10,000 receipts, in order"):
    started = time.monotonic()
    answer = send(b"\n".join(wires) + b"\n")
    kit.note(f"{len(wires) / (time.monotonic() - started):.0f} receipts/s")
    lines = answer.lines()
    equal((answer.status, len(lines)), (200, 10000))
    equal([line["leaf_index"] for line in lines], list(range(10000)))
    equal({line["http_status"] for line in lines}, {201})
    equal(service.size(), 10000)

with case("10,001 lines: the last is BATCH_TOO_LARGE, the others stand"):
    answer = send(b"\n".join(wires + wires[:1]))
    lines = answer.lines()
    equal((answer.status, len(lines)), (200, 10001))
    equal({line["http_status"] for line in lines[:-1]}, {200})
    equal((lines[-1]["http_status"], lines[-1]["code"]), (413, "BATCH_TOO_LARGE"))

with case("nothing after line 10,001 is read"):
    new = signer.seal(maker.body())
    lines = send(b"\n".join([b"{}"] * 10000 + [new.wire()] * 500)).lines()
    equal(len(lines), 10001)
    equal(service.get("/v1/receipts/" + new.run_id, token=service.token).status, 404)

with case("more than 32 MiB: 413 where the length is declared"):
    raw = Raw(service.port)
    raw.send(head(32 * 1024 * 1024 + 1) + wires[0])
    kit.problem(raw.answer(), 413, "BODY_TOO_LARGE")
    assert raw.ended()
    raw.close()
with case("exactly 32 MiB is read"):
    new = signer.seal(maker.body())
    data = new.wire() + b"\n"
    filler = b" " * 400000 + b"\n"
    data += filler * ((32 * 1024 * 1024 - len(data)) // len(filler))
    data += b" " * (32 * 1024 * 1024 - len(data))
    lines = send(data).lines()
    equal(lines[0]["http_status"], 201)
    equal({line["code"] for line in lines[1:]}, {"INVALID_JSON"})
with case("more than 32 MiB in chunks: a last line says so, what was acknowledged stands"):
    new = signer.seal(maker.body())
    raw = Raw(service.port, 60)
    raw.send(head(None) + chunk(new.wire() + b"\n"))
    got = []
    reader = threading.Thread(target=lambda: got.append(raw.answer()))
    reader.start()
    sent = 0
    try:
        while sent < 64 * 1024 * 1024:
            raw.send(chunk(filler))
            sent += len(filler)
        raw.send(chunk(b""))
    except OSError:
        pass
    reader.join()
    lines = got[0].lines()
    equal((lines[-1]["http_status"], lines[-1]["code"]), (413, "BATCH_TOO_LARGE"))
    equal(lines[0]["http_status"], 201)
    equal({line["code"] for line in lines[1:-1]}, {"INVALID_JSON"})
    whole = (32 * 1024 * 1024 - len(new.wire()) - 1) // len(filler)
    equal(len(lines), whole + 2)
    raw.close()
    # The line that the limit cuts is not taken for a shorter one, and nothing after it is read.
    cut, later = signer.seal_all([maker.body(), maker.body()])
    data = b"[1]\n" * 3 + filler * (32 * 1024 * 1024 // len(filler) - 1)
    data += b" " * (32 * 1024 * 1024 - len(data) - len(cut.wire())) + cut.wire()
    raw = Raw(service.port, 60)
    got.clear()
    reader = threading.Thread(target=lambda: got.append(raw.answer()))
    reader.start()
    raw.send(head(None))
    for start in range(0, len(data), 65536):
        raw.send(chunk(data[start:start + 65536]))
    raw.send(chunk(b" \n" + later.wire() + b"\n") + chunk(b""))
    reader.join()
    equal(got[0].lines()[-1]["code"], "BATCH_TOO_LARGE")
    raw.close()
    for envelope in (cut, later):
        equal(service.get("/v1/receipts/" + envelope.run_id, token=service.token).status, 404)
    equal(service.get("/v1/receipts/" + new.run_id, token=service.token).status, 200)

with case("bad lines in the middle: lines stand alone, one answer each, in order"):
    data, want = [], []
    good = iter(signer.seal_all(maker.bodies(150)))
    for number in range(300):
        kind = number % 6
        if kind in (0, 2, 4):
            data.append(next(good).wire())
            want.append((201, None))
        elif kind == 1:
            data.append(rng.choice([b"", b"{", b"null,", b"\xff", b"{}{}"]))
            want.append((400, "INVALID_JSON"))
        elif kind == 3:
            data.append(rng.choice([b"{}", b"[]", b"7", b'{"body":{}}']))
            want.append((422, "INVALID_RECEIPT"))
        else:
            # Every other one too long for a line, else a signature of a bad form.
            if number % 12 == 5:
                data.append(b'{"x":"' + b"y" * 600000 + b'"}')
                want.append((413, "BODY_TOO_LARGE"))
            else:
                wire = signer.seal(maker.body()).wire()
                data.append(wire.replace(b'_signature":"', b'_signature":"0'))
                want.append((422, "INVALID_RECEIPT"))
    answer = send(b"\n".join(data) + b"\n")
    lines = answer.lines()
    equal([(line["http_status"], line.get("code")) for line in lines], want)
    for line in lines:
        if "code" in line:
            equal((line["status"], line["request_id"]),
                  (line["http_status"], answer.header("x-request-id")))

with case("CR LF, a last line without its end, empty lines at the end"):
    batch = signer.seal_all(maker.bodies(12))
    for ending, tail in ((b"\r\n", b"\r\n"), (b"\n", b""), (b"\r\n", b""), (b"\n", b"\n\n\r\n\n")):
        part, batch = batch[:3], batch[3:]
        lines = send(ending.join(e.wire() for e in part) + tail).lines()
        equal([line["http_status"] for line in lines], [201] * 3)
with case("an empty batch: 200 and no lines"):
    for data in (b"", b"\n", b"\r\n\n"):
        answer = send(data)
        equal((answer.status, answer.body), (200, b""))
with case("an empty line in the middle is answered with INVALID_JSON"):
    batch = signer.seal_all(maker.bodies(2))
    lines = send(batch[0].wire() + b"\n\n" + batch[1].wire()).lines()
    equal([line["http_status"] for line in lines], [201, 400, 201])
with case("the wrong media type is 415"):
    kit.problem(send(b"x", headers={"Content-Type": "image/png"}), 415, "UNSUPPORTED_MEDIA_TYPE")

with case("a slow sender: answers come while it sends"):
    batch = signer.seal_all(maker.bodies(5))
    raw = Raw(service.port)
    raw.send(head(None))
    seen = b""
    for number, envelope in enumerate(batch):
        data = envelope.wire() + b"\n"
        for start in range(0, len(data), 40):
            raw.send(chunk(data[start:start + 40]))
            time.sleep(0.002)
        while raw.input.count(b'"http_status":201') <= number:
            assert raw.more(), raw.input
    raw.send(chunk(b""))
    answer = raw.answer()
    equal([line["http_status"] for line in answer.lines()], [201] * 5)
    raw.close()

with case("all is sent before anything is read: 10,000 lines, no deadlock"):
    data = b"\n".join(wires)
    raw = Raw(service.port, 60, receive_bytes=4096)
    raw.send(head(len(data)) + data)
    time.sleep(0.5)
    lines = raw.answer().lines()
    equal((len(lines), {line["http_status"] for line in lines}), (10000, {200}))
    raw.close()

with case("clients that never read: memory stays bounded, others are served, they are cut"):
    data = b"\n".join(wires)
    before = rss_kib()
    cut = []

    def never_reads():
        raw = Raw(service.port, 30, receive_bytes=4096)
        try:
            for _ in range(8):  # pipelined: more answers than any buffer takes
                raw.send(head(len(data)) + data)
        except OSError:
            cut.append(1)
        raw.close()
    threads = [threading.Thread(target=never_reads) for _ in range(6)]
    for thread in threads:
        thread.start()
    worst, slowest = 0, 0.0
    while any(thread.is_alive() for thread in threads):
        started = time.monotonic()
        equal(service.get("/v1/log").status, 200)
        slowest = max(slowest, time.monotonic() - started)
        worst = max(worst, rss_kib() - before)
        time.sleep(0.05)
    equal(len(cut), 6, "cut")
    kit.note(f"{worst // 1024} MiB more at the most, slowest other answer {slowest:.2f} s")
    assert worst < 160 * 1024 * kit.SLOW, f"{worst // 1024} MiB"
    assert slowest < 2 * kit.SLOW, f"{slowest:.1f} s"

with case("clients that leave in the middle: what was logged is whole, the rest is free"):
    logged = service.size()
    for number in range(25):
        batch = signer.seal_all(maker.bodies(400))
        data = b"\n".join(e.wire() for e in batch)
        raw = Raw(service.port)
        raw.send(head(len(data)) + data[:rng.randrange(len(data))])
        if number % 3 == 1:
            raw.socket.settimeout(0.2)  # without a whole line there is no answer to wait for
            try:
                raw.more()
            except TimeoutError:
                pass
        if number % 3 == 2:  # a reset instead of an end
            raw.socket.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        raw.close()
        lines = service.batch_ok(batch, statuses=(200, 201))
        equal(len({line["leaf_index"] for line in lines}), 400)
        logged += 400
    equal(service.size(), logged)
    assert rss_kib() - before < 160 * 1024 * kit.SLOW

with case("pipelined singles on one connection: answered in order"):
    batch = signer.seal_all(maker.bodies(200))
    raw = Raw(service.port)
    data = b"".join(b"POST /v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(e.wire()), e.wire()) for e in batch)
    sender = threading.Thread(target=raw.send, args=(data,))
    sender.start()
    placements = []
    for envelope in batch:
        answer = raw.answer()
        equal((answer.status, answer.json()["receipt_hash"]), (201, envelope.hash))
        placements.append(answer.json()["leaf_index"])
    sender.join()
    equal(placements, sorted(placements))
    raw.close()

with case("a batch, then singles, then a batch, pipelined"):
    batch = signer.seal_all(maker.bodies(9))
    first = b"\n".join(e.wire() for e in batch[:4])
    last = b"\n".join(e.wire() for e in batch[5:])
    raw = Raw(service.port)
    raw.send(head(len(first)) + first +
             b"POST /v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
             % (len(batch[4].wire()), batch[4].wire()) + head(None) + chunk(last) + chunk(b""))
    equal(len(raw.answer().lines()), 4)
    equal(raw.answer().status, 201)
    equal(len(raw.answer().lines()), 4)
    raw.close()

with case("64 connections at once: batches, singles, reads, replays"):
    before = service.size()
    known = wires[:50]
    parts = [signer.seal_all(maker.bodies(60)) for _ in range(64)]
    faults = []

    def work(number):
        client = kit.Client(service.port, 60)
        try:
            part = parts[number]
            lines = client.post(PATH, b"\n".join(e.wire() for e in part[:40])).lines()
            assert [line["http_status"] for line in lines] == [201] * 40, lines
            for envelope in part[40:]:
                assert client.post("/v1/receipts", envelope.wire()).status == 201
                assert client.get(f"/v1/receipts/{envelope.hash}/verify").json()["valid"]
            assert client.post("/v1/receipts", known[number % 50]).status == 200
        except Exception as error:  # pylint: disable=broad-except
            faults.append(f"{number}: {error!r}")
        client.close()
    threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90 * kit.SLOW)
    equal(faults, [])
    equal(service.size(), before + 64 * 60)

with case("a full queue: singles get 503 OVERLOADED with Retry-After, batches wait"):
    tight = kit.Service(queue_max=1, batch_max=1, io_threads=2)
    one = tight.new_signer("s")
    batches = [one.seal_all(maker.bodies(300)) for _ in range(3)]
    singles = [one.seal_all(maker.bodies(40)) for _ in range(6)]
    overloaded, faults = [], []

    def batch_work(number):
        client = kit.Client(tight.port, 60)
        lines = client.post(PATH, b"\n".join(e.wire() for e in batches[number])).lines()
        faults.extend(line for line in lines if line["http_status"] != 201)
        client.close()

    def single_work(number):
        client = kit.Client(tight.port, 60)
        for envelope in singles[number]:
            while (answer := client.post("/v1/receipts", envelope.wire())).status != 201:
                try:
                    kit.problem(answer, 503, "OVERLOADED")
                    equal(answer.header("retry-after"), "1")
                except AssertionError as error:
                    faults.append(error)
                    return
                overloaded.append(1)
        client.close()
    threads = [threading.Thread(target=batch_work, args=(n,)) for n in range(3)]
    threads += [threading.Thread(target=single_work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90 * kit.SLOW)
    equal(faults, [])
    equal(tight.size(), 900 + 240)
    kit.note(f"{len(overloaded)} singles were turned away")
    assert overloaded, "never overloaded"
    tight.stop()

service.stop()
kit.done()
