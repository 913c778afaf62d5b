"""A facilitator for the tests, built from the published API: /supported, /verify, /settle, bearer
tokens as Coinbase's and PayAI's want them, answers as the official facilitator's code gives them
(tests/vectors/x402/facilitator-verdicts.json). It settles on the chain of kit_chain, and lies when
it is told to.

    facilitator = kit_facilitator.Facilitator(chain, "cdp")
    shop = Shop(chain, x402_facilitators_file=kit_facilitator.file(folder, facilitator))
    facilitator.says("garbage", settle=True)       # every settlement from now on
    facilitator.says("pending", settle=False, times=1)

On Solana it looks at no chain: what it was given once it has settled (`solana`: by transaction).
"""

import base64
import hashlib
import http.server
import json
import os
import socket
import threading
import time
import urllib.parse

import kit
import kit_receipts
from kit_chain import (
    NETWORK,
    SEPARATOR,
    TOKEN,
    V1_NAME,
    RpcError,
    Wallet,
)
from kit_evm import N, eip55, enhex, recover, transfer_digest, unhex

SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
SOLANA_DEVNET = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"
SOLANA_NAMES = {SOLANA: "solana", SOLANA_DEVNET: "solana-devnet"}
# The throw-away key of tests/vectors/x402/facilitator-jwt.json.
SEED = bytes.fromhex("2730451ccac34646889d0c4c7fcdde5e34666aeea46bcefc34ecdd3b9e5ba97d")
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
KEY_ID = "00000000-0000-4000-8000-000000000001"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SETTLER, SETTLER2 = Wallet("settler"), Wallet("settler2")


def base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


# Ed25519: the seed's public key.
FEE_SEED = hashlib.sha256(b"lucid-ledger test key: fee payer").digest()
FEE_PAYER = base58(bytes.fromhex(
    "e29c672254724904835bb456b17d747382832605457d9e3a73619e592e3b822c"))


def unb64url(text):
    assert "=" not in text and "+" not in text and "/" not in text, text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Refused(Exception):
    """A payment that is not valid: reason, message."""


class Unauthorized(Exception):
    """A token that is not as it must be."""


