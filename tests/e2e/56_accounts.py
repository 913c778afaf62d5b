#!/usr/bin/env python3
"""Tariff, accounts, postings, trial balance, deposits and limits, over HTTP and the command line:
held against a fold of the events as of every event; hledger reads the exported journal."""

import csv
import http.server
import io
import json
import os
import random
import re
import shutil
import subprocess
import threading

import kit
import kit_books
from kit import case, equal
from kit_receipts import Maker

MAX = 2 ** 63 - 1
LUCID = 10 ** 9

random.seed(56)
maker = Maker("56")
service = kit.Service(epoch_receipts_max=7, head_interval_ms=200)
a, b, quiet = (service.new_signer(name) for name in ("a", "b", "quiet"))
reader = service.post("/v1/tokens", {"name": "r", "scopes": ["read"]},
                      token=service.token).json()["token"]


def ask(method, path, body=None, token=None, **headers):
    return service.client.request(method, path, body, headers, token or service.token)


def get(path):
    return service.ok(path, token=service.token)


def newest():
    return get("/v1/gas/tariff")["as_of"]


def deposit(signer, amount, key, **members):
    return ask("POST", f"/v1/accounts/{signer.key}/deposits", {"amount": str(amount), **members},
               **{"Idempotency-Key": key})


def account_id(signer):
    return f"signer:{signer.key}:LUCID"


def items(path, limit=1000, token=None):
    """All items of a list, page by page."""
    found, cursor = [], None
    while True:
        query = f"{'&' if '?' in path else '?'}limit={limit}"
        page = service.ok(path + query + (f"&cursor={cursor}" if cursor else ""),
                          token=token or service.token)
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def refused(answer, status, code, param=None):
    """Refused, and nothing was logged: not even the time moved on."""
    kit.problem(answer, status, code, param)
    equal(newest(), refused.events, "events after a refusal")


refused.events = newest()

# --- what is refused ----------------------------------------------------------------------------

with case("nobody writes without an admin's token, nobody reads without one that may"):
    writes = [("PUT", "/v1/gas/tariff", {"igas": "1", "mgas": "1"}),
              ("POST", f"/v1/accounts/{a.key}/deposits", {"amount": "1"}),
              ("PUT", f"/v1/accounts/{a.key}/credit-limit", {"credit_limit": "1"})]
    for method, path, body in writes:
        headers = {"Idempotency-Key": "x"}
        refused(service.client.request(method, path, body, headers), 401, "UNAUTHORIZED")
        refused(service.client.request(method, path, body, headers, reader), 403, "FORBIDDEN")
    for path in ("/v1/accounts", f"/v1/accounts/{a.key}", f"/v1/accounts/{a.key}/postings",
                 "/v1/postings", "/v1/trial-balance"):
        kit.problem(service.get(path), 401, "UNAUTHORIZED")
        equal(service.get(path, token=reader).status, 200)
    for path in ("/v1/gas/tariff", "/v1/gas/tariff/history"):
        equal(service.get(path).status, 200)
        equal(service.get(path).header("access-control-allow-origin"), "*")

BAD_AMOUNTS = [None, 1, 1.5, True, [], {}, "", "-1", "+1", "01", "1.0", "1e3", " 1", "0x1",
               "1,000", "x"]

with case("amounts that are none, in every body that has one; what is too large"):
    for path, method, name, code, rest in (
            ("/v1/gas/tariff", "PUT", "igas", "INVALID_TARIFF", {"mgas": "1"}),
            ("/v1/gas/tariff", "PUT", "mgas", "INVALID_TARIFF", {"igas": "1"}),
            (f"/v1/accounts/{a.key}/deposits", "POST", "amount", "INVALID_DEPOSIT", {}),
            (f"/v1/accounts/{a.key}/credit-limit", "PUT", "credit_limit", "INVALID_LIMIT", {})):
        headers = {"Idempotency-Key": "bad"}
        refused(ask(method, path, rest, **headers), 422, code, name)
        for amount in BAD_AMOUNTS:
            refused(ask(method, path, {**rest, name: amount}, **headers), 422, code, name)
        for amount in (MAX + 1, 2 ** 64, 2 ** 64 + 1, 10 ** 40):
            refused(ask(method, path, {**rest, name: str(amount)}, **headers), 422,
                    "AMOUNT_OVERFLOW", name)
        for body in ("{", "[]", "7", "", '{"a":1,"a":2}'):
            refused(ask(method, path, body, **headers), 400, "INVALID_JSON",
                    "a" if '"a"' in body else None)
    refused(deposit(a, 0, "zero"), 422, "INVALID_DEPOSIT", "amount")
    for name, other in (("igas", "mgas"), ("mgas", "igas")):
        refused(ask("PUT", "/v1/gas/tariff", {name: str(10 ** 15 + 1), other: "1"}), 422,
                "INVALID_TARIFF", name)

