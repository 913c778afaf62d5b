#!/usr/bin/env python3
"""lucid passport: verification without any service, exit codes, what it prints; then the very
commands of docs/PASSPORT.md, and what comes of their passports."""

import hashlib
import json
import os
import subprocess

import kit
import kit_passport
from kit import ED25519, equal
from kit_attest import b64, b64url, vector
from kit_receipts import canonical

folder = kit.scratch()
VECTORS = json.loads(vector("passport/expected.json"))
OK = json.loads(vector("passport/ok.passport.json"))
# RFC 8032 7.1, test 1: the key of the vectors.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
OTHER = hashlib.sha256(b"e2e passport cli").digest()
INSIDE, BEFORE, AFTER = 1705752000, 1705310000, 1707906600
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

kit.done()
