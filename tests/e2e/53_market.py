#!/usr/bin/env python3
"""Prices and payments through the routes and the command line: what each route takes and refuses,
payments that are recorded once, legs to the unit, suspense and its release. The postings are folded
here from /v1/events, by a model that shares nothing with the service."""

import collections
import http.client
import json
import os
import random
import re
import threading
import time
import urllib.parse

import kit
import kit_split
from kit import case, equal

rng = random.Random(53)
service = kit.Service(head_interval_ms=50)
ETH = "0x" + "1" * 40
SOL = "7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv"
MAX = kit_split.AMOUNT_MAX
reader = service.post("/v1/tokens", {"name": "r", "scopes": ["read"]},
                      token=service.token).json()["token"]
proxy = service.post("/v1/tokens", {"name": "p", "scopes": ["proxy", "audit"]},
                     token=service.token).json()["token"]
PRICE = {"price_per_call": "10000", "network": "eip155:8453", "pay_to": ETH}


def ask(method, path, body=None, token="admin", client=None):
    token = service.token if token == "admin" else token
    return (client or service.client).request(method, path, body, token=token)


def put(asset, body=None, status=None, **members):
    answer = ask("PUT", f"/v1/assets/{asset}/pricing", {**PRICE, **(body or {}), **members})
    if status is None:
        assert answer.status in (200, 201), answer
    else:
        equal(answer.status, status, repr(answer))
    return answer.json()


def pay(asset, amount, external_id=None, status=201, **members):
    pay.count += 1
    answer = ask("POST", "/v1/payments", {
        "external_id": external_id or f"pay-{pay.count}", "asset": asset, "amount": str(amount),
        **members})
    equal(answer.status, status, repr(answer))
    return answer.json()


pay.count = 0


# --- the log and the model ----------------------------------------------------------------------


def events(after=0):
    """All but the heads, which come with time."""
    lines = ask("GET", f"/v1/events?after={after}").lines()
    return [line for line in lines if line["type"] != "head"]


def newest():
    return events()[-1]["sequence"]


def legs_of(payment):
    return tuple(int(leg["amount"]) for leg in payment["legs"])


def accounts():
    """{account: credits − debits} of all postings; checks that each is of one unit."""
    balance = collections.Counter()
    for event in events():
        for posting in (event.get("decoded") or {}).get("postings", []):
            amount = int(posting["amount"])
            assert 0 < amount <= MAX, posting
            units = {posting[side].split(":")[-1] for side in ("debit", "credit")}
            equal(len(units), 1, str(posting))
            balance[posting["debit"]] -= amount
            balance[posting["credit"]] += amount
    equal(sum(balance.values()), 0)
    return {account: amount for account, amount in balance.items() if amount}


class Model:
    """What a market should do: prices, totals per (asset, weights, payees), accounts."""

    splits = {}

    def __init__(self):
        self.prices = {}
        self.totals = collections.Counter()
        self.accounts = collections.Counter()

    def set(self, asset, weights, payees):
        self.prices[asset] = (tuple(weights), tuple(payees))
        for leg, payee in zip(kit_split.LEGS, payees):
            waiting = f"suspense:{leg}:{asset}:USDC"
            if payee and self.accounts[waiting]:
                self.accounts[f"payee:{payee}:USDC"] += self.accounts.pop(waiting)

    def pay(self, asset, amount, facilitator="external"):
        weights, payees = self.prices[asset]
        if weights not in self.splits:
            self.splits[weights] = kit_split.Split(weights)
        key = (asset, weights, payees)
        legs = tuple(self.splits[weights].pay(self.totals[key], amount))
        self.totals[key] += amount
        self.accounts[f"clearing:{facilitator}:USDC"] -= amount
        for leg, payee, units in zip(kit_split.LEGS, payees, legs):
            self.accounts[f"payee:{payee}:USDC" if payee else
                          f"suspense:{leg}:{asset}:USDC"] += units
        self.accounts["revenue:protocol:USDC"] += legs[2]
        return legs

    def now(self):
        return {account: amount for account, amount in self.accounts.items() if amount}


model = Model()


def unchanged(body):
    """body() must leave no trace in the log."""
    before = newest()
    body()
    equal(newest(), before, "the newest event")


# --- who may ------------------------------------------------------------------------------------

with case("who may: public prices, scope read for money, admin to write"):
    body = {**PRICE}
    payment = {"external_id": "who", "asset": "who", "amount": "1"}
    rows = [("GET", "/v1/assets", None, (200, 200, 200)),
            ("GET", "/v1/assets/who/pricing", None, (404, 404, 404)),
            ("GET", "/v1/assets/who/pricing/history", None, (404, 404, 404)),
            ("PUT", "/v1/assets/who/pricing", body, (401, 403, 403)),
            ("DELETE", "/v1/assets/who/pricing", None, (401, 403, 403)),
            ("GET", "/v1/assets/who/revenue", None, (401, 403, 404)),
            ("GET", "/v1/payments", None, (401, 403, 200)),
            ("GET", "/v1/payments/1", None, (401, 403, 404)),
            ("POST", "/v1/payments", payment, (401, 403, 403))]

    def refused():
        for method, path, content, statuses in rows:
            for token, status in zip((None, proxy, reader), statuses):
                got = ask(method, path, content, token=token)
                equal(got.status, status, f"{method} {path}: {got!r}")
    unchanged(refused)
    equal(ask("GET", "/v1/assets", token=None).header("access-control-allow-origin"), "*")
    equal(ask("GET", "/v1/payments").header("access-control-allow-origin"), None)

# --- prices -------------------------------------------------------------------------------------

