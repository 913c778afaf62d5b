#!/usr/bin/env python3
"""What every route has in common: CORS, request ids, rate limits, the client's address, the access
log, media codings; and a service that runs out of descriptors."""

import gzip
import json
import re
import resource
import socket
import threading
import time
import zlib

import kit
from kit import Raw, case, equal
from kit_receipts import Maker

maker = Maker("22")
service = kit.Service(access_log="true", header_ms_max=500, body_ms_max=800,
                      trusted_proxies="127.0.0.0/8, 10.0.0.0/8, fd00::/8", io_threads=2)
signer = service.new_signer("s")
envelopes = signer.seal_all(maker.bodies(120))
service.batch_ok(envelopes)
service.covered(120)
document = service.ok("/openapi.json")

# --- CORS ---------------------------------------------------------------------------------------

EXPOSED = {"ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id",
           "PAYMENT-REQUIRED", "PAYMENT-RESPONSE", "X-PAYMENT-RESPONSE", "X-Payment-Id",
           "Idempotency-Replayed", "X-Access-Expires", "X-Lucid-Passport"}
VALUES = {"id": envelopes[0].hash, "n": "0", "key": signer.key, "path": "0/000"}
READING_POSTS = {"/v1/verify", "/v1/payouts/calculate"}


def words(answer, name):
    """Of all fields of that name."""
    values = ",".join(value for field, value in answer.fields if field == name)
    return {word.strip() for word in values.split(",") if word.strip()}


def routes():
    for pattern, item in document["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put", "delete"):
                yield pattern, method.upper(), operation.get("security")


