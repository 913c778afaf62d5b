#!/usr/bin/env python3
"""A service with passports of mock and of recorded SEV-SNP evidence, for a browser: starts it,
issues, and runs live.mjs against it; again after one was revoked.

usage: live.py CHROMIUM WORK      LUCID_BUILD names the build"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "e2e"))

import kit
import kit_attest
from kit import case, equal
from kit_attest import b64, evidence_of, runtime_data, vector
from kit_passport import Passports, application

CHROMIUM, WORK = sys.argv[1:]
RECORDED_TIME = 1735689600  # 2025-01-01: the certificates of the recorded report are good


def browser(service, passport_id, name, outcome, checks):
    """What headline and checks of the page must come to; name: of its pictures."""
    url = f"http://127.0.0.1:{service.port}/passport/{passport_id}"
    done = subprocess.run(["node", os.path.join(WORK, "live.mjs"), CHROMIUM, WORK, url, name,
                           outcome, checks],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    equal(done.returncode, 0, done.stdout.decode())


def recorded(service):
    """The appraisal of a report that a Milan machine has made."""
    report = vector("snp/milan-v2-vcek.report.bin")
    policy = service.put("policies", kit_attest.policy(
        "recorded", allowMeasurements=[report[0x90:0xC0].hex()]))
    challenge = service.challenge(types=("snp",))
    evidence = evidence_of("snp", report)
    evidence["endorsements"] = [b64(vector("snp/milan-v2-vcek.vcek.der"))]
    answer = service.appraise(challenge, runtime_data(challenge), [evidence], policyId=policy,
                              test_bound_data=report[0x50:0x90].hex(), test_time=RECORDED_TIME)
    equal(answer.status, 201, repr(answer))
    return policy, answer.json()["appraisalId"]


# Everything that an operator can say, much of it left out of what is published.
FULL = application(
    "full", appName="Everything & <all>",
    endpoints=["https://full.example", "https://a.full.example"],
    container={"digest": "sha256:" + "ab" * 32, "registry": "registry.example/full"},
    auditors=[{"id": "pii", "name": "PII <filter>", "digest": "sha256:" + "cd" * 32},
              {"id": "bias", "name": "Bias"}],
    model={"name": "m-8b", "digest": "sha256:" + "ef" * 32},
    evidence={"teeAttestation": False, "routingProofs": False, "slsaProvenance": False,
              "modelFingerprint": True})
agent = kit_attest.Agent()
mock = Passports(application(), FULL, roots=(agent.root,), head_interval_ms=100)
passport_id = mock.issue([mock.environment_of(agent)["appraisalId"]])["passportId"]

with case("mock: amber, everything else holds"):
    browser(mock, passport_id, "mock", "warn",
            "page=pass,key=pass,signature=pass,times=pass,status=pass,log=pass,evidence=warn")

with case("everything that can be said, declared by the operator: the page says what it says"):
    full = mock.issue([mock.environment_of(agent)["appraisalId"]], application_name="full")
    equal(len(full["passport"]["auditors"]), 2)
    assert full["passport"]["omitted"], "something is left out"
    browser(mock, full["passportId"], "full", "warn",
            "page=pass,key=pass,signature=pass,status=pass,log=pass,supply_chain=warn,"
            "auditors=warn")

with case("revoked"):
    equal(mock.post(f"/v1/passports/{passport_id}/revoke", {"reason": "operatorRequest"},
                    token=mock.token).status, 201)
    browser(mock, passport_id, "revoked", "fail",
            "page=pass,signature=pass,status=fail,log=pass")

with case("recorded SEV-SNP evidence: amber for the test store"):
    test = Passports(test=True, head_interval_ms=100)
    policy, appraisal = recorded(test)
    test.stop()
    test.start(passport_policy=policy)
    given = test.issue([appraisal])
    equal(given["test"], True)
    browser(test, given["passportId"], "snp", "warn",
            "page=pass,key=pass,signature=pass,times=pass,status=pass,log=pass,evidence=warn")

kit.done()
