#!/usr/bin/env python3
"""What is wrong with requests for passports and with passports: refused, or called what it is, by
name; nothing is logged, the service lives on, and markup comes back as text."""

import copy
import hashlib
import html
import json
import os
import random
import time

import kit
import kit_attest
import kit_passport
from kit import ED25519, case, equal, problem
from kit_attest import b64, b64url, vector
from kit_passport import CONTAINER, Passports, application, checks_of, request
from kit_receipts import canonical

MARKUP = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>&lt;</title>${7*7}{{7*7}}`"
SEED = hashlib.sha256(b"e2e passport input issuer").digest()  # of an issuer who is trusted
PUBLIC = bytes.fromhex(ED25519.public(SEED))
JWK = {"crv": "Ed25519", "kty": "OKP", "x": b64url(PUBLIC)}
KID = b64url(hashlib.sha256(canonical(JWK)).digest())
DAY = 86400
NOW = int(time.time())
DIGEST = "sha256:" + "5a" * 32


def jwks_file():
    keys = json.loads(vector("passport/jwks.json"))["keys"] + [{**JWK, "kid": KID}]
    path = os.path.join(kit.scratch(), "trusted.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"keys": keys}, file)
    return path


agent = kit_attest.Agent()
service = Passports(
    application(),
    application("free", appName="Without a version", endpoints=["https://free.example"],
                version=None),
    application("evil", appName=MARKUP, version=MARKUP, endpoints=["https://evil.example"],
                container={**CONTAINER, "registry": MARKUP}, model={"name": MARKUP},
                auditors=[{"id": "pii", "name": MARKUP}], evidence={"modelFingerprint": True}),
    roots=(agent.root,), passport_trusted_jwks=jwks_file())
FIRST = service.environment_of(agent, workload={"container": CONTAINER})["appraisalId"]
SECOND = service.environment_of(agent)["appraisalId"]


def seq():
    return service.ok("/v1/log")["size"]


def stays(before):
    equal(seq(), before, "the log's size")
    equal(service.get("/healthz").status, 200)


# --- requests -------------------------------------------------------------------------------------

GOOD = request([FIRST])


def refused(body, status, code, param, **more):
    problem(service.ask(body, **more), status, code, param)


def too_large(path):
    """A body that is announced as larger than what is taken is not even read."""
    raw = service.raw()
    raw.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.token}\r\n"
             f"Content-Length: {5 << 20}\r\n\r\n".encode())
    problem(raw.answer(), 413, "BODY_TOO_LARGE")
    raw.close()


def without(document, *path):
    """A copy without that member."""
    whole = copy.deepcopy(document)
    at = whole
    for name in path[:-1]:
        at = at[name]
    del at[path[-1]]
    return whole


def having(document, value, *path):
    whole = copy.deepcopy(document)
    at = whole
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return whole


with case("requests: every member missing, null, of another type, too long, unknown"):
    before = seq()
    for path in (("type",), ("application",), ("appraisals",), ("time",), ("signature",),
                 ("signature", "algorithm"), ("signature", "value")):
        refused(without(GOOD, *path), 422, "INVALID_REQUEST", ".".join(path))
    for path, values in (
            (("type",), (7, True, None, [], {}, "", "lucid.passport.request/v2")),
            (("application",), (7, None, [], "", "a" * 64, MARKUP * 2)),
            (("appraisals",), (FIRST, {}, None, 7, [], ["%064x" % i for i in range(17)])),
            (("time",), ("1", str(NOW), 1.5, -1, True, None, [NOW], NOW * 1000)),
            (("version",), (7, None, [], "", "é" * 201, "😀" * 201, "a\nb", "a\0b", "a\x7fb")),
            (("provenance",), ({}, "x", 7, None, [], [{}] * 5)),
            (("interactions",), ({}, "x", 7, None, ["%064x" % i for i in range(17)])),
            (("signature",), ("x", 7, None, [])),
            (("signature", "algorithm"), (7, None, "", "ed25519", "EdDSA", "none", "HS256",
                                          "RS256")),
            (("signature", "value"), (7, None, "", "x", "AA==", b64(bytes(63)), b64(bytes(65)),
                                      b64url(bytes(64)), GOOD["signature"]["value"] + "\n"))):
        for value in values:
            refused(having(GOOD, value, *path), 422, "INVALID_REQUEST", ".".join(path))
    for value in (7, None, FIRST[:-1], FIRST + "0", FIRST.upper(), "sha256:" + FIRST[:57],
                  "../" * 21 + "x"):
        refused(having(GOOD, [value], "appraisals"), 422, "INVALID_REQUEST", "appraisals[0]")
    refused(having(GOOD, [FIRST, FIRST], "appraisals"), 422, "INVALID_REQUEST", "appraisals[1]")
    refused({**GOOD, "validityDays": 1}, 422, "INVALID_REQUEST", "validityDays")
    refused({**GOOD, "Application": "my-app"}, 422, "INVALID_REQUEST", "Application")
    refused(having(GOOD, "x", "signature", "kid"), 422, "INVALID_REQUEST", "signature.kid")
    refused(having(GOOD, [7], "provenance"), 422, "INVALID_REQUEST", "provenance[0]")
    stays(before)

with case("requests that are no JSON, or two things at once"):
    before = seq()
    text = json.dumps(GOOD)
    for body in (b"", b"[]", b"null", b"7", b'"x"', text[:-1], text + "{}", b"\xef\xbb\xbf" +
                 text.encode(), text.encode("utf-16"), text.replace("my-app", "my\\ud800"),
                 text.encode().replace(b"my-app", b"my\xff"), text[:-1] + ',"time":1}',
                 text[:-1] + ',"x":' + "[" * 20 + "]" * 20 + "}",
                 text.replace('"time"', '"ti\\u006de":1,"time"'),
                 text[:-1] + ',"application":"free"}', text.replace(":", "=", 1),
                 text.replace(str(GOOD["time"]), "1" + "0" * 30)):
        answer = service.ask(body)
        assert answer.status in (400, 422), (body[-60:], answer)
        problem(answer, answer.status, answer.json()["code"], answer.json().get("param"))
        assert answer.json()["code"] in ("INVALID_JSON", "INVALID_REQUEST"), answer
    for length in range(0, len(text), 23):
        equal(service.ask(text[:length]).status, 400, length)
    too_large("/v1/passports")
    stays(before)

with case("requests that say something wrong"):
    before = seq()
    other = kit_attest.Workload("other")
    refused(having(GOOD, b64(bytes(64)), "signature", "value"), 422, "SIGNATURE_INVALID",
            "signature.value")
    refused(request([FIRST], workload=other), 422, "SIGNATURE_INVALID", "signature.value")
    refused({**GOOD, "time": GOOD["time"] + 1}, 422, "SIGNATURE_INVALID", "signature.value")
    refused(having(GOOD, "ES256", "signature", "algorithm"), 422, "SIGNATURE_INVALID",
            "signature.value")
    for at in (NOW - 400, NOW + 400 + DAY, 0):
        refused(request([FIRST], at=at), 422, "PASSPORT_REFUSED", "time")
    refused(request(["00" * 32]), 422, "APPRAISAL_UNKNOWN", "appraisals[0]")
    refused(request([FIRST, "00" * 32]), 422, "APPRAISAL_UNKNOWN", "appraisals[1]")
    refused(request([FIRST], application_name="nobody"), 422, "APPLICATION_UNKNOWN", "application")
    refused(request([FIRST], interactions=["00" * 32]), 422, "INTERACTION_UNKNOWN",
            "interactions[0]")
    refused(request([FIRST], version="2.0.0"), 422, "PASSPORT_REFUSED", "version")
    refused(request([FIRST], application_name="free"), 422, "PASSPORT_REFUSED", "version")
    for envelope in ({}, {"payloadType": "x", "payload": "", "signatures": []},
                     {"payloadType": "application/vnd.in-toto+json",
                      "payload": b64(MARKUP.encode()), "signatures": [{"sig": b64(b"x" * 64)}]}):
        answer = service.ask(request([FIRST], provenance=[envelope]))
        body = problem(answer, 422, answer.json()["code"], answer.json().get("param"))
        equal(body["code"], "INVALID_PROVENANCE", repr(body))
        assert body["param"].startswith("provenance[0]"), body
    problem(service.ask(GOOD, token=None), 401, "UNAUTHORIZED")
    made = {scope: service.post("/v1/tokens", {"name": scope, "scopes": [scope]},
                                token=service.token).json()["token"]
            for scope in ("read", "attest", "audit")}
    for token in made.values():
        equal(service.ask(GOOD, token=token).status, 403)
    stays(before)

with case("the request that all of those were made of is good"):
    before = seq()
    MADE = service.issue([FIRST])
    equal(seq(), before + 1)

with case("evil strings that are good text are said as they are"):
    ISSUED = service.ask(request([SECOND], application_name="free", version=MARKUP)).json()
    equal(ISSUED["passport"]["version"], MARKUP)
    equal(service.verify(ISSUED["passportId"])["verdict"], "valid")

# --- other routes ---------------------------------------------------------------------------------

with case("revocation, renewal, lists, ids: bad input"):
    before = seq()
    path = f"/v1/passports/{MADE['passportId']}"
    for body, param in (({}, "reason"), ({"reason": "because"}, "reason"),
                        ({"reason": 7}, "reason"),
                        ({"reason": "operatorRequest", "comment": "x" * 501}, "comment"),
                        ({"reason": "operatorRequest", "comment": 7}, "comment"),
                        ({"reason": "operatorRequest", "at": 1}, "at")):
        refused(body, 422, "INVALID_REQUEST", param, path=path + "/revoke")
    equal(service.ask(b"{", path=path + "/revoke").status, 400)
    for name in ("pass-", "pass-" + "a" * 65, "pass-" + "a" * 32, "x", "%00", "pass-%3Cscript%3E",
                 "pass-" + "A" * 32, "..%2f..%2fetc", "%ff%fe"):
        for where in ("", "/evidence", "/disclosures"):
            answer = service.get(f"/v1/passports/{name}{where}", token=service.token)
            assert answer.status in (400, 404), (name, answer)
        for where in ("/renew", "/revoke"):
            answer = service.ask(GOOD if where == "/renew" else {"reason": "operatorRequest"},
                                 path=f"/v1/passports/{name}{where}")
            assert answer.status in (400, 404), (name, answer)
    refused(request([SECOND]), 409, "TOO_EARLY", "id", path=path + "/renew")
    for query in ("limit=0", "limit=x", "limit=99999999999999999999", "cursor=x", "status=good",
                  "status=" + "x" * 300):
        answer = service.get(f"/v1/passports?{query}", token=service.token)
        equal((query, answer.status), (query, 400))
    answer = service.get("/v1/passports?application=%3Cscript%3E", token=service.token)
    assert answer.status in (200, 400, 404) and b"<script" not in answer.body, answer
    equal(service.get("/.lucid/passport?application=%3Cscript%3E").status, 404)
    equal(service.get("/.lucid/passport", headers={"Host": "evil.invalid"}).status, 404)
    stays(before)

# --- documents ------------------------------------------------------------------------------------


def date(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def bare():
    """Every member that is known, without signature."""
    return {
        "$schema": kit_passport.SCHEMA, "passportId": "pass-abc123def456", "appName": "An é€ app",
        "version": "1.0.0", "issuedAt": date(NOW - DAY), "expiresAt": date(NOW + DAY),
        "renewAfter": date(NOW), "application": "my-app", "issuer": "passports.example",
        "supersedes": "pass-abc123def457", "is_mock": False, "test": False,
        "tee": {"type": "AMD_SEV_SNP", "measurementHash": DIGEST,
                "attestationQuote": b64(b"quote"), "runtimeData": b64(b"{}"),
                "measurement": {"alg": "sha384", "value": "ab" * 48},
                "appraisal": {"id": "ab" * 32, "appraisedAt": date(NOW - DAY),
                              "status": "affirming", "earDigest": DIGEST, "policyId": DIGEST,
                              "collateralDigest": DIGEST}},
        "auditors": [{"id": "pii", "name": "PII", "status": "active", "lastCheck": date(NOW - DAY),
                      "source": "bound", "digest": DIGEST, "claims": "cd" * 32}],
        "container": {"digest": DIGEST, "registry": "registry.example/a", "source": "bound"},
        "slsa": {"level": 2, "provenanceUri": "https://example.com/p",
                 "track": "SLSA_BUILD_LEVEL_2", "provenanceDigest": DIGEST},
        "appraisals": ["ab" * 32, "cd" * 32], "endpoints": ["https://app.example"],
        "status": {"uri": "https://passports.example/v1/passports/status", "idx": 1},
        "model": {"name": "model", "digest": DIGEST}, "routing": {}, "workload": {},
        "omitted": {"model": DIGEST},
    }


def signed(document):
    return kit_passport.signed_value(document, SEED, publicKey=b64(PUBLIC), kid=KID)


def judged(document, wrap=True):
    """The answer, and its checks' outcomes by name."""
    if wrap:
        body = service.verify(document)
    else:
        answer = service.post("/v1/passports/verify", document, token=None)
        equal(answer.status, 200, repr(answer))
        equal(answer.header("content-type"), "application/json")
        body = answer.json()
    return body, {name: check["outcome"] for name, check in checks_of(body).items()}


def malformed(document, check="schema", about=None):
    """Invalid at that check; everything behind it is not reached."""
    body, outcomes = judged(document)
    equal((body["valid"], body["verdict"], body["level"]), (False, "invalid", "none"), str(about))
    equal(outcomes[check], "fail", (about, body))
    at = kit_passport.CHECKS.index(check)
    equal(set(list(outcomes.values())[at + 1:]), {"skipped"}, str(about))
    return checks_of(body)[check]["detail"]


WHOLE = bare()
REQUIRED = {("$schema",), ("passportId",), ("appName",), ("version",), ("issuedAt",),
            ("expiresAt",), ("tee",), ("auditors",), ("tee", "type"), ("tee", "measurementHash"),
            ("tee", "measurement", "alg"), ("tee", "measurement", "value"),
            ("tee", "appraisal", "id"), ("tee", "appraisal", "appraisedAt"),
            ("auditors", 0, "id"), ("auditors", 0, "name"), ("auditors", 0, "status"),
            ("container", "digest"), ("slsa", "level")}


def paths(value, at=()):
    if isinstance(value, dict) and at != ("omitted",):
        for name, item in value.items():
            yield at + (name,)
            yield from paths(item, at + (name,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield at + (index,)
            yield from paths(item, at + (index,))


def dotted(path):
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}"
                   for part in path).lstrip(".")


with case("a trusted key's passport whose members are all there: nothing known against it"):
    body, outcomes = judged(signed(WHOLE))
    equal((body["verdict"], body["level"], body["status"]), ("unknown", "signature", "unknown"))
    equal([name for name, outcome in outcomes.items() if outcome == "fail"], [])
    equal((outcomes["key"], outcomes["signature"], outcomes["status"]), ("pass", "pass", "skipped"))

with case("documents: every member missing"):
    before, gone = seq(), set()
    for path in paths(WHOLE):
        if isinstance(path[-1], int):
            continue
        document = signed(without(WHOLE, *path))
        if path in REQUIRED:
            assert dotted(path) in malformed(document, about=path), path
            gone.add(path)
        else:
            _, outcomes = judged(document)
            equal((outcomes["schema"], outcomes["signature"]), ("pass", "pass"), path)
    equal(gone, REQUIRED)
    for name in ("algorithm", "publicKey", "value"):
        malformed(without(signed(WHOLE), "signature", name))
    malformed(without(signed(WHOLE), "signature"))
    stays(before)

with case("documents: every member of another type"):
    values = (None, True, 7, 1.5, -1, "", "x" * 70001, "\x01", [], ["x"], {}, {"x": 1})
    for path in paths(WHOLE):
        at = WHOLE
        for part in path:
            at = at[part]
        for value in values:
            if isinstance(value, type(at)) and not isinstance(value, str):
                continue  # of that type
            if isinstance(at, bool) or not (isinstance(at, int) and value == 7):
                detail = malformed(signed(having(WHOLE, value, *path)), about=(path, value))
                assert dotted(path) in detail, (path, value, detail)
    for level in ("2", 5, -1, 2.5, 1e300):
        malformed(signed(having(WHOLE, level, "slsa", "level")), about=level)

with case("documents: lengths, counted in characters"):
    for letter in ("a", "é", "€", "😀"):
        for path in (("appName",), ("version",), ("auditors", 0, "name"), ("auditors", 0, "id"),
                     ("model", "name")):
            malformed(signed(having(WHOLE, letter * 201, *path)), about=path)
            _, outcomes = judged(signed(having(WHOLE, letter * 200, *path)))
            equal(outcomes["signature"], "pass", (letter, path))
        malformed(signed(having(WHOLE, letter * 256, "container", "registry")))
    for path, item, count in ((("auditors",), WHOLE["auditors"][0], 65),
                              (("endpoints",), "https://app.example", 17),
                              (("appraisals",), "ab" * 32, 17)):
        malformed(signed(having(WHOLE, [item] * count, *path)), about=path)
    malformed(signed(having(WHOLE, {f"p{i}": DIGEST for i in range(9)}, "omitted")))
    for bad in ("pass-abc", "pass-" + "a" * 65, "pass-ABC123DEF456", "PASS-abc123def456",
                "abc123def456", "pass-abc123def45é", "pass-abc123/../456"):
        malformed(signed(having(WHOLE, bad, "passportId")), about=bad)

with case("documents: dates"):
    for issued, expires in ((NOW, NOW), (NOW, NOW - 1), (NOW, NOW + 398 * DAY + 1),
                            (NOW, NOW + 399 * DAY)):
        malformed(signed({**WHOLE, "issuedAt": date(issued), "expiresAt": date(expires),
                          "renewAfter": date(issued)}), about=(issued, expires))
    for value in (date(NOW)[:-1], date(NOW)[:-1] + ".000Z", date(NOW)[:-1] + "+00:00",
                  date(NOW).lower(), date(NOW).replace("T", " "), "2026-02-30T00:00:00Z",
                  "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
                  str(NOW), "0000-00-00T00:00:00Z", "２０２６-01-01T00:00:00Z"):
        for path in (("issuedAt",), ("expiresAt",), ("renewAfter",), ("auditors", 0, "lastCheck"),
                     ("tee", "appraisal", "appraisedAt")):
            malformed(signed(having(WHOLE, value, *path)), about=(path, value))
    malformed(signed(having(WHOLE, date(NOW - 2 * DAY), "renewAfter")))
    malformed(signed(having(WHOLE, date(NOW + 2 * DAY), "renewAfter")))
    for issued, expires, code in ((NOW + 400, NOW + DAY, "times.not_yet"),
                                  (NOW - DAY, NOW - 1, "times.expired")):
        body, outcomes = judged(signed({**WHOLE, "issuedAt": date(issued),
                                        "expiresAt": date(expires), "renewAfter": date(issued)}))
        equal((body["verdict"], outcomes["times"], checks_of(body)["times"]["code"]),
              ("invalid", "fail", code))
    whole = {**WHOLE, "issuedAt": date(NOW - DAY), "expiresAt": date(NOW - DAY + 398 * DAY)}
    equal(judged(signed(whole))[1]["schema"], "pass")

EVIL_URLS = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:msgbox(1)", "file:///etc/passwd",
    "ftp://example.com/", "blob:https://example.com/1", "//evil.example/x", "\\\\evil.example\\x",
    "https:/evil.example", "https:evil.example", "https://", "https:///x",
    "https://user@evil.example/",
    "https://example.com@evil.example/", "https://user:pass@evil.example/",
    "https://evil.example\\@example.com/", "https://example.com/\x01", "https://example.com/\n",
    "https://example.com/ x", "https://example.com/\"onload=", "https://example.com/<script>",
    "https://example.com/'`", "https://ex\u0430mple.com/", "https://example\u3002com/",
    "\uff48ttps://example.com/", "https://example.com/\u202egpj.exe", "https://[::1",
    "https://.com/", "https://-a.example/", "https://example.com:99999/",
    "https://example.com:0x50/",
    "https://" + "a" * 64 + ".example/", "https://example.com/" + "a" * 2048,
    "HTTPS://example.com/")

