#!/usr/bin/env python3
"""Selling what stands behind a reverse proxy without code: Debian's nginx with the configuration of
examples/nginx, Debian's Caddy with that of examples/caddy, and the very sub-requests that Traefik
sends. What moved on the chain is what the books say."""

import atexit
import hashlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import kit
import kit_chain
import kit_pay
import kit_schema
from kit import case, equal, problem
from kit_chain import PAYEE, PAYER, PAYER2
from kit_evm import unhex
from kit_shop import Shop

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
sys.path.insert(0, EXAMPLES)
import check_access  # noqa: E402  pylint: disable=wrong-import-position

PRICE = 10000
FILES, API, DAY, WORDS = "paid-files", "paid-api", "day-pass", "words"
AUTHORIZE, EXPLAIN = "/v1/x402/authorize", "/v1/x402/explain"

chain = kit_chain.chain()
shop = Shop(chain, start=False, proxy_headers="original", stop_grace_ms=300, settle_ms_max=3000)
shop.start()
received = 0


def price(asset, amount=PRICE, **members):
    shop.set_price(asset, amount, **members)


for name in (FILES, API):
    price(name, description="d" * 256)
price(DAY, grant_seconds=3)
price(WORDS, 500, price_per_token="7")
api = kit_schema.OpenApi(shop.get("/openapi.json").json())


def token_new(scope):
    return shop.post("/v1/tokens", {"name": scope, "scopes": [scope]},
                     token=shop.token).json()["token"]


TOKEN = token_new("proxy")


def paid(amount=PRICE):
    """Money that came, to the unit."""
    global received
    received += amount
    settled = sum(int(item["amount"]) for item in shop.payments(status="settled"))
    equal((chain.balance(PAYEE.address), settled), (received, received))


def unpaid():
    equal(chain.balance(PAYEE.address), received, "no money moved")


# --- the routes, asked directly -----------------------------------------------------------------

serial = 0


def new_id():
    global serial
    serial += 1
    return f"proxy-id-{serial:06d}"


def original(uri="/paid/a.txt", method="GET", host="shop.example", ident=None, **more):
    """What an auth sub-request says, in the family `original`."""
    headers = {"X-Original-Method": method, "X-Original-Host": host, "X-Original-URI": uri,
               "X-Request-Id": ident or new_id()}
    headers.update({name.replace("_", "-"): value for name, value in more.items()})
    return {name: value for name, value in headers.items() if value is not None}


def ask(route, headers, asset=FILES, query="", pay=None, token=TOKEN):
    headers = {**headers, **({pay[0]: pay[1]} if pay else {})}
    answer = shop.client.request("GET", f"{route}?asset={asset}{query}", headers=headers,
                                 token=token)
    api.judge("GET", route, answer)
    return answer


def authorize(headers, **more):
    return ask(AUTHORIZE, headers, **more)


def veiled(answer, status, true_status, reason):
    equal((answer.status, answer.header("X-Payment-Status"), answer.header("X-Payment-Reason")),
          (status, str(true_status), reason), repr(answer))


def true(headers, **more):
    """As for a proxy that passes the answer on."""
    return authorize(headers, query="&status=402", **more)


def explain(headers, refused=None, **more):
    """As the proxy asks after a refusal."""
    hint = "" if refused is None else (f"&was={refused.header('X-Payment-Status')}"
                                       f"&reason={refused.header('X-Payment-Reason')}")
    return ask(EXPLAIN, headers, query=hint, **more)


def keys():
    return check_access.keys_of(shop.ok("/.well-known/jwks.json"))


def admitted(answer, asset=FILES, ident=None):
    """A 200 of authorize, its access header checked as an upstream does; the payment's id."""
    equal(answer.status, 200, repr(answer))
    equal(answer.header("Cache-Control"), "private, no-store")
    equal(answer.header("X-Payment-Status"), "200")
    claims = check_access.check(answer.header("X-Lucid-Access"), keys(), asset, kit.ORIGIN, ident)
    equal(claims["payment"], answer.header("X-Payment-Id"))
    assert 0 < claims["exp"] - claims["iat"] <= 61, claims
    name = "X-PAYMENT-RESPONSE" if answer.header("X-PAYMENT-RESPONSE") else "PAYMENT-RESPONSE"
    equal(kit_pay.unb64(answer.header(name))["success"], True)
    return claims["payment"]


def transfer_proof(asked, wallet):
    payment = asked.json()["x402"]["payment"]
    tx = chain.transfer(wallet, unhex(payment["recipient"]), int(payment["amount"]))
    return kit_pay.pay_proof(asked, tx, wallet)


