#!/usr/bin/env python3
"""lucid-mock-agent: the local routes of Confidential Containers' agent, its keys, its quotes as
OpenSSL's command sees them."""

import json
import os
import pty
import select
import shutil
import signal
import stat
import subprocess
import time

import kit
import kit_attest
from kit import case, equal
from kit_attest import AGENT, MOCK_ROOT, Agent, Verifier, b64url, jws_parts

MEASUREMENT, INSTANCE = "ab" * 48, "cd" * 32


def fails(text, status, *arguments):
    ended = subprocess.run([AGENT, *arguments], capture_output=True, check=False,
                           timeout=30 * kit.SLOW, env=kit.environment())
    equal((ended.returncode, ended.stdout), (status, b""), repr(ended))
    assert text in ended.stderr.decode(), ended.stderr


def said(answer):
    return answer.status, answer.body.decode(), answer.header("content-type")


def der_of(raw):
    """r and s as two DER INTEGERs."""
    def integer(data):
        data = data.lstrip(b"\0") or b"\0"
        data = b"\0" + data if data[0] >= 0x80 else data
        return bytes([2, len(data)]) + data
    body = integer(raw[:32]) + integer(raw[32:])
    return bytes([0x30, len(body)]) + body


agent = Agent(measurement=MEASUREMENT, instance=INSTANCE, svn=7)

with case("a quote says what the options say, and binds what was asked"):
    before = int(time.time())
    answer = agent.get("/aa/evidence", runtime_data=b64url(bytes(range(48))), encoding="base64")
    equal((answer.status, answer.header("content-type")), (200, "application/octet-stream"))
    body = answer.json()
    equal(list(body), ["quote"])
    header, payload, signature, message = jws_parts(body["quote"])
    equal((header["alg"], header["typ"], len(header["x5c"])),
          ("ES256", "lucid-mock-quote+jwt", 2))
    claims = json.loads(payload)
    assert before <= claims.pop("iat") <= int(time.time())
    equal(claims, {"tee": "MOCK", "version": 1, "svn": 7, "debug": False,
                   "measurement": MEASUREMENT, "hostData": "00" * 32, "instanceId": INSTANCE,
                   "reportData": bytes(range(48)).hex() + "00" * 16})

with case("OpenSSL finds the chain and the signature good"):
    ended = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", agent.root,
                            os.path.join(agent.keys, "ak.pem")], capture_output=True,
                           check=False, timeout=30)
    equal(ended.returncode, 0, ended.stderr.decode())
    work = kit.scratch()
    files = [os.path.join(work, name) for name in ("key.pem", "message", "signature")]
    with open(files[0], "wb") as file:
        subprocess.run(["openssl", "x509", "-pubkey", "-noout", "-in",
                        os.path.join(agent.keys, "ak.pem")], stdout=file, check=True,
                       timeout=30)
    for name, data in ((files[1], message), (files[2], der_of(signature))):
        with open(name, "wb") as file:
            file.write(data)
    ended = subprocess.run(["openssl", "dgst", "-sha256", "-verify", files[0], "-signature",
                            files[2], files[1]], capture_output=True, check=False, timeout=30)
    equal(ended.stdout, b"Verified OK\n", ended.stderr.decode())

with case("runtime data as text, and how much of it"):
    def report_data(**parameters):
        answer = agent.get("/aa/evidence", **parameters)
        equal(answer.status, 200, repr(answer))
        return json.loads(jws_parts(answer.json()["quote"])[1])["reportData"]
    equal(report_data(runtime_data="xxxx"), b"xxxx".hex() + "00" * 60)
    equal(report_data(runtime_data="\u00e9 +&"), "\u00e9 +&".encode().hex() + "00" * 59)
    equal(report_data(runtime_data=""), "00" * 64)
    equal(report_data(runtime_data="x" * 64), b"x".hex() * 64)
    equal(report_data(runtime_data=b64url(b"\xff" * 64), encoding="base64"), "ff" * 64)
    for parameters in ({"runtime_data": "x" * 65},
                       {"runtime_data": b64url(b"\xff" * 65), "encoding": "base64"}):
        for path in ("/aa/evidence", "/aa/additional-evidence"):
            equal(said(agent.get(path, **parameters)), (500, "ttrpc request error", None), path)

