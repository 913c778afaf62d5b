#!/usr/bin/env python3
"""Verdicts replayed: after a restart, after another default policy, by another build of the module,
and from bundles without any service. Same claims bytes each time; what was changed differs, and it
is said where."""

import copy
import hashlib
import json
import os

import kit
import kit_attest
import kit_tree
from kit import equal, problem
from kit_attest import b64, evidence_of, runtime_data, vector
from kit_receipts import canonical

OTHER = kit.program("LUCID_OTHER_VERIFIER", "tests/e2e/verifier.so")  # another version string

agent = kit_attest.Agent()
service = kit_attest.Verifier(test=True, roots=(agent.root,))


def recorded(name, certificate, **more):
    challenge = service.challenge(types=("snp",))
    report = vector(name)
    answer = service.appraise(challenge, runtime_data(challenge), [
        evidence_of("snp", report, endorsements=[b64(vector(certificate))])],
                              test_bound_data=report[0x50:0x90].hex(), **more)
    equal(answer.status, 201, repr(answer))
    return answer.json()


def replay(**body):
    answer = service.post("/v1/attestation/replay", body, token=service.token)
    equal(answer.status, 200, repr(answer))
    return answer.json()


def bundle(appraisal):
    answer = service.get(f"/v1/attestation/appraisals/{appraisal['appraisalId']}?bundle=1",
                         token=service.token)
    equal(answer.status, 200, repr(answer))
    return answer.body


def all_same(what):
    rows = service.ok("/v1/attestation/appraisals?limit=100", token=service.token)["items"]
    equal(len(rows), len(made), "appraisals")
    for row in rows:
        report = replay(appraisalId=row["appraisalId"])
        equal((report["outcome"], report["differences"]), ("same", []), what)
    for appraisal in made:
        again = service.ok(f"/v1/attestation/appraisals/{appraisal['appraisalId']}",
                           token=service.token)
        equal(again["ear"], appraisal["ear"], what)
        equal([s for s in again["steps"]], appraisal["steps"], what)


def offline(text, *flags):
    path = os.path.join(kit.scratch(), "bundle.json")
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else json.dumps(text).encode())
    return kit.lucid("verifier", "replay", path, "--json", *flags)


reference = service.put("references", {
    "type": "lucid.attestation.reference/v1", "name": "guests",
    "environment": {"type": "snp"},
    "measurements": [{"mkey": "launch", "alg": "sha384",
                      "digest": [vector("snp/milan-v2-vcek.report.bin")[0x90:0xC0].hex()]}]})
policy = service.put("policies", kit_attest.policy("with references", references=[reference]))
made = [
    service.attest(agent),
    service.attest(agent, policy_id=policy),
    recorded("snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der"),
    recorded("snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der", policyId=policy),
    recorded("snp/gosev-milan.report.bin", "snp/gosev-milan.vcek.der"),
    recorded("snp/v3-vlek.report.bin", "snp/v3-vlek.vlek.der", test_time=1740000000),
]

with kit.case("every stored appraisal replays to the same claims"):
    equal([appraisal["status"] for appraisal in made],
          ["warning", "warning", "warning", "affirming", "contraindicated", "contraindicated"])
    all_same("at once")

with kit.case("after a restart"):
    service.restart()
    all_same("restarted")

with kit.case("after another default policy, other roots and settings"):
    stricter = service.put("policies", kit_attest.policy(
        "stricter", unknownMeasurement="deny", config={"reportVersionMin": 5}))
    service.restart(verifier_default_policy=stricter, verifier_mock_roots=kit_attest.MOCK_ROOT,
                    verifier_result_seconds=60)
    all_same("another policy")
    made.append(recorded("snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der"))
    equal(made[-1]["status"], "contraindicated")

with kit.case("by another build of the module"):
    builds = service.ok("/.well-known/lucid-verifier")["build"]
    service.settings["plugins_dir"] = os.path.dirname(OTHER)
    service.restart()
    other = service.ok("/.well-known/lucid-verifier")["build"]
    assert other != builds, other
    all_same("another build")
    made.append(recorded("snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der"))
    record = service.ok(f"/v1/attestation/appraisals/{made[-1]['appraisalId']}",
                        token=service.token)["record"]
    equal(record["verifier"]["build"], other)
    service.settings["plugins_dir"] = kit_attest.PLUGINS
    service.restart()
    all_same("both builds")

