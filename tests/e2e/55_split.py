#!/usr/bin/env python3
"""POST /v1/payouts/calculate against the rule in Python's integers (kit_split.py): sums, limits,
refusals, many clients with many sets of weights at once. 55_split.py [SEED]"""

import json
import random
import sys
import threading

import kit
import kit_split
from kit import case, equal
from kit_split import AMOUNT_MAX, BPS, DEFAULT, LEGS

ROUTE = "/v1/payouts/calculate"
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 20261122
CLIENTS, REQUESTS, SETS = 4, 600, 30
service = kit.Service(io_threads=2)
kit.note(f"seed {SEED}")


def ask(body, client=None):
    return (client or service.client).request("POST", ROUTE, body)


def legs(answer):
    equal(answer.status, 200, repr(answer))
    return [int(leg["amount"]) for leg in answer.json()["legs"]]


with case("the answer, with defaults and with everything given"):
    got = ask({"amount": "101"})
    equal((got.status, got.header("content-type")), (200, "application/json"))
    equal(got.json(), {
        "amount": "101", "unit": "USDC", "running_total": "0", "running_total_after": "101",
        "split_bps": {"compute": 7000, "model": 2000, "protocol": 1000},
        "legs": [{"role": "compute", "payee": None, "bps": 7000, "amount": "71"},
                 {"role": "model", "payee": None, "bps": 2000, "amount": "20"},
                 {"role": "protocol", "payee": None, "bps": 1000, "amount": "10"}]})
    weights = {"compute": 0, "model": 2500, "protocol": 7500}
    for given in (weights, list(weights.values())):
        got = ask({"amount": "9", "unit": "LUCID", "running_total": "3", "split_bps": given,
                   "compute_payee": "a.b:c_d-E", "model_payee": "m" * 128}).json()
        want = kit_split.Split(weights.values()).pay(3, 9)
        equal(got, {
            "amount": "9", "unit": "LUCID", "running_total": "3", "running_total_after": "12",
            "split_bps": weights,
            "legs": [{"role": role, "payee": payee, "bps": bps, "amount": str(amount)}
                     for role, payee, bps, amount in zip(
                         LEGS, ("a.b:c_d-E", "m" * 128, None), weights.values(), want)]})

with case("100 payments of 1 unit give 70, 20, 10, by the running total that is answered"):
    total, sums = "0", [0, 0, 0]
    for _ in range(100):
        got = ask({"amount": "1", "running_total": total})
        sums = [a + b for a, b in zip(sums, legs(got))]
        total = got.json()["running_total_after"]
        assert kit_split.near(DEFAULT, int(total), sums), (total, sums)
    equal((total, sums), ("100", [70, 20, 10]))

with case("limits: 0, 2^63 - 1, alone and together; one more is refused"):
    split = kit_split.Split(DEFAULT)
    for total, amount in ((0, 0), (0, AMOUNT_MAX), (AMOUNT_MAX, 0), (AMOUNT_MAX - 1, 1), (7, 0),
                          (1, AMOUNT_MAX - 1), (2**62, 2**62 - 1), (9999, 1), (10000, 10000)):
        got = ask({"amount": str(amount), "running_total": str(total)})
        equal(legs(got), split.pay(total, amount))
        equal(got.json()["running_total_after"], str(total + amount))
    for total, amount, param in ((AMOUNT_MAX, 1, "amount"), (1, AMOUNT_MAX, "amount"),
                                 (0, AMOUNT_MAX + 1, "amount"), (0, 2**64, "amount"),
                                 (0, 2**64 + 5, "amount"), (0, 10**400, "amount"),
                                 (AMOUNT_MAX + 1, 0, "running_total"),
                                 (AMOUNT_MAX, AMOUNT_MAX, "amount")):
        kit.problem(ask({"amount": str(amount), "running_total": str(total)}), 422,
                    "AMOUNT_OVERFLOW", param)

