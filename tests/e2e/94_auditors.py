#!/usr/bin/env python3
"""Software auditors: who is listened to, what rules make of their claims, what is refused at which
step, and the chain of an interaction. The documents are made here, from the words of
docs/VERIFIER.md alone."""

import copy
import datetime
import hashlib
import json
import os

import kit
import kit_ear
from kit import ED25519, case, equal, problem
from kit_attest import (Agent, Verifier, b64, binding, document_id, evidence_of, jws_parts,
                        policy, rfc3339, runtime_data, signed)
from kit_receipts import canonical

PATH, CHAINS = "/v1/attestation/claims", "/v1/attestation/interactions"
SEEDS = {name: hashlib.sha256(b"e2e auditor " + name.encode()).digest()
         for name in ("pii", "tone", "eval", "stranger")}
REQUEST, RESPONSE = "11" * 32, "22" * 32


def now(seconds=0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def claims(auditor, phase="request", decision="proceed", seed=None, age=0, more=None, **values):
    """A signed claims document; values: the claims, all of the type other."""
    document = {
        "type": "lucid.attestation.claims/v1", "schemaVersion": "1.0",
        "auditor": {"id": auditor}, "phase": phase, "decision": decision, "issuedAt": now(-age),
        "claims": [{"name": name, "type": "other", "value": value, "timestamp": now(-age)}
                   for name, value in values.items()], **(more or {})}
    return signed(document, seed or SEEDS[auditor])


def post(*documents, policy_id=None, **more):
    return service.post(PATH, {"documents": list(documents), "policyId": policy_id or POLICY,
                               **more}, token=service.token)


def appraised(*documents, **more):
    answer = post(*documents, **more)
    equal(answer.status, 201, repr(answer))
    return answer.json()


def verdict(*documents, **more):
    record = appraised(*documents, **more)["record"]
    return record["status"], record["decision"]


def refused(step, code, *documents, **more):
    before = service.size()
    body = problem(post(*documents, **more), 422, "EVIDENCE_REFUSED",
                   f"documents[{len(documents) - 1}].{step}")
    equal(body["step"], step)
    failed = [item for item in body["steps"] if item["outcome"] == "fail"]
    equal([(item["step"], item["code"]) for item in failed], [(step, code)])
    equal(service.size(), before, "nothing is logged")
    return failed[0].get("detail")


OTHER = kit.program("LUCID_OTHER_VERIFIER", "tests/e2e/verifier.so")  # another version string

agent = Agent()
service = Verifier(roots=(agent.root,))
AUDITORS = [{"id": name, "publicKey": b64(bytes.fromhex(ED25519.public(SEEDS[name])))}
            for name in ("pii", "tone", "eval")]
RULES = [
    {"id": "no-pii", "action": "redact", "message": "personal data",
     "deny_when": {"claim": "pii_found", "equals": True}, "phase": "request"},
    {"id": "calm", "phase": "response", "require": {"claim": "toxicity", "lessThan": "0.2"}},
]

with case("a policy with rules is put; one that says condition is not"):
    POLICY = service.put("policies", policy(name="rules", auditors=AUDITORS, rules=RULES))
    for rules, param in (([{"id": "x", "condition": "pii == true"}], "rules[0].condition"),
                         ([{"id": "x"}], "rules[0]"),
                         ([{"id": "x", "require": {"claim": "a", "lessThan": 0.5}}],
                          "rules[0].require.lessThan")):
        whole = signed(policy(auditors=AUDITORS, rules=rules), service.document_seed)
        answer = service.client.request("PUT", "/v1/attestation/policies", canonical(whole),
                                        token=service.token)
        problem(answer, 422, "INVALID_POLICY", param)

with case("claims are appraised, recorded and read back with a proof"):
    document = claims("pii", pii_found=False, other=1)
    body = appraised(document)
    record = body["record"]
    equal((record["status"], record["decision"]), ("affirming", "proceed"))
    equal([(item["name"], item["status"], item["rules"]) for item in record["claims"]],
          [("pii_found", "affirming", ["no-pii"]), ("other", "none", [])])
    equal([(item["id"], item["outcome"]) for item in record["rules"]],
          [("no-pii", "pass"), ("calm", "skipped")])
    equal([item["step"] for item in record["documents"][0]["steps"]],
          ["parse", "chain", "signature", "freshness", "revocation", "tcb", "configuration",
           "measurement", "identity"])
    equal(record["documents"][0]["document"], document_id(document))
    equal(record["policy"], POLICY)
    equal(body["claimsId"], hashlib.sha256(canonical(record)).hexdigest())
    service.covered(body["receipt"]["leaf_index"] + 1)
    read = service.get(f"{PATH}/{body['claimsId']}", token=service.token)
    equal((read.status, read.json()["record"]), (200, record))
    equal(service.get(f"/v1/attestation/appraisals/{body['claimsId']}",
                      token=service.token).json(), read.json())
    equal((read.json()["ear"], read.json()["mock"]), (body["ear"], False))
    row, = service.ok(PATH, token=service.token)["items"]
    said = rfc3339(record["time"])
    equal((row["time"], read.json()["time"], body["time"]), (said, said, said))
    proof = service.ok(f"/v1/receipts/{body['claimsId']}/proof")
    equal(proof["entry"][:64], body["claimsId"])
    listed = service.get(PATH, token=service.token).json()["items"]
    equal([item["claimsId"] for item in listed], [body["claimsId"]])

with case("what rules and auditors say"):
    equal(verdict(claims("pii", pii_found=True)), ("warning", "redact"))
    equal(verdict(claims("pii", decision="deny", pii_found=False)), ("contraindicated", "deny"))
    equal(verdict(claims("pii", decision="warn", pii_found=False)), ("warning", "warn"))
    equal(verdict(claims("tone", "response", toxicity="0.1999999999999999999")),
          ("affirming", "proceed"))
    equal(verdict(claims("tone", "response", toxicity="0.20")), ("contraindicated", "deny"))
    equal(verdict(claims("eval", "execution", anything=1)), ("none", "proceed"))
    equal(verdict(claims("pii", pii_found=False), claims("tone", "response", toxicity="0")),
          ("affirming", "proceed"))

with case("a rule that cannot be told never passes"):
    for values in ({"other": 1}, {"pii_found": "no"}, {"pii_found": 0}):
        equal(verdict(claims("pii", **values)), ("warning", "redact"), values)
    equal(verdict(claims("pii", pii_found=False), claims("eval", pii_found=True)),
          ("warning", "redact"))
    record = appraised(claims("tone", "response", toxicity="low"))["record"]
    rule = [item for item in record["rules"] if item["id"] == "calm"][0]
    equal((rule["outcome"], rule["reason"], rule["claim"], record["decision"]),
          ("error", "type", "toxicity", "deny"))

with case("a required claim of a phase that nobody speaks of is missing"):
    demanding = service.put("policies", policy(name="demanding", auditors=AUDITORS, rules=RULES,
                                               requiredClaims=[{"name": "pii_found",
                                                                "phase": "request"}]))
    asked, answered = claims("pii", pii_found=False), claims("tone", "response", toxicity="0")
    equal(verdict(asked, answered, policy_id=demanding), ("affirming", "proceed"))
    record = appraised(answered, policy_id=demanding)["record"]
    equal((record["status"], record["decision"]), ("contraindicated", "deny"))
    equal(record["required"], [{"name": "pii_found", "outcome": "error", "reason": "absent",
                                "claim": "pii_found"}])
    equal([item["outcome"] for item in record["rules"]], ["skipped", "pass"])

with case("how sure a claim must be: a bare 1 is not taken for certain"):
    def sure(value):
        return policy(name="sure", auditors=AUDITORS,
                      requiredClaims=[{"name": "pii_found", "minConfidence": value}])
    answer = service.client.request("PUT", "/v1/attestation/policies", canonical(signed(
        sure(1), service.document_seed)), token=service.token)
    problem(answer, 422, "INVALID_POLICY", "requiredClaims[0].minConfidence")
    certain = service.put("policies", sure("1"))
    document = claims("pii", pii_found=False)
    equal(verdict(document, policy_id=certain), ("affirming", "proceed"))
    del document["signature"]
    document["claims"][0]["confidence"] = 999
    equal(verdict(signed(document, SEEDS["pii"]), policy_id=certain), ("contraindicated", "deny"))

with case("who is not listened to, and at which step"):
    good = claims("pii", pii_found=False)
    refused("chain", "chain.auditor_unknown", claims("stranger", pii_found=False))
    refused("chain", "chain.auditor_key", claims("pii", seed=SEEDS["tone"], pii_found=False))
    changed = json.loads(json.dumps(good))
    changed["claims"][0]["value"] = True
    refused("signature", "signature.bad", changed)
    refused("freshness", "freshness.expired", claims("pii", age=400, pii_found=False))
    refused("freshness", "freshness.early", claims("pii", age=-400, pii_found=False))
    equal(refused("parse", "parse.malformed", {**good, "phase": "input_gate"}),
          "phase: must be one of: artifact, request, execution, response")
    equal(refused("parse", "parse.malformed", {**good, "schema_version": "2.0.0"}),
          "schema_version: no such member is known")
    sure = {**good["claims"][0], "confidence": 0.95}
    equal(refused("parse", "parse.malformed", {**good, "claims": [sure]}),
          'claims[0].confidence: must be a decimal string such as "0.95", or a whole number per '
          'mille')
    refused("chain", "chain.auditor_unknown", good, claims("stranger", pii_found=False))
    plain = service.put("policies", policy(name="no auditors"))
    refused("chain", "chain.auditor_unknown", good, policy_id=plain)

with case("claims about another request than the others' are not put together with them"):
    def about(auditor, phase, **subject):
        return claims(auditor, phase, more={"subject": subject} if subject else None,
                      **{"request": {"pii_found": False}}.get(phase, {"toxicity": "0"}))
    mine = about("pii", "request", traceId="t-8", requestHash=REQUEST)
    for other, param in ((about("tone", "response", traceId="t-9"), "traceId"),
                         (about("tone", "response", requestHash=RESPONSE), "requestHash")):
        size = service.size()
        problem(post(mine, other), 422, "INVALID_REQUEST", f"documents[1].subject.{param}")
        equal(service.size(), size, "nothing is logged")
    one, two = (about("tone", "response", responseHash=value) for value in (REQUEST, RESPONSE))
    problem(post(mine, one, two), 422, "INVALID_REQUEST", "documents[2].subject.responseHash")
    equal(verdict(mine, about("eval", "artifact"), one), ("affirming", "proceed"))

with case("requests that are wrong, and who may"):
    good = claims("pii", pii_found=False)
    problem(post(policy_id="sha256:" + "00" * 32, *[good]), 422, "POLICY_UNKNOWN", "policyId")
    problem(service.post(PATH, {"documents": []}, token=service.token), 422, "INVALID_REQUEST",
            "documents")
    problem(service.post(PATH, {"documents": [good] * 17}, token=service.token), 422,
            "INVALID_REQUEST", "documents")
    equal(service.post(PATH, {"documents": [good]}).status, 401)

with case("a challenge's nonce, which is used once"):
    challenge = service.challenge()
    session = {"sessionId": challenge["sessionId"], "audience": "https://relying.example"}
    bound = claims("pii", more={"nonce": challenge["nonce"]}, pii_found=False)
    refused("freshness", "freshness.nonce", claims("pii", pii_found=False), **session)
    made = appraised(bound, **session)
    record = made["record"]
    equal(record["documents"][0]["steps"][3]["code"], "freshness.bound")
    again = claims("pii", more={"nonce": challenge["nonce"]}, pii_found=False, other=1)
    found = problem(post(again, **session), 422, "NONCE_USED", "sessionId")
    equal((found["step"], found["appraisalId"]), ("freshness", made["claimsId"]))
    foreign = {**session, "sessionId": "A" * 64}
    found = problem(post(again, **foreign), 422, "CHALLENGE_UNKNOWN", "sessionId")
    equal(found["step"], "freshness")


# --- interactions -------------------------------------------------------------------------------


def digest(value):
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def interaction(documents, **more):
    """The record of documents in order, as VERIFIER.md describes it."""
    previous = digest({"requestHash": REQUEST, "traceId": "t-1",
                       "type": "lucid.attestation.interaction/v1"})
    links = []
    for position, document in enumerate(documents):
        links.append({"position": position, "phase": document["phase"],
                      "id": document["auditor"]["id"], "claimsDigest": document_id(document),
                      "decision": document["decision"], "previous": previous})
        previous = digest(links[-1])
    return {"type": "lucid.attestation.interaction/v1", "id": "i-1", "requestHash": REQUEST,
            "responseHash": RESPONSE, "traceId": "t-1", "issuedAt": now(), "auditors": links,
            "chainHash": previous, **more}


def chain(record):
    return service.post(CHAINS, record, token=service.token)


SUBJECT = {"subject": {"traceId": "t-1", "requestHash": REQUEST}}
first = claims("pii", more=SUBJECT, pii_found=False)
second = claims("eval", "execution", more=SUBJECT, steps=3)
third = claims("tone", "response", more=SUBJECT, toxicity="0.1")

with case("the chain of an interaction is logged once its claims are"):
    problem(chain(interaction([first])), 422, "CLAIMS_UNKNOWN", "auditors[0].claimsDigest")
    appraised(first, second, third)
    record = interaction([first, second, third])
    answer = chain(record)
    equal(answer.status, 201, repr(answer))
    body = answer.json()
    equal(body["record"], record)
    equal(body["interactionId"], hashlib.sha256(canonical(record)).hexdigest())
    equal(chain(record).status, 200, "the same once more")
    read = service.get(f"{CHAINS}/{body['interactionId']}", token=service.token)
    equal((read.status, read.json()["record"]), (200, record))

with case("gaps, order and changed links are refused at their position"):
    def bad(record, param):
        problem(chain(record), 422, "INVALID_INTERACTION", param)
    bad(interaction([second, first, third]), "auditors[1].phase")
    record = interaction([first, second, third])
    bad({**record, "auditors": record["auditors"][:1] + record["auditors"][2:]},
        "auditors[1].position")
    bad({**record, "auditors": record["auditors"][:2]}, "chainHash")
    bad({**record, "traceId": "t-2"}, "auditors[0].previous")
    changed = json.loads(json.dumps(record))
    changed["auditors"][0]["decision"] = "warn"
    bad(changed, "auditors[1].previous")
    changed["auditors"][0]["decision"] = "proceed"
    changed["auditors"][1]["position"] = 2
    bad(changed, "auditors[1].position")
    other = {**second, "decision": "warn"}
    lie = interaction([first, other, third])
    lie["auditors"][1]["claimsDigest"] = document_id(second)
    lie["auditors"][2]["previous"] = digest(lie["auditors"][1])
    lie["chainHash"] = digest(lie["auditors"][2])
    bad(lie, "auditors[1].decision")
    bad({**interaction([first]), "responseHash": None}, "responseHash")

with case("claims that say nothing of the request, or came later, do not stand in its chain"):
    silent = claims("eval", "execution", steps=4)
    artifact = claims("eval", "artifact", sbom="complete")
    appraised(silent)
    appraised(artifact)
    bad(interaction([first, silent, third]), "auditors[1]")
    bad(interaction([first, first, third]), "auditors[1].claimsDigest")
    bad(interaction([first, second, third], issuedAt=now(-3600)), "auditors[0]")
    bad(interaction([first, second, third], issuedAt=now(3600)), "issuedAt")
    equal(chain(interaction([artifact, first, third])).status, 201)

with case("a deny ends the chain"):
    deny = claims("pii", decision="deny", more=SUBJECT, pii_found=True)
    equal(appraised(deny)["record"]["decision"], "deny")
    problem(chain(interaction([deny, third])), 422, "INVALID_INTERACTION", "auditors[1]")
    ended = interaction([deny])
    del ended["responseHash"]
    equal(chain(ended).status, 201)

# --- the attestation result, replay --------------------------------------------------------------

IMAGE = "sha256:" + "33" * 32


def replay(**body):
    answer = service.post("/v1/attestation/replay", body, token=service.token)
    equal(answer.status, 200, repr(answer))
    return answer.json()


def bundle_of(claims_id):
    answer = service.get(f"{PATH}/{claims_id}?bundle=1", token=service.token)
    equal(answer.status, 200, repr(answer))
    return answer.body


def offline(text, *flags):
    path = os.path.join(kit.scratch(), "bundle.json")
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else json.dumps(text).encode())
    return kit.lucid("verifier", "replay", path, "--json", *flags)


