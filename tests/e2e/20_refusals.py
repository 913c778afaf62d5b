#!/usr/bin/env python3
"""Every refusal of a receipt over HTTP: status, code, param; and that it left no trace."""

import hashlib
import json
import time

import kit
from kit import case, equal
from kit_receipts import Maker, Signer, canonical

maker = Maker("20")
service = kit.Service(start=False)
service.start()
signer = service.new_signer("s")
other = service.new_signer("t")
revoked = service.new_signer("revoked")
stranger = Signer(kit.ED25519, "stranger")
envelope = signer.seal(maker.body())
equal(service.submit(envelope).status, 201)
equal(service.post(f"/v1/signers/{revoked.key}/revoke", token=service.token).status, 200)
first = service.submit(signer.seal(maker.body())).json()
free = []  # run_ids that refused receipts bore


def state():
    log = service.ok("/v1/log")
    return (log["size"], log["root"], service.ok("/v1/epochs/current"))


def untouched(data, check):
    """Sends data, judges the answer by check, and looks at everything that must not change; all
    on one connection."""
    before = state()
    socket = service.client.connection.sock
    check(service.post("/v1/receipts", data))
    equal(state(), before)
    assert service.client.connection.sock is socket, "the connection was closed"


def refuse(name, data, status, code, param=None, run_id=None):
    with case(name):
        untouched(data, lambda answer: kit.problem(answer, status, code, param))
        if run_id:
            equal(service.get("/v1/receipts/" + run_id, token=service.token).status, 404)
            free.append(run_id)


def accept(name, body):
    with case(name):
        sealed = signer.seal(body)
        answer = service.submit(sealed)
        equal(answer.status, 201, repr(answer))
        answer = service.get("/v1/receipts/" + sealed.hash, token=service.token)
        assert b'"body":' + sealed.text in answer.body, answer


# --- 400 INVALID_JSON ---------------------------------------------------------------------------

wire = envelope.wire()
DEEP = b'{"body":' + b"[" * 17 + b"]" * 17 + b"}"
for name, data in [
        ("an empty body", b""), ("white space", b" \r\n"), ("half a document", wire[:-1]),
        ("something after it", wire + b"{}"), ("a comma after it", wire + b","),
        ("NUL after it", wire + b"\x00"), ("a byte order mark", b"\xef\xbb\xbf" + wire),
        ("a comment", b"/* */" + wire), ("a trailing comma", wire[:-1] + b",}"),
        ("single quotes", wire.replace(b'"', b"'")),
        ("a raw control character in a string", b'{"body":{"a":"\n"}}'),
        ("invalid UTF-8", b'{"body":{"a":"\xff"}}'),
        ("overlong UTF-8", b'{"body":{"a":"\xc0\xaf"}}'),
        ("a surrogate in UTF-8", b'{"body":{"a":"\xed\xa0\x80"}}'),
        ("beyond U+10FFFF", b'{"body":{"a":"\xf4\x90\x80\x80"}}'),
        ("cut UTF-8", b'{"body":{"a":"\xe2\x82"}}'),
        ("a lone high surrogate", b'{"body":{"a":"\\ud800"}}'),
        ("a lone low surrogate", b'{"body":{"a":"\\udc00"}}'),
        ("surrogates the wrong way", b'{"body":{"a":"\\udc00\\ud800"}}'),
        ("a bad escape", b'{"body":{"a":"\\x41"}}'), ("\\u with three digits", b'{"a":"\\u041"}'),
        ("NaN", b'{"body":{"a":NaN}}'), ("Infinity", b'{"body":{"a":-Infinity}}'),
        ("1e400", b'{"body":{"a":1e400}}'), ("-1e309", b'{"body":{"a":-1e309}}'),
        ("a leading zero", b'{"body":{"a":01}}'), ("a plus sign", b'{"body":{"a":+1}}'),
        ("1.", b'{"body":{"a":1.}}'), (".5", b'{"body":{"a":.5}}'), ("0x10", b'{"a":0x10}'),
        ("1e", b'{"body":{"a":1e}}'), ("-", b'{"body":{"a":-}}'),
        ("2^53 as an integer literal", b'{"body":{"a":9007199254740993}}'),
        ("-(2^53) - 1", b'{"body":{"a":-9007199254740993}}'),
        ("2^64", b'{"body":{"a":18446744073709551617}}'),
        ("True", b'{"body":{"a":True}}'), ("XML", b"<receipt/>"),
        ("nesting without end", b"[" * 200000), ("objects without end", b'{"a":' * 60000)]:
    with case("INVALID_JSON: " + name):
        def bad_json(answer):
            equal((answer.status, answer.json()["code"]), (400, "INVALID_JSON"), repr(answer))
        untouched(data, bad_json)

