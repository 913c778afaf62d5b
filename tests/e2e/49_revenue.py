#!/usr/bin/env python3
"""Revenue by day, facilitator, payer and asset: payments recorded by hand on several days and one
that the gate took and a reorganisation took back, folded here from /v1/events by a model that
shares nothing with the service; lists in pages, bounds, refusals, the command line."""

import collections
import datetime
import functools
import json
import random
import shutil
import tempfile

import kit
import kit_chain
import kit_pay
from kit import case, equal, problem, wait_for
from kit_chain import PAYER
from kit_clock import Clock
from kit_evm import unhex
from kit_shop import ASSET, Shop

rng = random.Random(49)
DAY_MS = 86400 * 1000
folder = tempfile.mkdtemp(prefix="lucid-revenue-")
clock = Clock(folder)
chain = kit_chain.Chain()
shop = Shop(chain, start=False)
shop.start = functools.partial(shop.start, prefix=clock.prefix())
shop.open()
reader = shop.post("/v1/tokens", {"name": "r", "scopes": ["read"]},
                   token=shop.token).json()["token"]


def ask(path, status=200, token=reader):
    answer = shop.client.request("GET", path, token=token)
    equal(answer.status, status, repr(answer))
    return answer.json()


def rows(path, limit=2):
    """All pages of a list."""
    found, cursor = [], None
    while True:
        more = f"&limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        page = ask(path + more)
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def day_of(event):
    return event["time"][:10]


def model(asset=None):
    """{by: {key: Counter}}, from the events."""
    sums = {by: collections.defaultdict(collections.Counter)
            for by in ("day", "facilitator", "payer", "asset")}
    paid = {}
    names = {"payment.recorded": ("payments", "gross"), "payment.settled": ("payments", "gross"),
             "payment.reversed": ("reversals", "reversed"),
             "payment.refunded": ("refunds", "refunded")}
    for event in shop.events(""):
        if event["type"] not in names:
            continue
        said = event["decoded"]
        if names[event["type"]][0] == "payments":
            paid[event["sequence"]] = said
        of = paid.get(said["settled"] if "settled" in said else event["sequence"])
        if of is None or (asset and of["asset"] != asset):
            continue
        count, total = names[event["type"]]
        for by, key in (("day", day_of(event)), ("facilitator", of["facilitator"]),
                        ("payer", of.get("payer")), ("asset", of["asset"])):
            sums[by][key][count] += 1
            sums[by][key][total] += int(said["amount"])
            sums[by][key]["as_of"] = event["sequence"]
    return sums


def agree(asset=None):
    base = f"/v1/assets/{asset}/revenue" if asset else "/v1/revenue"
    wanted = model(asset)
    for by in ("day", "facilitator", "payer") + (() if asset else ("asset",)):
        got = rows(f"{base}?by={by}")
        equal([row[by] for row in got], sorted(wanted[by], key=lambda key: key or ""), by)
        for row in got:
            want = wanted[by][row[by]]
            for name in ("payments", "reversals", "refunds", "as_of"):
                equal(row[name], want[name], (by, row[by], name))
            for name in ("gross", "reversed", "refunded"):
                equal(row[name], str(want[name]), (by, row[by], name))
            equal(row["net"], str(want["gross"] - want["reversed"] - want["refunded"]))

header = shop.transfer_proof(PAYER)
equal(shop.show(header).status, 200)  # before the clock leaves the chain's

with case("payments of several days, assets, payers and facilitators"):
    shop.set_price("other")
    for day in range(4):
        clock.set(day * DAY_MS)
        for number in range(rng.randint(3, 6)):
            more = {}
            if rng.random() < 0.7:
                more["payer"] = rng.choice(["alice", "bob", "0x" + "ab" * 20, "~" * 128])
            if rng.random() < 0.6:
                more["facilitator"] = rng.choice(["coinbase", "payai"])
            answer = shop.client.request("POST", "/v1/payments", {
                "external_id": f"p-{day}-{number}", "asset": rng.choice([ASSET, "other"]),
                "amount": str(rng.randint(1, 10**rng.randint(1, 12))), **more}, token=shop.token)
            equal(answer.status, 201, repr(answer))
    assert len(rows("/v1/revenue?by=day")) >= 4
    agree()
    agree(ASSET)
    agree("other")

