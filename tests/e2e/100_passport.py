#!/usr/bin/env python3
"""The life of a passport through the HTTP API, with the mock agent: issued, shown, listed,
verified, renewed, superseded, revoked, expired; and still so after restarts, rotated keys, a
backup."""

import hashlib
import json
import os
import time

import kit
import kit_attest
import kit_passport
from kit import case, equal, problem
from kit_clock import Clock
from kit_passport import (BUNDLE, ENDPOINT, MEDIA, Passports, application, checks_of, request,
                          resign, seconds, signed_by, status_list)
from kit_receipts import canonical

HOUR_MS = 3600 * 1000
WITH = ("--plugins", "verifier,passport", "--plugins-dir", kit_attest.PLUGINS)
APPLICATIONS = (application(validityDays=1),
                application("other", appName="Another one", endpoints=["https://other.example"],
                            evidence={"teeAttestation": False}))

base = kit.scratch()
clock = Clock(base)
agent = kit_attest.Agent()
service = Passports(*APPLICATIONS, roots=(agent.root,), start=False, head_interval_ms=100,
                    passport_overlap_seconds=3600)
service.start(prefix=clock.prefix())
off_ms = 0


def now():
    return int(time.time()) + off_ms // 1000


def sleep_until(ms):
    """The service's clock stands that much after the real one."""
    global off_ms  # pylint: disable=global-statement
    off_ms = ms
    clock.set(ms)


def appraised():
    return service.environment_of(agent)["appraisalId"]


def asking(name="my-app", appraisals=None, **more):
    return request(appraisals or [appraised()], application_name=name, at=now(), **more)


def issue(name="my-app"):
    answer = service.ask(asking(name))
    equal(answer.status, 201, repr(answer))
    return answer.json()


def shown(passport_id):
    return service.ok(f"/v1/passports/{passport_id}")


def renewal(passport_id, body=None):
    return service.ask(body or asking(), path=f"/v1/passports/{passport_id}/renew")


def revoke(passport_id, reason="operatorRequest", token="", **more):
    return service.ask({"reason": reason, **more}, path=f"/v1/passports/{passport_id}/revoke",
                       token=token)


def token_of(scope):
    answer = service.post("/v1/tokens", {"name": scope, "scopes": [scope]}, token=service.token)
    equal(answer.status, 201, repr(answer))
    return answer.json()["token"]


def listed(query=""):
    return [item["passportId"] for item in
            service.ok("/v1/passports" + query, token=service.token)["items"]]


def claims():
    answer = service.client.get("/v1/passports/status")
    equal((answer.status, answer.header("content-type")), (200, "application/jwt"))
    return status_list(answer.body.decode(), service.keys(), now())


def verdict(what, want, status=None, **more):
    """The checks of a verification that ends so."""
    body = service.verify(what, **more)
    equal((body["verdict"], body["status"]), (want, status or body["status"]), repr(body))
    return checks_of(body)


# --- an issue -----------------------------------------------------------------------------------

with case("an issue: signed, logged, and the same again for the same request"):
    asked = asking()
    answer = service.ask(asked)
    equal(answer.status, 201, repr(answer))
    first = answer.json()
    ID, DOCUMENT = first["passportId"], first["passport"]
    kit_passport.check_form(DOCUMENT)
    assert signed_by(DOCUMENT, service.keys())
    equal(first["digest"], kit_passport.digest(DOCUMENT))
    equal((first["status"], first["is_mock"], first["test"], first["application"]),
          ("valid", True, False, "my-app"))
    equal(seconds(DOCUMENT["expiresAt"]) - seconds(DOCUMENT["issuedAt"]), 86400)
    half = seconds(DOCUMENT["issuedAt"]) + 43200
    equal((seconds(DOCUMENT["renewAfter"]), seconds(first["renewAfter"])), (half, half))
    again = service.ask(asked)
    equal((again.status, again.json()["passport"]), (200, DOCUMENT), repr(again))

with case("what no passport is issued for"):
    problem(service.ask(asking("nobody")), 422, "APPLICATION_UNKNOWN", "application")
    problem(service.ask(asking(appraisals=["00" * 32])), 422, "APPRAISAL_UNKNOWN", "appraisals[0]")
    problem(service.ask({**asking(), "time": now() + 1}), 422, "SIGNATURE_INVALID",
            "signature.value")
    problem(service.ask(b"{"), 400, "INVALID_JSON")
    equal(service.ask(asked, token=None).status, 401)
    reader = token_of("read")
    equal(service.ask(asked, token=reader).status, 403)
    equal(listed(), [ID])

