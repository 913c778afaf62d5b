#!/usr/bin/env python3
"""Settlement statements and payouts, over the routes and the command line. What every payee has
earned is folded here from /v1/events alone and compared with the statements; signatures and the
chain are checked without the service's code; payouts are taken through all they can meet."""

import csv
import io
import json
import os
import random
import threading

import kit
from kit import case, equal
from kit_receipts import Maker, canonical
from kit_settlement import Model

UNIT = "USDC"
PRICE = {"price_per_call": "10000", "network": "eip155:8453", "pay_to": "0x" + "1" * 40}
rng = random.Random(54)
maker = Maker(54)
service = kit.Service(epoch_receipts_max=100, head_interval_ms=50)
signer = service.new_signer("settled")


def scoped(*scopes):
    return service.post("/v1/tokens", {"name": "t", "scopes": scopes},
                        token=service.token).json()["token"]


reader, other = scoped("read"), scoped("proxy", "audit", "facilitate")
EMPTY = scoped("attest")
LOG = service.ok("/v1/log")
KEY = LOG["service_key"]


def ask(method, path, body=None, token="admin", client=None):
    token = service.token if token == "admin" else token
    return (client or service.client).request(method, path, body, token=token)


def good(method, path, body=None, status=200):
    answer = ask(method, path, body)
    equal(answer.status, status, f"{method} {path}: {answer!r}")
    return answer.json()


def items(path):
    """A whole list, by pages of one item and more: all the same."""
    whole = good("GET", path + ("&" if "?" in path else "?") + "limit=1000")
    equal(whole["next_cursor"], None)
    single, cursor = [], ""
    while cursor is not None and len(single) <= len(whole["items"]):
        page = good("GET", path + ("&" if "?" in path else "?") + "limit=3" + cursor)
        single += page["items"]
        cursor = "&cursor=" + page["next_cursor"] if page["next_cursor"] else None
    equal(single, whole["items"], path)
    return single


def events():
    return ask("GET", "/v1/events").lines()


def written():
    """How many events there are, without heads, which come with time."""
    return sum(event["type"] != "head" for event in events())


class unchanged:
    """Nothing was logged in between."""

    def __enter__(self):
        self.before = written()

    def __exit__(self, kind, *_):
        if kind is None:
            equal(written(), self.before, "events")


def price(asset, compute, model, bps=None):
    body = {**PRICE, "compute_payee": compute, "model_payee": model}
    if bps:
        body["split_bps"] = bps
    answer = ask("PUT", f"/v1/assets/{asset}/pricing", body)
    assert answer.status in (200, 201), answer


payments = 0


def pay(asset, amount):
    global payments
    payments += 1
    good("POST", "/v1/payments", {"external_id": f"p-{payments}", "asset": asset,
                                  "amount": str(amount)}, 201)


def receipts(count):
    service.batch_ok(signer.seal_all(maker.bodies(count)))


def finalize():
    receipts(1)
    good("POST", "/v1/epochs/current/finalize", "")


def lucid(*arguments, **more):
    return kit.lucid(*arguments, **more)


def online(*arguments, status=0):
    got, out, err = lucid(*arguments, "--url", f"http://127.0.0.1:{service.port}", "--data",
                          service.data)
    equal(got, status, f"{arguments}: {out!r} {err!r}")
    return out


# --- the model ----------------------------------------------------------------------------------


