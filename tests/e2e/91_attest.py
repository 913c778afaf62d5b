#!/usr/bin/env python3
"""Evidence through the HTTP API: every recorded SNP report and mock quote ends where it must, on a
test store; a production store takes none of what stands in for a challenge. Nonces, audiences,
flipped bits, truncation, swapped certificates, bundles, proofs."""

import hashlib
import json
import os

import kit
import kit_attest
import kit_tree
from kit import equal, problem
from kit_attest import b64, binding, evidence_of, runtime_data, vector
from kit_clock import Clock
from kit_receipts import canonical

MOCK_TIME = 1800000000  # 2027-01-15: the mock certificates are good
VLEK_TIME = 1740000000  # 2025-02-19: the VLEK of the samples is
NEWER_TIME = 1775000000  # 2026-03-31: the VCEKs of 2026 are
REPORT_DATA = slice(0x50, 0x90)
MEASUREMENT = slice(0x90, 0xC0)
SIGNED_BYTES = 0x2A0


def synthetic_roots():
    """One PEM file with the roots of all products."""
    path = os.path.join(kit.scratch(), "roots.pem")
    with open(path, "wb") as file:
        for product in ("milan", "genoa", "turin"):
            file.write(vector(f"synthetic/root-{product}.pem"))
    return path


service = kit_attest.Verifier(test=True, roots=(kit_attest.MOCK_ROOT,),
                              verifier_test_roots=synthetic_roots())
measured = [vector(f"snp/{name}.report.bin")[MEASUREMENT].hex()
            for name in ("milan-v2-vcek", "gosev-milan", "v3-vlek", "turin-v5-vcek")]
FITTING = service.put("policies", kit_attest.policy("fitting", allowMeasurements=measured))


def endorsement(name):
    data = vector(name)
    return data.decode() if data.startswith(b"-----BEGIN") else b64(data)


def recorded(report, certificates=(), to=None, policy=FITTING, challenge=None, bound=None, **more):
    """The answer to a recorded report, whose report data stand for the binding."""
    to = to or service
    challenge = challenge or to.challenge(types=("snp",))
    data = report if isinstance(report, bytes) else vector(report)
    evidence = evidence_of("snp", data)
    if certificates:
        evidence["endorsements"] = [endorsement(name) for name in certificates]
    if policy:
        more["policyId"] = policy
    return to.appraise(challenge, runtime_data(challenge), [evidence],
                       test_bound_data=(bound or data[REPORT_DATA]).hex(), **more)


def quoted(name, to=None, token="", **more):
    """The answer to a recorded mock quote."""
    to = to or service
    challenge = to.challenge()
    runtime = runtime_data(challenge)
    bound = binding(vector("mock/runtime-data.json")) + bytes(16)
    return to.appraise(challenge, runtime,
                       [{"type": "mock", "evidence": vector(name).decode().strip()}], token=token,
                       **{"test_time": MOCK_TIME, "test_bound_data": bound.hex(), **more})


def steps_of(answer):
    return {step["step"]: step for step in answer["steps"]}


def appraised(answer, status, fails=None):
    """Logged with that status; fails: the one step that failed. The answer's body."""
    equal(answer.status, 201, repr(answer))
    body = answer.json()
    equal((body["status"], body["test"]), (status, True))
    failed = [step["step"] for step in body["steps"] if step["outcome"] == "fail"]
    equal(failed, [fails] if fails else [], "failed steps")
    equal(service.result(body["ear"])["ear_status"], status)
    return body


def refused(answer, step):
    """422 at that step, the earlier ones passed, the later ones not reached."""
    equal(answer.status, 422, repr(answer))
    body = problem(answer, 422, "EVIDENCE_REFUSED", f"evidences[0].{step}")
    equal(body["step"], step)
    outcomes = [item["outcome"] for item in body["steps"]]
    at = [item["step"] for item in body["steps"]].index(step)
    equal((outcomes[:at], outcomes[at], set(outcomes[at + 1:])), (["pass"] * at, "fail",
                                                                   {"skipped"}))
    return body


# --- recorded evidence ----------------------------------------------------------------------------

