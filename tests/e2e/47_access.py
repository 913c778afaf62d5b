#!/usr/bin/env python3
"""Subscriptions: hours of an asset, bought with one payment, used with a secret that only the buyer
has, prolonged, expired, revoked. A payment buys once, and who copies it from the chain gets
nothing."""

import datetime
import hashlib
import json
import os

import kit
import kit_chain
import kit_pay
import kit_schema
from kit import case, equal, problem
from kit_chain import PAYER, PAYER2
from kit_clock import Clock
from kit_evm import unhex
from kit_receipts import Maker
from kit_shop import ASSET, Shop

HOUR = 250  # base units
SUBSCRIBE = "/v1/access/subscribe"
MS = 3600 * 1000
clock = Clock(kit.scratch())
chain = kit_chain.chain()


class ClockShop(Shop):
    def start(self, *settings, **more):
        super().start(*settings, prefix=clock.prefix(), **more)


shop = ClockShop(chain, public_url="https://ledger.example")
shop.set_price(price_subscription_hour=str(HOUR))
api = kit_schema.OpenApi(shop.get("/openapi.json").json())


class Secret:
    def __init__(self):
        self.text = os.urandom(32).hex()
        self.sha256 = hashlib.sha256(self.text.encode()).hexdigest()

    def id(self, asset=ASSET):
        return hashlib.sha256(b"lucid/grant/v1\n" + asset.encode() + b"\0" +
                              bytes.fromhex(self.sha256)).hexdigest()[:32]

    def header(self, asset=ASSET):
        return {"X-Access-Grant": f"{self.id(asset)}.{self.text}"}


def body_of(secret, hours=24, asset=ASSET, **more):
    return {"asset": asset, "duration_hours": hours, "secret_sha256": secret.sha256, **more}


def ask(body, header=None, client=None):
    more = {header[0]: header[1]} if header else None
    return (client or shop.client).request("POST", SUBSCRIBE, body, more)


def subscribe(secret, hours=24, wallet=PAYER, pay=kit_pay.pay_v2, status=201):
    """Buys; the header that paid, and the answer."""
    body = body_of(secret, hours)
    asked = ask(body)
    problem(asked, 402, "PAYMENT_REQUIRED")
    equal(asked.json()["x402"]["payment"]["amount"], str(HOUR * hours))
    header = pay(asked, wallet)
    answer = ask(body, header)
    equal(answer.status, status, repr(answer))
    equal(answer.header("Cache-Control"), "private, no-store")
    api.check({"$ref": "#/components/schemas/AccessGrant"}, answer.json())
    return header, answer.json()


def use(secret, path=None, **more):
    return shop.client.request("GET", path or shop.proof_path, None, {**secret.header(), **more})


ADMITTED = 0


def admitted(answer):
    global ADMITTED
    ADMITTED += 1
    equal(answer.status, 200, repr(answer))
    equal(answer.header("Cache-Control"), "private, no-store")
    equal(answer.header("X-Payment-Id"), None)
    assert answer.header("X-Access-Expires").endswith("Z"), answer
    return answer.json()


def not_admitted(answer, why):
    problem(answer, 402, "PAYMENT_REQUIRED")
    assert why in answer.json()["detail"], answer.json()["detail"]
    equal(answer.header("X-Access-Expires"), None)


def grant(secret, token=None):
    return shop.ok(f"/v1/access/{secret.id()}", token=token or shop.token)


def events(kind="grant."):
    return [(event["type"], event["decoded"]) for event in shop.events(kind)]


def payments_begun():
    """Events of payments but payment.final, which comes by itself when a block is deep enough."""
    return len([kind for kind, _ in events("payment.") if kind != "payment.final"])


