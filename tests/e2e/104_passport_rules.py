#!/usr/bin/env python3
"""Who gets no passport, and what stands in those that are given: by whose word, at which level,
with what left out; renewal, revocation and the status list. The clock is the test's."""

import base64
import hashlib
import json
import os
import time

import kit
import kit_attest
import kit_passport
import kit_snp
from kit import ED25519, case, equal, problem
from kit_attest import Workload, b64, b64url, vector
from kit_clock import Clock
from kit_passport import CONTAINER, Passports, application, applications_file, checks_of, request
from kit_receipts import canonical

HOUR, DAY = 3600, 86400
MEASUREMENT = "a5" * 48  # the mock agent's
IMAGE = "sha256:" + "cd" * 32
OTHER = "sha256:" + "ef" * 32
AUDITOR_SEEDS = {name: hashlib.sha256(b"e2e passport auditor " + name.encode()).digest()
                 for name in ("pii", "tone", "eval")}
BUILDER_SEEDS = {f"https://{name}.example": hashlib.sha256(b"builder " + name.encode()).digest()
                 for name in ("one", "two", "plain")}
SOURCE, BUILD_TYPE = "git+https://git.example/app@refs/tags/v1", "https://build.example/v1"


def base64_public(seed):
    return b64(bytes.fromhex(ED25519.public(seed)))


# --- documents ------------------------------------------------------------------------------------


def document(whole):
    """What is signed, its id."""
    return kit_attest.document_id(kit_attest.signed(whole, kit_attest.Verifier.document_seed))


def reference(name, key="launch", **value):
    return {"type": "lucid.attestation.reference/v1", "name": name,
            "environment": {"type": "mock"},
            "measurements": [{"mkey": key, "alg": "sha384", "digest": [MEASUREMENT], **value}],
            "containers": [{"digest": CONTAINER["digest"]}],
            "auditors": [{"id": "pii", "digest": IMAGE}]}


SETS = {"good": reference("good"), "vulnerable": reference("vulnerable", vulnerable=True),
        "newer": reference("newer", minSvn=3), "other": reference("other", "another-register")}
POLICIES = {
    "good": kit_attest.policy("good", references=[document(SETS["good"])]),
    "vulnerable": kit_attest.policy("vulnerable", references=[document(SETS["vulnerable"])]),
    "newer": kit_attest.policy("newer", references=[document(SETS["newer"])],
                               allowMeasurements=[MEASUREMENT]),
    "other": kit_attest.policy("other", references=[document(SETS["other"])],
                               allowMeasurements=[MEASUREMENT]),
    "denied": kit_attest.policy("denied", denyMeasurements=[MEASUREMENT]),
    "rules": kit_attest.policy(
        "rules", auditors=[{"id": name, "publicKey": base64_public(seed)}
                           for name, seed in AUDITOR_SEEDS.items()],
        rules=[{"id": "no-pii", "action": "deny", "phase": "request",
                "deny_when": {"claim": "pii_found", "equals": True}},
               {"id": "calm", "phase": "response",
                "require": {"claim": "toxicity", "lessThan": "0.2"}}]),
}
IDS = {name: document(whole) for name, whole in POLICIES.items()}


def builder(name, isolated=True, **more):
    return {"id": name, "keys": [base64_public(BUILDER_SEEDS[name])], "isolated": isolated,
            "sources": ["git+https://git.example/app@*"], "buildTypes": [BUILD_TYPE], **more}


BUILDERS = [builder("https://one.example"), builder("https://two.example"),
            builder("https://plain.example", isolated=False)]
SWITCHES = ("teeAttestation", "auditorClaims", "routingProofs", "containerInfo", "slsaProvenance",
            "modelFingerprint")


def named(name, **more):
    """An application with names and endpoints of its own."""
    return application(name, **{"appName": f"The application {name}",
                                "endpoints": [f"https://{name}.example"], **more})


