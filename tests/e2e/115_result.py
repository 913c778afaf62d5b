#!/usr/bin/env python3
"""Results for who relies on them: lucid verifier ear reads ours and another verifier's, in both
spellings; results of a key that was replaced; and what the commands do with an answer that is no
verifier's."""

import http.server
import json
import os
import threading

import kit
import kit_attest
from kit import equal

agent = kit_attest.Agent()
service = kit_attest.Verifier(test=True, roots=(agent.root,))
folder = kit.scratch()
key = kit_attest.Workload().public.hex()
JWKS = os.path.join(folder, "jwks.json")


def lucid(*arguments, want=0, url=None, json_out=True, **more):
    """What `lucid verifier …` says."""
    flags = ("--json",) if json_out else ()
    status, out, err = kit.lucid(
        "verifier", *arguments, *flags, "--url", url or f"http://127.0.0.1:{service.port}",
        env={"LUCID_TOKEN": service.token}, **more)
    equal(status, want, f"{arguments}: {out!r} {err!r}")
    return json.loads(out) if json_out else out.decode()


def keep(name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def jwks():
    return keep("jwks.json", service.get("/.well-known/jwks.json").body)


def ear(token, *options, want=0, **more):
    return lucid("ear", keep("result.jwt", token.encode()), *options, want=want, **more)


def spelt(spelling):
    service.restart(verifier_ear_spelling=spelling)
    return service.attest(agent)


def forged(token, change):
    """The header and signature of a token over other claims."""
    header, claims, signature = token.split(".")
    text = kit_attest.b64url_read(claims).replace(*change)
    return ".".join((header, kit_attest.b64url(text), signature))


old = spelt("veraison")["ear"]
made = spelt("draft04")
draft = made["ear"]
jwks()

with kit.case("ear: both spellings, signed by a key of the JWK set"):
    for token, spelling in ((old, "veraison"), (draft, "draft-04")):
        said = ear(token, "-k", JWKS)
        equal([said[name] for name in ("signature", "spelling", "validity", "status", "mock",
                                       "test", "nonce", "alg")],
              ["ok", spelling, "current", "warning", True, True, "not checked", "EdDSA"])
        header, payload, _, _ = kit_attest.jws_parts(token)
        equal(said["key"], header["kid"])
        claims = json.loads(payload)
        equal(said["profile"], claims["eat_profile"])
        spki = bytes.fromhex("302a300506032b6570032100" + key)  # RFC 8410: what signs receipts
        equal(said["submods"], [{"submod": "cpu0", "status": "warning",
                                 "attestedKey": kit_attest.b64url(spki),
                                 "vector": {"configuration": 3, "executables": 33,
                                            "hardware": 32}}])
    text = ear(draft, "-k", JWKS, json_out=False)
    assert "executables 33" in text and "mock" in text and "warning" in text, text
    equal(lucid("ear", "-", "-k", JWKS, stdin=draft.encode() + b"\n")["signature"], "ok")

with kit.case("ear: whose it is cannot be told, or it was changed"):
    equal(ear(draft, want=4)["signature"], "not checked")
    equal(ear(draft, "-k", "00" * 32, want=4)["signature"], "unknown-key")
    better = forged(draft, (b'"warning"', b'"affirming"'))
    ear(better, "-k", JWKS, want=1)  # a status better than its vector
    build = forged(draft, (b"rules", b"RULES"))
    equal(ear(build, "-k", JWKS, want=1)["signature"], "failed")
    equal(ear(build, "-k", "00" * 32, want=4)["signature"], "unknown-key")
    mixed = forged(draft, (b'"ear_status"', b'"ear.status"'))
    ear(mixed, "-k", JWKS, want=1)
    for wrong in ("", "a.b", draft[:-1], draft + "=", draft.replace(".", " .")):
        ear(wrong, "-k", JWKS, want=1)
    none = kit_attest.b64url(b'{"alg":"none"}') + "." + draft.split(".")[1] + "."
    ear(none, "-k", JWKS, want=1)

    named = forged(draft, (b'"cpu0"', b'"c\\u0000"'))
    equal(ear(named, "-k", JWKS, want=1)["error"]["code"], "INVALID_EAR")

with kit.case("ear: time and nonce"):
    claims = json.loads(kit_attest.jws_parts(draft)[1])
    for at, validity, want in ((claims["exp"] - 1, "current", 0), (claims["exp"], "expired", 4),
                               (claims["iat"] - 300, "current", 0),
                               (claims["iat"] - 301, "not-yet", 4)):
        equal(ear(draft, "-k", JWKS, "--at", str(at), want=want)["validity"], validity)
    nonce = claims["submods"]["cpu0"]["eat_nonce"]
    equal(ear(draft, "-k", JWKS, "-n", nonce)["nonce"], "ok")
    equal(ear(draft, "-k", JWKS, "-n", nonce[:-1], want=1)["nonce"], "differs")
    ear(draft, "-k", JWKS, "--at", "soon", want=2)

with kit.case("ear: another verifier's, ES256 and an iat that is a float"):
    foreign = kit_attest.vector("mock/veraison-cear.ear.jwt").decode()
    jwk = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
           "x": "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8",
           "y": "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4"}
    said = ear(foreign, "-k", keep("cear.jwk", jwk))
    equal([said[name] for name in ("signature", "alg", "spelling", "status", "issuedAt",
                                   "expiresAt")],
          ["ok", "ES256", "veraison", "affirming", "2022-10-23T12:46:24.000Z", None])
    assert "mock" not in said, said
    equal(ear(foreign, "-k", keep("set.json", {"keys": [{"kty": "RSA"}, jwk]}))["signature"], "ok")
    equal(ear(foreign, "-k", JWKS, want=1)["signature"], "failed")  # it names no key

