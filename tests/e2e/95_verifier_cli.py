#!/usr/bin/env python3
"""lucid verifier: attest, appraise, read, replay, explain, policies, claims, interactions, import;
fetch from a stand-in for AMD's key distribution service that asks to wait."""

import hashlib
import http.server
import json
import os
import re
import threading

import kit
import kit_attest
from kit import equal
from kit_attest import vector
from kit_receipts import canonical

agent = kit_attest.Agent()
service = kit_attest.Verifier(test=True, roots=(agent.root, kit_attest.MOCK_ROOT))
folder = kit.scratch()
key = kit_attest.Workload().public.hex()
TOKEN = {"LUCID_TOKEN": service.token}


def run(*arguments, want=0, env=None, **more):
    """Standard output of `lucid verifier …` against the service."""
    status, out, err = kit.lucid("verifier", *arguments, "--url",
                                 f"http://127.0.0.1:{service.port}", env={**TOKEN, **(env or {})},
                                 **more)
    equal(status, want, f"{arguments}: {out!r} {err!r}")
    return out


def run_json(*arguments, **more):
    return json.loads(run(*arguments, "--json", **more))


def keep(name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


with kit.case("attest: challenge, agent, appraisal in one command"):
    made = run_json("attest", "--agent", agent.url, "-a", kit_attest.AUDIENCE, "-k", key, "-T",
                    "mock", "--ear", os.path.join(folder, "result.jwt"))
    equal((made["status"], made["mock"]), ("warning", True))
    with open(os.path.join(folder, "result.jwt"), encoding="ascii") as result:
        equal(result.read(), made["ear"])
    bound = service.result(made["ear"])["lucid.appraisal"]["binding"]["publicKey"]
    equal(bound, kit_attest.Workload().jwk)
    text = run("attest", "--agent", agent.url, "-a", "me", "-k", key, "-T", "mock").decode()
    assert "warning" in text and "configuration.ok" in text, text
    run("attest", "--agent", "http://127.0.0.1:9", "-a", "me", "-k", key, "-T", "mock", want=3)
    run("attest", "--agent", agent.url, "-a", "me", "-T", "mock", want=2)

with kit.case("challenge and appraise: in two steps, with a workload"):
    workload = keep("workload.json", {"container": {"digest": "sha256:" + "ab" * 32}})
    session = run_json("challenge", "-a", "me", "-k", key, "-w", workload, "-T", "mock")
    data = bytes.fromhex(session["reportData"])
    runtime = kit_attest.base64.b64decode(session["runtimeData"])
    equal(data, hashlib.sha384(runtime).digest() + bytes(16))
    quote = keep("quote", agent.evidence(data))
    two = run_json("appraise", "-s", keep("session.json", session), "-e", quote, "-T", "mock")
    equal(two["status"], "warning")
    run("appraise", "-s", keep("session.json", session), "-e", quote, "-T", "mock", want=1)

with kit.case("attest --keep, then appraise: the key is the file that keygen wrote"):
    out = kit.lucid("keygen")[1]
    secret = keep("worker.key", out)
    os.chmod(secret, 0o600)
    kept = os.path.join(folder, "evidence.json")
    attest = ("attest", "--agent", agent.url, "-a", "me", "-k", secret, "-T", "mock", "-K", kept)
    equal(run(*attest).decode(), kept + "\n")
    equal(os.stat(kept).st_mode & 0o777, 0o600)
    three = run_json("appraise", "-s", kept)
    equal((three["status"], three["mock"]), ("warning", True))
    public = bytes.fromhex(out.split(b"signer_pubkey ")[1].decode().strip())
    bound = service.result(three["ear"])["lucid.appraisal"]["binding"]["publicKey"]
    equal(bound, {"crv": "Ed25519", "kty": "OKP", "x": kit_attest.b64url(public)})
    equal(run_json(*attest)["type"], "mock")
    with open(kept, "rb") as file:
        session = json.load(file)
    run("appraise", "-s", keep("x.json", {**session, "evidence": "?"}), want=1)
    del session["evidence"]
    run("appraise", "-s", keep("x.json", session), want=2)
    for public_file in (f"{public.hex()}\n".encode(), canonical(bound)):
        run("challenge", "-a", "me", "-k", keep("worker.pub", public_file), "-T", "mock")
    os.chmod(secret, 0o644)
    run(*attest, want=2)  # a secret that others may read is not read as a key
    run("attest", "-a", "me", "-k", keep("k.json", b'"no key"'), "-T", "mock", want=2)

with kit.case("a debug report: exit 1, and why in words"):
    session = keep("snp.json", run_json("challenge", "-a", "me", "-k", key))
    report = vector("snp/gosev-milan.report.bin")
    debug = run_json("appraise", "-s", session, "-e", keep("debug.bin", report), "-E",
                     keep("debug.der", vector("snp/gosev-milan.vcek.der")), "--test-bound-data",
                     report[0x50:0x90].hex(), want=1)
    equal(debug["status"], "contraindicated")
    text = run("explain", debug["appraisalId"]).decode()
    assert "contraindicated" in text and "debug" in text, text

with kit.case("list, show, bundle, replay, explain"):
    rows = run_json("list")["items"]
    equal([row["appraisalId"] for row in rows][0], debug["appraisalId"])
    shown = run_json("show", made["appraisalId"])
    equal(shown["ear"], made["ear"])
    assert b"mock" in run("show", made["appraisalId"])
    kit.wait_for(lambda: b'"proof":' in run("bundle", made["appraisalId"]), what="a head")
    bundle = keep("bundle.json", run("bundle", made["appraisalId"]))
    keys = keep("jwks.json", service.get("/.well-known/jwks.json").body)
    equal(run_json("replay", "-k", keys, bundle)["outcome"], "same")
    run("replay", "-k", "00" * 32, bundle, want=4)
    equal(run_json("replay", made["appraisalId"])["outcome"], "same")
    vkey = os.path.join(service.data, "vkey")
    text = run("replay", "-k", keys, "-f", vkey, bundle).decode()
    for part in ("entry", "inclusion", "checkpoint"):
        assert any(line.split() == [f"logged.{part}", "ok"] for line in text.splitlines()), text
    run("replay", "-f", vkey, made["appraisalId"], want=2)
    run("replay", "-R", made["appraisalId"], want=2)
    assert "mock" in run("explain", bundle).decode()
    assert "record" not in made, made
    equal(run("explain", keep("answer.json", made)), run("explain", bundle))
    run("replay", keep("no.json", b"{}"), want=1)
    run("show", "0" * 64, want=1)

with kit.case("policies and reference sets: sign, put, list, show"):
    seed = service.document_seed
    secret = keep("policy.key", (seed.hex() + kit.ED25519.public(seed)).encode())
    os.chmod(secret, 0o600)
    guests = keep("guests.json", {
        "type": "lucid.attestation.reference/v1", "name": "guests", "environment": {"type": "snp"},
        "measurements": [{"mkey": "launch", "alg": "sha384", "digest": ["ab" * 48]}]})
    signed = keep("guests.signed.json", run("reference", "sign", "-k", secret, guests))
    reference = run_json("reference", "put", signed)["id"]
    equal(reference, "sha256:" + hashlib.sha256(
        run("reference", "sign", "-k", secret, guests).strip()).hexdigest())
    policy = keep("policy.json", {"type": "lucid.attestation.policy/v1", "name": "cli",
                                  "types": ["snp"], "references": [reference]})
    signed = keep("policy.signed.json", run("policy", "sign", "-k", secret, policy))
    policy_id = run_json("policy", "put", signed)["id"]
    equal([row["id"] for row in run_json("policy", "list")["items"]], [policy_id])
    equal(json.loads(run("policy", "show", policy_id))["name"], "cli")
    wrong = keep("wrong.json", {"type": "lucid.attestation.policy/v1", "name": "x",
                                "requireCRL": True})
    run("policy", "sign", "-k", secret, wrong, want=1)
    unsure = keep("unsure.json", {"type": "lucid.attestation.policy/v1", "name": "x",
                                  "requiredClaims": [{"name": "a", "minConfidence": 1}]})
    run("policy", "sign", "-k", secret, unsure, want=1)
    run("policy", "sign", want=2)
    run("policy", "erase", want=2)

# --- auditors -------------------------------------------------------------------------------------

STEERS = "a\x9b2J\u202e"
SUBJECT = {"traceId": "t-1", "requestHash": "11" * 32, "responseHash": "22" * 32}


def auditor_key(name):
    """A key file as `lucid keygen` writes it, and what a policy says of its owner."""
    seed = hashlib.sha256(b"cli auditor " + name.encode()).digest()
    public = kit.ED25519.public(seed)
    path = keep(f"{name}.key", (seed.hex() + public).encode())
    os.chmod(path, 0o600)
    return path, {"id": name, "publicKey": kit_attest.b64(bytes.fromhex(public))}


def claims_file(name, phase, decision="proceed", more=None, **values):
    """Claims as a person writes them: what is the same in all documents is left out."""
    return keep(f"{name}.json", {
        "auditor": {"id": name}, "phase": phase, "decision": decision, "subject": SUBJECT,
        "claims": [{"name": claim, "type": "other", "value": value}
                   for claim, value in values.items()], **(more or {})})


with kit.case("claims: made and signed from the command line, appraised, read"):
    keys, auditors = zip(*(auditor_key(name) for name in ("pii", "tone")))
    rules = keep("rules.json", {
        "type": "lucid.attestation.policy/v1", "name": "rules", "auditors": auditors, "rules": [
            {"id": "no-pii", "phase": "request", "deny_when": {"claim": "found", "equals": True},
             "message": STEERS},
            {"id": "calm", "phase": "response",
             "require": {"claim": "toxicity", "lessThan": "0.2"}}]})
    rules_id = run_json("policy", "put", keep("rules.signed.json", run(
        "policy", "sign", "-k", secret, rules)))["id"]
    out = run("claims", "sign", "-k", keys[0], claims_file("pii", "request", found=False))
    document = json.loads(out)
    equal(out, canonical(document) + b"\n")
    equal((document["type"], document["schemaVersion"], document["claims"][0]["timestamp"]),
          ("lucid.attestation.claims/v1", "1.0", document["issuedAt"]))
    pii = keep("pii.signed.json", out)
    tone = keep("tone.signed.json", run("claims", "sign", "-k", keys[1], claims_file(
        "tone", "response", toxicity="0.1")))
    token = os.path.join(folder, "claims.jwt")
    answer = run_json("claims", "submit", "-p", rules_id, "-o", token, pii, tone)
    equal((answer["status"], answer["decision"]), ("affirming", "proceed"))
    with open(token, encoding="ascii") as result:
        equal(result.read(), answer["ear"])
    text = run("claims", "submit", "-p", rules_id, pii, tone).decode()
    for row in (["pii", "request", "proceed", "affirming", "false"], ["no-pii", "pass"]):
        assert any(line.split()[:len(row)] == row for line in text.splitlines()), (row, text)
    equal(run_json("claims", "show", answer["claimsId"])["record"], answer["record"])
    assert b"no-pii" in run("show", answer["claimsId"])
    assert answer["claimsId"] in [row["claimsId"] for row in run_json("claims", "list")["items"]]
    equal(run_json("replay", answer["claimsId"])["outcome"], "same")
    assert b"no-pii: pass" in run("explain", answer["claimsId"])
    beside = run_json("claims", "submit", "-p", rules_id, "-A", made["appraisalId"], pii, tone)
    equal((beside["status"], beside["mock"]), ("warning", True))

with kit.case("claims: the exit code is the verdict's; a nonce; what is refused before it is sent"):
    denied = keep("denied.json", run("claims", "sign", "-k", keys[0], claims_file(
        "pii", "request", found=True)))
    run("claims", "submit", "-p", rules_id, denied, want=1)
    nothing = keep("nothing.json", run("claims", "sign", "-k", keys[0], claims_file(
        "pii", "execution", steps=3)))
    run("claims", "submit", "-p", rules_id, nothing, want=4)
    run("claims", "submit", "-p", rules_id, claims_file("pii", "request", found=False), want=1)
    session = keep("claims.session", run_json("challenge", "-a", "me", "-k", key))
    fresh = keep("fresh.json", run("claims", "sign", "-s", session, "-k", keys[0], claims_file(
        "pii", "request", found=False)))
    run("claims", "submit", "-s", session, "-p", rules_id, pii, want=1)  # another's nonce
    bound = run_json("claims", "submit", "-s", session, "-p", rules_id, fresh)
    equal(bound["record"]["documents"][0]["steps"][3]["code"], "freshness.bound")
    run("claims", "submit", "-s", session, "-p", rules_id, fresh, want=1)  # it is used up
    for wrong in ({"phase": "input_gate"}, {"evidence_id": "x"}, {"claims": []}):
        run("claims", "sign", "-k", keys[0], claims_file("pii", "request", found=1, more=wrong),
            want=1)
    run("claims", "sign", pii, want=2)
    run("claims", "submit", want=2)
    run("claims", "submit", *[pii] * 17, want=2)
    run("claims", "erase", want=2)

with kit.case("interaction: a chain made offline of signed claims, logged, read"):
    record = run("interaction", "make", pii, tone)
    chain = json.loads(record)
    equal(record, canonical(chain) + b"\n")
    equal((chain["id"], chain["traceId"], chain["requestHash"], chain["responseHash"]),
          ("t-1", "t-1", "11" * 32, "22" * 32))
    logged = run_json("interaction", "submit", keep("chain.json", record))
    equal(logged["record"], chain)
    assert b"tone" in run("interaction", "show", logged["interactionId"])
    equal([row["traceId"] for row in run_json("interaction", "list")["items"]], ["t-1"])
    named = json.loads(run("interaction", "make", "-i", "i-7", "-P", "pass-1", pii, tone))
    equal((named["id"], named["passportId"], named["chainHash"]),
          ("i-7", "pass-1", chain["chainHash"]))
    run("interaction", "make", tone, pii, want=1)
    run("interaction", "make", "-t", "t-2", pii, tone, want=1)
    run("interaction", "make", "-r", "11", pii, tone, want=2)
    untold = keep("untold.json", run("claims", "sign", "-k", keys[0], claims_file(
        "pii", "request", found=False, more={"subject": {"traceId": "t-1"}})))
    run("interaction", "make", "-R", "22" * 32, untold, want=2)
    run("interaction", "make", "-r", "11" * 32, "-R", "22" * 32, untold)
    del chain["auditors"][1]
    run("interaction", "submit", keep("cut.json", chain), want=1)

with kit.case("no document of a stranger steers a terminal"):
    unseen = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
    steers = claims_file("pii", "request", found=True, text=STEERS)
    out = run("claims", "sign", "-k", keys[0], steers)
    assert STEERS in out.decode(), "to a file it goes as it was signed"
    steered = run_json("claims", "submit", "-p", rules_id, keep("steers.signed.json", out), want=1)
    env = {**TOKEN, "LUCID_URL": f"http://127.0.0.1:{service.port}"}
    for words in (("claims", "sign", "-k", keys[0], steers), ("bundle", steered["claimsId"]),
                  ("claims", "show", steered["claimsId"], "--json"),
                  ("claims", "show", steered["claimsId"]), ("policy", "show", rules_id)):
        text = kit.terminal("verifier", *words, env=env)
        assert not unseen.search(text), (words, text)
        assert "2J" in text, words

# --- collateral -----------------------------------------------------------------------------------


class Kds(http.server.BaseHTTPRequestHandler):
    """AMD's service, as far as it is needed: each address asks to wait once."""

    seen = []
    VCEK = ("/vcek/v1/Milan/" + vector("snp/milan-v2-vcek.report.bin")[0x1A0:0x1E0].hex() +
            "?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115")
    TURIN = ("/vcek/v1/Turin/59790fb1c39f35c1"
             "?fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=81")
    ZEN4C = ("/vcek/v1/Genoa/" + vector("snp/zen4c-v5-vcek.report.bin")[0x1A0:0x1E0].hex() +
             "?blSPL=10&teeSPL=00&snpSPL=27&ucodeSPL=27")
    FILES = {VCEK: "snp/milan-v2-vcek.vcek.der", "/vcek/v1/Milan/crl": "synthetic/crl-good.der",
             "/vlek/v1/Milan/crl": "synthetic/crl-newer.der",
             TURIN: "snp/turin-v5-vcek.vcek.pem", ZEN4C: "snp/zen4c-v5-vcek.vcek.der"}

    def do_GET(self):  # pylint: disable=invalid-name
        Kds.seen.append(self.path)
        if self.path not in Kds.FILES:
            self.send_response(404)
            self.end_headers()
        elif Kds.seen.count(self.path) == 1:
            self.send_response(429)
            self.send_header("Retry-After", "1")
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(vector(Kds.FILES[self.path]))

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kds)
threading.Thread(target=server.serve_forever, daemon=True).start()
KDS = f"http://127.0.0.1:{server.server_port}"