for name, data, param in [
        ("twice the same member", b'{"body":{"a":1,"a":1}}', "a"),
        ("the same name through an escape", b'{"body":{"a":1,"\\u0061":2}}', "a"),
        ("twice body", wire[:-1] + b',"body":{}}', "body"),
        ("twice an unknown member of the envelope", wire[:-1] + b',"x":1,"x":1}', "x")]:
    with case("INVALID_JSON: " + name):
        def duplicate(answer, want=param):
            equal((answer.status, answer.json()["code"]), (400, "INVALID_JSON"), repr(answer))
            assert answer.json()["param"].endswith(want), answer
        untouched(data, duplicate)

# --- sizes --------------------------------------------------------------------------------------


def sized(size):
    """A body whose canonical form has this many bytes."""
    body = maker.body("tool")
    body["pad"] = ""
    body["pad"] = "x" * (size - len(canonical(body)))
    equal(len(canonical(body)), size)
    return body


def nested(depth, **members):
    """body counts 1."""
    value = []
    for _ in range(depth - 2):
        value = [value]
    return maker.body("tool", deep=value, **members)


accept("65,535 canonical bytes are accepted", sized(65535))
body = sized(65536)
refuse("65,536 canonical bytes: BODY_TOO_LARGE 422", signer.seal(body).wire(), 422,
       "BODY_TOO_LARGE", "body", body["run_id"])
with case("it is the canonical form that counts, not what was sent"):
    sealed = signer.seal(sized(65535))
    data = json.dumps(sealed.members(), indent=1).encode() + b" " * 100000
    equal(service.post("/v1/receipts", data).status, 201)
with case("a number that grows when canonical counts as it is written then"):
    body = maker.body("tool", n=[1] * 4000)
    text = canonical(body).replace(b",".join([b"1"] * 4000), b",".join([b"1e20"] * 4000))
    grown = text.replace(b"1e20", b"100000000000000000000")
    assert len(text) < 65536 < len(grown)
    data = b'{"body":%s,"receipt_signature":"%s","signer_pubkey":"%s"}' % (
        text, b"0" * 128, signer.key.encode())
    untouched(data, lambda answer: kit.problem(answer, 422, "BODY_TOO_LARGE", "body"))
with case("a request of 512 KiB is read"):
    sealed = signer.seal(maker.body())
    data = sealed.wire()
    data += b" " * (512 * 1024 - len(data))
    answer = service.post("/v1/receipts", data)
    equal((len(data), answer.status), (524288, 201), repr(answer))
with case("one byte more is 413 BODY_TOO_LARGE before parsing"):
    sealed = signer.seal(maker.body())
    for data in (sealed.wire().ljust(524289), b"{" * 524289):
        before = state()
        kit.problem(service.post("/v1/receipts", data), 413, "BODY_TOO_LARGE")
        equal(state(), before)
    equal(service.get("/v1/receipts/" + sealed.run_id, token=service.token).status, 404)