with case("what is asked for wrongly is refused as the real one does"):
    for parameters in ({}, {"encoding": "base64"}, {"runtime_data": "x", "encoding": "hex"},
                       {"runtime_data": "!!!", "encoding": "base64"},
                       {"runtime_data": "eHh4eA==", "encoding": "base64"},
                       {"runtime_data": b"\xff\xfe"}):
        for path in ("/aa/evidence", "/aa/additional-evidence"):
            equal(said(agent.get(path, **parameters)), (400, "BAD REQUEST", None), parameters)
    for query in ("runtime_data=a&runtime_data=b", "runtime_data=a&encoding=base64&encoding=base64",
                  "runtime_data&runtime_data=a", "x=1&runtime_data=YQ&encoding&encoding=base64"):
        equal(said(agent.client.get(f"/aa/evidence?{query}")), (400, "BAD REQUEST", None), query)
    equal(agent.client.get("/aa/evidence?runtime_data=runtime_data&x=runtime_data").status, 200)
    for query in ("runtime_data=%zz", "runtime_data=%00", "runtime_data=%"):
        equal(agent.client.get(f"/aa/evidence?{query}").status, 400, query)
    equal(said(agent.get("/aa/token")), (400, "BAD REQUEST", None))
    equal(said(agent.get("/aa/token", token_type="kbs")), (500, "ttrpc request error", None))
    for path in ("/aa/nothing", "/aa/aael", "/aa", "/evidence", "/aa/evidence/more"):
        equal(said(agent.get(path)), (404, "URL NOT FOUND", None), path)
    equal(said(agent.client.post("/aa/evidence?runtime_data=x", b"")),
          (404, "URL NOT FOUND", None))
    equal(said(agent.get("/cdh/resource/default/key/1")),
          (404, "Resource Feature Not Enabled", None))
    equal(said(agent.client.post("/info", b"")), (405, "Method Not Allowed", None))

with case("what it is, what it has not, and what it cannot measure"):
    answer = agent.get("/info")
    equal((answer.status, answer.header("content-type")), (200, "application/json"))
    info = answer.json()
    equal((info["tee"], info["feature"], set(info)),
          ("mock", "attestation", {"version", "tee", "feature"}))
    equal(said(agent.get("/aa/additional-evidence", runtime_data="x")),
          (200, "", "application/octet-stream"))
    event = {"domain": "a.example", "operation": "pull", "content": "image"}
    answer = agent.client.post("/aa/aael", event)
    equal(said(answer), (200, '{"success":"false","message": "The platform does not support '
                         'runtime measurement"}', "application/json"))
    for body in (b"", b"[]", b"{", b'{"domain":"a","operation":"b"}',
                 b'{"domain":"a","operation":"b","content":1}',
                 b'{"domain":"a","domain":"a","operation":"b","content":"c"}'):
        answer = agent.client.post("/aa/aael", body)
        equal((answer.status, answer.body[:30]), (500, b"Illegal AAEL eventry format: "
                                                  + answer.body[29:30]), repr(answer))

with case("what it answers is appraised as it came, and never better than a warning"):
    service = Verifier(test=True, roots=[agent.root, MOCK_ROOT])
    policy = service.put("policies", kit_attest.policy(allowMeasurements=[MEASUREMENT]))
    result = service.attest(agent, policy_id=policy)
    equal((result["status"], result["mock"], result["test"]), ("warning", True, True))
    equal({step["step"]: step["outcome"] for step in result["steps"]},
          {**dict.fromkeys(("parse", "chain", "signature", "freshness", "tcb", "configuration",
                            "measurement"), "pass"), "revocation": "skipped",
           "identity": "skipped"})
    claims = service.result(result["ear"])
    equal((claims["ear_status"], claims["lucid.appraisal"]["is_mock"]), ("warning", True))
    equal(claims["submods"]["cpu0"]["ear_attester_claims"]["instanceId"], INSTANCE)

with case("the vectors come to their verdicts at their steps"):
    bound = kit_attest.binding(kit_attest.vector("mock/runtime-data.json")).hex() + "00" * 16
    for name, want in (("ok", "warning"), ("neg-debug", "contraindicated"),
                       ("neg-bad-signature", "signature")):
        challenge = service.challenge()
        token = kit_attest.vector(f"mock/{name}.mock-quote.jws").decode().strip()
        answer = service.appraise(challenge, kit_attest.runtime_data(challenge),
                                  [{"type": "mock", "evidence": token}], policyId=policy,
                                  test_bound_data=bound)
        body = answer.json()
        equal((answer.status, body.get("step") or body["status"]),
              (422 if want == "signature" else 201, want), repr(answer))
    service.stop()