with case("documents: evil URLs are refused wherever a URL may stand"):
    for url in EVIL_URLS + ("http://example.com/", "/path"):
        malformed(signed(having(WHOLE, url, "slsa", "provenanceUri")), about=url)
    for url in EVIL_URLS + ("http://example.com/", "/\\evil.example", "/\x7f"):
        malformed(signed(having(WHOLE, url, "status", "uri")), about=url)
    for url in EVIL_URLS + ("http://example.com", "https://app.example/", "https://app.example/x",
                            "https://App.example", "https://app.example:443", "null", "*"):
        malformed(signed(having(WHOLE, [url], "endpoints")), about=url)

with case("documents: not read at all"):
    before = seq()
    text = canonical(signed(WHOLE)).decode()
    for what, bad in (
            ("duplicate", text[:-1] + ',"appName":"Another"}'),
            ("duplicate inside", text.replace('"level":2', '"level":2,"level":4')),
            ("duplicate by escape", text[:-1] + ',"app\\u004eame":"Another"}'),
            ("invalid UTF-8", text.encode().replace("é".encode(), b"\xe9")),
            ("overlong UTF-8", text.encode().replace("é".encode(), b"\xc0\xaf")),
            ("a lone surrogate", text.replace("An é", "An \\ud800")),
            ("surrogates turned round", text.replace("An é", "An \\udc00\\ud800")),
            ("surrogate in UTF-8", text.encode().replace("é".encode(), b"\xed\xa0\x80")),
            ("depth 17", text[:-1] + ',"x":' + "[" * 16 + "]" * 16 + "}"),
            ("a comment", text[:-1] + "/**/}"), ("a comma", text[:-1] + ",}"),
            ("NaN", text[:-1] + ',"x":NaN}'), ("leading zero", text[:-1] + ',"x":01}'),
            ("two", text + text), ("a byte order mark", b"\xef\xbb\xbf" + text.encode())):
        bad = bad if isinstance(bad, bytes) else bad.encode()
        answer = service.post("/v1/passports/verify", bad, token=None)
        if answer.status == 200:
            body = answer.json()
            equal((body["verdict"], checks_of(body)["parse"]["outcome"]), ("invalid", "fail"), what)
        else:
            problem(answer, answer.status, answer.json()["code"], answer.json().get("param"))
            assert answer.status in (400, 422), (what, answer)
    for what in ("", "x", "{", "pass-", text[:-1], "\0", MARKUP):
        malformed(what, "parse", what)
    deep = text[:-1] + ',"x":' + "[" * 15 + "]" * 15 + "}"
    equal(checks_of(service.verify(deep))["parse"]["outcome"], "pass")
    for body in (b"", b"[]", b"null", b"7", b"{}", b'"x"', b'"{"', b'"7"',
                 {"passport": 7}, {"passport": None},
                 {"passport": []}, {"passportId": 7}, {"passportId": "x"}, {"origin": "x"},
                 {"passport": text, "passportId": "pass-abc123def456"}, {"passport": text, "x": 1},
                 {"passport": text, "origin": 7}):
        answer = service.post("/v1/passports/verify", body, token=None)
        if answer.status == 200:
            equal(answer.json()["verdict"], "invalid", body)
        else:
            assert answer.status in (400, 404, 422), (body, answer)
            problem(answer, answer.status, answer.json()["code"], answer.json().get("param"))
    for name in ("pass-" + "a" * 32, "pass-abc123def456"):
        problem(service.post("/v1/passports/verify", {"passport": name}), 404, "NOT_FOUND")
        problem(service.post("/v1/passports/verify", {"passportId": name}), 404, "NOT_FOUND")
    stays(before)

