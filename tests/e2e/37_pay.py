#!/usr/bin/env python3
"""`lucid pay` against a small seller: all headers, limits, one payment whatever happens in between.
The seller settles on the stand-in chain, so what was paid is seen there."""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import signal
import subprocess
import threading
import time

import kit
import kit_chain
import kit_pay
from kit import case, equal
from kit_chain import FACILITATOR, NETWORK, OTHER_TOKEN, PAYEE, PAYER, SEPARATOR, TOKEN
from kit_evm import eip55, enhex, keccak, proof_digest, recover, transfer_digest, unhex

PRICE = 10000
CHALLENGE = "lc1.01234567.1."
here = kit.scratch()
chain = kit_chain.Chain()
KEY = os.path.join(here, "payer.key")
with open(os.open(KEY, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as key_file:
    key_file.write(PAYER.key_text + "\n")


class Seller:
    """Sells GET and POST /thing. `script`: what to do with the next shown payments, one each:
    a status, "drop" (takes the money, closes the connection), or nothing: serve."""

    def __init__(self):
        self.script, self.shown, self.asked, self.settled = [], [], [], {}
        self.offers, self.challenged = [self.accept()], {}
        self.versions, self.free, self.money = (2, 1), False, 0
        seller = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):  # pylint: disable=invalid-name
                length = int(self.headers.get("Content-Length") or 0)
                seller.answer(self, self.rfile.read(length))

            do_POST = do_GET

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = self.root + "/thing?a=1"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @staticmethod
    def accept(**more):
        return {"scheme": "exact", "network": NETWORK, "amount": str(PRICE),
                "asset": eip55(TOKEN), "payTo": PAYEE.text, "maxTimeoutSeconds": 60,
                "extra": {"name": "USDC", "version": "2"}, **more}

    def required(self):
        return {"x402Version": 2, "error": "pay", "accepts": self.offers,
                "resource": {"url": self.url, "description": "a thing"}}

    def document(self):
        v1 = [{**{k: v for k, v in offer.items() if k != "amount"}, "network": "base-sepolia",
               "maxAmountRequired": offer.get("amount"), "resource": self.url, "description": "",
               "mimeType": "text/plain"} for offer in self.offers]
        return {"x402Version": 1, "error": "pay", "accepts": v1 if 1 in self.versions else []}

    def challenge(self, method, body):
        """The member for X-Payment-Proof."""
        self.expires = int(time.time()) + 60
        offer = (self.offers or [self.accept()])[0]
        return {"challenge": CHALLENGE + str(len(self.asked)), "resource": self.url,
                "method": method, "expires_unix": self.expires,
                "body_sha256": hashlib.sha256(body).hexdigest(),
                "payment": {"network": NETWORK, "chainId": kit_chain.CHAIN_ID,
                            "tokenAddress": offer["asset"], "amount": offer["amount"],
                            "recipient": offer["payTo"]}}

    def observe(self, proof, method, body):
        """What a payee does with a proof: the transfer, and who says it is for this request."""
        asked = self.challenged[proof["challenge"]]
        receipt = chain.rpc("eth_getTransactionReceipt", [proof["transaction"]])
        log = receipt["logs"][proof["logIndex"]]
        equal((log["address"], log["topics"][0]), (enhex(TOKEN), enhex(kit_chain.TRANSFER)))
        equal(unhex(log["topics"][1])[12:], PAYER.address)
        equal(unhex(log["topics"][2])[12:], PAYEE.address)
        equal(int(log["data"], 16), PRICE)
        if "signature" in proof:
            digest = proof_digest(kit_chain.PROOF_SEPARATOR, {
                "transaction": unhex(proof["transaction"]), "log_index": proof["logIndex"],
                "pay_to": PAYEE.address, "amount": PRICE, "method": method,
                "resource": self.url, "body_hash": hashlib.sha256(body).digest(),
                "challenge": proof["challenge"], "expires": asked["expires_unix"]})
            s = unhex(proof["signature"])
            equal(recover(digest, int.from_bytes(s[:32], "big"),
                          int.from_bytes(s[32:64], "big"), s[64] - 27), PAYER.address)
        else:
            before = receipt["logs"][proof["logIndex"] - 1]["topics"]
            equal(before[0], enhex(kit_chain.USED))
            equal(before[2], enhex(keccak(proof["challenge"].encode())))
        key = unhex(proof["transaction"])
        if key not in self.settled:
            self.settled[key] = key
            self.money += PRICE
        return key

    def settle(self, payment, v1):
        """What a facilitator does: checks the signature, moves the money once."""
        got = payment["payload"]["authorization"]
        signed = {"from": unhex(got["from"]), "to": unhex(got["to"]), "value": int(got["value"]),
                  "after": int(got["validAfter"]), "before": int(got["validBefore"]),
                  "nonce": unhex(got["nonce"]), "signature": unhex(payment["payload"]["signature"])}
        digest = transfer_digest(SEPARATOR, *(signed[k] for k in (
            "from", "to", "value", "after", "before", "nonce")))
        s = signed["signature"]
        signer = recover(digest, int.from_bytes(s[:32], "big"), int.from_bytes(s[32:64], "big"),
                         s[64] - 27)
        equal(signer, signed["from"], "signature")
        equal(len(s), 65)
        assert time.time() < signed["before"] <= time.time() + 61, signed["before"]
        if v1:
            equal((payment["x402Version"], payment["scheme"], payment["network"]),
                  (1, "exact", "base-sepolia"))
        else:
            equal((payment["x402Version"], payment["accepted"], payment["resource"]),
                  (2, self.offers[-1], self.required()["resource"]))
        if signed["nonce"] not in self.settled:
            self.settled[signed["nonce"]] = chain.spend(FACILITATOR, signed)
            self.money += signed["value"]
        return self.settled[signed["nonce"]]

    def answer(self, request, body):
        v1, v2 = request.headers.get("X-PAYMENT"), request.headers.get("PAYMENT-SIGNATURE")
        self.asked.append((request.command, request.path, dict(request.headers), body))
        if self.free:
            return self.send(request, 200, {}, b"free\n", "text/plain")
        proof = request.headers.get("X-Payment-Proof")
        if v1 is None and v2 is None and proof is None:
            headers = {}
            if 2 in self.versions:
                headers["PAYMENT-REQUIRED"] = kit_pay.b64(self.required())
            asked = self.challenge(request.command, body)
            self.challenged[asked["challenge"]] = asked
            return self.send(request, 402, headers, {**self.document(), "x402": asked})
        self.shown.append(v1 or v2 or proof)
        step = self.script.pop(0) if self.script else None
        if isinstance(step, int):
            code = {503: "PAYMENT_PENDING", 402: "PAYMENT_REQUIRED", 409: "PAYMENT_ALREADY_SPENT",
                    422: "INVALID_RECEIPT"}.get(step, "OTHER")
            return self.send(request, step, {"Retry-After": "1", "X-Payment-Id": "ab" * 16},
                             {"code": code, "detail": f"says {step}"})
        if proof:
            tx = self.observe(kit_pay.unb64(proof), request.command, body)
        else:
            tx = self.settle(kit_pay.unb64(v1 or v2), v1 is not None)
        if step == "drop":
            request.close_connection = True
            return None
        said = kit_pay.b64({"success": True, "transaction": enhex(tx), "network": NETWORK,
                            "payer": PAYER.text})
        name = "X-PAYMENT-RESPONSE" if v1 else "PAYMENT-RESPONSE"
        return self.send(request, 200, {name: said, "X-Payment-Id": "ab" * 16},
                         b"bought " + body + b"\n", "text/plain")

    @staticmethod
    def send(request, status, headers, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)),
                            **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(data)


