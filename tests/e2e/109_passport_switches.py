#!/usr/bin/env python3
"""What the evidence switches of an application leave out is not given by another way."""

import datetime
import hashlib
import json
import os

import kit
import kit_attest
from kit import ED25519, case, equal
from kit_attest import b64
from kit_passport import BUNDLE, Passports, application
from kit_receipts import canonical

SEED = hashlib.sha256(b"e2e auditor pii").digest()
DIGEST = "sha256:" + "ab" * 32
NAMED = {"workload": {"container": {"digest": DIGEST}}}


def claims(**values):
    at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    listed = [{"name": name, "type": "other", "value": value, "timestamp": at}
              for name, value in values.items()]
    return kit_attest.signed({"type": "lucid.attestation.claims/v1", "schemaVersion": "1.0",
                              "auditor": {"id": "pii"}, "phase": "request", "decision": "proceed",
                              "issuedAt": at, "claims": listed}, SEED)


agent = kit_attest.Agent()
service = Passports(application("hidden", endpoints=["https://hidden.example"], appName="Hidden",
                                evidence={"auditorClaims": False}),
                    application("bare", endpoints=["https://bare.example"], appName="Bare",
                                evidence={"containerInfo": False}),
                    roots=(agent.root,), head_interval_ms=100)
AUDITORS = [{"id": "pii", "publicKey": b64(bytes.fromhex(ED25519.public(SEED)))}]
RULES = [{"id": "no-pii", "action": "deny", "deny_when": {"claim": "pii_found", "equals": True}}]
POLICY = service.put("policies", kit_attest.policy(name="auditors", auditors=AUDITORS, rules=RULES))
service.restart(passport_policy=POLICY)


def environment(**runtime):
    challenge = service.challenge()
    bound = canonical({**json.loads(kit_attest.runtime_data(challenge)), **runtime})
    return service.attest_with(agent, challenge, bound, POLICY)["appraisalId"]


def audited(appraisal):
    answer = service.post("/v1/attestation/claims",
                          {"documents": [claims(pii_found=False)], "policyId": POLICY,
                           "appraisalId": appraisal}, token=service.token)
    equal(answer.status, 201, repr(answer))
    return answer.json()["claimsId"]


def evidence(passport_id, token=None):
    answer = service.get(f"/v1/passports/{passport_id}/evidence", token=token)
    return answer.status, answer.json()


def package(passport_id):
    answer = service.client.get(f"/v1/passports/{passport_id}", headers={"accept": BUNDLE})
    equal(answer.status, 200, repr(answer))
    return answer.json()


with case("auditorClaims off: the claims are in no bundle that everybody gets"):
    first = environment()
    said = audited(first)
    body = service.issue([first, said], application_name="hidden")
    ID = body["passportId"]
    equal(body["passport"]["appraisals"], [first])
    held = package(ID)
    assert said not in json.dumps(held["appraisals"]), "the package shows what is hidden"
    equal(len(held["appraisals"]), 1)
    status, shown = evidence(ID)
    equal((status, len(shown["appraisals"])), (200, 1))
    assert "pii_found" not in json.dumps(shown), "the evidence shows what is hidden"

with case("who may audit gets them"):
    status, shown = evidence(ID, service.token)
    equal((status, len(shown["appraisals"])), (200, 2))

with case("and the package verifies where there is no service"):
    path = os.path.join(kit.scratch(), "package.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(held, out)
    keys = os.path.join(kit.scratch(), "jwks.json")
    with open(keys, "w", encoding="utf-8") as out:
        json.dump(service.ok("/.well-known/jwks.json"), out)
    code, out, err = kit.lucid("passport", "verify", path, "-k", keys, "-m", "--json")
    equal(code, 0, f"{out!r} {err!r}")
    checks = {item["check"]: item["code"] for item in json.loads(out)["checks"]}
    equal(checks["evidence"], "evidence.mock", repr(checks))

with case("containerInfo off: a second environment that names it makes the evidence no public one"):
    one, two = environment(), environment(**NAMED)
    ID = service.issue([one, two], application_name="bare")["passportId"]
    equal(evidence(ID)[0], 403)
    assert DIGEST not in json.dumps(package(ID)), "the package shows what is hidden"

kit.done()