with case("documents: a quote of 1 MiB, a body of 5 MiB"):
    large = having(signed(WHOLE), b64(bytes(1 << 20)), "tee", "attestationQuote")
    for wrap in (True, False):
        body, outcomes = judged(large, wrap)
        equal((body["verdict"], outcomes["parse"]), ("invalid", "fail"))
        equal(checks_of(body)["parse"]["code"], "parse.too_large")
    too_large("/v1/passports/verify")
    fits = having(signed(WHOLE), b64(bytes(180000)), "tee", "attestationQuote")
    equal(judged(fits)[1]["signature"], "fail")

with case("a passport of this log: cut anywhere, with any byte changed, is never valid"):
    before = seq()
    text = canonical(MADE["passport"])
    equal(judged(text, False)[0]["verdict"], "valid")
    chance = random.Random(7)
    for length in range(0, len(text), 37):
        answer = service.post("/v1/passports/verify", text[:length])
        assert answer.status in (200, 400, 422), (length, answer)
        assert answer.status != 200 or answer.json()["verdict"] == "invalid", (length, answer)
    for _ in range(400):
        at, bit = chance.randrange(len(text)), 1 << chance.randrange(8)
        flipped = text[:at] + bytes([text[at] ^ bit]) + text[at + 1:]
        answer = service.post("/v1/passports/verify", flipped)
        assert answer.status in (200, 400, 404, 422), (at, bit, answer)
        if answer.status == 200:
            body = answer.json()
            assert not body["valid"] and body["verdict"] in ("invalid", "unknown"), (at, bit, body)
            assert checks_of(body)["signature"]["outcome"] != "pass", (at, bit, body)
    for name, value in (("$schema", "https://lucid.ai/schemas/passport/v2"), ("x", 1),
                        ("version", "1.0.1"), ("appName", "My AI Application e\u0301€")):
        assert not judged({**MADE["passport"], name: value})[0]["valid"], name
    stays(before)

