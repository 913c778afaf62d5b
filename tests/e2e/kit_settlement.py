"""Settlement statements as they should be, folded from the events of payments and epochs alone, and
every statement in the log held against them. Shares nothing with the service."""

import base64
import collections
import hashlib

from kit_receipts import canonical


def same(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


class Model:
    """Statements as they should be, from the events of payments and epochs."""

    def __init__(self, events, origin, unit, key, ed25519):
        self.origin, self.unit, self.key, self.ed25519 = origin, unit, key, ed25519
        self.statements, self.closed_without = [], 0
        self.first, self.previous = 1, None
        self.clear()
        self.due = None
        for event in events:
            self.take(event)
        assert self.due is None, "an epoch ended without its statement"

    def clear(self):
        self.lines = collections.defaultdict(collections.Counter)
        self.sums = collections.Counter()
        self.moved = False

    def take(self, event):
        kind = event["type"]
        if kind in ("payment.recorded", "suspense.released"):
            self.money(kind, event["decoded"])
        elif kind == "epoch.closed":
            assert self.due is None, "an epoch ended without its statement"
            if self.moved:
                self.due = event
                self.parts = []
            else:
                self.closed_without += 1
        elif kind == "settlement.issued":
            self.issued(event)

    def money(self, kind, payload):
        same(payload["unit"], self.unit)
        self.moved = True
        paid = set()
        for posting in payload["postings"]:
            what, amount, to = posting["what"], int(posting["amount"]), posting["credit"].split(":")
            if kind == "suspense.released":
                self.lines[to[1]]["released"] += amount
            elif to[0] == "payee":
                self.lines[to[1]][what.removeprefix("split.")] += amount
                paid.add(to[1])
            elif to[0] == "suspense":
                self.sums["suspense." + to[1]] += amount
            else:
                same(to, ["revenue", "protocol", self.unit])
                self.sums["protocol"] += amount
        if kind == "payment.recorded":
            same(sum(int(p["amount"]) for p in payload["postings"]), int(payload["amount"]))
            self.sums["payments"] += 1
            for payee in paid:
                self.lines[payee]["payments"] += 1

    def line(self, payee):
        made = self.lines[payee]
        text = {name: str(made[name]) for name in ("compute", "model", "released")}
        return {"payee": payee, "payments": made["payments"],
                "amount": str(sum(map(int, text.values()))), **text}

    def current(self):
        """What the next statement would say."""
        none = {"unit": self.unit, "reversed": "0", "brought": "0", "carried": "0"}
        return [{**self.line(payee), **none} for payee in sorted(self.lines)]

    def issued(self, event):
        document = event["decoded"]
        statement = document["statement"]
        assert self.due is not None, "a statement without money"
        epoch = self.due["decoded"]
        payees = sorted(self.lines)
        told = sum(len(part["lines"]) for part in self.parts)
        mine = payees[told:told + len(statement["lines"])]
        lines = [self.line(payee) for payee in mine]
        sums = self.sums if not self.parts else collections.Counter()
        gross = sum(int(line["compute"]) + int(line["model"]) for line in lines) + \
            sums["protocol"] + sums["suspense.compute"] + sums["suspense.model"]
        want = {
            "epoch": epoch["epoch"], "gross": str(gross), "issued_at": self.due["time"],
            "lines": lines, "number": len(self.statements), "origin": self.origin,
            "part": len(self.parts) + 1, "parts": statement["parts"],
            "payments": sums["payments"],
            "period": {"first": self.first, "last": self.due["sequence"]},
            "previous": self.previous, "protocol": str(sums["protocol"]), "root": epoch["root"],
            "suspense": {"compute": str(sums["suspense.compute"]),
                         "model": str(sums["suspense.model"])},
            "total": str(sum(int(line["amount"]) for line in lines)),
            "tree_size": epoch["end_leaf"], "type": "lucid/settlement/v1", "unit": self.unit}
        same(statement, want, f"statement {len(self.statements)}")
        text = canonical(statement)
        payload = base64.b64decode(event["payload"])
        same(payload,
              b'{"signature":"%s","statement":%s}' % (document["signature"].encode(), text))
        digest = hashlib.sha256(text).digest()
        assert self.ed25519.verify(bytes.fromhex(self.key), bytes.fromhex(document["signature"]),
                                  b"lucid/settlement/v1\n" + digest), "signature"
        self.previous = digest.hex()
        self.parts.append(statement)
        self.statements.append({"document": document, "hash": digest.hex(), "payload": payload,
                                "sequence": event["sequence"], "time": event["time"]})
        if len(self.parts) == statement["parts"]:
            same(told + len(mine), len(payees), "payees in all parts")
            self.first = self.due["sequence"] + 1
            self.due = None
            self.clear()