@contextlib.contextmanager
def selling():
    """A seller, and a check that the payee got what it settled, no more."""
    seller, before = Seller(), chain.balance(PAYEE.address)
    seller.folder = kit.scratch()
    yield seller
    seller.server.shutdown()
    seller.server.server_close()
    equal(chain.balance(PAYEE.address) - before, seller.money, "on the chain")


def pay(seller, *arguments, want=0, key=True, url=True, **more):
    """lucid pay in the seller's folder; what it printed."""
    command = ["pay", *([seller.url] if url else []), *(["--key-file", KEY] if key else []),
               *arguments]
    status, out, err = kit.lucid(*command, cwd=seller.folder, **more)
    equal(status, want, f"{' '.join(command)}: {out!r} {err!r}")
    pay.err = err.decode()
    return out


def error_of(out):
    return json.loads(out)["error"]


def journals(seller):
    return [os.path.join(seller.folder, n) for n in os.listdir(seller.folder)
            if n.startswith(".lucid-pay-")]


# --- buying -------------------------------------------------------------------------------------

with case("v2 by default: one payment, the answer, what it has cost; no journal is left"):
    with selling() as seller:
        equal(pay(seller), b"bought \n")
        tx = enhex(list(seller.settled.values())[0])
        for word in ("0.010000 USDC", PAYEE.text, NETWORK, tx, "ab" * 16):
            assert word in pay.err, pay.err
        said = json.loads(pay(seller, "--json"))
        equal((said["paid"], said["status"], said["amount"], said["via"], said["payer"]),
              (True, 200, str(PRICE), "v2", PAYER.text))
        equal(base64.b64decode(said["body_base64"]), b"bought \n")
        equal((len(seller.shown), len(seller.settled), journals(seller)), (2, 2, []))
        equal(seller.asked[0][1], "/thing?a=1")

