#!/usr/bin/env python3
"""The command line against a real service: exit codes, --json, resuming, offline verification."""

import base64
import json
import os
import random
import signal
import subprocess
import time

import kit
from kit import case, equal
from kit_receipts import Maker, Signer

rng = random.Random(60)
maker = Maker("60")
service = kit.Service(io_threads=2)
here = kit.scratch()
KEY = os.path.join(here, "signer.key")
signer = service.new_signer("s")
with open(KEY, "w", encoding="ascii") as file:
    file.write(signer.secret_hex + "\n")
os.chmod(KEY, 0o600)


def url():
    return f"http://127.0.0.1:{service.port}"


def lucid(*arguments, want=0, data=True, **more):
    """Standard output of a command that must end with this status."""
    command = [*arguments, "--url", url()] + (["--data", service.data] if data else [])
    status, out, err = kit.lucid(*command, cwd=here, **more)
    equal(status, want, f"lucid {' '.join(arguments)}: {out[-300:]!r} {err[-500:]!r}")
    lucid.err = err
    return out


def docs(out):
    return [json.loads(line) for line in out.splitlines()]


def bodies_file(name, count, whole=True):
    bodies = maker.bodies(count)
    if not whole:
        for body in bodies:
            del body["run_id"], body["timestamp"]
    path = os.path.join(here, name)
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(body) + "\n" for body in bodies)
    return path, bodies


# --- exit codes ---------------------------------------------------------------------------------

with case("0: help, version"):
    for arguments in (["help"], ["--help"], ["version"], ["receipt", "submit", "--help"]):
        equal(kit.lucid(*arguments)[0], 0, str(arguments))
with case("2: usage"):
    for arguments in ([], ["nonsense"], ["receipt"], ["receipt", "nonsense"],
                      ["receipt", "get"], ["receipt", "get", "a", "b"], ["log", "info", "--what"],
                      ["receipt", "submit", "--batch", "0"], ["log", "init", "--data", here],
                      ["receipt", "submit", "--batch", "x"], ["verify", "/nonexistent"]):
        equal(kit.lucid(*arguments)[0], 2, str(arguments))
with case("log init: the first tariff, in LUCID; a bad one makes nothing"):
    for igas, mgas, want in (("0.5", "12", ("500000000", "12000000000")),
                             ("0", "0.000000001", ("0", "1"))):
        base = kit.scratch()
        kit.run_lucid("log", "init", "--data", os.path.join(base, "log"), "--origin", kit.ORIGIN,
                      "--igas", igas, "--mgas", mgas)
        born = kit.Service(base, init=False)
        tariff = born.ok("/v1/gas/tariff")
        equal((tariff["igas"], tariff["mgas"]), want)
        born.stop()
    for option, text in (("--igas", "1e9"), ("--mgas", "-1"), ("--igas", "0.0000000001"),
                         ("--mgas", "1000000.000000001"), ("--igas", "")):
        never = os.path.join(here, "never")
        equal(kit.lucid("log", "init", "--data", never, "--origin", kit.ORIGIN, option, text)[0], 2)
        assert not os.path.exists(never), (option, text)
with case("3: unreachable"):
    for arguments in (["log", "info"], ["receipt", "get", "run_0123456789"], ["epoch", "list"],
                      ["receipt", "submit", "--retries", "0", "--key-file", KEY]):
        line = json.dumps(maker.body()).encode()
        status, _, err = kit.lucid(*arguments, "--url", "http://127.0.0.1:1", stdin=line, cwd=here,
                                   env={"LUCID_TOKEN": service.token})
        equal(status, 3, f"{arguments}: {err!r}")
    for name in os.listdir(here):
        if name.endswith(".journal"):
            os.unlink(os.path.join(here, name))
with case("1: refused"):
    lucid("receipt", "get", "run_not_there_0", want=1)
    lucid("epoch", "show", "77", want=1)
    lucid("epoch", "finalize", want=1)
    lucid("receipt", "get", "run_not_there_0", data=False, want=1)
    lucid("signer", "revoke", "0" * 64, want=1)

# --- commands -----------------------------------------------------------------------------------

