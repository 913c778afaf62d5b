#!/usr/bin/env python3
"""Revocation lists of a mock's root: imported where mock is allowed, used by the next appraisal,
never replaced by an older one, gone when they are erased; and what was appraised with each replays
as it was. The lists are OpenSSL's."""

import hashlib
import os
import subprocess

import kit
import kit_attest
from kit import case, equal, problem
from kit_attest import b64, binding, evidence_of, runtime_data

PATH = "/v1/attestation/collateral"


class Authority:
    """OpenSSL's, for the root of an agent."""

    def __init__(self, agent):
        self.agent, self.folder = agent, kit.scratch()
        for name, text in (("index", ""), ("number", "01\n"), ("cnf", (
                "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\n"))):
            with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
                file.write(text)

    def run(self, *arguments):
        ended = subprocess.run(["openssl", "ca", "-config", "cnf", "-keyfile",
                                os.path.join(self.agent.keys, "root.key"), "-cert",
                                self.agent.root, *arguments], cwd=self.folder,
                               capture_output=True, check=False, timeout=60 * kit.SLOW)
        equal(ended.returncode, 0, ended.stderr)

    def list(self, days=30):
        """The next one, PEM."""
        self.run("-gencrl", "-crldays", str(days), "-out", "list.pem")
        with open(os.path.join(self.folder, "list.pem"), "rb") as file:
            return file.read()

    def revoke(self):
        self.run("-revoke", os.path.join(self.agent.keys, "ak.pem"))


agent, stranger = kit_attest.Agent(), kit_attest.Agent()
maker, other = Authority(agent), Authority(stranger)
service = kit_attest.Verifier(roots=(agent.root,))
none = kit_attest.Verifier(allow_mock=False)
made = []


def imported(item, to=service, token="", **more):
    return to.post(PATH, {"type": "mock", "item": item if isinstance(item, str) else item.decode(),
                          **more}, token=to.token if token == "" else token)


def digest(item):
    return "sha256:" + hashlib.sha256(item).hexdigest()


def revocation(policy=None):
    """Appraises: status, and what the step says."""
    answer = service.attest(agent, policy_id=policy)
    made.append(answer)
    step = next(step for step in answer["steps"] if step["step"] == "revocation")
    return answer["status"], step["outcome"], step["code"]


def used(appraisal):
    record = service.ok("/v1/attestation/appraisals/" + appraisal["appraisalId"],
                        token=service.token)["record"]
    return [item["digest"] for item in record["collateral"] if item["key"] == "mock/crl"]


demanding = service.put("policies", kit_attest.policy("lists", requireCrl=True,
                                                      maxCollateralAgeDays=1))
first = maker.list()

with case("taken where mock is allowed, from an administrator, and of a configured root only"):
    problem(imported(first, to=none), 422, "COLLATERAL_REFUSED", "type")
    problem(imported(first, token=None), 401, "UNAUTHORIZED")
    problem(imported(other.list()), 422, "COLLATERAL_REFUSED", "item")
    problem(imported("-----BEGIN X509 CRL-----"), 422, "COLLATERAL_REFUSED", "item")
    problem(imported(b64(b"0\x82")), 422, "COLLATERAL_REFUSED", "item")
    with open(agent.root, "rb") as file:
        problem(imported(file.read()), 422, "COLLATERAL_REFUSED", "item")
    problem(imported(first, product="Milan"), 422, "COLLATERAL_REFUSED", "product")
    problem(imported(first, type="tdx"), 422, "EVIDENCE_TYPE_UNKNOWN", "type")
    problem(imported(first, test_time=1), 422, "TEST_ONLY", "test_time")
    equal(service.ok(PATH, token=service.token)["items"], [])
    equal(revocation(), ("warning", "skipped", "revocation.no_crl"))
    equal(revocation(demanding), ("contraindicated", "fail", "revocation.no_crl"))