with case("v1: chosen, or because nothing else is offered"):
    with selling() as seller:
        equal(json.loads(pay(seller, "--via", "v1", "--json"))["network"], "base-sepolia")
        seller.versions = (1,)
        pay(seller)
        equal(error_of(pay(seller, "--via", "v2", "--json", want=1))["code"], "NO_OFFER")
        equal(len(seller.settled), 2)

with case("POST with a body and headers, the answer into a file"):
    with selling() as seller:
        equal(pay(seller, "--body", "-", "-H", "X-One: 1", "-o", "out", stdin=b'{"q":1}'), b"")
        with open(os.path.join(seller.folder, "out"), "rb") as file:
            equal(file.read(), b'bought {"q":1}\n')
        for method, _, headers, body in seller.asked:
            equal((method, body, headers["X-One"], headers["Content-Type"]),
                  ("POST", b'{"q":1}', "1", "application/json"))

with case("what is free is not paid for; the bearer token stays at home"):
    with selling() as seller:
        seller.free = True
        equal(pay(seller, env={"LUCID_TOKEN": "secret-token"}), b"free\n")
        equal(json.loads(pay(seller, "--json"))["paid"], False)
        assert all("Authorization" not in asked[2] for asked in seller.asked)

with case("--dry-run says what it would pay, and needs no key"):
    with selling() as seller:
        said = json.loads(pay(seller, "--dry-run", "--json", key=False))
        equal((said["price"], said["pay_to"], said["token"]),
              ("0.010000 USDC", PAYEE.text, eip55(TOKEN)))
        assert b"0.010000 USDC" in pay(seller, "-n", key=False)
        equal((seller.shown, journals(seller)), ([], []))

# --- limits -------------------------------------------------------------------------------------

with case("the cap: 0.10 unless said otherwise; nothing is signed above it"):
    with selling() as seller:
        for amount, arguments, want in (("100001", [], 1), ("10000", ["-m", "0.009999"], 1),
                                        ("10000", ["-m", "0"], 1), ("100000", [], 0),
                                        (str(2**63), ["-m", "9000000000000"], 1)):
            seller.offers = [seller.accept(amount=amount)]
            before = len(seller.shown)
            out = pay(seller, "--json", *arguments, want=want)
            equal(len(seller.shown) - before, 1 - want)
            if want and int(amount) < 2**63:
                equal(error_of(out)["code"], "AMOUNT_OVER_MAXIMUM")
        for text in ("-1", "1e3", "0.0000001", "x"):
            pay(seller, "--max-amount", text, want=2)

with case("tokens: only what is known as USDC there, unless --token names it"):
    with selling() as seller:
        usdc, other = seller.accept(), seller.accept(asset=eip55(OTHER_TOKEN))
        seller.offers = [other]
        equal(error_of(pay(seller, "--json", want=1))["code"], "TOKEN_UNKNOWN")
        said = json.loads(pay(seller, "--json", "--dry-run", "--token", eip55(OTHER_TOKEN)))
        equal((said["token"], said["price"]), (eip55(OTHER_TOKEN), "10000 base units"))
        equal(error_of(pay(seller, "--json", "--token", PAYEE.text, want=1))["code"],
              "TOKEN_UNKNOWN")
        equal(seller.shown, [])
        seller.offers = [other, usdc]  # the first that may be paid
        pay(seller)