APPLICATIONS = [
    named("my-app"),
    named("declared", container=CONTAINER,
          auditors=[{"id": "pii", "name": "PII", "digest": IMAGE}]),
    named("referenced", container=CONTAINER, policy=IDS["good"],
          auditors=[{"id": "pii", "name": "PII", "digest": IMAGE},
                    {"id": "tone", "name": "Tone", "digest": IMAGE}]),
    *(named(name, policy=IDS[name], container=CONTAINER) for name in ("newer", "other")),
    named("vulnerable", policy=IDS["vulnerable"]), named("denied", policy=IDS["denied"]),
    named("aged", maxAppraisalAgeSeconds=60),
    named("heard", audience="https://somebody.example"),
    named("audited", policy=IDS["rules"], auditors=[{"id": "quiet", "name": "Quiet"}]),
    named("dark", policy=IDS["rules"], model={"name": "model", "digest": OTHER},
          provenanceUri="https://build.example/p", builders=BUILDERS, container=CONTAINER,
          evidence={name: False for name in SWITCHES}),
    named("bright", policy=IDS["rules"], model={"name": "model", "digest": OTHER},
          provenanceUri="https://build.example/p", builders=BUILDERS, container=CONTAINER,
          evidence={name: True for name in SWITCHES}),
    *(named(f"level{level}", builders=BUILDERS, minSlsaLevel=level) for level in range(5)),
    named("brief", validityDays=1), named("raced", validityDays=1),
]

# --- the service ----------------------------------------------------------------------------------

clock = Clock(kit.scratch())
off = 0


def now():
    return int(time.time()) + off


def later(seconds):
    """The service's clock goes on."""
    global off
    off += seconds
    clock.set(off * 1000)


class Clocked(Passports):
    def start(self, seconds=30, prefix=(), **more):
        return super().start(seconds, clock.prefix(), **more)


agent = kit_attest.Agent()
debugger = kit_attest.Agent(agent.keys, debug=True)
service = Clocked(*APPLICATIONS, roots=(agent.root,), head_interval_ms=100)
for one in SETS.values():
    service.put("references", one)
for policy_name, one in POLICIES.items():
    equal(service.put("policies", one), IDS[policy_name])


def environment(policy=None, machine=None, key=None, to=None, **workload):
    """The id of an appraisal whose runtime data name that workload."""
    members = {"workload": workload} if workload else {}
    return (to or service).environment_of(machine or agent, key, IDS.get(policy, policy),
                                          **members)["appraisalId"]


def ask(application_name, *appraisals, to=None, path="/v1/passports", token="", **more):
    body = request(appraisals, application_name=application_name, **{"at": now(), **more})
    return (to or service).ask(body, token, path)


def given(application_name, *appraisals, **more):
    answer = ask(application_name, *appraisals, **more)
    equal(answer.status, 201, repr(answer))
    kit_passport.check_form(answer.json()["passport"])
    return answer.json()


def none(param, application_name, *appraisals, says="", code="PASSPORT_REFUSED", status=422,
         **more):
    """No passport, for that reason, and nothing is logged."""
    before = service.size()
    body = problem(ask(application_name, *appraisals, **more), status, code, param)
    assert says in body["detail"], body
    equal(service.size(), before)


def outcome(passport_id, check, verdict="valid", **more):
    """(outcome, code) of a check of a verification."""
    body = service.verify(passport_id, **more)
    equal(body["verdict"], verdict, repr(body))
    return tuple(checks_of(body)[check][name] for name in ("outcome", "code"))


# --- by whose word --------------------------------------------------------------------------------

with case("a container of the bound workload is bound; another than is configured: no passport"):
    made = given("my-app", environment(container=CONTAINER))
    equal(made["passport"]["container"], {**CONTAINER, "source": "bound"})
    equal(outcome(made["passportId"], "supply_chain"), ("pass", "supply_chain.ok"))
    made = given("declared", environment(container=CONTAINER, auditors=[
        {"id": "pii", "digest": IMAGE}]))
    equal(made["passport"]["container"]["source"], "bound")
    equal([(row["id"], row["source"], row["status"]) for row in made["passport"]["auditors"]],
          [("pii", "bound", "inactive")])
    none("container", "declared", environment(container={**CONTAINER, "digest": OTHER}))
    none("auditors", "declared", environment(container=CONTAINER, auditors=[
        {"id": "pii", "digest": OTHER}]))

with case("nothing bound: what is configured is declared, and never green"):
    made = given("declared", environment())
    equal(made["passport"]["container"], {**CONTAINER, "source": "declared"})
    equal([(row["source"], row["status"]) for row in made["passport"]["auditors"]],
          [("declared", "inactive")])
    equal(outcome(made["passportId"], "supply_chain"), ("warn", "supply_chain.declared"))
    equal(outcome(made["passportId"], "auditors")[0], "warn")
    made = given("my-app", environment())
    assert "container" not in made["passport"] and made["passport"]["auditors"] == [], made

with case("a reference set that knows the measurement speaks for container and auditors"):
    made = given("referenced", environment("good"))
    equal(made["passport"]["container"], {**CONTAINER, "source": "reference"})
    equal({row["id"]: row["source"] for row in made["passport"]["auditors"]},
          {"pii": "reference", "tone": "declared"})
    equal(outcome(made["passportId"], "supply_chain"), ("pass", "supply_chain.ok"))

