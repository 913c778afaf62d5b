#!/usr/bin/env python3
"""One contract, whatever the evidence: a mock quote and a report of real hardware, and a quote and
a made-up report for a live challenge, go the same way and get answers of the same shape, member by
member. What a scheme says of its own lies in SPECIFIC, and nowhere else. And mock: refused where
nobody allowed it; where it is, never above a warning, and every view of it says so."""

import json
import os
import re

import kit
import kit_attest
import kit_ear
import kit_snp
from kit import equal, problem
from kit_attest import b64, binding, evidence_of, runtime_data, vector
from kit_clock import Clock
from kit_receipts import canonical

MOCK_TIME = 1800000000
REPORT_DATA = slice(0x50, 0x90)
# Where a scheme says what only it knows, and as what. Everything else has one shape.
SPECIFIC = {
    "detail": str,                # a step's facts in words; where there are none, no such member
    "ear_attester_claims": dict,  # what the evidence says
}
# Nor is it of the shape how many there are of these: elements of endorsements (a quote brings its
# certificates inside, a report does not).
COUNTED = ".endorsements[]"


# --- shapes ---------------------------------------------------------------------------------------


def kind(value):
    return {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer",
            type(None): "null", float: "fraction"}[type(value)]


def shape(value, path="", out=None):
    """{path: JSON types that stand there}; elements of an array share one path, and so do members
    whose names are digests (their number is the evidence's business, not that there are some)."""
    out = {} if out is None else out
    if path.endswith(COUNTED):
        equal(kind(value), "string", path)
        return out
    out.setdefault(path, set()).add(kind(value))
    if isinstance(value, dict):
        for name, member in value.items():
            if name in SPECIFIC:
                assert isinstance(member, SPECIFIC[name]) and member, (path, name, member)
                continue
            name = "<digest>" if re.fullmatch("sha256:[0-9a-f]{64}", name) else name
            shape(member, f"{path}.{name}", out)
    if isinstance(value, list):
        for one in value:
            shape(one, path + "[]", out)
    return out


def differences(one, other):
    """What is in one of two shapes, or of another type in the other."""
    mine, theirs = shape(one), shape(other)
    return sorted((path, sorted(mine.get(path, ())), sorted(theirs.get(path, ())))
                  for path in set(mine) | set(theirs) if mine.get(path) != theirs.get(path))


with kit.case("the comparison sees every difference, but in what is a scheme's own"):
    BASE = {"a": [{"b": 1, "c": None}], "detail": "x", "s": {"sha256:" + "0" * 64: "t"}}
    equal(differences(BASE, {"a": [{"b": 7, "c": None}] * 2, "detail": "y",
                             "s": {"sha256:" + "1" * 64: "u", "sha256:" + "2" * 64: "v"}}), [])
    for other in ({**BASE, "a": [{"b": 1}]}, {**BASE, "a": [{"b": "1", "c": None}]},
                  {**BASE, "a": [{"b": 1, "c": None, "d": 0}]}, {**BASE, "a": []},
                  {**BASE, "a": {"b": 1, "c": None}}, {**BASE, "details": "x"},
                  {**BASE, "a": [{"b": 1, "c": None}, {"b": True, "c": None}]},
                  {**BASE, "s": {}}, {**BASE, "more": 1}, {"a": BASE["a"], "detail": "x"}):
        assert differences(BASE, other) and differences(other, BASE), other


# --- the schemes ----------------------------------------------------------------------------------


agent = kit_attest.Agent(measurement="ab" * 48)
debugger = kit_attest.Agent(agent.keys, measurement="ab" * 48, debug=True)
root = kit_snp.Root("Milan")
roots = os.path.join(kit.scratch(), "synthetic.pem")
with open(roots, "w", encoding="ascii") as file:
    file.write(root.pem())
clock = Clock(kit.scratch())
service = kit_attest.Verifier(test=True, roots=(agent.root, kit_attest.MOCK_ROOT), start=False,
                              verifier_test_roots=roots)
service.start(prefix=clock.prefix())
FITTING = service.put("policies", kit_attest.policy("fitting", allowMeasurements=[
    "ab" * 48, json.loads(kit_attest.jws_parts(vector("mock/ok.mock-quote.jws"))[1])["measurement"],
    vector("snp/milan-v2-vcek.report.bin")[0x90:0xC0].hex(),
    kit_snp.stream("measurement Milan", 48).hex()]))


def recorded_mock(name):
    """(evidence, what it binds)"""
    return ({"type": "mock", "evidence": b64(vector(f"mock/{name}.mock-quote.jws").strip())},
            binding(vector("mock/runtime-data.json")) + bytes(16))