accept("16 levels are accepted", nested(16))
body = nested(17)
with case("17 levels are refused"):
    def too_deep(answer):
        equal((answer.status, answer.json()["code"]), (400, "INVALID_JSON"), repr(answer))
    untouched(signer.seal(body).wire(), too_deep)

# --- numbers ------------------------------------------------------------------------------------

with case("integers: 2^53-1 and the RFC 8785 forms beyond it are accepted"):
    for literal in (b"9007199254740991", b"-9007199254740991", b"9007199254740992",
                    b"9007199254740994", b"100000000000000000000", b"-9007199254740992"):
        text = canonical(maker.body("tool", n="@")).replace(b'"@"', literal)
        answer = service.submit(signer.seal(text))
        equal(answer.status, 201, literal)
with case("a fraction or an exponent may say what no integer literal may"):
    for literal, form in ((b"9007199254740993.0", b"9007199254740992"),
                          (b"9.007199254740993e15", b"9007199254740992"),
                          (b"1E2", b"100"), (b"-0", b"0"), (b"1.50", b"1.5"),
                          (b"1e21", b"1e+21"), (b"5e-324", b"5e-324"),
                          (b"1e-7", b"1e-7"), (b"0.000001", b"0.000001")):
        text = canonical(maker.body("tool", n="@"))
        sealed = signer.seal(text.replace(b'"@"', form))
        data = sealed.wire().replace(b'"n":' + form, b'"n":' + literal)
        assert literal == form or data != sealed.wire()
        answer = service.post("/v1/receipts", data)
        equal((answer.status, answer.json().get("receipt_hash")), (201, sealed.hash), literal)

# --- the envelope -------------------------------------------------------------------------------

members = signer.seal(maker.body()).members()
RUN = members["body"]["run_id"]
for change, param in [({"body": 7}, "body"), ({"body": "{}"}, "body"), ({"body": [1]}, "body"),
                      ({"body": None}, "body"),
                      ({"receipt_signature": None}, "receipt_signature"),
                      ({"receipt_signature": "0" * 127}, "receipt_signature"),
                      ({"receipt_signature": "0" * 130}, "receipt_signature"),
                      ({"receipt_signature": "g" * 128}, "receipt_signature"),
                      ({"receipt_signature": members["receipt_signature"].upper()},
                       "receipt_signature"),
                      ({"signer_pubkey": signer.key.upper()}, "signer_pubkey"),
                      ({"signer_pubkey": "0x" + signer.key}, "signer_pubkey"),
                      ({"signer_pubkey": 1}, "signer_pubkey"),
                      ({"receipt_hash": members["receipt_hash"].upper()}, "receipt_hash"),
                      ({"receipt_hash": ""}, "receipt_hash"),
                      ({"receipt_hash": None}, "receipt_hash")]:
    refuse(f"INVALID_RECEIPT: envelope with {str(change)[:50]}",
           json.dumps({**members, **change}), 422, "INVALID_RECEIPT", param, RUN)
for name in ("body", "receipt_signature", "signer_pubkey"):
    refuse(f"INVALID_RECEIPT: envelope without {name}",
           json.dumps({k: v for k, v in members.items() if k != name}), 422, "INVALID_RECEIPT",
           name, RUN)
for data in (b"[]", b'"x"', b"null", b"7"):
    refuse(f"INVALID_RECEIPT: the envelope is {data.decode()}", data, 422, "INVALID_RECEIPT")

# --- members of the body ------------------------------------------------------------------------

