#!/usr/bin/env python3
"""What is wrong with requests for challenges and appraisals: every member missing, null, of another
type, too long, doubled, unknown; limits on both sides; sessions and nonces of others, of before a
restart, a kill, a new key. What is refused is named, logs nothing and uses nothing up."""

import copy
import hashlib
import json
import threading

import kit
import kit_attest
import kit_snp
from kit import case, equal, problem
from kit_attest import b64, b64url, b64url_read, binding, evidence_of, runtime_data, vector
from kit_clock import Clock
from kit_receipts import canonical

APPRAISE, CHALLENGE = "/v1/attestation/appraise", "/v1/attestation/challenge"
KIB = 1024

agent = kit_attest.Agent()
clock = Clock(kit.scratch())
service = kit_attest.Verifier(roots=(agent.root,), start=False)
service.start(prefix=clock.prefix())


def members(challenge, **more):
    """Runtime data as members."""
    return {"nonce": challenge["nonce"], "publicKey": kit_attest.Workload().jwk,
            "audience": kit_attest.AUDIENCE, **more}


def quoted(runtime):
    """Mock evidence that binds these members."""
    return evidence_of("mock", agent.evidence(binding(canonical(runtime))))


def request(challenge=None, **more):
    challenge = challenge or service.challenge()
    runtime = members(challenge, **more)
    return {"sessionId": challenge["sessionId"], "runtimeData": runtime,
            "evidences": [quoted(runtime)]}


def ask(body, to=None, path=APPRAISE, token=""):
    to = to or service
    return to.client.request("POST", path,
                             body if isinstance(body, bytes) else json.dumps(body).encode(),
                             token=to.token if token == "" else token)


def refused(body, code, param, status=422, **more):
    """The answer's body; the log has not grown."""
    before = service.size()
    found = problem(ask(body, **more), status, code, param)
    equal(service.size(), before, "the log's size")
    return found


def at(document, path, value=None, drop=False):
    """A copy with another value at that place, or without it."""
    whole = copy.deepcopy(document)
    place = whole
    for name in path[:-1]:
        place = place[name]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return whole


def dotted(path):
    text = ""
    for name in path:
        text += f"[{name}]" if isinstance(name, int) else f".{name}" if text else name
    return text


GOOD = request()
OTHERS = (None, True, 7, -1, 1.5, [], {}, "")

# --- challenges -----------------------------------------------------------------------------------

with case("challenges: what is wrong with a request for one is named"):
    for value in OTHERS + ("a" * 256, "é" * 128, "a\0b", "a\nb", "a\x7f"):
        refused({"audience": value}, "INVALID_REQUEST", "audience", path=CHALLENGE, token=None)
    refused({}, "INVALID_REQUEST", "audience", path=CHALLENGE)
    for value in (None, True, 7, "mock", {}, ["mock"] * 17):
        refused({"audience": "a", "types": value}, "INVALID_REQUEST", "types", path=CHALLENGE)
    for value in (None, 7, ["mock"]):
        refused({"audience": "a", "types": ["snp", value]}, "INVALID_REQUEST", "types[1]",
                path=CHALLENGE)
    refused({"audience": "a", "nonce": "x"}, "INVALID_REQUEST", "nonce", path=CHALLENGE)
    refused(b"[]", "INVALID_JSON", None, 400, path=CHALLENGE)
    refused(b'{"audience":"a","audience":"b"}', "INVALID_JSON", "audience", 400, path=CHALLENGE)
    refused(json.dumps({"audience": "a" * 17000}).encode(), "BODY_TOO_LARGE", None, 413,
            path=CHALLENGE)
    for name in ("a", "é" * 127 + "a", "‮evil", "https://a.example/ b"):
        equal(ask({"audience": name}, path=CHALLENGE, token=None).json()["audience"], name)

with case("challenges: of the kinds that an attester can send, those that are taken are named"):
    for asked, said in ((None, ["mock", "snp"]), ([], ["mock", "snp"]), (["snp", "tdx"], ["snp"]),
                        (["Mock"], ["mock"]), (["sgx", "mocks"], [])):
        more = {} if asked is None else {"types": asked}
        answer = ask({"audience": "a", **more}, path=CHALLENGE)
        equal((answer.status, answer.json()["types"]), (200, said))

with case("challenges: no two alike, nothing is kept of them"):
    made = [service.challenge() for _ in range(50)]
    for member in ("sessionId", "nonce"):
        equal(len({challenge[member] for challenge in made}), 50)
    equal({len(b64url_read(challenge["nonce"])) for challenge in made}, {32})
    equal(service.size(), 0)