with kit.case("a good SNP report is affirming with a fitting policy"):
    good = appraised(recorded("snp/milan-v2-vcek.report.bin", ["snp/milan-v2-vcek.vcek.der"]),
                     "affirming")
    equal(good["mock"], False)
    vectors = service.result(good["ear"])["submods"]["cpu0"]["ear_trustworthiness_vector"]
    equal((vectors["hardware"], vectors["configuration"], vectors["executables"]), (2, 3, 3))

with kit.case("the default policy knows no measurement: a warning"):
    body = appraised(recorded("snp/milan-v2-vcek.report.bin", ["snp/milan-v2-vcek.vcek.der"],
                              policy=None), "warning")
    equal(steps_of(body)["measurement"]["outcome"], "skipped")

with kit.case("a policy that asks for report version 3 contraindicates version 2"):
    strict = service.put("policies", kit_attest.policy(
        "v3", allowMeasurements=measured, config={"reportVersionMin": 3}))
    appraised(recorded("snp/milan-v2-vcek.report.bin", ["snp/milan-v2-vcek.vcek.der"],
                       policy=strict), "contraindicated", "configuration")

with kit.case("debug is contraindicated"):
    body = appraised(recorded("snp/gosev-milan.report.bin", ["snp/gosev-milan.vcek.der"]),
                     "contraindicated", "configuration")
    vectors = service.result(body["ear"])["submods"]["cpu0"]["ear_trustworthiness_vector"]
    equal(vectors["configuration"], 96)

with kit.case("a VLEK in its time; VMPL 1 is not what the policy allows"):
    appraised(recorded("snp/v3-vlek.report.bin", ["snp/v3-vlek.vlek.der"], test_time=VLEK_TIME),
              "contraindicated", "configuration")
    vmpl = service.put("policies", kit_attest.policy(
        "vmpl", allowMeasurements=measured, config={"vmplMax": 1}))
    appraised(recorded("snp/v3-vlek.report.bin", ["snp/v3-vlek.vlek.der"], test_time=VLEK_TIME,
                       policy=vmpl), "affirming")

with kit.case("the same VLEK now: expired, refused at the chain"):
    body = refused(recorded("snp/v3-vlek.report.bin", ["snp/v3-vlek.vlek.der"]), "chain")
    equal(steps_of(body)["chain"]["code"], "chain.expired")

with kit.case("reports of Azure with their own certificates"):
    for name, certificate in (("azure-milan", "vcek.pem"), ("azure-genoa", "vcek-genoa.pem")):
        answer = recorded(f"snp-azure-vtpm/{name}.report.bin",
                          [f"snp-azure-vtpm/{certificate}"], policy=None)
        equal(answer.status, 201, repr(answer))

with kit.case("reports of machines of 2026: Milan, Genoa, Zen 4c, Turin"):
    NEWER = {"milan-v3-vcek": "pem", "genoa-v3-vcek": "pem", "zen4c-v5-vcek": "der",
             "turin-v5-vcek": "pem"}
    for name, form in NEWER.items():
        body = appraised(recorded(f"snp/{name}.report.bin", [f"snp/{name}.vcek.{form}"],
                                  test_time=NEWER_TIME),
                         "affirming" if name == "turin-v5-vcek" else "warning",
                         None if name == "turin-v5-vcek" else "measurement")
        equal((steps_of(body)["chain"]["code"], steps_of(body)["configuration"]["code"]),
              ("chain.ok", "configuration.ok"), name)
        for other, form_of_other in NEWER.items():
            if other != name:
                refused(recorded(f"snp/{name}.report.bin", [f"snp/{other}.vcek.{form_of_other}"],
                                 test_time=NEWER_TIME), "chain")

with kit.case("swapped and missing certificates are refused at the chain"):
    for certificates in (["snp/gosev-milan.vcek.der"], ["snp/neg-vcek-invalid-new.der"],
                         ["snp/v3-vlek.vlek.der"], ["snp/virtee-turin.vcek.der"],
                         ["snp/virtee-milan-ask.pem"], []):
        refused(recorded("snp/milan-v2-vcek.report.bin", certificates), "chain")
    refused(recorded("snp-azure-vtpm/azure-milan.report.bin", ["snp-azure-vtpm/vcek-genoa.pem"]),
            "chain")

