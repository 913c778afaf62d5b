"""AI Passports for the tests: applications, requests, and an independent reading of passports,
status lists and bundles. Written from docs/PASSPORT.md and the published schema, sharing nothing
with the service's code."""

import base64
import calendar
import hashlib
import json
import os
import time

import kit
import kit_attest
from kit import ED25519, equal
from kit_attest import Workload, b64, b64url, jws_parts
from kit_receipts import canonical

SCHEMA = "https://lucid.ai/schemas/passport/v1"
MEDIA = "application/lucid-passport+json"
BUNDLE = "application/lucid-passport-bundle+json"
CHECKS = ("parse", "schema", "algorithm", "key", "signature", "times", "origin", "evidence",
          "supply_chain", "auditors", "status", "log")
ENDPOINT = "https://app.example"
CONTAINER = {"digest": "sha256:" + "ab" * 32, "registry": "registry.example/my-project/my-app"}


# --- applications -------------------------------------------------------------------------------


def yaml_of(value, indent=0):
    """A value as YAML, blocks for what has parts; text in double quotes, as JSON has it."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for name, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines.append(f"{pad}{name}:\n{yaml_of(item, indent + 1)}")
            else:
                lines.append(f"{pad}{name}: {json.dumps(item)}")
        return "\n".join(lines)
    if isinstance(value, list) and value:
        return "\n".join(f"{pad}- {json.dumps(item)}" for item in value)
    return pad + json.dumps(value)


def application(name="my-app", **passport):
    """One application as a dict; members of spec.passport on top of a plain one (None: without)."""
    plain = {"appName": "My AI Application é€", "version": "1.0.0", "endpoints": [ENDPOINT]}
    whole = {key: value for key, value in {**plain, **passport}.items() if value is not None}
    return {"metadata": {"name": name}, "spec": {"passport": whole}}


def applications_file(*applications):
    path = os.path.join(kit.scratch(), "applications.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n---\n".join(yaml_of(one) for one in applications) + "\n")
    return path


# --- requests -----------------------------------------------------------------------------------


def signed_value(document, seed, **signature):
    """document with signature.value over its canonical bytes without it."""
    whole = {**document, "signature": {"algorithm": "Ed25519", **signature}}
    value = ED25519.sign(seed, [canonical(whole)])[0]
    whole["signature"] = {**whole["signature"], "value": b64(bytes.fromhex(value))}
    return whole


def request(appraisals, workload=None, application_name="my-app", at=None, **more):
    """What POST /v1/passports takes, signed by the workload's key."""
    return signed_value({"type": "lucid.passport.request/v1", "application": application_name,
                         "appraisals": list(appraisals),
                         "time": int(time.time()) if at is None else at, **more},
                        (workload or Workload()).seed)


# --- reading ------------------------------------------------------------------------------------


def seconds(text):
    """RFC 3339 UTC, whole seconds."""
    equal(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")), text)
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def digest(passport):
    return "sha256:" + hashlib.sha256(canonical(passport)).hexdigest()


def signing_input(passport):
    signature = {name: value for name, value in passport["signature"].items() if name != "value"}
    return canonical({**passport, "signature": signature})


def resign(passport, seed):
    """The same signed by another key: self-consistent, and by nobody who is trusted."""
    bare = {name: value for name, value in passport.items() if name != "signature"}
    public = bytes.fromhex(ED25519.public(seed))
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64url(public)}
    kid = b64url(hashlib.sha256(canonical(jwk)).digest())
    return signed_value(bare, seed, publicKey=b64(public), kid=kid)


def jwks_keys(document):
    """kid → public key of a JWK set; kids are thumbprints."""
    keys = {}
    for jwk in document["keys"]:
        if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
            continue
        bare = {name: jwk[name] for name in ("crv", "kty", "x")}
        kid = b64url(hashlib.sha256(canonical(bare)).digest())
        equal(jwk["kid"], kid, "kid is the thumbprint")
        keys[kid] = kit_attest.b64url_read(jwk["x"])
    return keys


def signed_by(passport, keys):
    """Whether one of those keys signed it; keys: kid → public key."""
    signature = passport["signature"]
    public = base64.b64decode(signature["publicKey"], validate=True)
    if signature["algorithm"] != "Ed25519" or public not in keys.values():
        return False
    return ED25519.verify(public, base64.b64decode(signature["value"], validate=True),
                          signing_input(passport))