with kit.case("import: what is AMD's is kept, other certificates are not"):
    good = keep("vcek.der", vector("snp/milan-v2-vcek.vcek.der"))
    bad = keep("bad.der", vector("snp/neg-vcek-invalid-new.der"))
    assert b"snp/vcek/Milan/" in run("import", good)
    run("import", bad, want=1)
    equal([row["current"] for row in run_json("collateral")["items"]], [True])

with kit.case("fetch: the certificate of a report, waiting as it is asked to"):
    report = keep("report.bin", vector("snp/milan-v2-vcek.report.bin"))
    run("fetch", report, "--kds", KDS, want=2)  # version 2 names no product
    run("fetch", report, "-p", "Milan", "--kds", KDS, "-o", folder, "--crl")
    equal(Kds.seen, [Kds.VCEK] * 2 + ["/vcek/v1/Milan/crl"] * 2)
    names = sorted(name for name in os.listdir(folder) if name.startswith("Milan-"))
    equal(names, ["Milan-crl.der", "Milan-vcek-" + Kds.VCEK[15:31] + ".der"])
    with open(os.path.join(folder, names[1]), "rb") as file:
        equal(file.read(), vector("snp/milan-v2-vcek.vcek.der"))
    assert b"snp/vcek/Milan/" in run("fetch", report, "-p", "Milan", "--kds", KDS, "--import")
    run("fetch", "-p", "Genoa", "--crl", "--kds", KDS, want=1)
    run("fetch", "-p", "Milan", "--crl", "--vlek", "--kds", KDS, "-o", folder)
    equal(Kds.seen[-2:], ["/vlek/v1/Milan/crl"] * 2)
    with open(os.path.join(folder, names[0]), "rb") as file:
        equal(file.read(), vector("synthetic/crl-newer.der"))
    for wrong in (("-p", "Milan", "--vlek"), (report, "-p", "Milan", "--crl", "--vlek")):
        run("fetch", *wrong, "--kds", KDS, want=2)
    Kds.seen.clear()
    run("fetch", "-p", "Milan", "--crl", "--tries", "1", "--kds", KDS, "-o", folder, want=3)

