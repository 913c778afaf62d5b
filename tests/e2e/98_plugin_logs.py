#!/usr/bin/env python3
"""A log that holds a plugin's events, entries and blobs is a log as any other: backed up, restored,
checked, replayed, mirrored and exported; and the verdicts in it replay from every copy."""

import json
import os
import shutil

import kit
import kit_attest
from kit import case, equal
from kit_attest import b64, evidence_of, runtime_data, vector
from kit_receipts import Maker

WITH = ("--plugins", "verifier", "--plugins-dir", kit_attest.PLUGINS)
base = kit.scratch()
agent = kit_attest.Agent()
service = kit_attest.Verifier(test=True, roots=(agent.root,), head_interval_ms=100)


def at(name):
    return os.path.join(base, name)


def run(want, *arguments):
    """A command about a log: the JSON it prints."""
    status, out, err = kit.lucid("log", *arguments, "--json")
    equal(status, want, f"{arguments}: {out!r} {err!r}")
    return json.loads(out) if out else None


def recorded(policy):
    report = vector("snp/milan-v2-vcek.report.bin")
    challenge = service.challenge(types=("snp",))
    answer = service.appraise(challenge, runtime_data(challenge), [evidence_of(
        "snp", report, endorsements=[b64(vector("snp/milan-v2-vcek.vcek.der"))])],
                              policyId=policy, test_bound_data=report[0x50:0x90].hex())
    equal(answer.status, 201, repr(answer))
    return answer.json()


def same_verdicts(where):
    """Each stored appraisal is there with its token, and replays to the same claims."""
    for appraisal in made:
        path = f"/v1/attestation/appraisals/{appraisal['appraisalId']}"
        equal(where.ok(path, token=where.token)["ear"], appraisal["ear"])
        answer = where.post("/v1/attestation/replay", {"appraisalId": appraisal["appraisalId"]},
                            token=where.token)
        equal((answer.status, answer.json()["outcome"], answer.json()["differences"]),
              (200, "same", []), repr(answer))


policy_id = service.put("policies", kit_attest.policy("logged", allowMeasurements=[
    vector("snp/milan-v2-vcek.report.bin")[0x90:0xC0].hex()]))
signer = service.new_signer("s")
maker = Maker("98")
made = [service.attest(agent), recorded(policy_id), service.attest(agent, policy_id=policy_id)]
service.batch_ok(signer.seal_all(maker.bodies(5)))
made.append(recorded(policy_id))
bundle = service.get(f"/v1/attestation/appraisals/{made[1]['appraisalId']}?bundle=1",
                     token=service.token).body
head = service.covered(service.size())
jwks = at("jwks.json")
with open(jwks, "wb") as file:
    file.write(service.get("/.well-known/jwks.json").body)

with case("backup while serving; what is in it is checked with the plugin"):
    run(0, "backup", "--data", service.data, "--to", at("backup"), "--with-keys", *WITH)
    run(0, "fsck", "--data", at("backup"), *WITH)

with case("without the plugin nobody says that all is well: 4, cannot be decided"):
    status, out, err = kit.lucid("log", "fsck", "--data", at("backup"), "--json")
    equal(status, 4, repr((out, err)))
    assert b"attestation" in out + err or b"plugin" in out + err, (out, err)

with case("events replay to the same store"):
    run(0, "replay", "--data", at("backup"), "--check", *WITH)

with case("without the plugin a replay cannot be decided: 4, and the kinds that are not known"):
    for words in (("--check",), ("--to", at("without"))):
        status, out, err = kit.lucid("log", "replay", "--data", at("backup"), *words)
        equal(status, 4, repr((out, err)))
        assert b"attestation" in err and b"--plugins" in err, err
        assert b"DIFFERS" not in out and b"not what the events make" not in out, out
    report = run(4, "replay", "--data", at("backup"), "--check")
    equal(report["equal"], False)
    assert "attestation" in report["unknown_kinds"], str(report)

with case("restored, and served: the same verdicts from the restored log"):
    same_verdicts(service)
    size = service.size()
    service.stop()
    os.mkdir(at("other"))
    run(0, "restore", at("backup"), "--data", at("other/log"), *WITH)
    kit.run_lucid("log", "accept-head", "--data", at("other/log"), "--size", str(size))
    copy = kit_attest.Verifier(directory=at("other"), init=False, **service.settings)
    equal(copy.size(), size)
    same_verdicts(copy)
    equal(copy.get(f"/v1/attestation/appraisals/{made[1]['appraisalId']}?bundle=1",
                   token=copy.token).status, 200)
    run(0, "fsck", "--data", at("other/log"), *WITH)

