#!/usr/bin/env python3
"""lucid passport: verification without any service, exit codes, what it prints; then the very
commands of docs/PASSPORT.md, and what comes of their passports."""

import hashlib
import http.server
import json
import os
import re
import subprocess
import threading
import time

import kit
import kit_attest
import kit_document
import kit_passport
from kit import ED25519, equal
from kit_attest import b64, b64url, vector
from kit_clock import Clock
from kit_receipts import canonical

folder = kit.scratch()
VECTORS = json.loads(vector("passport/expected.json"))
OK = json.loads(vector("passport/ok.passport.json"))
# RFC 8032 7.1, test 1: the key of the vectors.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
OTHER = hashlib.sha256(b"e2e passport cli").digest()
INSIDE, BEFORE, AFTER = 1705752000, 1705310000, 1707906600
SYNTHETIC = 1740000000  # a good time for tests/vectors/attestation/synthetic
UNSEEN = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
COMMANDS = ("issue", "open", "list", "show", "verify", "renew", "revoke", "status", "recheck")


def keep(name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else
                   data.encode() if isinstance(data, str) else json.dumps(data).encode())
    return path


def run(*arguments, want=0, env=None, **more):
    """Standard output of `lucid passport …`."""
    status, out, err = kit.lucid("passport", *arguments, env=env, **more)
    equal(status, want, f"{arguments}: {out!r} {err!r}")
    return out


JWKS = keep("jwks.json", vector("passport/jwks.json"))
GOOD = keep("ok.json", vector("passport/ok.passport.json"))


def verify(file, *options, want, at=INSIDE, key=JWKS):
    """The answer of an offline verification, its checks by name."""
    named = ("--key", key) if key else ()
    out = run("verify", file, *named, "--at", str(at), "--json", *options, want=want)
    answer = json.loads(out)
    equal(answer["valid"], answer["verdict"] == "valid")
    return answer, {check: (item["outcome"], item["code"])
                    for check, item in kit_passport.checks_of(answer).items()}


def status_token(seed=SEED, at=INSIDE - 60, **entries):
    """A status list as the issuer of the vectors would sign it."""
    public = bytes.fromhex(ED25519.public(seed))
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64url(public)}
    kid = b64url(hashlib.sha256(canonical(jwk)).digest())
    claims = {"iss": "passports.example", "iat": at, "exp": at + 3600, "treeSize": 7,
              "checkpoint": None, "revoked": [], "superseded": [], "test": False, **entries}
    message = ".".join(b64url(canonical(part)) for part in (
        {"alg": "EdDSA", "kid": kid, "typ": "lucid-passport-status+jwt"}, claims))
    signature = ED25519.sign(seed, [message.encode()])[0]
    return f"{message}.{b64url(bytes.fromhex(signature))}\n"


FRESH = keep("status.jwt", status_token())

# --- without any service --------------------------------------------------------------------------

with kit.case("vectors: inside of their validity, before and after it"):
    for entry in VECTORS["passports"]:
        data = vector("passport/" + entry["file"])
        equal(hashlib.sha256(data).hexdigest(), entry["sha256"])
        file = keep(entry["file"], data)
        want = {"valid": 0, "invalid": 1, "unknown": 4}[entry["verdict"]]
        answer, checks = verify(file, "-s", FRESH, want=want)
        equal(answer["verdict"], entry["verdict"], entry["file"])
        for name in ("key", "signature", "algorithm"):
            equal(checks[name][0], entry.get(name, checks[name][0]), f"{entry['file']} {name}")
        for at, code in ((BEFORE, "times.not_yet"), (AFTER, "times.expired")):
            answer, checks = verify(file, "-s", FRESH, at=at, want=1)
            equal((answer["verdict"], checks["times"]), ("invalid", ("fail", code)), entry["file"])
    equal(verify(GOOD, "-s", FRESH, want=0)[0]["level"], "signature")
    equal(verify(GOOD, "-s", FRESH, at="2024-01-20T12:00:00Z", want=0)[0]["status"], "valid")

with kit.case("a key is believed only if it is named; without one it is never valid"):
    for options in ((), ("-R", "signature")):
        answer, checks = verify(GOOD, "-s", FRESH, *options, key=None, want=4)
        equal((answer["verdict"], checks["key"][0]), ("unknown", "unknown"))
    public = bytes.fromhex(ED25519.public(SEED))
    for key in (public.hex(), b64(public)):
        verify(GOOD, "-s", FRESH, key=key, want=0)
    forged = keep("forged.json", kit_passport.resign(OK, OTHER))
    answer, checks = verify(forged, "-s", FRESH, want=4)
    equal((checks["key"], checks["signature"][0]), (("unknown", "key.unknown"), "unknown"))
    empty = kit.lucid("passport", "verify", GOOD, "-k", keep("empty.json", ""))
    assert empty[0] == 1 and b"the document ends" in empty[2], empty
    verify(forged, "-s", FRESH, key=bytes.fromhex(ED25519.public(OTHER)).hex(), want=4)
    for name, text in (("appName", "Another"), ("endpoints", ["https://evil.example"])):
        answer, checks = verify(keep("changed.json", {**OK, name: text}), "-s", FRESH, want=1)
        equal(checks["signature"], ("fail", "signature.wrong"))