with case("a deposit's key and note"):
    path, body = f"/v1/accounts/{a.key}/deposits", {"amount": "5"}
    refused(ask("POST", path, body), 422, "INVALID_DEPOSIT", "Idempotency-Key")
    for key in ("", "a b", "k" * 256, "caf\u00e9", "a\tb"):
        refused(ask("POST", path, body, **{"Idempotency-Key": key}), 422, "INVALID_DEPOSIT",
                "Idempotency-Key")
    for note in (7, ["x"], "n" * 257, "\u00e9" * 129, "two\nlines", "nul\u0000", "del\u007f"):
        refused(deposit(a, 5, "note", note=note), 422, "INVALID_DEPOSIT", "note")

with case("only signers' accounts take deposits and limits; what is not there is 404"):
    for where, code, body in (("deposits", "INVALID_DEPOSIT", {"amount": "5"}),
                              ("credit-limit", "INVALID_LIMIT", {"credit_limit": "5"})):
        method = "POST" if where == "deposits" else "PUT"
        for account in ("revenue:gas:LUCID", "payee:x:USDC", "clearing:deposits:LUCID"):
            refused(ask(method, f"/v1/accounts/{account}/{where}", body,
                        **{"Idempotency-Key": "k"}), 422, code, "id")
        for account in ("0" * 64, "f" * 64, f"signer:{'0' * 64}:LUCID", a.key.upper(), a.key[1:],
                        "nothing", "payee::USDC:x", f"signer:{a.key}:USDC"):
            answer = ask(method, f"/v1/accounts/{account}/{where}", body,
                         **{"Idempotency-Key": "k"})
            equal((answer.status, answer.json()["code"], newest()),
                  (404, "NOT_FOUND", refused.events), account)
    for account in ("0" * 64, a.key.upper(), "nothing", "payee:x:USDC", "revenue:gas:USDC", "."):
        for below in ("", "/postings"):
            answer = ask("GET", f"/v1/accounts/{account}{below}")
            equal(answer.status, 404, account + below)

with case("queries that are none: 400 and the parameter's name"):
    for path, name, values in (
            ("/v1/accounts", "as_of", ("x", "-1", "", "1.0", "99999999", str(MAX + 1))),
            ("/v1/accounts", "class", ("x", "Signer", "")), ("/v1/accounts", "unit", ("EUR", "")),
            ("/v1/accounts", "limit", ("0", "1001", "x")),
            ("/v1/accounts", "cursor", ("", "6b", "zz", "6", "62" + "00" * 12, "6b" + "41" * 201,
                                         "61" + "41" * 3)),
            (f"/v1/accounts/{a.key}", "as_of", ("x", "99999999")),
            (f"/v1/accounts/{a.key}/postings", "cause", ("x", "-1")),
            (f"/v1/accounts/{a.key}/postings", "cursor", ("62" + "00" * 12, "42" + "00" * 11)),
            ("/v1/postings", "from", ("x", "2026-11-21", "2026-02-30T00:00:00Z", "")),
            ("/v1/postings", "to", ("2026-11-21T10:00:00", "1795000000")),
            ("/v1/postings", "after_sequence", ("x", "")), ("/v1/postings", "as_of", ("99999999",)),
            ("/v1/postings", "cursor", ("42" + "00" * 12,)),
            ("/v1/trial-balance", "as_of", ("x", "99999999")),
            ("/v1/gas/tariff", "as_of", ("x", "99999999")),
            ("/v1/gas/tariff/history", "cursor", ("62" + "00" * 8,))):
        for value in values:
            answer = ask("GET", f"{path}?{name}={value}")
            equal(answer.status, 400, f"{path}?{name}={value}")
            kit.problem(answer, 400, "INVALID_PARAMETER", name)

# --- tariff, deposits, limits -------------------------------------------------------------------

with case("the tariff: set, once more without an event, its history"):
    before = get("/v1/gas/tariff/history")["items"]
    changed = ask("PUT", "/v1/gas/tariff", {"igas": "3", "mgas": "1000000007"}).json()
    equal((changed["igas"], changed["mgas"], changed["unit"], changed["decimals"],
           changed["mode"]), ("3", "1000000007", "LUCID", 9, "postpaid"))
    equal(changed["since_sequence"], refused.events + 1)
    equal(ask("PUT", "/v1/gas/tariff", {"igas": "3", "mgas": "1000000007"}).json(), changed)
    equal(get("/v1/gas/tariff"), changed)
    at = changed["since_sequence"]
    was = get(f"/v1/gas/tariff?as_of={at - 1}")
    equal(was["since_sequence"], before[-1]["since_sequence"] if before else None)
    equal(get("/v1/gas/tariff?as_of=0")["since"], None)
    history = get("/v1/gas/tariff/history")["items"]
    equal(history, before + [{name: changed[name] for name in history[-1]}])