with case("it goes on: another appraisal, entries after those of before"):
    service = copy
    later = recorded(policy_id)
    equal((later["status"], service.size()), ("affirming", size + 1))
    made.append(later)
    same_verdicts(service)



def mirror(want, *more):
    """Brings the copy up to date."""
    status, out, err = kit.lucid("log", "mirror", at("mirror"), "--url",
                                 f"http://127.0.0.1:{service.port}", "--vkey",
                                 os.path.join(service.data, "vkey"), "--json", *more,
                                 env={"LUCID_TOKEN": service.token})
    equal(status, want, repr((out, err)))
    return out, err


with case("mirror: a verified copy, also of entries and bodies that a plugin made"):
    service.covered(size + 1)
    mirror(0)
    equal(run(0, "info", "--data", at("mirror"))["size"], size + 1)
    # It keeps the events of plugins; their tables nobody has folded there.
    for more in ((), WITH):
        report = run(4, "fsck", "--data", at("mirror"), *more)
        equal(report["damage"], 0, str(report))

with case("mirror with the plugin: its tables are folded too, those of before among them"):
    mirror(1, "--plugins", "nobody", "--plugins-dir", kit_attest.PLUGINS)
    mirror(0, *WITH)
    report = run(0, "fsck", "--data", at("mirror"), *WITH)
    equal((report["damage"], report["undecided"], report["leaves"]), (0, 0, size + 1))
    equal(run(0, "replay", "--data", at("mirror"), "--check", *WITH)["equal"], True)
    made.append(recorded(policy_id))
    size += 1
    service.covered(size + 1)
    mirror(0, *WITH)
    run(0, "fsck", "--data", at("mirror"), *WITH)

with case("and goes on without it: then nobody says that its tables are good"):
    made.append(recorded(policy_id))
    size += 1
    service.covered(size + 1)
    mirror(0)
    equal(run(4, "fsck", "--data", at("mirror"), *WITH)["damage"], 0)
    rested = run(4, "replay", "--data", at("mirror"), "--to", at("rebuilt"), *WITH)
    equal((rested["resting_kinds"], rested["equal"]), ("attestation", False))
    status, out, err = kit.lucid("log", "replay", "--data", at("mirror"), "--check", *WITH)
    equal(status, 4, repr((out, err)))
    assert b"to be folded anew" in out and b"attestation" in err and b"DIFFERS" not in out, out
    report = run(0, "fsck", "--data", at("rebuilt"), *WITH)
    equal((report["damage"], report["undecided"], report["leaves"]), (0, 0, size + 1))

with case("export: the tiles hold the appraisals' entries"):
    run(0, "export", "--tiles", at("tiles"), "--data", service.data)
    names = sorted(os.path.relpath(os.path.join(folder, name), at("tiles"))
                   for folder, _, files in os.walk(at("tiles")) for name in files)
    entries = [name for name in names if name.startswith("tile/entries/")]
    assert entries, names
    whole = b"".join(open(at(os.path.join("tiles", name)), "rb").read() for name in entries)
    for appraisal in made:
        assert bytes.fromhex(appraisal["appraisalId"]) in whole, appraisal["appraisalId"]

with case("bundles of before replay offline, without any of this"):
    with open(at("bundle.json"), "wb") as file:
        file.write(bundle)
    out = kit.run_lucid("verifier", "replay", at("bundle.json"), "--key", jwks, "--json")
    equal(json.loads(out)["outcome"], "same")

with case("a store with a blob of a plugin changed is found out"):
    service.stop()
    shutil.copytree(service.data, at("broken"))
    store = at("broken/store/data.mdb")
    with open(store, "rb") as file:
        data = file.read()
    report_bytes = vector("snp/milan-v2-vcek.report.bin")
    where = data.find(report_bytes[:64])
    assert where >= 0, "the report's blob in the store"
    changed = data.replace(report_bytes[:64], report_bytes[:8] + b"\xff" + report_bytes[9:64])
    with open(store, "wb") as file:
        file.write(changed)
    status, out, err = kit.lucid("log", "fsck", "--data", at("broken"), "--json", *WITH)
    equal(status, 1, repr((out, err)))

agent.stop()

kit.done()