with case("a set of a newer version, or of another register, speaks for nothing"):
    for which in ("newer", "other"):
        made = given(which, environment(which))
        equal(made["passport"]["container"]["source"], "declared", which)

# --- who gets none --------------------------------------------------------------------------------

with case("debug, a denied measurement, a vulnerable one"):
    none("appraisals[0]", "my-app", environment(machine=debugger), says="contraindicated")
    none("appraisals[0]", "denied", environment("denied"), says="contraindicated")
    none("appraisals[0]", "vulnerable", environment("vulnerable"), says="warning")

with case("another policy than the application's; the policy of all that name none was changed"):
    before = environment()
    none("appraisals[0]", "referenced", before, says="policy")
    none("appraisals[0]", "my-app", environment("good"), says="policy")
    service.restart(passport_policy=IDS["good"])
    none("appraisals[0]", "my-app", before, says="policy")
    given("my-app", environment("good"))
    service.restart()
    given("my-app", before)

with case("another audience than the application's; another application in the request"):
    none("appraisals[0]", "heard", environment(), says="audience")
    challenge = service.challenge(audience="https://somebody.example")
    bound = kit_attest.runtime_data(challenge, audience="https://somebody.example")
    given("heard", service.attest_with(agent, challenge, bound)["appraisalId"])
    none("application", "nobody", environment(), code="APPLICATION_UNKNOWN")

with case("a request by another key; appraisals that bind two keys, two containers"):
    stranger = Workload("stranger")
    first, second = environment(), environment(key=stranger)
    none("signature.value", "my-app", first, workload=stranger, code="SIGNATURE_INVALID")
    none("appraisals[1]", "my-app", first, second, says="another key")
    none("appraisals[1]", "my-app", second, first, workload=stranger, says="another key")
    answer = ask("my-app", environment(container=CONTAINER),
                 environment(container={**CONTAINER, "digest": OTHER}))
    equal((answer.status, answer.json()["code"]), (422, "PASSPORT_REFUSED"))
    made = given("my-app", environment(container=CONTAINER), environment(container=CONTAINER))
    equal(len(made["passport"]["appraisals"]), 2)


class Curve:
    """A workload with a key on P-384, whose requests are ES384."""

    def __init__(self):
        self.key = kit_snp.P384("e2e passport")
        x, y = (b64url(part.to_bytes(48, "big")) for part in self.key.point)
        self.jwk = {"crv": "P-384", "kty": "EC", "x": x, "y": y}

    def request(self, appraisal, key=None):
        whole = {"type": "lucid.passport.request/v1", "application": "my-app", "time": now(),
                 "appraisals": [appraisal], "signature": {"algorithm": "ES384"}}
        value = b"".join(part.to_bytes(48, "big")
                         for part in (key or self.key).sign(canonical(whole)))
        return {**whole, "signature": {"algorithm": "ES384", "value": b64(value)}}


with case("a key on P-384 signs requests as well, and nobody else's"):
    curve = Curve()
    appraisal = environment(key=curve)
    problem(service.ask(curve.request(appraisal, kit_snp.P384("another"))), 422,
            "SIGNATURE_INVALID", "signature.value")
    equal(service.ask(curve.request(appraisal)).status, 201)
    none("signature.value", "my-app", appraisal, code="SIGNATURE_INVALID")

with case("an appraisal made with a key that was replaced; passports outlive their own key"):
    before = environment()
    old = given("my-app", environment())
    service.stop()
    kit.run_lucid("plugin", "rotate-key", "verifier", "--data", service.data)
    kit.run_lucid("plugin", "rotate-key", "passport", "--data", service.data)
    service.start()
    none("appraisals[0]", "my-app", before, says="key")
    new = given("my-app", environment())
    assert old["passport"]["signature"]["publicKey"] != new["passport"]["signature"]["publicKey"]
    for made in (old, new):
        equal(outcome(made["passportId"], "key"), ("pass", "key.trusted"))
        assert kit_passport.signed_by(made["passport"], service.keys())

with case("mock that is not allowed any more: none is issued, those that were are invalid"):
    before = environment()
    service.restart(passport_allow_mock="false")
    none("appraisals[0]", "my-app", before, code="MOCK_NOT_ALLOWED", status=403)
    equal(outcome(new["passportId"], "evidence", "invalid"), ("fail", "evidence.mock"))
    equal(service.verify(new["passport"])["valid"], False)
    service.restart()
    equal(outcome(new["passportId"], "evidence"), ("warn", "evidence.mock"))