with case("who may: the scope proxy, and only where a family is configured"):
    equal(ask(AUTHORIZE, original(), token=None).status, 401)
    problem(ask(AUTHORIZE, original(), token=token_new("read")), 403, "FORBIDDEN")
    problem(ask(EXPLAIN, original(), token=token_new("facilitate")), 403, "FORBIDDEN")
    veiled(authorize(original()), 401, 402, "payment_required")

with case("a request is paid for once, by its id"):
    first = original()
    refused = authorize(first)
    veiled(refused, 401, 402, "payment_required")
    asked = explain(first, refused)
    problem(asked, 402, "PAYMENT_REQUIRED")
    equal(kit_pay.offer_v2(asked)["resource"]["url"], "https://shop.example/paid/a.txt")
    equal((asked.json()["x402"]["method"], asked.json()["x402"]["resource"]),
          ("GET", "https://shop.example/paid/a.txt"))
    header = kit_pay.pay_v2(asked, PAYER)
    second = original()
    ident = admitted(authorize(second, pay=header), ident=second["X-Request-Id"])
    paid()
    payment = shop.ok(f"/v1/payments/{ident}", token=shop.token)
    equal((payment["asset"], payment["x402"]["resource"], payment["x402"]["served"]),
          (FILES, "https://shop.example/paid/a.txt", True))
    equal(admitted(authorize(second, pay=header)), ident, "the same sub-request again")
    equal(admitted(true(second, pay=header)), ident)
    for other in (original(), original("/paid/b.txt"),
                  {**second, "X-Original-URI": "/paid/b.txt"},
                  {**second, "X-Original-Method": "POST"}):
        refused = authorize(other, pay=header)
        assert refused.status in (401, 403), refused
        assert explain(other, refused, pay=header).status in (402, 409)
    other = original()
    veiled(refused := authorize(other, pay=header), 403, 409, "payment_already_spent")
    problem(explain(other, refused, pay=header), 409, "PAYMENT_ALREADY_SPENT", "PAYMENT-SIGNATURE")
    problem(explain(other, pay=header), 409, "PAYMENT_ALREADY_SPENT", "PAYMENT-SIGNATURE")
    problem(true(other, pay=header), 409, "PAYMENT_ALREADY_SPENT", "PAYMENT-SIGNATURE")
    equal(authorize({**second, "X-Original-Method": "HEAD"}, pay=header).status, 200,
          "a HEAD is a GET whose answer is not wanted")
    unpaid()

with case("what was paid for one asset is none for another, whatever the request"):
    asked = true(first := original())
    header = kit_pay.pay_v2(asked, PAYER)
    admitted(authorize(first, pay=header))
    paid()
    veiled(authorize(first, pay=header, asset=API), 403, 409, "payment_already_spent")
    unpaid()

with case("with v1, and with a transfer that the payer signs for"):
    header = kit_pay.pay_v1(true(original()), PAYER2)
    admitted(authorize(first := original(), pay=header))
    paid()
    equal(authorize(first, pay=header).header("PAYMENT-RESPONSE"), None)
    header = transfer_proof(true(original(method="POST", uri="/api/x?y=1")), PAYER)
    admitted(authorize(first := original("/api/x?y=1", "POST"), pay=header))
    paid()
    admitted(authorize(first, pay=header))
    veiled(authorize(original("/api/x?y=1", "POST"), pay=header), 403, 409,
           "payment_already_spent")
    veiled(authorize(original("/api/x?y=2", "POST"), pay=header), 403, 409,
           "payment_already_spent")
    unpaid()

with case("what does not fit is refused, and explained"):
    asked = true(original())
    for header, status, code, reason in (
            (kit_pay.pay_v2(asked, PAYER, PRICE + 1), 402, "PAYMENT_REQUIRED",
             "invalid_exact_evm_payload_authorization_value_mismatch"),
            (kit_pay.pay_v1(asked, PAYER, PRICE - 1), 402, "PAYMENT_REQUIRED",
             "invalid_exact_evm_payload_authorization_value_mismatch"),
            (("PAYMENT-SIGNATURE", "not base64!"), 400, "PAYMENT_MALFORMED", "payment_malformed")):
        veiled(refused := authorize(first := original(), pay=header), 401 if status == 402 else 403,
               status, reason)
        problem(explain(first, refused, pay=header), status, code,
                header[0] if status == 400 else None)
        problem(true(original(), pay=header), status, code, header[0] if status == 400 else None)
    v1, v2 = kit_pay.pay_v1(asked, PAYER), kit_pay.pay_v2(asked, PAYER)
    veiled(authorize({**original(), v1[0]: v1[1]}, pay=v2), 403, 400, "payment_malformed")
    poor = kit_chain.Wallet("poor")
    header = kit_pay.pay_v2(asked, poor)
    refused = authorize(first := original(), pay=header)
    equal((refused.status, refused.header("X-Payment-Status")), (401, "402"))
    told = explain(first, refused, pay=header)
    problem(told, 402, "PAYMENT_REQUIRED")
    equal(kit_pay.unb64(told.header("PAYMENT-RESPONSE"))["errorReason"],
          refused.header("X-Payment-Reason"))
    problem(explain(first, pay=header), 503, "PAYMENT_UNAVAILABLE")
    unpaid()