GONE = object()
H, S = "a" * 64, "x"
BAD_H = ["", "A" * 64, "a" * 63, "a" * 65, "g" * 64, 7, None, True, [H]]
BAD_S = ["", "x" * 1025, "\u20ac" * 342, 7, None, True, [], {}]
BAD_I = [-1, 1.5, "1", None, True, 9007199254740992, []]
BAD_N = [-1, -0.5, "1", None, True]
BAD_B = [0, 1, "true", None]
BAD_T = [7, None, True, []]
BAD_LIST = ["", None, {}, 7]
NULLABLE_H = [v for v in BAD_H if v is not None]
RUN_RULES = {"policy_hash": [GONE, *BAD_H], "model_passport_id": [GONE, *BAD_S],
             "compute_passport_id": [GONE, *BAD_S], "runtime": [GONE, *BAD_S],
             "metrics": [GONE, 7, None, [], "x"], "metrics.ttft_ms": [GONE, *BAD_I],
             "metrics.tokens_in": [GONE, *BAD_I], "metrics.tokens_out": [GONE, *BAD_I],
             "metrics.p95_ms": BAD_I, "image_hash": BAD_S, "model_hash": BAD_S,
             "attestation": [7, None, [], "x"]}
RULES = {
    "inference": RUN_RULES,
    "compute": {
        **RUN_RULES, "start_ts": BAD_I, "end_ts": BAD_I,
        "execution_mode": ["", "other", "BYO_RUNTIME", 7, None],
        "gpu_fingerprint": [v for v in BAD_S if v is not None],
        "runtime_hash": ["", H, "sha256:", "sha256:" + "A" * 64, "SHA256:" + H, 7],
        "job_hash": BAD_H, "quote_hash": BAD_H, "outputs_hash": BAD_H, "input_ref": BAD_S,
        "output_ref": BAD_S, "node_id": BAD_S, "model_revision": BAD_S, "capacity_bucket": BAD_S,
        "endpoint_id": BAD_S, "billing": [7, None, []], "billing.compute_seconds": BAD_N,
        "billing.cost_usd": BAD_N, "billing.gpu_type": BAD_S,
        **{"metrics." + name: BAD_I for name in (
            "total_latency_ms", "queue_wait_ms", "queue_time_ms", "cold_start_ms",
            "model_load_ms")}, "metrics.cache_hit": BAD_B},
    "tool": {"tool_passport_id": [GONE, *BAD_S], "input_hash": [GONE, *BAD_H],
             "output_hash": [GONE, *BAD_H], "latency_ms": [GONE, *BAD_I],
             "success": [GONE, *BAD_B], "agent_passport_id": BAD_S},
    "agent": {"agent_passport_id": [GONE, *BAD_S], "task_hash": [GONE, *BAD_H],
              "sub_receipt_ids": [GONE, *BAD_LIST], "steps_count": [GONE, *BAD_I],
              "total_tokens": [GONE, *BAD_I], "duration_ms": [GONE, *BAD_I],
              "success": [GONE, *BAD_B], "total_cost_usd": BAD_N},
    "dataset": {"dataset_passport_id": [GONE, *BAD_S], "access_type": [GONE, "", "Query", 7],
                "data_hash": [GONE, *BAD_H], "bytes_transferred": [GONE, *BAD_I],
                "consumer_passport_id": BAD_S, "rows_returned": BAD_I, "query_hash": BAD_H},
    "memory": {"agent_passport_id": [GONE, *BAD_S], "namespace": [GONE, *BAD_S],
               "memory_id": [GONE, *BAD_S], "memory_type": [GONE, *BAD_S],
               "content_hash": [GONE, *BAD_H], "prev_hash": [GONE, *NULLABLE_H]},
    "memory (session)": {"session_id": [GONE, *BAD_S], "entry_hashes": BAD_LIST,
                         "entry_count": [GONE, *BAD_I, 0, 1, 3]},
}
COMMON = {"schema_version": [GONE, "1.1", "1", 1.0, None],
          "receipt_type": [GONE, "Tool", "", "other", 7, None],
          "run_id": [GONE, "", "short_678", "x" * 129, "has space_1", "sla/sh_1234", "\u00fc" * 12,
                     "a" * 64, "0123456789abcdef" * 4, 1234567890, None, "line\n_feed12"],
          "timestamp": [GONE, -1, 1.5, "1732190000", None, True, 9007199254740992],
          "trace_id": BAD_T, "error_code": BAD_T, "error_message": BAD_T}