with kit.case("status: none, good, too old, by another key, no list; revoked, superseded"):
    equal(verify(GOOD, want=4)[1]["status"], ("skipped", "status.absent"))
    answer = verify(GOOD, "--require", "signature", want=0)[0]
    equal((answer["valid"], answer["verdict"]), (False, "unknown"))
    note = kit.lucid("passport", "verify", GOOD, "-k", JWKS, "-T", str(INSIDE), "-R", "signature")
    assert b"whether it was revoked is not known" in note[2], note
    verify(GOOD, "-R", "evidence", "-s", FRESH, want=4)
    verify(GOOD, "-R", "transparent", "-s", FRESH, want=4)
    equal(verify(GOOD, "-s", FRESH, at=INSIDE + 3600, want=4)[1]["status"][1], "status.list_old")
    for name, token, code in (
            ("other", status_token(OTHER), "status.list_untrusted"),
            ("broken", "no.list.here", "status.list_malformed"),
            ("before", status_token(at=1705314600 - 1000), "status.list_old")):
        checks = verify(GOOD, "-s", keep(name, token), want=4)[1]
        equal(checks["status"], ("unknown", code))
        verify(GOOD, "-s", keep(name, token), "-R", "signature", want=4)
    entry = {"id": OK["passportId"], "at": INSIDE - 600}
    revoked = keep("revoked.jwt", status_token(revoked=[{**entry, "reason": "keyCompromise"}]))
    answer, checks = verify(GOOD, "-s", revoked, want=1)
    equal((answer["status"], checks["status"]), ("revoked", ("fail", "status.revoked")))
    verify(GOOD, "-s", revoked, "-R", "signature", want=1)
    verify(GOOD, "-s", revoked, at=INSIDE + 3600, want=1)  # that is for ever
    gone = keep("gone.jwt", status_token(superseded=[{**entry, "by": "pass-" + "a" * 32}]))
    equal(verify(GOOD, "-s", gone, want=1)[0]["status"], "superseded")

with kit.case("status FILE reads a list and says whose it is"):
    said = json.loads(run("status", revoked, "-k", JWKS, "-T", str(INSIDE), "-j"))
    equal((said["signature"], said["expired"], said["treeSize"]), ("ok", False, 7))
    equal(said["entries"], [{**entry, "status": "revoked", "reason": "keyCompromise"}])
    said = json.loads(run("status", FRESH, "-T", str(INSIDE), "-j"))
    equal((said["signature"], said["entries"]), ("not checked", []))
    text = run("status", gone, "-k", JWKS, "-T", str(INSIDE)).decode()
    assert "superseded" in text and "pass-aaaa" in text, text
    run("status", FRESH, "-k", JWKS, "-T", str(INSIDE + 3600), want=4)
    run("status", FRESH, "-k", "00" * 32, "-T", str(INSIDE), want=4)
    run("status", keep("none.jwt", "nothing"), want=1)

with kit.case("origin, least level, mock"):
    sited = keep("sited.json", kit_passport.resign(
        {**OK, "endpoints": [kit_passport.ENDPOINT]}, SEED))
    origin = ("-s", FRESH, "--origin")
    equal(verify(sited, *origin, kit_passport.ENDPOINT, want=0)[1]["origin"][1], "origin.ok")
    equal(verify(sited, *origin, "https://evil.example", want=1)[1]["origin"][1], "origin.other")
    verify(GOOD, *origin, kit_passport.ENDPOINT, want=4)  # it names no sites
    verify(GOOD, "-s", FRESH, "--min-slsa", "2", want=0)
    checks = verify(GOOD, "-s", FRESH, "--min-slsa", "3", want=1)[1]
    equal(checks["supply_chain"], ("fail", "supply_chain.level"))
    mock = keep("mock.json", kit_passport.resign(
        {**OK, "is_mock": True, "tee": {**OK["tee"], "type": "MOCK"}}, SEED))
    equal(verify(mock, "-s", FRESH, want=1)[1]["evidence"], ("fail", "evidence.mock"))
    answer, checks = verify(mock, "-s", FRESH, "--allow-mock", want=0)
    equal((answer["is_mock"], checks["evidence"]), (True, ("warn", "evidence.mock")))