# --- supply chain ---------------------------------------------------------------------------------


def envelope(name, seed=None, digest=CONTAINER["digest"], source=SOURCE, kind=BUILD_TYPE,
             v02=False):
    """Provenance in DSSE, by that builder; in-toto v1, or v0.1 with SLSA v0.2."""
    subject = [{"name": "app", "digest": {"sha256": digest[7:]}}]
    if v02:
        statement = {"_type": "https://in-toto.io/Statement/v0.1", "subject": subject,
                     "predicateType": "https://slsa.dev/provenance/v0.2",
                     "predicate": {"builder": {"id": name}, "buildType": kind,
                                   "invocation": {"configSource": {"uri": source}}}}
    else:
        statement = {"_type": "https://in-toto.io/Statement/v1", "subject": subject,
                     "predicateType": "https://slsa.dev/provenance/v1",
                     "predicate": {"buildDefinition": {"buildType": kind,
                                                       "externalParameters": {"source": source}},
                                   "runDetails": {"builder": {"id": name}}}}
    body, kind = canonical(statement), b"application/vnd.in-toto+json"
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
    signature = ED25519.sign(seed or BUILDER_SEEDS[name], [pae])[0]
    return {"payload": b64(body), "payloadType": kind.decode(),
            "signatures": [{"sig": b64(bytes.fromhex(signature))}]}


ONE, TWO, PLAIN = BUILDER_SEEDS
LEVELS = (
    (0, []), (0, [envelope(ONE, digest=OTHER)]),
    (1, [envelope(ONE, AUDITOR_SEEDS["pii"])]), (1, [envelope(ONE, BUILDER_SEEDS[TWO])]),
    (1, [envelope("https://nobody.example", BUILDER_SEEDS[ONE])]),
    (2, [envelope(PLAIN)]), (2, [envelope(ONE, source="git+https://git.example/app2@v1")]),
    (2, [envelope(ONE, kind="https://build.example/v2")]),
    (3, [envelope(ONE)]), (3, [envelope(TWO, v02=True)]), (3, [envelope(ONE)] * 2),
    (3, [envelope(ONE), envelope(TWO, digest=OTHER)]),
    (3, [envelope(ONE), envelope(TWO, AUDITOR_SEEDS["pii"])]),
    (4, [envelope(ONE), envelope(TWO)]), (4, [envelope(ONE, v02=True), envelope(TWO)]),
)

with case("levels 0 to 4 of the supply chain; below minSlsaLevel there is none"):
    place = environment(container=CONTAINER)
    for level, envelopes in LEVELS:
        more = {"provenance": envelopes} if envelopes else {}
        for least in range(5):
            if level < least:
                none("provenance", f"level{least}", place, says=f"{level}", **more)
        made = given(f"level{level}", place, **more)
        slsa = made["passport"]["slsa"]
        equal((slsa["level"], slsa["track"]),
              (level, f"SLSA_BUILD_LEVEL_{min(level, 3)}" if level else "none"))
        if level:
            assert slsa["provenanceDigest"] in [
                "sha256:" + hashlib.sha256(canonical(one)).hexdigest() for one in envelopes]
        equal(outcome(made["passportId"], "supply_chain")[0], "pass")
        later(2)  # an id is of application, appraisals and second

with case("a level that is asked for later than a passport was issued"):
    made = given("level1", place, provenance=[envelope(ONE, AUDITOR_SEEDS["pii"])])
    applications = [named("level1", minSlsaLevel=3) if one["metadata"]["name"] == "level1" else one
                    for one in APPLICATIONS]
    service.restart(passport_applications=applications_file(*applications))
    equal(outcome(made["passportId"], "supply_chain", "invalid"), ("fail", "supply_chain.level"))
    service.restart()
    equal(outcome(made["passportId"], "supply_chain")[0], "pass")

# --- auditors, switches ---------------------------------------------------------------------------


