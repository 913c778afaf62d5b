"""The books once more, from the exported events alone, in Python's integers: tariffs, charges, mGas
by largest remainder, deposits, payments split unit by unit, suspense, statements, payouts.

What an event's payload says about its own postings is not believed: it is worked out again from
what the event is about, and the two must agree."""

import base64
import collections
import json

import kit_split
from kit import equal

Posting = collections.namedtuple("Posting", "sequence leg debit credit unit amount what")

REVENUE = "revenue:gas:LUCID"
DEPOSITS = "clearing:deposits:LUCID"
SILENT = ("head", "head.cosigned", "settlement.issued")


def signer_account(key):
    return f"signer:{key}:LUCID"


def shares(total, weights):
    """Largest remainder; ties to the one that comes first."""
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in order[:total - sum(parts)]:
        parts[i] += 1
    return parts


def unit_of(account):
    return account.rsplit(":", 1)[1]


def is_debit(account):
    """Whether the class's balance is debits less credits (gas/books.h)."""
    return account.split(":")[0] in ("clearing", "protocol")


class Account:
    def __init__(self, first):
        self.first = first  # the event that opened it
        self.debits = self.credits = self.limit = 0
        self.history = []  # (sequence, debits, credits), after each event that posted

    def at(self, sequence):
        found = (0, 0)
        for when, debits, credits in self.history:
            if when > sequence:
                break
            found = (debits, credits)
        return found


class Earning:
    def __init__(self):
        self.compute = self.model = self.released = self.payments = self.reversed = 0
        self.brought = 0  # owed since the statement before