for name in RULES:
    RULES[name] = {**COMMON, **RULES[name]} if name == "tool" else RULES[name]


def base_body(kind):
    if not kind.startswith("memory"):
        return maker.body(kind)
    body = {"schema_version": "1.0", "receipt_type": "memory", "run_id": "run_" + maker.hex(8),
            "timestamp": maker.timestamp, "agent_passport_id": S, "namespace": S}
    if kind == "memory":
        return {**body, "memory_id": S, "memory_type": S, "content_hash": H, "prev_hash": None}
    return {**body, "session_id": S, "entry_hashes": [H, H], "entry_count": 2}


def changed(kind, member, value):
    body = base_body(kind)
    inner, *names = body, *member.split(".")
    for name in names[:-1]:
        inner = inner[name]
    if value is GONE:
        del inner[names[-1]]
    else:
        inner[names[-1]] = value
    return body


tried = 0
for kind, rules in RULES.items():
    for member, values in rules.items():
        with case(f"INVALID_RECEIPT: {kind} with {len(values)} bad values of {member}"):
            for value in values:
                body = changed(kind, member, value)
                # 2^53 is a good JSON number; json.dumps writes it as its double's form.
                answer = service.post("/v1/receipts", signer.seal(body).wire())
                kit.problem(answer, 422, "INVALID_RECEIPT", "body." + member)
                if member != "run_id":
                    free.append(body["run_id"])
                tried += 1
kit.note(f"{tried} bad members")
for kind, member, value, param in [
        ("agent", "sub_receipt_ids", [""], "[0]"), ("agent", "sub_receipt_ids", [S, 7], "[1]"),
        ("memory (session)", "entry_hashes", [H, "A" * 64], "[1]"),
        ("memory (session)", "entry_hashes", [None, H], "[0]")]:
    body = changed(kind, member, value)
    refuse(f"INVALID_RECEIPT: {kind} with {member} {str(value)[:20]}…", signer.seal(body).wire(),
           422, "INVALID_RECEIPT", f"body.{member}{param}", body["run_id"])

for text, good in (("x" * 10, True), ("x" * 128, True), ("A.z_0:9-" * 4, True), ("x" * 9, False)):
    body = maker.body("tool", run_id=text)
    if good:
        accept(f"a run_id of {len(text)} characters", body)
    else:
        refuse(f"a run_id of {len(text)} characters", signer.seal(body).wire(), 422,
               "INVALID_RECEIPT", "body.run_id")
accept("strings of 1,024 bytes", maker.body("tool", tool_passport_id="\u20ac" * 341 + "x"))
accept("unknown members of any kind are kept", maker.body("tool", x={"y": [None, -1.5, "\u0000"]}))

with case("timestamps: 300 s ahead is accepted, 301 s is not"):
    # The second may turn between our clock and the server's look at it: then the limit is one more.
    for offset, want in ((300, 201), (301, 422), (302, 422), (86400, 422), (0, 201), (-10**9, 201)):
        while time.time() % 1 > 0.8:
            time.sleep(0.05)
        body = maker.body("tool", timestamp=int(time.time()) + offset)
        answer = service.submit(signer.seal(body))
        equal(answer.status, want, f"{offset}: {answer!r}")
        if want == 422:
            kit.problem(answer, 422, "INVALID_RECEIPT", "body.timestamp")

# --- hash, signer, signature, in this order -----------------------------------------------------

body = maker.body("tool")
sealed, foreign, dead = signer.seal(body), stranger.seal(body), revoked.seal(body)
RUN = body["run_id"]
wrong_hash = {**sealed.members(), "receipt_hash": hashlib.sha256(b"x").hexdigest()}
flipped = ("0" if sealed.signature[0] != "0" else "1") + sealed.signature[1:]
refuse("HASH_MISMATCH", json.dumps(wrong_hash), 422, "HASH_MISMATCH", "receipt_hash", RUN)
refuse("SIGNER_UNKNOWN", foreign.wire(), 403, "SIGNER_UNKNOWN", "signer_pubkey", RUN)
refuse("SIGNATURE_INVALID: one bit", json.dumps(
    {**sealed.members(), "receipt_signature": flipped}), 422, "SIGNATURE_INVALID",
    "receipt_signature", RUN)