# --- markup ---------------------------------------------------------------------------------------


def harmless(answer):
    """JSON that nothing takes for a page."""
    assert answer.header("content-type") in ("application/json", kit_passport.MEDIA,
                                             kit_passport.BUNDLE), answer.fields
    return answer.json()


TEXTS = (("appName",), ("version",), ("issuer",), ("auditors", 0, "id"), ("auditors", 0, "name"),
         ("container", "registry"), ("slsa", "track"), ("model", "name"),
         ("tee", "measurement", "alg"))

with case("markup in every text of a trusted key's passport comes back as text"):
    for path in TEXTS:
        text = MARKUP[:60]
        answer = service.post("/v1/passports/verify", signed(having(WHOLE, text, *path)))
        body = harmless(answer)
        equal(checks_of(body)["signature"]["outcome"], "pass", path)
        if path in (("appName",), ("auditors", 0, "id"), ("auditors", 0, "name")):
            shown = body[path[0]] if len(path) == 1 else body["auditors"][0][path[2]]
            equal(shown, text, path)
    whole = WHOLE
    for path in TEXTS:
        whole = having(whole, MARKUP[:60], *path)
    equal(checks_of(harmless(service.post("/v1/passports/verify", signed(whole))))["signature"]
          ["outcome"], "pass")
    for path in (("tee", "type"), ("application",), ("auditors", 0, "status"),
                 ("container", "source"), ("container", "digest"), ("auditors", 0, "claims"),
                 ("tee", "appraisal", "status"), ("tee", "attestationQuote")):
        detail = malformed(signed(having(WHOLE, MARKUP, *path)), about=path)
        assert "<script" not in detail, detail
    body, outcomes = judged(having(signed(WHOLE), MARKUP[:60], "signature", "algorithm"))
    equal((body["verdict"], outcomes["algorithm"]), ("invalid", "fail"))
    answer = service.post("/v1/passports/verify", {"passport": signed(WHOLE), "origin": MARKUP})
    equal(checks_of(harmless(answer))["origin"]["outcome"], "fail")

