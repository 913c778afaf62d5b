#!/usr/bin/env python3
"""Attestation results of a running service, for readers that others wrote.

usage: ear_tokens.py BUILD FOLDER

Writes one result of a mock quote and one of a recorded SEV-SNP report in each spelling
(FOLDER/draft04-mock.jwt, draft04-snp.jwt, veraison-mock.jwt …), NAME-forged.jwt (claims that say
`affirming` under another's signature), key.json (the JWK that signed them, of the service's set),
other.json (a key that signed nothing), rotated-mock.jwt (signed by the next key), jwks.json (the
set after that rotation) and expected.json (what a reader is to find)."""

import json
import os
import sys

BUILD, FOLDER = (os.path.abspath(path) for path in sys.argv[1:3])
os.environ["LUCID_BUILD"] = BUILD
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import kit  # noqa: E402 pylint: disable=wrong-import-position
import kit_attest  # noqa: E402 pylint: disable=wrong-import-position


def write(name, data):
    with open(os.path.join(FOLDER, name), "w", encoding="ascii") as file:
        file.write(data if isinstance(data, str) else json.dumps(data))


def snp(service):
    """The result about a recorded report."""
    report = kit_attest.vector("snp/milan-v2-vcek.report.bin")
    policy = service.put("policies", kit_attest.policy(
        "interop", allowMeasurements=[report[0x90:0xC0].hex()]))
    challenge = service.challenge(types=("snp",))
    answer = service.appraise(
        challenge, kit_attest.runtime_data(challenge),
        [kit_attest.evidence_of("snp", report, endorsements=[
            kit_attest.b64(kit_attest.vector("snp/milan-v2-vcek.vcek.der"))])],
        policyId=policy, test_bound_data=report[0x50:0x90].hex())
    kit.equal(answer.status, 201, repr(answer))
    return answer.json()["ear"]


def altered(token):
    """The same header and signature over claims that say `affirming` everywhere."""
    header, claims, signature = token.split(".")
    text = kit_attest.b64url_read(claims).replace(b'"warning"', b'"affirming"')
    return ".".join((header, kit_attest.b64url(text), signature))


def found(token, spelling, kind):
    """What a reader is to find in a result."""
    claims = json.loads(kit_attest.jws_parts(token)[1])
    mod = claims["submods"]["cpu0"]
    dot, join = ("ear_", "_") if spelling == "draft04" else ("ear.", "-")
    return {
        "iat": claims["iat"], "build": claims[f"{dot}verifier{join}id"]["build"],
        "developer": claims[f"{dot}verifier{join}id"]["developer"],
        "status": {"mock": "warning", "snp": "affirming"}[kind],
        "vector": mod[f"{dot}trustworthiness{join}vector"],
        "publicKey": kit_attest.Workload().public.hex() if kind == "mock" else "",
    }


def rotate(service):
    """The plugin's key is exchanged; what was signed before stays as it is."""
    service.stop()
    kit.run_lucid("plugin", "rotate-key", "verifier", "--data", service.data)
    service.restart(verifier_ear_spelling="draft04")


def main():
    agent = kit_attest.Agent()
    service = kit_attest.Verifier(test=True, roots=(agent.root,))
    expected = {}
    for spelling in ("draft04", "veraison"):
        service.restart(verifier_ear_spelling=spelling)
        for kind, token in (("mock", service.attest(agent)["ear"]), ("snp", snp(service))):
            write(f"{spelling}-{kind}.jwt", token)
            expected[f"{spelling}-{kind}"] = found(token, spelling, kind)
            if kind == "mock":
                write(f"{spelling}-forged.jwt", altered(token))
    kid = kit_attest.jws_parts(token)[0]["kid"]
    keys = service.ok("/.well-known/jwks.json")["keys"]
    write("key.json", [key for key in keys if key["kid"] == kid][0])
    write("other.json", [key for key in keys if key["kid"] != kid][0])
    rotate(service)
    token = service.attest(agent)["ear"]
    write("rotated-mock.jwt", token)
    expected["rotated-mock"] = found(token, "draft04", "mock")
    write("jwks.json", service.get("/.well-known/jwks.json").body.decode())
    write("expected.json", expected)
    service.stop()
    agent.stop()


main()