with case("a list: pages go by cursor, one application by one name"):
    equal(listed("?application=my-app&environment=my-app"), [ID])
    for query, param in (("order=up", "order"), ("offset=0", "offset"),
                         ("limit=1&offset=1", "offset"),
                         ("application=my-app&environment=other", "environment")):
        problem(service.get("/v1/passports?" + query), 400, "INVALID_PARAMETER", param)
    assert b"cursor" in service.get("/v1/passports?offset=1").body

with case("a token with the scope passport acts for applications that name no tokens"):
    holder = token_of("passport")
    equal(service.ask(asked, token=holder).status, 200)

# --- shown --------------------------------------------------------------------------------------

with case("shown to everybody: whole, bare, and as a package that verifies"):
    service.covered(service.size())
    body = shown(ID)
    equal((body["passport"], body["status"]), (DOCUMENT, "valid"))
    equal((body["links"]["page"], body["links"]["bundle"]),
          (f"/passport/{ID}", f"/v1/passports/{ID}?bundle=1"))
    equal(body["receipt"]["status"], "covered")
    bare = service.client.get(f"/v1/passports/{ID}", headers={"accept": MEDIA})
    equal((bare.status, bare.header("content-type"), bare.header("access-control-allow-origin")),
          (200, MEDIA, "*"))
    equal(bare.body, canonical(DOCUMENT))
    package = service.client.get(f"/v1/passports/{ID}?bundle=1")
    equal((package.status, package.header("content-type")), (200, BUNDLE))
    for accept, got in ((f"{MEDIA};q=0", "application/json"),
                        (f"{MEDIA}; charset=x ; Q=0.00, */*", "application/json"),
                        (f"{MEDIA};q=0.001", MEDIA), (f"text/html,\t{MEDIA.upper()} ;q=1", MEDIA),
                        (f"x{MEDIA}, {MEDIA}x, a={MEDIA}", "application/json")):
        answer = service.client.get(f"/v1/passports/{ID}", headers={"accept": accept})
        equal(answer.header("content-type").split(";")[0], got, accept)
    equal(service.client.get(f"/v1/passports/{ID}", headers={"accept": BUNDLE}).json().keys(),
          package.json().keys())
    package = package.json()
    equal((package["type"], package["passport"]), ("lucid.passport.bundle/v1", DOCUMENT))
    equal(package["record"]["passportDigest"], first["digest"])
    equal(hashlib.sha256(canonical(package["record"])).hexdigest(),
          body["receipt"]["receipt_hash"])
    equal(len(package["appraisals"]), 1)
    status_list(package["status"], service.keys(), now())

with case("there is no passport of another id"):
    for path in (f"/v1/passports/{ID}x", "/v1/passports/pass-" + "a" * 32, "/v1/passports/x"):
        equal(service.client.get(path).status, 404)
    equal(service.client.get(f"/v1/passports/{ID}?bundle=2").status, 400)

with case("listed with filters and pages"):
    for query, want in (("", [ID]), ("?application=my-app", [ID]), ("?environment=my-app", [ID]),
                        ("?application=other", []), ("?status=valid", [ID]),
                        ("?status=revoked", [])):
        equal(listed(query), want, query)
    problem(service.get("/v1/passports?status=good", token=service.token), 400,
            "INVALID_PARAMETER", "status")
    for limit in ("0", "1001", "x"):
        problem(service.get(f"/v1/passports?limit={limit}"), 400, "INVALID_PARAMETER", "limit")
    equal([item["passportId"] for item in service.ok("/v1/passports")["items"]], [ID])
    equal(service.get("/v1/passports/applications").status, 401)
    applications = service.ok("/v1/passports/applications", token=holder)["items"]
    equal([item["name"] for item in applications], ["my-app", "other"])
    equal((applications[0]["newest"]["passportId"], applications[1]["newest"]), (ID, None))