with kit.case("what is no passport is invalid; a file that is not there is usage"):
    for data in (b"{}", b"{", b"", b"[]", b'{"appName":"a","appName":"b"}', b"\xff"):
        equal(verify(keep("bad", data), want=1)[0]["verdict"], "invalid")
    run("verify", keep("package", {"type": "lucid.passport.bundle/v1"}), "-k", JWKS, want=1)
    standard = run("verify", "-", "-k", JWKS, "-s", FRESH, "-T", str(INSIDE),
                   stdin=vector("passport/ok.passport.json")).decode()
    assert standard.startswith("pass    parse        the document is well-formed\n"), standard
    for arguments in ((), ("nowhere.json",), (GOOD, "-R", "all"), (GOOD, "-T", "tomorrow"),
                      (GOOD, "-k", "nowhere"), (GOOD, "-s", "nowhere"), (GOOD, "-l", "5"),
                      (GOOD, "-O", "https://app.example/path"), (GOOD, "-f", "nowhere"),
                      ("pass-" + "a" * 32, "-k", JWKS)):
        run("verify", *arguments, want=2)

with kit.case("usage: what is missing or no id is said before anything is sent"):
    gone = "http://127.0.0.1:9"
    for arguments in (("revoke", "my-app", "-r", "operatorRequest"), ("issue",),
                      ("revoke", "pass-" + "a" * 32, "-r", "because"), ("open",),
                      ("issue", "-a", "my-app"), ("issue", "-a", "my-app", "-A", "nowhere"),
                      ("issue", "-a", "my-app", "-A", "00" * 32), ("show", "a/b"),
                      ("issue", "-a", "my-app", "-A", keep("no.json", {"x": 1}))):
        run(*arguments, "-u", gone, want=2)
    for arguments in (("list",), ("show", "my-app"), ("verify", "pass-" + "a" * 32), ("status",),
                      ("recheck",), ("open", "my-app"), ("renew", "my-app")):
        run(*arguments, "-u", gone, want=3)

with kit.case("help: usage, options, examples of every command"):
    for name in COMMANDS:
        text = run(name, "--help").decode()
        assert text.startswith(f"Usage: lucid passport {name} [options]"), text
        for part in ("\nOptions:\n", "\nEverywhere:\n", f"\nExamples:\n  lucid "):
            assert part in text, (name, part)

# --- docs/PASSPORT.md, as it is typed -------------------------------------------------------------


def replaced(text, old, new):
    assert old in text, (old, text)
    return text.replace(old, new)