with kit.case("results in the older spelling replay as well"):
    service.restart(verifier_ear_spelling="veraison", verifier_default_policy=policy)
    made.append(recorded("snp/milan-v2-vcek.report.bin", "snp/milan-v2-vcek.vcek.der"))
    claims = service.result(made[-1]["ear"])
    equal(claims["eat_profile"], "tag:github.com,2023:veraison/ear")
    equal(claims["submods"]["cpu0"]["ear.status"], "affirming")
    all_same("older spelling")
    service.restart()

with kit.case("a table folded anew knows the same appraisals"):
    service.stop()
    before = kit.run_lucid("log", "fsck", "--data", service.data, "--plugins", "verifier",
                           "--plugins-dir", kit_attest.PLUGINS)
    assert before, "fsck says something"
    service.start()
    all_same("checked")

jwks = os.path.join(kit.scratch(), "jwks.json")
with open(jwks, "wb") as out:
    out.write(service.get("/.well-known/jwks.json").body)

with kit.case("bundles replay offline: 0 with the key, 4 without"):
    for appraisal in made:
        text = bundle(appraisal)
        status, out, err = offline(text, "--key", jwks)
        equal((status, json.loads(out)["outcome"]), (0, "same"), err)
        equal(json.loads(out)["recordId"], appraisal["appraisalId"])
        status, out, _ = offline(text)
        equal((status, json.loads(out)["outcome"]), (4, "unknown-key"))
    for body in ({"bundle": json.loads(bundle(made[0]))}, json.loads(bundle(made[0]))):
        equal(replay(**body)["outcome"], "same")
    problem(service.post("/v1/attestation/replay", {**body, "type": "x"}, token=service.token), 422,
            "INVALID_BUNDLE", "type")

vkey = os.path.join(service.data, "vkey")


def logged(bundled, *flags):
    """Exit code, and what is said of entry, inclusion and checkpoint; the claims are the same."""
    status, out, err = offline(bundled, "--key", jwks, *flags)
    report = json.loads(out)
    equal(report["outcome"], "same", err)
    return status, tuple(report["logged"][part] for part in ("entry", "inclusion", "checkpoint"))


def flipped(text, at):
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1:]


OPEN, GOOD, BAD = "not checked", "ok", "failed"
kit.wait_for(lambda: b'"proof":' in bundle(made[1]), what="a head that covers two")