with kit.case("fetch for Turin, by its own address, and for Zen 4c, which is Genoa"):
    for name, asked in (("turin-v5", Kds.TURIN), ("zen4c-v5", Kds.ZEN4C)):
        Kds.seen.clear()
        report = keep("newer.bin", vector(f"snp/{name}-vcek.report.bin"))
        product = asked.split("/")[3]
        said = run("fetch", report, "--kds", KDS, "--import", "--test-time", "1775000000")
        assert f"snp/vcek/{product}/".encode() in said, said
        equal(Kds.seen, [asked] * 2)
    rows = run_json("collateral")["items"]
    equal(rows, service.walk("/v1/attestation/collateral")[::-1])
    said = rows[1]["key"]
    chip = vector("snp/turin-v5-vcek.report.bin")[0x1A0:0x1E0].hex()
    equal(said, f"snp/vcek/Turin/{chip}/0101010400000051")
    report = keep("report.bin", vector("snp/milan-v2-vcek.report.bin"))

with kit.case("fetch through the environment's proxy, which never sees what goes to the service"):
    far = "http://kds.example"
    Kds.FILES = {far + Kds.VCEK: Kds.FILES[Kds.VCEK]}  # a proxy is asked for the whole address
    Kds.seen.clear()
    run("fetch", report, "-p", "Milan", "--kds", far, "--import",
        env={"http_proxy": KDS, "no_proxy": "", "NO_PROXY": ""})
    equal(Kds.seen, [far + Kds.VCEK] * 2)

server.shutdown()
service.stop()
agent.stop()
kit.done()
