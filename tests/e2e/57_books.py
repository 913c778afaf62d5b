#!/usr/bin/env python3
"""The whole books against kit_books.Books, which knows the exported events alone: a long random run
of receipts, refusals, replays, deposits, limits, tariffs, prices, payments and payouts, with
restarts and kill -9, and after it every account, every posting, balances as of earlier events,
statements, and the store that a replay makes.

usage: 57_books.py [--seed TEXT] [--steps N]"""

import argparse
import collections
import json
import os
import random
import shutil
import threading
import time

import kit
import kit_books
from kit import case, equal
from kit_receipts import Maker, Signer

LUCID = 10 ** 9
AS_OF_POINTS = 16
MAX = 2 ** 63 - 1

parser = argparse.ArgumentParser()
parser.add_argument("--seed", default=str(time.time_ns()))
parser.add_argument("--steps", type=int, default=220)
options = parser.parse_args()
kit.note(f"seed {options.seed}, {options.steps} steps")
rng = random.Random(options.seed)
maker = Maker(options.seed)

service = kit.Service(head_interval_ms=200)
signers = [service.new_signer(f"s{i}") for i in range(100)]
few = signers[:7]
stranger = Signer(kit.ED25519, "stranger")
counts = collections.Counter()
accepted = {}  # receipt hash -> envelope, all that were answered with a placement
unknown = set()  # sent when the service was killed: accepted or not
refused = {}  # receipt hash -> its envelope; leaves it as soon as it is accepted after all
deposits = {}  # idempotency key -> (signer, amount, sequence)
payments = {}  # external id -> (request, answer)
payouts = {}  # number -> status
ASSETS = ("alpha", "beta", "gamma", "delta")
PAYEES = ("gpu-1", "gpu-2", "model-1", None)
WEIGHTS = (None, [7000, 2000, 1000], [3333, 3333, 3334], [10000, 0, 0], [0, 0, 10000], [1, 1, 9998],
           [5000, 2500, 2500])


def call(method, path, body=None, **headers):
    return service.client.request(method, path, body, token=service.token,
                                  headers={name.replace("_", "-"): value
                                           for name, value in headers.items()})


def done(answer, statuses=(200, 201)):
    assert answer.status in statuses, answer
    return answer.json()


def pages(path):
    items, cursor = [], None
    while True:
        more = "limit=1000" + (f"&cursor={cursor}" if cursor else "")
        page = service.ok(path + ("&" if "?" in path else "?") + more, token=service.token)
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def tariff(igas, mgas):
    done(call("PUT", "/v1/gas/tariff", {"igas": str(igas), "mgas": str(mgas)}))


def finalize():
    answer = call("POST", "/v1/epochs/current/finalize", {})
    assert answer.status in (200, 409), answer


# --- receipts -----------------------------------------------------------------------------------


def judge(envelope, line, statuses):
    """One answered line against what may come of it."""
    status = line["http_status"]
    assert status in statuses, (line, statuses)
    counts[line.get("code", status)] += 1
    if status in (200, 201):
        accepted[envelope.hash] = envelope
        refused.pop(envelope.hash, None)
    elif envelope.hash not in accepted and envelope.hash not in unknown:
        refused[envelope.hash] = envelope


def send(lines):
    """lines: (envelope, its bytes, statuses that are right)."""
    answer = service.post("/v1/receipts/batch", b"".join(wire + b"\n" for _, wire, _ in lines))
    equal(answer.status, 200)
    answers = answer.lines()
    equal(len(answers), len(lines), "answers")
    for (envelope, _, statuses), line in zip(lines, answers):
        judge(envelope, line, statuses)


def fresh(signer, count):
    return [(envelope, envelope.wire(), (201, 402))
            for envelope in signer.seal_all(maker.bodies(count))]


def odd_lines():
    """Replays, and what must be refused."""
    lines = []
    for envelope in rng.sample(list(accepted.values()), min(3, len(accepted))):
        lines.append((envelope, envelope.wire(), (200,)))
        body = maker.body(run_id=envelope.run_id)
        other = rng.choice(few).seal(body)
        lines.append((other, other.wire(), (409,)))
    bad = rng.choice(few).seal(maker.body())
    text = bad.wire().replace(bad.signature.encode(), bad.signature[::-1].encode())
    lines.append((bad, text, (422,)))
    unregistered = stranger.seal(maker.body())
    lines.append((unregistered, unregistered.wire(), (403,)))
    for envelope in rng.sample(list(refused.values()), min(2, len(refused))):
        lines.append((envelope, envelope.wire(), (201, 200, 402, 403, 409)))
    return lines