def all_same(what):
    rows = service.ok(PATH + "?limit=100", token=service.token)["items"]
    assert len(rows) > 15, len(rows)
    for row in rows:
        report = replay(appraisalId=row["claimsId"])
        equal((report["outcome"], report["differences"]), ("same", []), what)
        equal(report["status"], row["status"])


def environment(*auditors):
    """An appraisal of mock evidence whose runtime data name these auditors: its id."""
    challenge = service.challenge()
    data = canonical({**json.loads(runtime_data(challenge)), "workload": {"auditors": [
        {"id": name, "digest": image} for name, image in auditors]}})
    answer = service.appraise(challenge, data,
                              [evidence_of("mock", agent.evidence(binding(data)))])
    equal(answer.status, 201, repr(answer))
    return answer.json()


with case("an appraisal of claims yields an attestation result"):
    body = appraised(claims("pii", pii_found=True, other=1),
                     claims("tone", "response", toxicity="0.1"))
    record, result = body["record"], service.result(body["ear"])
    equal(kit_ear.faults(result), [])
    equal(record["result"], "sha256:" + hashlib.sha256(jws_parts(body["ear"])[1]).hexdigest())
    equal(record["ear"], "sha256:" + hashlib.sha256(body["ear"].encode()).hexdigest())
    equal((result["eat_profile"], result["ear_status"]),
          ("tag:ietf.org,2026:rats/ear#04", body["status"]))
    equal(result["exp"] - result["iat"], record["lifetime"])
    equal(result["ear_verifier_id"], record["verifier"])
    equal(sorted(result["submods"]), ["claims0", "claims1"])
    for index in range(2):
        submod, written = result["submods"][f"claims{index}"], record["documents"][index]
        equal(submod["ear_status"], written["status"])
        equal(submod["ear_trustworthiness_vector"], written["vector"])
        equal(submod["ear_appraisal_policy_ids"], [POLICY])
        said = submod["ear_verifier_claims"]
        equal((said["lucid.evidence"]["digest"], said["lucid.bound"], said["lucid.steps"]),
              (written["document"], False, written["steps"]))
        equal(submod["ear_attester_claims"]["lucid.auditor"]["id"], written["auditor"])
    equal(result["submods"]["claims0"]["ear_verifier_claims"]["lucid.claims"],
          [{"name": "pii_found", "status": "warning", "rules": ["no-pii"]},
           {"name": "other", "status": "none", "rules": []}])
    own = result["lucid.appraisal"]
    equal((own["decision"], own["rules"], own["binding"]["declared"], own["is_mock"]),
          ("redact", record["rules"], ["claims0", "claims1"], False))
    MADE = body