with case("markup in what an operator configured: issued as text, shown as text"):
    issued = service.issue([service.environment_of(agent)["appraisalId"]], application_name="evil")
    passport_id = issued["passportId"]
    passport = issued["passport"]
    equal((passport["appName"], passport["version"], passport["container"]["registry"],
           passport["auditors"][0]["name"], passport["model"]["name"]), (MARKUP,) * 5)
    for path in (f"/v1/passports/{passport_id}", "/.lucid/passport?application=evil"):
        harmless(service.get(path))
    harmless(service.get("/v1/passports", token=service.token))
    equal(service.verify(passport_id)["verdict"], "valid")
    page = service.get(f"/passport/{passport_id}")
    equal(page.status, 200, repr(page))
    equal(page.header("content-type"), "text/html; charset=utf-8")
    equal(page.header("x-content-type-options"), "nosniff")
    policy = page.header("content-security-policy")
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy, policy
    text = page.body.decode()
    for piece in ("<script>alert", "<img", "onerror='", "</title>$"):
        assert piece not in text, piece
    assert html.escape("<script>alert(1)</script>") in text, "the markup stands there as text"
    free = service.get(f"/passport/{ISSUED['passportId']}").body.decode()
    assert "<script>alert" not in free and html.escape("<script>alert(1)") in free

# --- vectors --------------------------------------------------------------------------------------

with case("the vectors, by keys of a JWK set"):
    for entry in json.loads(vector("passport/expected.json"))["passports"]:
        data = vector("passport/" + entry["file"])
        equal(hashlib.sha256(data).hexdigest(), entry["sha256"])
        for what in (json.loads(data), data.decode()):
            body, outcomes = judged(what)
            equal(body["verdict"], "invalid", entry["file"])  # all of 2024
            for name in ("key", "signature", "algorithm"):
                if name in entry:
                    equal(outcomes[name], entry[name], (entry["file"], name))
            equal((outcomes["times"], checks_of(body)["times"]["code"], body["status"]),
                  ("fail", "times.expired", "expired"), entry["file"])
        body, outcomes = judged(data, False)
        equal(body["verdict"], "invalid")
    equal((judged(json.loads(vector("passport/ok.passport.json")))[1]["key"]), "pass")

with case("the service has lived through all of it"):
    equal(service.starts, 1)
    equal(service.verify(MADE["passportId"])["verdict"], "valid")

service.stop()
agent.stop()
kit.done()
