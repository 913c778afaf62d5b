"""Payments on Solana as clients make them: a transaction (legacy or version 0) with one
TransferChecked, signed by the payer and not yet by who pays the fees. By the wire format of
Solana's documentation."""

import base64
import hashlib

import kit_pay
from kit_facilitator import BASE58, base58

TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
BUDGET_PROGRAM = "ComputeBudget111111111111111111111111111111"
MINT_DEVNET = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"


def unbase58(text, size=32):
    number = 0
    for digit in text:
        number = number * 58 + BASE58.index(digit)
    return number.to_bytes(size, "big")


def place(name):
    """An account that nobody has the key of."""
    return hashlib.sha256(b"lucid-ledger test account: " + name.encode()).digest()


def short(number):
    """A length in compact-u16."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])


class Payer:
    """A key pair."""

    def __init__(self, ed25519, name):
        self.ed25519 = ed25519
        self.seed = hashlib.sha256(b"lucid-ledger test key: " + name.encode()).digest()
        self.key = bytes.fromhex(ed25519.public(self.seed))
        self.text = base58(self.key)

    def sign(self, message):
        return bytes.fromhex(self.ed25519.sign(self.seed, [message])[0])


def message(payer, fee_payer, pay_to, amount, mint=MINT_DEVNET, hash_of="0", version=0):
    """What the payer signs: a compute budget, and amount from his account of the mint to that of
    pay_to. hash_of: text that the recent blockhash is made of: each a payment of its own."""
    keys = [unbase58(fee_payer), payer.key, place("source " + payer.text),
            place("account of " + pay_to), unbase58(mint), unbase58(TOKEN_PROGRAM),
            unbase58(BUDGET_PROGRAM)]
    budget = bytes([2]) + (20000).to_bytes(4, "little")
    transfer = bytes([12]) + amount.to_bytes(8, "little") + bytes([6])
    parts = [bytes([128 | version])] if version is not None else []
    parts += [bytes([2, 1, 3]), short(len(keys)), *keys, place("blockhash " + hash_of), short(2),
              bytes([6]), short(0), short(len(budget)), budget,
              bytes([5]), short(4), bytes([2, 4, 3, 1]), short(len(transfer)), transfer]
    return b"".join(parts + ([short(0)] if version is not None else []))


def transaction(signed, signatures):
    """base64 of signatures (None: missing yet) and the message."""
    parts = [short(len(signatures)), *(one or bytes(64) for one in signatures), signed]
    return base64.b64encode(b"".join(parts)).decode()


def pay(answer, payer, signer=None, amount=None, identifier=None, **more):
    """(header name, value) of version 2 as a client makes it from a 402. signer: who signs instead
    of the payer (False: nobody)."""
    required = kit_pay.offer_v2(answer)
    accepted = required["accepts"][0]
    text = message(payer, accepted["extra"]["feePayer"], accepted["payTo"],
                   int(accepted["amount"]) if amount is None else amount, **more)
    signature = None if signer is False else (signer or payer).sign(text)
    document = {"x402Version": 2, "payload": {"transaction": transaction(text, [None, signature])},
                "resource": required["resource"], "accepted": accepted}
    return "PAYMENT-SIGNATURE", kit_pay.b64(kit_pay.identified(document, identifier))


def pay_v1(answer, payer, **more):
    """The same of version 1."""
    accepted = answer.json()["accepts"][0]
    text = message(payer, accepted["extra"]["feePayer"], accepted["payTo"],
                   int(accepted["maxAmountRequired"]), **more)
    document = {"x402Version": 1, "scheme": "exact", "network": accepted["network"],
                "payload": {"transaction": transaction(text, [None, payer.sign(text)])}}
    return "X-PAYMENT", kit_pay.b64(document)