with case("a payment of the gate, and what a reorganisation takes back, counts on its own day"):
    direct = [row for row in rows("/v1/revenue?by=facilitator") if row["facilitator"] == "direct"]
    equal(direct[0]["payments"], 1)
    before = rows("/v1/revenue?by=day")
    transaction = unhex(kit_pay.unb64(header[1])["transaction"])
    chain.reorg(2, drop=(transaction,))
    clock.set(5 * DAY_MS)
    wait_for(lambda: any(event["type"] == "payment.reversed" for event in shop.events("payment.")),
             20, "reversed")
    after = rows("/v1/revenue?by=day")
    equal(after[:len(before)], before, "days that are over stay")
    equal(after[-1]["reversals"], 1)
    equal(after[-1]["net"], str(-int(after[-1]["reversed"])))
    agree()
    agree(ASSET)

with case("the same after a restart and a replay"):
    shop.stop()
    shop.start()
    agree()

with case("bounds, and what is refused"):
    days = [row["day"] for row in rows("/v1/revenue?by=day")]
    for first in range(len(days)):
        for last in range(first, len(days)):
            got = rows(f"/v1/revenue?by=day&from={days[first]}&to={days[last]}")
            equal([row["day"] for row in got], days[first:last + 1])
    between = (datetime.date.fromisoformat(days[-1]) + datetime.timedelta(1)).isoformat()
    equal(rows(f"/v1/revenue?by=day&from={between}"), [])
    equal(rows("/v1/revenue?by=payer&unit=LUCID"), [])
    for param, query in (("by", ""), ("by", "?by="), ("by", "?by=month"),
                         ("from", "?by=day&from=2026-13-01"),
                         ("to", "?by=day&to=yesterday"), ("from", "?by=payer&from=2026-01-01"),
                         ("unit", "?by=day&unit=EUR"), ("limit", "?by=day&limit=0"),
                         ("cursor", "?by=day&cursor=zz"),
                         ("cursor", "?by=payer&cursor=" + b"1=x".hex())):
        problem(shop.client.request("GET", "/v1/revenue" + query, token=reader), 400,
                "INVALID_PARAMETER", param)
    problem(shop.client.request("GET", f"/v1/assets/{ASSET}/revenue?by=asset", token=reader), 400,
            "INVALID_PARAMETER", "by")
    problem(shop.client.request("GET", "/v1/assets/nothing/revenue?by=day", token=reader), 404,
            "NOT_FOUND")
    equal(shop.client.request("GET", "/v1/revenue?by=day").status, 401)

with case("the command line"):
    env = {"LUCID_URL": f"http://127.0.0.1:{shop.port}", "LUCID_TOKEN": reader}
    lucid = functools.partial(kit.run_lucid, env=env)
    shown = json.loads(lucid("asset", "revenue", ASSET, "--by", "day", "--json"))
    equal(shown["items"], rows(f"/v1/assets/{ASSET}/revenue?by=day", 100))
    table = lucid("asset", "revenue", "--by", "payer").decode()
    assert "alice" in table and "USDC" in table, table
    assert ASSET in lucid("asset", "revenue").decode()
    equal(kit.lucid("asset", "revenue", ASSET, "--by", "asset", env=env)[0], 1)
    first = rows("/v1/revenue?by=day")[0]["day"]
    day = json.loads(lucid("asset", "revenue", "--by", "day", "--to", first, "--json"))
    equal([row["day"] for row in day["items"]], [first])

shop.stop()
chain.close()
shutil.rmtree(folder)
kit.done()