with case("a registered signer that never was in the books has zeros"):
    for form in (quiet.key, "signer:" + quiet.key, account_id(quiet)):
        got = get("/v1/accounts/" + form)
        equal(got, {"account": account_id(quiet), "class": "signer", "unit": "LUCID", "debits": "0",
                    "credits": "0", "balance": "0", "as_of": newest(), "credit_limit": "0",
                    "available": "0"})
        equal(get(f"/v1/accounts/{form}/postings"), {"items": [], "next_cursor": None})
        equal(get(f"/v1/accounts/{form}?as_of=2")["as_of"], 2)

with case("a deposit: 201; once more 200 with the first; anything else under its key 409"):
    for number, (amount, key, note) in enumerate((
            (50 * LUCID, "k" * 255, "n" * 256), (1, "!~", None), (7, "3", "caf\u00e9 \u20ac"))):
        answer = deposit(a, amount, key, note=note)
        equal(answer.status, 201, repr(answer))
        first = answer.json()
        equal((first["account"], first["unit"], first["amount"], first["note"], first["sequence"],
               first["replayed"]),
              (account_id(a), "LUCID", str(amount), note, newest(), False))
        posted, = items(f"/v1/postings?cause={first['sequence']}")
        equal((posted["time"], posted["what"], posted["debit"], posted["credit"],
               posted["amount"]), (first["time"], "deposit", "clearing:deposits:LUCID",
                                   account_id(a), str(amount)))
        refused.events = newest()
        again = deposit(a, amount, key, note=note)
        equal((again.status, again.json()), (200, {**first, "replayed": True}))
        refused(deposit(a, amount + 1, key, note=note), 409, "IDEMPOTENCY_CONFLICT",
                "Idempotency-Key")
        refused(deposit(b, amount, key, note=note), 409, "IDEMPOTENCY_CONFLICT", "Idempotency-Key")
        refused(deposit(a, amount, key, note="other"), 409, "IDEMPOTENCY_CONFLICT",
                "Idempotency-Key")
    service.restart()
    again = deposit(a, 50 * LUCID, "k" * 255, note="n" * 256)
    equal((again.status, again.json()["replayed"]), (200, True))
    equal(get("/v1/accounts/" + a.key)["credits"], str(50 * LUCID + 8))

with case("a credit limit: part of what is available; the same again makes no event; 0 ends it"):
    for limit in (0, 1, MAX, 5 * LUCID, 0, 10 * LUCID):
        got = ask("PUT", f"/v1/accounts/{b.key}/credit-limit", {"credit_limit": str(limit)})
        equal(got.status, 200, repr(got))
        equal((got.json()["credit_limit"], got.json()["available"], got.json()["balance"]),
              (str(limit), str(limit), "0"))
        events = newest()
        equal(ask("PUT", f"/v1/accounts/{account_id(b)}/credit-limit",
                  {"credit_limit": str(limit)}).json(), get("/v1/accounts/" + b.key))
        equal(newest(), events)

with case("a total over 2^63 - 1 is refused and leaves no trace"):
    refused.events = newest()
    rest = MAX - int(get("/v1/accounts/clearing:deposits:LUCID")["debits"])
    refused(deposit(quiet, rest + 1, "over"), 422, "AMOUNT_OVERFLOW", "amount")
    refused(deposit(a, rest + 1, "over"), 422, "AMOUNT_OVERFLOW", "amount")
    # To the last unit it is fine, in a log of its own: nothing more can be deposited there.
    brim = kit.Service()
    full = brim.new_signer("full")
    for amount, status in ((MAX - 1, 201), (2, 422), (1, 201), (1, 422)):
        answer = brim.client.request("POST", f"/v1/accounts/{full.key}/deposits",
                                     {"amount": str(amount)},
                                     {"Idempotency-Key": f"{amount}-{status}"}, brim.token)
        equal(answer.status, status, repr(answer))
    path, body = f"/v1/accounts/{full.key}/credit-limit", {"credit_limit": str(MAX)}
    got = brim.client.request("PUT", path, body, {}, brim.token).json()
    equal((got["balance"], got["available"]), (str(MAX), str(2 * MAX)))
    brim.stop()


def at_once(question):
    return kit.at_once(service, 16, question)


def deposit_by(client, amount, key):
    return client.request("POST", f"/v1/accounts/{a.key}/deposits", {"amount": str(amount)},
                          {"Idempotency-Key": key}, service.token)