with case("keygen: seed and public key, usable to sign and to register"):
    out = kit.run_lucid("keygen").decode()
    secret = next(line for line in out.splitlines() if "LUCID_ORCHESTRATOR_SECRET_KEY" in line)
    secret = secret.split("=", 1)[1].strip().strip('"')
    equal(len(secret), 128)
    equal(kit.ED25519.public(bytes.fromhex(secret[:64])), secret[64:])
    made = json.loads(kit.run_lucid("keygen", "--json"))
    assert made, made
    lucid("signer", "register", secret[64:], "--name", "made", "--type", "worker")
    listed = docs(lucid("signer", "list", "--json"))
    assert secret[64:] in json.dumps(listed)
with case("the secret key is read as 128 or 64 hex, base64 or base58"):
    body = json.dumps(maker.body()).encode()
    seed, both = signer.seed, bytes.fromhex(signer.secret_hex)
    number, text = int.from_bytes(both, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
    text = "1" * (len(both) - len(both.lstrip(b"\0"))) + text
    signed = set()
    for form in (both.hex(), seed.hex(), base64.b64encode(both).decode(),
                 base64.b64encode(seed).decode(), text):
        signed.add(kit.run_lucid("receipt", "sign", stdin=body,
                                 env={"LUCID_ORCHESTRATOR_SECRET_KEY": form}))
    equal(len(signed), 1)
    got, = docs(signed.pop())
    want = signer.seal(json.loads(body))
    equal((got["receipt_signature"], got["receipt_hash"], got["signer_pubkey"]),
          (want.signature, want.hash, signer.key))

with case("submit fills in run_id and timestamp, --json answers one line a receipt"):
    path, _ = bodies_file("bare.ndjson", 25, whole=False)
    out = docs(lucid("receipt", "submit", path, "--key-file", KEY, "--json"))
    equal([doc["http_status"] for doc in out], [201] * 25)
    assert all(doc["run_id"].startswith("run_") for doc in out)
    equal(service.size(), 25)
with case("submit from standard input and from a directory; replays are known"):
    sealed = signer.seal_all(maker.bodies(12))
    lines = b"\n".join(e.wire() for e in sealed)
    lucid("receipt", "submit", stdin=lines)
    out = docs(lucid("receipt", "submit", "--json", stdin=lines))
    equal([doc["replayed"] for doc in out], [True] * 12)
    folder = os.path.join(here, "spool")
    os.mkdir(folder)
    for number, body in enumerate(maker.bodies(6)):
        with open(os.path.join(folder, f"{number}.json"), "w", encoding="utf-8") as file:
            json.dump(body, file, indent=2)
    lucid("receipt", "submit", folder, "--key-file", KEY)
    equal(service.size(), 43)
with case("submit with a refused receipt: exit 1, the others are in, the same again goes on"):
    stranger = Signer(kit.ED25519, "cli stranger")
    mixed = signer.seal_all(maker.bodies(3)) + [stranger.seal(maker.body())] + \
        signer.seal_all(maker.bodies(3))
    path = os.path.join(here, "mixed.ndjson")
    with open(path, "wb") as file:
        file.write(b"\n".join(e.wire() for e in mixed) + b"\n")
    out = docs(lucid("receipt", "submit", path, "--json", want=1))
    equal([doc["http_status"] for doc in out], [201] * 3 + [403] + [201] * 3)
    service.register(stranger)
    out = docs(lucid("receipt", "submit", path, "--json"))
    equal([doc["http_status"] for doc in out if doc["receipt_hash"] == mixed[3].hash], [201])
    equal(service.size(), 50)

with case("--json of every reading command parses; what it says is true"):
    one = sealed[0]
    service.covered(50)
    doc, = docs(lucid("receipt", "get", one.run_id, "--json"))
    equal((doc["receipt_hash"], doc["body"]), (one.hash, one.body))
    doc, = docs(lucid("receipt", "verify", one.hash, "--json"))
    equal(doc["valid"], True)
    doc, = docs(lucid("receipt", "proof", one.hash, "--json"))
    equal(doc["entry"], one.entry.hex())
    doc, = docs(lucid("log", "info", "--json"))
    equal((doc["origin"], doc["size"]), (kit.ORIGIN, 50))
    doc, = docs(lucid("epoch", "show", "current", "--json"))
    equal(doc["receipt_count"], 50)
    doc, = docs(lucid("epoch", "finalize", "--json"))
    equal((doc["epoch"], doc["closed_by"]), (0, "operator"))
    doc = docs(lucid("epoch", "list", "--json"))
    assert '"operator"' in json.dumps(doc)
    doc = docs(lucid("token", "create", "--scope", "read", "--name", "t", "--json"))[0]
    equal(service.get("/v1/receipts/" + one.hash, token=doc["token"]).status, 200)
    lucid("token", "revoke", doc["id"], "--json")
    equal(service.get("/v1/receipts/" + one.hash, token=doc["token"]).status, 401)
    assert doc["id"] in json.dumps(docs(lucid("token", "list", "--json")))
    doc = docs(lucid("token", "create", "--scope", "read", "--scope", "audit", "--json"))[0]
    equal((doc["name"], sorted(doc["scopes"])), ("read,audit", ["audit", "read"]))
    doc = docs(lucid("receipt", "get", "run_not_there_0", "--json", want=1))
    equal((doc[0]["error"]["code"], doc[0]["error"]["exit"]), ("NOT_FOUND", 1))

with case("texts for people, too"):
    for arguments in (["receipt", "get", one.run_id], ["receipt", "proof", one.run_id],
                      ["receipt", "verify", one.run_id], ["log", "info"], ["epoch", "list"],
                      ["epoch", "show", "0"], ["signer", "list"], ["token", "list"]):
        assert lucid(*arguments).strip(), arguments

# --- resuming -----------------------------------------------------------------------------------


def submitting(path, *more):
    return subprocess.Popen(
        [kit.LUCID, "receipt", "submit", path, "--key-file", KEY, "--batch", "20", "--url", url(),
         *more], cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=kit.environment())


def journals():
    return [name for name in os.listdir(here) if name.endswith(".journal")]


with case("kill -9 of the client, nine times: the same command goes on, nothing is logged twice"):
    path, bodies = bodies_file("killed.ndjson", 6000, whole=False)
    before, stops = service.size(), []
    for _ in range(9):
        client = submitting(path)
        time.sleep(rng.uniform(0.02, 0.3))
        client.kill()
        stops.append(client.wait())
        if stops[-1] == 0:
            break  # all are in; once more would be another submission
    assert stops[0] == -signal.SIGKILL, f"it was done too soon: {stops}"
    kit.note(f"{service.size() - before} of 6000 were in after {len(stops)} kills")
    if stops[-1] != 0:
        lucid("receipt", "submit", path, "--key-file", KEY)
    equal(service.size(), before + 6000)
    equal(journals(), [])

with case("kill -9 of the server, five times: the client waits and goes on, nothing twice"):
    path, bodies = bodies_file("server.ndjson", 5000)
    before, port = service.size(), service.port
    client = submitting(path, "--retries", "100")
    for _ in range(5):
        time.sleep(rng.uniform(0.05, 0.2))
        service.kill()
        time.sleep(0.1)
        service.start(listen=f"127.0.0.1:{port}")
    equal(client.wait(timeout=60 * kit.SLOW), 0)
    equal(service.size(), before + 5000)
    equal(journals(), [])
    hashes = {e.hash for e in signer.seal_all(bodies)}
    lines = service.batch_ok(signer.seal_all(bodies), statuses=(200,))
    equal({line["receipt_hash"] for line in lines}, hashes)

with case("the server is away for good: exit 3, the journal stays, --resume finishes"):
    path, _ = bodies_file("away.ndjson", 50)
    before = service.size()
    service.stop()
    status, _, err = kit.lucid("receipt", "submit", path, "--key-file", KEY, "--retries", "1",
                               "--url", f"http://127.0.0.1:{port}", cwd=here)
    equal((status, len(journals())), (3, 1), repr(err))
    service.start(listen=f"127.0.0.1:{port}")
    equal(service.size(), before)
    journal = journals()[0]
    equal(os.stat(os.path.join(here, journal)).st_mode & 0o777, 0o600)
    lucid("receipt", "submit", "--resume", "--journal", journal, path, "--key-file", KEY)
    equal((service.size(), journals()), (before + 50, []))

with case("two runs of one submission at once: the second is told"):
    path, _ = bodies_file("both.ndjson", 4000)
    client = submitting(path)
    kit.wait_for(journals, 10, "the journal")
    status, _, err = kit.lucid("receipt", "submit", path, "--key-file", KEY, "--url", url(),
                               cwd=here)
    ended = client.wait(timeout=60)
    assert status == 2 and ended == 0 and err, (status, ended, err)

# --- lucid verify -------------------------------------------------------------------------------

PROOF = os.path.join(here, "proof.json")
VKEY = os.path.join(service.data, "vkey")
one = signer.seal(maker.body("compute"))
service.submit(one)
lucid("receipt", "proof", one.run_id, "-o", PROOF)
with open(PROOF, encoding="utf-8") as file:
    bundle = json.load(file)


def verify(document, *more, vkey=VKEY):
    path = os.path.join(here, "tampered.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    keys = ["--vkey-file", vkey] if vkey else []
    status, out, _ = kit.lucid("verify", path, "--json", *keys, *more, cwd=here)
    doc = json.loads(out) if status in (0, 1, 4) and out else {}
    return status, doc


with case("verify: 0 with the log's key, each step told"):
    status, doc = verify(bundle)
    equal((status, doc["valid"]), (0, True))
    assert len(doc["steps"]) >= 5 and all(s["outcome"] in ("passed", "ok") for s in doc["steps"])
with case("verify: 4 with another log's key, or none"):
    foreign = kit.Service(start=False)
    for vkey in (os.path.join(foreign.data, "vkey"), None):
        status, doc = verify(bundle, vkey=vkey)
        equal((status, doc["valid"]), (4, False))


def leaves(value, path=()):
    if isinstance(value, dict):
        for name in value:
            yield from leaves(value[name], path + (name,))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, path + (number,))
    else:
        yield path, value


def changed(value):
    """Another value of the same kind; for text a change of each of a few characters."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [value + 1]
    if value is None:
        return ["x", 0]
    spots = {0, len(value) // 2, len(value) - 1}
    out = [value[:i] + ("0" if value[i] != "0" else "1") + value[i + 1:] for i in spots if value]
    return out + [value + "0"] if value else ["x"]


tampered = 0
for part in ("receipt", "proof"):
    with case(f"verify: 1 for every change of every member of {part}"):
        for path, value in leaves(bundle[part]):
            # Copies beside the checkpoint may be wrong: a verifier takes size and root from there.
            for new in changed(value):
                document = json.loads(json.dumps(bundle))
                inner = document[part]
                for name in path[:-1]:
                    inner = inner[name]
                inner[path[-1]] = new
                status, doc = verify(document)
                tampered += 1
                unknown = path == ("checkpoint",) and status == 4
                assert status == 1 or unknown, (path, new, status, doc)
                equal(doc["valid"], False)
        kit.note(f"{tampered} changes")

with case("verify: 1 for each missing member, added or missing path nodes"):
    for part in ("receipt", "proof"):
        for name in bundle[part]:
            document = json.loads(json.dumps(bundle))
            del document[part][name]
            status, doc = verify(document)
            if (part, name) in (("receipt", "receipt_hash"), ("proof", "leaf_hash"),
                                ("proof", "root"), ("proof", "tree_size"), ("proof", "entry")):
                assert status in (0, 1), (name, status)
            else:
                assert status in (1, 4), (name, status, doc)
    for path in ([], bundle["proof"]["path"][:-1], bundle["proof"]["path"] + ["0" * 64],
                 bundle["proof"]["path"][::-1]):
        equal(verify({**bundle, "proof": {**bundle["proof"], "path": path}})[0], 1)

with case("verify: every line of the checkpoint, changed: never 0"):
    text = bundle["proof"]["checkpoint"]
    for spot in range(len(text)):
        for new in ("0", "A", "\n"):
            if text[spot] == new or spot % 3:
                continue
            document = json.loads(json.dumps(bundle))
            document["proof"]["checkpoint"] = text[:spot] + new + text[spot + 1:]
            status, _ = verify(document)
            assert status in (1, 4), (spot, new, status)

with case("verify: what is no JSON is invalid, not a crash"):
    for data in (b"", b"{", b"[]", b"\xff", b'{"receipt":{},"proof":{}}', b"{}" * 1000):
        status, _, _ = kit.lucid("verify", "-", "--vkey-file", VKEY, stdin=data)
        assert status in (1, 2), (data[:20], status)

service.stop()
kit.done()