with case("refused with the member's name"):
    bad = [({}, "amount"), ({"amount": None}, "amount"), ({"amount": 5}, "amount")]
    bad += [({"amount": text}, "amount") for text in
            ("", "-1", "+1", "01", "00", " 1", "1 ", "1.0", "1e3", "0x1", "\u0661", "1\u0000")]
    bad += [({"amount": "1", "running_total": value}, "running_total") for value in
            ("", "-1", 0, None, [], "007")]
    bad += [({"amount": "1", "unit": value}, "unit") for value in ("", "usdc", "EUR", 1, None)]
    for role in ("compute_payee", "model_payee"):
        bad += [({"amount": "1", role: value}, role) for value in
                ("", "a b", "a/b", "\u00e4", "x" * 129, 5, ["a"], "a\n", "a\u0000")]
    sets = [(None, ""), ("7000/2000/1000", ""), ([], ""), ([10000], ""), ([1, 2], ""), ({}, ""),
            ([2500] * 4, ""), ([7000, 2000, 999], ""), ([7000, 2000, 1001], ""), ([0, 0, 0], ""),
            ([10000, 10000, 10000], ""), ({"compute": 10000}, ""),
            ({"compute": 7000, "model": 2000, "protocol": 1000, "more": 0}, ""),
            ([-1, 10000, 1], "[0]"), ([10001, 0, 0], "[0]"), ([0, 2**16, 0], "[1]"),
            ([9999.5, 0.5, 0], "[0]"), (["7000", 2000, 1000], "[0]"), ([0, 10000, None], "[2]"),
            ({"compute": 7000, "model": 2000, "protocl": 1000}, ".protocol"),
            ({"compute": 7000, "model": -2000, "protocol": 5000}, ".model"),
            ({"compute": True, "model": 0, "protocol": 10000}, ".compute")]
    bad += [({"amount": "1", "split_bps": given}, "split_bps" + at) for given, at in sets]
    for body, param in bad:
        kit.problem(ask(body), 422, "INVALID_SPLIT", param)
    for body in ("", "{", "[]", "7", '{"amount":"1","amount":"1"}'):
        equal(ask(body).json()["code"], "INVALID_JSON", body)
    equal(ask('{"amount":"1","x":"' + "y" * 20000 + '"}').status, 413)
    kit.note(f"{len(bad)} bodies")

with case(f"{CLIENTS} clients at once, {SETS} sets of weights, against Python's integers"):
    faults = []

    def calls(number):
        rng = random.Random(SEED * 100 + number)
        client = kit.Client(service.port)
        for _ in range(REQUESTS):
            chosen = splits[rng.randrange(SETS) if rng.random() < 0.2 else rng.randrange(12)]
            total = rng.getrandbits(rng.randrange(1, 64))
            amount = min(rng.getrandbits(rng.randrange(1, 64)), AMOUNT_MAX - total)
            got = legs(ask({"amount": str(amount), "running_total": str(total),
                            "split_bps": list(chosen.weights)}, client))
            if got != chosen.pay(total, amount) or sum(got) != amount:
                faults.append((chosen.weights, total, amount, got))
        client.close()
        finished.append(number)

    rng_weights, splits, finished = random.Random(SEED), [kit_split.Split(DEFAULT)], []
    while len(splits) < SETS:
        a, b = sorted(rng_weights.choices(range(BPS + 1), k=2))
        splits.append(kit_split.Split((a, b - a, BPS - b)))
    threads = [threading.Thread(target=calls, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(faults, [])
    equal(sorted(finished), list(range(CLIENTS)), "clients that came to their end")
    kit.note(f"{CLIENTS * REQUESTS} requests")

with case("nobody needs a token, any origin may ask, nothing is logged"):
    before = service.ok("/v1/log")
    events = service.client.request("GET", "/v1/events", token=service.token).body
    got = service.client.request("POST", ROUTE, json.dumps({"amount": "5"}),
                                 {"Origin": "https://example.org"})
    equal((got.status, got.header("access-control-allow-origin")), (200, "*"))
    equal(got.header("cache-control"), "no-cache")
    equal(service.ok("/v1/log"), before)
    equal(service.client.request("GET", "/v1/events", token=service.token).body, events)

service.stop()
kit.done()
