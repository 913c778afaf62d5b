#!/usr/bin/env python3
"""/discovery/resources: what is for sale, in the form that facilitators list resources in; what it
asks is what the 402 asks."""

import kit
import kit_chain
import kit_schema
from kit import case, equal
from kit_pay import offer_v2
from kit_shop import ASSET, PRICE, Shop

URL = "https://ledger.example"
PATH = "/discovery/resources"
chain = kit_chain.chain()
shop = Shop(chain, public_url=URL)
api = kit_schema.OpenApi(shop.get("/openapi.json").json())


def listed(query="", status=200):
    answer = shop.get(PATH + query)
    equal(answer.status, status, repr(answer))
    if status == 200:
        api.check({"$ref": "#/components/schemas/DiscoveryList"}, answer.json())
    return answer.json()


with case("a class that is sold: its route, and what a 402 of it accepts"):
    got = listed()
    equal((got["x402Version"], got["pagination"]), (2, {"limit": 100, "offset": 0, "total": 1}))
    item = got["items"][0]
    equal((item["resource"], item["type"], item["x402Version"]),
          (URL + "/v1/receipts/{id}/proof", "http", 2))
    required = offer_v2(shop.offer())
    equal(item["accepts"], required["accepts"])
    equal(item["metadata"], {
        "asset": ASSET, "price_version": 1, "method": "GET", "mime_type": "application/json",
        "description": required["resource"]["description"], "price_per_call": str(PRICE)})
    equal(item["lastUpdated"], shop.ok(f"/v1/assets/{ASSET}/pricing")["set_at"])
    equal(shop.get(PATH).header("access-control-allow-origin"), "*")

with case("prices that say where: their own words; by token and by the hour; never for nothing"):
    shop.set_price("run", resource="https://api.example/run", description="a run",
                   mime_type="text/plain", price_per_token="3", grant_seconds=60)
    shop.set_price("hours", price="0", price_subscription_hour="500",
                   resource="https://api.example/hours")
    shop.set_price("nowhere", price_subscription_hour="500")
    shop.set_price("elsewhere", network="eip155:1", resource="https://api.example/elsewhere")
    items = {item["metadata"]["asset"]: item for item in listed()["items"]}
    equal(sorted(items), ["hours", ASSET, "run"])
    run, hours = items["run"], items["hours"]
    equal((run["resource"], run["accepts"][0]["amount"]), ("https://api.example/run", str(PRICE)))
    equal(run["metadata"], {
        "asset": "run", "price_version": 1, "description": "a run", "mime_type": "text/plain",
        "price_per_call": str(PRICE), "price_per_token": "3", "grant_seconds": 60})
    equal((hours["accepts"], hours["metadata"]["subscribe"],
           hours["metadata"]["price_subscription_hour"]),
          ([], URL + "/v1/access/subscribe", "500"))

with case("a price that changes or goes is listed so at once"):
    shop.set_price("run", price=7, resource="https://api.example/run2")
    items = {item["metadata"]["asset"]: item for item in listed()["items"]}
    equal((items["run"]["resource"], items["run"]["accepts"][0]["amount"],
           items["run"]["metadata"]["price_version"]), ("https://api.example/run2", "7", 2))
    shop.client.request("DELETE", "/v1/assets/run/pricing", token=shop.token)
    equal(listed()["pagination"]["total"], 2)

with case("pages by limit and offset give each item once"):
    for i in range(25):
        shop.set_price(f"many-{i:02}", resource=f"https://api.example/{i}")
    whole = listed()
    equal(whole["pagination"]["total"], 27)
    pages = []
    for offset in range(0, 40, 10):
        page = listed(f"?type=http&limit=10&offset={offset}")
        equal(page["pagination"], {"limit": 10, "offset": offset, "total": 27})
        pages += page["items"]
    equal(pages, whole["items"])
    equal(listed("?offset=27")["items"], [])
    equal(listed(f"?offset={2**63 - 1}")["items"], [])

with case("refused: other types, limits and offsets"):
    for query, param in (("?type=mcp", "type"), ("?type=", "type"), ("?limit=0", "limit"),
                         ("?limit=101", "limit"), ("?limit=x", "limit"), ("?limit=01", "limit"),
                         ("?offset=-1", "offset"), ("?offset=1.0", "offset"),
                         (f"?offset={2**63}", "offset")):
        answer = listed(query, 400)
        equal((answer["code"], answer["param"]), ("INVALID_PARAMETER", param), query)

with case("where nothing is sold the list is empty"):
    shop.stop()
    with_none = kit.Service()
    got = with_none.get(PATH).json()
    equal((got["items"], got["pagination"]["total"]), ([], 0))
    with_none.stop()

kit.done()