def ms(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


first, second = Secret(), Secret()

with case("a subscription bought with v2: one commit with its payment; it answers what is sold"):
    before = payments_begun()
    header_of_first, got = subscribe(first, 24)
    equal((got["id"], got["asset"], got["status"], got["subscribed"], got["duration_hours"]),
          (first.id(), ASSET, "active", True, 24))
    equal(ms(got["expires_at"]) - ms(got["starts_at"]), 24 * MS)
    equal([kind for kind, _ in events()], ["grant.issued"])
    issued = events()[0][1]
    equal((issued["hours"], issued["secret"], issued["payment"]),
          (24, first.sha256, got["payment"]))
    payment = shop.ok(f"/v1/payments/{got['payment']}", token=shop.token)
    equal((payment["status"], payment["amount"], payment["x402"]["served"]),
          ("settled", str(24 * HOUR), True))
    equal(got["price_version"], 2)
    for _ in range(3):
        assert "checkpoint" in admitted(use(first))
    equal(shop.get("/v1/log").status, 200)
    equal(payments_begun(), before + 2, "intent and settled")

with case("the secret is nowhere: not in the log, not in an answer"):
    lines = b"".join(shop.get(path, token=shop.token).body for path in
                     ("/v1/events", "/v1/access", f"/v1/access/{first.id()}", "/v1/payments"))
    assert first.text.encode() not in lines and first.sha256.encode() in lines

with case("the same payment once more is the same grant and no more hours"):
    for _ in range(3):
        again = ask(body_of(first, 24), header_of_first)
        equal((again.status, again.json()["id"]), (200, first.id()), repr(again))
        equal(again.json()["expires_at"], got["expires_at"])
    equal(len(events()), 1)
    problem(ask(body_of(first, 25), header_of_first), 402, "PAYMENT_REQUIRED")
    problem(ask(body_of(second, 24), header_of_first), 409, "PAYMENT_ALREADY_SPENT",
            "PAYMENT-SIGNATURE")

with case("who rebuilds the header from the chain gets nothing that admits"):
    thief = Secret()
    problem(ask(body_of(thief, 24), header_of_first), 409, "PAYMENT_ALREADY_SPENT",
            "PAYMENT-SIGNATURE")
    not_admitted(shop.client.request("GET", shop.proof_path, None, {
        "X-Access-Grant": f"{first.id()}.{thief.text}"}), "no such access grant")
    not_admitted(shop.client.request("GET", shop.proof_path, None, {
        "X-Access-Grant": f"{first.id()}.{first.sha256}"}), "no such access grant")
    equal(shop.get(f"/v1/access/{first.id()}").status, 401)
    equal(shop.client.request("GET", f"/v1/access/{first.id()}", None, {
        "X-Access-Grant": f"{first.id()}.{thief.text}"}).status, 401)

with case("bought again with the same secret it is prolonged from its end, to the millisecond"):
    _, more = subscribe(first, 6, PAYER2, kit_pay.pay_v1)
    equal((more["id"], more["duration_hours"], more["purchases"]), (first.id(), 30, 2))
    equal(ms(more["expires_at"]), ms(got["expires_at"]) + 6 * MS)
    equal(more["starts_at"], got["starts_at"])
    equal(events()[-1][0], "grant.extended")
    equal(ask(body_of(first, 24), header_of_first).json()["expires_at"], more["expires_at"])
    equal(len(events()), 2)

with case("a subscription bought with a transfer, X-Payment-Proof"):
    body = json.dumps(body_of(second, 2)).encode()
    asked = shop.client.request("POST", SUBSCRIBE, body)
    problem(asked, 402, "PAYMENT_REQUIRED")
    paid = asked.json()["x402"]["payment"]
    tx = chain.transfer(PAYER, unhex(paid["recipient"]), int(paid["amount"]))
    header = kit_pay.pay_proof(asked, tx, PAYER, body=body)
    answer = shop.client.request("POST", SUBSCRIBE, body, {header[0]: header[1]})
    equal(answer.status, 201, repr(answer))
    equal(shop.client.request("POST", SUBSCRIBE, body, {header[0]: header[1]}).status, 200)
    equal(answer.json()["id"], second.id())
    admitted(use(second))

with case("for another asset it admits nothing; a malformed one is 400, with or without a payment"):
    shop.set_price("other", price_subscription_hour="1")
    other = Secret()
    body = body_of(other, 1, "other")
    asked = ask(body)
    equal(ask(body, kit_pay.pay_v2(asked, PAYER)).status, 201)
    not_admitted(shop.client.request("GET", shop.proof_path, None, other.header("other")),
                 "another asset")
    for bad in ("", "x", first.id(), first.header()["X-Access-Grant"].upper(),
                first.header()["X-Access-Grant"] + "0", first.id() + ":" + first.text):
        answer = shop.client.request("GET", shop.proof_path, None, {"X-Access-Grant": bad})
        equal((answer.status, answer.json()["code"]), (400, "GRANT_MALFORMED"), bad)
    paid = kit_pay.pay_v2(shop.offer(), PAYER)
    answer = shop.show(paid, **{"X-Access-Grant": "x"})
    equal(answer.status, 400)
    answer = shop.show(paid, **{"X-Access-Grant": f"{first.id()}.{other.text}"})
    equal(answer.status, 200, "a grant that does not admit, and a payment that does")
    assert answer.header("X-Payment-Id"), answer

with case("a grant that admits leaves a payment that comes with it untouched"):
    paid = kit_pay.pay_v2(shop.offer(), PAYER)
    before = payments_begun()
    admitted(use(first, **{paid[0]: paid[1]}))
    equal(payments_begun(), before)

with case("who may see it: its owner by the secret, scope read by token"):
    own = shop.client.request("GET", f"/v1/access/{first.id()}", None, first.header())
    equal((own.status, own.json()), (200, grant(first)))
    equal(own.header("Cache-Control"), "private, no-store")
    equal(shop.client.request("GET", f"/v1/access/{second.id()}", None, first.header()).status, 401)
    equal(shop.get("/v1/access").status, 401)
    listed = shop.ok(f"/v1/access?asset={ASSET}", token=shop.token)["items"]
    equal([item["id"] for item in listed], [first.id(), second.id()])
    page = shop.ok("/v1/access?limit=2", token=shop.token)
    rest = shop.ok(f"/v1/access?limit=2&cursor={page['next_cursor']}", token=shop.token)
    equal([item["id"] for item in page["items"] + rest["items"]],
          [first.id(), second.id(), other.id("other")])
    equal(shop.get("/v1/access/" + "0" * 32, token=shop.token).status, 404)
    equal(shop.get("/v1/access/x", token=shop.token).status, 404)
    equal(shop.get("/v1/access?asset=a/b", token=shop.token).status, 400)

with case("refused before anybody pays: hours, secret, an asset without hours"):
    ignored = ("head", "price.set", "payment.final")
    before = len([e for e in shop.events() if e["type"] not in ignored])
    for bad, param in (({"duration_hours": 0}, "duration_hours"),
                       ({"duration_hours": 8785}, "duration_hours"),
                       ({"duration_hours": "24"}, "duration_hours"),
                       ({"duration_hours": 1.5}, "duration_hours"),
                       ({"duration_hours": None}, "duration_hours"),
                       ({"secret_sha256": None}, "secret_sha256"),
                       ({"secret_sha256": first.sha256[1:]}, "secret_sha256"),
                       ({"secret_sha256": first.sha256.upper()}, "secret_sha256"),
                       ({"asset": 1}, "asset"), ({"asset": "a/b"}, "asset")):
        answer = ask({**body_of(Secret()), **bad})
        equal((answer.status, answer.json()["code"], answer.json()["param"]),
              (422, "INVALID_GRANT", param), str(bad))
    for missing in ("asset", "secret_sha256"):
        body = body_of(Secret())
        del body[missing]
        equal(ask(body).json()["param"], missing)
    problem(ask(body_of(Secret(), asset="nothing")), 422, "ASSET_NOT_PRICED", "asset")
    shop.set_price("calls")
    problem(ask(body_of(Secret(), asset="calls")), 422, "ASSET_NOT_PRICED", "asset")
    shop.set_price("dear", price_subscription_hour=str(2**63 - 1))
    problem(ask(body_of(Secret(), 2, asset="dear")), 422, "AMOUNT_OVERFLOW", "duration_hours")
    equal(len([e for e in shop.events() if e["type"] not in ignored]), before)
    body = body_of(Secret())
    del body["duration_hours"]
    equal(ask(body).json()["x402"]["payment"]["amount"], str(24 * HOUR))

with case("a price that changes: what was quoted holds, by the version that it was quoted by"):
    held = Secret()
    asked = ask(body_of(held, 4))
    tx = chain.transfer(PAYER2, unhex(asked.json()["x402"]["payment"]["recipient"]), 4 * HOUR)
    version = shop.set_price(price_subscription_hour=str(2 * HOUR))["version"]
    sent = json.dumps(body_of(held, 4)).encode()
    asked_raw = shop.client.request("POST", SUBSCRIBE, sent)
    equal(asked_raw.json()["x402"]["payment"]["amount"], str(8 * HOUR))
    shop.set_price(price_subscription_hour=str(HOUR))
    asked = shop.client.request("POST", SUBSCRIBE, sent)
    tx = chain.transfer(PAYER2, unhex(asked.json()["x402"]["payment"]["recipient"]), 4 * HOUR)
    shop.set_price(price_subscription_hour=None)
    header = kit_pay.pay_proof(asked, tx, PAYER2, body=sent)
    answer = shop.client.request("POST", SUBSCRIBE, sent, {header[0]: header[1]})
    equal((answer.status, answer.json()["price_version"]), (201, version + 1), repr(answer))
    shop.set_price(price_subscription_hour=str(HOUR))

with case("an administrator gives hours, and takes a grant away: no money moves"):
    given = Secret()
    before = payments_begun()
    equal(shop.client.request("POST", "/v1/access", body_of(given)).status, 401)
    answer = shop.client.request("POST", "/v1/access", body_of(given, 1, note="a friend"),
                                 token=shop.token)
    equal((answer.status, answer.json()["payment"], answer.json()["note"]),
          (201, None, "a friend"), repr(answer))
    admitted(use(given))
    path = f"/v1/access/{given.id()}/revoke"
    equal(shop.client.request("POST", path, {"reason": "x"}).status, 401)
    equal(shop.client.request("POST", path, {}, token=shop.token).status, 422)
    equal(shop.client.request("POST", path, {"reason": ""}, token=shop.token).status, 422)
    revoked = shop.client.request("POST", path, {"reason": "abuse"}, token=shop.token)
    equal((revoked.status, revoked.json()["status"], revoked.json()["reason"]),
          (200, "revoked", "abuse"))
    again = shop.client.request("POST", path, {"reason": "more"}, token=shop.token)
    equal((again.status, again.json()), (200, revoked.json()))
    not_admitted(use(given), "was revoked")
    problem(ask(body_of(given)), 409, "GRANT_REVOKED", "secret_sha256")
    equal(shop.client.request("POST", "/v1/access/" + "0" * 32 + "/revoke", {"reason": "x"},
                              token=shop.token).status, 404)
    equal(payments_begun(), before)

with case("revoked after it was quoted: refused before any money moves"):
    fresh = Secret()
    header = kit_pay.pay_v2(ask(body_of(fresh, 3)), PAYER2)
    for path, body in (("/v1/access", body_of(fresh, 1)),
                       (f"/v1/access/{fresh.id()}/revoke", {"reason": "x"})):
        assert shop.client.request("POST", path, body, token=shop.token).status in (200, 201)
    before, money = payments_begun(), chain.balance(PAYER2.address)
    problem(ask(body_of(fresh, 3), header), 409, "GRANT_REVOKED", "secret_sha256")
    equal((payments_begun(), chain.balance(PAYER2.address)), (before, money))

with case("metrics: how many admit, how often they did"):
    text = shop.get("/metrics").body.decode()
    lines = dict(line.split() for line in text.splitlines() if line.startswith("lucid_grants"))
    equal(int(lines["lucid_grants_live"]), 4)
    equal(int(lines["lucid_grants_admitted_total"]), ADMITTED)

with case("time: 25 hours later what was bought for 2 hours has ended, what was prolonged has not"):
    clock.set(25 * MS)
    not_admitted(use(second), "has expired")
    equal((grant(second)["status"], grant(second)["subscribed"]), ("expired", False))
    admitted(use(first))
    lines = shop.get("/metrics").body.decode()
    assert "lucid_grants_live 1\n" in lines, [x for x in lines.splitlines() if "grants" in x]
    clock.set(31 * MS)
    not_admitted(use(first), "has expired")
    answer = shop.client.request("POST", "/v1/access", body_of(first, 1), token=shop.token)
    equal(ms(answer.json()["expires_at"]) - ms(answer.json()["starts_at"]), MS)
    admitted(use(first))

with case("the books balance, the store checks out, and its events make the same tables again"):
    shop.audit()
    shop.stop()
    kit.run_lucid("log", "replay", "--data", shop.data, "--to",
                  os.path.join(kit.scratch(), "again"), "--verify")

with case("lucid access: buys, keeps the grant, prolongs it; gives, lists, shows, revokes"):
    own = Shop(chain)
    own.set_price(price_subscription_hour=str(HOUR))
    folder = kit.scratch()
    key = os.path.join(folder, "payer.key")
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write(PAYER.key_text + "\n")
    url = f"http://127.0.0.1:{own.port}"
    buy = ("access", "subscribe", url, "--asset", ASSET, "--hours", "2", "-k", key)
    out = json.loads(kit.run_lucid(*buy, "--json", cwd=folder))
    bought = out["body"]
    equal((out["paid"], out["amount"], bought["status"], bought["duration_hours"]),
          (True, str(2 * HOUR), "active", 2))
    path = os.path.join(folder, f"lucid-{ASSET}.grant")
    equal(os.stat(path).st_mode & 0o777, 0o600)
    with open(path, encoding="ascii") as file:
        value = file.read().strip()
    equal(value.split(".")[0], bought["id"])
    answer = own.client.request("GET", own.proof_path, None, {"X-Access-Grant": value})
    equal(answer.status, 200, repr(answer))
    more = json.loads(kit.run_lucid(*buy, "--json", cwd=folder))["body"]
    equal((more["id"], more["duration_hours"]), (bought["id"], 4))
    status, _, err = kit.lucid("access", "subscribe", url, "--asset", "else", "-g", path, "-k", key,
                               cwd=folder)
    equal(status, 2, err)
    status, _, err = kit.lucid(*buy[:-2], "--hours", "8785", "-k", key, cwd=folder)
    equal(status, 2, err)
    status, _, err = kit.lucid(*buy, "--max-amount", "0.0001", cwd=folder)
    equal(status, 1, err)
    admin = ("--url", url, "--data", own.data)
    gift = json.loads(kit.run_lucid("access", "issue", "--asset", ASSET, "-g", "gift", "--note",
                                    "a friend", "--json", *admin, cwd=folder))
    listed = json.loads(kit.run_lucid("access", "list", "--asset", ASSET, "--json", *admin))
    equal([item["id"] for item in listed["items"]], [bought["id"], gift["id"]])
    gone = json.loads(kit.run_lucid("access", "revoke", gift["id"], "--reason", "x", "--json",
                                    *admin))
    equal((gone["status"], gone["reason"]), ("revoked", "x"))
    equal(json.loads(kit.run_lucid("access", "show", gift["id"], "--json", *admin)), gone)
    assert b"revoked" in kit.run_lucid("access", "list", *admin)
    own.stop()

with case("a write that is sold is admitted as well"):
    writer = Shop(chain, {"receipt": "writes"})
    pass_ = Secret()
    equal(writer.client.request("POST", "/v1/access", body_of(pass_, 1, "writes"),
                                token=writer.token).status, 201)
    sealed = writer.signer.seal(Maker("47").body("inference"))
    problem(writer.submit(sealed), 402, "PAYMENT_REQUIRED")
    answer = writer.client.request("POST", "/v1/receipts", sealed.wire(), {
        "Content-Type": "application/json", **pass_.header("writes")})
    equal((answer.status, answer.header("Cache-Control")), (201, "private, no-store"), repr(answer))
    assert answer.header("X-Access-Expires"), answer
    writer.stop()

with case("an outcome that is late: the hours are the buyer's, not of who copies the payment"):
    late = Shop(chain, settle_ms_max=1000, stop_grace_ms=300)
    for asset, hour in ((ASSET, HOUR), ("other", HOUR), ("other", HOUR // 2)):
        late.set_price(asset, price_subscription_hour=str(hour))
    buyer, thief = Secret(), Secret()
    header = kit_pay.pay_v2(ask(body_of(buyer, 4), client=late.client), PAYER)
    chain.set_automine(False)
    pending = ask(body_of(buyer, 4), header, late.client)
    problem(pending, 503, "PAYMENT_PENDING")
    path = f"/v1/payments/{pending.header('X-Payment-Id')}"
    problem(ask(body_of(thief, 4), header, late.client), 503, "PAYMENT_PENDING")
    chain.set_automine(True)
    chain.mine()
    kit.wait_for(lambda: late.ok(path, token=late.token)["status"] == "settled", 20, "the payment")
    for other in (body_of(thief, 4), body_of(buyer, 4, "other"), body_of(buyer, 8, "other")):
        answer = ask(other, header, late.client)
        assert answer.status in (402, 409), (other, answer)
    equal(late.ok("/v1/access", token=late.token)["items"], [])
    answer = ask(body_of(buyer, 4), header, late.client)
    equal((answer.status, answer.json()["id"]), (201, buyer.id()), repr(answer))
    late.audit()
    late.stop()

kit.done()