def claims(appraisal, auditor, phase, image=IMAGE, **values):
    """The id of an appraisal of an auditor's claims beside that environment."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now()))
    whole = kit_attest.signed({
        "type": "lucid.attestation.claims/v1", "schemaVersion": "1.0",
        "auditor": {"id": auditor, "digest": image}, "phase": phase, "decision": "proceed",
        "issuedAt": at, "claims": [{"name": name, "type": "other", "value": value, "timestamp": at}
                                   for name, value in values.items()]}, AUDITOR_SEEDS[auditor])
    answer = service.post("/v1/attestation/claims", {
        "documents": [whole], "policyId": IDS["rules"], "appraisalId": appraisal},
                          token=service.token)
    equal(answer.status, 201, repr(answer))
    return answer.json()["claimsId"]


with case("auditors: active, failed and silent by their claims; declared ones are never green"):
    place = environment("rules", container=CONTAINER, auditors=[
        {"id": name, "digest": IMAGE} for name in AUDITOR_SEEDS])
    said = {"pii": claims(place, "pii", "request", pii_found=False),
            "tone": claims(place, "tone", "response", toxicity="0.9"),
            "eval": claims(place, "eval", "execution", anything=1)}
    made = given("audited", place, *said.values())
    rows = {row["id"]: row for row in made["passport"]["auditors"]}
    equal({name: (row["status"], row["source"]) for name, row in rows.items()},
          {"pii": ("active", "bound"), "tone": ("failed", "bound"), "eval": ("inactive", "bound"),
           "quiet": ("inactive", "declared")})
    equal({name: rows[name]["claims"] for name in said}, said)
    equal(made["passport"]["appraisals"], [place, *said.values()])
    equal(outcome(made["passportId"], "auditors"), ("warn", "auditors.not_active"))
    none("appraisals[0]", "audited", said["pii"], place, says="first")
    none("appraisals[0]", "audited", said["pii"], says="first")
    elsewhere = environment("rules")
    made = given("audited", elsewhere, said["pii"])
    rows = {row["id"]: row for row in made["passport"]["auditors"]}
    equal(rows["pii"]["source"], "declared", "claims of another environment")

with case("an auditor that is bound and active is green; of another image it is declared"):
    applications = [named("audited", policy=IDS["rules"])] + [
        one for one in APPLICATIONS if one["metadata"]["name"] != "audited"]
    service.restart(passport_applications=applications_file(*applications))
    place = environment("rules", auditors=[{"id": "pii", "digest": IMAGE}])
    for image, source, want in ((IMAGE, "bound", ("pass", "auditors.ok")),
                                (OTHER, "declared", ("warn", "auditors.declared"))):
        made = given("audited", place, claims(place, "pii", "request", image, pii_found=False))
        equal([(row["status"], row["source"]) for row in made["passport"]["auditors"]],
              [("active", source)])
        equal(outcome(made["passportId"], "auditors"), want)
    service.restart()

with case("switches: what is left out stands there as a salted digest that an auditor can open"):
    place = environment("rules", container=CONTAINER, auditors=[{"id": "pii", "digest": IMAGE}])
    said = claims(place, "pii", "request", pii_found=False)
    bright = given("bright", place, said, provenance=[envelope(ONE)])
    dark = given("dark", place, said, provenance=[envelope(ONE)])
    shown, hidden = bright["passport"], dark["passport"]
    assert "omitted" not in shown, shown
    parts = {"tee.attestationQuote": shown["tee"]["attestationQuote"],
             "tee.runtimeData": shown["tee"]["runtimeData"], "container": shown["container"],
             "model": shown["model"],
             "auditors.claims": [{"id": "pii", "claims": shown["auditors"][0]["claims"]}],
             "slsa.provenance": {name: shown["slsa"][name]
                                 for name in ("provenanceUri", "provenanceDigest")}}
    equal(set(hidden["omitted"]), set(parts))
    text = canonical(hidden).decode()
    for piece in (shown["tee"]["attestationQuote"], shown["tee"]["runtimeData"], OTHER, said,
                  CONTAINER["registry"], shown["slsa"]["provenanceUri"]):
        assert piece not in text, piece
    path = f"/v1/passports/{dark['passportId']}/disclosures"
    tokens = {scope: service.post("/v1/tokens", {"name": scope, "scopes": [scope]},
                                  token=service.token).json()["token"]
              for scope in ("read", "audit", "passport")}
    problem(service.get(path), 401, "UNAUTHORIZED")
    for scope in ("read", "passport"):
        equal(service.get(path, token=tokens[scope]).status, 403)
    answer = service.ok(path, token=tokens["audit"])
    opened = answer["disclosures"] if isinstance(answer, dict) else answer
    equal({row["name"]: row["value"] for row in opened}, parts)
    for row in opened:
        salt = base64.b64decode(row["salt"], validate=True)
        equal(len(salt), 16)
        equal(hidden["omitted"][row["name"]],
              "sha256:" + hashlib.sha256(salt + canonical(row["value"])).hexdigest(), row["name"])
    equal(len({row["salt"] for row in opened}), len(opened), "salts")

with case("evidence is given to everybody only where the passport shows it"):
    for made, status in ((bright, 200), (dark, 403)):
        path = f"/v1/passports/{made['passportId']}/evidence"
        equal(service.get(path).status, status)
        equal(service.get(path, token=tokens["audit"]).status, 200)
    equal(service.get(f"/v1/passports/{dark['passportId']}/evidence",
                      token=tokens["read"]).status, 403)
    for made in (bright, dark):
        equal(service.verify(made["passport"])["verdict"], "valid")

# --- whose application ----------------------------------------------------------------------------

with case("only tokens that an application names may act for it"):
    made = [service.post("/v1/tokens", {"name": f"t{i}", "scopes": ["passport"]},
                         token=service.token).json() for i in range(2)]
    owner, other = (one["token"] for one in made)
    owned = named("owned", tokens=[made[0]["id"]], validityDays=1)
    service.settings["passport_applications"] = applications_file(owned, *APPLICATIONS)
    service.restart()
    place = environment()
    none("application", "owned", place, token=other, code="FORBIDDEN", status=403)
    issued = ask("owned", place, token=owner)
    equal(issued.status, 201, repr(issued))
    path = f"/v1/passports/{issued.json()['passportId']}"
    reason = {"reason": "operatorRequest"}
    none("application", "owned", place, token=other, code="FORBIDDEN", status=403,
         path=path + "/renew")
    none("application", "my-app", place, token=owner, code="INVALID_REQUEST",
         path=path + "/renew")
    before = service.size()
    problem(service.ask(reason, other, path + "/revoke"), 403, "FORBIDDEN", "application")
    for scope in ("read", "audit"):
        equal(service.ask(reason, tokens[scope], path + "/revoke").status, 403)
    equal(service.ask(reason, None, path + "/revoke").status, 401)
    equal(service.size(), before)
    equal(service.ask(reason, owner, path + "/revoke").status, 201)
    again = service.ask({"reason": "keyCompromise"}, owner, path + "/revoke")
    equal((again.status, again.json()["reason"]), (200, "operatorRequest"))

with case("names and endpoints of two applications may not be the same: no start"):
    service.stop()
    for second, text in (
            (named("my-app", appName="Another", endpoints=["https://x.example"]), "name"),
            (named("b", appName="THE APPLICATION MY-APP"), "appName"),
            (named("b", endpoints=["https://b.example", "https://my-app.example"]),
             "endpoints[1]")):
        flags = {**service.settings,
                 "passport_applications": applications_file(named("my-app"), second)}
        kit.refuses_to_start(service.data, text, *(part for name, value in flags.items() for part in
                                                   ("--" + name.replace("_", "-"), str(value))))
    service.start()

# --- time -----------------------------------------------------------------------------------------


def status_list():
    answer = service.get("/v1/passports/status")
    equal((answer.status, answer.header("content-type")), (200, "application/jwt"))
    return kit_passport.status_list(answer.body.decode(), service.keys(), now())


with case("an appraisal that is too old for the application, or whose result has expired"):
    place = environment()
    later(61)
    none("appraisals[0]", "aged", place, says="old")
    given("aged", environment())
    later(HOUR)
    none("appraisals[0]", "my-app", place, says="expired")
    none("time", "my-app", environment(), at=now() - 301)

with case("renewal: not before half of the life, then once; both are good for a while"):
    first = given("brief", environment())["passportId"]
    path = f"/v1/passports/{first}/renew"
    none("id", "brief", environment(), path=path, code="TOO_EARLY", status=409)
    later(12 * HOUR + 1)
    answer = ask("brief", environment(), path=path)
    equal(answer.status, 201, repr(answer))
    second = answer.json()
    equal(second["passport"]["supersedes"], first)
    none("id", "brief", environment(), path=path, code="PASSPORT_ENDED", status=409)
    equal(outcome(first, "status"), ("pass", "status.renewed"))
    entry = {row["id"]: row for row in status_list()["superseded"]}[first]
    equal(entry["by"], second["passportId"])
    equal(entry["at"], kit_passport.seconds(second["passport"]["issuedAt"]) + DAY)

with case("renewals of one passport that race: one wins, and the log has one successor"):
    first = given("raced", environment())["passportId"]
    later(12 * HOUR + 1)
    bodies = [request([environment()], application_name="raced", at=now()) for _ in range(6)]
    before = service.size()
    answers = kit.at_once(service, len(bodies), lambda client, number: client.post(
        f"/v1/passports/{first}/renew", bodies[number], token=service.token))
    won = [answer for answer in answers if answer.status == 201]
    equal(len(won), 1, repr(answers))
    for answer in answers:
        if answer.status != 201:
            assert (answer.status, answer.json()["code"]) in (
                (409, "PASSPORT_CONFLICT"), (409, "PASSPORT_ENDED")), answer
    equal(service.size(), before + 1)
    winner = won[0].json()["passportId"]
    shown = service.ok(f"/v1/passports/{first}")
    equal(shown["supersededBy"], winner)
    body = bodies[answers.index(won[0])]
    same = kit.at_once(service, 4, lambda client, number: client.post(
        f"/v1/passports/{first}/renew", body, token=service.token))
    equal({(answer.status, answer.json()["passportId"]) for answer in same}, {(200, winner)})

with case("the same first issue at once: one passport"):
    body = request([environment()], application_name="my-app", at=now())
    before = service.size()
    answers = kit.at_once(service, 4, lambda client, number: client.post(
        "/v1/passports", body, token=service.token))
    equal(sorted(answer.status for answer in answers), [200, 200, 200, 201])
    equal(len({answer.json()["passportId"] for answer in answers}), 1)
    equal(service.size(), before + 1)

with case("after the overlap the old one is superseded; after its end nothing is renewed"):
    service.restart(passport_overlap_seconds=60)
    later(120)
    equal(outcome(first, "status", "invalid"), ("fail", "status.superseded"))
    equal(service.ok(f"/v1/passports/{first}")["status"], "superseded")
    later(13 * HOUR)  # past the end of the first, not of its successor
    equal(service.ok(f"/v1/passports/{first}")["status"], "expired")
    assert first not in {row["id"] for row in status_list()["superseded"]}
    none("id", "raced", environment(), path=f"/v1/passports/{first}/renew",
         code="PASSPORT_ENDED", status=409)
    later(DAY)
    none("id", "raced", environment(), path=f"/v1/passports/{winner}/renew",
         code="PASSPORT_ENDED", status=409)
    equal(outcome(winner, "times", "invalid"), ("fail", "times.expired"))
    given("raced", environment())
    service.restart()

with case("revoked: listed with its reason, not renewed, not good; gone from the list at its end"):
    reasons = ("keyCompromise", "teeRevoked", "tcbBelowPolicy", "measurementDenied",
               "auditorInactive", "superseded", "operatorRequest")
    wanted = {}
    for reason in reasons:
        one = given("brief", environment())["passportId"]
        answer = service.ask({"reason": reason, "comment": "<b>why</b>"},
                             path=f"/v1/passports/{one}/revoke")
        equal((answer.status, answer.json()["status"], answer.json()["reason"]),
              (201, "revoked", reason))
        wanted[one] = reason
        equal(outcome(one, "status", "invalid"), ("fail", "status.revoked"))
        later(1)
    listed = {row["id"]: row["reason"] for row in status_list()["revoked"]}
    equal({one: listed[one] for one in wanted}, wanted)
    later(12 * HOUR + 60)
    none("id", "brief", environment(), path=f"/v1/passports/{one}/renew",
         code="PASSPORT_ENDED", status=409)
    answer = service.get("/.lucid/passport?application=brief")
    equal(answer.status, 410, repr(answer))
    given("brief", environment())
    equal(service.get("/.lucid/passport?application=brief").status, 200)
    later(DAY)
    assert not set(wanted) & {row["id"] for row in status_list()["revoked"]}, "they have expired"
    equal(service.get("/.lucid/passport?application=brief").status, 404)

with case("all of it after a restart, and by the log alone"):
    path = "/v1/passports?limit=100"
    rows = service.ok(path, token=service.token)
    service.stop()
    kit.run_lucid("log", "fsck", "--data", service.data, "--plugins", "verifier,passport",
                  "--plugins-dir", kit_attest.PLUGINS)
    service.start()
    equal(service.ok(path, token=service.token), rows)

service.stop()

# --- real hardware, recorded ----------------------------------------------------------------------

SYNTHETIC = 1740000000  # tests/vectors/attestation/synthetic is good then
REPORT = vector("synthetic/milan-v3-vcek.report.bin")
ROOTS = os.path.join(kit.scratch(), "roots.pem")
with open(ROOTS, "wb") as out:
    out.write(vector("synthetic/root-milan.pem"))
GUESTS = kit_attest.policy("guests", types=("snp",), allowMeasurements=[REPORT[0x90:0xC0].hex()])
recorded = Passports(named("my-app", policy=document(GUESTS), container=CONTAINER),
                     named("loose", container=CONTAINER), test=True, allow_mock=False,
                     verifier_test_roots=ROOTS)
recorded.put("policies", GUESTS)


def appraised(policy_id=None, report=REPORT):
    """The id and status of an appraisal of a recorded report, at a time when it was good."""
    challenge = recorded.challenge(types=("snp",))
    bound = json.loads(kit_attest.runtime_data(challenge))
    more = {"policyId": policy_id} if policy_id else {}
    answer = recorded.appraise(
        challenge, canonical({**bound, "workload": {"container": CONTAINER}}),
        [kit_attest.evidence_of("snp", report, endorsements=[
            b64(vector("synthetic/milan.vcek.der"))])],
        test_time=SYNTHETIC, test_bound_data=report[0x50:0x90].hex(), **more)
    equal(answer.status, 201, repr(answer))
    return answer.json()["appraisalId"], answer.json()["status"]


def collateral(name):
    answer = recorded.post("/v1/attestation/collateral", {
        "type": "snp", "product": "Milan", "item": b64(vector(f"synthetic/{name}.der")),
        "test_time": SYNTHETIC}, token=recorded.token)
    assert answer.status in (200, 201), answer


off = 0
with case("affirming evidence gets a passport; a warning does not, mock or not"):
    unknown, status = appraised()
    equal(status, "warning")
    problem(ask("loose", unknown, to=recorded), 422, "PASSPORT_REFUSED", "appraisals[0]")
    early, status = appraised(document(GUESTS))
    equal(status, "affirming")
    answer = ask("my-app", early, to=recorded)
    equal(answer.status, 201, repr(answer))
    kept = answer.json()
    equal((kept["test"], kept["is_mock"], kept["passport"]["tee"]["type"]),
          (True, False, "AMD_SEV_SNP"))
    equal(kept["passport"]["container"]["source"], "declared", "nothing binds it")
    equal(recorded.verify(kept["passportId"])["verdict"], "valid")

with case("the machine is revoked between appraisal and issue: none, and the earlier ones are bad"):
    before = appraised(document(GUESTS))[0]
    collateral("crl-good")
    equal(ask("my-app", before, to=recorded).status, 201)
    before = appraised(document(GUESTS))[0]
    collateral("crl-leaf")
    size = recorded.size()
    body = problem(ask("my-app", before, to=recorded), 422, "PASSPORT_REFUSED", "appraisals[0]")
    assert "revoked" in body["detail"], body
    equal(recorded.size(), size)
    body = recorded.verify(kept["passportId"])
    equal((body["verdict"], checks_of(body)["evidence"]["code"]),
          ("invalid", "evidence.revoked_since"))


def imported(item, client=recorded.client):
    return client.post("/v1/attestation/collateral", {
        "type": "snp", "product": "Milan", "item": b64(item), "test_time": SYNTHETIC},
                       token=recorded.token)


def current_list():
    rows = recorded.ok("/v1/attestation/collateral", token=recorded.token)["items"]
    return [row["digest"] for row in rows
            if row["current"] and row["key"] == "snp/crl/Milan"]


with case("a revocation is not undone by an older list that is still in its dates"):
    root = kit_snp.Root("Milan")
    indirect = kit_snp.extension("2.5.29.28", kit_snp.seq(kit_snp.tlv(0x84, b"\xff")), True)
    revoked = {"revoked": [(0, root.names["ask"])], "extensions": [indirect]}
    newer = root.crl(number=3, **revoked)
    equal(imported(newer).status, 201)
    equal(imported(newer).status, 200, "the same again")
    size = recorded.ok("/v1/log")
    for older in (vector("synthetic/crl-good.der"), root.crl(number=2),
                  root.crl(number=2, start="20250201000000Z"),
                  root.crl(number=3, start="20241231000000Z"),
                  root.crl(number=None, start="20241231000000Z")):
        body = problem(imported(older), 409, "COLLATERAL_OLDER", "item")
        assert "older" in body["detail"], body
    equal(recorded.ok("/v1/log"), size)
    equal(current_list(), ["sha256:" + hashlib.sha256(newer).hexdigest()])
    equal(appraised(document(GUESTS))[1], "contraindicated")
    equal(checks_of(recorded.verify(kept["passportId"]))["evidence"]["code"],
          "evidence.revoked_since")

with case("two lists at once: the newer one stays, whoever comes first"):
    for number in range(10, 18, 2):
        lists = [root.crl(number=number + i, **revoked) for i in range(2)]
        answers = kit.at_once(recorded, 2, lambda client, i: imported(lists[i], client))
        for answer in answers:
            if answer.status != 201:
                problem(answer, 409, "COLLATERAL_OLDER", "item")
        if answers[1].status != 201:
            equal(imported(lists[1]).status, 201)
        equal(current_list(), ["sha256:" + hashlib.sha256(lists[1]).hexdigest()])

recorded.stop()
debugger.stop()
agent.stop()
kit.done()
