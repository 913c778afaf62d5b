#!/usr/bin/env python3
"""Lists and their cursors, methods, request ids, CORS, health, metrics."""

import re

import kit
from kit import case, equal
from kit_receipts import Maker, Signer

maker = Maker("13")
service = kit.Service(epoch_receipts_max=3000)
signer = service.new_signer("s")
envelopes = signer.seal_all(maker.bodies(1234))
service.batch_ok(envelopes)
signers = [signer] + [service.new_signer(f"signer {i}") for i in range(24)]


def pages(path, limit=None):
    """All items of a list, following cursors; the page sizes."""
    items, sizes, cursor = [], [], None
    while True:
        query = [f"limit={limit}"] if limit is not None else []
        query += [f"cursor={cursor}"] if cursor else []
        page = service.ok(path + ("?" + "&".join(query) if query else ""))
        equal(sorted(page), ["items", "next_cursor"])
        items += page["items"]
        sizes.append(len(page["items"]))
        cursor = page["next_cursor"]
        if cursor is None:
            return items, sizes
        assert re.fullmatch(r"[A-Za-z0-9_.~-]+", cursor), cursor
        assert len(sizes) < 3000


RECEIPTS = "/v1/epochs/0/receipts"
for limit in (None, 1, 7, 100, 617, 1000):
    with case(f"receipts of an epoch by pages of {limit}"):
        path = RECEIPTS
        items, sizes = pages(path, limit)
        equal([item["receipt_hash"] for item in items], [e.hash for e in envelopes])
        assert all(size == (limit or 100) for size in sizes[:-1]), sizes
        assert 0 < sizes[-1] <= (limit or 100), sizes

for limit in (None, 1, 7, 1000):
    with case(f"signers by pages of {limit}"):
        items, _ = pages("/v1/signers", limit)
        equal([item["signer_pubkey"] for item in items], sorted(s.key for s in signers))

with case("a cursor stays good: it names a position, and appending changes nothing before it"):
    first = service.ok(RECEIPTS + "?limit=700")
    equal(service.ok(RECEIPTS + "?limit=700"), first)
    more = signer.seal_all(maker.bodies(5))
    service.batch_ok(more)
    rest = service.ok(f"{RECEIPTS}?limit=1000&cursor={first['next_cursor']}")
    equal([item["receipt_hash"] for item in rest["items"]],
          [e.hash for e in (envelopes + more)[700:]])
    service.restart()
    equal(service.ok(f"{RECEIPTS}?limit=1000&cursor={first['next_cursor']}")["items"],
          [{**item, "status": "covered"} for item in rest["items"]])
    envelopes += more

other_cursor = service.ok("/v1/signers?limit=1")["next_cursor"]
for path in (RECEIPTS, "/v1/signers", "/v1/epochs"):
    with case(f"{path}: limits and cursors that are none are refused"):
        for limit in ("0", "1001", "-1", "x", "", "1.5", "99999999999999999999999"):
            kit.problem(service.get(f"{path}?limit={limit}"), 400, "INVALID_PARAMETER", "limit")
        cursors = ["x", "", "..", "%00x", "0" * 1000, "72" + "0" * 15]
        if path != "/v1/signers":
            cursors.append(other_cursor)
        for cursor in cursors:
            answer = service.get(f"{path}?cursor={cursor}")
            if cursor == "%00x":
                equal(answer.status, 400)
            else:
                kit.problem(answer, 400, "INVALID_PARAMETER", "cursor")

with case("a list of many epochs by pages"):
    many = kit.Service(epoch_receipts_max=1)
    many_signer = many.new_signer("s")
    many.batch_ok(many_signer.seal_all(maker.bodies(105)))
    service, kept = many, service
    for limit in (None, 1, 7, 1000):
        items, _ = pages("/v1/epochs", limit)
        equal([item["epoch"] for item in items], list(range(105)))
    service = kept
    many.stop()

# --- methods and paths --------------------------------------------------------------------------

HASH = envelopes[0].hash
PUBLIC = ["/v1/log", "/v1/mmr", "/v1/epochs", "/v1/epochs/0", "/v1/epochs/current", RECEIPTS,
          "/v1/signers", f"/v1/signers/{signer.key}", f"/v1/receipts/{HASH}/proof",
          f"/v1/receipts/{HASH}/verify", "/v1/consistency?from=1&to=2", "/checkpoint",
          "/healthz", "/readyz", "/metrics"]