with case("a price: 201, the same 200 without an event, a change 200 with the next version"):
    first = put("llama", status=201)
    equal({k: v for k, v in first.items() if k != "set_at"},
          {"asset": "llama", "version": 1, "price_per_call": "10000", "unit": "USDC",
           "network": "eip155:8453", "pay_to": ETH, "compute_payee": None, "model_payee": None,
           "split_bps": {"compute": 7000, "model": 2000, "protocol": 1000}, "custom_split": False,
           "deleted_at": None})
    unchanged(lambda: equal(put("llama", status=200), first))
    unchanged(lambda: equal(put("llama", compute_payee=None, split_bps=None, unit="USDC",
                                more="is ignored", status=200), first))
    second = put("llama", price_per_call="20000", compute_payee="gpu-1", status=200)
    equal((second["version"], second["compute_payee"]), (2, "gpu-1"))
    third = put("llama", split_bps=[7000, 2000, 1000], compute_payee="gpu-1", status=200)
    equal((third["version"], third["custom_split"]), (3, True))
    event = events()[-1]
    equal((event["type"], event["decoded"]["version"]), ("price.set", 3))

with case("versions: the newest, any older one, all of them in pages"):
    path = "/v1/assets/llama/pricing"
    equal(service.ok(path), third)
    equal([service.ok(f"{path}?version={n}") for n in (1, 2, 3)], [first, second, third])
    for version in (0, 4, 2**63 - 1):
        kit.problem(service.get(f"{path}?version={version}"), 404, "NOT_FOUND")
    for version in ("x", "-1", "01", "", str(2**63)):
        kit.problem(service.get(f"{path}?version={version}"), 400, "INVALID_PARAMETER", "version")
    equal(service.ok(path + "/history"), {"items": [first, second, third], "next_cursor": None})
    page = service.ok(path + "/history?limit=2")
    equal(page["items"], [first, second])
    equal(service.ok(f"{path}/history?cursor={page['next_cursor']}")["items"], [third])

with case("refused prices: 422 with the member, and no trace"):
    refusals = [
        ({"price_per_call": None}, "price_per_call"), ({"price_per_call": "0"}, "price_per_call"),
        *(({"price_per_call": bad}, "price_per_call")
          for bad in (10000, "1.5", "-1", "01", "", "1e3")),
        ({"network": None}, "network"), ({"network": ""}, "network"), ({"network": 1}, "network"),
        ({"network": "eip155 8453"}, "network"), ({"network": "x" * 65}, "network"),
        ({"pay_to": None}, "pay_to"), ({"pay_to": ""}, "pay_to"), ({"pay_to": ETH + "1"}, "pay_to"),
        ({"pay_to": ETH[:-1]}, "pay_to"), ({"pay_to": ETH[:-1] + "g"}, "pay_to"),
        ({"pay_to": SOL[:31]}, "pay_to"), ({"pay_to": "0" + SOL[1:]}, "pay_to"),
        ({"pay_to": SOL + "A"}, "pay_to"), ({"pay_to": ["x"]}, "pay_to"),
        ({"compute_payee": ""}, "compute_payee"), ({"compute_payee": "a b"}, "compute_payee"),
        ({"compute_payee": "x" * 129}, "compute_payee"), ({"compute_payee": 1}, "compute_payee"),
        ({"model_payee": "ü"}, "model_payee"), ({"model_payee": {}}, "model_payee"),
        ({"split_bps": [7000, 3000]}, "split_bps"), ({"split_bps": [7000, 2000, 1]}, "split_bps"),
        ({"split_bps": {"compute": 7000, "model": 2000, "protocol": 999}}, "split_bps"),
        ({"split_bps": {"compute": 7000, "model": 3000}}, "split_bps"),
        ({"split_bps": [7000, 2000.5, 999.5]}, "split_bps[1]"),
        ({"split_bps": [10001, 0, -1]}, "split_bps[0]"), ({"split_bps": ["7000", 2000, 1000]},
                                                          "split_bps[0]"),
        ({"split_bps": "70/20/10"}, "split_bps"), ({"unit": "LUCID"}, "unit"),
        ({"unit": "EUR"}, "unit"), ({"unit": None}, "unit")]

    def all_refused():
        for change, param in refusals:
            body = {**PRICE, **change}
            if change.get(param, 0) is None and param not in ("unit",):
                del body[param]
            kit.problem(ask("PUT", "/v1/assets/llama/pricing", body), 422, "INVALID_PRICE", param)
        kit.problem(ask("PUT", "/v1/assets/llama/pricing",
                        {**PRICE, "price_per_call": str(2**63)}), 422, "AMOUNT_OVERFLOW",
                    "price_per_call")
        for body, status in (("{", 400), ("[]", 400), ('{"a":1,"a":2}', 400),
                             ("x" * 20000, 413)):
            equal(ask("PUT", "/v1/assets/llama/pricing", body).status, status, body[:20])
        for asset in ("a%20b", "a%2Fb", "%C3%BC", "x" * 129):
            kit.problem(ask("PUT", f"/v1/assets/{asset}/pricing", PRICE), 422, "INVALID_PRICE",
                        "asset")
            for method, tail in (("GET", "pricing"), ("GET", "pricing/history"),
                                 ("GET", "revenue"), ("DELETE", "pricing")):
                kit.problem(ask(method, f"/v1/assets/{asset}/{tail}"), 404, "NOT_FOUND")
        equal(ask("POST", "/v1/assets/llama/pricing", PRICE).status, 405)
    unchanged(all_refused)
    equal(service.ok("/v1/assets/llama/pricing"), third)

with case("the forms that are taken: base58, 128 bytes of name, 2^63 - 1, weights of 0"):
    for asset, members in (("a" * 128, {}),
                           ("A.b_c:d-9", {"pay_to": SOL, "network": "solana:5eykt"}),
                           ("most", {"price_per_call": str(MAX)}),
                           ("all", {"split_bps": [0, 0, 10000]}),
                           ("case", {"pay_to": "0x" + "aB" * 20})):
        made = put(asset, status=201, **members)
        for name, value in members.items():
            got = made[name]
            equal(list(got.values()) if name == "split_bps" else got, value)
        equal(service.ok(f"/v1/assets/{asset}/pricing"), made)

