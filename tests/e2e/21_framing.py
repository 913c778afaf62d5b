#!/usr/bin/env python3
"""Bytes on the wire that no good client sends: framing, limits, slowness. By raw sockets; with
--tls inside of TLS."""

import random
import sys
import threading
import time

import kit
import kit_tls
from kit import Raw, case, equal
from kit_receipts import Maker

HEADER_MS, BODY_MS, IDLE_MS = 400, 600, 1500

maker = Maker("21")
tls = kit_tls.settings(kit.scratch()) if "--tls" in sys.argv else {}
service = kit.Service(header_ms_max=HEADER_MS, body_ms_max=BODY_MS, idle_ms_max=IDLE_MS,
                      write_ms_max=1500, io_threads=2, **tls)
signer = service.new_signer("s")
wire = signer.seal(maker.body("tool")).wire()
SIZE = str(len(wire)).encode()


def state():
    return service.ok("/v1/log")["size"], service.get("/v1/epochs/current").status


EMPTY = state()


def request(head, body=b""):
    return head.replace(b"\n", b"\r\n") + b"\r\n" + body


def alive():
    """Others are served."""
    raw = service.raw()
    raw.send(request(b"GET /healthz HTTP/1.1\nHost: x\n"))
    equal(raw.answer().status, 200)
    raw.close()


def refused(name, data, status, code, closes=True):
    """One bad request on a connection of its own: a problem document, then the end."""
    with case(name):
        raw = service.raw()
        raw.send(data)
        answer = raw.answer()
        kit.problem(answer, status, code)
        if closes:
            equal((answer.header("connection") or "").lower(), "close")
            assert raw.ended() and raw.input == b"", f"more came: {raw.input!r}"
        raw.close()
        equal(state(), EMPTY)
        alive()