with case("explain takes no payment, also one that is good"):
    header = kit_pay.pay_v2(true(original()), PAYER)
    for _ in range(3):
        problem(explain(original(), pay=header), 503, "PAYMENT_UNAVAILABLE")
    before = len(shop.events("payment."))
    admitted(authorize(first := original(), pay=header))
    paid()
    problem(explain(first, pay=header), 403, "FORBIDDEN")
    equal(sorted({event["type"] for event in shop.events("payment.")[before:]}
                 - {"payment.final"}), ["payment.intent", "payment.settled"])

with case("the families: what is missing, repeated or of the other one is refused"):
    header = kit_pay.pay_v2(true(original()), PAYER)
    for name, value in (("X-Forwarded-Uri", "/free"), ("X-Forwarded-Host", "shop.example"),
                        ("X-Forwarded-Method", "GET"), ("X-Forwarded-Proto", "https"),
                        ("Forwarded", "host=x"), ("X-Rewrite-URL", "/x"), ("X-Original-URL", "/x"),
                        ("X-Original-URI", None), ("X-Original-Host", None),
                        ("X-Original-Method", None), ("X-Request-Id", None),
                        ("X-Request-Id", "short"), ("X-Request-Id", "x" * 129),
                        ("X-Request-Id", "with blank"), ("X-Original-Proto", "ftp"),
                        ("X-Original-Host", "a/b"), ("X-Original-URI", "http://other/x"),
                        ("X-Original-URI", "/a#b"), ("X-Original-Method", "get")):
        wrong = {**original(), name: value}
        wrong = {key: text for key, text in wrong.items() if text is not None}
        veiled(refused := authorize(wrong, pay=header), 403, 400, "proxy_request_invalid")
        problem(true(wrong, pay=header), 400, "PROXY_REQUEST_INVALID", name)
        problem(explain(wrong, refused, pay=header), 400, "PROXY_REQUEST_INVALID", name)
    raw = shop.raw()
    lines = [f"{name}: {value}" for name, value in original().items()]
    for twice in ("X-Original-URI: /paid/b.txt", "X-Request-Id: another-id"):
        raw.send(("\r\n".join([f"GET {AUTHORIZE}?asset={FILES}&status=402 HTTP/1.1", "Host: x",
                               f"Authorization: Bearer {TOKEN}", *lines, twice,
                               f"{header[0]}: {header[1]}"]) + "\r\n\r\n").encode())
        problem(raw.answer(), 400, "PROXY_REQUEST_INVALID", twice.split(":")[0])
    raw.close()
    problem(true(original("/" + "a" * 2048)), 414, "URI_TOO_LONG", "X-Original-URI")
    veiled(authorize(original("/" + "a" * 2048)), 403, 414, "uri_too_long")
    for query in ("?asset=", "?asset=no%20name", f"?asset={WORDS}&tokens=-1"):
        answer = shop.client.request("GET", AUTHORIZE + query, headers=original(), token=TOKEN)
        veiled(answer, 403, 400, "invalid_parameter")
    veiled(authorize(original(), asset="unknown"), 403, 503, "price_unavailable")
    problem(true(original(), asset="unknown"), 503, "PRICE_UNAVAILABLE")
    unpaid()
    assert "proxy.headers" in shop.log_text()
    assert "/paid/b.txt" not in shop.log_text() and header[1] not in shop.log_text()

