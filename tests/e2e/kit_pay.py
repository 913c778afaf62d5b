"""What x402 clients send: authorizations, the three payment headers, and the files that a service
which sells needs. In plain Python, by kit_evm."""

import base64
import hashlib
import json
import os
import time

from kit_chain import PROOF_SEPARATOR, SEPARATOR
from kit_evm import eip55, enhex, keccak, proof_digest, transfer_digest, unhex


def b64(document):
    return base64.b64encode(json.dumps(document).encode()).decode()


def unb64(text):
    return json.loads(base64.b64decode(text, validate=True))


def authorize(wallet, to, value, nonce=None, after=0, before=None):
    """A signed EIP-3009 authorization."""
    nonce = nonce or os.urandom(32)
    before = before if before is not None else int(time.time()) + 300
    digest = transfer_digest(SEPARATOR, wallet.address, to, value, after, before, nonce)
    return {
        "from": wallet.address,
        "to": to,
        "value": value,
        "after": after,
        "before": before,
        "nonce": nonce,
        "signature": wallet.sign(digest),
    }


def payload(authorization):
    return {
        "signature": enhex(authorization["signature"]),
        "authorization": {
            "from": eip55(authorization["from"]),
            "to": eip55(authorization["to"]),
            "value": str(authorization["value"]),
            "validAfter": str(authorization["after"]),
            "validBefore": str(authorization["before"]),
            "nonce": enhex(authorization["nonce"]),
        },
    }


def authorization_of(header):
    """What a v1 or v2 header carries, for somebody else to submit."""
    paid = unb64(header[1])["payload"]
    given = paid["authorization"]
    return {
        "from": unhex(given["from"]),
        "to": unhex(given["to"]),
        "value": int(given["value"]),
        "after": int(given["validAfter"]),
        "before": int(given["validBefore"]),
        "nonce": unhex(given["nonce"]),
        "signature": unhex(paid["signature"]),
    }


def identified(document, identifier):
    """A v2 payment that names itself, by the extension payment-identifier."""
    if identifier is not None:
        document["extensions"] = {"payment-identifier": {"info": {"id": identifier}}}
    return document


def offer_v2(answer):
    """The v2 offer of a 402 (kit.Answer): PAYMENT-REQUIRED, decoded."""
    return unb64(answer.header("PAYMENT-REQUIRED"))


def pay_v2(answer, wallet, value=None, identifier=None, **more):
    """(header name, value) as a v2 client makes it from a 402."""
    required = offer_v2(answer)
    accepted = required["accepts"][0]
    value = int(accepted["amount"]) if value is None else value
    signed = authorize(wallet, unhex(accepted["payTo"]), value, **more)
    document = {
        "x402Version": 2,
        "payload": payload(signed),
        "resource": required["resource"],
        "accepted": accepted,
    }
    return "PAYMENT-SIGNATURE", b64(identified(document, identifier))


def pay_v1(answer, wallet, value=None, **more):
    """The same for v1."""
    accepted = answer.json()["accepts"][0]
    value = int(accepted["maxAmountRequired"]) if value is None else value
    signed = authorize(wallet, unhex(accepted["payTo"]), value, **more)
    document = {
        "x402Version": 1,
        "scheme": accepted["scheme"],
        "network": accepted["network"],
        "payload": payload(signed),
    }
    return "X-PAYMENT", b64(document)


def pay_proof(answer, tx, wallet=None, log_index=0, body=b"", **more):
    """X-Payment-Proof for a transfer that was made: signed by the wallet, or (None) unsigned, for a
    transaction that is bound by its nonce. more: members to put in or (None) to leave out."""
    asked = answer.json()["x402"]
    document = {
        "network": asked["payment"]["network"],
        "transaction": enhex(tx),
        "challenge": asked["challenge"],
    }
    if log_index is not None:
        document["logIndex"] = log_index
    if wallet is not None:
        digest = proof_digest(
            PROOF_SEPARATOR,
            {
                "transaction": tx,
                "log_index": log_index or 0,
                "pay_to": unhex(asked["payment"]["recipient"]),
                "amount": int(asked["payment"]["amount"]),
                "method": asked["method"],
                "resource": asked["resource"],
                "body_hash": hashlib.sha256(body).digest(),
                "challenge": asked["challenge"],
                "expires": asked["expires_unix"],
            },
        )
        document["signature"] = enhex(wallet.sign(digest))
    document.update(more)
    return "X-Payment-Proof", b64({k: v for k, v in document.items() if v is not None})


def challenge_nonce(answer):
    """The nonce of an authorization that is bound to a 402's challenge."""
    return keccak(answer.json()["x402"]["challenge"].encode())


def networks_file(folder, *networks):
    """A networks file; gas_key, treasury_key: a wallet, whose key file is written beside it."""
    entries = []
    for network in networks:
        entry = dict(network)
        for member in ("gas_key", "treasury_key"):
            wallet = entry.pop(member, None)
            if wallet is None:
                continue
            path = os.path.join(folder, f"{wallet.name}.key")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(wallet.key_text + "\n")
            entry[f"{member}_file"] = path
        entries.append(entry)
    path = os.path.join(folder, "networks.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump({"networks": entries}, file)
    return path