with case("evidence: open where it is published, else for auditors; what was left out likewise"):
    bundles = service.ok(f"/v1/passports/{ID}/evidence")["appraisals"]
    equal([b["type"] for b in bundles], ["lucid.attestation.bundle/v1"])
    hidden = issue("other")
    path = f"/v1/passports/{hidden['passportId']}"
    assert "attestationQuote" not in hidden["passport"]["tee"]
    equal((service.get(path + "/evidence").status,
           service.get(path + "/evidence", token=holder).status), (403, 403))
    auditor = token_of("audit")
    equal(service.get(path + "/evidence", token=auditor).status, 200)
    equal((service.get(path + "/disclosures").status,
           service.get(path + "/disclosures", token=holder).status), (401, 403))
    parts = service.ok(path + "/disclosures", token=auditor)["disclosures"]
    omitted = hidden["passport"]["omitted"]
    equal({part["name"] for part in parts}, set(omitted))
    equal(service.ok(f"/v1/passports/{ID}/disclosures", token=auditor)["disclosures"], [])
    equal(package["appraisals"] and service.ok(path + "?bundle=1")["appraisals"], [])

with case("/.lucid/passport: by name, by host, cached, with the header"):
    answer = service.client.get("/.lucid/passport?application=my-app")
    equal((answer.status, answer.header("content-type"), answer.body),
          (200, MEDIA, canonical(DOCUMENT)))
    equal(answer.header("cache-control"), "public, max-age=300, must-revalidate")
    equal(answer.header("access-control-allow-origin"), "*")
    plain = service.client.get("/.lucid/passport?application=my-app",
                               headers={"accept-encoding": "identity"})
    equal(plain.header("etag"), '"' + hashlib.sha256(answer.body).hexdigest() + '"')
    where = answer.header("x-lucid-passport").split('"')[1]
    assert ID in where, repr(answer)
    equal(service.client.get(where).body, answer.body) # whatever it accepts
    known = service.client.get("/.lucid/passport?application=my-app",
                               headers={"if-none-match": answer.header("etag")})
    equal(known.status, 304)
    by_host = service.client.get("/.lucid/passport", headers={"host": "other.example"})
    equal(by_host.json()["passportId"], hidden["passportId"])
    equal(service.client.get("/.lucid/passport").status, 404)
    equal(service.client.get("/.lucid/passport?application=nobody").status, 404)
    equal(service.client.get("/.lucid/passport?application=my-app&bundle=1").header(
        "content-type"), BUNDLE)

with case("what there is, says itself"):
    about = service.ok("/.well-known/lucid-passport")
    equal(about["status_uri"], "/v1/passports/status")
    equal(service.ok("/.well-known/lucid-verifier")["status_uri"], "/v1/passports/status")
    for path in ("/schemas/passport/v1", "/schemas/passport/application/v1"):
        answer = service.client.get(path)
        equal((answer.status, answer.header("content-type")), (200, "application/schema+json"))
        json.loads(answer.body)

# --- verified -----------------------------------------------------------------------------------

with case("verification by id, document, text, package: valid, in the log, amber for mock"):
    for what in (ID, DOCUMENT, json.dumps(DOCUMENT), package):
        checks = verdict(what, "valid", "valid")
        equal((checks["log"]["code"], checks["evidence"]["code"], checks["evidence"]["outcome"]),
              ("log.logged", "evidence.mock", "warn"))
    texts = (json.dumps(json.dumps(body)) for body in (DOCUMENT, package))
    for body in (DOCUMENT, package, {"passportId": ID}, {"passport": ID}, json.dumps(ID), *texts):
        answer = service.post("/v1/passports/verify", body)
        equal((answer.status, answer.json()["verdict"], answer.json()["level"]),
              (200, "valid", "transparent"))
    for body in ({"passportId": "pass-" + "b" * 32}, json.dumps("pass-" + "b" * 32)):
        problem(service.post("/v1/passports/verify", body), 404, "NOT_FOUND")
    problem(service.post("/v1/passports/verify", {"passport": ID, "passportId": ID}), 422,
            "INVALID_REQUEST", "passportId")
    problem(service.post("/v1/passports/verify", {"passport": ID, "more": 1}), 422,
            "INVALID_REQUEST", "more")