with case("grant_seconds: a payment admits every request for its asset, for so long"):
    asked = true(original("/day/1"), asset=DAY)
    header = kit_pay.pay_v2(asked, PAYER)
    ident = admitted(authorize(original("/day/1"), pay=header, asset=DAY), DAY)
    settled_at = time.time()
    paid()
    answer = authorize(first := original("/day/2?x=1", "POST"), pay=header, asset=DAY)
    equal(admitted(answer, DAY, first["X-Request-Id"]), ident)
    assert answer.json()["expires_at"], answer
    claims = check_access.open_token(answer.header("X-Lucid-Access"), keys())
    assert claims["exp"] <= settled_at + 5, (claims, settled_at)
    veiled(authorize(original("/day/1"), pay=header), 403, 409, "payment_already_spent")
    proof = transfer_proof(true(original("/day/1"), asset=DAY), PAYER2)
    admitted(authorize(original("/day/1"), pay=proof, asset=DAY), DAY)
    paid()
    admitted(authorize(original("/day/3"), pay=proof, asset=DAY), DAY)
    forged = kit_pay.unb64(header[1])
    forged["payload"]["signature"] = "0x" + "11" * 65
    veiled(authorize(original("/day/4"), pay=(header[0], kit_pay.b64(forged)), asset=DAY),
           401, 402, "invalid_exact_evm_signature")
    kit.wait_for(lambda: authorize(original("/day/5"), pay=header, asset=DAY).status == 403,
                 what="the end of the grant")
    assert time.time() - settled_at < 8 * kit.SLOW
    problem(true(original("/day/1"), pay=header, asset=DAY), 409, "PAYMENT_ALREADY_SPENT",
            "PAYMENT-SIGNATURE")
    unpaid()

with case("an access grant lets in by the hour, for its asset, and no payment is touched"):
    secret = os.urandom(32).hex()
    hours = {"asset": DAY, "duration_hours": 2,
             "secret_sha256": hashlib.sha256(secret.encode()).hexdigest()}
    price(DAY, grant_seconds=3, price_subscription_hour="250")
    asked = shop.post("/v1/access/subscribe", hours)
    problem(asked, 402, "PAYMENT_REQUIRED")
    header = kit_pay.pay_v2(asked, PAYER)
    bought_hours = shop.client.request("POST", "/v1/access/subscribe", hours, dict([header]))
    equal(bought_hours.status, 201, repr(bought_hours))
    paid(500)
    grant = bought_hours.json()["id"]
    shown = ("X-Access-Grant", f"{grant}.{secret}")
    for query in ("", "&status=402", "&tokens=5"):
        answer = ask(AUTHORIZE, first := original("/day/7"), DAY, query, shown)
        equal((answer.status, answer.json()["grant"], answer.json()["payment"]),
              (200, grant, None))
        equal((answer.header("X-Payment-Id"), answer.header("PAYMENT-RESPONSE")), (None, None))
        claims = check_access.check(answer.header("X-Lucid-Access"), keys(), DAY, kit.ORIGIN,
                                    first["X-Request-Id"])
        equal((claims["grant"], claims["exp"] - claims["iat"] <= 61), (grant, True))
    good = kit_pay.pay_v2(true(original("/day/7"), asset=DAY), PAYER)
    equal(authorize({**original("/day/7"), good[0]: good[1]}, asset=DAY, pay=shown).status, 200)
    problem(explain(original("/day/7"), asset=DAY, pay=shown), 403, "FORBIDDEN")
    unpaid()
    veiled(authorize(original(), pay=shown), 401, 402, "payment_required")
    wrong = ("X-Access-Grant", f"{grant}.{os.urandom(32).hex()}")
    veiled(authorize(original(), asset=DAY, pay=wrong), 401, 402, "payment_required")
    broken = ("X-Access-Grant", "x")
    veiled(authorize(original(), asset=DAY, pay=broken), 403, 400, "grant_malformed")
    problem(true(original(), asset=DAY, pay=broken), 400, "GRANT_MALFORMED", "X-Access-Grant")
    equal(shop.post(f"/v1/access/{grant}/revoke", {"reason": "test"}, token=shop.token).status, 200)
    veiled(authorize(original("/day/7"), asset=DAY, pay=shown), 401, 402, "payment_required")
    admitted(authorize({**original("/day/7"), good[0]: good[1]}, asset=DAY, pay=shown), DAY)
    paid()

with case("grant_seconds: a payment that bought hours of the asset is good for nothing else"):
    price(DAY, grant_seconds=3, price_subscription_hour=str(PRICE))
    body = {"asset": DAY, "duration_hours": 1, "secret_sha256": "ab" * 32}
    header = kit_pay.pay_v2(shop.client.request("POST", "/v1/access/subscribe", body), PAYER)
    equal(shop.client.request("POST", "/v1/access/subscribe", body, dict([header])).status, 201)
    paid()
    veiled(authorize(original("/day/1"), pay=header, asset=DAY), 403, 409, "payment_already_spent")
    unpaid()