with case("auditors that an appraised environment names, and others"):
    place = environment(("pii", IMAGE), ("tone", IMAGE))
    known = claims("pii", more={"auditor": {"id": "pii", "digest": IMAGE}}, pii_found=False)
    other = claims("tone", "response", toxicity="0",
                   more={"auditor": {"id": "tone", "digest": "sha256:" + "44" * 32}})
    body = appraised(known, other, appraisalId=place["appraisalId"])
    result = service.result(body["ear"])
    equal(kit_ear.faults(result), [])
    bound = result["lucid.appraisal"]["binding"]
    equal((bound["boundByHardware"], bound["declared"]), (["claims0"], ["claims1"]))
    equal(bound["hardware"]["appraisal"], "sha256:" + place["appraisalId"])
    equal([result["submods"][f"claims{i}"]["ear_verifier_claims"]["lucid.bound"]
           for i in range(2)], [True, False])
    # Mock hardware: every view says so, and the whole is no better than its environment.
    equal((place["status"], body["status"], body["mock"]), ("warning", "warning", True))
    equal(result["lucid.appraisal"]["is_mock"], True)
    equal([result["submods"][f"claims{i}"]["ear_status"] for i in range(2)], ["affirming"] * 2)
    equal(appraised(claims("pii", pii_found=False), appraisalId=place["appraisalId"])["record"]
          ["documents"][0]["bound"], False)
    for wrong in ("00" * 32, "x", MADE["claimsId"]):
        problem(post(known, appraisalId=wrong), 422, "INVALID_REQUEST", "appraisalId")
    BOUND = body