def brought(item, policy=demanding):
    """Appraises evidence that comes with a list of its own."""
    challenge = service.challenge()
    runtime = runtime_data(challenge)
    return service.appraise(challenge, runtime, [evidence_of(
        "mock", agent.evidence(binding(runtime)), collateral=[item.decode()])], policyId=policy)


def step_of(answer):
    equal(answer.status, 201, repr(answer))
    made.append(answer.json())
    step = next(step for step in answer.json()["steps"] if step["step"] == "revocation")
    return answer.json()["status"], step["code"]


with case("brought with the evidence: judged as an import, and of no use to anybody else"):
    equal(step_of(brought(first)), ("warning", "revocation.ok"))
    equal(used(made[-1]), [digest(first)])
    problem(brought(other.list()), 422, "COLLATERAL_REFUSED", "evidences[0].collateral[0]")
    equal(revocation(), ("warning", "skipped", "revocation.no_crl"))
    equal(service.ok(PATH, token=service.token)["items"], [])

with case("imported: the next appraisal uses it, still no better than a warning"):
    answer = imported(first, product="mock")
    equal((answer.status, answer.json()["key"], answer.json()["what"], answer.json()["digest"]),
          (201, "mock/crl", "crl", digest(first)))
    equal(imported(first).status, 200, "the same again")
    equal(revocation(), ("warning", "pass", "revocation.ok"))
    equal(revocation(demanding), ("warning", "pass", "revocation.ok"))
    equal(used(made[-1]), [digest(first)])

second = maker.list()
maker.revoke()
third = maker.list()

with case("lucid verifier import --type mock; a machine that is on the list"):
    path = os.path.join(kit.scratch(), "list.pem")
    with open(path, "wb") as out:
        out.write(third)
    flags = ("--url", f"http://127.0.0.1:{service.port}")
    env = {"LUCID_TOKEN": service.token}
    equal(kit.run_lucid("verifier", "import", "--type", "mock", path, *flags, env=env),
          f"{path}\tmock/crl\n".encode())
    equal(revocation(), ("contraindicated", "fail", "revocation.leaf_revoked"))
    equal(used(made[-1]), [digest(third)])
    equal(step_of(brought(first)), ("contraindicated", "revocation.leaf_revoked"))

with case("an older list does not take it back, nor do several at once"):
    for older in (first, second):
        problem(imported(older), 409, "COLLATERAL_OLDER", "item")
    lists = [maker.list() for _ in range(4)]
    answers = kit.at_once(service, 4, lambda client, i: client.post(
        PATH, {"type": "mock", "item": lists[i].decode()}, token=service.token))
    for answer in answers:
        if answer.status != 201:
            problem(answer, 409, "COLLATERAL_OLDER", "item")
    taken = [i for i, answer in enumerate(answers) if answer.status == 201]
    current = [row["digest"] for row in service.ok(PATH, token=service.token)["items"]
               if row["current"]]
    equal(current, [digest(lists[max(taken)])])
    equal(revocation(), ("contraindicated", "fail", "revocation.leaf_revoked"))

with case("the bytes of the list in use erased: appraisals go without; any good one is taken"):
    path = "/v1/blobs/" + current[0][7:]
    equal(service.client.request("DELETE", path, token=service.token,
                                 body={"reason": "test"}).status, 200)
    erased = made.pop()
    equal(revocation(), ("warning", "skipped", "revocation.no_crl"))
    problem(service.post("/v1/attestation/replay", {"appraisalId": erased["appraisalId"]},
                         token=service.token), 410, "ERASED")
    equal(imported(third).status, 201)
    equal(revocation(), ("contraindicated", "fail", "revocation.leaf_revoked"))

with case("what was appraised with which list replays as it was"):
    service.restart()
    for appraisal in made:
        answer = service.post("/v1/attestation/replay", {"appraisalId": appraisal["appraisalId"]},
                              token=service.token)
        equal((answer.status, answer.json().get("outcome")), (200, "same"), repr(answer))

for one in (service, none):
    one.stop()
agent.stop()
stranger.stop()
kit.done()