def receipts():
    lines = [line for _ in range(rng.randrange(1, 4))
             for line in fresh(rng.choice(few), rng.choice((1, 2, 5, 30)))]
    if rng.random() < 0.6:
        lines += odd_lines()
    rng.shuffle(lines)
    if rng.random() < 0.3:
        envelope, wire, statuses = lines[0]
        answer = service.post("/v1/receipts", wire)
        judge(envelope, {**answer.json(), "http_status": answer.status}, statuses)
    else:
        # One receipt twice in a batch: its second line is a replay, or refused as the first was.
        send(lines + [(lines[0][0], lines[0][1], lines[0][2] + (200,))])


# --- money --------------------------------------------------------------------------------------


def deposit():
    signer = rng.choice(few)
    amount = rng.choice((1, LUCID, 7 * LUCID, rng.randrange(1, 50 * LUCID)))
    key = f"key-{len(deposits)}"
    path = f"/v1/accounts/signer:{signer.key}:LUCID/deposits"
    got = call("POST", path, {"amount": str(amount)}, Idempotency_Key=key)
    equal(got.status, 201, repr(got))
    deposits[key] = (signer, amount, got.json()["sequence"])
    key, (signer, amount, sequence) = rng.choice(list(deposits.items()))
    path = f"/v1/accounts/{signer.key}/deposits"
    again = done(call("POST", path, {"amount": str(amount)}, Idempotency_Key=key), (200,))
    equal((again["sequence"], again["replayed"]), (sequence, True))
    kit.problem(call("POST", path, {"amount": str(amount + 1)}, Idempotency_Key=key), 409,
                "IDEMPOTENCY_CONFLICT", "Idempotency-Key")
    if rng.random() < 0.3:
        kit.problem(call("POST", path, {"amount": str(MAX)}, Idempotency_Key="never"), 422,
                    "AMOUNT_OVERFLOW", "amount")


def limit():
    amount = rng.choice((0, LUCID, 20 * LUCID))
    done(call("PUT", f"/v1/accounts/{rng.choice(few).key}/credit-limit",
              {"credit_limit": str(amount)}))


def price():
    asset = rng.choice(ASSETS)
    if rng.random() < 0.15:
        done(call("DELETE", f"/v1/assets/{asset}/pricing"), (200, 404))
        return
    body = {"price_per_call": str(rng.choice((1, 10000))), "network": "eip155:8453",
            "pay_to": "0x" + "11" * 20, "compute_payee": rng.choice(PAYEES),
            "model_payee": rng.choice(PAYEES), "split_bps": rng.choice(WEIGHTS)}
    done(call("PUT", f"/v1/assets/{asset}/pricing", {k: v for k, v in body.items() if v}))


def pay():
    for _ in range(rng.choice((1, 3, 12))):
        body = {"external_id": f"inv-{len(payments)}", "asset": rng.choice(ASSETS),
                "amount": str(rng.choice((1, 1, 2, 7, 10000, rng.randrange(1, 10 ** 12)))),
                "facilitator": rng.choice(("external", "bank"))}
        answer = call("POST", "/v1/payments", body)
        if answer.status == 422:
            kit.problem(answer, 422, "ASSET_NOT_PRICED", "asset")
            continue
        payments[body["external_id"]] = (body, done(answer, (201,)))
    if payments:
        body, first = rng.choice(list(payments.values()))
        equal(done(call("POST", "/v1/payments", body), (200,)), {**first, "replayed": True})
        kit.problem(call("POST", "/v1/payments", {**body, "amount": "3333"}), 409,
                    "PAYMENT_CONFLICT", "external_id")


def pay_out():
    for row in pages("/v1/settlements?status=open")[:3]:
        path = "/v1/settlements/" + row["settlement"]
        for line in service.ok(path, token=service.token)["lines"]:
            if int(line["open"]) > 0 and rng.random() < 0.7:
                amount = min(int(line["open"]), 10 ** 15)  # a total has an end
                amount = amount if rng.random() < 0.5 else rng.randrange(1, amount + 1)
                body = {"external_id": f"out-{len(payouts)}-{service.starts}",
                        "payee": line["payee"], "amount": str(amount)}
                kit.problem(call("POST", path + "/payouts", {
                    **body, "external_id": "never", "amount": str(int(line["open"]) + 1)}), 409,
                    "PAYOUT_CONFLICT", "amount")
                payouts[done(call("POST", path + "/payouts", body), (201,))["payout"]] = "started"
                equal(done(call("POST", path + "/payouts", body), (200,))["replayed"], True)
    for number in [n for n, status in payouts.items() if status == "started"]:
        if rng.random() < 0.6:
            verb, body = rng.choice((("complete", {"reference": "SEPA 1"}),
                                     ("fail", {"reason": "closed"})))
            payouts[number] = done(call("POST", f"/v1/payouts/{number}/{verb}", body),
                                   (200,))["status"]