with case("every stored appraisal of claims replays to the same result"):
    all_same("replay")
    jwks = os.path.join(kit.scratch(), "jwks.json")
    with open(jwks, "wb") as file:
        file.write(service.get("/.well-known/jwks.json").body)
    kit.wait_for(lambda: b'"proof":' in bundle_of(BOUND["claimsId"]), what="a head")
    for body in (MADE, BOUND):
        text = bundle_of(body["claimsId"])
        equal(replay(bundle=json.loads(text))["outcome"], "same")
        code, out, err = offline(text, "-k", jwks, "-f", os.path.join(service.data, "vkey"))
        equal((code, json.loads(out)["outcome"]), (0, "same"), err)
        equal(set(json.loads(out)["logged"].values()), {"ok"})
        equal(json.loads(offline(text)[1])["outcome"], "unknown-key")
    equal(sorted(json.loads(bundle_of(MADE["claimsId"]))["blobs"]),
          sorted([item["document"] for item in MADE["record"]["documents"]] + [POLICY]))

with case("a bundle that was changed differs, and it is said where"):
    whole = json.loads(bundle_of(BOUND["claimsId"]))
    changed = copy.deepcopy(whole)
    changed["record"]["decision"] = "deny"
    report = replay(bundle=changed)
    equal((report["outcome"], [item["pointer"] for item in report["differences"]]),
          ("claims", ["/record/decision"]))
    changed = copy.deepcopy(whole)
    changed["record"]["rulesVersion"] += 1
    equal(replay(bundle=changed)["outcome"], "rules")
    code, out, err = offline(changed, "-k", jwks)  # the proof is not that record's
    equal((code, json.loads(out)["outcome"], json.loads(out)["logged"]["entry"]),
          (1, "rules", "failed"), err)
    del changed["proof"]
    code, out, err = offline(changed, "-k", jwks)
    equal((code, json.loads(out)["outcome"]), (4, "rules"), err)
    changed = copy.deepcopy(whole)
    changed["record"]["received"] += 7200  # only a test store's records have two times
    report = replay(bundle=changed)
    equal((report["outcome"], [item["pointer"] for item in report["differences"]]),
          ("claims", ["/record/received"]))
    changed = copy.deepcopy(whole)
    changed["record"]["hardware"]["runtimeData"] = changed["record"]["policy"]
    problem(service.post("/v1/attestation/replay", {"bundle": changed}, token=service.token), 422,
            "INVALID_RECORD", "hardware")
    changed = copy.deepcopy(whole)
    changed["ear"] = MADE["ear"]
    equal(replay(bundle=changed)["outcome"], "token")
    changed = copy.deepcopy(whole)
    changed["record"]["verifier"]["build"] = "another"
    report = replay(bundle=changed)
    equal(report["outcome"], "claims")
    assert "/claims/ear_verifier_id/build" in [item["pointer"] for item in report["differences"]]
    for blob in whole["blobs"]:
        changed = copy.deepcopy(whole)
        del changed["blobs"][blob]
        problem(service.post("/v1/attestation/replay", {"bundle": changed}, token=service.token),
                422, "INCOMPLETE_BUNDLE", blob)