with case("by token and hour, and how it is listed: what is given is kept, nothing is for nothing"):
    more = {"price_per_token": "3", "price_subscription_hour": "500000", "grant_seconds": 60,
            "resource": "https://api.example/v1/run?x=1", "description": "a run",
            "mime_type": "application/json"}
    got = put("sold-otherwise", **more, status=201)
    equal({key: got.get(key) for key in more}, more)
    equal(put("sold-otherwise", price_per_call="0", **more, status=200)["price_per_call"], "0")
    equal(service.ok("/v1/assets/sold-otherwise/pricing/history")["items"][0], got)
    none = put("sold-otherwise", **{key: None for key in more}, status=200)
    equal(none["version"], 3)
    equal([key for key in more if key in none], [])
    unchanged(lambda: equal(put("sold-otherwise", price_per_token="0", grant_seconds=0,
                                status=200), none))

    def refused_sales():
        for bad in ({"price_per_call": "0"}, {"price_per_call": "0", "grant_seconds": 60},
                    {"price_per_token": 3}, {"price_per_token": "-1"},
                    {"price_subscription_hour": "1.5"}, {"grant_seconds": "60"},
                    {"grant_seconds": 31 * 86400 + 1}, {"grant_seconds": -1},
                    {"grant_seconds": 1.5}, {"resource": "ftp://x/"}, {"resource": 1},
                    {"resource": "https://a/" + "x" * 503}, {"description": ""},
                    {"description": "x" * 257}, {"mime_type": "json"}):
            param = list(bad)[0]
            got = ask("PUT", "/v1/assets/sold-otherwise/pricing", {**PRICE, **bad})
            equal((got.status, got.json()["param"]), (422, param), str(bad))
            equal(got.json()["code"], "INVALID_PRICE", str(bad))
    unchanged(refused_sales)
    equal(ask("DELETE", "/v1/assets/sold-otherwise/pricing").status, 200)

with case("the list of prices: by name, in pages"):
    items = service.ok("/v1/assets")["items"]
    equal([item["asset"] for item in items], sorted(["llama", "a" * 128, "A.b_c:d-9", "most", "all",
                                                     "case"]))
    paged, cursor = [], ""
    while cursor is not None:
        page = service.ok("/v1/assets?limit=1" + cursor)
        paged += page["items"]
        cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
    equal(paged, items)
    for bad in ("limit=0", "limit=1001", "cursor=zz", "cursor=70" + "0" * 16, "cursor=61"):
        equal(service.get("/v1/assets?" + bad).status, 400, bad)

with case("deleted: the last row, then 404; set again: 201 and the next version"):
    gone = ask("DELETE", "/v1/assets/llama/pricing")
    equal(gone.status, 200, repr(gone))
    row = gone.json()
    assert row["deleted_at"] >= row["set_at"], row
    equal({**row, "deleted_at": None}, third)
    kit.problem(service.get("/v1/assets/llama/pricing"), 404, "NOT_FOUND")
    equal(service.ok("/v1/assets/llama/pricing?version=3"), row)
    unchanged(lambda: kit.problem(ask("DELETE", "/v1/assets/llama/pricing"), 404, "NOT_FOUND",
                                  "asset"))
    assert "llama" not in [item["asset"] for item in service.ok("/v1/assets")["items"]]
    equal(len(service.ok("/v1/assets/llama/pricing/history")["items"]), 3)
    equal(put("llama", status=201)["version"], 4)
    equal([item["deleted_at"] is None for item in
           service.ok("/v1/assets/llama/pricing/history")["items"]], [True, True, False, True])

# --- payments -----------------------------------------------------------------------------------

model.set("llama", kit_split.DEFAULT, (None, None))

with case("refused payments: the member, the code, and no trace"):
    GOOD = {"external_id": "bad", "asset": "llama", "amount": "5"}
    refusals = [
        ({"external_id": None}, "external_id"), ({"external_id": ""}, "external_id"),
        ({"external_id": 7}, "external_id"), ({"external_id": "x" * 256}, "external_id"),
        ({"external_id": "a\nb"}, "external_id"), ({"external_id": "a\x00b"}, "external_id"),
        ({"asset": None}, "asset"), ({"asset": ""}, "asset"), ({"asset": "a/b"}, "asset"),
        ({"asset": 1}, "asset"), ({"amount": None}, "amount"), ({"amount": "0"}, "amount"),
        ({"amount": 5}, "amount"), ({"amount": "5.0"}, "amount"), ({"amount": "-5"}, "amount"),
        ({"amount": "05"}, "amount"), ({"amount": " 5"}, "amount"), ({"amount": "٥"}, "amount"),
        ({"unit": "LUCID"}, "unit"), ({"unit": "usdc"}, "unit"), ({"unit": 1}, "unit"),
        ({"facilitator": ""}, "facilitator"), ({"facilitator": "a b"}, "facilitator"),
        ({"facilitator": 1}, "facilitator"), ({"payer": ""}, "payer"),
        ({"payer": "x" * 129}, "payer"), ({"payer": 1}, "payer"), ({"network": "a b"}, "network"),
        ({"network": "x" * 65}, "network"), ({"transaction": "x" * 129}, "transaction"),
        ({"transaction": "a\x7fb"}, "transaction"), ({"note": "x" * 257}, "note"),
        ({"note": ["x"]}, "note")]

    def payments_refused():
        for change, param in refusals:
            body = {**GOOD, **change}
            body = {name: value for name, value in body.items() if value is not None}
            kit.problem(ask("POST", "/v1/payments", body), 422, "INVALID_PAYMENT", param)
        kit.problem(ask("POST", "/v1/payments", {**GOOD, "asset": "nothing"}), 422,
                    "ASSET_NOT_PRICED", "asset")
        for amount in (2**63, 2**64, 10**40):
            kit.problem(ask("POST", "/v1/payments", {**GOOD, "amount": str(amount)}), 422,
                        "AMOUNT_OVERFLOW", "amount")
        for body, status in (("", 400), ("{", 400), ("7", 400), ("x" * 20000, 413)):
            equal(ask("POST", "/v1/payments", body).status, status, body[:20])
    unchanged(payments_refused)
    equal(service.ok("/v1/payments", token=reader), {"items": [], "next_cursor": None})
    equal(service.ok("/v1/assets/llama/revenue", token=reader), {"asset": "llama", "units": []})
    equal(accounts(), {})