with case("verification of what an issue and a GET answer, as it is: the passport in it alone"):
    for answered in (first, shown(ID),
                     {**first, "status": "revoked", "passportId": "pass-" + "b" * 12},
                     {"passport": DOCUMENT, "status": 7}):
        for body in (answered, {"passport": answered}, {"passport": answered, "origin": ENDPOINT}):
            answer = service.post("/v1/passports/verify", body)
            equal((answer.status, answer.json()["verdict"], answer.json()["passportId"]),
                  (200, "valid", ID), repr(answer))
    forged = {**first, "passport": {**DOCUMENT, "appName": "Another"}}
    for body in (forged, {"passport": forged}):
        equal(checks_of(service.post("/v1/passports/verify", body).json())["signature"]["outcome"],
              "fail")
    verdict(first, "invalid", origin="https://evil.example")
    verdict({"passport": first}, "invalid")  # one level only
    for body, param in (({**first, "orgin": ENDPOINT}, None), ({"passport": DOCUMENT, "x": 1}, "x"),
                        ({"passport": DOCUMENT, "passportId": ID}, "passportId"),
                        ({**first, "passport": first}, None), ({**first, "passport": ID}, None)):
        answer = service.post("/v1/passports/verify", body)
        if param:
            problem(answer, 422, "INVALID_REQUEST", param)
        else:
            assert answer.status == 422 or not answer.json()["valid"], repr(answer)

with case("verification by {id}, and nothing else with it"):
    equal(service.post("/v1/passports/verify", {"id": ID}).json()["verdict"], "valid")
    for missing in ("pass-" + "b" * 32, "x"):
        problem(service.post("/v1/passports/verify", {"id": missing}), 404, "NOT_FOUND")
    for body in ({"id": ID, "x": 1}, {"id": 7}, {"id": ""}, {"id": {"passport": DOCUMENT}}):
        equal(service.post("/v1/passports/verify", body).json()["verdict"], "invalid", body)

with case("for its own site and no other"):
    equal(verdict(ID, "valid", origin=ENDPOINT)["origin"]["outcome"], "pass")
    equal(verdict(ID, "invalid", origin="https://evil.example")["origin"]["code"], "origin.other")

with case("changed, or signed by somebody else: never valid"):
    changed = {**DOCUMENT, "appName": "Another"}
    checks = verdict(changed, "invalid")
    equal((checks["signature"]["outcome"], checks["log"]["code"]), ("fail", "log.differs"))
    foreign = resign(DOCUMENT, hashlib.sha256(b"somebody").digest())
    checks = verdict(foreign, "unknown")
    equal((checks["key"]["outcome"], checks["signature"]["outcome"]), ("unknown", "unknown"))
    equal(verdict("{\"$schema\":", "invalid")["parse"]["outcome"], "fail")

# --- renewed ------------------------------------------------------------------------------------

with case("renewed at half life, not before; the other one stays valid beside it for the overlap"):
    problem(renewal(ID), 409, "TOO_EARLY", "id")
    problem(renewal(hidden["passportId"]), 422, "INVALID_REQUEST", "application")
    sleep_until(12 * HOUR_MS + 60000)
    asked = asking()
    answer = renewal(ID, asked)
    equal(answer.status, 201, repr(answer))
    second = answer.json()
    SECOND = second["passportId"]
    equal((second["passport"]["supersedes"], renewal(ID, asked).status), (ID, 200))
    problem(renewal(ID), 409, "PASSPORT_ENDED", "id")
    body = shown(ID)
    equal((body["status"], body["supersededBy"]), ("valid", SECOND))
    verdict(ID, "valid", "valid")
    entry = [one for one in claims()["superseded"] if one["id"] == ID]
    equal(len(entry), 1)
    equal((entry[0]["by"], entry[0]["at"]),
          (SECOND, seconds(second["passport"]["issuedAt"]) + 3600))
    equal(service.ok("/.lucid/passport?application=my-app")["passportId"], SECOND)

with case("superseded when the overlap is over"):
    sleep_until(13 * HOUR_MS + 120000)
    body = shown(ID)
    equal((body["status"], seconds(body["since"])), ("superseded", entry[0]["at"]))
    checks = verdict(ID, "invalid", "superseded")
    equal(checks["status"]["code"], "status.superseded")
    equal(listed("?status=superseded"), [ID])
    verdict(SECOND, "valid", "valid")

with case("a new issue of the same application supersedes as well"):
    third = issue()
    THIRD = third["passportId"]
    equal((third["passport"]["supersedes"], shown(SECOND)["supersededBy"]), (SECOND, THIRD))

# --- revoked ------------------------------------------------------------------------------------

