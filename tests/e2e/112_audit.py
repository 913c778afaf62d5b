#!/usr/bin/env python3
"""Verdicts years later, for somebody who does not believe the operator: bundles checked by a script
that shares nothing with the service (examples/check_bundle.py), replayed at another time and place,
changed in every way that could suit somebody; who may see them at all; and what is left of them
when evidence has been erased."""

import base64
import copy
import hashlib
import json
import os
import random
import subprocess
import sys
import threading

import kit
import kit_attest
from kit import equal, problem
from kit_attest import b64, binding, evidence_of, runtime_data, vector
from kit_clock import Clock
from kit_receipts import Maker, canonical

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples",
                     "check_bundle.py")
seed = int(os.environ.get("LUCID_SEED", "0")) or random.randrange(1 << 32)
kit.note(f"LUCID_SEED={seed}")
chance = random.Random(seed)
agent = kit_attest.Agent()
service = kit_attest.Verifier(test=True, roots=(agent.root,), head_interval_ms=50)
PATH = "/v1/attestation/appraisals/"


def recorded(name, certificate, **more):
    challenge = service.challenge(types=("snp",))
    report = vector(name)
    answer = service.appraise(challenge, runtime_data(challenge), [
        evidence_of("snp", report, endorsements=[b64(vector(certificate))])],
                              test_bound_data=report[0x50:0x90].hex(), **more)
    equal(answer.status, 201, repr(answer))
    return answer.json()


def quote(runtime, log=b""):
    more = {"eventLog": b64(log)} if log else {}
    return evidence_of("mock", agent.evidence(binding(runtime)), **more)


def bundle_of(appraisal, token=None):
    return service.get(PATH + appraisal["appraisalId"] + "?bundle=1", token=token or service.token)


def proven(appraisal):
    kit.wait_for(lambda: b'"proof":' in bundle_of(appraisal).body, what="a head that covers it")
    return bundle_of(appraisal).json()


def replay(token=None, **body):
    return service.post("/v1/attestation/replay", body, token=token or service.token)


def kept(name, bundle):
    path = os.path.join(kit.scratch(), name)
    with open(path, "wb") as file:
        file.write(bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode())
    return path


def offline(bundle, *flags, **more):
    code, out, err = kit.lucid("verifier", "replay", kept("bundle.json", bundle), "--json",
                               "-k", jwks, *flags, **more)
    return code, json.loads(out) if out else None, err


def checked(bundle, *keys):
    """The script's exit code; it must never end in a traceback."""
    ended = subprocess.run([sys.executable, CHECK, kept("bundle.json", bundle), vkey, *keys],
                           capture_output=True, check=False, timeout=60 * kit.SLOW)
    assert b"Traceback" not in ended.stderr, ended.stderr
    return ended.returncode


reference = service.put("references", {
    "type": "lucid.attestation.reference/v1", "name": "guests", "environment": {"type": "snp"},
    "measurements": [{"mkey": "launch", "alg": "sha384",
                      "digest": [vector("snp/milan-v2-vcek.report.bin")[0x90:0xC0].hex()]}]})
policy = service.put("policies", kit_attest.policy("with references", references=[reference]))
MILAN = ("snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der")
challenge = service.challenge()
runtime = runtime_data(challenge)
two = service.appraise(challenge, runtime, [quote(runtime, b"a log"), quote(runtime)])
equal(two.status, 201, repr(two))
made = [service.attest(agent), recorded(*MILAN, policyId=policy), two.json()]
bundles = [proven(appraisal) for appraisal in made]
vkey = os.path.join(service.data, "vkey")
jwks = kept("jwks.json", service.get("/.well-known/jwks.json").body)
key = offline(bundles[0])[1]["key"]
believed = kit_attest.b64url_read(key).hex()

with kit.case("a script of few lines and none of our code comes to the same, with the log's key"):
    for bundle in bundles:
        equal(checked(bundle, believed), 0)
        equal(checked(bundle), 4)
        equal(checked(bundle, "00" * 32), 4)
        equal(offline(bundle, "-f", vkey)[0], 0)