def recorded_snp(report, certificate, data=None):
    data = data or vector(f"snp/{report}.report.bin")
    return (evidence_of("snp", data, endorsements=[b64(vector(f"snp/{certificate}.vcek.der"))]),
            data[REPORT_DATA])


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


class MockRecorded:
    kind = "mock"
    best = "warning"

    def evidence(self, which, _data):
        return recorded_mock({"ok": "ok", "debug": "neg-debug", "signature": "neg-bad-signature"}
                             [which])


class SnpRecorded:
    kind = "snp"
    best = "affirming"

    def evidence(self, which, _data):
        if which == "debug":
            return recorded_snp("gosev-milan", "gosev-milan")
        good = vector("snp/milan-v2-vcek.report.bin")
        return recorded_snp(None, "milan-v2-vcek", good if which == "ok" else flipped(good, 0x2a4))


class MockLive:
    kind = "mock"
    best = "warning"

    def evidence(self, which, data):
        quote = (debugger if which == "debug" else agent).quote(data)
        if which == "signature":
            head, body, mark = quote.split(".")
            quote = f"{head}.{body}.{'B' if mark[0] == 'A' else 'A'}{mark[1:]}"
        return {"type": "mock", "evidence": b64(quote.encode())}, None


class SnpSynthetic:
    kind = "snp"
    best = "affirming"
    leaf = root.leaf()

    def evidence(self, which, data):
        policy = 0x3001f | (1 << 19 if which == "debug" else 0)
        report = root.report(3, report_data=data, policy=policy)
        if which == "signature":
            report = flipped(report, 0x2a4)
        return evidence_of("snp", report, endorsements=[b64(self.leaf)]), None


class SnpAgent(SnpSynthetic):
    """The same as the agent of Confidential Containers gives it, certificates inside."""

    def evidence(self, which, data):
        made, _ = super().evidence(which, data)
        return evidence_of("snp", kit_snp.agent_json(kit_attest.base64.b64decode(made["evidence"]),
                                                     VCEK=self.leaf)), None


# --- the suite ------------------------------------------------------------------------------------


def cli(*arguments):
    return kit.lucid("verifier", *arguments, "--url", f"http://127.0.0.1:{service.port}",
                     env={"LUCID_TOKEN": service.token})


def cli_json(*arguments):
    return json.loads(cli(*arguments, "--json")[1])