def compare():
    """The routes say what the model says; returns it."""
    model = Model(events(), kit.ORIGIN, UNIT, KEY, kit.ED25519)
    equal(items("/v1/settlements/current"), model.current())
    listed = items("/v1/settlements")
    equal(len(listed), len(model.statements), "statements")
    for number, (got, want) in enumerate(zip(listed, model.statements)):
        statement = want["document"]["statement"]
        answer = ask("GET", f"/v1/settlements/{got['settlement']}")
        detail = answer.json()
        assert answer.body.startswith(want["payload"][:-1] + b","), "not the signed bytes"
        equal(detail["statement"], statement)
        equal(detail["signature"], want["document"]["signature"])
        equal({name: detail[name] for name in got}, got)
        equal(got["settlement"], f"USDC-{number}")
        equal((got["unit"], got["number"], got["epoch"], got["part"], got["parts"]),
              (UNIT, number, statement["epoch"], statement["part"], statement["parts"]))
        equal((got["period_first"], got["period_last"]),
              (statement["period"]["first"], statement["period"]["last"]))
        equal((got["sequence"], got["issued_at"], got["statement_hash"], got["total"]),
              (want["sequence"], want["time"], want["hash"], statement["total"]))
        equal([(line["payee"], line["amount"]) for line in detail["lines"]],
              [(line["payee"], line["amount"]) for line in statement["lines"]])
    return model


# --- statements ---------------------------------------------------------------------------------

with case("an epoch closed by the operator: what each payee earned, of which payments"):
    price("a", "gpu-1", "lab")
    price("b", "gpu-2", None, [5000, 3000, 2000])
    price("c", "solo", "solo")
    for asset, amount in (("a", 1000), ("a", 1), ("b", 12345), ("c", 2**40 + 1), ("a", 7)):
        pay(asset, amount)
    finalize()
    got = compare().statements[0]["document"]["statement"]
    equal([line["payee"] for line in got["lines"]], ["gpu-1", "gpu-2", "lab", "solo"])
    equal([line["payments"] for line in got["lines"]], [3, 1, 2, 1])
    equal((got["payments"], got["suspense"]["compute"], got["previous"]), (5, "0", None))
    equal(int(got["suspense"]["model"]), 3703)

with case("no money: no statement; a payment alone closes no epoch"):
    finalize()
    with_nothing = compare()
    equal(len(with_nothing.statements), 1)
    assert with_nothing.closed_without >= 1
    pay("a", 10)
    equal([(e["payee"], e["amount"]) for e in compare().current()], [("gpu-1", "7"), ("lab", "2")])
    equal(items("/v1/settlements/current?unit=LUCID"), [])
    out = online("settlement", "current").decode()
    assert "0.000007 USDC" in out and "lab" in out, out
    equal(len(good("GET", "/v1/settlements")["items"]), 1)

with case("epochs of 100 receipts, closed by count, payments before, amid and after"):
    for _ in range(3):
        pay(rng.choice("abc"), rng.randrange(1, 10**6))
        receipts(60)
        pay(rng.choice("abc"), rng.randrange(1, 10**6))
        receipts(75)
    model = compare()
    equal(len(model.statements), 5, "one for each of 4 full epochs and the operator's")
    equal(model.statements[0]["document"]["statement"]["epoch"], 0)

with case("a payee that comes later is paid out of suspense, and its line says so"):
    price("b", "gpu-2", "late", [5000, 3000, 2000])
    finalize()
    line = [line for line in compare().statements[-1]["document"]["statement"]["lines"]
            if line["payee"] == "late"]
    assert line and int(line[0]["released"]) >= 3703 and line[0]["payments"] == 0, line

with case("a restart, then epochs of one receipt: a statement for each that has earnings"):
    service.restart(epoch_receipts_max=1)
    before = len(compare().statements)
    for i in range(12):
        if i % 3:
            pay(rng.choice("abc"), rng.randrange(1, 2**50))
        receipts(1)
    equal(len(compare().statements), before + 8)

with case("more payees than one document takes: parts, each signed and linked"):
    for i in range(410):
        price(f"many-{i}", f"payee-{i}-" + "x" * rng.randrange(100), None)
        pay(f"many-{i}", 10 + i)
    receipts(1)
    parts = [s["document"]["statement"] for s in compare().statements[-2:]]
    equal([(s["part"], s["parts"]) for s in parts], [(1, 2), (2, 2)])
    equal((parts[0]["payments"], parts[1]["payments"]), (410, 0))
    equal(len(parts[0]["lines"]) + len(parts[1]["lines"]), 410)