with case("keys are made once, and kept"):
    first = jws_parts(agent.quote(b"x"))[0]["x5c"]
    agent.stop()
    modes = {name: stat.S_IMODE(os.stat(os.path.join(agent.keys, name)).st_mode)
             for name in os.listdir(agent.keys)}
    equal(modes, {"root.key": 0o600, "root.pem": 0o644, "ak.key": 0o600, "ak.pem": 0o644})
    again = Agent(agent.keys, debug=True)
    header, payload, _, _ = jws_parts(again.quote(b"x"))
    equal(header["x5c"], first)
    claims = json.loads(payload)
    equal((claims["debug"], claims["svn"], claims["measurement"]), (True, 0, "a5" * 48))
    other = Agent()
    theirs = json.loads(jws_parts(other.quote(b"x"))[1])
    assert theirs["instanceId"] != claims["instanceId"], "another key directory, another machine"
    again.stop()
    other.stop()

with case("a directory that is not whole is refused, and left as it is"):
    keys = ["--listen", "127.0.0.1:0", "--key-dir"]
    for gone, text in (("ak.key", "ak.key and ak.pem one is missing"),
                       ("root.pem", "root.key and root.pem one is missing")):
        copy = shutil.copytree(agent.keys, os.path.join(kit.scratch(), "copy"))
        os.remove(os.path.join(copy, gone))
        fails(text, 1, *keys, copy)
        equal(len(os.listdir(copy)), 3)
    copy = shutil.copytree(agent.keys, os.path.join(kit.scratch(), "copy"))
    os.chmod(os.path.join(copy, "ak.key"), 0o644)
    fails("ak.key", 1, *keys, copy)
    os.chmod(os.path.join(copy, "ak.key"), 0o600)
    shutil.copy(os.path.join(other.keys, "ak.pem"), copy)
    fails("ak.pem is not of the key in ak.key", 1, *keys, copy)
    shutil.copy(os.path.join(other.keys, "ak.key"), copy)
    fails("ak.pem is not signed by the root in root.pem", 1, *keys, copy)
    with open(os.path.join(copy, "ak.pem"), "w", encoding="utf-8") as file:
        file.write("nothing\n")
    fails("are not a P-256 key and a certificate", 1, *keys, copy)

with case("a key that wants a pass phrase is refused, and nobody is asked for one"):
    copy = shutil.copytree(agent.keys, os.path.join(kit.scratch(), "copy"))
    for name in ("ak.key", "root.key"):
        path = os.path.join(copy, name)
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", os.path.join(agent.keys, name),
                        "-passout", "pass:x", "-out", path], check=True, timeout=30)
        os.chmod(path, 0o600)
    child, terminal = pty.fork()  # a terminal of its own, which a prompt would be written to
    if child == 0:
        os.execve(AGENT, [AGENT, *keys, copy], kit.environment())
    seen = b""
    while select.select([terminal], [], [], 30 * kit.SLOW)[0]:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # it has ended
            break
        if b"pass phrase" in seen:
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert b"are not a P-256 key and a certificate" in seen, seen
    equal(os.waitstatus_to_exitcode(status), 1)

with case("options"):
    at = ["--key-dir", os.path.join(kit.scratch(), "none")]
    fails("--key-dir is missing", 2)
    fails("--measurement wants", 2, *at, "--measurement", "AB" * 48)
    fails("--instance wants", 2, *at, "--instance", "ab")
    fails("--host-data wants", 2, *at, "--host-data", "ab" * 33)
    for svn in ("-1", "4294967296", "1x", ""):
        fails("--svn wants", 2, *at, "--svn", svn)
    fails("--listen wants", 2, *at, "--listen", "8006")
    fails("no arguments", 2, *at, "more")
    assert not os.path.exists(at[1]), "nothing was made"
    ended = subprocess.run([AGENT, "--help"], capture_output=True, check=True, timeout=30)
    assert b"--key-dir" in ended.stdout

kit.done()