class Suite:
    """Everything that is asked about one kind of evidence; each answer under its name."""

    later_ms = 0

    def __init__(self, scheme):
        self.scheme, self.said = scheme, {}

    def keep(self, name, answer, status):
        equal(answer.status, status, f"{type(self.scheme).__name__} {name}: {answer!r}")
        body = answer.json()
        self.said[name] = {"status": answer.status, "type": answer.header("content-type"),
                           "body": body}
        return body

    def appraise(self, which, challenge=None, runtime=None, change=lambda evidence: evidence,
                 **more):
        challenge = challenge or service.challenge(types=(self.scheme.kind,))
        runtime = runtime or runtime_data(challenge)
        evidence, bound = self.scheme.evidence(which, binding(runtime))
        if bound is not None:
            more["test_bound_data"] = bound.hex()
        if self.scheme.kind == "mock" and isinstance(self.scheme, MockRecorded):
            more["test_time"] = MOCK_TIME
        return service.appraise(challenge, runtime, [change(evidence)],
                                **{"policyId": FITTING, **more})

    def refused(self, name, step, answer, code="EVIDENCE_REFUSED"):
        body = self.keep(name, answer, 422)
        equal((body["code"], body["param"]), (code, f"evidences[0].{step}"), name)

    def run(self):
        kind_of = self.scheme.kind
        challenge = self.keep("challenge", service.post(
            "/v1/attestation/challenge", {"audience": kit_attest.AUDIENCE, "types": [kind_of]}),
                              200)
        runtime = runtime_data(challenge)
        good = self.keep("ok", self.appraise("ok", challenge, runtime), 201)
        equal(good["status"], self.scheme.best)
        self.keep("used", self.appraise("ok", challenge, runtime), 422)
        debug = self.keep("debug", self.appraise("debug"), 201)
        equal(debug["status"], "contraindicated")
        self.refused("signature", "signature", self.appraise("signature"))
        self.refused("parse", "parse", self.appraise(
            "ok", change=lambda evidence: {**evidence, "evidence": b64(b"\0" * 9)}))
        self.foreign()
        self.requests()
        for name, made in (("ok", good), ("debug", debug)):
            self.read(name, made)
        return self

    def foreign(self):
        """Nonces that are none: of another session, too old, of another audience."""
        one, other = (service.challenge(types=(self.scheme.kind,)) for _ in range(2))
        self.refused("foreign nonce", "freshness", self.appraise("ok", one, runtime_data(other)))
        self.refused("foreign audience", "freshness", self.appraise(
            "ok", one, runtime_data(one, audience="https://other.example")))
        Suite.later_ms += 400 * 1000  # never back: a log's time does not go back either
        clock.set(Suite.later_ms)
        self.refused("stale nonce", "freshness", self.appraise("ok", one, runtime_data(one)))
        evidence, bound = self.scheme.evidence("ok", bytes(48))
        other = {} if bound is None else {"test_bound_data": "11" * 64}
        challenge = service.challenge(types=(self.scheme.kind,))
        more = {"test_time": MOCK_TIME} if isinstance(self.scheme, MockRecorded) else {}
        self.refused("other data", "freshness", service.appraise(
            challenge, runtime_data(challenge), [evidence], policyId=FITTING, **more, **other))

    def requests(self):
        for name, status, change, more in (
                ("unknown member", 422, lambda e: {**e, "cert": 1}, {}),
                ("no text", 422, lambda e: {**e, "evidence": 7}, {}),
                ("no policy", 422, lambda e: e, {"policyId": "sha256:" + "0" * 64}),
                ("no token", 401, lambda e: e, {"token": None})):
            self.keep(name, self.appraise("ok", change=change, **more), status)

    def read(self, name, made):
        path = "/v1/attestation/appraisals/" + made["appraisalId"]
        claims = service.result(made["ear"])
        kit_ear.check(claims)
        self.said[f"{name}: ear"] = claims
        self.said[f"{name}: ear's header"] = kit_attest.jws_parts(made["ear"])[0]
        self.covered(path)
        for what, where in (("read", path), ("bundle", path + "?bundle=1")):
            self.keep(f"{name}: {what}", service.get(where, token=service.token), 200)
        bundle = self.said[f"{name}: bundle"]["body"]
        rows = [service.ok("/v1/attestation/appraisals?limit=50", token=service.token),
                cli_json("list", "--limit", "50")]
        for what, page in zip(("row", "lucid list"), rows):
            self.said[f"{name}: {what}"] = [row for row in page["items"]
                                            if row["appraisalId"] == made["appraisalId"]][0]
        for what, body in (("by id", {"appraisalId": made["appraisalId"]}),
                           ("by bundle", {"bundle": bundle})):
            report = self.keep(f"{name}: replay {what}", service.post(
                "/v1/attestation/replay", body, token=service.token), 200)
            equal((report["outcome"], report["differences"]), ("same", []))
        later = {**bundle, "record": {**bundle["record"], "received":
                                      bundle["record"]["received"] + 1}}
        report = self.keep(f"{name}: replay of a change", service.post(
            "/v1/attestation/replay", {"bundle": later}, token=service.token), 200)
        assert report["outcome"] != "same", report
        for command in ("show", "explain"):
            self.said[f"{name}: lucid {command}"] = cli_json(command, made["appraisalId"])

    @staticmethod
    def covered(path):
        kit.wait_for(lambda: service.ok(path, token=service.token)["proof"] is not None,
                     what="a head that covers it")


suites = {}
for scheme_class in (MockRecorded, SnpRecorded, MockLive, SnpSynthetic, SnpAgent):
    with kit.case(f"the suite with {scheme_class.__name__}"):
        suites[scheme_class] = Suite(scheme_class()).run()

for pair in ((MockRecorded, SnpRecorded), (MockLive, SnpSynthetic),
             (MockLive, SnpAgent)):
    with kit.case("same shapes: " + " and ".join(one.__name__ for one in pair)):
        mine, theirs = (suites[one].said for one in pair)
        equal(list(mine), list(theirs))
        assert len(mine) > 25, list(mine)
        found = {name: differences(mine[name], theirs[name]) for name in mine}
        equal({name: what for name, what in found.items() if what}, {}, "differences")

with kit.case("same members with and without what stands in for a challenge"):
    mine, theirs = (suites[one].said for one in (SnpRecorded, SnpSynthetic))
    found = {name: differences(mine[name], theirs[name]) for name in mine}
    # A recorded report answers no challenge of ours: its result names neither nonce nor key.
    equal({path.removeprefix(".body") for what in found.values() for path, _, _ in what},
          {".record.testBoundData", ".lucid.appraisal.binding.otherData[]",
           ".lucid.appraisal.binding.sameChallenge[]",
           *(".submods.cpu0." + name for name in (
               "eat_nonce", "ear_veraison_key_attestation",
               "ear_veraison_key_attestation.akpub"))})

