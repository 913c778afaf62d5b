#!/usr/bin/env python3
"""Software auditors: who is listened to, what rules make of their claims, what is refused at which
step, and the chain of an interaction. The documents are made here, from the words of
docs/VERIFIER.md alone."""

import datetime
import hashlib
import json

import kit
from kit import ED25519, case, equal, problem
from kit_attest import Verifier, b64, document_id, policy, signed
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


service = Verifier()
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

with case("who is not listened to, and at which step"):
    good = claims("pii", pii_found=False)
    refused("chain", "chain.auditor_unknown", claims("stranger", pii_found=False))
    refused("chain", "chain.auditor_key", claims("pii", seed=SEEDS["tone"], pii_found=False))
    changed = json.loads(json.dumps(good))
    changed["claims"][0]["value"] = True
    refused("signature", "signature.bad", changed)
    refused("freshness", "freshness.expired", claims("pii", age=400, pii_found=False))
    refused("freshness", "freshness.early", claims("pii", age=-400, pii_found=False))
    refused("parse", "parse.malformed", {**good, "phase": "input_gate"})
    refused("parse", "parse.malformed", {**good, "extra": 1})
    refused("chain", "chain.auditor_unknown", good, claims("stranger", pii_found=False))
    plain = service.put("policies", policy(name="no auditors"))
    refused("chain", "chain.auditor_unknown", good, policy_id=plain)

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
    record = appraised(bound, **session)["record"]
    equal(record["documents"][0]["steps"][3]["code"], "freshness.bound")
    again = claims("pii", more={"nonce": challenge["nonce"]}, pii_found=False, other=1)
    problem(post(again, **session), 409, "NONCE_USED", "sessionId")


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

with case("a deny ends the chain"):
    deny = claims("pii", decision="deny", more=SUBJECT, pii_found=True)
    equal(appraised(deny)["record"]["decision"], "deny")
    problem(chain(interaction([deny, third])), 422, "INVALID_INTERACTION", "auditors[1]")
    ended = interaction([deny])
    del ended["responseHash"]
    equal(chain(ended).status, 201)

with case("everything is there after a restart"):
    before = [service.get(path, token=service.token).json() for path in (PATH, CHAINS)]
    service.restart()
    equal([service.get(path, token=service.token).json() for path in (PATH, CHAINS)], before)

service.stop()
kit.done()