def check_form(passport):
    """The members that the published schema has, as it has them."""
    equal(passport["$schema"], SCHEMA)
    for name in ("passportId", "appName", "version", "issuedAt", "expiresAt"):
        assert isinstance(passport[name], str) and passport[name], name
    assert passport["passportId"].startswith("pass-"), passport["passportId"]
    lifetime = seconds(passport["expiresAt"]) - seconds(passport["issuedAt"])
    assert 0 < lifetime <= 398 * 86400, lifetime
    assert passport["tee"]["type"] in ("AMD_SEV_SNP", "INTEL_TDX", "INTEL_SGX", "AWS_NITRO",
                                       "MOCK"), passport["tee"]
    assert passport["tee"]["measurementHash"].startswith("sha256:")
    if "attestationQuote" in passport["tee"]:
        base64.b64decode(passport["tee"]["attestationQuote"], validate=True)
    for auditor in passport["auditors"]:
        assert {"id", "name", "status"} <= set(auditor), auditor
        assert auditor["status"] in ("active", "inactive", "failed"), auditor
        assert ("lastCheck" in auditor or auditor["status"] == "inactive" or
                auditor.get("source") == "declared"), auditor  # decision 0046
        seconds(auditor.get("lastCheck", passport["issuedAt"]))
    if "container" in passport:
        assert len(passport["container"]["digest"]) == 71, passport["container"]
    if "slsa" in passport:
        assert passport["slsa"]["level"] in range(5), passport["slsa"]
    signature = passport["signature"]
    equal(signature["algorithm"], "Ed25519")
    equal(len(base64.b64decode(signature["publicKey"], validate=True)), 32)
    equal(len(base64.b64decode(signature["value"], validate=True)), 64)


def status_list(token, keys, now=None):
    """The claims of a status list, signed by one of the keys and not too old."""
    header, payload, signature, message = jws_parts(token)
    equal((header["alg"], header["typ"]), ("EdDSA", "lucid-passport-status+jwt"))
    assert ED25519.verify(keys[header["kid"]], signature, message), "signature of the status list"
    claims = json.loads(payload, object_pairs_hook=kit.unique)
    equal(canonical(claims), payload, "claims are canonical")
    assert claims["iat"] < claims["exp"] <= claims["iat"] + 3600, claims
    if now is not None:
        assert claims["iat"] - 300 <= now < claims["exp"], claims
    for name in ("revoked", "superseded"):
        ids = [entry["id"] for entry in claims[name]]
        equal(ids, sorted(set(ids)), name)
    return claims


def checks_of(answer):
    """name → check of a verification's answer, all of them in order."""
    equal(tuple(check["check"] for check in answer["checks"]), CHECKS)
    return {check["check"]: check for check in answer["checks"]}


# --- the service --------------------------------------------------------------------------------


class Passports(kit_attest.Verifier):
    """lucidd with verifier and passport. applications: dicts of application()."""

    def __init__(self, *applications, test=False, allow_mock=True, **settings):
        self.applications = applications or (application(),)
        more = {"plugins": "verifier,passport",
                "passport_applications": applications_file(*self.applications)}
        if allow_mock:
            more["passport_allow_mock"] = "true"
        super().__init__(test=test, allow_mock=allow_mock, **{**more, **settings})

    def environment_of(self, agent, key=None, policy_id=None, **members):
        """An appraisal of the agent's environment: the answer's body. key: a Workload; members:
        further ones of the runtime data, workload=…"""
        challenge = self.challenge()
        bound = json.loads(kit_attest.runtime_data(challenge, workload=key))
        return self.attest_with(agent, challenge, canonical({**bound, **members}), policy_id)

    def attest_with(self, agent, challenge, bound, policy_id=None):
        more = {"policyId": policy_id} if policy_id else {}
        evidence = agent.evidence(kit_attest.binding(bound))
        answer = self.appraise(challenge, bound, [kit_attest.evidence_of("mock", evidence)], **more)
        equal(answer.status, 201, repr(answer))
        return answer.json()

    def ask(self, body, token="", path="/v1/passports"):
        return self.post(path, body, token=self.token if token == "" else token)

    def issue(self, appraisals, **more):
        """A passport that is given: the answer's body."""
        answer = self.ask(request(appraisals, **more))
        equal(answer.status, 201, repr(answer))
        body = answer.json()
        check_form(body["passport"])
        assert signed_by(body["passport"], self.keys()), "the passport's signature"
        return body

    def keys(self):
        return jwks_keys(self.ok("/.well-known/jwks.json"))

    def verify(self, what, **more):
        """The answer's body; what: an id, a document, text."""
        answer = self.post("/v1/passports/verify", {"passport": what, **more}, token=None)
        equal(answer.status, 200, repr(answer))
        body = answer.json()
        equal(body["valid"], body["verdict"] == "valid")
        checks_of(body)
        return body

    def revoked(self):
        """id → reason of the status list as it is served."""
        answer = self.client.get("/v1/passports/status")
        equal(answer.status, 200, repr(answer))
        claims = status_list(answer.body.decode(), self.keys())
        return {entry["id"]: entry["reason"] for entry in claims["revoked"]}