with case("price_per_token: the proxy counts, the price is checked arithmetic"):
    asked = ask(AUTHORIZE, first := original("/words"), WORDS, "&status=402&tokens=100")
    equal(kit_pay.offer_v2(asked)["accepts"][0]["amount"], str(500 + 7 * 100))
    header = kit_pay.pay_v2(asked, PAYER)
    veiled(ask(AUTHORIZE, original("/words"), WORDS, "&tokens=101", header), 401, 402,
           "invalid_payment_requirements")
    admitted(ask(AUTHORIZE, original("/words"), WORDS, "&tokens=100", header), WORDS)
    paid(1200)
    for tokens in ("9223372036854775807", "1317624576693539401"):
        answer = ask(AUTHORIZE, original("/words"), WORDS, f"&tokens={tokens}")
        veiled(answer, 403, 503, "price_unavailable")
    unpaid()


with case("one payment shown for many requests at once admits one"):
    header = kit_pay.pay_v2(true(original()), PAYER)
    names = [new_id() for _ in range(12)]

    def show(client, number):
        headers = {**original(ident=names[number]), header[0]: header[1]}
        return client.request("GET", f"{AUTHORIZE}?asset={FILES}", headers=headers, token=TOKEN)
    answers = kit.at_once(shop, len(names), show)
    equal(sorted(answer.status for answer in answers)[:2], [200, 403])
    equal(len([answer for answer in answers if answer.status == 200]), 1)
    assert {answer.header("X-Payment-Status") for answer in answers} <= {"200", "409", "503"}
    paid()

with case("an outcome that is not known yet: pending; then it is good for a new request"):
    header = kit_pay.pay_v2(true(original()), PAYER)
    chain.set_automine(False)
    refused = authorize(first := original(), pay=header)
    veiled(refused, 403, 503, "payment_pending")
    ident = refused.header("X-Payment-Id")
    for hint in (refused, None):
        told = explain(first, hint, pay=header)
        problem(told, 503, "PAYMENT_PENDING")
        equal((told.header("X-Payment-Id"), told.header("Retry-After")), (ident, "2"))
    chain.set_automine(True)
    chain.mine()
    kit.wait_for(lambda: shop.ok(f"/v1/payments/{ident}", token=shop.token)["status"] == "settled",
                 what="the payment")
    equal(admitted(authorize(second := original(), pay=header)), ident)
    paid()
    veiled(authorize(original(), pay=header), 403, 409, "payment_already_spent")
    veiled(authorize(first, pay=header), 403, 409, "payment_already_spent")
    equal(admitted(authorize(second, pay=header)), ident)
    unpaid()


# --- nginx --------------------------------------------------------------------------------------


class Upstream:
    """What stands behind: answers with what it was told, and counts."""

    def __init__(self):
        outer, self.seen = self, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.command, self.path, dict(self.headers.items()), body))
                out = json.dumps({"count": len(outer.seen)}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def replaced(text, pairs):
    """Each exactly once: the example is what is tested."""
    for old, new in pairs:
        equal(text.count(old), 1, old)
        text = text.replace(old, new)
    return text


class Proxy:
    """A reverse proxy with an example's configuration, in a folder of its own."""

    def __init__(self, upstream):
        self.folder, self.port, self.upstream = kit.scratch(), free_port(), upstream
        self.root = os.path.join(self.folder, "shop")
        os.makedirs(os.path.join(self.root, "paid"))
        for path, text in (("index.html", "free"), ("paid/index.html", "paid index"),
                           ("paid/report.txt", "the report"), ("paid/other.txt", "another")):
            with open(os.path.join(self.root, path), "w", encoding="ascii") as file:
                file.write(text)
        self.process = self.client = None

    def run(self, command, **env):
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=kit.environment(**env))
        _proxies.append(self)

        def listens():
            assert self.process.poll() is None, self.log()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        kit.wait_for(listens, what="the proxy")
        self.client = kit.Client(self.port)
        return self

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10 * kit.SLOW)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, path, pay=None, method="GET", body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("Host", f"shop.example:{self.port}")
        headers.update([pay] if pay else [])
        return self.client.request(method, path, body, headers)


_proxies = []
atexit.register(lambda: [proxy.stop() for proxy in _proxies])