with case("16 clients deposit at once, 10 times: one key is one deposit, 16 keys are 16"):
    for turn in range(10):
        before = int(get("/v1/accounts/" + a.key)["credits"])
        answers = at_once(lambda client, _: deposit_by(client, 100, f"same-{turn}"))
        equal(sorted(answer.status for answer in answers), [200] * 15 + [201])
        equal(len({answer.json()["sequence"] for answer in answers}), 1)
        answers = at_once(lambda client, n: deposit_by(client, n + 1, f"race-{turn}"))
        equal(sorted(answer.status for answer in answers), [201] + [409] * 15)
        won, = (answer.json() for answer in answers if answer.status == 201)
        answers = at_once(lambda client, n: deposit_by(client, 1000, f"own-{turn}-{n}"))
        equal([answer.status for answer in answers], [201] * 16)
        equal(int(get("/v1/accounts/" + a.key)["credits"]),
              before + 100 + int(won["amount"]) + 16000)

# --- traffic, and the fold ----------------------------------------------------------------------

# Names that a journal could take for something else.
PAYEES = ["gpu-1", "gpu", "gpu:1", "gpu:1:x", ":", "x:", ":x", "a::b", ".", "-", "_", "2026-01-01",
          "1.50", "LUCID", "-1", "A", "p" * 128]
FACILITATORS = ["external", "x:y", "coin.base", ":"]


def price(asset, **members):
    answer = ask("PUT", f"/v1/assets/{asset}/pricing", {
        "price_per_call": "10000", "network": "eip155:8453", "pay_to": "0x" + "1" * 40, **members})
    assert answer.status in (200, 201), answer


def pay(asset, number):
    answer = ask("POST", "/v1/payments", {
        "asset": asset, "amount": str(random.choice((1, 7, 10003, 10 ** 12))),
        "external_id": f"p{number}", "facilitator": FACILITATORS[number % len(FACILITATORS)]})
    equal(answer.status, 201, repr(answer))