with kit.case("a recorded report as the agent of Confidential Containers gives it"):
    report = vector("snp/milan-v2-vcek.report.bin")
    told = vector("snp-coco/milan-v2-vcek.json")
    mine = json.loads(kit_snp.agent_json(report, VCEK=vector("snp/milan-v2-vcek.vcek.der")))
    theirs = json.loads(told)
    equal((mine["attestation_report"], mine["cert_chain"][0]),
          (theirs["attestation_report"], theirs["cert_chain"][2]))
    challenge = service.challenge(types=("snp",))
    answer = service.appraise(challenge, runtime_data(challenge), [evidence_of("snp", told)],
                              policyId=FITTING, test_bound_data=report[REPORT_DATA].hex())
    equal((answer.status, answer.json()["status"]), (201, "affirming"), repr(answer))
    answer = service.post("/v1/attestation/replay",
                          {"appraisalId": answer.json()["appraisalId"]}, token=service.token)
    equal(answer.json()["outcome"], "same", repr(answer))

# --- mock -----------------------------------------------------------------------------------------


def mock_said(name, value):
    """What it says of mock, in a member of its own or (explain) in words."""
    if name.endswith("explain"):
        return "(mock: no hardware stands behind it)" in value["text"]
    words = set(re.findall(r'"(?:is_)?mock":(true|false)', canonical(value).decode()))
    assert len(words) == 1, (name, value)
    return words == {"true"}


with kit.case("every view of a mock appraisal says mock, and none of another"):
    VIEWS = ("ok", "debug", "signature", "parse", "foreign nonce", "foreign audience",
             "stale nonce", "other data",
             *(f"{name}: {what}" for name in ("ok", "debug") for what in (
                 "ear", "read", "bundle", "row", "replay by id", "replay by bundle",
                 "replay of a change", "lucid show", "lucid explain", "lucid list")))
    for scheme_class, suite in suites.items():
        for name in VIEWS:
            equal(mock_said(name, suite.said[name]), scheme_class.kind == "mock", name)
    for appraisal, word in ((suites[MockLive], True), (suites[SnpSynthetic], False)):
        made = appraisal.said["ok"]["body"]["appraisalId"]
        said = [cli(command, made)[1].decode() for command in ("show", "explain")]
        equal([re.search(r"\bmock +true\b", said[0]) is not None, "(mock: no hard" in said[1]],
              [word, word], str(said))
    line = [line for line in cli("list", "--limit", "50")[1].decode().splitlines()
            if suites[MockLive].said["ok"]["body"]["appraisalId"][:12] in line]
    assert len(line) == 1 and "mock" in line[0], line
    equal(service.ok("/.well-known/lucid-verifier")["allow_mock"], True)

with kit.case("no policy lifts mock above a warning"):
    for more in ({}, {"acceptedStatus": ["UpToDate", "OutOfDate"]}, {"enrolment": [
            json.loads(kit_attest.jws_parts(agent.quote(b""))[1])["instanceId"]]}):
        answer = Suite(MockLive()).appraise("ok", policyId=service.put(
            "policies", kit_attest.policy("kind", allowMeasurements=["ab" * 48], **more)))
        equal((answer.status, answer.json()["status"]), (201, "warning"), repr(answer))
        mod = service.result(answer.json()["ear"])["submods"]["cpu0"]
        equal((mod["ear_status"], mod["ear_trustworthiness_vector"]["hardware"]), ("warning", 32))

service.stop()

with kit.case("mock is refused by a store with defaults, before anything is logged"):
    service = kit_attest.Verifier(allow_mock=False)
    challenge = service.challenge(types=("mock",))
    equal(challenge["types"], [])
    runtime = runtime_data(challenge)
    good, _ = MockLive().evidence("ok", binding(runtime))
    body = problem(service.appraise(challenge, runtime, [good]), 422, "EVIDENCE_REFUSED",
                   "evidences[0].parse")
    equal((body["step"], body["steps"][0]["code"], body["mock"]),
          ("parse", "parse.mock_not_allowed", True))
    equal((service.size(), service.ok("/.well-known/lucid-verifier")["types"]), (0, ["snp"]))
    service.stop()

for one in (agent, debugger):
    one.stop()
kit.done()