class Nginx(Proxy):
    def start(self):
        folder = os.path.join(self.folder, "conf")
        shutil.copytree(os.path.join(EXAMPLES, "nginx"), folder)
        temporary = "".join(f"    {name}_temp_path {self.folder}/{name};\n" for name in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        changes = {
            "nginx.conf": [("server 127.0.0.1:8402;", f"server 127.0.0.1:{shop.port};"),
                           ("server 127.0.0.1:9000;", f"server 127.0.0.1:{self.upstream.port};"),
                           ("listen 8080;", f"listen 127.0.0.1:{self.port};"),
                           ("root /srv/shop;", f"root {self.root};"),
                           ("http {\n", "http {\n    access_log off;\n" + temporary)],
            "lucid_token.conf": [("Bearer TOKEN", f"Bearer {TOKEN}")],
        }
        for name, pairs in changes.items():
            path = os.path.join(folder, name)
            with open(path, encoding="ascii") as file:
                text = replaced(file.read(), pairs)
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
        user = "user root;" if os.getuid() == 0 else ""
        return self.run([NGINX, "-p", self.folder, "-c", os.path.join(folder, "nginx.conf"), "-e",
                         "stderr", "-g", f"daemon off; pid {self.folder}/pid; {user}"])


def metric(result):
    text = shop.get("/metrics").body.decode()
    return int(re.search(rf'lucid_proxy_requests_total{{result="{result}"}} (\d+)', text)[1])


def bought(answer, text):
    equal((answer.status, answer.body.decode()), (200, text), repr(answer))
    equal(answer.header("Cache-Control"), "private, no-store")
    said = kit_pay.unb64(answer.header("PAYMENT-RESPONSE") or answer.header("X-PAYMENT-RESPONSE"))
    payment = shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)
    equal((said["success"], said["transaction"]), (True, payment["transaction"]))


NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
behind = Upstream()
nginx = Nginx(behind).start()

with case("nginx: a file is sold: the true 402, the file for a payment, 409 for another path"):
    equal((nginx.ask("/").status, nginx.ask("/").body), (200, b"free"))
    asked = nginx.ask("/paid/report.txt")
    problem(asked, 402, "PAYMENT_REQUIRED")
    equal(asked.header("Cache-Control"), "no-store")
    equal(asked.header("X-Lucid-Access"), None)
    equal(kit_pay.offer_v2(asked)["resource"]["url"], "http://shop.example/paid/report.txt")
    problem(nginx.ask("/paid/report.txt?" + "x" * 2000), 402, "PAYMENT_REQUIRED")
    header = kit_pay.pay_v2(asked, PAYER)
    bought(nginx.ask("/paid/report.txt", header), "the report")
    paid()
    for path in ("/paid/other.txt", "/paid/report.txt", "/paid/report.txt?again"):
        answer = nginx.ask(path, header)
        problem(answer, 409, "PAYMENT_ALREADY_SPENT", "PAYMENT-SIGNATURE")
    asked = nginx.ask("/paid/other.txt?x=1")
    bought(nginx.ask("/paid/other.txt?x=1", transfer_proof(asked, PAYER2)), "another")
    paid()
    bought(nginx.ask("/paid/other.txt", kit_pay.pay_v1(nginx.ask("/paid/other.txt"), PAYER)),
           "another")
    paid()
    unpaid()

with case("nginx: what is not there, or not served, is not sold"):
    header = kit_pay.pay_v2(nginx.ask("/paid/report.txt"), PAYER)
    equal(nginx.ask("/paid/nothing.txt", header).status, 404)
    equal(nginx.ask("/paid/report.txt", header, "POST", b"x").status, 405)
    for path in ("/_lucid/authorize", "/_lucid/authorize?asset=x"):
        equal(nginx.ask(path, header).status, 404, "is internal")
    problem(nginx.ask("/paid/report.txt", ("PAYMENT-SIGNATURE", "!")), 400, "PAYMENT_MALFORMED",
            "PAYMENT-SIGNATURE")
    unpaid()

with case("nginx: a client cannot say what its request was"):
    spoofed = {"X-Original-URI": "/paid/other.txt", "X-Original-Method": "HEAD",
               "X-Original-Host": "other.example", "X-Original-Proto": "https",
               "X-Forwarded-Uri": "/", "X-Forwarded-Host": "x", "X-Forwarded-Method": "GET",
               "X-Forwarded-Proto": "https", "Forwarded": "host=x", "X-Rewrite-URL": "/",
               "X-Request-Id": "chosen-by-the-client", "Authorization": "Bearer x",
               "Host": "evil.example", "X-Payment-Status": "200", "X-Lucid-Access": "x"}
    asked = nginx.ask("/paid/report.txt", **spoofed)
    problem(asked, 402, "PAYMENT_REQUIRED")
    equal(asked.json()["x402"]["resource"], "http://shop.example/paid/report.txt")
    header = kit_pay.pay_v2(asked, PAYER)
    bought(nginx.ask("/paid/report.txt", header, **spoofed), "the report")
    paid()
    for _ in range(2):
        problem(nginx.ask("/paid/report.txt", header, **spoofed), 409, "PAYMENT_ALREADY_SPENT",
                "PAYMENT-SIGNATURE")
    unpaid()