with kit.case("a bundle of another log: the same claims, by a key and of a log that nobody knows"):
    elsewhere = kit_attest.Verifier(test=True)
    for bundle in bundles:
        answer = elsewhere.post("/v1/attestation/replay", bundle, token=elsewhere.token)
        equal((answer.status, answer.json()["outcome"], answer.json()["logged"]),
              (200, "unknown-key", False), repr(answer))
        code, report, err = offline(bundle, "-f", os.path.join(elsewhere.data, "vkey"))
        equal((code, report["logged"]["inclusion"]), (4, "not checked"), err)
    elsewhere.stop()


def digest_of(bundle, text):
    data = text if isinstance(text, bytes) else canonical(text)
    name = "sha256:" + hashlib.sha256(data).hexdigest()
    bundle["blobs"][name] = b64(data)
    return name


def changes(bundle):
    """(what, a bundle that says something else): what an operator might like to show later."""
    def put(what, edit):
        other = copy.deepcopy(bundle)
        edit(other, other["record"])
        return what, other
    first = next(iter(bundle["blobs"]))
    yield put("the verdict", lambda b, r: r.update(status="affirming" if r["status"] != "affirming"
                                                   else "warning"))
    yield put("a step", lambda b, r: r["submods"]["cpu0"]["steps"][4].update(outcome="n/a"))
    yield put("no mock", lambda b, r: r.update(mock=not r["mock"]))
    yield put("no test store", lambda b, r: r.update(test=False))
    yield put("earlier", lambda b, r: r.update(time=r["time"] - 86400,
                                               received=r["received"] - 86400))
    yield put("good for longer", lambda b, r: r.update(lifetime=86400))
    yield put("another build", lambda b, r: r["verifier"].update(build="1.0"))
    yield put("another log", lambda b, r: r.update(issuer="other.example/log"))
    yield put("another audience", lambda b, r: r["session"].update(audience="https://b.example"))
    yield put("another session", lambda b, r: r["session"].update(sessionId="A" * 48))
    yield put("rules that there are not", lambda b, r: r.update(rulesVersion=4000000000))
    yield put("rules of before", lambda b, r: r.update(rulesVersion=0))
    yield put("another policy", lambda b, r: r.update(policy=digest_of(
        b, kit_attest.policy("lenient", allowMeasurements=["00" * 48]))))
    yield put("no reference sets", lambda b, r: r.update(references=[]))
    yield put("one evidence less", lambda b, r: r["evidences"].pop())
    yield put("the same evidence twice", lambda b, r: r["evidences"].append(
        dict(r["evidences"][0], name="gpu0")))
    yield put("other runtime data", lambda b, r: r.update(runtimeData=digest_of(b, {"nonce": "x"})))
    yield put("other evidence", lambda b, r: r["evidences"][0].update(
        evidence=digest_of(b, b"evidence")))
    yield put("collateral that nobody asked for", lambda b, r: r["collateral"].append(
        {"key": "mock/crl", "digest": digest_of(b, b"list"), "importedAt": 1}))
    yield put("evidence turned round", lambda b, r: r["evidences"].reverse())
    yield put("a blob less", lambda b, r: b["blobs"].pop(first))
    yield put("a blob that is another", lambda b, r: b["blobs"].update({first: b64(b"x")}))
    yield put("a token of another", lambda b, r: b.update(
        ear=next(o["ear"] for o in bundles if o["ear"] != b["ear"])))
    yield put("a proof of another", lambda b, r: b.update(
        proof=next(o["proof"] for o in bundles if o["ear"] != b["ear"])))
    yield put("import days", lambda b, r: [item.update(importedAt=1) for item in r["collateral"]])


with kit.case("whatever is changed: no replay is the same and logged, and the script says so too"):
    for bundle in bundles:
        for what, other in changes(bundle):
            beside = other["record"] == bundle["record"]
            if other == bundle:
                continue  # there was nothing of that in this one
            code, report, err = offline(other, "-f", vkey, "--require-logged")
            assert code in (1, 4), (what, code, report, err)
            assert code == 1 or report["outcome"] == "rules", (what, report)
            equal(checked(other, believed), 1, what)
            answer = replay(bundle=other)
            assert answer.status in (200, 422), (what, answer)
            if answer.status == 200 and answer.json()["outcome"] == "same":
                equal(answer.json()["logged"], beside, what)
                equal(answer.json()["differences"], [], what)
    told = dict(bundles[0], logged=True, outcome="same", proof=bundles[1]["proof"])
    equal(offline(told, "-f", vkey)[1]["logged"]["entry"], "failed")