with kit.case("synthetic reports of versions 2 to 5, marked as of a test root"):
    for name in ("milan-v2-vcek", "milan-v3-vcek", "milan-v3-vlek", "milan-v5-vcek",
                 "genoa-v3-vcek", "genoa-v4-vcek", "genoa-v5-vlek", "turin-v3-vcek",
                 "turin-v4-vlek", "turin-v5-vcek"):
        product, _, key = name.split("-")
        answer = recorded(f"synthetic/{name}.report.bin", [f"synthetic/{product}.{key}.der"],
                          policy=None)
        equal(answer.status, 201, f"{name}: {answer!r}")
        equal(steps_of(answer.json())["chain"]["code"], "chain.test_root", name)

with kit.case("flipped bits of the signed area are refused"):
    report = vector("snp/milan-v2-vcek.report.bin")
    challenge = service.challenge(types=("snp",))
    for bit in range(3, SIGNED_BYTES * 8, 167):
        flipped = bytearray(report)
        flipped[bit // 8] ^= 1 << bit % 8
        answer = recorded(bytes(flipped), ["snp/milan-v2-vcek.vcek.der"], challenge=challenge,
                          bound=report[REPORT_DATA])
        problem(answer, 422, "EVIDENCE_REFUSED", answer.json()["param"])
        assert answer.json()["step"] in ("parse", "chain", "signature"), answer

with kit.case("truncated reports are refused; none of that used the nonce up"):
    for length in [1, 8, 100, 671, 672, 1183]:
        refused(recorded(report[:length], ["snp/milan-v2-vcek.vcek.der"], challenge=challenge,
                         bound=report[REPORT_DATA]), "parse")
    refused(recorded(report + b"\0", ["snp/milan-v2-vcek.vcek.der"], challenge=challenge,
                     bound=report[REPORT_DATA]), "parse")
    appraised(recorded(report, ["snp/milan-v2-vcek.vcek.der"], challenge=challenge), "affirming")

with kit.case("mock quotes: good is a warning, debug contraindicated, a bad signature refused"):
    body = appraised(quoted("mock/ok.mock-quote.jws"), "warning")
    equal((body["mock"], service.result(body["ear"])["lucid.appraisal"]["is_mock"]), (True, True))
    body = appraised(quoted("mock/neg-debug.mock-quote.jws"), "contraindicated", "configuration")
    equal(body["mock"], True)
    body = refused(quoted("mock/neg-bad-signature.mock-quote.jws"), "signature")
    equal(body["mock"], True)

with kit.case("a good quote that binds other runtime data is refused at freshness"):
    refused(quoted("mock/ok.mock-quote.jws",
                   test_bound_data=(binding(b"{}") + bytes(16)).hex()), "freshness")

with kit.case("no policy lifts mock above a warning"):
    friendly = service.put("policies", kit_attest.policy(
        "friendly", allowMeasurements=["43d3a1f772bb99b83b6a7edf7364472086f0ba85a1c9ac669e4e258efb"
                                       "88fa4f26827fb41443cbf89987e993d71ba2d8"]))
    appraised(quoted("mock/ok.mock-quote.jws", policyId=friendly), "warning")

with kit.case("several evidences: one submodule each, the worst of them is the status"):
    report = vector("snp/milan-v2-vcek.report.bin")
    one = evidence_of("snp", report, endorsements=[endorsement("snp/milan-v2-vcek.vcek.der")])
    debug = evidence_of("snp", vector("snp/gosev-milan.report.bin"), name="other",
                        endorsements=[endorsement("snp/gosev-milan.vcek.der")])

    def together(*evidences, **more):
        challenge = service.challenge(types=("snp",))
        return service.appraise(challenge, runtime_data(challenge), list(evidences),
                                policyId=FITTING, test_bound_data=report[REPORT_DATA].hex(), **more)
    body = together(one, {**one, "name": "gpu-host"})
    equal(body.status, 201, repr(body))
    claims = json.loads(kit_attest.jws_parts(body.json()["ear"])[1])
    equal((sorted(claims["submods"]), claims["ear_status"]), (["cpu0", "gpu-host"], "affirming"))
    problem(together(one, debug), 422, "EVIDENCE_REFUSED", "evidences[1].freshness")
    problem(together(one, {**one, "name": "cpu0"}), 422, "INVALID_EVIDENCE", "evidences[1].name")
    equal(together(*[one] * 16).status, 201)
    problem(together(*[one] * 17), 422, "INVALID_REQUEST", "evidences")
    report = vector("snp/turin-v5-vcek.report.bin")  # a version with more to tell
    newer = evidence_of("snp", report, endorsements=[endorsement("snp/turin-v5-vcek.vcek.pem")])
    sixteen = together(*[newer] * 16, test_time=NEWER_TIME)
    equal(sixteen.status, 201, repr(sixteen)[:1000])

# --- challenges -----------------------------------------------------------------------------------

agent = kit_attest.Agent()
live = kit_attest.Verifier(roots=(agent.root,))  # a production store

with kit.case("live: challenge, quote, appraisal on a production store"):
    first = live.attest(agent)
    equal((first["status"], first["mock"], first["test"]), ("warning", True, False))
    claims = live.result(first["ear"])
    equal(claims["lucid.appraisal"]["session"]["audience"], kit_attest.AUDIENCE)

with kit.case("a nonce is good once, also for the same request"):
    challenge = live.challenge()
    runtime = runtime_data(challenge)
    evidence = [evidence_of("mock", agent.evidence(binding(runtime)))]
    made = live.appraise(challenge, runtime, evidence)
    equal(made.status, 201)
    found = problem(live.appraise(challenge, runtime, evidence), 422, "NONCE_USED", "sessionId")
    fresh = [evidence_of("mock", agent.evidence(binding(runtime)))]
    problem(live.appraise(challenge, runtime, fresh), 422, "NONCE_USED", "sessionId")
    equal((found["step"], found["appraisalId"]), ("freshness", made.json()["appraisalId"]))
    equal(live.ok("/v1/attestation/appraisals/" + found["appraisalId"], token=live.token)["ear"],
          made.json()["ear"])
    live.restart()
    problem(live.appraise(challenge, runtime, evidence), 422, "NONCE_USED", "sessionId")

with kit.case("a nonce of another session, audience or service is none"):
    challenge, other = live.challenge(), live.challenge()
    runtime = runtime_data(other)
    answer = live.appraise(challenge, runtime, [evidence_of("mock",
                                                            agent.evidence(binding(runtime)))])
    problem(answer, 422, "EVIDENCE_REFUSED", "evidences[0].freshness")
    runtime = runtime_data(challenge, audience="https://other.example")
    answer = live.appraise(challenge, runtime, [evidence_of("mock",
                                                            agent.evidence(binding(runtime)))])
    equal(problem(answer, 422, "EVIDENCE_REFUSED", "evidences[0].freshness")["step"], "freshness")
    foreign = service.challenge()
    runtime = runtime_data(foreign)
    answer = live.appraise(foreign, runtime, [evidence_of("mock",
                                                          agent.evidence(binding(runtime)))])
    found = problem(answer, 422, "CHALLENGE_UNKNOWN", "sessionId")
    equal((found["step"], "appraisalId" in found), ("freshness", False))

with kit.case("two at once with one nonce: one is appraised"):
    challenge = live.challenge()
    runtime = runtime_data(challenge)
    body = {"sessionId": challenge["sessionId"], "runtimeData": b64(runtime),
            "evidences": [evidence_of("mock", agent.evidence(binding(runtime)))]}
    answers = kit.at_once(live, 4, lambda client, number: client.post(
        "/v1/attestation/appraise", body, token=live.token))
    equal(sorted(answer.status for answer in answers), [201, 422, 422, 422])

with kit.case("what stands in for a challenge is refused on a production store"):
    challenge = live.challenge()
    runtime = runtime_data(challenge)
    evidence = [{"type": "mock", "evidence": vector("mock/ok.mock-quote.jws").decode().strip()}]
    for member, value in (("test_time", MOCK_TIME), ("test_bound_data", "00" * 64)):
        problem(live.appraise(challenge, runtime, evidence, **{member: value}), 422, "TEST_ONLY",
                member)
    for name in ("milan-v2-vcek", "gosev-milan"):
        answer = live.appraise(challenge, runtime,
                               [evidence_of("snp", vector(f"snp/{name}.report.bin"),
                                            endorsements=[endorsement(f"snp/{name}.vcek.der")])])
        problem(answer, 422, "EVIDENCE_REFUSED", "evidences[0].freshness")

with kit.case("a stale answer is refused at freshness"):
    clock = Clock(kit.scratch())
    slow = kit_attest.Verifier(roots=(agent.root,), start=False)
    slow.start(prefix=clock.prefix())
    challenge = slow.challenge()
    runtime = runtime_data(challenge)
    evidence = [evidence_of("mock", agent.evidence(binding(runtime)))]
    clock.set(320 * 1000)
    problem(slow.appraise(challenge, runtime, evidence), 422, "EVIDENCE_REFUSED",
            "evidences[0].freshness")
    slow.stop()

with kit.case("mock is refused by default"):
    closed = kit_attest.Verifier(allow_mock=False)
    challenge = closed.challenge(types=("snp", "mock"))
    equal(challenge["types"], ["snp"])
    runtime = runtime_data(challenge)
    answer = closed.appraise(challenge, runtime,
                             [evidence_of("mock", agent.evidence(binding(runtime)))])
    refused(answer, "parse")
    equal(steps_of(answer.json())["parse"]["code"], "parse.mock_not_allowed")
    about = closed.ok("/.well-known/lucid-verifier")
    equal((about["types"], about["allow_mock"], about["test"]), (["snp"], False, False))
    equal(closed.size(), 0)
    closed.stop()

# --- requests -------------------------------------------------------------------------------------

with kit.case("a request's faults are named"):
    challenge = live.challenge()
    whole = {"sessionId": challenge["sessionId"], "runtimeData": b64(runtime_data(challenge)),
             "evidences": [{"type": "mock", "evidence": "a.b.c"}]}
    for change, status, code, param in (
            ({"sessionid": "x"}, 422, "INVALID_REQUEST", "sessionid"),
            ({"sessionId": 7}, 422, "INVALID_REQUEST", "sessionId"),
            ({"evidences": []}, 422, "INVALID_REQUEST", "evidences"),
            ({"evidences": [{"type": "sgx", "evidence": "AA=="}]}, 422, "EVIDENCE_REFUSED",
             "evidences[0].parse"),
            ({"evidences": [{"type": "mock", "evidence": "A"}]}, 422, "EVIDENCE_REFUSED",
             "evidences[0].parse"),
            ({"evidences": [{"type": "mock", "evidence": "AA==", "cert": 1}]}, 422,
             "INVALID_REQUEST", "evidences[0].cert"),
            ({"runtimeData": {"nonce": "x"}}, 422, "INVALID_RUNTIME_DATA", None),
            ({"policyId": "sha256:" + "0" * 64}, 422, "POLICY_UNKNOWN", "policyId"),
            ({"policyId": "strict"}, 422, "INVALID_REQUEST", "policyId")):
        answer = live.post("/v1/attestation/appraise", {**whole, **change}, token=live.token)
        equal((answer.status, answer.json()["code"]), (status, code), repr(answer))
        if param:
            equal(answer.json()["param"], param)
    problem(live.post("/v1/attestation/appraise", "{", token=live.token), 400, "INVALID_JSON")
    answer = live.post("/v1/attestation/appraise", whole)
    problem(answer, 401, "UNAUTHORIZED")

with kit.case("runtime data as an object are bound by their canonical form"):
    challenge = live.challenge()
    members = {"workload": {"auditors": []}, "nonce": challenge["nonce"],
               "audience": kit_attest.AUDIENCE, "publicKey": kit_attest.Workload().jwk}
    answer = live.post("/v1/attestation/appraise", {
        "sessionId": challenge["sessionId"], "runtimeData": members, "evidences": [
            evidence_of("mock", agent.evidence(binding(canonical(members))))]}, token=live.token)
    equal(answer.status, 201, repr(answer))

with kit.case("kinds by the names that others give them; one certificate as text"):
    report = vector("snp/milan-v2-vcek.report.bin")
    for kind in ("snp", "SNP", "SEV-SNP", "sev_snp", "AMD_SEV_SNP"):
        challenge = service.challenge(types=(kind, "tdx"))
        equal(challenge["types"], ["snp"])
        evidence = evidence_of(kind, report, endorsements=endorsement("snp/milan-v2-vcek.vcek.der"))
        body = appraised(service.appraise(
            challenge, runtime_data(challenge), [evidence], policyId=FITTING,
            test_bound_data=report[REPORT_DATA].hex()), "affirming")
        equal({step["type"] for step in body["steps"]}, {"snp"})
        record = service.ok(f"/v1/attestation/appraisals/{body['appraisalId']}",
                            token=service.token)["record"]
        equal(record["evidences"][0]["type"], "snp")
    challenge = live.challenge(types=("MOCK",))
    equal(challenge["types"], ["mock"])
    runtime = runtime_data(challenge)
    answer = live.appraise(challenge, runtime,
                           [evidence_of("MOCK", agent.evidence(binding(runtime)))])
    equal(answer.status, 201, repr(answer))

# --- reading --------------------------------------------------------------------------------------

with kit.case("an appraisal's entry is in the log, and its proof holds"):
    head = live.covered(1)
    one = live.ok(f"/v1/attestation/appraisals/{first['appraisalId']}", token=live.token)
    equal(hashlib.sha256(canonical(one["record"])).hexdigest(), first["appraisalId"])
    entry = bytes.fromhex(one["proof"]["entry"])
    equal(entry[:32].hex(), first["appraisalId"])
    proof = one["proof"]
    head = live.checkpoint(proof["checkpoint"])
    assert kit_tree.inclusion_holds(proof["leaf_index"], head.size, kit_tree.leaf_hash(entry),
                                    kit_tree.unhex(proof["path"]), head.root), proof
    equal(one["record"]["ear"], "sha256:" + hashlib.sha256(first["ear"].encode()).hexdigest())

with kit.case("every view of a mock appraisal says mock"):
    rows = live.ok("/v1/attestation/appraisals?limit=2", token=live.token)
    for row in rows["items"]:
        one = live.ok("/v1/attestation/appraisals/" + row["appraisalId"], token=live.token)
        equal(row["time"], kit_attest.rfc3339(one["record"]["time"]))
    equal([row["mock"] for row in rows["items"]], [True, True])
    more = live.ok(f"/v1/attestation/appraisals?cursor={rows['next_cursor']}", token=live.token)
    equal(len(rows["items"]) + len(more["items"]), live.size())
    equal({row["types"][0] for row in more["items"]}, {"mock"})
    equal((one["mock"], one["record"]["mock"]), (True, True))

with kit.case("lists: in the order of the log, or the newest first, page by page"):
    for path in ("appraisals", "policies"):
        path = "/v1/attestation/" + path
        rows = live.walk(path, page=1)
        sequences = [row["sequence"] for row in rows]
        equal((sequences, len(sequences)), (sorted(set(sequences)), len(rows)))
        for page in (1, 2, 1000):
            equal(live.walk(path, "order=asc", page), rows)
            equal(live.walk(path, "order=desc", page), rows[::-1])
    rows = live.walk("/v1/attestation/appraisals")
    assert len(rows) > 3, rows
    for order in ("", "DESC", "newest", "asc,desc"):
        problem(live.get("/v1/attestation/appraisals?order=" + order, token=live.token), 400,
                "INVALID_PARAMETER", "order")
    # A cursor taken to the other order: back from its place.
    third = live.ok("/v1/attestation/appraisals?limit=3", token=live.token)["next_cursor"]
    equal(live.ok(f"/v1/attestation/appraisals?order=desc&cursor={third}",
                  token=live.token)["items"], rows[1::-1])

with kit.case("bundles need the scope audit; reading needs a scope"):
    made = {scope: live.post("/v1/tokens", {"name": scope, "scopes": [scope]},
                             token=live.token).json()["token"] for scope in ("read", "audit")}
    path = f"/v1/attestation/appraisals/{first['appraisalId']}"
    problem(live.get(path), 401, "UNAUTHORIZED")
    equal(live.get(path, token=made["read"]).status, 200)
    problem(live.get(path + "?bundle=1", token=made["read"]), 403, "FORBIDDEN", "bundle")
    bundle = live.ok(path + "?bundle=1", token=made["audit"])
    for digest, text in bundle["blobs"].items():
        data = kit_attest.base64.b64decode(text, validate=True)
        equal("sha256:" + hashlib.sha256(data).hexdigest(), digest)
    problem(live.get(path[:-1] + "x", token=live.token), 404, "NOT_FOUND")

with kit.case("documents: signed, by a known key, idempotent, readable"):
    document = kit_attest.policy("documents", types=["snp"])
    policy_id = live.put("policies", document)
    equal(live.put("policies", document), policy_id)
    got = live.ok(f"/v1/attestation/policies/{policy_id}")
    equal(kit_attest.document_id(got["document"]), policy_id)
    equal([row["id"] for row in live.ok("/v1/attestation/policies")["items"]], [policy_id])
    stranger = kit_attest.signed(document, hashlib.sha256(b"stranger").digest())
    answer = live.client.request("PUT", "/v1/attestation/policies", canonical(stranger),
                                 token=live.token)
    problem(answer, 403, "DOCUMENT_KEY_UNKNOWN", "signature.publicKey")
    broken = {**got["document"], "name": "other"}
    answer = live.client.request("PUT", "/v1/attestation/policies", canonical(broken),
                                 token=live.token)
    equal(answer.json()["code"], "SIGNATURE_INVALID", repr(answer))
    built_in = live.ok("/.well-known/lucid-verifier")["default_policy"]
    equal(live.ok(f"/v1/attestation/policies/{built_in}")["builtIn"], True)

with kit.case("collateral: what ends in a pinned root is kept and used"):
    problem(service.post("/v1/attestation/collateral", {
        "type": "snp", "item": endorsement("snp/neg-vcek-invalid-new.der")}, token=service.token),
            422, "COLLATERAL_REFUSED", "item")
    answer = service.post("/v1/attestation/collateral", {
        "type": "snp", "item": endorsement("snp/milan-v2-vcek.vcek.der")}, token=service.token)
    equal(answer.status, 201, repr(answer))
    assert answer.json()["key"].startswith("snp/vcek/Milan/c38427a3"), answer
    appraised(recorded("snp/milan-v2-vcek.report.bin"), "affirming")  # no endorsement now
    answer = service.post("/v1/attestation/collateral", {
        "type": "AMD_SEV_SNP", "product": "Milan", "item": endorsement("synthetic/crl-good.der"),
        "test_time": "2025-06-01T00:00:00Z"}, token=service.token)
    equal(answer.status, 201, repr(answer))
    equal((answer.json()["key"], answer.json()["test_root"]), ("snp/crl/Milan", True))
    rows = service.ok("/v1/attestation/collateral", token=service.token)["items"]
    assert all(row["current"] for row in rows), rows
    problem(live.post("/v1/attestation/collateral", {
        "type": "snp", "item": endorsement("synthetic/milan.vcek.der")}, token=live.token),
            422, "COLLATERAL_REFUSED", "item")

with kit.case("counters"):
    text = service.get("/metrics").body.decode()
    assert 'lucid_verifier_appraisals_total{type="snp",status="affirming"} ' in text, text
    refusals = [line for line in text.splitlines()
                if line.startswith('lucid_verifier_refusals_total{step="signature"}')]
    assert int(refusals[0].split()[-1]) > 5, refusals

for one in (service, live):
    one.stop()
agent.stop()
kit.done()