with kit.case("keys: a file that has none is said to have none"):
    bundle = keep("bundle.json", lucid("bundle", made["appraisalId"]))
    for empty in ({}, {"keys": []}, {"keys": [{"kty": "RSA"}, 5]}, {**jwk, "d": "AA"}):
        name = keep("empty.json", empty)
        for words in (("ear", keep("result.jwt", draft.encode())), ("replay", bundle)):
            equal(lucid(*words, "-k", name, want=1)["error"]["code"], "INVALID_KEY")
    lucid("replay", bundle, "-k", keep("empty.json", b"{"), want=1)
    lucid("replay", bundle, "-k", "no such file", want=2)
    many = {"keys": [json.load(open(JWKS, encoding="ascii"))["keys"][0]] * 257}
    lucid("replay", bundle, "-k", keep("many.json", many), want=2)

with kit.case("--ear that cannot be written: the appraisal is told all the same"):
    status, out, err = kit.lucid(
        "verifier", "attest", "--agent", agent.url, "-a", "me", "-k", key, "-T", "mock", "--ear",
        os.path.join(folder, "none", "r.jwt"), "--url", f"http://127.0.0.1:{service.port}",
        env={"LUCID_TOKEN": service.token})
    equal(status, 2, err)
    assert b"appraisalId" in out and b"cannot be written" in err, (out, err)

with kit.case("rotate-key: what the old key signed stays good, and replays the same"):
    before = json.loads(kit_attest.jws_parts(draft)[1])
    old_kid = kit_attest.jws_parts(draft)[0]["kid"]
    equal(service.ok("/.well-known/lucid-verifier")["kid"], old_kid)
    service.stop()
    # Cut off between its two steps: the key has its second name, the new file no first one.
    path = os.path.join(service.data, "plugin-verifier.key")
    os.link(path, path + ".until-20200101T000000Z")
    with open(path + ".tmp.1", "w", encoding="ascii") as file:
        file.write("half a ke")
    service.start()
    equal(service.ok("/.well-known/lucid-verifier")["kid"], old_kid)
    service.stop()
    rotated = json.loads(kit.run_lucid("plugin", "rotate-key", "verifier", "--data", service.data,
                                       "--json"))
    equal([os.stat(name).st_mode & 0o777 for name in (rotated["file"], rotated["old"])],
          [0o600, 0o600])
    service.start()
    equal(ear(draft, "-k", jwks())["signature"], "ok")
    equal(ear(old, "-k", JWKS)["signature"], "ok")
    equal(lucid("replay", bundle, "-k", JWKS)["outcome"], "same")
    equal(lucid("replay", made["appraisalId"])["outcome"], "same")
    fresh = service.attest(agent)
    new_kid = kit_attest.jws_parts(fresh["ear"])[0]["kid"]
    assert new_kid != old_kid, new_kid
    equal(service.ok("/.well-known/lucid-verifier")["kid"], new_kid)
    equal(ear(fresh["ear"], "-k", JWKS)["key"], new_kid)
    equal(ear(fresh["ear"], "-k", rotated["key"])["key"], new_kid)
    equal(ear(draft, "-k", rotated["key"], want=4)["signature"], "unknown-key")
    text = lucid("explain", made["appraisalId"], json_out=False)
    assert "not checked:\n" in text and "cpu0, tcb\n" in text, text

# --- another service than was meant ---------------------------------------------------------------

ANSWERS = (b"not json", b"[]", b"{}", b"null", b'"text"', b"\xff", b'{"items":5}',
           b'{"record":5,"ear":7,"steps":"x","status":3,"id":4,"key":[]}')


class Other(http.server.BaseHTTPRequestHandler):
    answer = b""

    def answer_it(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(Other.answer)))
        self.end_headers()
        self.wfile.write(Other.answer)

    do_GET = do_POST = do_PUT = answer_it

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
threading.Thread(target=server.serve_forever, daemon=True).start()

with kit.case("an answer that is no verifier's is an error, not a result"):
    some = made["appraisalId"]
    session = keep("session.json", {"sessionId": "s", "runtimeData": "e30=", "evidence": "AAAA"})
    document = keep("document.json", {"type": "x"})
    commands = (
        ("list",), ("show", some), ("bundle", some), ("explain", some), ("replay", some),
        ("collateral",), ("challenge", "-a", "me", "-k", key), ("import", session),
        ("appraise", "-s", session), ("policy", "list"), ("policy", "show", "x"),
        ("policy", "put", document), ("reference", "show", "x"), ("reference", "put", document),
        ("claims", "submit", document), ("claims", "show", some), ("claims", "list"),
        ("interaction", "submit", document), ("interaction", "show", some),
        ("attest", "-A", agent.url, "-a", "me", "-k", key, "-T", "mock"))
    for Other.answer in ANSWERS:
        for words in commands:
            told = lucid(*words, url=f"http://127.0.0.1:{server.server_port}", want=1)
            equal(list(told), ["error"], f"{words} of {Other.answer!r}")

server.shutdown()
service.stop()
agent.stop()
kit.done()