with case("revoked with a reason, once; nobody else may"):
    equal(revoke(THIRD, token=None).status, 401)
    equal(revoke(THIRD, token=reader).status, 403)
    problem(revoke(THIRD, "whim"), 422, "INVALID_REQUEST", "reason")
    problem(revoke(THIRD, comment="x" * 501), 422, "INVALID_REQUEST", "comment")
    before = shown(THIRD)["status"]
    answer = revoke(THIRD, "keyCompromise", comment="the key was copied")
    equal((before, answer.status), ("valid", 201), repr(answer))
    revocation = answer.json()
    equal((revocation["status"], revocation["reason"]), ("revoked", "keyCompromise"))
    again = revoke(THIRD, "operatorRequest")
    equal((again.status, again.json()["reason"]), (200, "keyCompromise"))
    equal(service.revoked(), {THIRD: "keyCompromise"})
    body = shown(THIRD)
    equal((body["status"], body["reason"], body["passport"]),
          ("revoked", "keyCompromise", third["passport"]))
    checks = verdict(THIRD, "invalid", "revoked")
    equal(checks["status"]["code"], "status.revoked")
    equal(revoke("pass-" + "c" * 32).status, 404)

with case("a revoked one is gone from the site, with the signed list that says so"):
    answer = service.client.get("/.lucid/passport?application=my-app")
    equal((answer.status, answer.header("content-type")), (410, "application/jwt"))
    entries = status_list(answer.body.decode(), service.keys(), now())["revoked"]
    equal([one["id"] for one in entries], [THIRD])
    problem(renewal(THIRD), 409, "PASSPORT_ENDED", "id")

with case("the list is cached, and one of its ETag not sent again"):
    answer = service.client.get("/v1/passports/status")
    assert "max-age=300" in answer.header("cache-control"), repr(answer)
    equal(service.client.get("/v1/passports/status",
                             headers={"if-none-match": answer.header("etag")}).status, 304)

with case("issued anew after a revocation: it follows nobody"):
    fourth = issue()
    FOURTH = fourth["passportId"]
    assert "supersedes" not in fourth["passport"], fourth
    equal(service.ok("/.lucid/passport?application=my-app")["passportId"], FOURTH)

# --- what stays ---------------------------------------------------------------------------------

STATES = {ID: "superseded", SECOND: "superseded", THIRD: "revoked", FOURTH: "valid"}


def all_stay(to=None):
    to = to or service
    for one, status in STATES.items():
        body = to.ok(f"/v1/passports/{one}")
        equal(body["status"], status, one)
        assert signed_by(body["passport"], to.keys()), one
        equal(to.verify(one)["verdict"], "valid" if status == "valid" else "invalid")
    equal(to.revoked(), {THIRD: "keyCompromise"})


def again(**more):
    """Stopped, and started with the clock as it was."""
    service.stop()
    service.settings.update(more)
    service.start(prefix=clock.prefix())


sleep_until(15 * HOUR_MS)

with case("a restart changes nothing"):
    again()
    all_stay()

with case("new keys of both plugins: what the old ones signed stays good, fresh appraisals go on"):
    stale = appraised()
    service.stop()
    for name in ("passport", "verifier"):
        kit.run_lucid("plugin", "rotate-key", name, "--data", service.data)
    service.start(prefix=clock.prefix())
    all_stay()
    answer = service.ask(asking(appraisals=[stale]))
    problem(answer, 422, "PASSPORT_REFUSED", "appraisals[0]")
    fifth = issue()
    assert fifth["passport"]["signature"]["kid"] != DOCUMENT["signature"]["kid"]
    assert signed_by(fifth["passport"], service.keys())
    verdict(fifth["passportId"], "valid")
    package = service.ok(f"/v1/passports/{ID}?bundle=1")
    verdict(package, "invalid", "superseded")
    STATES[fifth["passportId"]] = "valid"

with case("mock that is no longer allowed: nothing of it is valid, no more of it is issued"):
    again(passport_allow_mock="false")
    checks = verdict(FOURTH, "invalid")
    equal((checks["evidence"]["outcome"], checks["evidence"]["code"]), ("fail", "evidence.mock"))
    problem(service.ask(asking()), 403, "MOCK_NOT_ALLOWED", "appraisals[0]")