with kit.case("bytes of a bundle changed: never the same with other claims, never a fault"):
    outcomes = {}
    texts = [json.dumps(bundle).encode() for bundle in bundles]
    for number in range(int(600 / kit.SLOW)):
        text = bytearray(texts[number % len(texts)])
        record = canonical(bundles[number % len(texts)]["record"])
        text[chance.randrange(len(text))] ^= 1 << chance.randrange(7)
        answer = service.post("/v1/attestation/replay", b'{"bundle":' + bytes(text) + b"}",
                              token=service.token)
        assert answer.status in (200, 400, 422), (answer, bytes(text))
        said = answer.json()
        word = said.get("outcome", answer.status)
        outcomes[word] = outcomes.get(word, 0) + 1
        if said.get("outcome") == "same" and said["logged"]:
            equal(canonical(kit.json.loads(bytes(text))["record"]), record)
    kit.note(str(outcomes))

with kit.case("another time, zone, language, mask and folder: the same bytes of report"):
    clock = Clock(kit.scratch())
    clock.set(5 * 365 * 86400 * 1000)
    path = kept("bundle.json", bundles[1])
    want = offline(bundles[1], "-f", vkey)
    reports = []
    for prefix, env in (((), {}), ((), {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu"}),
                        ((), {"LC_ALL": "C", "TZ": ":/nowhere", "HOME": "/nonexistent"}),
                        (clock.prefix(), {}), (("sh", "-c", 'umask 777; exec "$0" "$@"'), {})):
        ended = subprocess.run([*prefix, kit.LUCID, "verifier", "replay", path, "--json",
                                "-k", jwks, "-f", vkey], capture_output=True, check=False,
                               cwd="/", env=kit.environment(**env), timeout=60 * kit.SLOW)
        equal(ended.returncode, 0, ended.stderr)
        reports.append(ended.stdout)
    equal(set(reports), {reports[0]})
    equal(json.loads(reports[0]), want[1])

with kit.case("as large as a request may be: a bundle that can be had, and replays"):
    challenge = service.challenge()
    runtime = runtime_data(challenge)
    logs = [chance.randbytes((1 << 20) - 100), chance.randbytes(1 << 20), chance.randbytes(900000)]
    answer = service.appraise(challenge, runtime, [quote(runtime, log) for log in logs])
    equal(answer.status, 201, repr(answer)[:300])
    whole = proven(answer.json())
    equal(sorted(len(base64.b64decode(text)) for text in whole["blobs"].values())[-3:],
          sorted(len(log) for log in logs))
    large = json.dumps(whole).encode()
    equal(offline(large, "-f", vkey)[:1], (0,))
    equal(replay(bundle=whole).json()["outcome"], "same")
    equal(replay(appraisalId=answer.json()["appraisalId"]).json()["outcome"], "same")
    padded = dict(whole, padding="x" * ((8 << 20) - len(large)))
    equal(offline(padded)[0], 1)

with kit.case("replays of large bundles hold up neither receipts nor appraisals"):
    signer = service.new_signer("s")
    maker = Maker("112")
    over = threading.Event()
    busy = []

    def replays():
        client = kit.Client(service.port, 60)
        body = b'{"bundle":' + large + b"}"
        while not over.is_set():
            answer = client.request("POST", "/v1/attestation/replay", body, token=service.token)
            busy.append(answer.status)
        client.close()
    threads = [threading.Thread(target=replays) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            equal(service.submit(signer.seal(maker.body())).status, 201)
        made.append(service.attest(agent))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert set(busy) <= {200, 503} and 200 in busy, busy

tokens = {scope: service.post("/v1/tokens", {"name": scope, "scopes": [scope]},
                              token=service.token).json()["token"]
          for scope in ("read", "attest", "audit", "passport")}


def secrets(bundle):
    """What nobody sees without the scope audit: as bytes, in hex, in base64 or as JSON text."""
    for name, text in bundle["blobs"].items():
        data = base64.b64decode(text)
        if name in (bundle["record"]["policy"], *bundle["record"]["references"]):
            continue  # documents are public
        if any(item["digest"] == name for item in bundle["record"]["collateral"]):
            continue  # what makers publish
        part = data[:48] if len(data) > 64 else data
        for form in (part, part.hex().encode(), b64(part[:len(part) // 3 * 3]).encode()):
            yield name, form


with kit.case("evidence, certificates and runtime data: to nobody without the scope audit"):
    for bundle, appraisal in zip(bundles, made):
        name = appraisal["appraisalId"]
        routes = [PATH.rstrip("/"), PATH + name, "/v1/attestation/collateral", "/v1/log",
                  f"/v1/receipts/{name}", f"/v1/receipts/{name}/proof", "/metrics", "/v1/events",
                  "/v1/events?bodies=true", "/tile/0/000.p/3", "/tile/entries/000.p/3",
                  "/openapi.json", "/v1/epochs/current"]
        for digest in bundle["blobs"]:
            routes += [f"/v1/blobs/{digest[7:]}", f"/v1/attestation/policies/{digest}",
                       f"/v1/receipts/{digest[7:]}", PATH + digest[7:]]
        for token in (None, tokens["read"], tokens["attest"], tokens["passport"]):
            problem(bundle_of(appraisal, token or "none"), 401 if token is None else 403,
                    "UNAUTHORIZED" if token is None else "FORBIDDEN",
                    "bundle" if token in (tokens["read"], tokens["attest"]) else None)
            answers = [service.get(path, token=token) for path in routes]
            if token:
                answers.append(replay(token=token, appraisalId=name))
                answers.append(replay(token=token, bundle=dict(bundle, blobs={})))
            for answer in answers:
                assert answer.status in (200, 401, 403, 404, 405, 422), answer
                for digest, form in secrets(bundle):
                    assert form not in answer.body, (digest, form, answer)
    equal(bundle_of(made[0], tokens["audit"]).status, 200)

with kit.case("events: receipts' bodies with the scope read, others with audit; mirrors as well"):
    both = service.post("/v1/tokens", {"name": "both", "scopes": ["read", "audit"]},
                        token=service.token).json()["token"]
    seen = {token: service.get("/v1/events?bodies=true", token=token).lines()
            for token in (tokens["read"], both)}
    for less, more in zip(seen[tokens["read"]], seen[both]):
        plain = less["type"] == "receipt" or "body" not in more
        equal(less, more if plain else {**{name: value for name, value in more.items()
                                           if name != "body"}, "body_withheld": True})
    kinds = {event["type"] for event in seen[both] if "body" in event}
    equal(kinds, {"receipt", "blob.stored", "attestation.appraisal"})
    url = f"http://127.0.0.1:{service.port}"
    for token, want in ((tokens["read"], 1), (both, 0)):
        folder = os.path.join(kit.scratch(), f"mirror{want}")
        code, out, err = kit.lucid("log", "mirror", folder, "--url", url, "--vkey", vkey, "--json",
                                   env={"LUCID_TOKEN": token})
        equal(code, want, err)
        equal(b"audit" in out + err, want == 1, out + err)
        assert not os.path.exists(os.path.join(folder, "evidence"))

with kit.case("what was erased is gone for a replay by id: 410; record and copies stay"):
    def erase(digest):
        answer = service.client.request("DELETE", "/v1/blobs/" + digest[7:], token=service.token,
                                        body={"reason": "asked for"})
        equal(answer.status, 200, repr(answer))
    for appraisal, digest in ((made[0], bundles[0]["record"]["evidences"][0]["evidence"]),
                              (made[2], bundles[2]["record"]["evidences"][0]["eventLog"]),
                              (made[1], bundles[1]["record"]["runtimeData"])):
        before = service.ok(PATH + appraisal["appraisalId"], token=service.token)
        erase(digest)
        problem(bundle_of(appraisal), 410, "ERASED")
        problem(replay(appraisalId=appraisal["appraisalId"]), 410, "ERASED")
        after = service.ok(PATH + appraisal["appraisalId"], token=service.token)
        equal((after["record"], after["ear"]), (before["record"], before["ear"]))
    for bundle in bundles:
        answer = replay(bundle=bundle).json()
        equal((answer["outcome"], answer["logged"]), ("same", True))
        equal(checked(bundle, believed), 0)
    equal(replay(appraisalId=made[3]["appraisalId"]).json()["outcome"], "same")

service.stop()
agent.stop()
kit.done()