with kit.case("offline: that the record was logged, by its proof and the log's key"):
    whole = json.loads(bundle(made[0]))
    equal(logged(whole, "--vkey-file", vkey), (0, (GOOD, GOOD, GOOD)))
    with open(vkey, encoding="utf-8") as key:
        equal(logged(whole, "--vkey", key.read().strip(), "-R"), (0, (GOOD,) * 3))
    equal(logged(whole), (0, (GOOD, OPEN, OPEN)))
    path = os.path.join(kit.scratch(), "whole.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(whole, file)
    _, _, said = kit.lucid("verifier", "replay", path, "-k", jwks)
    assert b"checkpoint not checked: the log's key was not given" in said, said
    equal(logged(whole, "--require-logged"), (4, (GOOD, OPEN, OPEN)))
    equal(logged(json.loads(bundle(made[1])), "--vkey-file", vkey), (0, (GOOD,) * 3))

with kit.case("offline: a proof taken out, another log's key: not checked, 4 when it is asked for"):
    bare = {name: value for name, value in whole.items() if name != "proof"}
    for proof in (bare, dict(bare, proof=None)):
        equal(logged(proof), (0, (OPEN,) * 3))
        equal(logged(proof, "--vkey-file", vkey), (4, (OPEN,) * 3))
        equal(logged(proof, "--require-logged"), (4, (OPEN,) * 3))
    raw = b"\x01" + bytes.fromhex(kit.ED25519.public(b"another log's key".ljust(32)))
    key_id = hashlib.sha256(service.vkey.name.encode() + b"\n" + raw).hexdigest()[:8]
    other = f"{service.vkey.name}+{key_id}+{b64(raw)}"
    equal(logged(whole, "--vkey", other), (4, (GOOD, OPEN, OPEN)))
    unheaded = dict(whole, proof=dict(whole["proof"], checkpoint=None))
    equal(logged(unheaded, "--vkey-file", vkey), (4, (GOOD, OPEN, OPEN)))
    equal(offline(whole, "--key", jwks, "--vkey", "no key")[0], 2)

with kit.case("offline: a proof of something else fails, whatever the claims are"):
    borrowed = dict(whole, proof=json.loads(bundle(made[1]))["proof"])
    equal(logged(borrowed, "--vkey-file", vkey), (1, (BAD, GOOD, GOOD)))
    equal(logged(borrowed), (1, (BAD, OPEN, OPEN)))
    for at in (0, 64, 128, 255):  # record, key, signature; the leaf is made to fit
        proof = dict(whole["proof"], entry=flipped(whole["proof"]["entry"], at))
        proof["leaf_hash"] = kit_tree.leaf_hash(bytes.fromhex(proof["entry"])).hex()
        equal(logged(dict(whole, proof=proof)), (1, (BAD, OPEN, OPEN)), at)
        equal(logged(dict(whole, proof=proof), "--vkey-file", vkey), (1, (BAD, BAD, GOOD)), at)
    path = [flipped(whole["proof"]["path"][0], 7)] + whole["proof"]["path"][1:]
    for change in ({"path": path}, {"path": path[1:]},
                   {"tree_size": whole["proof"]["tree_size"] + 1}):
        proof = dict(whole["proof"], **change)
        equal(logged(dict(whole, proof=proof), "-f", vkey), (1, (GOOD, BAD, GOOD)), change)
    note = whole["proof"]["checkpoint"]
    proof = dict(whole["proof"], checkpoint=flipped(note, note.rindex("\u2014 ") + len(
        service.vkey.name) + 30))
    equal(logged(dict(whole, proof=proof), "-f", vkey), (1, (GOOD, OPEN, BAD)))
    for proof in ({}, [], "text", {"entry": 1}):
        equal(logged(dict(whole, proof=proof), "-f", vkey)[0], 1)
    more = copy.deepcopy(whole)
    more["record"]["collateral"].append(
        {"key": "nothing/asks/for/it", "digest": whole["record"]["runtimeData"], "importedAt": 1})
    equal(logged(more), (1, (BAD, OPEN, OPEN)))

with kit.case("a record that says more beside the same claims is not the one that is logged"):
    whole = json.loads(bundle(made[0]))
    equal(replay(bundle=whole)["logged"], True)
    equal(replay(appraisalId=made[0]["appraisalId"])["logged"], True)
    whole["record"]["collateral"].append(
        {"key": "nothing/asks/for/it", "digest": whole["record"]["runtimeData"], "importedAt": 1})
    report = replay(bundle=whole)
    equal((report["outcome"], report["logged"]), ("same", False))
    assert report["recordId"] != made[0]["appraisalId"]

with kit.case("a changed bundle differs, and it is said where"):
    whole = json.loads(bundle(made[3]))
    later = copy.deepcopy(whole)
    later["record"]["received"] += 1
    status, out, _ = offline(later, "--key", jwks)
    report = json.loads(out)
    equal(status, 1, out)
    assert report["outcome"] != "same" and report["differences"], report
    assert any("iat" in item["pointer"] for item in report["differences"]), report
    equal(replay(bundle=later)["outcome"], report["outcome"])

with kit.case("a bundle whose parts are not what the record names is refused"):
    for change in ("drop", "swap"):
        broken = copy.deepcopy(whole)
        digest = broken["record"]["evidences"][0]["evidence"]
        if change == "drop":
            del broken["blobs"][digest]
        else:
            broken["blobs"][digest] = b64(b"other")
        status, out, _ = offline(broken, "--key", jwks)
        equal((status, json.loads(out)["error"]["code"]), (1, "INCOMPLETE_BUNDLE"))
    token = copy.deepcopy(whole)
    token["ear"] = made[2]["ear"]
    status, out, _ = offline(token, "--key", jwks)
    equal(status, 1, out)
    status, _, _ = offline(b'{"type":"other"}', "--key", jwks)
    equal(status, 1)

with kit.case("replay by id: of this log, not of another"):
    answer = service.post("/v1/attestation/replay", {"appraisalId": "0" * 64},
                          token=service.token)
    kit.problem(answer, 404, "NOT_FOUND")
    answer = service.post("/v1/attestation/replay", {}, token=service.token)
    kit.problem(answer, 422, "INVALID_REQUEST", "bundle")
    assert canonical(whole["record"]), "a record"

service.stop()
agent.stop()
kit.done()