with case("nginx: an internal redirect is asked about twice and paid for once"):
    before = metric("admitted")
    asked = nginx.ask("/paid/")
    problem(asked, 402, "PAYMENT_REQUIRED")
    bought(nginx.ask("/paid/", kit_pay.pay_v2(asked, PAYER)), "paid index")
    paid()
    equal(metric("admitted") - before, 2)

with case("nginx: an API: a POST that is sent again does not buy twice; what the upstream is told"):
    asked = nginx.ask("/api/run", None, "POST", b"work")
    problem(asked, 402, "PAYMENT_REQUIRED")
    equal((asked.json()["x402"]["method"], behind.seen), ("POST", []))
    header = kit_pay.pay_v2(asked, PAYER)
    bought(nginx.ask("/api/run", header, "POST", b"work", X_Lucid_Access="forged"), '{"count": 1}')
    paid()
    problem(nginx.ask("/api/run", header, "POST", b"work"), 409, "PAYMENT_ALREADY_SPENT",
            "PAYMENT-SIGNATURE")
    equal(len(behind.seen), 1)
    method, path, told, body = behind.seen[0]
    equal((method, path, body), ("POST", "/api/run", b"work"))
    check_access.check(told["X-Lucid-Access"], keys(), API, kit.ORIGIN, told["X-Request-Id"])
    equal([name for name in told if name.lower() in ("payment-signature", "authorization")], [])

with case("what the upstream checks: every other asset, request, time, key and byte is refused"):
    token, known = told["X-Lucid-Access"], keys()
    jwks = os.path.join(nginx.folder, "jwks.json")
    with open(jwks, "wb") as file:
        file.write(shop.get("/.well-known/jwks.json").body)
    command = [sys.executable, os.path.join(EXAMPLES, "check_access.py"), "--jwks", jwks,
               "--issuer", kit.ORIGIN, "--asset"]
    for asset, status in ((API, 0), (FILES, 1)):
        ended = subprocess.run([*command, asset], input=token.encode(), capture_output=True,
                               check=False, timeout=60)
        equal(ended.returncode, status, ended.stderr.decode())
    equal(json.loads(subprocess.run([*command, API], input=token.encode(), capture_output=True,
                                    check=True, timeout=60).stdout)["aud"], API)
    head, claims, signature = token.split(".")
    for bad in (f"{head}.{claims}.{signature[:-4]}AAAA", f"{head}.{claims[:-4]}AAAA.{signature}",
                f"{head}.{claims}", "", f"{claims}.{head}.{signature}"):
        try:
            check_access.check(bad, known, API)
            raise AssertionError(bad)
        except check_access.Refused:
            pass
    for more in ({"request_id": "another"}, {"issuer": "other/log"}, {"now": time.time() + 120},
                 {"now": time.time() - 120}):
        try:
            check_access.check(token, known, API, **more)
            raise AssertionError(more)
        except check_access.Refused:
            pass
    try:
        check_access.check(token, {}, API)
        raise AssertionError("a key that is not known")
    except check_access.Refused:
        pass
    answer = shop.get("/.well-known/jwks.json")
    api.judge("GET", "/.well-known/jwks.json", answer)
    equal(shop.get("/.well-known/jwks.json",
                   headers={"If-None-Match": answer.header("ETag")}).status, 304)
    equal(list(known.values())[0].hex(), shop.ok("/v1/log")["service_key"])

with case("nginx: while the service is away nothing is given, and nothing after it is lost"):
    header = kit_pay.pay_v2(nginx.ask("/paid/report.txt"), PAYER)
    port = shop.port
    shop.stop()
    for pay in (None, header):
        answer = nginx.ask("/paid/report.txt", pay)
        equal(answer.status, 500)
        assert b"the report" not in answer.body
    equal(nginx.ask("/").status, 200, "what is free stays free")
    shop.start(listen=f"127.0.0.1:{port}")
    bought(nginx.ask("/paid/report.txt", header), "the report")
    paid()