with case("lists by unit, epoch, payee and status; cursors of this list only"):
    model = compare()
    whole = items("/v1/settlements")
    equal(items("/v1/settlements?unit=USDC"), whole)
    equal(items("/v1/settlements?unit=LUCID"), [])
    equal(items("/v1/settlements?status=open"), whole)
    equal(items("/v1/settlements?status=closed"), [])
    for payee in ("gpu-1", "late", "nobody"):
        equal([s["number"] for s in items(f"/v1/settlements?payee={payee}")],
              [n for n, s in enumerate(model.statements)
               if payee in [line["payee"] for line in s["document"]["statement"]["lines"]]])
    for query in ("unit=EUR", "limit=0", "cursor=6e", "cursor=6e03", "cursor=6e01" + "ff" * 129,
                  "cursor=63" + "01" * 9):
        kit.problem(ask("GET", "/v1/settlements/current?" + query), 400, "INVALID_PARAMETER",
                    query.split("=")[0])
    for epoch in range(good("GET", "/v1/epochs/" + str(whole[-1]["epoch"]))["epoch"] + 2):
        equal(items(f"/v1/settlements?epoch={epoch}"), [s for s in whole if s["epoch"] == epoch])
    cursor = good("GET", "/v1/epochs?limit=1")["next_cursor"]
    for query in ("unit=EUR", "status=x", "epoch=-1", "payee=a%20b", "payee=", "limit=0",
                  "cursor=63", "cursor=" + cursor, "cursor=63" + "ff" * 9):
        kit.problem(ask("GET", "/v1/settlements?" + query), 400, "INVALID_PARAMETER",
                    query.split("=")[0])
    for name in ("USDC-9999", "USDC", "USDC-", "USDC-00", "usdc-0", "LUCID-0", "EUR-0", "0",
                 "USDC-9223372036854775808"):
        kit.problem(ask("GET", "/v1/settlements/" + name), 404, "NOT_FOUND")
    for path in ("/v1/settlements", "/v1/settlements/USDC-0", "/v1/settlements/current",
                 "/v1/payouts", "/v1/payouts/1"):
        kit.problem(ask("GET", path, token=None), 401, "UNAUTHORIZED")
        kit.problem(ask("GET", path, token=other), 403, "FORBIDDEN")
        assert ask("GET", path, token=reader).status in (200, 404), path

# --- payouts ------------------------------------------------------------------------------------

POST = "/v1/settlements/USDC-0/payouts"


def lines(settlement="USDC-0"):
    return {line["payee"]: line for line in good("GET", f"/v1/settlements/{settlement}")["lines"]}


def amounts(payee, settlement="USDC-0"):
    line = lines(settlement)[payee]
    equal(int(line["open"]), int(line["amount"]) - int(line["paid"]) - int(line["pending"]))
    return int(line["paid"]), int(line["pending"]), int(line["open"])


def balance(account):
    answer = ask("GET", "/v1/accounts/" + account)
    return int(answer.json()["balance"]) if answer.status == 200 else 0


def started(payee, amount, external_id, **more):
    return good("POST", POST, {"external_id": external_id, "payee": payee, "amount": str(amount),
                               **more}, 201)


def refused(body, status, code, param=None, path=POST, token="admin"):
    with unchanged():
        kit.problem(ask("POST", path, body, token), status, code, param)


DUE = {payee: int(line["amount"]) for payee, line in lines().items()}
OWED = balance("payee:gpu-1:USDC")

with case("a payout in parts: started, completed; the books follow each step"):
    first = started("gpu-1", 300, "x-1", note="first half")
    equal((first["payout"], first["status"], first["replayed"]), (1, "started", False))
    equal(amounts("gpu-1"), (0, 300, DUE["gpu-1"] - 300))
    equal((balance("payee:gpu-1:USDC"), balance("transit:payouts:USDC")), (OWED - 300, 300))
    done = good("POST", "/v1/payouts/1/complete", {"reference": "SEPA 1"})
    equal((done["status"], done["reference"], done["replayed"]), ("completed", "SEPA 1", False))
    equal(amounts("gpu-1"), (300, 0, DUE["gpu-1"] - 300))
    equal((balance("payee:gpu-1:USDC"), balance("transit:payouts:USDC")), (OWED - 300, 0))
    equal({k: v for k, v in done.items() if k != "replayed"}, good("GET", "/v1/payouts/1"))