def settle(number):
    """Starts a payout of an open line, and ends it one way or the other."""
    for statement in items("/v1/settlements?status=open"):
        for line in get("/v1/settlements/" + statement["settlement"])["lines"]:
            if line["open"] != "0":
                answer = ask("POST", f"/v1/settlements/{statement['settlement']}/payouts", {
                    "external_id": f"out{number}", "payee": line["payee"],
                    "amount": line["open"]})
                equal(answer.status, 201, repr(answer))
                payout = answer.json()["payout"]
                end = (None, "complete", "fail")[number // 4 % 3]
                if end:
                    ended = ask("POST", f"/v1/payouts/{payout}/{end}",
                                {"reference": "r", "reason": "r"})
                    equal(ended.status, 200, repr(ended))
                return


def traffic(turns):
    for turn in range(turns):
        bodies = maker.bodies(random.randint(1, 5))
        service.batch_ok([random.choice((a, a, b)).seal(body) for body in bodies])
        asset = random.choice(("m", "m:x", "n"))
        if turn % 3 == 0:
            price(asset, compute_payee=random.choice([None, *PAYEES]),
                  model_payee=random.choice([None, *PAYEES]))
        for number in range(random.randint(0, 3)):
            if ask("GET", f"/v1/assets/{asset}/pricing").status == 200:
                pay(asset, turn * 10 + number)
        if turn % 4 == 3:
            settle(turn)
        if turn % 7 == 5:
            ask("PUT", "/v1/gas/tariff", {"igas": str(random.randint(0, 2) * LUCID // 3),
                                          "mgas": str(random.randint(0, 10 ** 10))})
        if turn % 5 == 0:
            deposit(random.choice((a, b)), random.randint(1, LUCID), f"turn-{turn}")
        if turn % 9 == 4:
            ask("POST", "/v1/epochs/current/finalize", "")


def fold():
    """The books from the exported events; when each account was opened, and each event's time."""
    books, opened, times = kit_books.Books(), {}, {}
    for event in service.get("/v1/events", token=service.token).lines():
        books.feed(event)
        times[books.sequence] = event["time"]
        for name in books.accounts:
            opened.setdefault(name, books.sequence)
    return books, opened, times


with case("traffic: receipts, tariffs, deposits, prices, payments, settlements, payouts"):
    for payee in PAYEES:
        price("n", compute_payee=payee, model_payee=None)
        pay("n", 100000 + PAYEES.index(payee))
    traffic(70)
    service.covered(service.size())
    books, opened, times = fold()
    END = books.sequence
    classes = {name.split(":")[0] for name in books.accounts}
    equal(classes, {"signer", "revenue", "payee", "suspense", "clearing", "transit"})
    assert END > 300 and len(books.postings) > 300, (END, len(books.postings))
    equal({p.what for p in books.postings}, {
        "igas", "mgas", "deposit", "split.compute", "split.model", "split.protocol",
        "suspense.release", "payout.start", "payout.complete", "payout.fail"})
    kit.note(f"{END} events, {len(books.postings)} postings, {len(books.accounts)} accounts")


def account_want(name, sequence, now=False):
    debits, credits = books.accounts[name].at(sequence)
    want = {"account": name, "class": name.split(":")[0], "unit": kit_books.unit_of(name),
            "debits": str(debits), "credits": str(credits),
            "balance": str(books.balance(name, sequence)), "as_of": sequence}
    if now and want["class"] == "signer":
        limit = books.accounts[name].limit
        want.update(credit_limit=str(limit), available=str(books.balance(name, END) + limit))
    return want


def trial_want(sequence):
    units = []
    for unit, decimals in (("LUCID", 9), ("USDC", 6)):
        rows, sums = [], [0, 0]
        for name in sorted(n for n, first in opened.items() if first <= sequence):
            if kit_books.unit_of(name) == unit:
                debits, credits = books.accounts[name].at(sequence)
                sides = max(debits - credits, 0), max(credits - debits, 0)
                sums = [sums[0] + sides[0], sums[1] + sides[1]]
                rows.append({"account": name, "class": name.split(":")[0],
                             "debit": str(sides[0]), "credit": str(sides[1])})
        equal(sums[0], sums[1])
        units.append({"unit": unit, "decimals": decimals, "accounts": rows, "debits": str(sums[0]),
                      "credits": str(sums[1]), "balanced": True})
    return {"as_of": sequence, "units": units}


def check_now():
    names = sorted(opened)
    equal(items("/v1/accounts"), [account_want(name, END, True) for name in names])
    for name in names:
        equal(get("/v1/accounts/" + name), account_want(name, END, True))
    equal(get("/v1/trial-balance"), trial_want(END))


with case("balances now: the list, each account, the trial balance"):
    check_now()

with case(f"balances as of each of {END} events: the list, an account, the trial balance"):
    names = sorted(opened)
    for sequence in range(END + 1):
        there = [name for name in names if opened[name] <= sequence]
        equal(items(f"/v1/accounts?as_of={sequence}"),
              [account_want(name, sequence) for name in there])
        equal(get(f"/v1/trial-balance?as_of={sequence}"), trial_want(sequence))
        name = random.choice(names)
        equal(get(f"/v1/accounts/{name}?as_of={sequence}"), account_want(name, sequence))
        igas, mgas = ([(0, 0)] + [t[1:] for t in books.tariffs if t[0] <= sequence])[-1]
        tariff = get(f"/v1/gas/tariff?as_of={sequence}")
        equal((tariff["igas"], tariff["mgas"], tariff["as_of"]), (str(igas), str(mgas), sequence))

with case("lists of accounts by class and unit, in pages of any size"):
    names = sorted(opened)
    for limit in (1, 2, 7, 1000):
        equal([i["account"] for i in items("/v1/accounts", limit)], names)
        for kind in (*sorted(classes), "protocol"):
            equal([i["account"] for i in items(f"/v1/accounts?class={kind}", limit)],
                  [name for name in names if name.startswith(kind + ":")])
        for unit in ("LUCID", "USDC"):
            equal([i["account"] for i in items(f"/v1/accounts?unit={unit}", limit)],
                  [name for name in names if name.endswith(":" + unit)])
    equal(items("/v1/accounts?class=payee&unit=LUCID"), [])
    cursor = get("/v1/accounts?limit=1")["next_cursor"]  # another list's position
    equal(get(f"/v1/accounts?class=signer&cursor={cursor}")["items"],
          items("/v1/accounts?class=signer"))
    equal([i["account"] for i in items("/v1/accounts?class=revenue&unit=USDC&as_of=%d" % END)],
          ["revenue:protocol:USDC"])


def wire(posting):
    return {"cause": posting.sequence, "leg": posting.leg, "time": times[posting.sequence],
            "what": posting.what, "debit": posting.debit, "credit": posting.credit,
            "amount": str(posting.amount), "unit": posting.unit}


postings = [wire(posting) for posting in books.postings]

with case("all postings, in pages of any size; the tariff's history"):
    for limit in (1, 3, 100, 1000):
        equal(items("/v1/postings", limit), postings)
    equal([(i["since_sequence"], int(i["igas"]), int(i["mgas"]))
           for i in items("/v1/gas/tariff/history", 2)], books.tariffs)

with case("postings of every account"):
    for name in opened:
        want = [p for p in postings if name in (p["debit"], p["credit"])]
        for limit in (2, 1000):
            equal(items(f"/v1/accounts/{name}/postings", limit), want)
        if want:
            after = random.choice(want)["cause"]
            equal(items(f"/v1/accounts/{name}/postings?after_sequence={after}", 3),
                  [p for p in want if p["cause"] > after])
            equal(items(f"/v1/accounts/{name}/postings?cause={after}"),
                  [p for p in want if p["cause"] == after])

with case("postings by cause, after an event, up to one"):
    for sequence in range(END + 2):
        equal(items(f"/v1/postings?cause={sequence}", 2),
              [p for p in postings if p["cause"] == sequence])
    for sequence in random.sample(range(END + 1), 40):
        equal(items(f"/v1/postings?after_sequence={sequence}"),
              [p for p in postings if p["cause"] > sequence])
        equal(items(f"/v1/postings?as_of={sequence}"),
              [p for p in postings if p["cause"] <= sequence])
        more = sequence + 20
        equal(items(f"/v1/postings?after_sequence={sequence}&as_of={min(more, END)}", 5),
              [p for p in postings if sequence < p["cause"] <= more])

with case("postings by time: from is in it, to is not"):
    for sequence in random.sample(range(1, END + 1), 40):
        other = random.randint(1, END)
        since, until = times[sequence], times[other]
        equal(items(f"/v1/postings?from={since}"), [p for p in postings if p["time"] >= since])
        equal(items(f"/v1/postings?to={until}"), [p for p in postings if p["time"] < until])
        equal(items(f"/v1/postings?from={since}&to={until}", 4),
              [p for p in postings if since <= p["time"] < until])
        equal(items(f"/v1/accounts/{a.key}/postings?from={since}&to={until}"),
              [p for p in postings if since <= p["time"] < until and
               account_id(a) in (p["debit"], p["credit"])])
    equal(items("/v1/postings?from=2999-01-01T00:00:00Z"), [])
    equal(items("/v1/postings?to=1970-01-01T00:00:00Z"), [])

with case("after a restart all is as it was"):
    service.kill()
    service.start()
    END = newest()
    books, opened, times = fold()
    equal(books.sequence, END)
    check_now()
    equal(items("/v1/postings"), postings)

# --- command line -------------------------------------------------------------------------------


def lucid(*arguments, status=0, **more):
    code, out, err = kit.lucid(*arguments, "--url", f"http://127.0.0.1:{service.port}", "--data",
                               service.data, **more)
    equal(code, status, f"lucid {' '.join(arguments)}: {out!r} {err!r}")
    return out.decode() if status == 0 else err.decode()


def decimal(amount, unit):
    digits = {"LUCID": 9, "USDC": 6}[unit]
    text = f"{abs(amount):0{digits + 1}d}"
    return f"{'-' if amount < 0 else ''}{text[:-digits]}.{text[-digits:]}"


def money(amount, unit):
    return f"{decimal(amount, unit)} {unit}"


with case("lucid account list, show, postings: tables with points under one another; --json"):
    rows = lucid("account", "list", "--limit", "1000").splitlines()
    equal(rows[0].split(), ["ACCOUNT", "DEBITS", "CREDITS", "BALANCE"])
    want = []
    for name in sorted(opened):
        unit = kit_books.unit_of(name)
        debits, credits = books.accounts[name].at(END)
        want.append([name, *money(debits, unit).split(), *money(credits, unit).split(),
                     *money(books.balance(name, END), unit).split()])
    equal([row.split() for row in rows[1:]], want)
    equal(len({len(row) for row in rows}), 1, "widths")
    equal(json.loads(lucid("account", "list", "--class", "payee", "--json"))["items"],
          items("/v1/accounts?class=payee"))
    equal(json.loads(lucid("account", "show", a.key, "--json")), get("/v1/accounts/" + a.key))
    shown = dict(row.split(maxsplit=1) for row in lucid("account", "show", a.key).splitlines())
    equal(shown["balance"], money(books.balance(account_id(a), END), "LUCID"))
    equal(json.loads(lucid("account", "show", account_id(a), "--as-of", "9", "--json")),
          get(f"/v1/accounts/{a.key}?as_of=9"))
    equal(json.loads(lucid("account", "postings", a.key, "--limit", "5000", "--json"))["items"],
          items(f"/v1/accounts/{a.key}/postings"))
    rows = lucid("account", "postings", "--cause", str(books.postings[-1].sequence)).splitlines()
    equal(len(rows), 1 + sum(p.sequence == books.postings[-1].sequence for p in books.postings))
    equal(json.loads(lucid("gas", "tariff", "--json")), get("/v1/gas/tariff"))
    assert "SINCE_SEQUENCE" in lucid("gas", "tariff", "--history")

with case("lucid account trial-balance: both sums are the same, on the screen too"):
    equal(json.loads(lucid("account", "trial-balance", "--json")), get("/v1/trial-balance"))
    text = lucid("account", "trial-balance")
    totals = [row.split() for row in text.splitlines() if row.startswith("total ")]
    equal([row[1:3] for row in totals], [row[3:5] for row in totals])
    equal(len(totals), 2)
    assert text.endswith(f"balanced after event {END}\n"), text[-200:]
    assert lucid("account", "trial-balance", "--as-of", "1").startswith("balanced")

with case("lucid account trial-balance: may be longer than other answers"):
    rows = [{"account": f"signer:{number:064x}:LUCID", "class": "signer", "debit": "0",
             "credit": "0"} for number in range(150000)]
    books_of_many = json.dumps({"as_of": 1, "units": [
        {"unit": "LUCID", "decimals": 9, "accounts": rows, "debits": "0", "credits": "0",
         "balanced": True}]}).encode()
    assert len(books_of_many) > 16 << 20

    class Many(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(books_of_many)))
            self.end_headers()
            self.wfile.write(books_of_many)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Many) as many:
        threading.Thread(target=many.handle_request, daemon=True).start()
        code, out, err = kit.lucid("account", "trial-balance", "--url",
                                   f"http://127.0.0.1:{many.server_port}")
        equal((code, err), (0, b""))
        equal(out.count(b"\nsigner:"), len(rows))