with case("in words"):
    path = os.path.join(kit.scratch(), "bundle.json")
    with open(path, "wb") as file:
        file.write(bundle_of(BOUND["claimsId"]))
    code, out, err = kit.lucid("verifier", "explain", path)
    equal(code, 0, err)
    for line in ("verdict: warning (mock: no hardware stands behind it)", "decision: proceed",
                 "claims0 (pii, request): affirming, decided proceed, named by the appraised "
                 "environment", "  no-pii: pass", "claims1 (tone, response): affirming, decided "
                 "proceed, declared only: no hardware names this auditor"):
        assert line in out.decode().splitlines(), (line, out)

with case("what a bundle needs"):
    path = f"{PATH}/{MADE['claimsId']}?bundle=1"
    equal(service.get(path).status, 401)
    tokens = {scope: service.post("/v1/tokens", {"name": scope, "scopes": [scope]},
                                  token=service.token).json()["token"]
              for scope in ("read", "audit", "attest")}
    for form in (path, f"/v1/attestation/appraisals/{MADE['claimsId']}?bundle=1"):
        problem(service.get(form, token=tokens["read"]), 403, "FORBIDDEN", "bundle")
        equal(service.get(form, token=tokens["audit"]).status, 200)
    equal(service.get(path.split("?")[0], token=tokens["read"]).status, 200)
    good = claims("pii", pii_found=False, scoped=1)
    for where, body in ((PATH, {"documents": [good], "policyId": POLICY}),
                        (CHAINS, interaction([first]))):
        equal(service.post(where, body, token=tokens["read"]).status, 403)
    equal(service.post(PATH, {"documents": [good], "policyId": POLICY},
                       token=tokens["attest"]).status, 201)
    large = {**good, "claims": [{**good["claims"][0], "value": "x" * 65536}]}
    problem(post(large), 422, "INVALID_REQUEST", "documents[0]")
    equal(post(*[large] * 40).status, 413, "a request that is too large")
    problem(service.get(path.replace("=1", "=x"), token=service.token), 400, "INVALID_PARAMETER",
            "bundle")