def change_tariff():
    tariff(rng.choice((0, 1, LUCID, LUCID, 3 * LUCID)), rng.choice((0, 1, 5, 5 * LUCID, 5 * LUCID)))


# --- restarts -----------------------------------------------------------------------------------


mode = "postpaid"


def settings():
    return {"gas_mode": mode, "epoch_receipts_max": rng.choice((1, 7, 40, 100))}


def restart():
    service.restart(**settings())
    counts["restarts"] += 1


def kill():
    """kill -9 with a batch under way: what of it was logged is for the events to say."""
    batch = [line for signer in few for line in fresh(signer, 25)]
    unknown.update(envelope.hash for envelope, _, _ in batch)
    client = kit.Client(service.port)

    def run():
        try:
            client.post("/v1/receipts/batch", b"".join(wire + b"\n" for _, wire, _ in batch))
        except (OSError, kit.http.client.HTTPException):
            pass

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(rng.random() * 0.02)
    service.kill()
    thread.join()
    client.close()
    service.start(**settings())
    counts["kills"] += 1


# --- the run ------------------------------------------------------------------------------------

with case("epochs of 100, shared 99:1, 50:50, 33:33:34, 1:1:1:…; of 1; and 7 shared by 3 and by 7"):
    a, b, c = few[:3]
    for parts in (((a, 99), (b, 1)), ((b, 1), (a, 99)), ((a, 50), (b, 50)),
                  ((a, 33), (b, 33), (c, 34)), tuple((s, 1) for s in signers), ((c, 100),)):
        send([line for signer, count in parts for line in fresh(signer, count)])
    for parts in (((a, 3), (b, 2), (c, 2)), tuple((s, 1) for s in few), ((b, 1), (a, 1), (c, 1))):
        send([line for signer, count in parts for line in fresh(signer, count)])
        finalize()
    tariff(LUCID, 2)  # fewer units than signers
    send([line for signer in few for line in fresh(signer, 1)])
    finalize()
    tariff(LUCID, 5 * LUCID)
    service.restart(epoch_receipts_max=1)
    send(fresh(a, 3) + fresh(b, 1))
    service.restart()