refuse("SIGNATURE_INVALID: zeros", json.dumps(
    {**sealed.members(), "receipt_signature": "0" * 128}), 422, "SIGNATURE_INVALID",
    "receipt_signature", RUN)
refuse("SIGNATURE_INVALID: another's", json.dumps(
    {**sealed.members(), "signer_pubkey": other.key}), 422, "SIGNATURE_INVALID",
    "receipt_signature", RUN)
refuse("SIGNATURE_INVALID: over the hex text instead of the 32 bytes", json.dumps(
    {**sealed.members(), "receipt_signature": kit.ED25519.sign(
        signer.seed, [sealed.hash.encode()])[0]}), 422, "SIGNATURE_INVALID",
    "receipt_signature", RUN)
L = 2**252 + 27742317777372353535851937790883648493
s_value = int.from_bytes(bytes.fromhex(sealed.signature[64:]), "little") + L
refuse("SIGNATURE_INVALID: S not reduced", json.dumps(
    {**sealed.members(),
     "receipt_signature": sealed.signature[:64] + s_value.to_bytes(32, "little").hex()}),
    422, "SIGNATURE_INVALID", "receipt_signature", RUN)
refuse("SIGNATURE_INVALID: the body was changed after signing", json.dumps(
    {"body": {**body, "success": False}, "receipt_signature": sealed.signature,
     "signer_pubkey": signer.key}), 422, "SIGNATURE_INVALID", "receipt_signature", RUN)
refuse("SIGNER_REVOKED", dead.wire(), 403, "SIGNER_REVOKED", "signer_pubkey", RUN)

with case("order of checks: the first failure answers"):
    taken = {**maker.body("tool"), "run_id": envelope.run_id}
    steps = [  # each has all the faults of those below it
        ({"body": {**taken, "pad": "x" * 70000, "schema_version": "2"}}, "BODY_TOO_LARGE"),
        ({"body": {**taken, "schema_version": "2"}, "receipt_hash": "0" * 64}, "INVALID_RECEIPT"),
        ({"body": taken, "receipt_hash": "0" * 64, "signer_pubkey": stranger.key},
         "HASH_MISMATCH"),
        ({"body": taken, "signer_pubkey": stranger.key}, "SIGNER_UNKNOWN"),
        ({"body": taken, "signer_pubkey": revoked.key}, "SIGNATURE_INVALID"),
        ({"body": taken, "signer_pubkey": revoked.key,
          "receipt_signature": revoked.seal(taken).signature}, "SIGNER_REVOKED"),
        ({"body": taken, "signer_pubkey": signer.key,
          "receipt_signature": signer.seal(taken).signature}, "RUN_ID_CONFLICT")]
    for members, code in steps:
        data = json.dumps({"receipt_signature": "0" * 128, "signer_pubkey": stranger.key,
                           **members})
        equal(service.post("/v1/receipts", data).json()["code"], code)
    data = json.dumps(steps[1][0])[:-1]
    equal(service.post("/v1/receipts", data).json()["code"], "INVALID_JSON")

with case("the epoch holds exactly what was accepted; the refused run_ids are all free"):
    before = service.size()
    bodies = [maker.body("tool", run_id=run_id) for run_id in sorted(set(free))]
    lines = service.batch_ok(signer.seal_all(bodies))
    equal([line["leaf_index"] for line in lines], list(range(before, before + len(bodies))))
    kit.note(f"{len(bodies)} run_ids that were refused before")

service.stop()
kit.done()