for path in PUBLIC:
    with case(f"HEAD and GET {path[:30]}: the same headers, no body"):
        got = service.get(path)
        head = service.client.request("HEAD", path)
        equal((got.status, head.status, head.body), (200, 200, b""))
        equal(head.header("content-type"), got.header("content-type"))
        if path != "/metrics":
            equal(head.header("content-length"), got.header("content-length"))
        assert got.header("date") and got.header("x-request-id")

with case("405 with Allow, on every known path"):
    for path, allow in [("/v1/log", {"GET", "HEAD", "OPTIONS"}), ("/v1/receipts", {"POST"}),
                        ("/v1/receipts/batch", {"POST"}), ("/v1/signers", {"GET", "POST"}),
                        ("/v1/epochs/current/finalize", {"POST"}), ("/healthz", {"GET"}),
                        (f"/v1/receipts/{HASH}/proof", {"GET"}), ("/checkpoint", {"GET"})]:
        for method in ("PUT", "DELETE", "PATCH", "BREW"):
            answer = service.client.request(method, path)
            kit.problem(answer, 405, "METHOD_NOT_ALLOWED")
            listed = {m.strip() for m in answer.header("allow").split(",")}
            assert allow <= listed and method not in listed, (path, listed)
    # GET where only POST is: a receipt whose name is "batch" is too short to exist, so not here.
    answer = service.get("/v1/epochs/current/finalize")
    kit.problem(answer, 405, "METHOD_NOT_ALLOWED")
    equal(answer.header("allow"), "POST")

with case("404 for what is not there, also where the segment can be no name"):
    for path in ("/", "/v1", "/v1/", "/v2/log", "/v1/log/", "/v1//log", "/V1/log", "/v1/epochs/9",
                 "/v1/epochs/x", "/v1/epochs/-1", "/v1/epochs/00", "/v1/epochs/1/nothing",
                 "/v1/epochs/18446744073709551616", "/v1/signers/" + "0" * 64,
                 "/v1/signers/" + signer.key.upper(), "/favicon.ico", "/checkpoint/1"):
        kit.problem(service.get(path), 404, "NOT_FOUND")
    for name in ("0" * 64, HASH.upper(), "run_not_there_0", "a", "%20" * 12):
        kit.problem(service.get("/v1/receipts/" + name, token=service.token), 404, "NOT_FOUND")
    for number in ("0" * 64, signer.key.upper()):
        answer = service.post(f"/v1/signers/{number}/revoke", token=service.token)
        equal((answer.status, answer.json()["code"]), (404, "NOT_FOUND"))

with case("without a token nobody learns whether a receipt is there"):
    for name in (HASH, "0" * 64):
        kit.problem(service.get("/v1/receipts/" + name), 401, "UNAUTHORIZED")

with case("percent escapes in a path are decoded once"):
    run_id = envelopes[0].run_id
    escaped = "".join(f"%{ord(c):02X}" for c in run_id)
    equal(service.ok("/v1/receipts/" + escaped, token=service.token)["run_id"], run_id)
    twice = escaped.replace("%", "%25")
    equal(service.get("/v1/receipts/" + twice, token=service.token).status, 404)

# --- headers ------------------------------------------------------------------------------------

with case("X-Request-Id: a good one is echoed, also in problems, a bad one replaced"):
    for value in ("a", "A-z.0_9:b", "x" * 64):
        for path in ("/v1/log", "/nothing"):
            answer = service.get(path, headers={"X-Request-Id": value})
            equal(answer.header("x-request-id"), value)
    seen = set()
    for value in ("", "x" * 65, "a b", "a\u00e9", 'a"b', "a/b"):
        answer = service.get("/nothing", headers={"X-Request-Id": value.encode("utf-8")})
        own = answer.header("x-request-id")
        assert own != value and re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", own), own
        equal(answer.json()["request_id"], own)
        seen.add(own)
    equal(len(seen), 6, "own request ids differ")

with case("CORS: * on public reads, preflight 204, nothing where a token is needed"):
    for path in ("/v1/log", "/checkpoint", f"/v1/receipts/{HASH}/proof"):
        equal(service.get(path, headers={"Origin": "https://a"}).header(
            "access-control-allow-origin"), "*")
        answer = service.client.request("OPTIONS", path, headers={
            "Origin": "https://a", "Access-Control-Request-Method": "GET"})
        equal((answer.status, answer.header("access-control-allow-origin")), (204, "*"))
    answer = service.get(f"/v1/receipts/{HASH}", token=service.token)
    equal((answer.status, answer.header("access-control-allow-origin")), (200, None))