with case("a payment: 201 with its legs; again 200, replayed; other content 409"):
    members = {"facilitator": "stripe", "payer": "acct_ü 1", "network": "eip155:1",
               "transaction": "0xabc", "note": 'said "so"'}
    one = pay("llama", 1000, "one", **members)
    want = model.pay("llama", 1000, "stripe")
    equal(legs_of(one), want)
    equal(want, (700, 200, 100))
    equal(one["legs"][0], {"role": "compute", "payee": None, "suspense": True, "bps": 7000,
                           "amount": "700"})
    equal(one["legs"][2], {"role": "protocol", "payee": None, "suspense": False, "bps": 1000,
                           "amount": "100"})
    equal({name: one[name] for name in members}, members)
    equal((one["amount"], one["unit"], one["price_version"], one["replayed"]),
          ("1000", "USDC", 4, False))
    event = events()[-1]
    equal((event["type"], event["sequence"], event["time"]),
          ("payment.recorded", one["sequence"], one["recorded_at"]))
    equal(accounts(), model.now())

    def again():
        got = pay("llama", 1000, "one", status=200, **members)
        equal(got, {**one, "replayed": True})
        got = pay("llama", 1000, "one", status=200, **members, unit="USDC", more="is ignored")
        equal(got, {**one, "replayed": True})
        for change in ({"amount": "1001"}, {"asset": "most"}, {"payer": None}, {"note": "x"},
                       {"facilitator": None}, {"network": "eip155:2"}, {"transaction": None}):
            body = {"external_id": "one", "asset": "llama", "amount": "1000", **members, **change}
            kit.problem(ask("POST", "/v1/payments", body), 409, "PAYMENT_CONFLICT", "external_id")
    unchanged(again)

with case("a replay stays what it was when the price has changed, and when it is gone"):
    put("llama", price_per_call="3")
    unchanged(lambda: equal(pay("llama", 1000, "one", status=200, **members),
                            {**one, "replayed": True}))
    put("short", status=201)
    model.set("short", kit_split.DEFAULT, (None, None))
    kept = pay("short", 7, "short-1")
    equal(legs_of(kept), model.pay("short", 7))
    equal(ask("DELETE", "/v1/assets/short/pricing").status, 200)
    unchanged(lambda: equal(pay("short", 7, "short-1", status=200), {**kept, "replayed": True}))
    unchanged(lambda: kit.problem(ask("POST", "/v1/payments", {
        "external_id": "short-2", "asset": "short", "amount": "7"}), 422, "ASSET_NOT_PRICED",
        "asset"))

with case("100 payments of 1 unit are 70 / 20 / 10 on the accounts"):
    put("cent", status=201, compute_payee="gpu", model_payee="llama-authors")
    model.set("cent", kit_split.DEFAULT, ("gpu", "llama-authors"))
    before = accounts()
    for _ in range(100):
        equal(legs_of(pay("cent", 1)), model.pay("cent", 1))
    after = accounts()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    equal({name: amount for name, amount in grown.items() if amount},
          {"clearing:external:USDC": -100, "payee:gpu:USDC": 70, "payee:llama-authors:USDC": 20,
           "revenue:protocol:USDC": 10})
    equal(service.ok("/v1/assets/cent/revenue", token=reader)["units"],
          [{"unit": "USDC", "payments": 100, "gross": "100", "compute": "70", "model": "20",
            "protocol": "10", "suspense": {"compute": "0", "model": "0"},
            "refunded": {"refunds": 0, "gross": "0", "compute": "0", "model": "0",
                         "protocol": "0"},
            "reversed": {"payments": 0, "gross": "0", "compute": "0", "model": "0",
                         "protocol": "0"}}])


def race(count, body_of):
    """All clients post at the same moment; their answers."""
    return kit.at_once(service, count, lambda client, number: ask(
        "POST", "/v1/payments", body_of(number), client=client))


with case("16 clients with one external id, 10 times: one 201 and one event, the others replayed"):
    for number in range(10):
        before = newest()
        answers = race(16, lambda _: {"external_id": f"race-{number}", "asset": "cent",
                                      "amount": "13"})
        equal(sorted(a.status for a in answers), [200] * 15 + [201])
        equal(len({json.dumps({**a.json(), "replayed": 0}) for a in answers}), 1)
        for answer in answers:
            equal(answer.json()["replayed"], answer.status == 200)
        equal(len(events(before)), 1)
        equal(legs_of(answers[0].json()), model.pay("cent", 13))
    equal(accounts(), model.now())

with case("16 clients with one external id and 16 amounts: one 201, fifteen 409"):
    before = newest()
    answers = race(16, lambda number: {"external_id": "race-x", "asset": "cent",
                                       "amount": str(1 + number)})
    equal(sorted(a.status for a in answers), [201] + [409] * 15)
    won, = [a.json() for a in answers if a.status == 201]
    equal(legs_of(won), model.pay("cent", int(won["amount"])))
    equal(len(events(before)), 1)
    equal(accounts(), model.now())

# --- suspense -----------------------------------------------------------------------------------