with case("offers that are none are refused, each with its reason"):
    with selling() as seller:
        for change, code in (
            ({"scheme": "upto"}, "SCHEME_UNKNOWN"),
            ({"extra": {"name": "USDC", "version": "2", "assetTransferMethod": "permit2"}},
             "SCHEME_UNKNOWN"),
            ({"extra": {"name": "USD Coin", "version": "2"}}, "OFFER_MALFORMED"),
            ({"network": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"}, "NETWORK_SOLANA"),
            ({"network": "cosmos:cosmoshub-4"}, "NETWORK_UNKNOWN"),
            ({"network": 84532}, "OFFER_MALFORMED"),
            ({"amount": "0"}, "OFFER_MALFORMED"),
            ({"amount": "-1"}, "OFFER_MALFORMED"),
            ({"amount": 10000}, "OFFER_MALFORMED"),
            ({"amount": "1e3"}, "OFFER_MALFORMED"),
            ({"payTo": "0x" + "00" * 20}, "OFFER_MALFORMED"),
            ({"payTo": "payee"}, "OFFER_MALFORMED"),
            ({"maxTimeoutSeconds": 0}, "OFFER_MALFORMED"),
            ({"maxTimeoutSeconds": "60"}, "OFFER_MALFORMED"),
        ):
            seller.offers = [seller.accept(**change)]
            out = pay(seller, "--json", "--via", "v2", want=1)
            equal(error_of(out)["code"], code, f"{change}: {out}")
        seller.offers = [seller.accept()]
        equal(error_of(pay(seller, "--json", "--network", "base", want=1))["code"],
              "NETWORK_OTHER")
        pay(seller, "--dry-run", "--network", "base-sepolia")
        seller.versions, seller.offers = (2, 1), []
        equal(error_of(pay(seller, "--json", want=1))["code"], "NO_OFFER")
        equal(seller.shown, [])

with case("2: usage; 3: nobody there; keys that others may read"):
    with selling() as seller:
        pay(seller, want=2, key=False)
        pay(seller, "--resume", "x", want=2)
        pay(seller, want=2, url=False)
        pay(seller, "--resume", "absent", want=2, url=False)
        for arguments in (["--via", "v3"], ["--header", "nonsense"], ["--token", "0x1"],
                          ["--header", "X-PAYMENT: x"], ["--method", "get"], ["--body", "absent"],
                          ["-o", "no/such/folder"]):
            pay(seller, *arguments, want=2)
        loose = os.path.join(seller.folder, "loose")
        with open(os.open(loose, os.O_WRONLY | os.O_CREAT, 0o644), "w", encoding="ascii") as file:
            file.write(PAYER.key_text)
        os.chmod(loose, 0o644)
        pay(seller, "--key-file", loose, want=2)
        os.chmod(loose, 0o600)
        with open(loose, "w", encoding="ascii") as file:
            file.write("0x" + "00" * 32)
        assert b"00000" not in pay(seller, "--key-file", loose, "--json", want=2)
        equal(seller.asked, [])
        seller.url = "http://192.0.2.1/thing"
        pay(seller, want=2)
        seller.url = "http://user:word@127.0.0.1/"
        pay(seller, want=2)
        seller.url = "http://127.0.0.1:1/"
        assert "http://127.0.0.1:1/" in error_of(pay(seller, "--json", want=3))["message"]

# --- once ---------------------------------------------------------------------------------------

with case("an outcome that is not known yet: the same header again, one payment"):
    with selling() as seller:
        seller.script = [503, "drop", 502]
        equal(pay(seller, "--wait", "30"), b"bought \n")
        equal((len(seller.shown), len(set(seller.shown)), len(seller.settled)), (4, 1, 1))

with case("out of patience: 4, a journal of mode 0600; the same command pays no second time"):
    with selling() as seller:
        seller.script = [503] * 9
        equal(error_of(pay(seller, "--wait", "0", "--json", want=4))["code"], "PAYMENT_PENDING")
        (journal,) = journals(seller)
        equal(os.stat(journal).st_mode & 0o777, 0o600)
        with open(journal, encoding="ascii") as file:
            assert PAYER.key_text[2:] not in file.read()
        asked = len(seller.asked)
        equal(error_of(pay(seller, "--json", want=1))["code"], "PAYMENT_OPEN")
        equal(len(seller.asked), asked)
        pay(seller, "--resume", journal, "--wait", "0", want=4, url=False, key=False)
        seller.script = []
        equal(pay(seller, "--resume", journal, url=False, key=False), b"bought \n")
        equal((len(set(seller.shown)), len(seller.settled), journals(seller)), (1, 1, []))

with case("killed while it waits: resumed with the same payment"):
    with selling() as seller:
        seller.script = [503] * 99
        with subprocess.Popen([kit.LUCID, "pay", seller.url, "-k", KEY], cwd=seller.folder,
                              env=kit.environment(), stderr=subprocess.DEVNULL) as process:
            kit.wait_for(lambda: seller.shown, what="the payment")
            process.send_signal(signal.SIGKILL)
        seller.script = []
        (journal,) = journals(seller)
        pay(seller, "--resume", journal, url=False, key=False)
        equal((len(set(seller.shown)), len(seller.settled)), (1, 1))

with case("refused after it was signed: 1, nothing is signed anew, the journal says what is open"):
    with selling() as seller:
        for status in (402, 409, 400):
            seller.script = [status]
            out = pay(seller, "--json", "--journal", f"j{status}", want=1)
            assert f"says {status}" in error_of(out)["message"], out
            assert os.path.exists(os.path.join(seller.folder, f"j{status}"))
        equal((len(seller.shown), len(seller.settled)), (3, 0))

with case("paid but not served: the same payment with a corrected body"):
    with selling() as seller:
        seller.script = [422]
        pay(seller, "--body", "-", "--journal", "j", stdin=b"wrong", want=1)
        equal(pay(seller, "--resume", "j", "--body", "-", url=False, key=False, stdin=b"right"),
              b"bought right\n")
        equal((len(set(seller.shown)), len(seller.settled)), (1, 1))

with case("a journal that is none"):
    with selling() as seller:
        for text in ("", "{}", "[]", '{"lucid_pay":1}', '{"lucid_pay":2,"url":"x"}', "\x00"):
            path = os.path.join(seller.folder, "bad")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                      encoding="ascii") as file:
                file.write(text)
            pay(seller, "--resume", "bad", want=2, url=False)
        equal(seller.asked, [])

# --- a transfer of one's own --------------------------------------------------------------------

PROOF = ["--via", "proof", "--rpc", chain.url]


def sent():
    """Transactions that the payer has sent."""
    return chain.nonce(PAYER.address)


with case("X-Payment-Proof: a plain transfer and a signed proof; or bound by its nonce"):
    with selling() as seller:
        before = sent()
        said = json.loads(pay(seller, *PROOF, "--json"))
        equal((said["via"], said["transaction"]), ("proof", enhex(list(seller.settled)[0])))
        pay(seller, *PROOF, "--bind", "nonce")
        pay(seller, *PROOF, "--body", "-", stdin=b"some body")
        proofs = [kit_pay.unb64(shown) for shown in seller.shown]
        equal(["signature" in proof for proof in proofs], [True, False, True])
        equal([proof["logIndex"] for proof in proofs], [0, 1, 0])
        equal((sent() - before, len(seller.settled), journals(seller)), (3, 3, []))

with case("proof: what would not go through is not sent; fees, gas, nodes, challenges"):
    with selling() as seller:
        before = sent()
        seller.offers = [seller.accept(amount="2000000000")]
        out = pay(seller, *PROOF, "-m", "5000", "--json", want=1)
        assert "exceeds balance" in error_of(out)["message"], out
        seller.offers = [seller.accept()]
        with chain.lock:
            chain.head.base_fee = 60 * kit_chain.GWEI
        equal(error_of(pay(seller, *PROOF, "--json", want=1))["code"], "FEE_TOO_HIGH")
        with chain.lock:
            chain.head.base_fee, wei = kit_chain.GWEI, chain.head.state.wei
            kept, wei[PAYER.address] = wei[PAYER.address], 10**9
        equal(error_of(pay(seller, *PROOF, "--json", want=1))["code"], "NO_GAS")
        with chain.lock:
            wei[PAYER.address] = kept
        pay(seller, "--via", "proof", want=2)
        pay(seller, *PROOF, "--bind", "rope", want=2)
        pay(seller, *PROOF, "--max-fee-gwei", "0", want=2)
        pay(seller, "--via", "proof", "--rpc", "http://127.0.0.1:1/", want=3)
        lying = chain.add_endpoint()
        lying.fault = lambda method, _: {"result": "0x1"} if method == "eth_chainId" else None
        pay(seller, "--via", "proof", "--rpc", lying.url, want=3)
        right = seller.challenge
        for change in ({"method": "PUT"}, {"challenge": "x" * 161}, {"challenge": 1},
                       {"expires_unix": 0}, {"body_sha256": "00" * 32}):
            seller.challenge = lambda method, body, change=change: {**right(method, body), **change}
            pay(seller, *PROOF, want=1)
        equal((sent(), seller.shown, journals(seller)), (before, [], []))

with case("proof: killed before it was mined; resumed without a second transfer"):
    with selling() as seller:
        before = sent()
        chain.set_automine(False)
        with subprocess.Popen([kit.LUCID, "pay", seller.url, "-k", KEY, *PROOF],
                              cwd=seller.folder, env=kit.environment(),
                              stderr=subprocess.DEVNULL) as process:
            kit.wait_for(lambda: chain.pool, what="the transfer")
            process.send_signal(signal.SIGKILL)
        (journal,) = journals(seller)
        equal(error_of(pay(seller, *PROOF, "--json", want=1))["code"], "PAYMENT_OPEN")
        again = ["--resume", journal, "--rpc", chain.url]
        pay(seller, *again, "--wait", "1", want=4, url=False)
        with chain.lock:
            chain.pool.clear()  # the node has forgotten it; it is sent again
        threading.Timer(1.5, chain.mine).start()
        pay(seller, *again, url=False)
        chain.set_automine(True)
        equal((sent() - before, len(seller.settled), journals(seller)), (1, 1, []))

with case("proof: paid, not served; the same transfer with a corrected body; not deep enough yet"):
    with selling() as seller:
        before = sent()
        seller.script = [422, 503]
        pay(seller, *PROOF, "--body", "-", "--journal", "j", stdin=b"wrong", want=1)
        pay(seller, "--resume", "j", "--body", "-", url=False, key=False, stdin=b"right", want=2)
        equal(pay(seller, "--resume", "j", "--body", "-", url=False, stdin=b"right"),
              b"bought right\n")
        equal((sent() - before, len(seller.settled), len(seller.shown)), (1, 1, 3))
        wrong, right = [kit_pay.unb64(shown) for shown in (seller.shown[0], seller.shown[-1])]
        assert wrong["challenge"] != right["challenge"], "a challenge is for one body"
        seller.script = [422]
        pay(seller, *PROOF, "--body", "-", "--journal", "j", stdin=b"wrong", want=1)
        seller.offers = [seller.accept(amount=str(PRICE + 1))]
        pay(seller, "--resume", "j", "--body", "-", url=False, stdin=b"right", want=1)
        seller.offers = [seller.accept(payTo=kit_chain.STRANGER.text)]
        pay(seller, "--resume", "j", "--body", "-", url=False, stdin=b"right", want=1)
        seller.offers = [seller.accept()]
        pay(seller, "--resume", "j", "--body", "-", url=False, stdin=b"right")

with case("proof: its nonce went to another transaction: nothing was paid, and it says so"):
    with selling() as seller:
        chain.set_automine(False)
        pay(seller, *PROOF, "--wait", "0", "--journal", "j", want=4)
        with chain.lock:
            chain.pool.clear()
        chain.transfer(PAYER, kit_chain.STRANGER.address, 1)
        chain.set_automine(True)
        out = pay(seller, "--resume", "j", "--rpc", chain.url, "--json", url=False, want=1)
        equal(error_of(out)["code"], "NONCE_TAKEN")
        equal((seller.shown, len(seller.settled)), ([], 0))

chain.close()
kit.done()