with case("the same again is answered, not done again; another under that id is refused"):
    with unchanged():
        again = good("POST", POST, {"external_id": "x-1", "payee": "gpu-1", "amount": "300",
                                    "note": "first half"})
        equal({**done, "replayed": True}, again)
        equal(again, good("POST", "/v1/payouts/1/complete", {"reference": "SEPA 1"}))
    same = {"external_id": "x-1", "payee": "gpu-1", "amount": "300", "note": "first half"}
    for change in ({"amount": "301"}, {"payee": "lab"}, {"note": "x"}, {"facilitator": "coinbase"}):
        refused({**same, **change}, 409, "IDEMPOTENCY_CONFLICT", "external_id")
    refused({**same, "reference": "SEPA 2"}, 409, "IDEMPOTENCY_CONFLICT", "external_id")
    refused(same, 409, "IDEMPOTENCY_CONFLICT", "external_id", "/v1/settlements/USDC-1/payouts")
    refused({"reference": "SEPA 2"}, 409, "PAYOUT_CONFLICT", None, "/v1/payouts/1/complete")
    refused({"reason": "lost"}, 409, "PAYOUT_CONFLICT", None, "/v1/payouts/1/fail")

with case("a payout that failed gives its amount back; its id stays used"):
    owed = balance("payee:gpu-1:USDC")
    failed = started("gpu-1", 50, "x-2")
    ended = good("POST", f"/v1/payouts/{failed['payout']}/fail", {"reason": "account closed"})
    equal((ended["status"], ended["reason"], ended["reference"]),
          ("failed", "account closed", None))
    equal(amounts("gpu-1"), (300, 0, DUE["gpu-1"] - 300))
    equal((balance("payee:gpu-1:USDC"), balance("transit:payouts:USDC")), (owed, 0))
    with unchanged():
        assert good("POST", f"/v1/payouts/{failed['payout']}/fail",
                    {"reason": "account closed"})["replayed"]
        assert good("POST", POST, {"external_id": "x-2", "payee": "gpu-1",
                                   "amount": "50"})["status"] == "failed"
    path = f"/v1/payouts/{failed['payout']}/"
    refused({"reason": "other"}, 409, "PAYOUT_CONFLICT", None, path + "fail")
    refused({"reference": "SEPA 9"}, 409, "PAYOUT_CONFLICT", None, path + "complete")