with case("no payee: the leg waits; one is named: it is paid in the same commit, to the unit"):
    put("wait", status=201)
    model.set("wait", kit_split.DEFAULT, (None, None))
    for amount in (1, 2, 3, 1234567):
        payment = pay("wait", amount)
        equal(legs_of(payment), model.pay("wait", amount))
        equal([leg["suspense"] for leg in payment["legs"]],
              [leg["amount"] != "0" for leg in payment["legs"][:2]] + [False])
    unit, = service.ok("/v1/assets/wait/revenue", token=reader)["units"]
    equal(unit["suspense"], {name: unit[name] for name in ("compute", "model")})
    before = newest()
    put("wait", status=200, model_payee="gpu")
    model.set("wait", kit_split.DEFAULT, (None, "gpu"))
    first, second = events(before)
    equal((first["type"], second["type"]), ("price.set", "suspense.released"))
    equal((second["sequence"], second["time"]), (first["sequence"] + 1, first["time"]))
    equal({name: second["decoded"][name] for name in ("asset", "leg", "payee", "unit")},
          {"asset": "wait", "leg": "model", "payee": "gpu", "unit": "USDC"})
    equal(accounts(), model.now())
    unit, = service.ok("/v1/assets/wait/revenue", token=reader)["units"]
    equal(unit["suspense"], {"compute": unit["compute"], "model": "0"})
    unchanged(lambda: put("wait", status=200, model_payee="gpu"))

with case("a payee that goes and another that comes: nothing is paid twice"):
    for payees in ((None, None), (None, "other"), ("gpu", "other"), ("gpu", None), ("gpu", "gpu")):
        put("wait", compute_payee=payees[0], model_payee=payees[1])
        model.set("wait", kit_split.DEFAULT, payees)
        payment = pay("wait", 9)
        equal(legs_of(payment), model.pay("wait", 9))
        equal([leg["payee"] for leg in payment["legs"]], [*payees, None])
        equal(accounts(), model.now())
    # What was paid to whom stays with the payments.
    equal(len({json.dumps(p["legs"]) for p in
               service.ok("/v1/payments?asset=wait", token=reader)["items"]}), 9)

with case("a deleted price leaves the suspense; the next price's payee is paid"):
    put("later", status=201)
    model.set("later", kit_split.DEFAULT, (None, None))
    pay("later", 100)
    model.pay("later", 100)
    equal(ask("DELETE", "/v1/assets/later/pricing").status, 200)
    equal(accounts(), model.now())
    put("later", status=201, compute_payee="late")
    model.set("later", kit_split.DEFAULT, ("late", None))
    equal(accounts(), model.now())
    equal(accounts()["payee:late:USDC"], 70)

# --- any weights --------------------------------------------------------------------------------

with case("400 payments, 60 changes of weights and payees: legs and accounts as the rule says"):
    choices = [None, (10000, 0, 0), (0, 0, 10000), (3333, 3333, 3334), (1, 9998, 1),
               (0, 5000, 5000), (6000, 1500, 2500)]
    for number in range(400):
        asset = f"any-{rng.randrange(3)}"
        if asset not in model.prices or rng.random() < 0.15:
            weights = rng.choice(choices)
            payees = [rng.choice([None, "gpu", "x", "y"]) for _ in range(2)]
            put(asset, compute_payee=payees[0], model_payee=payees[1],
                split_bps=weights and list(weights))
            model.set(asset, weights or kit_split.DEFAULT, payees)
        amount = rng.choice([1, 1, 2, 3, 7, rng.randrange(1, 10**5), rng.randrange(1, 10**15)])
        payment = pay(asset, amount)
        equal(legs_of(payment), model.pay(asset, amount), f"payment {number}")
        equal([leg["bps"] for leg in payment["legs"]], list(model.prices[asset][0]))
    equal(accounts(), model.now())
    total = 0
    for asset in model.prices:
        for unit in service.ok(f"/v1/assets/{asset}/revenue", token=reader)["units"]:
            equal(int(unit["gross"]), sum(int(unit[leg]) for leg in kit_split.LEGS), asset)
            mine = [p for p in service.ok(f"/v1/payments?limit=1000&asset={asset}",
                                          token=reader)["items"]]
            equal((unit["payments"], int(unit["gross"])),
                  (len(mine), sum(int(p["amount"]) for p in mine)), asset)
            total += int(unit["gross"])
            for leg in ("compute", "model"):
                equal(int(unit["suspense"][leg]),
                      model.now().get(f"suspense:{leg}:{asset}:USDC", 0), asset)
    equal(total, -sum(v for k, v in model.now().items() if k.startswith("clearing:")))

def replay(after):
    """The model over what the log says has happened since, in its order."""
    for event in events(after):
        told = event["decoded"]
        if event["type"] == "price.set":
            payees = (told["compute_payee"], told["model_payee"])
            model.set(told["asset"], told["split_bps"], payees)
            replay.versions[told["asset"], told["version"]] = model.prices[told["asset"]]
        elif event["type"] == "payment.recorded":
            weights, payees = replay.versions[told["asset"], told["version"]]
            equal((weights, payees), model.prices[told["asset"]], "the version in force")
            equal((tuple(told["split"]["bps"]), tuple(told["split"]["payees"])), (weights, payees))
            legs = model.pay(told["asset"], int(told["amount"]), told["facilitator"])
            equal([int(p["amount"]) for p in told["postings"]], [leg for leg in legs if leg])


replay.versions = {}

