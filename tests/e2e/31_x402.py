#!/usr/bin/env python3
"""The 402 of what is sold: every member of the document and of its header, by the rules of the
official clients and worked out anew from the data directory's key; and what shows payments badly:
malformed, oversized, repeated and contradictory headers. Nothing of it leaves a trace."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import struct
import time

import kit
import kit_chain
import kit_pay
from kit import case, equal, problem
from kit_chain import CHAIN_ID, NETWORK, PAYEE, PAYER, PROOF_SEPARATOR, STRANGER, TOKEN, V1_NAME
from kit_evm import eip55, enhex, keccak, proof_digest, unhex, word
from kit_receipts import Maker
from kit_shop import ASSET, PRICE, Shop

URL = "https://ledger.example"
HEADERS = ("X-PAYMENT", "PAYMENT-SIGNATURE", "X-Payment-Proof")
VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "x402")
LIFETIME = 120
maker = Maker("31")
chain = kit_chain.chain()
shop = Shop(chain, {"proof": ASSET, "receipt": "writes", "batch": "writes"}, public_url=URL,
            payment_seconds_max=LIFETIME)
body = maker.body("inference", run_id="run_shop_31")
equal(shop.client.request("POST", "/v1/receipts", shop.signer.seal(body).wire(),
                          token=shop.token).status, 201)
shop.covered(1)
PATH = "/v1/receipts/run_shop_31/proof"
shop.proof_path = PATH
origin = shop.ok("/v1/log")["origin"]


def vectors(name):
    with open(os.path.join(VECTORS, name), encoding="utf-8") as file:
        return json.load(file)


def untouched():
    """No payment, no event, nothing moved."""
    equal(shop.payments(), [])
    equal(shop.events("payment."), [])
    equal(chain.balance(PAYEE.address), 0)


# --- what the official clients want -------------------------------------------------------------

# The networks by name that x402-fetch 1.2.0 has, and those with a default token in @x402/fetch.
V1_NAMES = {"abstract", "abstract-testnet", "base-sepolia", "base", "avalanche-fuji", "avalanche",
            "iotex", "solana-devnet", "solana", "sei", "sei-testnet", "polygon", "polygon-amoy",
            "peaq", "story", "educhain", "skale-base-sepolia"}
V1_LIMIT, V2_LIMIT = 100000, 1000000  # what they pay without being told to pay more


def address_ok(text):
    assert re.fullmatch("0x[0-9a-fA-F]{40}", text), text
    equal(text, eip55(unhex(text)))


def v1_ok(document):
    """x402-fetch: the body. outputSchema may be left out, but not be null."""
    equal(document["x402Version"], 1)
    for entry in document["accepts"]:
        equal(set(entry), {"scheme", "network", "maxAmountRequired", "resource", "description",
                           "mimeType", "payTo", "maxTimeoutSeconds", "asset", "extra"})
        assert entry["scheme"] == "exact" and entry["network"] in V1_NAMES, entry
        assert re.fullmatch("[0-9]{1,18}", entry["maxAmountRequired"])
        assert int(entry["maxAmountRequired"]) <= V1_LIMIT
        assert re.match("https?://[^/]+/", entry["resource"]), "an absolute URL"
        assert isinstance(entry["description"], str) and isinstance(entry["mimeType"], str)
        assert type(entry["maxTimeoutSeconds"]) is int and entry["maxTimeoutSeconds"] >= 30
        equal(set(entry["extra"]), {"name", "version"})
        address_ok(entry["payTo"])
        address_ok(entry["asset"])


def v2_ok(value):
    """@x402/fetch: PAYMENT-REQUIRED."""
    assert re.fullmatch("[A-Za-z0-9+/]*={0,2}", value), value
    document = json.loads(base64.b64decode(value, validate=True), object_pairs_hook=kit.unique)
    equal(set(document), {"x402Version", "error", "resource", "accepts", "extensions"})
    equal((document["x402Version"], set(document["extensions"])), (2, {"payment-identifier"}))
    equal(document["extensions"]["payment-identifier"]["info"], {"required": False})
    equal(set(document["resource"]), {"url", "description", "mimeType"})
    assert len(document["accepts"]) >= 1
    for entry in document["accepts"]:
        equal(set(entry), {"scheme", "network", "amount", "asset", "payTo", "maxTimeoutSeconds",
                           "extra"})
        assert entry["scheme"] == "exact" and ":" in entry["network"], entry
        assert re.fullmatch("0|[1-9][0-9]*", entry["amount"]) and int(entry["amount"]) <= V2_LIMIT
        assert type(entry["maxTimeoutSeconds"]) is int and entry["maxTimeoutSeconds"] > 0
        assert entry["extra"]["name"] and entry["extra"]["version"]
        address_ok(entry["payTo"])
        address_ok(entry["asset"])
    return document


# --- what we say besides ------------------------------------------------------------------------

def field(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def mac(key_id, key, x402):
    """Of a challenge: decision 26."""
    numbers = [int(x402["payment"]["amount"]), x402["price_version"], issued_ms(x402), LIFETIME]
    fields = ["lucid x402 challenge 1", key_id, origin, x402["asset"], NETWORK, PROOF_SEPARATOR,
              unhex(x402["payment"]["recipient"])]
    fields += [struct.pack(">Q", number) for number in numbers]
    fields.append(bytes.fromhex(x402["challenge"].split(".")[5]))
    fields += [x402["method"], x402["resource"], bytes.fromhex(x402["body_sha256"])]
    return hmac.new(key, b"".join(field(data) for data in fields), hashlib.sha256).hexdigest()


def keys():
    """DIR/x402.keys: id and key, the newest last."""
    with open(os.path.join(shop.data, "x402.keys"), encoding="ascii") as file:
        lines = [line.split(" ") for line in file.read().splitlines()]
    return [(name, bytes.fromhex(key)) for name, key, created in lines if int(created) > 0]


def milliseconds(text):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), text
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def issued_ms(x402):
    return int(x402["challenge"].split(".")[3])


def x402_ok(x402, method, path, data, asset):
    equal(set(x402), {"version", "asset", "description", "price_version", "challenge", "issued_at",
                      "expires", "expires_unix", "resource", "method", "body_sha256", "payment",
                      "typedData"})
    equal((x402["version"], x402["asset"], x402["method"]), ("2", asset, method))
    equal(x402["resource"], URL + path)
    equal(x402["body_sha256"], hashlib.sha256(data).hexdigest())
    equal(x402["payment"], {
        "network": NETWORK, "chain": V1_NAME, "chainId": CHAIN_ID, "token": "USDC",
        "tokenAddress": eip55(TOKEN), "decimals": 6, "amount": str(PRICE),
        "recipient": PAYEE.text, "scheme": "exact"})
    name, key_id, version, issued, lifetime, chance, code = x402["challenge"].split(".")
    equal(len(bytes.fromhex(chance)), 16)
    equal((name, int(version), int(lifetime)), ("lc1", x402["price_version"], LIFETIME))
    equal(milliseconds(x402["issued_at"]), int(issued))
    assert abs(int(issued) - time.time() * 1000) < 60000
    equal(x402["expires_unix"], int(issued) // 1000 + LIFETIME)
    equal(milliseconds(x402["expires"]), 1000 * x402["expires_unix"])
    newest = keys()[-1]
    equal((key_id, code), (newest[0], mac(newest[0], newest[1], x402)))


def documents_ok(answer, method, path, data=b"", asset=ASSET, error="payment_required"):
    equal(answer.status, 402, repr(answer))
    equal(answer.header("Cache-Control"), "no-store")
    equal(answer.header("Content-Type"), "application/problem+json")
    equal((answer.header("ETag"), answer.header("PAYMENT-RESPONSE")), (None, None))
    document = json.loads(answer.body, object_pairs_hook=kit.unique)
    equal(set(document), {"type", "title", "status", "detail", "code", "request_id", "x402Version",
                          "error", "accepts", "x402"})
    equal((document["type"], document["title"], document["status"], document["code"]),
          ("about:blank", "Payment Required", 402, "PAYMENT_REQUIRED"))
    equal(document["request_id"], answer.header("X-Request-Id"))
    required = v2_ok(answer.header("PAYMENT-REQUIRED"))
    v1_ok(document)
    x402_ok(document["x402"], method, path, data, asset)
    equal((document["error"], required["error"]), (error, error))
    v1, v2 = document["accepts"][0], required["accepts"][0]
    equal(v1["resource"], required["resource"]["url"])
    equal(v1["resource"], URL + path)
    for member in ("description", "mimeType"):
        equal(v1[member], required["resource"][member])
    equal(v1["description"], document["x402"]["description"])
    equal((v1["network"], v1["maxAmountRequired"]), (V1_NAME, v2["amount"]))
    equal((v2["network"], v2["amount"]), (NETWORK, str(PRICE)))
    for member in ("asset", "payTo", "maxTimeoutSeconds", "extra"):
        equal(v1[member], v2[member])
    equal((v1["asset"], v1["payTo"]), (eip55(TOKEN), PAYEE.text))
    equal((v1["maxTimeoutSeconds"], v1["extra"]), (LIFETIME, {"name": "USDC", "version": "2"}))
    return document


with case("the 402 of a read: each member, for all three headers"):
    documents_ok(shop.get(PATH), "GET", PATH)
    for query in ("?tree_size=1", "?", "?tree_size=1&x=%22%5C%0a%7B", "?x='()*!~;@,+"):
        documents_ok(shop.get(PATH + query), "GET", PATH + query)

with case("the 402 of a write names its body"):
    data = shop.signer.seal(maker.body("inference")).wire()
    documents_ok(shop.post("/v1/receipts", data), "POST", "/v1/receipts", data, "writes")
    lines = data + b"\n"
    answer = shop.client.request("POST", "/v1/receipts/batch", lines,
                                 {"Content-Type": "application/x-ndjson"})
    documents_ok(answer, "POST", "/v1/receipts/batch", lines, "writes")

with case("two demands differ in their challenge and its times alone"):
    first, second = shop.get(PATH), shop.get(PATH)
    equal(first.header("PAYMENT-REQUIRED"), second.header("PAYMENT-REQUIRED"))
    one, two = first.json(), second.json()
    for document in (one, two):
        del document["request_id"]
        for member in ("challenge", "issued_at", "expires", "expires_unix"):
            del document["x402"][member]
    equal(one, two)

with case("a client without documentation can sign what `typedData` says"):
    asked = shop.get(PATH).json()["x402"]
    typed = asked["typedData"]
    equal(set(typed), {"domain", "primaryType", "types"})
    members = typed["types"][typed["primaryType"]]
    values = {"transaction": bytes(31) + b"\x01", "logIndex": 3,
              "payTo": unhex(asked["payment"]["recipient"]),
              "amount": int(asked["payment"]["amount"]), "method": asked["method"],
              "resource": asked["resource"], "bodyHash": bytes.fromhex(asked["body_sha256"]),
              "challenge": keccak(asked["challenge"].encode()), "expires": asked["expires_unix"]}
    equal([entry["name"] for entry in members], list(values))
    kind = typed["primaryType"] + "(" + ",".join(f"{m['type']} {m['name']}" for m in members) + ")"
    words = [keccak(kind.encode())]
    for entry in members:
        value = values[entry["name"]]
        words.append(keccak(value.encode()) if entry["type"] == "string" else word(value))
    domain = typed["domain"]
    equal(list(domain), ["name", "version", "chainId", "verifyingContract"])
    separator = keccak(b"".join([
        keccak(b"EIP712Domain(string name,string version,uint256 chainId,address "
               b"verifyingContract)"),
        keccak(domain["name"].encode()), keccak(domain["version"].encode()),
        word(domain["chainId"]), word(unhex(domain["verifyingContract"]))]))
    equal(separator, PROOF_SEPARATOR)
    digest = keccak(b"\x19\x01" + separator + keccak(b"".join(words)))
    equal(digest, proof_digest(PROOF_SEPARATOR, {
        "transaction": values["transaction"], "log_index": 3, "pay_to": values["payTo"],
        "amount": PRICE, "method": "GET", "resource": URL + PATH,
        "body_hash": values["bodyHash"], "challenge": asked["challenge"],
        "expires": values["expires"]}))

# --- payments shown badly -----------------------------------------------------------------------

with case("every malformed header of the vectors, in each of the three: 400 that names it"):
    cases = vectors("header-malformed.json")["cases"]
    equal(len(cases), 19)
    for entry in cases:
        for name in HEADERS:
            answer = shop.show((name, entry["value"]))
            problem(answer, 400, "PAYMENT_MALFORMED", name)
            equal(answer.header("PAYMENT-REQUIRED"), None)
    untouched()

with case("real headers of real clients, but of another time and place: 402"):
    for run in vectors("client-headers.json")["runs"]:
        sent = run["request_header"]
        equal(shop.show((sent["name"], sent["value"])).status, 402)
        for name in HEADERS:  # in a header of another version
            if name != sent["name"]:
                problem(shop.show((name, sent["value"])), 400, "PAYMENT_MALFORMED", name)
    untouched()


def spoiled(change):
    """A good v2 payment with something changed."""
    name, value = kit_pay.pay_v2(shop.offer(), PAYER)
    document = kit_pay.unb64(value)
    change(document)
    return name, kit_pay.b64(document)


def without(path):
    def change(document):
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]
    return change


def put(path, value):
    def change(document):
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value
    return change


with case("each member of a payment dropped, of another type, or too long"):
    needed = [("x402Version",), ("accepted",), ("accepted", "scheme"), ("accepted", "network"),
              ("payload",), ("payload", "signature"), ("payload", "authorization")]
    needed += [("payload", "authorization", member)
               for member in ("from", "to", "value", "validAfter", "validBefore", "nonce")]
    for path in needed:
        for change in (without(path), put(path, 1.5), put(path, None), put(path, [])):
            problem(shop.show(spoiled(change)), 400, "PAYMENT_MALFORMED", "PAYMENT-SIGNATURE")
        oversized = shop.show(spoiled(put(path, "1" * 9000)))
        assert oversized.status in (400, 402), oversized
    problem(shop.show(spoiled(put(("payload",), {"permit2Authorization": {}, "signature": "0x"}))),
            400, "PAYMENT_MALFORMED", "PAYMENT-SIGNATURE")
    untouched()

with case("what reads but does not fit: the reason in body and header, as the SDK says it"):
    for path, value, reason in [
            (("accepted", "scheme"), "upto", "invalid_exact_evm_scheme"),
            (("accepted", "network"), "eip155:8453", "invalid_exact_evm_network_mismatch"),
            (("accepted", "amount"), "1", "invalid_payment_requirements"),
            (("accepted", "payTo"), STRANGER.text, "invalid_payment_requirements"),
            (("accepted", "asset"), STRANGER.text, "invalid_payment_requirements"),
            (("accepted", "extra"), {}, "invalid_exact_evm_missing_eip712_domain"),
            (("accepted", "extra", "name"), "USD Coin", "invalid_exact_evm_token_name_mismatch"),
            (("resource", "url"), URL + "/v1/log", "invalid_payment_requirements"),
            (("payload", "authorization", "to"), STRANGER.text,
             "invalid_exact_evm_recipient_mismatch"),
            (("payload", "authorization", "value"), str(PRICE - 1),
             "invalid_exact_evm_payload_authorization_value_mismatch"),
            (("payload", "authorization", "value"), str(2**256 - 1),
             "invalid_exact_evm_payload_authorization_value_mismatch"),
            (("payload", "authorization", "validBefore"), str(int(time.time()) + 4),
             "invalid_exact_evm_payload_authorization_valid_before"),
            (("payload", "authorization", "validAfter"), str(int(time.time()) + 100),
             "invalid_exact_evm_payload_authorization_valid_after"),
            (("payload", "authorization", "nonce"), enhex(bytes(32)),
             "invalid_exact_evm_signature"),
            (("payload", "signature"), "0x" + "6492" * 100, "invalid_exact_evm_signature")]:
        documents_ok(shop.show(spoiled(put(path, value))), "GET", PATH, error=reason)
    untouched()

with case("proofs of transfers: other challenges and networks, signed but of which transfer?"):
    asked = shop.offer()
    tx = bytes(31) + b"\x07"
    elsewhere = shop.offer(PATH + "?tree_size=1")
    documents_ok(shop.show(kit_pay.pay_proof(elsewhere, tx, PAYER)), "GET", PATH,
                 error="invalid_challenge")
    foreign = asked.json()["x402"]["challenge"].split(".")
    foreign[1] = "00000000"
    documents_ok(shop.show(kit_pay.pay_proof(asked, tx, PAYER, challenge=".".join(foreign))),
                 "GET", PATH, error="invalid_challenge")
    foreign = asked.json()["x402"]["challenge"].split(".")
    foreign[2] = "999999"  # a version of the price that never was
    equal(shop.show(kit_pay.pay_proof(asked, tx, PAYER, challenge=".".join(foreign))).status, 402)
    documents_ok(shop.show(kit_pay.pay_proof(asked, tx, PAYER, network="eip155:1")), "GET", PATH,
                 error="invalid_exact_evm_network_mismatch")
    for more in ({"logIndex": None}, {"logIndex": "0"}, {"logIndex": -1}, {"transaction": "0x1"},
                 {"challenge": "x"}, {"challenge": 7}, {"network": V1_NAME}, {"signature": "0x0"}):
        document = kit_pay.unb64(kit_pay.pay_proof(asked, tx, PAYER)[1])
        document.update(more)
        document = {name: value for name, value in document.items() if value is not None}
        answer = shop.show(("X-Payment-Proof", kit_pay.b64(document)))
        problem(answer, 400, "PAYMENT_MALFORMED", "X-Payment-Proof")
    untouched()


def raw_answer(*fields, path=PATH):
    raw = shop.raw()
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n" + "".join(f"{line}\r\n" for line in fields)
    raw.send(head.encode("latin-1") + b"\r\n")
    answer = raw.answer()
    raw.close()
    return answer


with case("two payment headers, whichever, and one of them twice: 400"):
    good = {"X-PAYMENT": kit_pay.pay_v1(shop.offer(), PAYER)[1],
            "PAYMENT-SIGNATURE": kit_pay.pay_v2(shop.offer(), PAYER)[1],
            "X-Payment-Proof": kit_pay.pay_proof(shop.offer(), bytes(32), PAYER)[1]}
    for one in HEADERS:
        problem(raw_answer(f"{one}: {good[one]}", f"{one.lower()}: {good[one]}"), 400,
                "PAYMENT_MALFORMED", one)
        problem(raw_answer(f"{one}: {good[one]}, {good[one]}"), 400, "PAYMENT_MALFORMED", one)
        for two in HEADERS:
            later = max(one, two, key=HEADERS.index)
            if one != two:
                answer = raw_answer(f"{one}: {good[one]}", f"{two.upper()}: {good[two]}")
                problem(answer, 400, "PAYMENT_MALFORMED", later)
                answer = raw_answer(f"{one}: {good[one]}", f"{two}:")
                problem(answer, 400, "PAYMENT_MALFORMED", later)
    untouched()

with case("16 KiB are read, more are not"):
    text = base64.b64decode(spoiled(put(("accepted", "scheme"), "upto"))[1])
    full = base64.b64encode(text + b" " * (16384 // 4 * 3 - len(text))).decode()
    equal(len(full), 16384)
    documents_ok(shop.show(("PAYMENT-SIGNATURE", full)), "GET", PATH,
                 error="invalid_exact_evm_scheme")
    problem(shop.show(("PAYMENT-SIGNATURE", full + "ICAg")), 400, "PAYMENT_MALFORMED",
            "PAYMENT-SIGNATURE")
    problem(shop.show(("PAYMENT-SIGNATURE", full * 4)), 431, "HEADERS_TOO_LARGE")
    untouched()

with case("names are of either case; white space around a value is not part of it"):
    name, value = spoiled(put(("accepted", "scheme"), "upto"))
    equal(raw_answer(f"payment-SIGNATURE: \t {value} ").status, 402)
    problem(raw_answer(f"PAYMENT-SIGNATURE: {value[:8]} {value[8:]}"), 400, "PAYMENT_MALFORMED",
            name)

with case("where nothing is sold payment headers mean nothing"):
    for name in HEADERS:
        equal(shop.show((name, "not base64!"), "/v1/log").status, 200)

# --- browsers, and shops that cannot sell --------------------------------------------------------

def words(answer, name):
    return {part.strip() for part in (answer.header(name) or "").split(",")}


with case("browsers may read what is asked and answered, and send each header"):
    answer = shop.get(PATH, headers={"Origin": "https://agent.example"})
    documents_ok(answer, "GET", PATH)
    equal(answer.header("Access-Control-Allow-Origin"), "*")
    assert {"PAYMENT-REQUIRED", "PAYMENT-RESPONSE", "X-PAYMENT-RESPONSE", "X-Payment-Id",
            "Retry-After"} <= words(answer, "Access-Control-Expose-Headers")
    for name in HEADERS:
        answer = shop.client.request("OPTIONS", PATH, headers={
            "Origin": "https://agent.example", "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": name.lower()})
        equal(answer.status, 204)
        allowed = {word.lower() for word in words(answer, "Access-Control-Allow-Headers")}
        assert name.lower() in allowed, allowed

with case("keys: a file for the owner alone; without it open challenges are unknown"):
    path = os.path.join(shop.data, "x402.keys")
    equal(os.stat(path).st_mode & 0o777, 0o600)
    asked = shop.offer()
    shop.restart()
    documents_ok(shop.get(PATH), "GET", PATH)
    answer = shop.show(kit_pay.pay_proof(asked, bytes(31) + b"\x07", PAYER))
    assert answer.status != 400 and answer.json().get("error") != "invalid_challenge", answer
    shop.stop()
    with open(path, encoding="ascii") as file:
        kept = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(kept[:-10])
    flags = [part for setting, value in shop.settings.items()
             for part in ("--" + setting.replace("_", "-"), str(value))]
    kit.refuses_to_start(shop.data, "line 1", *flags)
    os.unlink(path)
    shop.start()
    documents_ok(shop.get(PATH), "GET", PATH)
    documents_ok(shop.show(kit_pay.pay_proof(asked, bytes(31) + b"\x07", PAYER)), "GET", PATH,
                 error="invalid_challenge")
    untouched()
    shop.stop()

with case("without a gas key only transfers can pay; without a price nothing"):
    bare = Shop(chain, gas=False, public_url=URL)
    answer = bare.get(bare.proof_path)
    equal((answer.status, answer.header("PAYMENT-REQUIRED")), (402, None))
    equal((answer.json()["accepts"], answer.json()["x402Version"]), ([], 1))
    equal(answer.json()["x402"]["payment"]["amount"], str(PRICE))
    signed = kit_pay.authorize(PAYER, PAYEE.address, PRICE)
    answer = bare.show(("X-PAYMENT", kit_pay.b64({
        "x402Version": 1, "scheme": "exact", "network": V1_NAME,
        "payload": kit_pay.payload(signed)})))
    equal((answer.status, answer.json()["error"]), (402, "unsupported_scheme"))
    bare.client.request("DELETE", f"/v1/assets/{ASSET}/pricing", token=bare.token)
    problem(bare.get(bare.proof_path), 503, "PRICE_UNAVAILABLE")
    bare.stop()

with case("a networks file that is wrong stops the service at its start, and says where"):
    good = chain.network()
    for change, where in [({"rpc": ["http://node.example"]}, "networks[0].rpc[0]"),
                          ({"rpcs": []}, "rpcs"), ({"rpc_quorum": 9}, "networks[0].rpc_quorum"),
                          ({"token_name": "USD Coin"}, "networks[0].token_name"),
                          ({"network": "eip155:5"}, "networks[0].token"),
                          ({"gas_key_file": "/nowhere/gas.key"}, "/nowhere/gas.key")]:
        with open(bare.networks_path, "w", encoding="ascii") as file:
            json.dump({"networks": [{**good, **change}]}, file)
        kit.refuses_to_start(bare.data, where, "--price-class.proof", ASSET,
                             "--x402-networks-file", bare.networks_path)

chain.close()
kit.done()