with case("the schemas of documents"):
    for name in ("claims", "interaction", "policy", "reference"):
        path = f"/schemas/attestation/{name}/v1"
        answer = service.get(path)
        equal(answer.status, 200, repr(answer))
        equal(answer.header("content-type"), "application/schema+json")
        equal(answer.header("cache-control"), "public, max-age=31536000, immutable")
        equal(answer.json()["$id"], path)
        again = service.client.request("GET", path, None,
                                       headers={"If-None-Match": answer.header("etag")})
        equal(again.status, 304)
    equal(service.get("/schemas/attestation/none/v1").status, 404)

with case("everything is there after a restart"):
    before = [service.get(path, token=service.token).json() for path in (PATH, CHAINS)]
    service.restart()
    equal([service.get(path, token=service.token).json() for path in (PATH, CHAINS)], before)
    all_same("after a restart")
    equal(service.ok(f"{PATH}/{MADE['claimsId']}", token=service.token)["ear"], MADE["ear"])

with case("a new policy, and another build of the module, change no verdict of before"):
    service.put("policies", policy(name="rules", auditors=AUDITORS[:1]))
    all_same("after a policy update")
    service.settings["plugins_dir"] = os.path.dirname(OTHER)
    service.restart()
    all_same("by another build")
    assert appraised(claims("pii", pii_found=False))["record"]["verifier"] != \
        MADE["record"]["verifier"]

with case("an environment of mock evidence counts no more once mock is not allowed"):
    known = claims("pii", more={"auditor": {"id": "pii", "digest": IMAGE}}, pii_found=False)
    equal(appraised(known, appraisalId=place["appraisalId"])["mock"], True)
    service.settings["verifier_allow_mock"] = "false"
    service.restart()
    problem(post(known, appraisalId=place["appraisalId"]), 422, "INVALID_REQUEST", "appraisalId")
    equal(appraised(known)["mock"], False)
    all_same("without mock")

service.stop()
agent.stop()
kit.done()