with case("a bad token on a public route does no harm"):
    equal(service.get("/v1/log", token="nonsense").status, 200)

with case("health, readiness, metrics"):
    equal(service.ok("/healthz"), {"status": "ok"})
    equal(service.ok("/readyz")["status"], "ready")
    answer = service.get("/metrics")
    assert answer.header("content-type").startswith("text/plain; version=0.0.4"), answer
    families = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            match = re.fullmatch(r"([a-z_:][a-z0-9_:]*)(\{.*\})? (\S+)", line)
            assert match, line
            float(match.group(3))
            families.setdefault(match.group(1), 0)
    assert all(name.startswith(("lucid_", "process_")) for name in families), sorted(families)

with case("Content-Type: JSON, none, and what curl -d says; anything else 415"):
    for number, kind in enumerate((None, "application/json", "application/json; charset=utf-8",
                                   "application/x-www-form-urlencoded", "text/plain",
                                   "application/octet-stream", "image/png", "text/html")):
        envelope = signer.seal(maker.body())
        headers = {"Content-Type": kind} if kind else {}
        answer = service.post("/v1/receipts", envelope.wire(), headers=headers)
        if number < 6:
            equal(answer.status, 201, kind)
        else:
            kit.problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    answer = service.post("/v1/receipts", envelope.wire(), headers={"Content-Encoding": "gzip"})
    kit.problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")

# --- signers and tokens: their own refusals -----------------------------------------------------

fresh = Signer(kit.ED25519, "never registered").key
GOOD = {"signer_pubkey": fresh, "name": "n", "signer_type": "worker"}
for change, param in [({"signer_pubkey": fresh.upper()}, "signer_pubkey"),
                      ({"signer_pubkey": fresh[:-2]}, "signer_pubkey"),
                      ({"signer_pubkey": 7}, "signer_pubkey"),
                      ({"signer_pubkey": None}, "signer_pubkey"),
                      ({"signer_pubkey": "00" * 32}, "signer_pubkey"),  # of small order
                      ({"signer_pubkey": "01" + "00" * 31}, "signer_pubkey"),
                      ({"signer_pubkey": "ff" * 32}, "signer_pubkey"),  # not canonical
                      ({"name": ""}, "name"), ({"name": "x" * 129}, "name"), ({"name": 1}, "name"),
                      ({"name": "a\nb"}, "name"), ({"signer_type": "boss"}, "signer_type"),
                      ({"signer_type": None}, "signer_type")]:
    with case(f"POST /v1/signers refuses {str(change)[:60]}"):
        answer = service.post("/v1/signers", {**GOOD, **change}, token=service.token)
        kit.problem(answer, 422, "INVALID_SIGNER", param)
        equal(service.get(f"/v1/signers/{fresh}").status, 404)
for member in GOOD:
    with case(f"POST /v1/signers without {member}"):
        body = {k: v for k, v in GOOD.items() if k != member}
        kit.problem(service.post("/v1/signers", body, token=service.token), 422, "INVALID_SIGNER",
                    member)
with case("POST /v1/signers with what is no JSON object"):
    for body in (b"", b"[]", b"{", b"null", b"{} {}"):
        kit.problem(service.post("/v1/signers", body, token=service.token), 400, "INVALID_JSON")
    answer = service.post("/v1/signers", b'{"a":1,"a":2}', token=service.token)
    kit.problem(answer, 400, "INVALID_JSON", "a")

TOKEN = {"name": "n", "scopes": ["read"]}
for change, param in [({"scopes": []}, "scopes"), ({"scopes": ["root"]}, "scopes"),
                      ({"scopes": "read"}, "scopes"), ({"name": ""}, "name"),
                      ({"expires_at": "tomorrow"}, "expires_at"),
                      ({"expires_at": "2027-02-29T00:00:00Z"}, "expires_at")]:
    with case(f"POST /v1/tokens refuses {change}"):
        answer = service.post("/v1/tokens", {**TOKEN, **change}, token=service.token)
        body = kit.problem(answer, 422, "INVALID_TOKEN", answer.json().get("param"))
        assert body["param"].startswith(param), body

service.stop()
kit.done()