with case("more than is open, no such line, no such statement, bad members: nothing changes"):
    body = {"external_id": "x-3", "payee": "gpu-1", "amount": "1"}
    refused({**body, "amount": str(DUE["gpu-1"] - 299)}, 409, "PAYOUT_CONFLICT", "amount")
    refused({**body, "amount": str(2**63 - 1)}, 409, "PAYOUT_CONFLICT", "amount")
    refused({**body, "amount": str(2**63)}, 422, "AMOUNT_OVERFLOW", "amount")
    refused({**body, "payee": "nobody"}, 422, "INVALID_PAYOUT", "payee")
    refused({**body, "payee": "payee-1"}, 422, "INVALID_PAYOUT", "payee")
    refused(body, 404, "NOT_FOUND", None, "/v1/settlements/USDC-9999/payouts")
    refused(body, 404, "NOT_FOUND", None, "/v1/settlements/LUCID-0/payouts")
    for amount in ("0", "-1", "1.5", "", "01", 1, None, "1e3"):
        refused({**body, "amount": amount}, 422, "INVALID_PAYOUT", "amount")
    for name, values in (("external_id", ("", "a b", "x" * 129, 7, None)),
                         ("payee", ("", "a/b", None)), ("facilitator", ("", "x y", 5)),
                         ("note", ("", "x" * 257, "a\nb", [])),
                         ("reference", ("", "x" * 256, "a\u0007b", 1)),
                         ("network", ("", "x" * 65, 2)), ("transaction", ("", "x" * 129, {}))):
        more = {"reference": "r"} if name in ("network", "transaction") else {}
        for value in values:
            refused({**body, **more, name: value}, 422, "INVALID_PAYOUT", name)
    refused({**body, "network": "eip155:8453"}, 422, "INVALID_PAYOUT", "reference")
    refused({}, 422, "INVALID_PAYOUT", "external_id")
    refused("[]", 400, "INVALID_JSON")
    refused("{", 400, "INVALID_JSON")
    for path in (POST, "/v1/payouts/1/complete", "/v1/payouts/1/fail"):
        for token, status, code in ((None, 401, "UNAUTHORIZED"), (reader, 403, "FORBIDDEN"),
                                    (other, 403, "FORBIDDEN"), (EMPTY, 403, "FORBIDDEN")):
            refused(body, status, code, None, path, token)
    for number in ("0", "99", "x", "01", "9223372036854775808"):
        param = "payout" if number == "99" else None
        refused({"reference": "r"}, 404, "NOT_FOUND", param, f"/v1/payouts/{number}/complete")
        refused({"reason": "r"}, 404, "NOT_FOUND", param, f"/v1/payouts/{number}/fail")
        kit.problem(ask("GET", "/v1/payouts/" + number), 404, "NOT_FOUND")
    refused({}, 422, "INVALID_PAYOUT", "reference", "/v1/payouts/1/complete")
    refused({}, 422, "INVALID_PAYOUT", "reason", "/v1/payouts/1/fail")