# --- requests -------------------------------------------------------------------------------------

with case("requests: every member missing, null or of another type is named"):
    for path in (("sessionId",), ("runtimeData",), ("evidences",), ("evidences", 0, "type"),
                 ("evidences", 0, "evidence")):
        refused(at(GOOD, path, drop=True), "INVALID_REQUEST", dotted(path))
        for value in OTHERS:
            if path == ("runtimeData",) and value in ({}, "") or path[-1] == "evidence" and \
                    value == "":
                continue  # below
            refused(at(GOOD, path, value), "INVALID_REQUEST", dotted(path))
    for path, values in (
            (("policyId",), (None, 7, "", [], "a" * 129, "sha256:" + "A" * 64)),
            (("evidences", 0), (None, 7, "x", [])),
            (("evidences", 0, "name"), (None, 7, "", [], "a" * 32)),
            (("evidences", 0, "endorsements"), (None, 7, "", {}, [""] * 9)),
            (("evidences", 0, "collateral"), (None, 7, "", {}, [""] * 9)),
            (("evidences", 0, "eventLog"), (None, 7, "", [], "%")),
            (("evidences",), ([GOOD["evidences"][0]] * 17,))):
        for value in values:
            refused(at(GOOD, path, value), "INVALID_REQUEST", dotted(path))
    for name in ("endorsements", "collateral"):
        for value in (None, 7, "", "%", "AA=A", {}):
            refused(at(GOOD, ("evidences", 0, name), [value]), "INVALID_REQUEST",
                    f"evidences[0].{name}[0]")
    refused(at(GOOD, ("evidences", 0, "name"), "a\0b"), "INVALID_REQUEST", "evidences[0].name")
    for name in ("CPU", "-a", "a b", "‮evil", "a.b", "é"):
        refused(at(GOOD, ("evidences", 0, "name"), name), "INVALID_EVIDENCE", "evidences[0].name")
    for kind in ("SNPS", "sn p", "snp\0", "‮", "a/b"):
        refused(at(GOOD, ("evidences", 0, "type"), kind), "INVALID_EVIDENCE", "evidences[0].type")

with case("requests: unknown and doubled members, no JSON, what is too deep or too long"):
    for path in (("more",), ("evidences", 0, "more"), ("evidences", 0, "Evidence")):
        refused(at(GOOD, path, 1), "INVALID_REQUEST", dotted(path))
    text = json.dumps(GOOD)
    for broken in (text.replace('"sessionId"', '"sessionId":"x","sessionId"'),
                   text.replace('"type"', '"type":"snp","type"'), text + "x", text[:-1], "",
                   text.replace('"sessionId": "', '"sessionId": "\\ud800'), "\ufeff" + text,
                   '{"a":' + "[" * 5000 + "]" * 5000 + "}", '{"sessionId":1e999}'):
        answer = ask(broken.encode())
        equal((answer.status, answer.json()["code"]), (400, "INVALID_JSON"), repr(answer))
    equal(ask(text.encode().replace(b'"sessionId": "', b'"sessionId": "\xff')).status, 400)
    refused(at(GOOD, ("more" * 500,), 1), "INVALID_REQUEST", "more" * 15 + "mor")
    refused(at(GOOD, ("\0\n‮",), 1), "INVALID_REQUEST", "?????")
    raw = service.raw()
    raw.send(f"POST {APPRAISE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.token}\r\n"
             f"Content-Length: {(4 << 20) + 1}\r\n\r\n".encode())
    problem(raw.answer(), 413, "BODY_TOO_LARGE")
    raw.close()

with case("requests: the limits hold on both sides"):
    refused(at(GOOD, ("evidences", 0, "evidence"), b64(bytes(64 * KIB + 1))), "INVALID_REQUEST",
            "evidences[0].evidence")
    refused(at(GOOD, ("evidences", 0, "evidence"), "." * (64 * KIB + 1)), "INVALID_REQUEST",
            "evidences[0].evidence")
    refused(at(GOOD, ("evidences", 0, "evidence"), "." * 64 * KIB), "EVIDENCE_REFUSED",
            "evidences[0].parse")
    refused(at(GOOD, ("evidences", 0, "evidence"), b64(bytes(64 * KIB))), "EVIDENCE_REFUSED",
            "evidences[0].parse")
    refused(at(GOOD, ("evidences", 0, "eventLog"), b64(bytes((1 << 20) + 1))), "INVALID_REQUEST",
            "evidences[0].eventLog")
    answer = ask(at(request(), ("evidences", 0, "eventLog"), b64(bytes(1 << 20))))
    equal(answer.status, 201, repr(answer))
    challenge = service.challenge()
    runtime = members(challenge)
    many = [{**quoted(runtime), "name": f"vm{i}"} for i in range(16)]
    answer = ask({"sessionId": challenge["sessionId"], "runtimeData": runtime, "evidences": many})
    equal(answer.status, 201, repr(answer))
    equal(len(service.result(answer.json()["ear"])["submods"]), 16)