with case("6 clients pay while 2 change prices and one reads; then a kill -9 in the midst of it"):
    for killed in (False, True):
        before, stop, trouble, acknowledged = newest(), threading.Event(), [], set()

        def client_of(seed, act):
            own, client = random.Random(seed), kit.Client(service.port)
            number = 0
            try:
                while not stop.is_set():
                    act(own, client, f"{before}-{seed}-{number}")
                    number += 1
            except (OSError, http.client.HTTPException):
                if not killed:
                    trouble.append(f"client {seed} was cut off")
            except AssertionError as why:
                trouble.append(str(why))
            client.close()

        def payer(own, client, name):
            got = ask("POST", "/v1/payments", {
                "external_id": name, "asset": f"storm-{own.randrange(2)}",
                "amount": str(own.randrange(1, 99))}, client=client)
            equal(got.status, 201, repr(got))
            acknowledged.add(name)

        def changer(own, client, _):
            got = ask("PUT", f"/v1/assets/storm-{own.randrange(2)}/pricing", {
                **PRICE, "split_bps": own.choice([None, [5000, 2500, 2500], [1, 1, 9998]]),
                "compute_payee": own.choice([None, "s", "t"]),
                "model_payee": own.choice([None, "t"])}, client=client)
            equal(got.status, 200, repr(got))

        def sums(own, client, _):
            got = ask("GET", f"/v1/assets/storm-{own.randrange(2)}/revenue", client=client).json()
            for unit in got["units"]:
                equal(sum(int(unit[leg]) for leg in kit_split.LEGS), int(unit["gross"]))
        for asset in ("storm-0", "storm-1"):
            put(asset)
        threads = [threading.Thread(target=client_of, args=(seed, act)) for seed, act in
                   enumerate([payer] * 6 + [changer] * 2 + [sums])]
        for thread in threads:
            thread.start()
        time.sleep(1)
        if killed:
            service.kill()
        stop.set()
        for thread in threads:
            thread.join(60 * kit.SLOW)
        equal(trouble, [])
        if killed:
            service.start()
        replay(before)
        equal(accounts(), model.now())
        logged = [e["decoded"]["external_id"] for e in events(before)
                  if e["type"] == "payment.recorded"]
        equal((len(logged), acknowledged - set(logged)), (len(set(logged)), set()))
    stormy = [e["type"] for e in events(before)]
    kit.note(f"the last second: {len(stormy)} events, {stormy.count('payment.recorded')} payments")

# --- the largest amounts ------------------------------------------------------------------------

with case("2^63 - 1 is taken, one unit more is refused, wherever it would be added"):
    put("whale", status=201, compute_payee="whale", model_payee="orca", split_bps=[9999, 1, 0])
    model.set("whale", (9999, 1, 0), ("whale", "orca"))
    equal(legs_of(pay("whale", MAX, "whale", facilitator="f1")), model.pay("whale", MAX, "f1"))
    equal(accounts(), model.now())

    def over():
        for members in ({"facilitator": "f1"}, {"facilitator": "f2"}):
            kit.problem(ask("POST", "/v1/payments", {
                "external_id": "over", "asset": "whale", "amount": "1", **members}), 422,
                "AMOUNT_OVERFLOW", "amount")
        kit.problem(ask("POST", "/v1/payments", {
            "external_id": "over", "asset": "cent", "amount": "1", "facilitator": "f1"}), 422,
            "AMOUNT_OVERFLOW", "amount")
    unchanged(over)
    # The external id was not used up by what was refused.
    pay("cent", 1, "over")
    model.pay("cent", 1)