with case("money at the limits: 2^63 - 1 is an amount, one unit over any total is refused"):
    done(call("PUT", "/v1/assets/huge/pricing", {
        "price_per_call": "1", "network": "eip155:8453", "pay_to": "0x" + "22" * 20,
        "compute_payee": "huge", "model_payee": "huger"}))
    huge = {"external_id": "huge", "asset": "huge", "facilitator": "huge", "amount": str(MAX)}
    payments["huge"] = (huge, done(call("POST", "/v1/payments", huge), (201,)))
    before = service.ok("/v1/trial-balance", token=service.token)
    kit.problem(call("POST", "/v1/payments", {**huge, "external_id": "one more", "amount": "1"}),
                422, "AMOUNT_OVERFLOW", "amount")
    kit.problem(call("POST", "/v1/payments", {**huge, "external_id": "x", "amount": str(MAX + 1)}),
                422, "AMOUNT_OVERFLOW", "amount")
    path = f"/v1/accounts/{signers[50].key}/deposits"
    done(call("POST", path, {"amount": str(MAX // 2)}, Idempotency_Key="half"), (201,))
    kit.problem(call("POST", path, {"amount": str(MAX // 2 + 2)}, Idempotency_Key="rest"), 422,
                "AMOUNT_OVERFLOW", "amount")
    deposits["half"] = (signers[50], MAX // 2, service.ok(
        f"/v1/accounts/{signers[50].key}", token=service.token)["as_of"])
    equal([u["balanced"] for u in before["units"]], [True, True])

STEPS = ((receipts, 10), (deposit, 5), (limit, 1), (change_tariff, 1), (price, 3), (pay, 5),
         (pay_out, 2), (finalize, 1), (restart, 0.5), (kill, 0.4))

with case("a long random run, with restarts and kill -9"):
    for asset in ASSETS[:2]:
        done(call("PUT", f"/v1/assets/{asset}/pricing", {
            "price_per_call": "1", "network": "eip155:8453", "pay_to": "0x" + "11" * 20}))
    for mode in ("postpaid", "prepaid", "postpaid", "prepaid"):
        restart()
        for _ in range(options.steps // 4):
            rng.choices([step for step, _ in STEPS], [weight for _, weight in STEPS])[0]()
    assert counts["GAS_EXHAUSTED"] > 0 or options.steps < 200, counts
    for step in (kill, restart, price, pay, finalize, pay_out):
        step()
    service.restart(gas_mode="postpaid")
    service.covered(service.size())  # nothing more will be logged
    kit.note(", ".join(f"{name}: {count}" for name, count in sorted(counts.items(), key=str)))

with case("the model of the exported events: every event is worked out again, and fits"):
    events = service.get("/v1/events", token=service.token).lines()
    books = kit_books.Books()
    for event in events:
        books.feed(event)
        for unit, (debits, credits) in books.sums.items():
            equal(debits, credits, f"{unit} after event {books.sequence}")
    kit.note(f"{len(events)} events, {len(books.postings)} postings, {len(books.accounts)} "
             f"accounts, {len(books.epochs)} epochs, "
             f"{sum(map(len, books.statements.values()))} statements")
    sizes = {sum(leaves.values()) for leaves, _ in books.epochs}
    assert {1, 100} <= sizes, sizes
    equal([sorted(parts, reverse=True) for _, parts in books.epochs[:6]], [
        [4_950_000_000, 50_000_000], [4_950_000_000, 50_000_000], [2_500_000_000] * 2,
        [1_700_000_000, 1_650_000_000, 1_650_000_000], [50_000_000] * 100, [5 * LUCID]])
    # Remainders: 3:2:2 of 5 LUCID; a unit over to the first of equals; 2 units among 7.
    equal([parts for _, parts in books.epochs[6:10]], [
        [2_142_857_143, 1_428_571_429, 1_428_571_428],
        [714_285_715] * 2 + [714_285_714] * 5,
        [1_666_666_667, 1_666_666_667, 1_666_666_666], [1, 1, 0, 0, 0, 0, 0]])
    for leaves, parts in books.epochs[:9]:
        equal(sum(parts), 5 * LUCID)

with case("what was answered is in the log, what was refused is not"):
    logged = {event["entry"][:64] for event in events if event["type"] == "receipt"}
    equal(set(accepted) - logged, set(), "accepted, but not logged")
    equal(logged - set(accepted) - unknown, set(), "logged, but not accepted")
    equal(set(refused) & logged, set(), "refused, but logged")
    by_sequence = {event["sequence"]: event for event in events}
    for key, (signer, amount, sequence) in deposits.items():
        event = by_sequence[sequence]["decoded"]
        equal((event["account"], event["postings"][0]["amount"]),
              (kit_books.signer_account(signer.key), str(amount)), key)
    equal(sum(event["type"] == "account.deposited" for event in events), len(deposits))
    equal(set(books.payments), set(payments), "payments")

with case("the postings of the service are the model's, one for one"):
    def postings_of(path):
        return [kit_books.Posting(p["cause"], p["leg"], p["debit"], p["credit"], p["unit"],
                                  int(p["amount"]), p["what"]) for p in pages(path)]
    equal(postings_of("/v1/postings"), books.postings)
    by_account = collections.defaultdict(list)
    for posting in books.postings:
        by_account[posting.debit].append(posting)
        by_account[posting.credit].append(posting)
    for account, want in by_account.items():
        equal(postings_of(f"/v1/accounts/{account}/postings"), want, account)


def accounts_check(query="", sequence=None):
    """Every account as the service says it, against the model."""
    rows = {row["account"]: row for row in pages("/v1/accounts" + query)}
    when = books.sequence if sequence is None else sequence
    want = {name for name, account in books.accounts.items() if account.first <= when}
    equal(set(rows), want, f"accounts as of {when}")
    for name, row in rows.items():
        account = books.accounts[name]
        debits, credits = account.at(when)
        equal((int(row["debits"]), int(row["credits"]), int(row["balance"]), row["as_of"]),
              (debits, credits, books.balance(name, when), when), f"{name} as of {when}")
        equal(row["unit"], kit_books.unit_of(name))
        if sequence is None and name.startswith("signer:"):
            equal((int(row["credit_limit"]), int(row["available"])),
                  (account.limit, account.limit + books.balance(name)), name)


def trial_check(sequence):
    trial = service.ok(f"/v1/trial-balance?as_of={sequence}", token=service.token)
    equal(trial["as_of"], sequence)
    for unit in trial["units"]:
        want = collections.Counter()
        for row in unit["accounts"]:
            net = books.accounts[row["account"]].at(sequence)
            net = net[0] - net[1]
            equal((int(row["debit"]), int(row["credit"])), (max(net, 0), max(-net, 0)),
                  f"{row['account']} as of {sequence}")
            want.update(debits=max(net, 0), credits=max(-net, 0))
        equal((int(unit["debits"]), int(unit["credits"]), unit["balanced"]),
              (want["debits"], want["credits"], True), unit["unit"])
        equal(want["debits"], want["credits"])


with case("every account now, and as of events before; the trial balance"):
    accounts_check()
    for sequence in sorted({0, 1, 4, books.sequence} |
                           {rng.randrange(1, books.sequence) for _ in range(AS_OF_POINTS)}):
        accounts_check(f"?as_of={sequence}", sequence)
        trial_check(sequence)
        name = rng.choice(list(books.accounts))
        row = service.ok(f"/v1/accounts/{name}?as_of={sequence}", token=service.token)
        equal(int(row["balance"]), books.balance(name, sequence), f"{name} as of {sequence}")

with case("tariffs, revenue, statements and payouts"):
    equal([(t["since_sequence"], int(t["igas"]), int(t["mgas"]))
           for t in pages("/v1/gas/tariff/history")], books.tariffs)
    for asset in {payment["asset"] for payment in books.payments.values()}:
        unit, = service.ok(f"/v1/assets/{asset}/revenue", token=service.token)["units"]
        of = [p for p in books.payments.values() if p["asset"] == asset]
        equal((unit["payments"], int(unit["gross"])), (len(of), sum(int(p["amount"]) for p in of)))
        for leg in ("compute", "model"):
            account = books.accounts.get(f"suspense:{leg}:{asset}:USDC")
            rest = account.credits - account.debits if account else 0
            equal(int(unit["suspense"][leg]), rest, f"suspense of {asset}")
        equal(sum(int(unit[leg]) for leg in ("compute", "model", "protocol")), int(unit["gross"]))
    rows = pages("/v1/settlements")
    equal([row["number"] for row in rows], list(range(len(books.statements["USDC"]))))
    for row, statement in zip(rows, books.statements["USDC"]):
        equal(int(row["total"]), sum(int(line["amount"]) for line in statement["lines"]))
    equal(sum(row["status"] == "started" for row in pages("/v1/payouts")), len(books.payouts))
    equal(sum(amount for _, amount in books.payouts.values()),
          books.balance("transit:payouts:USDC"))

with case("the log replayed into an empty store: the same tables, the same answers; fsck"):
    questions = ("/v1/accounts?limit=1000", "/v1/postings?limit=1000", "/v1/trial-balance",
                 "/v1/settlements?limit=1000", "/v1/payouts?limit=1000", "/v1/assets",
                 f"/v1/accounts?limit=1000&as_of={books.sequence // 2}")
    before = {path: service.get(path, token=service.token).body for path in questions}
    service.stop()
    base = kit.scratch()
    new = os.path.join(base, "log")
    status, out, err = kit.lucid("log", "replay", "--data", service.data, "--to", new, "--verify",
                                 "--json")
    equal(status, 0, out + err)
    report = json.loads(out)
    assert report["equal"] and all(part["equal"] for part in report["parts"]), report
    tables = {part["part"] for part in report["parts"]}
    for table in ("accounts", "balances", "account_history", "postings", "tariffs", "deposits",
                  "prices", "payments", "splits", "settlements", "payouts", "earnings"):
        assert "table " + table in tables, (table, tables)
    for data in (service.data, new):
        equal(kit.lucid("log", "fsck", "--data", data)[0], 0, data)
    for name in ("log.key", "service.key", "admin.token", "published.head"):
        shutil.copy(os.path.join(service.data, name), new)
    service = kit.Service(base, init=False)
    for path, body in before.items():
        equal(service.get(path, token=service.token).body, body, path)
    service.stop()

kit.done()