with case("lucid account deposit, limit, gas set-tariff: decimals are exact or refused"):
    for amount in ("1.0000000001", "1e3", "-1", "", ".5", "9223372036.854775808", "1,5"):
        lucid("account", "deposit", b.key, "--amount", amount, status=2)
        lucid("account", "limit", b.key, "--amount", amount, status=2)
        lucid("gas", "set-tariff", "--igas", amount, "--mgas", "1", status=2)
    lucid("account", "deposit", b.key, "--amount", "1", "--key", "a b", status=2)
    lucid("account", "deposit", b.key, status=2)
    lucid("account", "show", "..", status=2)
    lucid("account", "deposit", "payee:x:USDC", "--amount", "1", status=1)
    equal(newest(), END)
    before = int(get("/v1/accounts/" + b.key)["credits"])
    first = json.loads(lucid("account", "deposit", b.key, "--amount", "0.000000001", "--key", "c1",
                             "--note", "n", "--json"))
    equal((first["amount"], first["note"], first["replayed"]), ("1", "n", False))
    assert "true" in lucid("account", "deposit", b.key, "--amount", "0.000000001", "--key", "c1",
                           "--note", "n")
    code, out, err = kit.lucid("account", "deposit", b.key, "--amount", "1", "--url",
                               "http://127.0.0.1:1", "--data", service.data, "--json")
    equal((code, json.loads(out)["error"]["exit"]), (3, 3))
    assert re.search(rb"--key [0-9a-f]{32} ", err), err  # else it would be lost
    for _ in range(2):  # a new key each
        equal(json.loads(lucid("account", "deposit", b.key, "--amount", "12.5",
                               "--json"))["replayed"], False)
    equal(int(get("/v1/accounts/" + b.key)["credits"]), before + 1 + 25 * LUCID)
    shown = lucid("account", "limit", b.key, "--amount", "3.25")
    assert "3.250000000 LUCID" in shown, shown
    equal(json.loads(lucid("gas", "set-tariff", "--igas", "0.25", "--mgas", "5",
                           "--json"))["igas"], "250000000")