class Books:
    def __init__(self):
        self.sequence = 0
        self.tariff = (0, 0)
        self.tariffs = []  # (sequence, igas, mgas)
        self.accounts = {}
        self.postings = []
        self.open = {}  # signer -> leaves of the open epoch, in the order of their first leaf
        self.epochs = []  # (leaves by signer, mGas shares)
        self.prices = {}
        self.versions = {}
        self.all_prices = {}  # (asset, version) -> price.set
        self.tables = {}
        self.totals = collections.Counter()  # of each split
        self.earned = collections.defaultdict(lambda: collections.defaultdict(Earning))
        self.moved = set()  # units in which money moved since their last statement
        self.due = set()  # units whose statement must come before anything else
        self.statements = collections.defaultdict(list)
        self.payments = {}
        self.shares = {}  # sequence of a payment -> ([(account, amount)] by leg, payload)
        self.refunded = collections.Counter()  # sequence of a payment -> what was given back
        self.transfers_out = set()  # each counted once
        self.releases = {}  # (asset, unit, leg) -> [(sequence, payee)]
        self.strays = {}  # sequence -> payload
        self.payouts = {}
        self.charged = collections.Counter()  # by what
        self.sums = collections.defaultdict(lambda: [0, 0])  # by unit

    # --- posting ---------------------------------------------------------------------------------

    def account(self, name):
        return self.accounts.setdefault(name, Account(self.sequence))

    def post(self, legs):
        """legs: (debit, credit, amount, what), those of nothing left out."""
        touched = []
        for debit, credit, amount, what in legs:
            assert amount >= 0, legs
            if amount == 0:
                continue
            unit = unit_of(debit)
            equal(unit_of(credit), unit, f"units of {what}")
            count = sum(1 for p in touched if p.sequence == self.sequence)
            touched.append(Posting(self.sequence, count, debit, credit, unit, amount, what))
            self.account(debit).debits += amount
            self.account(credit).credits += amount
            self.charged[what] += amount
        self.postings += touched
        for name in {p.debit for p in touched} | {p.credit for p in touched}:
            account = self.accounts[name]
            assert max(account.debits, account.credits) < 2 ** 63, name
            account.history.append((self.sequence, account.debits, account.credits))
        for posting in touched:
            self.sums[posting.unit][0] += posting.amount
            self.sums[posting.unit][1] += posting.amount

    def post_as_said(self, payload, legs):
        """Postings that the payload names, too: the same, in the same order."""
        want = [{"amount": str(amount), "credit": credit, "debit": debit, "what": what}
                for debit, credit, amount, what in legs if amount]
        equal(payload["postings"], want, f"postings of event {self.sequence}")
        self.post(legs)

    # --- events ----------------------------------------------------------------------------------

    def feed(self, event):
        equal(event["sequence"], self.sequence + 1, "sequence")
        self.sequence = event["sequence"]
        name = event["type"]
        if name not in SILENT:
            equal(self.due, set(), f"statements missing before event {self.sequence}")
        if name == "receipt":
            self.receipt(event)
            return
        take = getattr(self, name.replace(".", "_"), None)
        payload = base64.b64decode(event["payload"])
        if take is None:
            assert b'"postings"' not in payload, f"{name} moves money"
            return
        # The payload is what is hashed; decoded only repeats it.
        take(json.loads(payload))

    def receipt(self, event):
        signer = event["decoded"]["signer_pubkey"]
        self.open[signer] = self.open.get(signer, 0) + 1
        self.account(signer_account(signer))  # a charge of nothing opens it, too
        self.post([(signer_account(signer), REVENUE, self.tariff[0], "igas")])

    def epoch_closed(self, payload):
        leaves = list(self.open.values())
        equal(sum(leaves), payload["end_leaf"] - payload["first_leaf"], "leaves of the epoch")
        parts = shares(self.tariff[1], leaves)
        equal(sum(parts), self.tariff[1], "shares of mGas")
        self.post([(signer_account(signer), REVENUE, part, "mgas")
                   for signer, part in zip(self.open, parts)])
        self.epochs.append((dict(self.open), parts))
        self.open = {}
        self.due = set(self.moved)

    def tariff_set(self, payload):
        self.tariff = (int(payload["igas"]), int(payload["mgas"]))
        self.tariffs.append((self.sequence, *self.tariff))

    def account_deposited(self, payload):
        amount = int(payload["postings"][0]["amount"])
        assert payload["account"].startswith("signer:") and amount > 0, payload
        self.post_as_said(payload, [(DEPOSITS, payload["account"], amount, "deposit")])

    def account_limited(self, payload):
        self.account(payload["account"]).limit = int(payload["credit_limit"])

    def price_set(self, payload):
        version = self.versions.get(payload["asset"], 0) + 1
        equal(payload["version"], version, "version of a price")
        self.versions[payload["asset"]] = version
        self.prices[payload["asset"]] = payload
        self.all_prices[payload["asset"], version] = payload

    def price_deleted(self, payload):
        del self.prices[payload["asset"]]

    def payment_recorded(self, payload):
        equal(payload["version"], self.prices[payload["asset"]]["version"], "price in force")
        self.share(payload)
        assert payload["external_id"] not in self.payments, payload
        self.payments[payload["external_id"]] = payload

    def payment_settled(self, payload):
        """Of the gate: by the price that was quoted, at the moment it is settled."""
        assert int(payload["amount"]) >= int(payload["price"]), payload
        self.share(payload)

    def share(self, payload):
        asset, unit, amount = payload["asset"], payload["unit"], int(payload["amount"])
        price = self.all_prices[asset, payload["version"]]
        newest = self.prices.get(asset, {})
        bps = tuple(payload["split"]["bps"])
        payees = tuple(payload["split"]["payees"])
        want = [price.get(leg) or newest.get(leg) for leg in ("compute_payee", "model_payee")]
        equal((list(bps), list(payees)), (price["split_bps"], want),
              "the price that the payment was split by")
        key = (asset, unit, bps, payees)
        if bps not in self.tables:
            self.tables[bps] = kit_split.Split(bps)
        table = self.tables[bps]
        parts = table.pay(self.totals[key], amount)
        self.totals[key] += amount
        equal(sum(parts), amount, "legs of a payment")
        assert min(parts) >= 0, parts
        assert kit_split.near(bps, self.totals[key], table.at(self.totals[key])), key
        accounts = [f"payee:{payee}:{unit}" if payee else f"suspense:{leg}:{asset}:{unit}"
                    for leg, payee in zip(("compute", "model"), payees)]
        accounts.append(f"revenue:protocol:{unit}")
        clearing = f"clearing:{payload['facilitator']}:{unit}"
        self.post_as_said(payload, [(clearing, account, part, "split." + leg) for account, part, leg
                                    in zip(accounts, parts, kit_split.LEGS)])
        told = set()
        for payee, part, leg in zip(payees, parts, ("compute", "model")):
            if payee and part:
                earning = self.earned[unit][payee]
                setattr(earning, leg, getattr(earning, leg) + part)
                earning.payments += payee not in told
                told.add(payee)
        self.moved.add(unit)
        self.shares[self.sequence] = (list(zip(accounts, parts)), payload)

    def payment_stray(self, payload):
        account = f"suspense:payment:{payload['asset']}:{payload['unit']}"
        self.post_as_said(payload, [(f"clearing:{payload['facilitator']}:{payload['unit']}",
                                     account, int(payload["amount"]), "stray")])
        self.strays[self.sequence] = payload

    def payment_reversed(self, payload):
        """Back from where each leg is by now; T stays."""
        unit, asset = payload["unit"], payload["asset"]
        if payload["settled"] in self.strays:
            stray = self.strays.pop(payload["settled"])
            self.post_as_said(payload, [(f"suspense:payment:{asset}:{unit}",
                                         f"clearing:{stray['facilitator']}:{unit}",
                                         int(stray["amount"]), "reversal.stray")])
            return
        equal(self.refunded[payload["settled"]], 0, "refunds of what is reversed")
        legs, settled = self.shares.pop(payload["settled"])
        self.take_back(payload, "reversal", legs, [part for _, part in legs], settled)

    def take_back(self, payload, why, legs, parts, settled):
        """So much of each leg, from where it is by now."""
        unit, asset = payload["unit"], payload["asset"]
        back = []
        for (account, _), part, leg in zip(legs, parts, kit_split.LEGS):
            if account.startswith("suspense:"):
                later = [payee for sequence, payee in self.releases.get((asset, unit, leg), [])
                         if sequence > payload["settled"]]
                account = f"payee:{later[0]}:{unit}" if later else account
            back.append((account, f"clearing:{settled['facilitator']}:{unit}", part,
                         f"{why}.{leg}"))
        self.post_as_said(payload, back)
        for account, _, part, _ in back:
            if account.startswith("payee:") and part:
                self.earned[unit][account.split(":")[1]].reversed += part
        self.moved.add(unit)

    def transfer_out(self, payload):
        """Final, and counted nowhere else."""
        transfer = payload["transfer"]
        assert transfer["final"], payload
        key = (payload["network"], transfer["transaction"], transfer["log_index"])
        assert key not in self.transfers_out, payload
        self.transfers_out.add(key)

    def outflow_recorded(self, payload):
        self.transfer_out(payload)

    def payment_refunded(self, payload):
        """By the cumulative split of the payment's own legs."""
        self.transfer_out(payload)
        settled, amount = payload["settled"], int(payload["amount"])
        assert amount > 0, payload
        before = self.refunded[settled]
        self.refunded[settled] += amount
        stray = self.strays.get(settled)
        paid = stray or self.shares[settled][1]
        equal((payload["to"], payload["token"], payload["payment"], payload["network"]),
              (paid["payer"], paid["token"], paid["id"], paid["network"]), "whose refund it is")
        assert self.refunded[settled] <= int(paid["amount"]), payload
        if stray:
            unit = payload["unit"]
            self.post_as_said(payload, [(f"suspense:payment:{payload['asset']}:{unit}",
                                         f"clearing:{stray['facilitator']}:{unit}", amount,
                                         "refund.stray")])
            return
        legs, paid = self.shares[settled]
        weights = [part for _, part in legs]
        parts = [after - was for was, after in zip(kit_split.refunded(weights, before),
                                                   kit_split.refunded(weights, before + amount))]
        self.take_back(payload, "refund", legs, parts, paid)

    def suspense_released(self, payload):
        account = f"suspense:{payload['leg']}:{payload['asset']}:{payload['unit']}"
        rest = self.accounts[account].credits - self.accounts[account].debits
        self.post_as_said(payload, [(account, f"payee:{payload['payee']}:{payload['unit']}", rest,
                                     "suspense.release")])
        self.earned[payload["unit"]][payload["payee"]].released += rest
        self.moved.add(payload["unit"])
        self.releases.setdefault((payload["asset"], payload["unit"], payload["leg"]), []).append(
            (self.sequence, payload["payee"]))

    def settlement_issued(self, payload):
        statement = payload["statement"]
        unit = statement["unit"]
        equal(statement["number"], len(self.statements[unit]), "number of a statement")
        equal(statement["epoch"], len(self.epochs) - 1, "epoch of a statement")
        want, owing = {}, {}
        for payee, e in self.earned[unit].items():
            due = e.compute + e.model + e.released - e.reversed - e.brought
            want[payee] = (max(due, 0), e.compute, e.model, e.released, e.payments, e.reversed,
                           e.brought, max(-due, 0))
            owing[payee] = max(-due, 0)
        got = {line["payee"]: tuple(int(line.get(name, 0)) for name in
                                    ("amount", "compute", "model", "released", "payments",
                                     "reversed", "brought", "carried"))
               for line in statement["lines"]}
        equal(got, want, f"lines of statement {statement['number']}")
        self.statements[unit].append(statement)
        self.earned[unit].clear()
        for payee, owed in owing.items():
            if owed:
                self.earned[unit][payee].brought = owed
        self.moved.discard(unit)
        self.due.discard(unit)

    def payout_started(self, payload):
        posting, = payload["postings"]
        unit = unit_of(posting["debit"])
        self.payouts[payload["payout"]] = (posting["debit"], int(posting["amount"]))
        assert posting["debit"].startswith("payee:"), posting
        self.post_as_said(payload, [(posting["debit"], f"transit:payouts:{unit}",
                                     int(posting["amount"]), "payout.start")])

    def payout_completed(self, payload):
        payee, amount = self.payouts.pop(payload["payout"])
        posting, = payload["postings"]
        assert posting["credit"].startswith("clearing:"), posting
        self.post_as_said(payload, [(f"transit:payouts:{unit_of(payee)}", posting["credit"], amount,
                                     "payout.complete")])

    def payout_failed(self, payload):
        payee, amount = self.payouts.pop(payload["payout"])
        self.post_as_said(payload, [(f"transit:payouts:{unit_of(payee)}", payee, amount,
                                     "payout.fail")])

    # --- what the service should say --------------------------------------------------------------

    def balance(self, account, sequence=None):
        """On the account's normal side; negative when it stands on the other."""
        found = self.accounts[account]
        debits, credits = (found.debits, found.credits) if sequence is None else found.at(sequence)
        return debits - credits if is_debit(account) else credits - debits