with case("nor is it announced, and whoever shows it says so"):
    NEWEST = fifth["passportId"]
    for one, status in STATES.items():
        equal((shown(one)["status"], shown(one)["disallowed"]), (status, "mock"), one)
    rows = service.walk("/v1/passports", page=1)
    equal([row["sequence"] for row in rows], sorted({row["sequence"] for row in rows}))
    assert len(rows) >= 5, rows
    for page in (1, 2, 1000):
        equal(service.walk("/v1/passports", "order=asc", page), rows)
        equal(service.walk("/v1/passports", "order=desc", page), rows[::-1])
        equal(service.walk("/v1/passports", "order=desc&application=my-app&status=revoked", page),
              [row for row in rows[::-1] if row["status"] == "revoked"])
    for row in rows:
        equal(row["disallowed"], "mock", repr(row))
    newest = service.ok("/v1/passports/applications", token=service.token)["items"][0]["newest"]
    equal((newest["passportId"], newest["disallowed"]), (NEWEST, "mock"))
    for query in ("", "&bundle=1"):
        missing = service.client.get("/.lucid/passport?application=my-app" + query)
        equal((missing.status, missing.header("x-lucid-passport")), (404, None), repr(missing))
    page = service.client.get(f"/passport/{NEWEST}")
    equal((page.status, page.header("x-lucid-passport")), (200, None))
    for said in (b'data-outcome="fail"', b"This service no longer takes mock</h2>",
                 b'data-disallowed="mock"', b"valid, but not taken any more"):
        assert said in page.body, (said, page.body)
    for form in (b'name="lucid-passport"', b'rel="ai-passport"'):
        assert form not in page.body, page.body
    with_service = {"LUCID_URL": f"http://127.0.0.1:{service.port}", "LUCID_TOKEN": service.token}
    for words, code in ((("list",), 0), (("show", NEWEST), 0), (("embed", NEWEST), 1),
                        (("embed", "my-app", "--form", "link"), 1)):
        status, out, err = kit.lucid("passport", *words, env=with_service)
        equal(status, code, repr((words, out, err)))
        says = b"disallowed" if code == 0 else b"takes no longer"
        assert says in (out + err).lower(), (words, out, err)
        assert code == 0 or out == b"", out
    again(passport_allow_mock="true")
    equal(service.ok("/.lucid/passport?application=my-app")["passportId"], NEWEST)
    assert "disallowed" not in shown(NEWEST), shown(NEWEST)
    page = service.client.get(f"/passport/{NEWEST}")
    assert b"lucid-passport" in page.body and b"no longer" not in page.body, page.body

with case("checked, replayed, backed up and restored with the plugins"):
    service.covered(service.size())
    service.stop()
    for command in (("fsck", "--data", service.data),
                    ("backup", "--data", service.data, "--to", base + "/backup", "--with-keys"),
                    ("replay", "--data", service.data, "--check")):
        status, out, err = kit.lucid("log", *command, *WITH)
        equal(status, 0, repr((command, out, err)))
    os.mkdir(base + "/other")
    kit.run_lucid("log", "restore", base + "/backup", "--data", base + "/other/log", *WITH)
    copy = Passports(*APPLICATIONS, directory=base + "/other", init=False, start=False,
                     **{name: value for name, value in service.settings.items()
                        if name != "passport_applications"})
    kit.run_lucid("log", "accept-head", "--data", copy.data, "--size",
                  str(json.loads(kit.run_lucid("log", "info", "--data", copy.data,
                                               "--json"))["size"]))
    copy.start(prefix=clock.prefix())
    all_stay(copy)
    copy.stop()
    service.start(prefix=clock.prefix())

with case("expired: shown as what it was, and no longer served"):
    sleep_until(40 * HOUR_MS)
    last = fifth["passportId"]
    equal(shown(last)["status"], "expired")
    checks = verdict(last, "invalid", "expired")
    equal(checks["times"]["code"], "times.expired")
    equal(service.client.get("/.lucid/passport?application=my-app").status, 404)
    problem(renewal(last), 409, "PASSPORT_ENDED", "id")
    equal(claims()["revoked"], [])
    equal(shown(THIRD)["status"], "revoked")
    assert last in listed("?status=expired")

with case("counted"):
    metrics = service.client.get("/metrics").body.decode()
    for line in ("lucid_passport_issued_total 0",
                 "lucid_passport_refused_total{reason=\"OTHER\"} 1",
                 "lucid_passport_verified_total{verdict=\"invalid\"} "):
        assert line in metrics, (line, metrics[metrics.find("lucid_passport"):][:900])

kit.done()