POST = b"POST /v1/receipts HTTP/1.1\nHost: x\n"
GET = b"GET /v1/log HTTP/1.1\n"
BAD = "BAD_REQUEST"
for name, data in [
        ("two different Content-Length", request(POST + b"Content-Length: 5\nContent-Length: 6\n",
                                                 wire)),
        ("the same Content-Length twice", request(
            POST + b"Content-Length: " + SIZE + b"\nContent-Length: " + SIZE + b"\n", wire)),
        ("a list as Content-Length", request(POST + b"Content-Length: 5, 5\n", wire)),
        ("a negative Content-Length", request(POST + b"Content-Length: -5\n", wire)),
        ("+5", request(POST + b"Content-Length: +5\n", wire)),
        ("0x5", request(POST + b"Content-Length: 0x5\n", wire)),
        ("an empty Content-Length", request(POST + b"Content-Length:\n", wire)),
        ("2^64 + 5", request(POST + b"Content-Length: 18446744073709551621\n", wire)),
        ("Content-Length and Transfer-Encoding", request(
            POST + b"Content-Length: 4\nTransfer-Encoding: chunked\n", b"0\r\n\r\n")),
        ("Transfer-Encoding and Content-Length", request(
            POST + b"Transfer-Encoding: chunked\nContent-Length: 4\n", b"0\r\n\r\n")),
        ("Transfer-Encoding twice", request(
            POST + b"Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", b"0\r\n\r\n")),
        ("Transfer-Encoding in HTTP/1.0", request(
            b"POST /v1/receipts HTTP/1.0\nTransfer-Encoding: chunked\n", b"0\r\n\r\n")),
        ("no Host", request(GET)), ("two Hosts", request(GET + b"Host: a\nHost: b\n")),
        ("bare LF line ends", b"GET /v1/log HTTP/1.1\nHost: x\n\n"),
        ("one bare LF", b"GET /v1/log HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"),
        ("white space before the colon", request(GET + b"Host : x\n")),
        ("a folded header", request(GET + b"Host: x\nA: b\n c\n")),
        ("white space before the first header", request(GET + b" Host: x\n")),
        ("NUL in a header", request(GET + b"Host: x\nA: b\x00c\n")),
        ("CR in a header", b"GET /v1/log HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"),
        ("no name", request(GET + b"Host: x\n: v\n")),
        ("no colon", request(GET + b"Host: x\nnonsense\n")),
        ("a space in a name", request(GET + b"Host: x\na b: c\n")),
        ("two spaces in the request line", request(b"GET  /v1/log HTTP/1.1\nHost: x\n")),
        ("no version", request(b"GET /v1/log\nHost: x\n")),
        ("no target", request(b"GET HTTP/1.1\nHost: x\n")),
        ("an absolute target", request(b"GET http://x/v1/log HTTP/1.1\nHost: x\n")),
        ("a target without slash", request(b"GET v1/log HTTP/1.1\nHost: x\n")),
        ("a control character in the target", request(b"GET /v1/\x01log HTTP/1.1\nHost: x\n")),
        ("a byte over 127 in the target", request(b"GET /v1/\xfflog HTTP/1.1\nHost: x\n")),
        ("a broken percent escape", request(b"GET /v1/%zz HTTP/1.1\nHost: x\n")),
        ("a cut percent escape", request(b"GET /v1/%1 HTTP/1.1\nHost: x\n")),
        ("%00", request(b"GET /v1/%00 HTTP/1.1\nHost: x\n")),
        ("/../", request(b"GET /v1/../v1/log HTTP/1.1\nHost: x\n")),
        ("/%2e%2e/", request(b"GET /v1/%2e%2E/v1/log HTTP/1.1\nHost: x\n")),
        ("a method with a bad character", request(b"G(T /v1/log HTTP/1.1\nHost: x\n")),
        ("TLS on the plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64),
        ("Authorization twice", request(GET + b"Host: x\nAuthorization: a\nAuthorization: b\n")),
        ("http/1.1", request(b"GET /v1/log http/1.1\nHost: x\n"))]:
    refused(f"400: {name}", data, 400, BAD)
for version in (b"HTTP/2.0", b"HTTP/1.2", b"HTTP/0.9"):
    refused(f"505: {version.decode()}", request(b"GET / " + version + b"\nHost: x\n"), 505,
            "HTTP_VERSION_NOT_SUPPORTED")
for coding in (b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity", b"xchunked"):
    refused(f"501: Transfer-Encoding: {coding.decode()}",
            request(POST + b"Transfer-Encoding: " + coding + b"\n", b"0\r\n\r\n"), 501,
            "NOT_IMPLEMENTED")
refused("417: an expectation nobody knows",
        request(POST + b"Expect: miracles\nContent-Length: 3\n", b"abc"), 417,
        "EXPECTATION_FAILED")
for name, head in [("16 KiB of one header", GET + b"Host: x\nA: " + b"a" * 16384 + b"\n"),
                   ("1 MiB of one header", GET + b"Host: x\nA: " + b"a" * (1 << 20) + b"\n"),
                   ("65 headers", GET + b"Host: x\n" + b"".join(b"A%d: b\n" % i
                                                                for i in range(65)))]:
    refused(f"431: {name}", request(head), 431, "HEADERS_TOO_LARGE")
refused("414: a target over 8 KiB", request(b"GET /" + b"a" * 8200 + b" HTTP/1.1\nHost: x\n"), 414,
        "URI_TOO_LONG")
refused("414: a target without end", b"GET /" + b"a" * 100000, 414, "URI_TOO_LONG")
refused("413: a declared body far over 512 KiB, before it is sent",
        request(POST + b"Content-Length: 5242890\n"), 413, "BODY_TOO_LARGE")
with case("413: a body one byte over 512 KiB; the connection stays usable"):
    raw = service.raw()
    raw.send(request(POST + b"Content-Length: 524289\n"))
    kit.problem(raw.answer(), 413, "BODY_TOO_LARGE")
    raw.send(b"x" * 524289 + request(b"GET /healthz HTTP/1.1\nHost: x\n"))
    equal(raw.answer().status, 200)
    raw.close()
    equal(state(), EMPTY)
refused("413: a chunked body over 512 KiB",
        request(POST + b"Transfer-Encoding: chunked\n", b"80001\r\n" + b" " * 524289 + b"\r\n"),
        413, "BODY_TOO_LARGE")
refused("413: a declared batch over 32 MiB", request(
    b"POST /v1/receipts/batch HTTP/1.1\nHost: x\nContent-Length: 33554433\n"), 413,
    "BODY_TOO_LARGE")

CHUNKED = request(POST + b"Transfer-Encoding: chunked\n")
for name, data in [("no hex size", b"xyz\r\n"), ("a negative size", b"-1\r\n"),
                   ("a size of 17 digits", b"10000000000000000\r\n"), ("0x5", b"0x5\r\nhello\r\n"),
                   ("no CR LF after the data", b"5\r\nhelloXX"), ("a bare LF", b"5\nhello\r\n"),
                   ("an empty size", b"\r\nhello"), ("white space first", b" 5\r\nhello\r\n"),
                   ("an endless extension", b"5;" + b"a" * 70000),
                   ("endless trailers", b"0\r\n" + b"A: b\r\n" * 12000)]:
    refused(f"400: chunk with {name}", CHUNKED + data, 400, BAD)

# --- what is good, in odd clothes ---------------------------------------------------------------


def served(name, data, statuses):
    with case(name):
        raw = service.raw()
        raw.send(data)
        equal([raw.answer().status for _ in statuses], statuses)
        raw.send(request(b"GET /healthz HTTP/1.1\nHost: x\nConnection: close\n"))
        equal(raw.answer().status, 200)
        assert raw.ended() and raw.input == b""
        raw.close()


LOG = request(GET + b"Host: x\n")
served("an empty line before the request", b"\r\n" + LOG, [200])
served("header names in any case, values trimmed",
       b"GET /v1/log HTTP/1.1\r\nhOST:\t x \t\r\nX-Request-ID:   a\r\n\r\n", [200])
served("ten pipelined requests are answered in order", LOG * 9 + request(
    b"GET /nothing HTTP/1.1\nHost: x\n"), [200] * 9 + [404])
served("a refused body does not stop the next pipelined request",
       request(POST + b"Content-Length: 2\n", b"{}") + LOG, [422, 200])
served("404 with a body: the body is passed over",
       request(b"POST /nothing HTTP/1.1\nHost: x\nContent-Length: 5\n", b"GET /") + LOG,
       [404, 200])
served("405 with a chunked body: the body is passed over",
       request(b"POST /v1/log HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n",
               b"5\r\nGET /\r\n0\r\n\r\n") + LOG, [405, 200])
served("401 with a body: the body is passed over",
       request(b"POST /v1/signers HTTP/1.1\nHost: x\nContent-Length: 5\n", b"GET /") + LOG,
       [401, 200])

with case("Expect: 100-continue: asked for, then 201"):
    sealed = signer.seal(maker.body())
    raw = service.raw()
    raw.send(request(POST + b"Expect: 100-continue\nContent-Length: %d\n" % len(sealed.wire())))
    equal(raw.answer().status, 100)
    raw.send(sealed.wire())
    equal(raw.answer().status, 201)
    raw.close()

with case("Expect: 100-continue with too large a body: 413 instead of 100"):
    raw = service.raw()
    raw.send(request(POST + b"Expect: 100-continue\nContent-Length: 999999\n"))
    equal(raw.answer().status, 413)
    raw.close()

with case("chunked: pieces of one byte, extensions and trailers"):
    sealed = signer.seal(maker.body())
    data = b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in sealed.wire())
    raw = service.raw()
    raw.send(CHUNKED + data + b"0\r\nTrailer: x\r\n\r\n" + LOG)
    equal([raw.answer().status, raw.answer().status], [201, 200])
    raw.close()

with case("a request in pieces of one byte"):
    sealed = signer.seal(maker.body())
    raw = service.raw()
    raw.socket.setsockopt(6, 1, 1)  # TCP_NODELAY
    for byte in request(POST + b"Content-Length: %d\n" % len(sealed.wire())):
        raw.send(bytes([byte]))
    raw.send(sealed.wire())
    equal(raw.answer().status, 201)
    raw.close()

with case("HTTP/1.0: no Host needed, closes, unless asked to keep"):
    raw = service.raw()
    raw.send(request(b"GET /v1/log HTTP/1.0\n"))
    equal(raw.answer().status, 200)
    assert raw.ended()
    raw.close()
    raw = service.raw()
    raw.send(request(b"GET /v1/log HTTP/1.0\nConnection: keep-alive\n") * 2)
    equal([raw.answer().status, raw.answer().status], [200, 200])
    raw.close()


def half_closed():
    raw = service.raw()
    sealed = signer.seal(maker.body())
    raw.send(request(POST + b"Content-Length: %d\n" % len(sealed.wire()), sealed.wire()))
    raw.socket.shutdown(1)
    equal(raw.answer().status, 201)
    assert raw.ended()
    raw.close()


if not tls:  # Python gives up TLS with its sending side; 23_tls has this with close_notify
    with case("a client that shuts its sending side still gets its answer"):
        half_closed()

# --- slowness -----------------------------------------------------------------------------------


def slow(name, start, piece, deadline_ms, status):
    """Sends start, then piece every 50 ms; the server answers after its total deadline."""
    with case(name):
        raw = service.raw(seconds=10)
        raw.send(start)
        begun = time.monotonic()
        raw.socket.settimeout(0.05)
        while time.monotonic() - begun < 10 * kit.SLOW:
            try:
                if not raw.more() or b"\r\n\r\n" in raw.input:
                    break
            except TimeoutError:
                raw.send(piece)
        took = 1000 * (time.monotonic() - begun)
        assert deadline_ms * 0.8 < took < deadline_ms + 700 * kit.SLOW, f"{took:.0f} ms"
        raw.socket.settimeout(5)
        if status:
            kit.problem(raw.answer(), status, "REQUEST_TIMEOUT")
        assert raw.ended() and raw.input == b"", raw.input
        raw.close()
        alive()


slow("408: half a header, then silence", b"GET /v1/log HT", b"", HEADER_MS, 408)
slow("408: headers a byte at a time: the deadline is a total", b"GET /v1/log HTTP/1.1\r\nA: ",
     b"a", HEADER_MS, 408)
slow("408: half a body, then silence",
     request(POST + b"Content-Length: 100\n", b"{"), b"", BODY_MS, 408)
slow("408: a body a byte at a time", request(POST + b"Content-Length: 5000\n", b"{"), b" ",
     BODY_MS, 408)
slow("408: a chunked body a byte at a time", CHUNKED + b"ffff\r\n{", b" ", BODY_MS, 408)
slow("an idle connection is closed without a word", b"", b"", IDLE_MS, None)

with case("200 slow connections do not stop others"):
    held = []
    for _ in range(200):
        held.append(service.raw())
        held[-1].send(b"GET /v1/log HTTP/1.1\r\n")  # at once: silent ones would be closed as idle
    begun = time.monotonic()
    for _ in range(20):
        alive()
    assert time.monotonic() - begun < 2 * kit.SLOW
    for raw in held:
        equal(raw.answer().status, 408)
        raw.close()

with case("connections_max: more wait, and are served when there is room"):
    few = kit.Service(connections_max=4)
    held = [Raw(few.port) for _ in range(4)]
    for raw in held:
        raw.send(LOG)
        equal(raw.answer().status, 200)
    waiting = Raw(few.port)
    waiting.send(LOG)
    waiting.socket.settimeout(0.5)
    try:
        waiting.answer()
        raise AssertionError("a fifth was served")
    except TimeoutError:
        pass
    for raw in held:
        raw.close()
    waiting.socket.settimeout(10 * kit.SLOW)
    equal(waiting.answer().status, 200)
    waiting.close()
    few.stop()

with case("a flood of garbage from 16 threads: the service stands"):
    def garbage(number):
        noise = random.Random(number)
        for _ in range(40):
            raw = service.raw()
            try:
                raw.send(noise.randbytes(noise.randrange(1, 3000)))
                if noise.random() < 0.5:
                    raw.send(LOG)
                if noise.random() < 0.5:
                    raw.more()
            except OSError:
                pass
            raw.close()
    threads = [threading.Thread(target=garbage, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    alive()

service.stop()
kit.done()