with case("a release that would overflow its payee's account refuses the price"):
    put("full", status=201, split_bps=[10000, 0, 0])
    model.set("full", (10000, 0, 0), (None, None))
    pay("full", MAX // 1000, facilitator="f3")
    model.pay("full", MAX // 1000, "f3")
    unchanged(lambda: kit.problem(ask("PUT", "/v1/assets/full/pricing", {
        **PRICE, "split_bps": [10000, 0, 0], "compute_payee": "whale"}), 422, "AMOUNT_OVERFLOW",
        "compute_payee"))
    equal(service.ok("/v1/assets/full/pricing")["version"], 1)
    equal(accounts(), model.now())

with case("the books say the same: every account, the postings of a payment, the trial balance"):
    told, cursor = {}, ""
    while cursor is not None:
        page = service.ok(f"/v1/accounts?limit=7{cursor}", token=reader)
        for row in page["items"]:
            told[row["account"]] = int(row["credits"]) - int(row["debits"])
        cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
    equal({name: amount for name, amount in told.items() if amount}, model.now())
    listed = service.ok(f"/v1/postings?cause={one['sequence']}", token=reader)["items"]
    equal([(row["what"], row["credit"], int(row["amount"])) for row in listed],
          [("split." + leg["role"], name, int(leg["amount"])) for leg, name in
           zip(one["legs"], ("suspense:compute:llama:USDC", "suspense:model:llama:USDC",
                             "revenue:protocol:USDC"))])
    equal({row["debit"] for row in listed}, {"clearing:stripe:USDC"})
    for unit in service.ok("/v1/trial-balance", token=reader)["units"]:
        equal((unit["balanced"], unit["debits"]), (True, unit["credits"]), unit["unit"])

# --- lists --------------------------------------------------------------------------------------

with case("payments: in pages, either way round, by asset, by external id, one by one"):
    def pages(query):
        items, cursor = [], ""
        while cursor is not None:
            page = service.ok(f"/v1/payments?limit=97{query}{cursor}", token=reader)
            items += page["items"]
            cursor = page["next_cursor"] and "&cursor=" + page["next_cursor"]
        return items
    every = pages("")
    assert len(every) > 500, len(every)
    equal([p["sequence"] for p in every], sorted(p["sequence"] for p in every))
    equal(pages("&order=desc"), every[::-1])
    cents = [p for p in every if p["asset"] == "cent"]
    equal(pages("&asset=cent"), cents)
    equal(pages("&asset=cent&order=desc"), cents[::-1])
    equal(pages("&asset=nothing"), [])
    recorded = [e["decoded"] for e in events() if e["type"] == "payment.recorded"]
    equal([(p["external_id"], p["asset"], p["amount"]) for p in every],
          [(e["external_id"], e["asset"], e["amount"]) for e in recorded])
    for payment in rng.sample(every, 20):
        equal(service.ok("/v1/payments/" + payment["id"], token=reader), payment)
        quoted = urllib.parse.quote(payment["external_id"], safe="")
        equal(pages("&external_id=" + quoted), [payment])
        equal(pages(f"&external_id={quoted}&asset={payment['asset']}"), [payment])
        equal(pages(f"&external_id={quoted}&asset=most"), [])
    equal(pages("&external_id=nothing"), [])
    for ident in ("0", "1", "x", "-1", str(every[-1]["sequence"] + 1), str(2**63 - 1), str(2**64)):
        kit.problem(ask("GET", "/v1/payments/" + ident, token=reader), 404, "NOT_FOUND")
    for bad, param in (("asset=a/b", "asset"), ("order=up", "order"), ("limit=0", "limit"),
                       ("cursor=7000", "cursor"), ("order=desc&cursor=70" + "0" * 16, "cursor")):
        kit.problem(ask("GET", "/v1/payments?" + bad, token=reader), 400, "INVALID_PARAMETER",
                    param)

# --- restarts -----------------------------------------------------------------------------------


def everything():
    found = {path: service.ok(path, token=reader) for path in
             ("/v1/assets", "/v1/payments?limit=1000", "/v1/assets/llama/pricing/history")}
    for asset in model.prices:
        found[asset] = service.ok(f"/v1/assets/{asset}/revenue", token=reader)
    return found


with case("after a restart and after a kill -9 all of it is as it was, and goes on to the unit"):
    before = everything()
    service.restart()
    equal(everything(), before)
    equal(legs_of(pay("cent", 1)), model.pay("cent", 1))
    service.kill()
    service.start()
    equal(legs_of(pay("any-0", 5)), model.pay("any-0", 5))
    unchanged(lambda: equal(pay("llama", 1000, "one", status=200, **members),
                            {**one, "replayed": True}))
    equal(accounts(), model.now())

# --- the command line ---------------------------------------------------------------------------


def lucid(*arguments, want=0, data=True):
    """Standard output of a command that must end with this status; lucid.err is the other."""
    command = [*arguments, "--url", f"http://127.0.0.1:{service.port}"]
    status, out, lucid.err = kit.lucid(*command, *(["--data", service.data] if data else []))
    equal(status, want, f"lucid {' '.join(arguments)}: {out[-300:]!r} {lucid.err[-500:]!r}")
    return out.decode()


def json_of(*arguments, want=0):
    return json.loads(lucid(*arguments, "--json", want=want))


with case("lucid price set: the first, a change that keeps the rest, exact amounts"):
    lucid("price", "set", "cli", "--price", "0.01", want=2)
    assert b"--network is missing" in lucid.err, lucid.err
    out = lucid("price", "set", "cli", "--price", "0.01", "--network", "eip155:8453", "--pay-to",
                ETH, "--compute-payee", "gpu")
    shown = dict(line.split(None, 1) for line in out.splitlines())
    equal((shown["price_per_call"], shown["split"], shown["model_payee"], shown["version"]),
          ("0.010000 USDC", "70/20/10", "-", "1"))
    got = json_of("price", "set", "cli", "--model-payee", "m", "--split", "60/29.5/10.5")
    equal((got["price_per_call"], got["compute_payee"], got["model_payee"], got["split_bps"],
           got["version"]),
          ("10000", "gpu", "m", {"compute": 6000, "model": 2950, "protocol": 1050}, 2))
    got = json_of("price", "set", "cli", "--price-units", "12500", "--compute-payee", "")
    equal((got["price_per_call"], got["compute_payee"], got["model_payee"], got["custom_split"],
           got["version"]), ("12500", None, "m", True, 3))
    got = json_of("price", "set", "cli", "--split", "default")
    equal((got["custom_split"], got["model_payee"], got["version"]), (False, "m", 4))
    more = json_of("price", "set", "cli", "--per-token", "0.000003", "--per-hour-units", "7",
                   "--grant-seconds", "60", "--resource", "https://a/", "--description", "x",
                   "--mime-type", "text/plain")
    equal([more[key] for key in ("price_per_token", "price_subscription_hour", "grant_seconds",
                                 "resource", "description", "mime_type", "version")],
          ["3", "7", 60, "https://a/", "x", "text/plain", 5])
    equal(json_of("price", "set", "cli", "--price", "0")["price_subscription_hour"], "7")
    got = json_of("price", "set", "cli", "--price-units", "12500", "--per-token", "0",
                  "--per-hour", "0", "--grant-seconds", "0", "--resource", "", "--description", "",
                  "--mime-type", "")
    equal(("price_per_token" in got, "resource" in got, got["version"]), (False, False, 7))
    unchanged(lambda: equal(json_of("price", "set", "cli"), got))
    equal(json_of("price", "show", "cli"), got)
    equal(json_of("price", "show", "cli", "--version", "2")["version"], 2)
    equal(json_of("price", "set", "cli", "--price", "9223372036854.775807")["price_per_call"],
          str(MAX))

with case("lucid price set refuses what is not exact: exit 2, nothing sent"):
    def not_exact():
        for price in ("0.0000001", "1e3", "-1", "", ".5", "5.", "01", "0x1", "1,5", "1.5 ", "nan",
                      "9223372036854.775808", "99999999999999999999"):
            lucid("price", "set", "cli", "--price", price, want=2)
        for units in ("1.5", "-1", "", "01", str(2**63)):
            lucid("price", "set", "cli", "--price-units", units, want=2)
        lucid("price", "set", "cli", "--price", "1", "--price-units", "1", want=2)
        for split in ("70/20", "70/20/11", "70/20/10/0", "70/20/", "", "//", "70.001/19.999/10",
                      "100.00/0/0.01", "-10/100/10", "a/b/c", "70 /20/10", "1000000000000/0/0"):
            lucid("price", "set", "cli", "--split", split, want=2)
        lucid("price", "set", "a/b", "--price", "1", want=2)
        lucid("price", "set", "cli", "--price", "0", want=1)
        equal(json_of("price", "set", "cli", "--network", "a b", want=1)["error"]["code"],
              "INVALID_PRICE")
        lucid("price", "set", "cli", "--price", "1", want=1, data=False)
        lucid("price", "show", "nothing", want=1)
        lucid("price", "delete", "nothing", want=1)
        lucid("price", "history", "nothing", want=1)
        lucid("asset", "revenue", "nothing", want=1)
    unchanged(not_exact)

with case("lucid price list, history, delete; asset revenue: tables with points in one column"):
    lines = lucid("price", "list", data=False).splitlines()
    heads = lines[0].split()
    equal(heads, ["ASSET", "PRICE_PER_CALL", "SPLIT", "COMPUTE_PAYEE", "MODEL_PAYEE", "NETWORK",
                  "VERSION", "SET_AT"])
    ends = {line.index(" USDC") for line in lines[1:]}
    equal(len(ends), 1, "where amounts end")
    equal([line.split()[0] for line in lines[1:]],
          [item["asset"] for item in service.ok("/v1/assets")["items"]])
    equal(json_of("price", "list", "--limit", "2"),
          {"items": service.ok("/v1/assets")["items"][:2], "more": True})
    equal([line.split()[0] for line in lucid("price", "history", "cli").splitlines()],
          ["VERSION", "1", "2", "3", "4", "5", "6", "7", "8"])
    equal(json_of("price", "delete", "cli")["version"], 8)
    lucid("price", "show", "cli", want=1)
    equal(len(json_of("price", "history", "cli")["items"]), 8)
    table = lucid("asset", "revenue", "wait").splitlines()
    equal(len(table), 2)
    equal(json_of("asset", "revenue", "wait"), service.ok("/v1/assets/wait/revenue", token=reader))
    gross = json_of("asset", "revenue", "wait")["units"][0]["gross"].rjust(7, "0")
    assert f" {gross[:-6]}.{gross[-6:]} USDC " in table[1], table

with case("lucid payment record, again, list, show"):
    arguments = ("payment", "record", "--external-id", "cli /ü?&1", "--asset", "cent", "--amount",
                 "1.5", "--payer", "acct 1", "--note", "by hand")
    got = json_of(*arguments)
    equal(legs_of(got), model.pay("cent", 1500000))
    equal((got["amount"], got["external_id"], got["payer"], got["replayed"]),
          ("1500000", "cli /ü?&1", "acct 1", False))
    unchanged(lambda: equal(json_of(*arguments), {**got, "replayed": True}))
    lucid(*arguments)
    assert b"recorded before" in lucid.err, lucid.err
    plain = {name: value for name, value in got.items() if name != "replayed"}
    equal(json_of("payment", "show", got["id"]), plain)
    equal(json_of("payment", "show", "--external", "cli /ü?&1"), plain)
    out = lucid("payment", "show", got["id"])
    assert "amount       " in out and "1.500000 USDC" in out, out
    equal([line.split() for line in out.splitlines()[-3:]],
          [["compute", "gpu", "7000", "1.050000", "USDC"],
           ["model", "llama-authors", "2000", "0.300000", "USDC"],
           ["protocol", "-", "1000", "0.150000", "USDC"]])
    equal(json_of("payment", "list", "--newest", "--limit", "1")["items"], [plain])
    equal(json_of("payment", "list", "--asset", "cent", "--limit", "2")["items"],
          service.ok("/v1/payments?asset=cent&limit=2", token=reader)["items"])
    lines = lucid("payment", "list", "--asset", "wait").splitlines()
    equal(lines[0].split(), ["ID", "RECORDED_AT", "STATUS", "SERVED", "ASSET", "AMOUNT", "COMPUTE",
                             "MODEL", "PROTOCOL", "SUSPENSE", "PAYER", "EXTERNAL_ID"])
    waiting = [line.split()[13] for line in lines[1:]]
    assert {"compute", "compute,model", "-"} <= set(waiting), waiting

    def record_refused():
        for more, want in ((["--amount", "2"], 1), (["--amount", "1.0000001"], 2), ([], 2),
                           (["--amount", "1", "--amount-units", "1"], 2),
                           (["--amount", "1.5", "--unit", "EUR"], 2),
                           (["--amount", "1.5", "--unit", "LUCID"], 1)):
            lucid(*arguments[:6], *more, want=want)
        lucid("payment", "record", "--amount", "1", "--asset", "cent", want=2)
        equal(json_of("payment", "record", "-x", "new", "-a", "nothing", "--amount-units", "1",
                      want=1)["error"]["code"], "ASSET_NOT_PRICED")
        lucid("payment", "show", "nothing", want=1)
        lucid("payment", "show", "--external", "nothing", want=1)
        for words, hint in ((("payment", "show", "nothing", "--data", service.data), b"--external"),
                            (("payment", "list"), b"--token-file FILE")):
            code, _, err = kit.lucid(*words, "--url", f"http://127.0.0.1:{service.port}")
            equal((code, hint in err), (1, True), err)
        lucid("payment", "list", want=1, data=False)
    unchanged(record_refused)
    equal(accounts(), model.now())

with case("the store checks out, and a fold of its events made anew gives the same tables"):
    service.stop()
    kit.run_lucid("log", "fsck", "--data", service.data)
    kit.run_lucid("log", "replay", "--data", service.data, "--to",
                  os.path.join(kit.scratch(), "again"), "--verify")

# --- the reference ------------------------------------------------------------------------------


def like(got, shown, where="$"):
    """got has exactly what an example shows, where "…" stands for anything."""
    if isinstance(shown, dict):
        equal(sorted(got), sorted(shown), where)
        for name, value in shown.items():
            if name not in ("id", "sequence"):
                like(got[name], value, f"{where}.{name}")
    elif isinstance(shown, list):
        equal(len(got), len(shown), where)
        for one, other in zip(got, shown):
            like(one, other, where + "[]")
    elif shown != "…":
        equal(got, shown, where)


with case("docs/API.md: the examples of prices and payments, as a new user would send them"):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/API.md")
    with open(path, encoding="utf-8") as file:
        page = file.read()

    def examples(section):
        text = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
        return [json.loads(block) for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S)]
    service = kit.Service()
    request, shown, revenue = examples("Prices")[:3]
    answer = ask("PUT", f"/v1/assets/{shown['asset']}/pricing", request)
    equal(answer.status, 201)
    like(answer.json(), shown)
    request, shown = examples("Payments")
    answer = ask("POST", "/v1/payments", request)
    equal(answer.status, 201)
    like(answer.json(), shown)
    got = ask("GET", f"/v1/assets/{revenue['asset']}/revenue").json()
    like(got, {**revenue, "units": [{**revenue["units"][0], "payments": 1}]})

service.stop()
kit.done()