# --- the books for others -----------------------------------------------------------------------

PLACES = {"liabilities:signers": "signer", "liabilities:payees": "payee",
          "liabilities:suspense": "suspense", "liabilities:transit": "transit",
          "assets:clearing": "clearing", "revenues": "revenue", "expenses:protocol": "protocol"}


def id_of(name, unit):
    """The account behind a name in the journal: the mapping's inverse."""
    place = ":".join(name.split(":")[:2 if name.split(":")[0] != "revenues" else 1])
    rest = name[len(place) + 1:].replace("/", ":")
    return f"{PLACES[place]}:{rest}:{unit}"


def hledger(journal, *arguments):
    ended = subprocess.run(["hledger", "-f", "-", *arguments], input=journal.encode(), timeout=60,
                           capture_output=True, check=False,
                           env={**os.environ, "LC_ALL": "C.UTF-8"})
    equal(ended.returncode, 0, ended.stderr.decode()[:1000])
    return ended.stdout.decode()


def hledger_balances(journal):
    """{account id: balance as debits less credits, in base units}"""
    found = {}
    rows = list(csv.reader(io.StringIO(hledger(journal, "balance", "-O", "csv", "-N"))))
    for name, balance in rows[1:]:
        for part in balance.split(", "):
            amount, unit = part.split()
            sign = -1 if amount.startswith("-") else 1
            whole, decimals = amount.lstrip("-").split(".")
            equal(len(decimals), {"LUCID": 9, "USDC": 6}[unit])
            account = id_of(name, unit)
            assert account not in found, account
            found[account] = sign * int(whole + decimals)
    return found