class Page:
    """The commands below a heading, run; the service that they started is there still."""

    def __init__(self, heading):
        self.blocks = kit_document.blocks("PASSPORT.md", heading)
        self.shell = kit_document.Shell(LUCID_LISTEN="127.0.0.1:0",
                                        LUCID_PLUGINS_DIR=kit_attest.PLUGINS,
                                        LUCID_CHECKPOINT_SECONDS_MAX="1")
        self.printed = []

    def next(self):
        return self.blocks.pop(0)

    def serve(self, data):
        port = self.shell.start(self.next())
        self.url = f"http://127.0.0.1:{port}"
        self.client = kit.Client(port)
        with open(os.path.join(self.shell.folder, data, "admin.token"), encoding="utf-8") as file:
            self.env = {"LUCID_URL": self.url, "LUCID_TOKEN": file.read().strip()}
        self.shell.run(f"export LUCID_URL={self.url}")

    def run(self, *arguments, want=0, env=None):
        return run(*arguments, want=want, env={**self.env, **(env or {})}, cwd=self.shell.folder)

    def json(self, *arguments, **more):
        return json.loads(self.run(*arguments, "--json", **more))

    def path(self, name):
        return os.path.join(self.shell.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def issued(self, lines):
        """The id that `issue` printed, and the page that `open` did."""
        said = dict(line.split(None, 1) for line in lines if " " in line)
        passport_id = said["passportId"].strip()
        equal(lines[-1], f"{self.url}/passport/{passport_id}")
        equal(said["page"].strip(), lines[-1])
        return passport_id

    def stop(self):
        self.client.close()
        self.shell.stop()


def four_commands(block):
    """That there are four, each one line but for what is continued."""
    lines = block.replace("\\\n", " ").strip().splitlines()
    equal([line.split()[1:3] for line in lines[1:]],
          [["verifier", "appraise"], ["passport", "issue"], ["passport", "open"]])
    equal(len(lines), 4)


mock = Page("From a clean start, in four commands")

with kit.case("the page's commands with mock evidence: attest, appraise, issue, open"):
    agent = mock.shell.start(replaced(mock.next(), "--key-dir mock",
                                      "--key-dir mock --listen 127.0.0.1:0"))
    mock.serve("passports")
    four = mock.next()
    four_commands(four)
    passport_id = mock.issued(mock.shell.run(replaced(
        four, "verifier attest", f"verifier attest --agent http://127.0.0.1:{agent}")))
    page = mock.client.get(f"/passport/{passport_id}")
    equal((page.status, "My AI Application" in page.body.decode()), (200, True))

with kit.case("the page's commands of who checks it: valid, to the level transparent"):
    kit.wait_for(lambda: b'"proof":{' in mock.run("show", passport_id, "--bundle"), what="a head")
    mock.shell.run("""curl() { python3 -c 'import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[-1], timeout=10).read())' "$@"; }""")
    lines = mock.shell.run(replaced(mock.next(), "http://127.0.0.1:8402", mock.url))
    assert ["verdict", "valid"] in [line.split() for line in lines], lines
    assert ["level", "transparent"] in [line.split() for line in lines], lines
    outcomes = dict(reversed(line.split(None, 2)[:2]) for line in lines[:12])
    equal(tuple(outcomes), kit_passport.CHECKS)
    equal((outcomes["evidence"], outcomes["log"], outcomes["status"]), ("warn", "pass", "pass"))
    equal(mock.blocks, [])

BUNDLE = json.loads(mock.read("my-app.passport.json"))
PASSPORT = BUNDLE["passport"]
VKEY = mock.path("passports/vkey")
NOW = kit_passport.seconds(PASSPORT["issuedAt"]) + 60
TRUST = mock.path("jwks.json")


def check(document, *options, want, at=NOW, key=TRUST, vkey=VKEY):
    """Offline, mock allowed."""
    return verify(keep("document.json", document), "-m", *(("-f", vkey) if vkey else ()),
                  *options, want=want, at=at, key=key)


with kit.case("offline with the package: what is missing lowers the level, and is said"):
    answer, checks = check(BUNDLE, want=0)
    equal((answer["level"], answer["is_mock"], answer["test"]), ("transparent", True, True))
    check(BUNDLE, "-R", "transparent", want=0)
    equal(check(BUNDLE, vkey=None, want=0)[0]["level"], "evidence")
    check(BUNDLE, "-R", "transparent", vkey=None, want=4)
    bare = {name: BUNDLE[name] for name in ("type", "passport", "status")}
    answer, checks = check(bare, want=0)
    equal((answer["level"], checks["log"][0]), ("signature", "skipped"))
    equal(check(PASSPORT, want=4)[1]["status"], ("skipped", "status.absent"))
    check(PASSPORT, "-R", "signature", want=0)
    answer, checks = check({**BUNDLE, "proof": None}, want=0)
    equal((answer["level"], checks["log"]), ("evidence", ("warn", "log.pending")))
    run("verify", mock.path("my-app.passport.json"), "-k", TRUST, "-f", VKEY, want=1)  # no -m
    check(BUNDLE, "-O", kit_passport.ENDPOINT, want=0)
    equal(check(BUNDLE, "-O", "https://evil.example", want=1)[1]["origin"][0], "fail")

with kit.case("offline: tampered, unknown key, expired, other log"):
    for part, value in (("appName", "Another"), ("endpoints", ["https://evil.example"])):
        checks = check({**BUNDLE, "passport": {**PASSPORT, part: value}}, want=1)[1]
        equal((checks["signature"][0], checks["log"][0]), ("fail", "fail"))
    answer, checks = check(BUNDLE, key="00" * 32, want=4)
    equal((answer["verdict"], checks["key"][1]), ("unknown", "key.unknown"))
    forged = {**BUNDLE, "passport": kit_passport.resign(PASSPORT, OTHER)}
    own = bytes.fromhex(ED25519.public(OTHER)).hex()
    checks = check(forged, key=own, want=1)[1]  # its record is of another, and not of this key
    equal(checks["log"], ("fail", "log.contradicts"))
    equal(check(BUNDLE, at=kit_passport.seconds(PASSPORT["expiresAt"]), want=1)[1]["times"][1],
          "times.expired")
    equal(check(BUNDLE, at=NOW + 3660, want=4)[1]["status"][1], "status.list_old")
    other = os.path.join(folder, "other-log")
    kit.run_lucid("log", "init", "--data", other, "--origin", "other.example")
    checks = check(BUNDLE, vkey=os.path.join(other, "vkey"), want=4)[1]
    equal(checks["log"], ("unknown", "log.unknown"))
    appraisal = json.loads(json.dumps(BUNDLE["appraisals"][0]))
    appraisal["ear"] = appraisal["ear"][:-8] + "AAAAAAAA"
    equal(check({**BUNDLE, "appraisals": [appraisal]}, want=1)[1]["evidence"][0], "fail")

with kit.case("offline: each part of the log's proof is judged"):
    proof = BUNDLE["proof"]
    changed = kit_attest.base64.b64encode(bytes(128)).decode()
    for part in ({"record": {**BUNDLE["record"], "mock": False}}, {"entry": changed},
                 {"record": {**BUNDLE["record"], "passportId": "pass-" + "a" * 32}},
                 {"proof": {**proof, "leaf_hash": "00" * 32}},
                 {"proof": {**proof, "entry": "00" * 128}},
                 {"proof": {**proof, "leaf_index": proof["leaf_index"] + 1}}):
        checks = check({**BUNDLE, **part}, want=1)[1]
        equal(checks["log"], ("fail", "log.contradicts"), part)
    note = proof["checkpoint"]
    checks = check({**BUNDLE, "proof": {**proof, "checkpoint": note.replace("\n", "\n1", 1)}},
                   want=1)[1]
    equal(checks["log"][0], "fail")

with kit.case("list, show, open, verify ID, status, recheck"):
    rows = mock.json("list", "--application", "my-app", "--status", "valid")
    equal([row["passportId"] for row in rows["items"]], [passport_id])
    equal(mock.json("list", "--status", "revoked"), {"items": [], "more": False})
    equal(mock.json("list", "-a", "nobody")["items"], [])
    mock.run("list", "--status", "good", want=1)
    assert passport_id in mock.run("list").decode()
    for name in (passport_id, "my-app"):
        equal(mock.json("show", name)["passport"], PASSPORT)
    document = mock.run("show", "my-app", "--document").strip()
    equal(document, canonical(PASSPORT))
    text = mock.run("show", "my-app").decode()
    for word in (passport_id, "My AI Application", "valid", "MOCK"):
        assert word in text, (word, text)
    assert ["auditors", "-"] in [line.split() for line in text.splitlines()], text
    equal(mock.json("open", "my-app"),
          {"passportId": passport_id, "url": f"{mock.url}/passport/{passport_id}",
           "status": "valid"})
    equal(mock.run("open", passport_id, "--browser", env={"DISPLAY": ""}).decode().strip(),
          f"{mock.url}/passport/{passport_id}")
    answer = mock.json("verify", passport_id)
    equal((answer["verdict"], answer["level"]), ("valid", "transparent"))
    equal(tuple(check["check"] for check in answer["checks"]), kit_passport.CHECKS)
    mock.run("verify", passport_id, "-O", "https://evil.example", want=1)
    said = mock.json("status", "-k", TRUST, "-o", mock.path("status.jwt"))
    equal((said["signature"], said["entries"]), ("ok", []))
    check(PASSPORT, "-s", mock.path("status.jwt"), want=0)
    equal(mock.json("recheck"), {"affected": [], "checked": 1})
    for name in ("pass-" + "a" * 32, "nobody"):
        for command in ("show", "open"):
            mock.run(command, name, want=1)

with kit.case("the same appraisals by another key: nothing; too early to renew; again: the same"):
    again = ("issue", "-a", "my-app", "-A", mock.path("appraisal.json"))
    with open(mock.path("thief.key"), "wb") as file:
        file.write(kit.run_lucid("keygen"))
    os.chmod(mock.path("thief.key"), 0o600)
    mock.run(*again, "-k", mock.path("thief.key"), want=1)
    mock.run(*again, want=2)  # no key
    mock.run("issue", "-a", "nobody", "-A", mock.path("appraisal.json"), "-k",
             mock.path("worker.key"), want=1)
    mock.run("renew", "my-app", "-A", mock.path("appraisal.json"), "-k", mock.path("worker.key"),
             want=1)
    equal(len(mock.json("list")["items"]), 1)
    made = mock.json(*again, "-k", mock.path("worker.key"), "-o", mock.path("second.json"))
    equal(mock.read("second.json"), canonical(made["passport"]))

with kit.case("revoked: the list says so, the page and every verification too"):
    answer = mock.json("revoke", passport_id, "-r", "operatorRequest", "-c", "a test")
    equal((answer["passportId"], answer["status"]), (passport_id, "revoked"))
    said = mock.json("status", "-k", TRUST, "-o", mock.path("later.jwt"))
    equal([(entry["id"], entry["reason"]) for entry in said["entries"]],
          [(passport_id, "operatorRequest")])
    checks = check(BUNDLE, "-s", mock.path("later.jwt"), want=1)[1]
    equal(checks["status"], ("fail", "status.revoked"))
    mock.run("verify", passport_id, want=1)
    equal(mock.json("show", passport_id)["status"], "revoked")
    assert b"revoked" in mock.client.get(f"/passport/{passport_id}").body
    time.sleep(1.1)  # a request of the same second as the last is that request again
    mock.run("renew", passport_id, "-A", mock.path("appraisal.json"), "-k",
             mock.path("worker.key"), want=1)

with kit.case("recheck: what is not valid any more is listed, exit 1"):
    mock.stop()
    strict = kit_document.Shell(LUCID_LISTEN="127.0.0.1:0", LUCID_PLUGINS_DIR=kit_attest.PLUGINS)
    port = strict.start(f"lucidd --data {mock.path('passports')} --plugins verifier,passport "
                        "--passport-applications examples/passport/application.yaml &")
    mock.env["LUCID_URL"] = f"http://127.0.0.1:{port}"
    said = mock.json("recheck", want=1)
    equal([(row["passportId"], row["check"], row["code"]) for row in said["affected"]],
          [(made["passportId"], "evidence", "evidence.mock")])
    strict.stop()

with kit.case("renew at half of its life; both are valid for a while, then the old one is not"):
    clock = Clock(kit.scratch())
    worker = keep("worker.key", kit.run_lucid("keygen"))
    os.chmod(worker, 0o600)
    machine = kit_attest.Agent()
    service = kit_passport.Passports(
        kit_passport.application(validityDays=2), roots=(machine.root,), start=False,
        passport_overlap_seconds=3600)
    service.start(prefix=clock.prefix())
    env = dict(word.split("=", 1) for word in clock.prefix()[1:])
    env.update(LUCID_URL=f"http://127.0.0.1:{service.port}", LUCID_TOKEN=service.token)

    def appraisal():
        status, out, err = kit.lucid("verifier", "attest", "-a", "me", "-k", worker, "-T", "mock",
                                     "-A", machine.url, "-j", env=env)
        equal(status, 0, repr(err))
        return keep("appraisal.json", out)

    def days(count):
        clock.set(int(count * 86400 * 1000))

    first = json.loads(run("issue", "-a", "my-app", "-A", appraisal(), "-k", worker, "-j", env=env))
    days(0.9)
    run("renew", "my-app", "-A", appraisal(), "-k", worker, env=env, want=1)
    days(1.1)
    run("renew", "my-app", "-A", keep("old.json", {"appraisalId": first["passport"]["appraisals"][
        0]}), "-k", worker, env=env, want=1)  # an appraisal of yesterday is none of today
    second = json.loads(run("renew", "my-app", "-A", appraisal(), "-k", worker, "-j", env=env))
    equal(second["passport"]["supersedes"], first["passportId"])
    shown = json.loads(run("show", first["passportId"], "-j", env=env))
    equal((shown["status"], shown["supersededBy"]), ("valid", second["passportId"]))
    equal(run("open", "my-app", env=env).decode().strip().rsplit("/", 1)[1], second["passportId"])
    days(1.1 + 1 / 20)
    equal(json.loads(run("show", first["passportId"], "-j", env=env))["status"], "superseded")
    run("verify", first["passportId"], env=env, want=1)
    run("verify", second["passportId"], env=env)
    keys = keep("clock.jwks", service.client.get("/.well-known/jwks.json").body)
    said = json.loads(run("status", "-k", keys, "-j", env=env))
    equal([(row["id"], row["status"], row["by"]) for row in said["entries"]],
          [(first["passportId"], "superseded", second["passportId"])])
    service.stop()
    machine.stop()

BUILDERS = {name: hashlib.sha256(b"e2e builder " + name.encode()).digest()
            for name in ("https://one.example", "https://two.example")}


def envelope(builder, seed=None):
    """A DSSE envelope of provenance of the container, on one line."""
    statement = canonical({
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{"name": "app", "digest": {"sha256": "ab" * 32}}],
        "predicate": {"buildDefinition": {
            "buildType": "https://build.example/v1",
            "externalParameters": {"source": "git+https://git.example/app@refs/tags/v1"}},
                      "runDetails": {"builder": {"id": builder}}}})
    kind = b"application/vnd.in-toto+json"
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(statement), statement)
    signature = ED25519.sign(seed or BUILDERS[builder], [pae])[0]
    return canonical({"payload": b64(statement), "payloadType": kind.decode(),
                      "signatures": [{"sig": b64(bytes.fromhex(signature))}]}) + b"\n"