with case("16 at once for a quarter each: four get it; 8 at once under one id: one payout"):
    share = DUE["solo"] // 4
    results, barrier = [], threading.Barrier(24)

    def attempt(name, payee, amount):
        client = kit.Client(service.port)
        barrier.wait(30)
        results.append((name, ask("POST", POST, {"external_id": name, "payee": payee,
                                                 "amount": str(amount)}, client=client)))
        client.close()

    threads = [threading.Thread(target=attempt, args=(f"race-{i}", "solo", share))
               for i in range(16)]
    threads += [threading.Thread(target=attempt, args=("one", "gpu-2", 10)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    quarters = sorted(answer.status for name, answer in results if name != "one")
    equal(quarters, [201] * 4 + [409] * 12)
    ones = [answer for name, answer in results if name == "one"]
    equal(sorted(answer.status for answer in ones), [200] * 7 + [201])
    equal(len({answer.json()["payout"] for answer in ones}), 1)
    equal(amounts("solo"), (0, 4 * share, DUE["solo"] - 4 * share))
    equal(balance("transit:payouts:USDC"), 4 * share + 10)

with case("a restart in between: what was started is completed after it"):
    service.restart(epoch_receipts_max=1)
    open_payouts = items("/v1/payouts?status=started")
    equal(len(open_payouts), 5)
    for payout in open_payouts:
        good("POST", f"/v1/payouts/{payout['payout']}/complete",
             {"reference": "after", "network": "eip155:8453", "transaction": "0x" + "a" * 64})
    equal(balance("transit:payouts:USDC"), 0)

with case("the statement closes with its last line, and not before"):
    for payee in DUE:
        left = amounts(payee)[2]
        if left:
            equal(good("GET", "/v1/settlements/USDC-0")["status"], "open")
            got = started(payee, left, f"rest-{payee}", reference="all", facilitator="bank")
            equal((got["status"], got["facilitator"]), ("completed", "bank"))
            with unchanged():
                equal(ask("POST", POST, {"external_id": f"rest-{payee}", "payee": payee,
                                         "amount": str(left), "reference": "all",
                                         "facilitator": "bank"}).status, 200)
    closed = good("GET", "/v1/settlements/USDC-0")
    equal((closed["status"], closed["lines_open"], closed["paid"]), ("closed", 0, closed["total"]))
    assert closed["closed_at"] is not None and not closed["payouts_more"]
    equal([s["settlement"] for s in items("/v1/settlements?status=closed")], ["USDC-0"])
    assert "USDC-0" not in [s["settlement"] for s in items("/v1/settlements?status=open")]
    refused({"external_id": "y", "payee": "lab", "amount": "1"}, 409, "PAYOUT_CONFLICT", "amount")

with case("payouts by statement, payee and status; of the statement as of its list"):
    payouts = items("/v1/payouts")
    equal([p["payout"] for p in payouts], list(range(1, len(payouts) + 1)))
    mine = items("/v1/payouts?settlement=USDC-0")
    equal(mine, sorted(payouts, key=lambda p: (p["payee"], p["payout"])))
    equal(mine, closed["payouts"])
    equal(items("/v1/payouts?settlement=USDC-1"), [])
    equal(items("/v1/payouts?unit=LUCID"), [])
    for payee in ("gpu-1", "solo"):
        want = [p for p in payouts if p["payee"] == payee]
        equal(items(f"/v1/payouts?payee={payee}"), want)
        equal(items(f"/v1/payouts?settlement=USDC-0&payee={payee}"), want)
    equal([p["external_id"] for p in items("/v1/payouts?status=failed")], ["x-2"])
    equal([p["payout"] for p in items("/v1/payouts?external_id=x-1")], [1])
    equal(items("/v1/payouts?external_id=x-1&payee=lab"), [])
    equal(items("/v1/payouts?external_id=nothing"), [])
    other_cursor = good("GET", "/v1/payouts?settlement=USDC-0&limit=1")["next_cursor"]
    for query, param in (("status=open", "status"), ("settlement=0", "settlement"),
                         ("payee=%20", "payee"), ("cursor=00", "cursor"),
                         ("external_id=", "external_id"),
                         ("settlement=USDC-1&cursor=" + other_cursor, "cursor"),
                         ("cursor=6f" + "ff" * 8, "cursor")):
        kit.problem(ask("GET", "/v1/payouts?" + query), 400, "INVALID_PARAMETER", param)

with case("every statement paid, by the command line: payees and transit at zero"):
    for settlement in items("/v1/settlements?status=open"):
        for payee, line in lines(settlement["settlement"]).items():
            path = f"/v1/settlements/{settlement['settlement']}/payouts"
            body = {"external_id": f"{settlement['settlement']}.{line['payee'][:100]}",
                    "payee": payee, "amount": line["open"], "reference": "bulk"}
            if settlement["number"] != 1:
                good("POST", path, body, 201)
                continue
            told = ("settlement", "pay", settlement["settlement"], payee, "--external-id",
                    body["external_id"], "--reference", "bulk", "--json")
            equal(json.loads(online(*told))["amount"], line["open"])
            assert json.loads(online(*told))["replayed"]
    equal(items("/v1/settlements?status=open"), [])
    for unit in good("GET", "/v1/trial-balance")["units"]:
        assert unit["balanced"]
        for account in unit["accounts"] if unit["unit"] == UNIT else []:
            if account["class"] in ("payee", "transit"):
                equal((account["debit"], account["credit"]), ("0", "0"), account["account"])
    kept = sum(int(s["document"]["statement"]["protocol"]) for s in compare().statements)
    equal(balance("revenue:protocol:USDC"), kept)

# --- the command line ---------------------------------------------------------------------------

folder = os.path.join(kit.scratch(), "statements")
os.mkdir(folder)
model = compare()
names = [f"USDC-{n}" for n in range(len(model.statements))]


def file_of(name):
    return os.path.join(folder, name + ".json")


def verify(*arguments, status, **more):
    got, out, err = lucid("settlement", "verify", *arguments, **more)
    equal(got, status, f"{arguments}: {out!r} {err!r}")
    return out.decode()


with case("show -o writes the signed bytes; alone and together they verify offline"):
    for name, want in zip(names, model.statements):
        equal(online("settlement", "show", name, "-o", file_of(name)), b"")
        with open(file_of(name), "rb") as file:
            equal(file.read(), canonical(want["document"]))
    verify(file_of("USDC-0"), "--key", KEY, status=0)
    out = verify(folder, "--key", KEY, "--origin", kit.ORIGIN, status=0)
    equal(out.count("ok       previous"), len(names))
    assert out.endswith("\nvalid\n"), out
    verify(folder, "--data", service.data, status=0)
    verify(file_of("USDC-1"), "--url", f"http://127.0.0.1:{service.port}", status=0)
    got = json.loads(verify(folder, "--key", KEY, "--json", status=0))
    equal((got["verdict"], got["valid"], sorted(s["settlement"] for s in got["statements"])),
          ("valid", True, sorted(names)))

with case("no key, a gap: undecided; another key, another log, a file that is none: refused"):
    out = verify(folder, status=4)
    assert out.endswith("\nundecided\n") and "no service key" in out
    verify(file_of("USDC-0"), file_of("USDC-2"), "--key", KEY, status=4)
    verify(file_of("USDC-2"), file_of("USDC-3"), "--key", KEY, status=0)
    verify(file_of("USDC-0"), file_of("USDC-0"), file_of("USDC-1"), "--key", KEY, status=0)
    verify(file_of("USDC-0"), "--key", signer.key, status=1)
    verify(file_of("USDC-0"), "--key", KEY, "--origin", "x", status=1)
    verify("-", "--key", KEY, stdin=b"{}", status=1)
    verify("-", "--key", KEY, stdin=b"[1", status=1)
    verify("-", "--key", KEY, stdin=b"", status=2)
    verify(file_of("none"), "--key", KEY, status=2)
    verify(file_of("USDC-0"), "--key", "zz", status=2)
    verify(file_of("USDC-0"), "--data", kit.scratch(), status=2)
    verify(status=2)

with case("one changed byte is refused, wherever it is"):
    with open(file_of("USDC-1"), "rb") as file:
        whole = file.read()
    for at in [0, 1, len(whole) - 1, *rng.sample(range(len(whole)), 60)]:
        changed = bytearray(whole)
        changed[at] ^= 1 << rng.randrange(7)
        verify("-", "--key", KEY, stdin=bytes(changed), status=1)

with case("a chain whose link was replaced is refused: omitted money, a second of one number"):
    with open(file_of("USDC-1"), "rb") as file:
        first = json.load(file)
    forged = json.loads(json.dumps(first))
    forged["statement"]["previous"] = "0" * 64
    lying = os.path.join(kit.scratch(), "forged.json")
    with open(lying, "wb") as file:
        file.write(canonical(forged))
    got = json.loads(verify(file_of("USDC-0"), lying, "--json", status=1))
    steps = {s["name"]: s["outcome"] for s in got["statements"][1]["steps"]}
    equal((steps["previous"], steps["sums"], steps["signature"]), ("failed", "passed", "skipped"))
    got = json.loads(verify(file_of("USDC-1"), lying, "--json", status=1))
    assert any("another statement of that number" in step["text"]
               for s in got["statements"] for step in s["steps"]), got

with case("export: NDJSON that verifies, CSV that adds up"):
    exported = online("settlement", "export", "--json")
    equal(len(exported.splitlines()), len(names))
    verify("-", "--key", KEY, stdin=exported, status=0)
    text = online("settlement", "export", "--csv").decode()
    equal(text.count("\r\n"), text.count("\n"))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    details = {name: good("GET", "/v1/settlements/" + name) for name in names}

    def units(decimal):
        whole_part, part = decimal.split(".")
        equal(len(part), 6)
        return str(int(whole_part + part))

    of_lines = [row for row in rows if row["row"] == "line"]
    of_payouts = [row for row in rows if row["row"] == "payout"]
    equal(len(of_lines) + len(of_payouts), len(rows))
    equal([(r["settlement"], r["payee"], units(r["amount"]), units(r["paid"]), r["pending"])
           for r in of_lines],
          [(name, line["payee"], line["amount"], line["paid"], "0.000000")
           for name in names for line in details[name]["lines"]])
    equal([(r["settlement"], int(r["payout"]), r["external_id"], units(r["amount"]),
            r["payout_status"], r["reason"]) for r in of_payouts],
          [(name, p["payout"], p["external_id"], p["amount"], p["status"], p["reason"] or "")
           for name in names for p in details[name]["payouts"]])
    for row in of_lines:
        equal(int(units(row["compute"])) + int(units(row["model"])) + int(units(row["released"])),
              int(units(row["amount"])))
    only = online("settlement", "export", "--payee", "gpu-1").decode()
    equal({r["payee"] for r in csv.DictReader(io.StringIO(only))}, {"gpu-1"})

with case("texts with commas, quotes and umlauts come back whole; tables are for people"):
    pay("a", 1000)
    receipts(1)
    newest = items("/v1/settlements")[-1]["settlement"]
    odd = 'a, "b"; \u00e4\u00f6 =1+1'
    online("settlement", "pay", newest, "gpu-1", "--external-id", "odd", "--amount", "0.0003",
           "--note", odd)
    number = items("/v1/payouts")[-1]["payout"]
    shown = online("payout", "show", str(number)).decode()
    assert "0.000300 USDC" in shown and odd in shown, shown
    online("payout", "fail", str(number), "--reason", odd)
    online("settlement", "pay", newest, "gpu-1", "--external-id", "odd-2", "--amount-units", "300")
    online("payout", "complete", str(number + 1), "--reference", odd)
    rows = [r for r in csv.DictReader(io.StringIO(
        online("settlement", "export", "--csv").decode(), newline="")) if r["payout"]]
    equal((rows[-2]["note"], rows[-2]["reason"], rows[-1]["reference"]), (odd, odd, odd))
    listed = online("settlement", "list", "--status", "open").decode()
    equal([line.split()[0] for line in listed.splitlines()], ["SETTLEMENT", newest])
    assert "0 of 2" in listed, listed
    table = online("settlement", "show", newest).decode()
    assert "PAYEE" in table and "0.000400 USDC" in table and "failed" in table, table
    equal(len(online("payout", "list", "--status", "failed").splitlines()), 3)
    # The command that started a payout which then failed says so when it is given again.
    code, out, err = lucid("settlement", "pay", newest, "gpu-1", "--external-id", "odd", "--note",
                           odd, "--url", f"http://127.0.0.1:{service.port}", "--data", service.data)
    equal((code, b"0.000300 USDC" in out, b"now: failed; nothing was added" in err),
          (0, True, True))

with case("what the commands refuse"):
    online("settlement", "show", "USDC-99999", status=1)
    online("settlement", "show", "x", status=2)
    online("settlement", "list", "--status", "x", status=1)
    online("settlement", "list", "--payee", "a b", status=2)
    online("settlement", "pay", newest, "gpu-1", status=2)
    online("settlement", "pay", newest, "nobody", "--external-id", "q", status=1)
    online("settlement", "pay", newest, "gpu-1", "--external-id", "q", "--amount", "1e3", status=2)
    online("settlement", "pay", newest, "gpu-1", "--external-id", "q", "--amount", "9", status=1)
    online("settlement", "pay", "USDC-0", "lab", "--external-id", "q", status=1)
    used = ("settlement", "pay", "USDC-0", "lab", "--external-id", "odd-2", "--json")
    equal(json.loads(online(*used, status=1))["error"]["code"], "IDEMPOTENCY_CONFLICT")
    online("settlement", "export", "--csv", "--json", status=2)
    online("payout", "show", "x", status=2)
    online("payout", "fail", "1", status=2)
    online("payout", "complete", "1", "--reference", "other", status=1)
    equal(lucid("settlement", "list", "--url", "http://127.0.0.1:1")[0], 3)

with case("the tables are a fold of the log"):
    compare()
    service.stop()
    kit.run_lucid("log", "fsck", "--data", service.data)
    service.start()
    equal(len(items("/v1/settlements")), len(compare().statements))

service.stop()
kit.done()