def cors_check(where, pattern, method, open_to_all):
    path = re.sub(r"\{(\w+)\*?\}", lambda match: VALUES.get(match.group(1), "x"), pattern)
    allowed = open_to_all and (method == "GET" or pattern in READING_POSTS)
    asked = where.client.request("OPTIONS", path, headers={
        "Origin": "https://example.org", "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "x-payment"})
    if allowed:
        equal((asked.status, asked.header("access-control-allow-origin")), (204, "*"))
        assert method in words(asked, "access-control-allow-methods"), asked.fields
        headers = words(asked, "access-control-allow-headers")
        assert {"X-PAYMENT", "If-None-Match", "Authorization"} <= headers, headers
        assert int(asked.header("access-control-max-age")) > 0
    else:
        methods = words(asked, "access-control-allow-methods")
        assert method not in methods, (pattern, methods)
    if pattern == "/v1/stream" and allowed:
        return  # without end
    for bad in ("", "?limit=x&size=x&from=x&after=x"):
        answer = where.client.request(method, path + bad, headers={"Origin": "https://e"})
        equal(answer.header("access-control-allow-origin"), "*" if allowed else None,
              f"{method} {path + bad}: {answer!r}")
        if allowed:
            equal(words(answer, "access-control-expose-headers"), EXPOSED)


checked = 0
for pattern, method, security in routes():
    with case(f"CORS as the route table has it: {method} {pattern}"):
        cors_check(service, pattern, method, not security)
        checked += 1
assert checked > 20, checked

with case("CORS: problem documents of public routes too"):
    for path, status in [("/v1/epochs/99", 404), ("/v1/mmr?size=99999", 400),
                         ("/v1/consistency", 400), (f"/v1/receipts/{'0' * 64}/proof", 404)]:
        answer = service.get(path, headers={"Origin": "https://e"})
        equal((answer.status, answer.header("access-control-allow-origin")), (status, "*"))

with case("CORS: public_reads opens the reads to browsers, the admin's routes never"):
    opened = kit.Service(public_reads="true")
    for pattern, method, security in routes():
        scopes = [scope for entry in security or [] for names in entry.values() for scope in names]
        cors_check(opened, pattern, method, not security or "read" in scopes)
    opened.stop()

# --- request ids --------------------------------------------------------------------------------

with case("a request id on every answer, the parser's refusals included, each one its own"):
    seen = []
    host = b"Host: x\r\n"
    for data, status in [
            (b"GET /v1/log HTTP/1.1\r\n" + host + b"\r\n", 200),
            (b"GET /nothing HTTP/1.1\r\n" + host + b"\r\n", 404),
            (b"PUT /v1/log HTTP/1.1\r\n" + host + b"\r\n", 405),
            (b"\x16\x03\x01", 400), (b"GET /v1/log HTTP/1.1\r\n\r\n", 400),
            (b"GET /v1/log HTTP/2.0\r\n" + host + b"\r\n", 505),
            (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
            (b"GET / HTTP/1.1\r\n" + host + b"A: " + b"a" * 20000 + b"\r\n\r\n", 431),
            (b"POST /v1/receipts HTTP/1.1\r\n" + host + b"Content-Length: 9999999\r\n\r\n", 413),
            (b"POST /v1/receipts HTTP/1.1\r\n" + host + b"Transfer-Encoding: x\r\n\r\n", 501),
            (b"POST /v1/receipts HTTP/1.1\r\n" + host + b"Expect: x\r\n\r\n", 417),
            (b"GET /v1/log HT", 408),
            (b"POST /v1/receipts HTTP/1.1\r\n" + host + b"Content-Length: 99\r\n\r\n{", 408)]:
        raw = service.raw()
        raw.send(data)
        answer = raw.answer()
        equal(answer.status, status, repr(data[:60]))
        own = answer.header("x-request-id")
        assert re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", own), own
        if status != 200:
            equal(answer.json()["request_id"], own)
        seen.append(own)
        raw.close()
    equal(len(set(seen)), len(seen))

# --- the access log -----------------------------------------------------------------------------


def access_lines():
    """Every line of the log is JSON; those of requests by request id."""
    out = {}
    for line in service.log_text().splitlines():
        row = json.loads(line)
        if row["event"] == "http.request":
            out.setdefault(row["request_id"], []).append(row)
    return out


def logged(request_id, count=1):
    def probe():
        rows = access_lines().get(request_id, [])
        return rows if len(rows) >= count else None
    rows = kit.wait_for(probe, 10, f"the line of {request_id}")
    equal(len(rows), count)
    return rows[0]


with case("access log: one JSON line per request, with what an operator looks for"):
    answer = service.get("/v1/epochs/0", headers={"X-Request-Id": "access-1"})
    row = logged("access-1")
    equal({key: row[key] for key in ("method", "route", "path", "status", "peer", "level")},
          {"method": "GET", "route": "/v1/epochs/{n}", "path": "/v1/epochs/0", "status": 200,
           "peer": "127.0.0.1", "level": "info"})
    assert len(answer.body) < row["bytes"] < len(answer.body) + 1000, row
    assert 0 < row["micros"] < 5_000_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"]), row
    for own in seen:
        logged(own)
    equal(logged(seen[3])["method"], "")  # nothing that was no HTTP is repeated

with case("access log: no query, no token, no body"):
    secret = "s3cr3t" * 3
    for number, (path, headers) in enumerate([
            (f"/v1/log?token={secret}", {}), (f"/nothing?{secret}", {}),
            ("/v1/tokens", {"Authorization": f"Bearer lucid_{secret}"}),
            ("/v1/log", {"Cookie": secret, "User-Agent": secret, "Referer": secret})]):
        service.get(path, headers={**headers, "X-Request-Id": f"secret-{number}"})
        logged(f"secret-{number}")
    service.post("/v1/receipts", {"body": {"note": secret}})
    assert secret not in service.log_text()

with case("access log: nothing that a client sends breaks a line"):
    for number, (method, path) in enumerate([
            ("GET", '/a"b\\c'), ("GET", "/%0a%0d%22%7b"), ("GET", "/" + "x" * 4000),
            ("BREW-1", "/v1/log"), ("GET", "/v1/epochs/%e2%80%a8"), ("GET", "/<script>")]):
        raw = service.raw()
        raw.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: odd-{number}\r\n\r\n"
                 .encode())
        raw.answer()
        raw.close()
        row = logged(f"odd-{number}")
        assert len(row["path"]) <= 512 and path.startswith(row["path"]), row

with case("access log: 3,000 requests from 6 threads, 3,000 whole lines"):
    def ask(name):
        client = kit.Client(service.port)
        for number in range(500):
            client.get("/v1/mmr", headers={"X-Request-Id": f"many-{name}-{number}"})
        client.close()
    threads = [threading.Thread(target=ask, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kit.wait_for(lambda: sum(name.startswith("many-") for name in access_lines()) == 3000)

# --- whose request it is ------------------------------------------------------------------------

with case("X-Forwarded-For: the last address that no trusted proxy has"):
    for number, (lines, want) in enumerate([
            ([], "127.0.0.1"), (["203.0.113.9"], "203.0.113.9"),
            (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),  # the first is hearsay
            (["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
            (["203.0.113.9", "10.1.2.3"], "203.0.113.9"),
            (["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
            (["203.0.113.9:4711"], "203.0.113.9"), (["[2001:db8::1]:443"], "2001:db8::1"),
            (["2001:db8::2"], "2001:db8::2"), (["2001:db8::3, fd00::7"], "2001:db8::3"),
            (["::ffff:203.0.113.9"], "203.0.113.9"),
            (["203.0.113.9, unknown"], "127.0.0.1"), (["203.0.113.9,"], "127.0.0.1"),
            (["203.0.113.9, 10.1.2.3, nonsense, 10.1.2.4"], "10.1.2.4"),
            (["10.1.2.3"], "10.1.2.3"), ([""], "127.0.0.1"),
            (["1.2.3.4," * 500 + "10.0.0.1"], "1.2.3.4"),
            (["10.0.0.1," * 500 + "10.0.0.1"], "10.0.0.1")]):
        raw = service.raw()
        headers = "".join(f"X-Forwarded-For: {line}\r\n" for line in lines)
        raw.send(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}X-Request-Id: xff-{number}\r\n\r\n"
                 .encode())
        equal(raw.answer().status, 200)
        raw.close()
        equal(logged(f"xff-{number}")["peer"], want, str(lines)[:100])

with case("Content-Encoding of requests is refused, identity is none"):
    envelope = signer.seal(maker.body())
    for coding in ("gzip", "br", "gzip, identity", "deflate"):
        for path in ("/v1/receipts", "/v1/receipts/batch", "/v1/signers"):
            answer = service.post(path, envelope.wire(), headers={"Content-Encoding": coding},
                                  token=service.token)
            kit.problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    answer = service.post("/v1/receipts", envelope.wire(), headers={"Content-Encoding": "Identity"})
    equal(answer.status, 201)

# --- gzip ---------------------------------------------------------------------------------------

GZIP = {"Accept-Encoding": "gzip"}
PROOF = f"/v1/receipts/{envelopes[0].hash}/proof?tree_size=100"
FIXED = ["/openapi.json", "/v1/epochs/0/receipts?limit=100", PROOF,
         "/v1/events?after=0&limit=100"]

with case("gzip: the same content, Vary for all, tags that differ and both are known"):
    for path in FIXED:
        plain = service.get(path, token=service.token)
        coded = service.get(path, headers=GZIP, token=service.token)
        equal((plain.status, coded.status), (200, 200), path)
        equal((plain.header("content-encoding"), coded.header("content-encoding")),
              (None, "gzip"), path)
        assert gzip.decompress(coded.body) == plain.body, path
        assert len(coded.body) < 0.8 * len(plain.body), (path, len(coded.body), len(plain.body))
        for answer in (plain, coded):
            assert "Accept-Encoding" in words(answer, "vary"), (path, answer.fields)
        head = service.client.request("HEAD", path, headers=GZIP | {"Authorization": "Bearer "
                                                                    + service.token})
        equal(words(head, "vary"), words(coded, "vary"))
        for name in ("content-encoding", "content-length", "transfer-encoding", "etag"):
            equal(head.header(name), coded.header(name), f"HEAD {path}: {name}")
        equal(head.body, b"")
        if plain.header("etag"):
            assert plain.header("etag") != coded.header("etag")
            for tag in (plain.header("etag"), coded.header("etag"), "*",
                        f'"x", W/{coded.header("etag")}'):
                for more in ({}, GZIP):
                    answer = service.get(path, headers={"If-None-Match": tag, **more})
                    equal((answer.status, answer.body), (304, b""))
                    equal(answer.header("content-encoding"), None)
                    equal(answer.header("etag"), (coded if more else plain).header("etag"))
                    assert "Accept-Encoding" in words(answer, "vary"), answer.fields

with case("gzip: weights decide, identity wins where it weighs more"):
    for value, want in [
            ("gzip", True), ("GZIP", True), ("x-gzip", True), ("*", True), ("br, gzip", True),
            ("gzip;q=0.001", True), ("gzip ; q=1.000", True),
            ("deflate, gzip;q=1.0, *;q=0.5", True),
            ("gzip;q=0", False), ("gzip;q=0.000", False), ("", False), ("identity", False),
            ("br", False), ("*;q=0", False), ("gzip;q=0, *", False),
            ("identity, gzip;q=0.5", False),
            ("identity;q=0.5, gzip;q=0.5", True), ("gzip;q=2", False), ("gzip;q=", False),
            ("gzip;q=0.0001", False), ("gzip;level=9", False), ("gzipx", False),
            (",,gzip,,", True), ("x" * 5000 + ",gzip", True)]:
        answer = service.get(PROOF, headers={"Accept-Encoding": value})
        equal(answer.header("content-encoding"), "gzip" if want else None, value[:60])

with case("gzip: not what is small, binary, a live stream or refused"):
    for path in ("/healthz", "/v1/log", "/checkpoint", "/tile/0/000.p/100", "/nothing",
                 "/tile/entries/000.p/100"):
        answer = service.get(path, headers=GZIP)
        equal((answer.header("content-encoding"), answer.header("vary")), (None, None), path)
    raw = service.raw()
    raw.send(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
             b"Authorization: Bearer " + service.token.encode() + b"\r\n\r\n")
    answer = raw.answer(head_only=True)
    equal((answer.status, answer.header("content-encoding")), (200, None))
    raw.close()

BATCH = (b"POST /v1/receipts/batch HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
         b"%s\r\n\r\n")


def piece(raw):
    size = int(raw.until(b"\r\n"), 16)
    data = raw.take(size)
    equal(raw.take(2), b"\r\n")
    return data


with case("gzip: a streamed answer can be read as it comes, line by line"):
    raw = service.raw()
    raw.send(BATCH % b"Transfer-Encoding: chunked")
    unzip = zlib.decompressobj(wbits=31)
    for number in range(5):
        raw.send(b"4\r\n{]%d\n\r\n" % number)
        if number == 0:
            equal(raw.answer(head_only=True).header("content-encoding"), "gzip")
        line = b""
        while not line.endswith(b"\n"):
            line += unzip.decompress(piece(raw))
        equal(json.loads(line)["http_status"], 400)
    raw.send(b"0\r\n\r\n")
    rest = piece(raw)
    equal((unzip.decompress(rest), unzip.eof), (b"", True))
    equal(piece(raw), b"")
    raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # the connection goes on
    equal(raw.answer().status, 200)
    raw.close()

with case("gzip: large batches and large lists, also over HTTP/1.0 and to a slow reader"):
    more = signer.seal_all(maker.bodies(1500))
    answer = service.post("/v1/receipts/batch", b"".join(e.wire() + b"\n" for e in more),
                          headers=GZIP)
    lines = gzip.decompress(answer.body).splitlines()
    equal([json.loads(line)["http_status"] for line in lines], [201] * 1500)
    path = "/v1/events?after=0&limit=1500"
    plain = service.get(path, token=service.token).body
    ask = (f"GET {path} HTTP/%s\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
           f"Authorization: Bearer {service.token}\r\n\r\n")
    raw = service.raw(receive_bytes=4096)
    raw.send((ask % "1.1").encode() * 3)
    time.sleep(0.3)
    for _ in range(3):
        assert gzip.decompress(raw.answer().body) == plain
    raw.close()
    raw = service.raw()
    raw.send((ask % "1.0").encode())
    raw.until(b"\r\n\r\n")
    raw.ended()
    assert gzip.decompress(raw.input) == plain
    raw.close()

with case("gzip: over as many streams as there may be, the next ones are sent as they are"):
    held = []
    for _ in range(280):
        raw = service.raw()
        raw.send(BATCH % b"Content-Length: 100" + b"[]\n")
        held.append(raw)
    codings = [raw.answer(head_only=True).header("content-encoding") for raw in held]
    equal((codings.count("gzip"), codings.count(None)), (256, 24))
    for raw in held:
        raw.close()
    def free_again():
        raw = service.raw()
        raw.send(BATCH % b"Content-Length: 3" + b"[]\n")
        coding = raw.answer(head_only=True).header("content-encoding")
        raw.close()
        return coding == "gzip"
    kit.wait_for(free_again)

with case("gzip: clients that leave in the middle cost nothing that stays"):
    big = "/openapi.json"
    for number in range(60):
        raw = service.raw(receive_bytes=4096)
        raw.send(f"GET {big} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n".encode() * 20)
        if number % 2:
            raw.socket.recv(1)
        raw.close()
    equal(gzip.decompress(service.get(big, headers=GZIP).body), service.get(big).body)

with case("settings that cannot be are refused"):
    for value in ("nonsense", "10.0.0.0/33", "::/129", "1.2.3.4/", "1.2.3.4/x", "1.2.3",
                  ",".join(["10.0.0.1"] * 33)):
        ended = kit.subprocess.run([kit.LUCIDD, "--data", service.data, "--check",
                                    "--trusted-proxies", value], capture_output=True, check=False,
                                   timeout=20, env=kit.environment())
        assert ended.returncode == 2 and b"trusted_proxies" in ended.stderr, (value, ended)
service.stop()

# --- rate limits --------------------------------------------------------------------------------

QUOTA, WINDOW = 40, 4
limited = kit.Service(rate_limit_requests=QUOTA, rate_limit_window_seconds=WINDOW,
                      rate_limit_lines=100, trusted_proxies="127.0.0.1", io_threads=2,
                      start=False)
limited.start()


def left(answer):
    match = re.fullmatch(r'"requests";r=(\d+);t=(\d+)', answer.header("ratelimit"))
    return int(match.group(1)), int(match.group(2))


def as_client(address, path="/v1/log", **more):
    return limited.get(path, headers={"X-Forwarded-For": address}, **more)


with case("RateLimit: fields count down, then 429 with Retry-After, and it passes"):
    for number in range(QUOTA):
        answer = as_client("203.0.113.1")
        equal(answer.status, 200)
        equal(answer.header("ratelimit-policy"), f'"requests";q={QUOTA};w={WINDOW}')
        remaining, seconds = left(answer)
        assert QUOTA - number - 1 <= remaining <= QUOTA - number + 8, (number, remaining)
        assert 1 <= seconds <= WINDOW
    refused = None
    for _ in range(60):
        answer = as_client("203.0.113.1")
        if answer.status == 429:
            refused = answer
            break
    kit.problem(refused, 429, "QUOTA_EXCEEDED")
    equal(left(refused)[0], 0)
    equal(refused.header("access-control-allow-origin"), "*")
    wait = int(refused.header("retry-after"))
    assert 1 <= wait <= WINDOW
    time.sleep(wait)
    equal(as_client("203.0.113.1").status, 200)

with case("each client has its own: addresses, IPv6 networks, tokens"):
    def use_up(**more):
        for _ in range(3 * QUOTA):
            if limited.get("/v1/log", **more).status == 429:
                return
        raise AssertionError("never refused")

    use_up(headers={"X-Forwarded-For": "203.0.113.2"})
    equal(as_client("203.0.113.3").status, 200)
    use_up(headers={"X-Forwarded-For": "2001:db8:1:2::1"})
    equal(as_client("2001:db8:1:2:ffff::9").status, 429)  # the same /64
    equal(as_client("2001:db8:1:3::1").status, 200)
    use_up(headers={"X-Forwarded-For": "203.0.113.4"})
    equal(as_client("203.0.113.4", token=limited.token).status, 200)  # a token is its own client
    equal(as_client("203.0.113.4", token="lucid_" + "0" * 64).status, 429)  # unless it is none
    use_up(token=limited.token)
    equal(as_client("203.0.113.5", token=limited.token).status, 429)

with case("health is never counted, and a refused request does nothing"):
    for path in ("/healthz", "/readyz"):
        for _ in range(2 * QUOTA):
            answer = as_client("203.0.113.6", path)
            equal((answer.status, answer.header("ratelimit")), (200, None))
    use_up(headers={"X-Forwarded-For": "203.0.113.7"})
    answer = limited.post("/v1/receipts", b"{}", headers={"X-Forwarded-For": "203.0.113.7"})
    kit.problem(answer, 429, "QUOTA_EXCEEDED")

with case("over both loops and 8 connections the quota is counted exactly"):
    counts = []
    barrier = threading.Barrier(8)
    begun = []

    def hammer():
        raw = Raw(limited.port)
        barrier.wait()
        begun.append(time.monotonic())
        raw.send(b"GET /v1/mmr HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.8\r\n\r\n" * 40)
        counts.append(sum(raw.answer().status == 200 for _ in range(40)))
        raw.close()

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - min(begun)
    most = QUOTA + took * QUOTA / WINDOW + 2
    assert QUOTA <= sum(counts) <= most, (counts, took)
    kit.note(f"{sum(counts)} of 320 admitted in {took * 1000:.0f} ms, quota {QUOTA}")

with case("lines of batches: what is over the quota is refused line by line, the rest stands"):
    time.sleep(WINDOW)
    lone = limited.new_signer("s")
    sealed = lone.seal_all(maker.bodies(150))
    body = b"".join(e.wire() + b"\n" for e in sealed)
    answer = limited.post("/v1/receipts/batch", body, headers={"X-Forwarded-For": "203.0.113.20"})
    lines = answer.lines()
    equal(len(lines), 150)
    equal([line["http_status"] for line in lines[:100]], [201] * 100)
    late = [line for line in lines[100:] if line["http_status"] == 429]
    assert len(late) >= 30 and all(line["code"] == "QUOTA_EXCEEDED" for line in late), lines[-1]
    equal(limited.size(), 150 - len(late))
limited.stop()

with case("without limits no field says anything of them"):
    plain = kit.Service()
    equal(plain.get("/v1/log").header("ratelimit"), None)
    equal(plain.get("/v1/log").header("ratelimit-policy"), None)
    plain.stop()

# --- out of descriptors -------------------------------------------------------------------------

with case("out of descriptors: accepting pauses, those inside are served, it recovers by itself"):
    few = kit.Service(io_threads=2)
    few.get("/healthz")
    limit = len(kit.os.listdir(f"/proc/{few.process.pid}/fd")) + 20
    resource.prlimit(few.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    held = [socket.create_connection(("127.0.0.1", few.port), timeout=20) for _ in range(80)]
    kit.wait_for(lambda: "http.accept_paused" in few.log_text(), 10, "the pause")

    def spent():
        with open(f"/proc/{few.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / kit.os.sysconf("SC_CLK_TCK")

    before = spent()
    for _ in range(20):
        equal(few.get("/v1/log").status, 200)
        time.sleep(0.1)
    cpu = spent() - before
    assert cpu < 0.5 * kit.SLOW, f"{cpu:.2f} s of processor time"
    lines = few.log_text().count("http.accept_paused")
    assert 1 <= lines <= 6, f"{lines} lines"
    kit.note(f"2 s out of descriptors: {lines} log lines, {cpu:.2f} s of processor time")
    waiting = held.pop()
    waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    for one in held:
        one.close()
    waiting.settimeout(10 * kit.SLOW)
    assert waiting.recv(100).startswith(b"HTTP/1.1 200"), "not served after there was room"
    waiting.close()
    for _ in range(5):
        client = kit.Client(few.port)
        equal(client.get("/healthz").status, 200)
        client.close()
    few.stop()

kit.done()
