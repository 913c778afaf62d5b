#!/usr/bin/env python3
"""Passports and others: those of another service are believed by the keys that are configured and
by what their packages bring; those who ask at the same moment get one line of passports."""

import hashlib
import json
import os

import kit
import kit_attest
from kit import case, equal
from kit_passport import Passports, application, checks_of, request, resign

agent = kit_attest.Agent()
issuer = Passports(roots=(agent.root,), head_interval_ms=100, passport_overlap_seconds=0)


def appraised():
    return issuer.environment_of(agent)["appraisalId"]


def package_of(passport_id):
    issuer.covered(issuer.size())
    return issuer.ok(f"/v1/passports/{passport_id}?bundle=1")


def jwks_file(document, name="trusted.json"):
    path = os.path.join(kit.scratch(), name)
    with open(path, "wb") as file:
        file.write(json.dumps(document).encode())
    return path


with case("the same request of four at once is one passport"):
    asked = request([appraised()])
    def at_once(bodies):
        """The answers to requests that are sent at the same moment."""
        return kit.at_once(issuer, len(bodies), lambda client, number: client.request(
            "POST", "/v1/passports", json.dumps(bodies[number]).encode(),
            {"content-type": "application/json"}, token=issuer.token))

    answers = at_once([asked] * 4)
    equal(sorted(answer.status for answer in answers), [200, 200, 200, 201])
    equal(len({answer.json()["passportId"] for answer in answers}), 1)

with case("four requests at once: a line without branches, and who came late asks again"):
    answers = at_once([request([appraised()]) for _ in range(4)])
    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {201, 409} and 201 in statuses, statuses
    for answer in answers:
        if answer.status == 409:
            assert answer.json()["code"] == "PASSPORT_CONFLICT", answer
    items = issuer.ok("/v1/passports?application=my-app&order=desc", token=issuer.token)["items"]
    equal(len(items), 1 + statuses.count(201))
    equal([item.get("supersededBy") for item in items],
          [None] + [item["passportId"] for item in items[:-1]])
    FIRST = items[-1]["passportId"]

good = issuer.issue([appraised()])
GOOD = package_of(good["passportId"])
BAD = package_of(FIRST)
issuer.ask({"reason": "teeRevoked"}, path=f"/v1/passports/{FIRST}/revoke")
REVOKED = package_of(FIRST)
KEYS = issuer.ok("/.well-known/jwks.json")
checker = Passports(application("theirs", appName="Theirs", endpoints=["https://theirs.example"]),
                    passport_trusted_jwks=jwks_file(KEYS))


def judged(document, want, to=None):
    answer = (to or checker).post("/v1/passports/verify", document)
    equal(answer.status, 200, repr(answer))
    body = answer.json()
    equal(body["verdict"], want, repr(body))
    return checks_of(body)


with case("another service believes the package by the keys that it trusts"):
    checks = judged(GOOD, "valid")
    equal((checks["key"]["code"], checks["status"]["code"], checks["evidence"]["outcome"],
           checks["log"]["outcome"]),
          ("key.trusted", "status.good", "warn", "skipped"))

with case("the document alone: nobody says that it was not revoked"):
    checks = judged(GOOD["passport"], "unknown")
    equal((checks["status"]["outcome"], checks["evidence"]["code"]), ("skipped", "evidence.mock"))

with case("superseded and revoked, as its list says"):
    equal(judged(BAD, "invalid")["status"]["code"], "status.superseded")
    equal(judged(REVOKED, "invalid")["status"]["code"], "status.revoked")

with case("a list of another, or one that was changed, vouches for nothing"):
    header, payload, signature = GOOD["status"].split(".")
    for status in (".".join((header, payload, signature[::-1])), "x", "a.b.c"):
        checks = judged({**GOOD, "status": status}, "unknown")
        equal(checks["status"]["outcome"], "unknown")

with case("changed documents, and evidence that does not fit, are never valid"):
    judged({**GOOD, "passport": {**GOOD["passport"], "appName": "Else"}}, "invalid")
    judged({**GOOD, "passport": resign(GOOD["passport"], hashlib.sha256(b"else").digest())},
           "unknown")
    judged({**GOOD, "appraisals": BAD["appraisals"]}, "invalid")

SEED = hashlib.sha256(b"an issuer that is trusted as well").digest()
JWK = {"kty": "OKP", "crv": "Ed25519", "x": kit_attest.b64url(bytes.fromhex(
    kit.ED25519.public(SEED)))}


def trusting(*keys):
    checker.restart(passport_trusted_jwks=jwks_file({"keys": list(keys)}))


with case("a trusted issuer that takes this service's name: its list says nothing of that one"):
    trusting(*KEYS["keys"], JWK)
    own = checker.client.get("/v1/passports/status").body.decode()
    name = json.loads(kit_attest.b64url_read(own.split(".")[1]))["iss"]
    for passport in ({**GOOD["passport"], "issuer": name}, GOOD["passport"]):
        checks = judged({**GOOD, "passport": resign(passport, SEED), "status": own}, "unknown")
        equal((checks["signature"]["outcome"], checks["status"]["code"], checks["log"]["outcome"]),
              ("pass", "status.list_other", "skipped"))
    equal(judged({**GOOD, "status": own}, "unknown")["status"]["code"], "status.list_other")

with case("a list by another key counts if the set says that both are of one issuer"):
    replaced = {**GOOD, "passport": resign(GOOD["passport"], SEED)}
    equal(judged(replaced, "unknown")["status"]["code"], "status.list_other")
    issued_by = [{**jwk, "iss": "them"} for jwk in (*KEYS["keys"], JWK)]
    trusting(*issued_by)
    equal(judged(replaced, "valid")["status"]["code"], "status.good")
    trusting(*issued_by[:-1], {**JWK, "iss": "others"})
    equal(judged(replaced, "unknown")["status"]["code"], "status.list_other")

with case("a service without those keys decides nothing, and appraises nothing"):
    checker.restart(passport_trusted_jwks="")
    for appraisals in (GOOD["appraisals"], BAD["appraisals"]):
        checks = judged({**GOOD, "appraisals": appraisals}, "unknown")
        equal(checks["key"]["code"], "key.unknown")

with case("where mock is not allowed, others' is invalid as well"):
    checker.restart(passport_trusted_jwks=jwks_file(KEYS), passport_allow_mock="false")
    equal(judged(GOOD, "invalid")["evidence"]["code"], "evidence.mock")

with case("settings that are wrong keep the service from starting"):
    checker.stop()
    flags = [flag for name, value in checker.settings.items()
             for flag in ("--" + name.replace("_", "-"), str(value))]
    for name, value in (("trusted_jwks", "/nowhere"), ("applications", "/nowhere"),
                        ("policy", "sha256:00"), ("base_url", "http://far.example"),
                        ("base_url", "https://a.example/?x=1"), ("status_seconds", "3601"),
                        ("trusted_jwks", jwks_file({"keys": 1}, "bad.json")),
                        ("applications", jwks_file({"a": 1}, "no.yaml"))):
        kit.refuses_to_start(checker.data, f"passport.{name}", *flags,
                             f"--passport-{name.replace('_', '-')}", value)

kit.done()