def nets(sequence):  # debits less credits, where they differ
    totals = {name: books.accounts[name].at(sequence) for name in opened}
    return {name: d - c for name, (d, c) in totals.items() if d != c}


END = newest()
books, opened, times = fold()
journal = lucid("account", "export")

with case("lucid account export --format csv: RFC 4180, every posting exactly"):
    text = lucid("account", "export", "--format", "csv")
    assert text.endswith("\r\n") and text.count("\n") == text.count("\r\n")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    equal(rows, [{"cause": str(p.sequence), "time": times[p.sequence], "what": p.what,
                  "debit": p.debit, "credit": p.credit, "amount": decimal(p.amount, p.unit),
                  "unit": p.unit, "base_units": str(p.amount)} for p in books.postings])

with case("an export to a file is there whole or not at all"):
    path = os.path.join(kit.scratch(), "books.journal")
    said = json.loads(lucid("account", "export", "-o", path, "--json"))
    causes = {p.sequence for p in books.postings}
    equal(list(said.values()), [path, END, len(causes), len(books.postings)])
    with open(path, encoding="utf-8") as file:
        equal(file.read(), journal)
    lucid("account", "export", "--json", status=2)
    lucid("account", "export", "--format", "xml", status=2)
    lucid("account", "export", "--as-of", str(END + 1), "-o", path + "2", status=1)
    lucid("account", "export", "-o", os.path.join(path, "below"), status=1)
    equal(os.listdir(os.path.dirname(path)), ["books.journal"])

TERMINAL = "an export tells a terminal how far it is"
try:
    master, terminal = os.openpty()
except OSError as error:  # a bare chroot has no devpts
    kit.skip(TERMINAL, f"no pseudo-terminal here: {error.strerror}")
else:
    with case(TERMINAL):
        ended = subprocess.run(
            [kit.LUCID, "account", "export", "--url", f"http://127.0.0.1:{service.port}", "--data",
             service.data], stdout=subprocess.PIPE, stderr=terminal, timeout=60, check=True)
        os.close(terminal)
        equal(ended.stdout.decode(), journal)
        said = kit.terminal_read(master)
        assert f"{len(books.postings)} postings, event" in said and f" of {END}" in said, said

if shutil.which("hledger") or os.environ.get("LUCID_PACKAGES") != "skip":
    with case("hledger reads the journal, strictly, and has our balances, unit by unit"):
        hledger(journal, "check", "--strict", "ordereddates")
        got = hledger_balances(journal)
        now = nets(END)
        equal(got, now)
        declared = hledger(journal, "accounts", "--declared").split("\n")[:-1]
        equal(len(set(declared)), len(declared))
        used = hledger(journal, "accounts", "--used").split("\n")[:-1]
        assert set(used) <= set(declared), set(used) - set(declared)
        printed = hledger(journal, "print", "-O", "csv")
        codes = [row["code"] for row in csv.DictReader(io.StringIO(printed))]
        equal(list(dict.fromkeys(codes)), [str(s) for s in sorted(causes)])
        equal(len(codes), 2 * len(books.postings))

    with case("hledger has our balances as of earlier events, too"):
        for sequence in [1, *random.sample(range(2, END), 8)]:
            journal_then = lucid("account", "export", "--as-of", str(sequence))
            equal(hledger_balances(journal_then), nets(sequence))
else:
    kit.skip("hledger reads the journal", "hledger is not installed, LUCID_PACKAGES=skip")

if shutil.which("ledger"):
    with case("so does ledger, with --pedantic"):
        ended = subprocess.run(
            ["ledger", "-f", "-", "--pedantic", "balance", "--flat", "--no-total",
             "--balance-format", "%(account)|%(scrub(display_total))\n"],
            input=journal.encode(), timeout=60, capture_output=True, check=False)
        equal((ended.returncode, ended.stderr), (0, b""))
        got = {}
        for row in ended.stdout.decode().splitlines():
            name, balance = row.split("|")
            got[id_of(name, balance.split()[1])] = balance
        equal(got, {name: money(amount, kit_books.unit_of(name)) for name, amount in now.items()})
else:
    kit.skip("ledger reads the journal", "ledger is not installed; it need not be")

service.stop()
kit.done()