# --- runtime data ---------------------------------------------------------------------------------

with case("runtime data: every member missing, null, of another type or length, unknown"):
    def runtime_refused(runtime, param, code="INVALID_RUNTIME_DATA"):
        for form in (runtime, b64(canonical(runtime))):
            refused({**GOOD, "runtimeData": form}, code, param)

    RUNTIME = members(service.challenge(), workload={
        "container": {"digest": "sha256:" + "1" * 64, "registry": "r.example/a"},
        "auditors": [{"id": "a", "digest": "sha256:" + "2" * 64}]})
    runtime_refused({}, "runtimeData.nonce")
    for name in ("nonce", "publicKey", "audience"):
        runtime_refused(at(RUNTIME, (name,), drop=True), f"runtimeData.{name}")
        for value in OTHERS:
            runtime_refused(at(RUNTIME, (name,), value), f"runtimeData.{name}")
    for value in (b64url(bytes(31)), b64url(bytes(33)), b64(bytes(32)), RUNTIME["nonce"] + "=",
                  RUNTIME["nonce"][:-1] + "!", "\0" * 43):
        runtime_refused(at(RUNTIME, ("nonce",), value), "runtimeData.nonce")
    for value in ("a" * 256, "a\0", "a\nb"):
        runtime_refused(at(RUNTIME, ("audience",), value), "runtimeData.audience")
    point = b64url(bytes(31) + b"\1")
    for value in ({"kty": "oct", "k": "AA"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
                  {**RUNTIME["publicKey"], "d": "AA"}, {**RUNTIME["publicKey"], "use": "enc"},
                  {**RUNTIME["publicKey"], "alg": "ES256"}, {**RUNTIME["publicKey"], "x": "AA"},
                  {**RUNTIME["publicKey"], "crv": "X25519"}, {**RUNTIME["publicKey"], "kty": "EC"},
                  {"kty": "EC", "crv": "P-256", "x": point, "y": point}):
        runtime_refused(at(RUNTIME, ("publicKey",), value), "runtimeData.publicKey")
    for value in (None, 7, [], ""):
        runtime_refused(at(RUNTIME, ("workload",), value), "runtimeData.workload")
        runtime_refused(at(RUNTIME, ("workload", "container"), value),
                        "runtimeData.workload.container")
    for value in (None, 7, {}, "", [{"id": "a", "digest": "sha256:" + "2" * 64}] * 65, [{}],
                  [{"id": "a"}], [{"id": "", "digest": "sha256:" + "2" * 64}],
                  [{"id": "a", "digest": "sha256:" + "A" * 64}], [7]):
        runtime_refused(at(RUNTIME, ("workload", "auditors"), value),
                        "runtimeData.workload.auditors")
    for value in (None, 7, "", "2" * 64, "sha512:" + "2" * 64, "sha256:" + "2" * 63):
        runtime_refused(at(RUNTIME, ("workload", "container", "digest"), value),
                        "runtimeData.workload.container.digest")
    for path in (("more",), ("workload", "more"), ("workload", "container", "more"),
                 ("workload", "auditors", 0, "more")):
        runtime_refused(at(RUNTIME, path, 1), "runtimeData" + "".join(
            f".{name}" for name in path[:-1] if not isinstance(name, int)))
    for text in (b"", b"x", b"[]", b"7", b"\xff", b'{"nonce":"a","nonce":"b"}', b"\xef\xbb\xbf{}"):
        answer = ask({**GOOD, "runtimeData": b64(text)})
        equal(answer.status, 422, repr(answer))
        assert answer.json()["param"].startswith("runtimeData"), answer
    long = {**RUNTIME["publicKey"], "kid": "k" * 17000}
    equal(ask({**GOOD, "runtimeData": {**RUNTIME, "publicKey": long}}).status, 422)

with case("runtime data: an object in any order is bound by its canonical form, text by its bytes"):
    challenge = service.challenge()
    runtime = members(challenge, workload={"auditors": []})
    turned = dict(reversed(runtime.items()))
    answer = ask({"sessionId": challenge["sessionId"], "runtimeData": turned,
                  "evidences": [quoted(runtime)]})
    equal(answer.status, 201, repr(answer))
    challenge = service.challenge()
    text = json.dumps(members(challenge), indent=1).encode()
    answer = ask({"sessionId": challenge["sessionId"], "runtimeData": b64(text), "evidences": [
        evidence_of("mock", agent.evidence(binding(text)))]})
    equal(answer.status, 201, repr(answer))
    binds = service.result(answer.json()["ear"])["lucid.appraisal"]["binding"]
    equal(binds["runtimeData"], "sha256:" + hashlib.sha256(text).hexdigest())
    equal(binds["sha384"], hashlib.sha384(text).hexdigest())

GENERATOR_384 = {  # FIPS 186-4 D.1.2.4: a point that every P-384 key is a multiple of
    "x": b64url(bytes.fromhex("aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38"
                              "5502f25dbf55296c3a545e3872760ab7")),
    "y": b64url(bytes.fromhex("3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c0"
                              "0a60b1ce1d7e819d7a431d7c90ea0e5f"))}

with case("runtime data: keys on P-256 and P-384, and what a JWK may say beside"):
    for crv, key in (("P-256", {"x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                                "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}),
                     ("P-384", GENERATOR_384)):
        answer = ask(request(publicKey={"kty": "EC", "crv": crv, "kid": "k", "use": "sig", **key}))
        equal(answer.status, 201, repr(answer))
    answer = ask(request(publicKey={**kit_attest.Workload().jwk, "alg": "Ed25519", "x5t": "y",
                                    "key_ops": ["verify"]}))
    equal(answer.status, 201, repr(answer))

with case("evidence: base64, a compact JWS, or an agent's answer as text"):
    for form in (lambda data: b64(data), lambda data: data.decode(),
                 lambda data: json.loads(data)["quote"],
                 lambda data: b64(json.loads(data)["quote"].encode())):
        challenge = service.challenge()
        runtime = members(challenge)
        evidence = {"type": "mock", "evidence": form(agent.evidence(binding(canonical(runtime))))}
        answer = ask({"sessionId": challenge["sessionId"], "runtimeData": runtime,
                      "evidences": [evidence]})
        equal(answer.status, 201, repr(answer))
    for text in ("{", "", "A", "AA=A", "AAAA=", "AA_-", "%", "a b", "\0", "‮"):
        body = refused(at(GOOD, ("evidences", 0, "evidence"), text), "EVIDENCE_REFUSED",
                       "evidences[0].parse")
        equal(body["step"], "parse", text)
    whole = json.loads(agent.evidence(bytes(48)))["quote"]
    for length in range(0, len(whole), 23):
        refused(at(GOOD, ("evidences", 0, "evidence"), whole[:length]), "EVIDENCE_REFUSED",
                "evidences[0].parse")
    body = refused(at(GOOD, ("evidences", 0, "type"), "tdx"), "EVIDENCE_REFUSED",
                   "evidences[0].parse")
    equal((body["step"], body["steps"][0]["code"], body["mock"]),
          ("parse", "parse.unknown_type", False))

# --- sessions -------------------------------------------------------------------------------------

with case("sessions: changed, of another audience, of another service: none"):
    challenge = service.challenge()
    session = challenge["sessionId"]
    body = request(challenge)
    for wrong in (session[:-1], session + "A", session + "==", session.lower(), "A" * 64, "a",
                  session[1:] + session[0], session.replace(session[30], "!", 1)):
        refused({**body, "sessionId": wrong}, "CHALLENGE_UNKNOWN", "sessionId")
    for place in range(0, 64, 9):
        other = "B" if session[place] == "A" else "A"
        refused({**body, "sessionId": session[:place] + other + session[place + 1:]},
                "CHALLENGE_UNKNOWN", "sessionId")
    refused({**body, "sessionId": "a" * 257}, "INVALID_REQUEST", "sessionId")
    for audience in (kit_attest.AUDIENCE + "/", kit_attest.AUDIENCE.upper(), "‮", "a"):
        foreign = request(challenge, audience=audience)
        found = refused(foreign, "EVIDENCE_REFUSED", "evidences[0].freshness")
        equal((found["step"], found["steps"][3]["code"]), ("freshness", "freshness.nonce"))
    other = kit_attest.Verifier(roots=(agent.root,))
    problem(ask(body, to=other), 422, "CHALLENGE_UNKNOWN", "sessionId")
    other.stop()
    equal(ask(body).status, 201, "none of that used the nonce up")

with case("sessions: an answer of another session, or one nonce in another's session: none"):
    one, two = service.challenge(), service.challenge()
    refused({**request(two), "sessionId": one["sessionId"]}, "EVIDENCE_REFUSED",
            "evidences[0].freshness")
    equal([ask(request(challenge)).status for challenge in (one, two)], [201, 201])
    refused({**request(two), "sessionId": one["sessionId"]}, "NONCE_USED", "sessionId")

with case("used nonces and open sessions outlive a restart and a kill"):
    used, open_ = request(), [request() for _ in range(3)]
    first = ask(used).json()["appraisalId"]
    equal(ask(open_[0]).status, 201)
    for end in (service.stop, service.kill):
        end()
        service.start(prefix=clock.prefix())
        for body in (used, open_[0]):
            refused(body, "NONCE_USED", "sessionId")
        found = problem(ask(used), 422, "NONCE_USED", "sessionId")
        equal((found["step"], found["appraisalId"]), ("freshness", first))
        equal(ask(open_.pop()).status, 201)

with case("a nonce that is raced for on two connections while the service is killed: once at most"):
    for _ in range(3):
        body = request()
        answers = []

        def race(number, body=body, answers=answers):
            client = kit.Client(service.port)
            try:
                answers.append(client.request("POST", APPRAISE, json.dumps(body).encode(),
                                              token=service.token).status)
            except (OSError, EOFError, kit.http.client.HTTPException):
                answers.append(None)
            client.close()
        threads = [threading.Thread(target=race, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        service.kill()
        for thread in threads:
            thread.join()
        service.start(prefix=clock.prefix())
        answers.append(ask(body).status)
        rows = service.ok("/v1/attestation/appraisals?limit=1000", token=service.token)["items"]
        equal((len({row["appraisalId"] for row in rows}), len(rows)), (len(rows), len(rows)))
        assert answers.count(201) <= 1 and 422 in answers + [ask(body).status], answers

with case("sessions end with the plugin's key"):
    challenge = service.challenge()
    body = request(challenge)
    service.stop()
    kit.run_lucid("plugin", "rotate-key", "verifier", "--data", service.data)
    service.start(prefix=clock.prefix())
    refused(body, "CHALLENGE_UNKNOWN", "sessionId")
    equal(ask(request()).status, 201)

with case("a challenge that is too old, and one of before the clock went back"):
    late = request()
    clock.set(310 * 1000)
    found = refused(late, "EVIDENCE_REFUSED", "evidences[0].freshness")
    equal(found["steps"][3]["code"], "freshness.expired")
    early = request()
    clock.set(200 * 1000)
    # A log's time does not go back with the clock, so what was issued by it is never of the future.
    equal(ask(early).status, 201)
service.stop()

# --- what is brought ------------------------------------------------------------------------------

root = kit_snp.Root("Milan")
roots = kit.scratch() + "/roots.pem"
with open(roots, "w", encoding="ascii") as file:
    file.write(root.pem())
tests = kit_attest.Verifier(test=True, verifier_test_roots=roots, allow_mock=True,
                            roots=(agent.root,))
NOW = "2025-06-01T00:00:00Z"
DEMANDS = tests.put("policies", kit_attest.policy("lists", requireCrl=True))
AGED = tests.put("policies", kit_attest.policy("aged", requireCrl=True, maxCollateralAgeDays=30))
leaf = root.leaf()


def reported(policy, collateral=None, time=NOW, version=3, bound=None, **more):
    """An appraisal of a made-up report for a live challenge."""
    challenge = tests.challenge(types=("snp",))
    runtime = members(challenge)
    report = root.report(version, report_data=bound or binding(canonical(runtime)))
    evidence = evidence_of("snp", report, endorsements=[b64(leaf)], **more)
    if collateral is not None:
        evidence["collateral"] = collateral
    body = {"sessionId": challenge["sessionId"], "runtimeData": runtime, "evidences": [evidence],
            "policyId": policy, "test_time": time}
    if bound:
        body["test_bound_data"] = b64(bound)
    return ask(body, to=tests)


def revocation(answer):
    equal(answer.status, 201, repr(answer))
    step, = [step for step in answer.json()["steps"] if step["step"] == "revocation"]
    return step["code"]


good = root.crl(number=5)
bad = root.crl(number=6, revoked=[(0, root.names["ask"])], extensions=[
    kit_snp.extension("2.5.29.28", kit_snp.seq(kit_snp.tlv(0x84, b"\xff")), True)])

with case("collateral with the evidence: a revocation list that its maker signed is used"):
    equal(revocation(reported(DEMANDS)), "revocation.no_crl")
    equal(revocation(reported(DEMANDS, [])), "revocation.no_crl")
    for form in (b64(good), kit_snp.pem(good, "X509 CRL")):
        equal(revocation(reported(DEMANDS, [form])), "revocation.ok")
    equal(revocation(reported(DEMANDS, [b64(bad)])), "revocation.leaf_revoked")
    equal(revocation(reported(DEMANDS, [b64(good), b64(bad)])), "revocation.leaf_revoked")
    equal(revocation(reported(DEMANDS, [b64(bad), b64(good)])), "revocation.leaf_revoked")
    equal(revocation(reported(DEMANDS)), "revocation.no_crl", "nobody else's")
    equal(tests.ok("/v1/attestation/collateral", token=tests.token)["items"], [])

with case("collateral with the evidence: as old as its maker says, in record and replay"):
    equal(revocation(reported(AGED, [b64(good)])), "revocation.collateral_too_old")
    answer = reported(AGED, [b64(good)], time="2025-01-20T00:00:00.000Z")
    equal(revocation(answer), "revocation.ok")
    made = tests.ok("/v1/attestation/appraisals/" + answer.json()["appraisalId"],
                    token=tests.token)
    items = {item["key"]: item for item in made["record"]["collateral"]}
    equal((items["snp/crl/Milan"]["digest"], items["snp/crl/Milan"]["importedAt"]),
          ("sha256:" + hashlib.sha256(good).hexdigest(), 1735689600))
    replayed = tests.post("/v1/attestation/replay", {"appraisalId": made["appraisalId"]},
                          token=tests.token)
    equal(replayed.json()["outcome"], "same", repr(replayed))

with case("collateral with the evidence: what is not good now, or not known, is named"):
    for item, where in ((root.crl(number=5, signer=kit_snp.Rsa("another")), "signature"),
                        (root.crl(number=5, start="20250701000000Z"), ""),
                        (root.crl(number=5, end="20250501000000Z"), ""),
                        (b"\x30\x03\x02\x01\x01", ""), (good[:-1], ""), (good + b"\0", "")):
        before = tests.size()
        problem(reported(DEMANDS, [b64(good), b64(item)]), 422, "COLLATERAL_REFUSED",
                "evidences[0].collateral[1]")
        equal(tests.size(), before)
    challenge = tests.challenge()
    runtime = members(challenge)
    problem(ask({"sessionId": challenge["sessionId"], "runtimeData": runtime, "evidences": [
        {**quoted(runtime), "collateral": [b64(good)]}]}, to=tests), 422, "COLLATERAL_REFUSED",
            "evidences[0].collateral[0]")

with case("collateral with the evidence: the list that was imported is no older for it"):
    answer = tests.post("/v1/attestation/collateral", {
        "type": "snp", "product": "Milan", "item": b64(good), "test_time": 1748736000},
                        token=tests.token)
    equal(answer.status, 201, repr(answer))
    for collateral in (None, [b64(good)], [b64(root.crl(number=4))]):
        equal(revocation(reported(AGED, collateral)), "revocation.ok")
    equal(revocation(reported(DEMANDS, [b64(root.crl(number=7))])), "revocation.ok")
    equal(revocation(reported(AGED, [b64(root.crl(number=7))])), "revocation.collateral_too_old")

with case("collateral with the evidence: it takes no revocation back that was imported"):
    answer = tests.post("/v1/attestation/collateral", {
        "type": "snp", "product": "Milan", "item": b64(bad), "test_time": 1748736000},
                        token=tests.token)
    equal(answer.status, 201, repr(answer))
    equal(revocation(reported(DEMANDS, [b64(good)])), "revocation.leaf_revoked")
    equal(revocation(reported(DEMANDS, [b64(root.crl(number=7))])), "revocation.ok")
    equal(revocation(reported(DEMANDS)), "revocation.leaf_revoked")

with case("sixteen reports of one challenge are one result, which replays"):
    challenge = tests.challenge(types=("snp",))
    runtime = members(challenge)
    many = [evidence_of("snp", root.report(5, report_data=binding(canonical(runtime)),
                                           host_data=bytes([i]) * 32),
                        endorsements=[b64(leaf)], name=f"machine-{i}-".ljust(31, "x"))
            for i in range(16)]
    answer = ask({"sessionId": challenge["sessionId"], "runtimeData": runtime, "evidences": many,
                  "test_time": NOW}, to=tests)
    equal((answer.status, len(answer.json()["steps"])), (201, 16 * 9), repr(answer))
    claims = tests.result(answer.json()["ear"])
    equal(len(claims["lucid.appraisal"]["binding"]["sameChallenge"]), 16)
    equal(claims["lucid.appraisal"]["binding"]["coLocation"], "not shown")
    made = answer.json()["appraisalId"]
    replayed = tests.post("/v1/attestation/replay", {"appraisalId": made}, token=tests.token)
    equal(replayed.json()["outcome"], "same", repr(replayed))
    said = kit.run_lucid("verifier", "explain", made, "--url", f"http://127.0.0.1:{tests.port}",
                         env={"LUCID_TOKEN": tests.token})
    equal(said.count(b" (snp): "), 16, said.decode())

# --- documents ------------------------------------------------------------------------------------


def put(document, kind="policies", seed=None, token="", spaced=False):
    whole = kit_attest.signed(document, seed or tests.document_seed) if seed != b"" else document
    body = json.dumps(whole, indent=3).encode() if spaced else canonical(whole)
    return tests.client.request("PUT", f"/v1/attestation/{kind}", body,
                                token=tests.token if token == "" else token)


SET = {"type": "lucid.attestation.reference/v1", "name": "images",
       "environment": {"type": "snp", "model": "Milan"},
       "measurements": [{"mkey": "launch", "alg": "sha384",
                         "digest": [kit_snp.stream("measurement Milan", 48).hex()]}]}

with case("documents: put twice is known, in any spelling; other bytes are another document"):
    for kind, document in (("references", SET), ("policies", kit_attest.policy("twice"))):
        before = tests.size()
        first, again, spaced = (put(document, kind), put(document, kind),
                                put(document, kind, spaced=True))
        equal([answer.status for answer in (first, again, spaced)], [201, 200, 200])
        equal({answer.json()["id"] for answer in (first, again, spaced)}, {first.json()["id"]})
        equal(tests.size(), before + 1)
        other = put({**document, "name": document["name"] + "!"}, kind)
        assert other.status == 201 and other.json()["id"] != first.json()["id"], other
    known = put(SET, "references").json()["id"]
    fitting = put(kit_attest.policy("fitting", references=[known])).json()["id"]
    answer = reported(fitting, [b64(root.crl(number=7))])
    equal((answer.status, answer.json()["status"]), (201, "affirming"), repr(answer))

with case("documents: unsigned, by a stranger, changed afterwards, of the other sort: refused"):
    before = tests.size()
    plain = kit_attest.policy("plain")
    problem(put(plain, seed=b""), 422, "INVALID_DOCUMENT", "signature")
    problem(put(plain, seed=bytes(32)), 403, "DOCUMENT_KEY_UNKNOWN", "signature.publicKey")
    whole = kit_attest.signed(plain, tests.document_seed)
    problem(put({**whole, "types": ["snp"]}, seed=b""), 422, "SIGNATURE_INVALID",
            "signature.value")
    for name, value in (("algorithm", "ES256"), ("algorithm", None), ("publicKey", "AA=="),
                        ("value", None), ("value", whole["signature"]["value"][:-4]),
                        ("kid", "x")):
        broken = at(whole, ("signature", name), value)
        problem(put(broken, seed=b""), 422, "INVALID_DOCUMENT", f"signature.{name}")
    equal(put(plain, "references").json()["code"], "INVALID_REFERENCE")
    equal(put(SET).json()["code"], "INVALID_POLICY")
    problem(put(plain, token=None), 401, "UNAUTHORIZED")
    made = tests.post("/v1/tokens", {"name": "attest", "scopes": ["attest", "audit"]},
                      token=tests.token).json()["token"]
    problem(put(plain, token=made), 403, "FORBIDDEN")
    problem(put(kit_attest.policy("none", references=["sha256:" + "0" * 64])), 422,
            "REFERENCE_UNKNOWN", "references[0]")
    equal(tests.size(), before)

with case("documents: a policy that says what nobody means is refused by the member's name"):
    before = tests.size()
    for more, param in (
            ({"types": []}, "types"), ({"types": ["snp", "snp"]}, "types[1]"),
            ({"types": ["tdx"]}, "types[0]"), ({"types": {"snp": {}}}, "types"),
            ({"acceptedStatus": ["Revoked"]}, "acceptedStatus[0]"),
            ({"acceptedStatus": ["NoLevel"]}, "acceptedStatus[0]"),
            ({"acceptedStatus": []}, "acceptedStatus"), ({"minTCB": {}}, "minTCB"),
            ({"minTcb": {"snp": {"Milan": {}}}}, "minTcb.snp.Milan"),
            ({"minTcb": {"snp": {"Milan": {"snp": 256}}}}, "minTcb.snp.Milan.snp"),
            ({"minTcb": {"snp": {"Milan": {"snp": "8"}}}}, "minTcb.snp.Milan.snp"),
            ({"minTcb": {"snp": {"Milan": {"snp": -1}}}}, "minTcb.snp.Milan.snp"),
            ({"minTcb": {"snp": {"Milan": {"from": "2026-01-01T00:00:00Z"}}}},
             "minTcb.snp.Milan"),
            ({"minTcb": {"snp": {"milan": {"snp": 1}}}}, "minTcb.snp.milan"),
            ({"graceDays": 3651}, "graceDays"), ({"graceDays": 1.5}, "graceDays"),
            ({"requireCrl": "true"}, "requireCrl"), ({"config": {"debug": 0}}, "config.debug"),
            ({"config": {"vmpl": 0}}, "config.vmpl"), ({"config": {"vmplMax": 4}},
                                                       "config.vmplMax"),
            ({"enrolment": [""]}, "enrolment[0]"), ({"enrolment": None}, "enrolment"),
            ({"denyMeasurements": ["AB" * 48]}, "denyMeasurements[0]"),
            ({"denyMeasurements": ["ab" * 31]}, "denyMeasurements[0]"),
            ({"resultSeconds": 59}, "resultSeconds"), ({"name": "a\0b"}, "name"),
            ({"name": "a" * 129}, "name"), ({"allowMock": True}, "allowMock")):
        problem(put({**kit_attest.policy("odd"), **more}), 422, "INVALID_POLICY", param)
    equal(tests.size(), before)

with case("test stores: the time as number or text, what is bound as hex or base64"):
    bound = bytes(range(64))
    equal(reported(DEMANDS, bound=bound).status, 201)
    for time in (1748736000, "2025-06-01T00:00:00Z", "2025-06-01T00:00:00.999Z"):
        made = tests.ok("/v1/attestation/appraisals/" +
                        reported(DEMANDS, time=time).json()["appraisalId"], token=tests.token)
        equal((made["test"], made["record"]["time"], made["record"]["test"]),
              (True, 1748736000, True))
    for time in (None, True, "", "now", "1748736000", "2025-06-01", -1, 1.5, 1e18, [], {},
                 "2025-02-29T00:00:00Z", "2025-06-01T00:00:00+00:00"):
        problem(reported(DEMANDS, time=time), 422, "INVALID_REQUEST", "test_time")
    body = {"sessionId": "x", "runtimeData": members(challenge), "evidences": [
        GOOD["evidences"][0]]}
    for value in (None, 7, "", [], "zz", "0", "00" * 65, b64(bytes(65)), "A" * 86):
        problem(ask({**body, "test_bound_data": value}, to=tests), 422, "INVALID_REQUEST",
                "test_bound_data")
tests.stop()

with case("without a token and without a price there is no appraisal; a token of another scope"):
    service.start()
    problem(ask(GOOD, token=None), 401, "UNAUTHORIZED")
    for scope in ("read", "audit", "passport", "proxy", "facilitate"):
        made = service.post("/v1/tokens", {"name": scope, "scopes": [scope]}, token=service.token)
        problem(ask(GOOD, token=made.json()["token"]), 403, "FORBIDDEN")
    made = service.post("/v1/tokens", {"name": "attest", "scopes": ["attest"]},
                        token=service.token).json()["token"]
    answer = ask(request(), token=made)
    equal(answer.status, 201, repr(answer))
    path = "/v1/attestation/appraisals/" + answer.json()["appraisalId"]
    problem(service.get(path + "?bundle=1", token=made), 403, "FORBIDDEN", "bundle")
    service.stop()

agent.stop()
kit.done()