class Facilitator:
    """One facilitator over a chain. flavour: "cdp", "payai", "none". wallet: who sends its
    transactions. evm, solana: what it supports."""

    def __init__(self, chain, flavour="none", wallet=SETTLER, evm=True, solana=False, name=None):
        self.chain, self.flavour, self.wallet, self.evm = chain, flavour, wallet, evm
        self.name = name or {"cdp": "coinbase", "payai": "payai"}.get(flavour, "other")
        self.networks = [SOLANA, SOLANA_DEVNET] if solana else []
        self.asked = []  # (route, body) of every question with a good token
        self.refused = []  # why tokens were refused
        self.nonces, self.jtis = set(), set()
        self.settled = {}  # EVM: (payer, nonce) → transaction
        self.solana = {}  # the transaction's text → signature
        self.later = []  # what is settled by settle_later()
        self.signers = True  # /supported names them
        self.valid = None  # what /verify says whatever is asked: (status, body)
        self.verify_delay = 0.0
        self.lock = threading.RLock()
        # One of its own: the scripts use theirs in another thread.
        self.ed25519 = kit_receipts.Ed25519(kit.program("LUCID_KIT_SIGN", "tests/e2e/kit_sign"))
        self.public = bytes.fromhex(self.ed25519.public(SEED))
        self.says()
        if evm:
            chain.fund(wallet)
        self.server, self.port = None, 0
        self.up()

    # --- its server

    def up(self):
        """Listens, on the same port as before."""
        facilitator = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):  # pylint: disable=invalid-name
                facilitator.answer(self, None)

            def do_POST(self):  # pylint: disable=invalid-name
                facilitator.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size, allow_reuse_address = True, 128, True

            def handle_error(self, *_):
                pass  # a client that has gone

        self.handlers = []
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}/platform/v2/x402"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self):
        """Connections are refused; those that are open end."""
        self.server.shutdown()
        self.server.server_close()
        for handler in self.handlers:
            try:
                handler.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    close = down

    def member(self, folder, **more):
        """Its entry of the file of facilitators; its secret lies in that folder."""
        entry = {"name": self.name, "url": self.base, "timeout_ms": 3000,
                 "settle_timeout_ms": 3000, **more}
        if self.flavour == "none":
            return entry
        secret = SEED + self.public
        text = base64.b64encode(secret).decode()
        if self.flavour == "payai":
            text = "payai_sk_" + base64.b64encode(PKCS8 + SEED).decode()
        path = os.path.join(folder, f"{self.name}.secret")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text + "\n")
        return {"auth": self.flavour, "key_id": KEY_ID, "key_secret_file": path, **entry}

    def routes(self, route):
        """The bodies that one route was asked with."""
        return [body for asked, body in self.asked if asked == route]

    # --- lies

    def says(self, answer="true", settle=True, delay=0.0, times=None):
        """How settlements go from now on, or the next so many of them.

        answer: "true", "no_transaction", "wrong_hash", "made_up" (a signature of nobody's, on
        Solana), "other_network", "other_payer", "false", "insufficient", "pending" (200),
        "pending_500", "pending_bare" (without a hash), "duplicate", "500", "429", "garbage",
        "empty", "drop" (no answer at all).
        settle: True (before it answers), False, "later" (by settle_later). delay: seconds until the
        answer, after it has settled."""
        self.lie, self.times = (answer, settle, delay), times

    def settle_later(self):
        """Settles what was held back."""
        with self.lock:
            held, self.later = self.later, []
            for authorization in held:
                self.spend(authorization)

    # --- answering

    def answer(self, handler, body):
        self.handlers.append(handler)
        path = urllib.parse.urlsplit(handler.path).path
        route = path.rsplit("/", 1)[-1]
        try:
            self.authorize(handler, path)
        except Unauthorized as error:
            self.refused.append(str(error))
            self.write(handler, 401, {"errorType": "unauthorized", "errorMessage": str(error)})
            return
        document = json.loads(body) if body else None
        with self.lock:
            self.asked.append((route, document))
        if route == "supported":
            self.write(handler, 200, self.supported())
        elif route == "verify":
            time.sleep(self.verify_delay)
            self.write(handler, *(self.valid or self.verify(document)))
        elif route == "settle":
            self.settle(handler, document)
        else:
            self.write(handler, 404, {})

    @staticmethod
    def write(handler, status, document):
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    # --- tokens (reference 5.2)

    def authorize(self, handler, path):
        given = handler.headers.get("Authorization")
        if self.flavour == "none":
            self.need(given is None, "a token where none is wanted")
            return
        self.need(given and given.startswith("Bearer "), "no bearer token")
        token = given[len("Bearer "):]
        parts = token.split(".")
        self.need(len(parts) == 3, "not three parts")
        header, claims = json.loads(unb64url(parts[0])), json.loads(unb64url(parts[1]))
        signed = ".".join(parts[:2]).encode()
        with self.lock:
            good = self.ed25519.verify(self.public, unb64url(parts[2]), signed)
        self.need(good, "the signature")
        now = time.time()
        self.need(header["alg"] == "EdDSA" and header["typ"] == "JWT", "the header")
        self.need(header["kid"] == KEY_ID == claims["sub"], "the key's id")
        self.need(claims["iat"] <= now + 2 and claims["exp"] > now, "the times")
        self.need(claims["exp"] - claims["iat"] == 120, "the life time")
        if self.flavour == "cdp":
            host = handler.headers["Host"]
            self.need(list(header) == ["alg", "kid", "typ", "nonce"], "the header's members")
            self.need(list(claims) == ["sub", "iss", "uris", "iat", "nbf", "exp"], "the claims")
            self.need(claims["iss"] == "cdp" and claims["nbf"] == claims["iat"], "cdp's claims")
            self.need(claims["uris"] == [f"{handler.command} {host}{path}"], "the uris")
            self.need(len(bytes.fromhex(header["nonce"])) == 16, "the nonce")
            self.need(header["nonce"] not in self.nonces, f"a nonce that was there before: {path}")
            self.nonces.add(header["nonce"])
            self.need(handler.headers.get("Correlation-Context"), "the Correlation-Context")
        else:
            self.need(list(header) == ["alg", "typ", "kid"], "the header's members")
            self.need(list(claims) == ["sub", "iss", "iat", "exp", "jti"], "the claims")
            self.need(claims["iss"] == "payai-merchant", "the issuer")
            jti = claims["jti"]
            self.need(len(jti) == 36 and jti[14] == "4" and jti[19] in "89ab", "the jti")
            self.jtis.add(jti)

    @staticmethod
    def need(condition, what):
        if not condition:
            raise Unauthorized(what)

    # --- what it supports

    def supported(self):
        kinds = []
        if self.evm:
            kinds += [{"x402Version": 2, "scheme": "exact", "network": NETWORK},
                      {"x402Version": 1, "scheme": "exact", "network": V1_NAME}]
        for network in self.networks:
            extra = {"extra": {"feePayer": FEE_PAYER}}
            kinds += [{"x402Version": 2, "scheme": "exact", "network": network, **extra},
                      {"x402Version": 1, "scheme": "exact", "network": SOLANA_NAMES[network],
                       **extra}]
        document = {"kinds": kinds, "extensions": []}
        if self.signers:
            document["signers"] = {"eip155:*": [self.wallet.text], "solana:*": [FEE_PAYER]}
        return document

    # --- verify

    def check(self, document):
        """(network as it was named, authorization or None for Solana, payer); Refused."""
        version = document["x402Version"]
        payload, wanted = document["paymentPayload"], document["paymentRequirements"]
        if version not in (1, 2) or payload["x402Version"] != version:
            raise Refused("invalid_x402_version")
        accepted = payload["accepted"] if version == 2 else payload
        if wanted["scheme"] != "exact" or accepted["scheme"] != "exact":
            raise Refused("unsupported_scheme")
        network = wanted["network"]
        if accepted["network"] != network:
            raise Refused("invalid_network")
        if network in self.networks or network in (SOLANA_NAMES[n] for n in self.networks):
            return network, None, self.check_solana(payload, wanted)
        if not self.evm or network not in (NETWORK, V1_NAME):
            raise Refused("invalid_network", f"{network} is not supported")
        amount = int(wanted["amount" if version == 2 else "maxAmountRequired"])
        return (network, *self.check_evm(payload["payload"], wanted, amount, version))

    def check_evm(self, payload, wanted, amount, version):
        given = payload["authorization"]
        authorization = {
            "from": unhex(given["from"]), "to": unhex(given["to"]), "value": int(given["value"]),
            "after": int(given["validAfter"]), "before": int(given["validBefore"]),
            "nonce": unhex(given["nonce"]), "signature": unhex(payload["signature"]),
        }
        payer = eip55(authorization["from"])
        if unhex(wanted["asset"]) != TOKEN or wanted["extra"]["name"] != "USDC":
            raise Refused("invalid_exact_evm_token_name_mismatch")
        if authorization["to"] != unhex(wanted["payTo"]):
            raise Refused("invalid_exact_evm_recipient_mismatch", "", payer)
        if authorization["value"] < amount or (version == 2 and authorization["value"] != amount):
            raise Refused("invalid_exact_evm_payload_authorization_value_mismatch", "", payer)
        if authorization["before"] < time.time() + 6:
            raise Refused("invalid_exact_evm_payload_authorization_valid_before", "", payer)
        if not self.is_signed(authorization):
            raise Refused("invalid_exact_evm_signature", "", payer)
        if self.chain.is_used(authorization["from"], authorization["nonce"]):
            raise Refused("invalid_exact_evm_nonce_already_used", "", payer)
        if self.chain.balance(authorization["from"]) < authorization["value"]:
            raise Refused("invalid_exact_evm_insufficient_balance", "", payer)
        return authorization, payer

    def is_signed(self, given):
        signature = given["signature"]
        contract = self.chain.contract_wallets.get(given["from"])
        if contract is not None:
            return signature == contract
        if len(signature) != 65 or signature[64] not in (27, 28):
            return False
        digest = transfer_digest(SEPARATOR, given["from"], given["to"], given["value"],
                                 given["after"], given["before"], given["nonce"])
        r, s = (int.from_bytes(signature[at:at + 32], "big") for at in (0, 32))
        return s <= N // 2 and recover(digest, r, s, signature[64] - 27) == given["from"]

    @staticmethod
    def check_solana(payload, wanted):
        """The transaction's form is the service's to read; here only that it is one for us."""
        raw = base64.b64decode(payload["payload"]["transaction"], validate=True)
        if wanted["extra"].get("feePayer") != FEE_PAYER:
            raise Refused("invalid_exact_svm_payload_transaction", "not our fee payer")
        if not 100 < len(raw) <= 1232:
            raise Refused("invalid_exact_svm_payload_transaction", "no transaction")
        return payload.get("payer", "")

    def verify(self, document):
        try:
            _, authorization, payer = self.check(document)
            answer = {"isValid": True}
            if authorization or payer:
                answer["payer"] = payer
            return 200, answer
        except Refused as error:
            reason, message, payer = (*error.args, "", "")[:3]
            return 200, {"isValid": False, "invalidReason": reason, "invalidMessage": message,
                         "payer": payer}

    # --- settle

    def spend(self, authorization):
        place = (authorization["from"], authorization["nonce"])
        if place not in self.settled:
            self.settled[place] = self.chain.spend(self.wallet, authorization)
        return self.settled[place]

    def complete(self, text):
        """The fee payer's signature, by which the chain names the transaction."""
        raw = base64.b64decode(text)
        return bytes.fromhex(self.ed25519.sign(FEE_SEED, [raw[1 + 64 * raw[0]:]])[0])

    def move(self, document, settle):
        """Settles if it is to; (network, payer, transaction or ""). Refused."""
        payload = document["paymentPayload"]["payload"]
        if "transaction" in payload:
            text = payload["transaction"]
            network, _, payer = self.check(document)
            if text in self.solana:
                raise Refused("duplicate_settlement", "", payer)
            signature = base58(self.complete(text))
            if settle is True:
                self.solana[text] = signature
            return network, payer, signature
        given = payload["authorization"]
        place = (unhex(given["from"]), unhex(given["nonce"]))
        network = document["paymentRequirements"]["network"]
        if place in self.settled:
            return network, given["from"], enhex(self.settled[place])
        network, authorization, payer = self.check(document)
        if settle is True:
            return network, payer, enhex(self.spend(authorization))
        if settle == "later":
            self.later.append(authorization)
        return network, payer, "0x" + hashlib.sha256(repr(place).encode()).hexdigest()

    def settle(self, handler, document):
        with self.lock:
            answer, settle, delay = self.lie
            if self.times is not None:
                self.times -= 1
                if self.times < 0:
                    self.says()
                    answer, settle, delay = self.lie
            try:
                network, payer, transaction = self.move(document, settle)
            except Refused as error:
                reason, message, payer = (*error.args, "", "")[:3]
                network = document["paymentRequirements"]["network"]
                self.write(handler, 200, self.no(network, reason, payer, message=message))
                return
            except RpcError as error:
                self.write(handler, 500, self.no("", "unexpected_settle_error", "", str(error)))
                return
        time.sleep(delay)
        self.tell(handler, answer, network, payer, transaction)

    @staticmethod
    def no(network, reason, payer, message="", transaction=""):
        return {"success": False, "errorReason": reason, "errorMessage": message or None,
                "payer": payer, "transaction": transaction, "network": network}

    def tell(self, handler, answer, network, payer, transaction):
        good = {"success": True, "payer": payer, "transaction": transaction, "network": network}
        if answer == "drop":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        status, document = {
            "true": (200, good),
            "no_transaction": (200, {**good, "transaction": ""}),
            "wrong_hash": (200, {**good, "transaction": "0x" + "ab" * 32}),
            "made_up": (200, {**good, "transaction": base58(b"\x01" * 64)}),
            "other_network": (200, {**good, "network": "eip155:8453"}),
            "other_payer": (200, {**good, "payer": "0x" + "11" * 20}),
            "false": (200, self.no(network, "invalid_transaction_state", payer)),
            "insufficient": (200, self.no(network, "insufficient_funds", payer)),
            "pending": (200, self.no(network, "settlement_pending", payer, "", transaction)),
            "pending_500": (500, self.no(network, "settlement_pending", payer, "", transaction)),
            "pending_bare": (500, self.no(network, "settlement_pending", payer)),
            "duplicate": (200, self.no(network, "duplicate_settlement", payer)),
            "500": (500, {"errorType": "internal_server_error"}),
            "429": (429, {"errorType": "rate_limit_exceeded"}),
            "garbage": (200, b"<html>all is well</html>"),
            "empty": (200, b""),
        }[answer]
        self.write(handler, status, document)


def file(folder, *facilitators, order=None, assets=None, **more):
    """A file of facilitators; more: members of every entry."""
    document = {"facilitators": [one.member(folder, **more) for one in facilitators]}
    if order is not None:
        document["order"] = order
    if assets is not None:
        document["assets"] = [{"asset": name, "order": list(order)}
                              for name, order in assets.items()]
    path = os.path.join(folder, "facilitators.json")
    with open(path, "w", encoding="ascii") as out:
        json.dump(document, out)
    return path