def auditor_claims(seed, appraisal_id, policy_id):
    """An appraisal of an auditor's claims beside that environment, in a file."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document = kit_attest.signed({
        "type": "lucid.attestation.claims/v1", "schemaVersion": "1.0",
        "auditor": {"id": "pii", "digest": "sha256:" + "cd" * 32}, "phase": "request",
        "decision": "proceed", "issuedAt": at,
        "claims": [{"name": "pii_found", "type": "other", "value": False, "timestamp": at}]}, seed)
    answer = service.post("/v1/attestation/claims", {
        "documents": [document], "policyId": policy_id, "appraisalId": appraisal_id},
                          token=service.token)
    equal(answer.status, 201, repr(answer))
    return keep("claims.json", answer.body)


with kit.case("issue with a bound workload, auditors' claims, provenance and a version"):
    auditor = hashlib.sha256(b"e2e auditor").digest()
    configured = kit_passport.application(
        minSlsaLevel=4, container=kit_passport.CONTAINER,
        auditors=[{"id": "pii", "name": "Privacy", "digest": "sha256:" + "cd" * 32}],
        builders=[{"id": name, "keys": [b64(bytes.fromhex(ED25519.public(seed)))],
                   "isolated": True, "sources": ["git+https://git.example/app@*"],
                   "buildTypes": ["https://build.example/v1"]} for name, seed in BUILDERS.items()])
    del configured["spec"]["passport"]["version"]
    rules = kit_attest.policy(
        "both", types=("mock",),
        auditors=[{"id": "pii", "publicKey": b64(bytes.fromhex(ED25519.public(auditor)))}],
        rules=[{"id": "no-pii", "action": "deny", "message": "personal data",
                "deny_when": {"claim": "pii_found", "equals": True}, "phase": "request"}])
    machine = kit_attest.Agent()
    service = kit_passport.Passports(configured, roots=(machine.root,), start=False)
    policy_id = kit_attest.document_id(kit_attest.signed(rules, service.document_seed))
    service.start(passport_policy=policy_id)
    service.put("policies", rules)
    env = {"LUCID_URL": f"http://127.0.0.1:{service.port}", "LUCID_TOKEN": service.token}
    workload = keep("workload.json", {"container": kit_passport.CONTAINER, "auditors": [
        {"id": "pii", "digest": "sha256:" + "cd" * 32}]})
    environment = keep("environment.json", kit.run_lucid(
        "verifier", "attest", "-a", "me", "-k", worker, "-T", "mock", "-A", machine.url, "-w",
        workload, "-p", policy_id, "-j", env=env))
    with open(environment, "rb") as file:
        appraisal_id = json.load(file)["appraisalId"]
    claims = auditor_claims(auditor, appraisal_id, policy_id)
    one, two = (keep(f"{i}.json", envelope(name)) for i, name in enumerate(BUILDERS))
    both = keep("both.intoto.jsonl", b"".join(map(envelope, BUILDERS)) + b"\n")
    plain = ("issue", "-a", "my-app", "-A", appraisal_id, "-C", claims, "-k", worker)
    base = (*plain, "--app-version", "2.0.1")
    run(*base, env=env, want=1)  # no provenance: level 0
    run(*base, "-P", one, env=env, want=1)  # level 3
    forged = keep("forged.json", envelope("https://two.example", auditor))
    run(*base, "-P", one, "-P", forged, env=env, want=1)
    for data in (b"{", b"", b"{}\n{\n", b"\n".join([b"{}"] * 5)):
        run(*base, "-P", keep("bad.jsonl", data), env=env, want=1)
    for given in (("-P", one, "-P", two), ("-P", both)):
        made = json.loads(run(*base, *given, "-j", env=env))
        said = made["passport"]
        equal((said["slsa"]["level"], said["version"]), (4, "2.0.1"))
        equal((said["container"]["source"], said["container"]["digest"]),
              ("bound", kit_passport.CONTAINER["digest"]))
        equal([(row["id"], row["name"], row["status"], row["source"]) for row in said["auditors"]],
              [("pii", "Privacy", "active", "bound")])
        equal(said["appraisals"][0], appraisal_id)
    checks = kit_passport.checks_of(json.loads(run("verify", made["passportId"], "-j", env=env)))
    equal((checks["supply_chain"]["outcome"], checks["auditors"]["outcome"]), ("pass", "pass"))
    run(*plain, "-P", both, env=env, want=1)  # nobody says the version
    service.stop()
    machine.stop()

with kit.case("recheck: a revocation list that came later, and names the machine"):
    with open(os.path.join(folder, "roots.pem"), "wb") as file:
        file.write(vector("synthetic/root-milan.pem"))
    service = kit_passport.Passports(test=True, allow_mock=False, verifier_test_roots=file.name,
                                     start=False)
    report = vector("synthetic/milan-v3-vcek.report.bin")
    strict = kit_attest.policy("guests", types=("snp",),
                               allowMeasurements=[report[0x90:0xC0].hex()])
    service.settings["passport_policy"] = kit_attest.document_id(
        kit_attest.signed(strict, service.document_seed))
    service.start()
    service.put("policies", strict)
    env = {"LUCID_URL": f"http://127.0.0.1:{service.port}", "LUCID_TOKEN": service.token}

    def verifier(*arguments):
        status, out, err = kit.lucid("verifier", *arguments, "--json", env=env)
        equal(status, 0, repr(err))
        return keep("verifier.json", out)

    session = keep("session.json", kit.run_lucid("verifier", "challenge", "-a", "me", "-k", worker,
                                                 env=env))
    out = verifier("appraise", "-s", session, "-e", keep("report.bin", report), "-E",
                   keep("vcek.der", vector("synthetic/milan.vcek.der")), "-p",
                   service.settings["passport_policy"], "--test-time", str(SYNTHETIC),
                   "--test-bound-data", report[0x50:0x90].hex())
    made = json.loads(run("issue", "-a", "my-app", "-A", out, "-k", worker, "-j", env=env))
    equal((made["status"], made["is_mock"], made["test"]), ("valid", False, True))
    for crl, affected in (("crl-good", []), ("crl-leaf", [made["passportId"]])):
        verifier("import", keep(crl, vector(f"synthetic/{crl}.der")), "-p", "Milan",
                 "--test-time", str(SYNTHETIC))
        said = json.loads(run("recheck", "-j", env=env, want=int(bool(affected))))
        equal((said["checked"], [row["passportId"] for row in said["affected"]]), (1, affected))
    equal([said["affected"][0][name] for name in ("verdict", "check", "outcome", "code")],
          ["invalid", "evidence", "fail", "evidence.revoked_since"])
    assert b"revocation.leaf_revoked" in run("recheck", env=env, want=1)
    equal(json.loads(run("recheck", "-a", "other", "-j", env=env))["checked"], 0)
    service.stop()


class Stranger(http.server.BaseHTTPRequestHandler):
    """A service whose passport is made to steer terminals."""

    TEXT = "A\x1b]0;b\x07\x7f\x9b2J\u202ecilbup\u2066\u2028 é"
    PASSPORT = {"passportId": OK["passportId"], "appName": TEXT, "version": TEXT,
                "auditors": [{"name": TEXT}], "endpoints": [TEXT]}

    def do_GET(self):  # pylint: disable=invalid-name
        bare = "passport+json" in self.headers.get("Accept", "")
        text = json.dumps(self.PASSPORT if bare else {
            "passportId": OK["passportId"], "status": self.TEXT, "passport": self.PASSPORT,
            "links": {"page": "/x"}}, ensure_ascii=False)
        body = text.replace("\\u001b", "\x1b").encode() if bare else text.encode()
        self.send_response(200)
        self.send_header("Content-Type",
                         "application/lucid-passport+json" if bare else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


with kit.case("no document steers a terminal, or turns what it shows"):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {"LUCID_URL": f"http://127.0.0.1:{server.server_port}"}
    for options in ((), ("--json",), ("--document",), ("--bundle",)):
        text = kit.terminal("passport", "show", OK["passportId"], *options, env=env)
        assert "cilbup" in text and "é" in text, text
        equal([c for c in text if UNSEEN.match(c)], [], repr(text))
    piped = run("show", OK["passportId"], "--document", env=env)
    assert Stranger.TEXT[:2].encode() in piped and "\u202e".encode() in piped, piped
    server.shutdown()
    named = {**OK, "appName": Stranger.TEXT.replace("\x1b", "").replace("\x07", "")
             .replace("\x7f", "")}
    named["version"] = "\u202e\x9b"
    file = keep("steering.json", json.dumps(kit_passport.resign(named, SEED), ensure_ascii=False))
    for options in ((), ("--json",)):
        text = kit.terminal("passport", "verify", file, "--key", JWKS, "--at", str(INSIDE),
                            "--status", FRESH, "--require", "signature", *options)
        equal([c for c in text if UNSEEN.match(c)], [], repr(text))

with kit.case("the page's commands with a recorded SEV-SNP report"):
    snp = Page("The same with recorded SEV-SNP evidence")
    snp.shell.run(snp.next())
    snp.serve("recorded")
    snp.shell.run(snp.next())
    four = snp.next()
    four_commands(four)
    snp_id = snp.issued(snp.shell.run(four))
    equal(snp.blocks, [])
    kit.wait_for(lambda: b'"proof":{' in snp.run("show", snp_id, "--bundle"), what="a head")
    bundle = snp.run("show", snp_id, "--bundle")
    keys = keep("snp.jwks", snp.client.get("/.well-known/jwks.json").body)
    answer, checks = verify(keep("snp.json", bundle), "-f", snp.path("recorded/vkey"), "-R",
                            "transparent", key=keys, want=0,
                            at=json.loads(bundle)["passport"]["issuedAt"])
    equal((answer["tee_type"], answer["is_mock"], answer["test"]), ("AMD_SEV_SNP", False, True))
    equal((checks["evidence"], checks["log"][0]), (("warn", "evidence.test"), "pass"))
    report = vector("snp/milan-v2-vcek.report.bin")
    equal(kit_attest.base64.b64decode(json.loads(snp.run("show", snp_id, "-D"))
                                      ["tee"]["attestationQuote"]), report)
    snp.stop()

kit.done()