nginx.stop()

# --- Caddy and Traefik: the other family --------------------------------------------------------


class Caddy(Proxy):
    def start(self):
        with open(os.path.join(EXAMPLES, "caddy", "Caddyfile"), encoding="ascii") as file:
            text = file.read()
        site = "http://shop.example:8080 {"
        text = replaced(text, [(site, f"http://shop.example:{self.port} {{\n\tbind 127.0.0.1"),
                               ("127.0.0.1:8402", f"127.0.0.1:{shop.port}"),
                               ("root * /srv/shop", f"root * {self.root}")])
        path = os.path.join(self.folder, "Caddyfile")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return self.run([CADDY, "run", "--config", path, "--adapter", "caddyfile"],
                        LUCID_TOKEN=TOKEN, HOME=self.folder, XDG_DATA_HOME=self.folder,
                        XDG_CONFIG_HOME=self.folder)


CADDY = shutil.which("caddy")
shop.restart(proxy_headers="forwarded")
if not CADDY:
    kit.skip("Caddy", "there is no caddy here (Debian's package caddy)")
else:
    caddy = Caddy(behind).start()
    with case("caddy: a file is sold, whatever the client says its request was"):
        spoofed = {"X-Original-URI": "/paid/other.txt", "X-Original-Method": "POST",
                   "X-Forwarded-Uri": "/", "X-Forwarded-Host": "x", "X-Forwarded-Method": "PUT",
                   "X-Forwarded-Proto": "https", "Forwarded": "host=x", "X-Rewrite-URL": "/",
                   "X-Request-Id": "chosen-by-the-client", "Authorization": "Bearer x"}
        for more in ({}, spoofed):
            equal(caddy.ask("/", **more).body, b"free")
            asked = caddy.ask("/paid/report.txt", **more)
            problem(asked, 402, "PAYMENT_REQUIRED")
            equal(asked.json()["x402"]["resource"],
                  f"http://shop.example:{caddy.port}/paid/report.txt")
            header = kit_pay.pay_v2(asked, PAYER)
            bought(caddy.ask("/paid/report.txt", header, **more), "the report")
            paid()
            for path in ("/paid/report.txt", "/paid/other.txt"):
                problem(caddy.ask(path, header, **more), 409, "PAYMENT_ALREADY_SPENT",
                        "PAYMENT-SIGNATURE")
        equal(caddy.ask("/paid/nothing.txt").status, 404)
        unpaid()
    with case("caddy: while the service is away nothing is given"):
        header = kit_pay.pay_v2(caddy.ask("/paid/report.txt"), PAYER)
        shop.stop()
        answer = caddy.ask("/paid/report.txt", header)
        equal((answer.status, b"the report" in answer.body), (502, False))
        shop.start()
    caddy.stop()


def traefik(uri="/paid/a.txt", method="GET", **more):
    """The sub-request of Traefik's ForwardAuth as examples/traefik has it: its own X-Forwarded-*
    and the client's headers that are listed."""
    return {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "shop.example",
            "X-Forwarded-Method": method, "X-Forwarded-Port": "443",
            "X-Forwarded-Proto": "https", "X-Forwarded-Server": "edge", "X-Forwarded-Uri": uri,
            "X-Real-Ip": "192.0.2.7", **more}


with case("traefik: each sub-request is a request of its own; its answer is the client's"):
    shop.restart(proxy_headers="forwarded", proxy_request_id_header="")
    problem(asked := true(traefik()), 402, "PAYMENT_REQUIRED")
    equal(asked.json()["x402"]["resource"], "https://shop.example/paid/a.txt")
    header = kit_pay.pay_v2(asked, PAYER)
    admitted(true(traefik(), pay=header))
    paid()
    for again in (traefik(), traefik("/paid/b.txt"), traefik(**{"X-Request-Id": "proxy-id-1"})):
        problem(true(again, pay=header), 409, "PAYMENT_ALREADY_SPENT", "PAYMENT-SIGNATURE")
    for name in ("X-Original-URI", "Forwarded", "X-Rewrite-URL"):
        problem(true(traefik(**{name: "/x"}), pay=header), 400, "PROXY_REQUEST_INVALID", name)
    problem(true({key: text for key, text in traefik().items() if key != "X-Forwarded-Uri"}), 400,
            "PROXY_REQUEST_INVALID", "X-Forwarded-Uri")
    unpaid()

with case("the books: every payment that came is in them, split to the unit"):
    shop.agree(received)
    shop.audit()

shop.stop()
chain.close()
kit.done()
