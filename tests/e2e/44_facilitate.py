#!/usr/bin/env python3
"""Other x402 servers use this service as their facilitator: a merchant sells through it, strangers
and budgets move no gas money, one authorization is settled once whatever happens in between."""

import base64
import json
import os
import re
import threading
import time

import kit
import kit_chain
import kit_pay
import kit_schema
from kit import case, equal, problem
from kit_chain import FACILITATOR, NETWORK, PAYEE, PAYER, PAYER2, STRANGER, TOKEN, V1_NAME, Wallet
from kit_clients import MERCHANT, RESERVE, SETTLE, VERIFY, Facilitator
from kit_evm import eip55

OTHER = Wallet("other-merchant")
PRICE = 10000


def requirements(version=2, pay_to=MERCHANT.text, amount=PRICE, **more):
    common = {"scheme": "exact", "payTo": pay_to, "maxTimeoutSeconds": 300,
              "asset": eip55(TOKEN), "extra": {"name": "USDC", "version": "2"}}
    if version == 2:
        return {**common, "network": NETWORK, "amount": str(amount), **more}
    return {**common, "network": V1_NAME, "maxAmountRequired": str(amount),
            "resource": "https://merchant.example/thing", "description": "",
            "mimeType": "application/json", **more}


def request(wallet=PAYER, version=2, wants=None, signed=None, **more):
    """A body of /verify and /settle."""
    wants = wants or requirements(version)
    amount = int(wants["amount"] if version == 2 else wants["maxAmountRequired"])
    signed = signed or kit_pay.authorize(wallet, bytes.fromhex(wants["payTo"][2:]), amount, **more)
    payment = {"x402Version": version, "payload": kit_pay.payload(signed)}
    if version == 2:
        payment.update({"accepted": wants,
                        "resource": {"url": "https://merchant.example/thing"}})
    else:
        payment.update({"scheme": "exact", "network": wants["network"]})
    return {"x402Version": version, "paymentPayload": payment, "paymentRequirements": wants}


def duplicate(answer, settled):
    """It says by which transaction it was settled, and that somebody was told so already."""
    equal((answer["success"], answer["errorReason"], answer["transaction"]),
          (False, "duplicate_settlement", settled["transaction"]), repr(answer))


def refused(facilitator, body, reason, name="shop"):
    """Verify and settle say no with that reason (or pair of them), and no gas money moves."""
    before, begun = facilitator.gas(), len(facilitator.events())
    reasons = reason if isinstance(reason, tuple) else (reason, reason)
    verdict = facilitator.verify(body, name)
    equal((verdict["isValid"], verdict["invalidReason"]), (False, reasons[0]), repr(verdict))
    settled = facilitator.settle(body, name)
    equal((settled["success"], settled["errorReason"], settled["transaction"]),
          (False, reasons[1], ""), repr(settled))
    equal(facilitator.gas(), before, "gas money")
    equal(len(facilitator.events()), begun, "events")


chain = kit_chain.chain()
facilitator = Facilitator(chain, {"shop": {}, "poor": {"gas_wei_per_day": str(RESERVE)},
                                  "slow": {"verifies_per_minute": 2, "settles_per_minute": 1}})
api = kit_schema.OpenApi(facilitator.get("/openapi.json").json())
received = 0

with case("supported: both versions of the network, and who signs"):
    answer = facilitator.get("/v1/x402/supported", token=facilitator.tokens["shop"]["token"])
    api.judge("GET", "/v1/x402/supported", answer)
    equal(answer.json(), {
        "kinds": [{"x402Version": 2, "scheme": "exact", "network": NETWORK},
                  {"x402Version": 1, "scheme": "exact", "network": V1_NAME}],
        "extensions": [], "signers": {"eip155:*": [FACILITATOR.text]}})

for version in (2, 1):
    with case(f"a merchant sells through us, version {version}"):
        nonce, wei = facilitator.gas()
        body = request(version=version)
        answer = facilitator.ask(VERIFY, body)
        api.judge("POST", VERIFY, answer)
        equal(answer.body, json.dumps({"isValid": True, "payer": PAYER.text},
                                      separators=(",", ":")).encode())
        equal(facilitator.gas(), (nonce, wei), "verifying sends nothing")
        answer = facilitator.ask(SETTLE, body)
        equal(answer.status, 200, repr(answer))
        api.judge("POST", SETTLE, answer)
        settled = answer.json()
        network = NETWORK if version == 2 else V1_NAME
        equal(list(settled), ["success", "transaction", "network", "payer"])
        equal((settled["success"], settled["network"], settled["payer"]),
              (True, network, PAYER.text))
        equal(answer.header("Cache-Control"), "no-store")
        received += PRICE
        equal(chain.balance(MERCHANT.address), received)
        assert chain.is_mined(bytes.fromhex(settled["transaction"][2:]))
        equal(facilitator.gas()[0], nonce + 1)
        duplicate(facilitator.settle(body), settled)
        equal(facilitator.gas()[0], nonce + 1)
        begun, ended = facilitator.events()[-2:]
        equal((begun["type"], ended["type"]), ("facilitation.begun", "facilitation.ended"))
        spent = wei - facilitator.gas()[1]
        said = json.loads(base64.b64decode(ended["payload"]))
        equal((said["outcome"], said["gas_measured"], said["ours"]), ("settled", True, True))
        if not chain.real:
            equal(int(said["gas_wei"]), spent, "what the chain took")
        verdict = facilitator.verify(body)
        equal(verdict["invalidReason"], "invalid_exact_evm_nonce_already_used")

with case("it is in the list, and no revenue is posted"):
    items = facilitator.facilitations()
    equal([item["status"] for item in items], ["settled", "settled"])
    equal((items[0]["client"], items[0]["pay_to"], items[0]["amount"]),
          ("shop", MERCHANT.text, str(PRICE)))
    answer = facilitator.get("/v1/x402/facilitations?client=shop&status=settled&limit=1",
                             token=facilitator.token)
    api.judge("GET", "/v1/x402/facilitations", answer)
    equal(len(answer.json()["items"]), 1)
    assert answer.json()["next_cursor"]
    equal(facilitator.facilitations(client="poor"), [])
    equal(facilitator.events("payment."), [])
    problem(facilitator.get("/v1/x402/facilitations?status=done", token=facilitator.token), 400,
            "INVALID_PARAMETER", "status")
    problem(facilitator.get("/v1/x402/facilitations"), 401, "UNAUTHORIZED")
    more = ("--url", f"http://127.0.0.1:{facilitator.port}", "--data", facilitator.data)
    table = kit.run_lucid("facilitation", "list", "--client", "shop", *more).decode()
    assert items[1]["transaction"] in table and "0.010000" in table, table
    lines = kit.run_lucid("facilitation", "list", "--json", *more).decode()
    assert items[0]["transaction"] in lines, lines
    equal(kit.lucid("facilitation", "list", "--status", "done", *more)[0], 1)

# --- who may not --------------------------------------------------------------------------------

with case("without the scope, without a token, without an entry: no"):
    before, body = facilitator.gas(), request()
    facilitator.new_client("reader", ("read", "proxy"))
    facilitator.new_client("unlisted")
    for path in (VERIFY, SETTLE):
        problem(facilitator.client.request("POST", path, body), 401, "UNAUTHORIZED")
        problem(facilitator.ask(path, body, "reader"), 403, "FORBIDDEN")
        problem(facilitator.ask(path, body, "unlisted"), 403, "FORBIDDEN")
    for name in ("reader", "unlisted"):
        problem(facilitator.get("/v1/x402/supported", token=facilitator.tokens[name]["token"]),
                403, "FORBIDDEN")
    equal(facilitator.gas(), before)
    equal(chain.balance(MERCHANT.address), received)

with case("a payTo that is not the client's, another token, another network"):
    refused(facilitator, request(wants=requirements(pay_to=OTHER.text)),
            "invalid_exact_evm_recipient_mismatch")
    refused(facilitator, request(wants=requirements(asset=OTHER.text)),
            "invalid_payment_requirements")
    refused(facilitator, request(wants=requirements(network="eip155:8453")), "invalid_network")
    solana = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
    refused(facilitator, request(wants=requirements(network=solana)), "invalid_network")
    refused(facilitator, request(wants=requirements(scheme="upto")), "invalid_exact_evm_scheme")

with case("an authorization to somebody else, of less, by somebody else, over, used, unfunded"):
    wants = requirements()
    merchant = MERCHANT.address
    refused(facilitator, request(signed=kit_pay.authorize(PAYER, OTHER.address, PRICE)),
            "invalid_exact_evm_recipient_mismatch")
    refused(facilitator, request(signed=kit_pay.authorize(PAYER, merchant, PRICE - 1)),
            "invalid_exact_evm_payload_authorization_value_mismatch")
    refused(facilitator, request(signed={**kit_pay.authorize(STRANGER, merchant, PRICE),
                                         "from": PAYER.address}), "invalid_exact_evm_signature")
    refused(facilitator, request(before=int(time.time()) + 3),
            "invalid_exact_evm_payload_authorization_valid_before")
    signed = kit_pay.authorize(PAYER, merchant, PRICE)
    chain.spend(STRANGER, signed)
    received += PRICE
    refused(facilitator, request(signed=signed), "invalid_exact_evm_nonce_already_used")
    refused(facilitator, request(FACILITATOR), "invalid_exact_evm_insufficient_balance")

with case("smart wallets and permit2 are refused by name"):
    body = request()
    body["paymentPayload"]["payload"]["signature"] = "0x" + "ab" * 96
    refused(facilitator, body, "invalid_exact_evm_signature")
    assert "smart wallets" in facilitator.verify(body)["invalidMessage"]
    body = request()
    body["paymentPayload"]["payload"] = {"signature": "0xab", "permit2Authorization": {}}
    refused(facilitator, body, "invalid_payload")
    assert "permit2" in facilitator.verify(body)["invalidMessage"]
    body = request(wants=requirements(extra={"name": "USDC", "version": "2",
                                             "assetTransferMethod": "permit2"}))
    refused(facilitator, body, "unsupported_scheme")

with case("what is no such request is a problem document"):
    token = facilitator.tokens["shop"]["token"]
    for body, code, param in ((b"{", "INVALID_JSON", None),
                              ({}, "PAYMENT_MALFORMED", "x402Version"),
                              ({"x402Version": 2}, "PAYMENT_MALFORMED", "paymentPayload"),
                              ({"x402Version": 2, "paymentPayload": {}}, "PAYMENT_MALFORMED",
                               "paymentRequirements")):
        answer = facilitator.client.request("POST", VERIFY, body, token=token)
        problem(answer, 400, code, param)
        api.judge("POST", VERIFY, answer)
    body = request()
    body["x402Version"] = 3
    refused(facilitator, body, "invalid_x402_version")
    body = request()
    body["paymentPayload"]["x402Version"] = 1
    refused(facilitator, body, "invalid_x402_version")

with case("over its rate a client waits"):
    before, body = facilitator.gas(), request()
    for _ in range(2):
        equal(facilitator.verify(body, "slow")["isValid"], True)
    answer = facilitator.ask(VERIFY, body, "slow")
    problem(answer, 429, "QUOTA_EXCEEDED")
    assert int(answer.header("Retry-After")) >= 1
    equal(facilitator.settle(request(wants=requirements(pay_to=OTHER.text)), "slow")["success"],
          False)
    problem(facilitator.ask(SETTLE, body, "slow"), 429, "QUOTA_EXCEEDED")
    equal(facilitator.gas(), before)

with case("over its budget of the day a client settles nothing; the others do"):
    equal(facilitator.settle(request(), "poor")["success"], True)
    received += PRICE  # what was really spent leaves less than one reserve
    refused(facilitator, request(), ("unexpected_verify_error", "unexpected_settle_error"), "poor")
    assert "budget" in facilitator.settle(request(), "poor")["errorMessage"]
    equal(facilitator.settle(request())["success"], True)
    received += PRICE
    equal(chain.balance(MERCHANT.address), received)

with case("our own recipients are not settled for, also old ones"):
    def price(pay_to):
        answer = facilitator.client.request(
            "PUT", "/v1/assets/thing/pricing",
            {"price_per_call": "10000", "network": NETWORK, "pay_to": pay_to},
            token=facilitator.token)
        assert answer.status in (200, 201), answer
    facilitator.stop()
    facilitator.clients_write({"shop": {"pay_to": [MERCHANT.text, PAYEE.text, OTHER.text,
                                                   FACILITATOR.text]}, "poor": {}, "slow": {}})
    facilitator.start()
    equal(facilitator.verify(request(wants=requirements(pay_to=OTHER.text)))["isValid"], True)
    price(PAYEE.text)
    refused(facilitator, request(wants=requirements(pay_to=PAYEE.text)),
            "invalid_exact_evm_recipient_mismatch")
    price(OTHER.text)
    for pay_to in (PAYEE, OTHER, FACILITATOR):
        refused(facilitator, request(wants=requirements(pay_to=pay_to.text)),
                "invalid_exact_evm_recipient_mismatch")

def pending_count():
    """Transactions of the gas account, those that wait included."""
    return int(chain.rpc("eth_getTransactionCount", [FACILITATOR.text, "pending"]), 16)


# --- once ---------------------------------------------------------------------------------------

def at_once(count, work):
    """What count threads got from work(client), begun together."""
    got, barrier = [None] * count, threading.Barrier(count)

    def run(i):
        client = kit.Client(facilitator.port)
        barrier.wait()
        try:
            got[i] = work(client)
        finally:
            client.close()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


with case("settled by 16 threads at once: one transaction, one success"):
    nonce, begun = facilitator.gas()[0], len(facilitator.events())
    body = request(PAYER2)
    answers = at_once(16, lambda client: facilitator.settle(body, client=client))
    good = [answer for answer in answers if answer["success"]]
    equal(len(good), 1, "a merchant that serves for each success serves once")
    for answer in answers:
        if answer is not good[0]:
            duplicate(answer, good[0])
    received += PRICE
    equal((facilitator.gas()[0], len(facilitator.events())), (nonce + 1, begun + 2))
    equal(chain.balance(MERCHANT.address), received)

with case("two authorizations under one nonce: one is settled, the other is not said to be"):
    nonce = os.urandom(32)
    one, other = (request(signed=kit_pay.authorize(PAYER, MERCHANT.address, PRICE, nonce=nonce,
                                                   after=after)) for after in (0, 1))
    chain.set_automine(False)
    got = []
    first = threading.Thread(target=lambda: got.append(
        facilitator.settle(one, client=kit.Client(facilitator.port))))
    first.start()
    kit.wait_for(lambda: facilitator.facilitations(status="open"), 10, "the first")
    equal(facilitator.settle(other)["errorReason"], "duplicate_settlement")
    chain.set_automine(True)
    chain.mine()
    first.join()
    equal(got[0]["success"], True)
    received += PRICE
    equal(facilitator.settle(other)["errorReason"], "invalid_exact_evm_nonce_already_used")
    duplicate(facilitator.settle(one), got[0])
    equal(chain.balance(MERCHANT.address), received)

with case("somebody else is faster with the authorization: settled, by them, and paid once"):
    body = request(signed=kit_pay.authorize(PAYER, MERCHANT.address, PRICE))
    paid = body["paymentPayload"]["payload"]
    nonce = facilitator.gas()[0]
    chain.set_automine(False)
    got = []
    first = threading.Thread(target=lambda: got.append(
        facilitator.settle(body, client=kit.Client(facilitator.port))))
    first.start()
    kit.wait_for(lambda: pending_count() > nonce, 10, "the broadcast")
    stranger = chain.spend(STRANGER, kit_pay.authorization_of((None, kit_pay.b64(
        {"payload": paid}))))
    chain.set_automine(True)
    chain.mine()
    first.join()
    equal(got[0]["success"], True, repr(got))
    received += PRICE
    equal(chain.balance(MERCHANT.address), received)
    item = facilitator.facilitations(limit=1000)[-1]
    equal(item["transaction"], got[0]["transaction"])
    if not chain.real:  # it mines by nonces: the stranger's comes first
        equal((item["transaction"], item["ours"]), ("0x" + stranger.hex(), False))
        equal((item["gas_wei"], item["gas_measured"]), (str(RESERVE), False))

# --- crashes ------------------------------------------------------------------------------------

def end_of(body, seconds=20):
    """Settled once more until the answer is no "pending"."""
    def probe():
        answer = facilitator.settle(body)
        return None if answer.get("errorReason") == "settlement_pending" else answer
    return kit.wait_for(probe, seconds, "an outcome")


for at, new in (("facilitation-claimed", True), ("facilitation-begun", False),
                ("facilitation-settled", False), ("facilitation-ended", False)):
    with case(f"kill -9 at {at}: paid once, and the answer afterwards is right"):
        nonce = facilitator.gas()[0]
        facilitator.stop()
        facilitator.start(prefix=("env", f"LUCID_TEST_KILL_AT={at}"))
        body = request()
        try:
            raise AssertionError(facilitator.ask(SETTLE, body))
        except (OSError, kit.http.client.HTTPException):
            pass
        equal(facilitator.wait(), -9, "killed by itself")
        facilitator.start()
        if not new:  # nobody asks: it is reconciled all the same
            kit.wait_for(lambda: not facilitator.facilitations(status="open"), 20, "reconciliation")
        settled = end_of(body)
        equal(settled["success"], True, repr(settled))
        received += PRICE
        equal(chain.balance(MERCHANT.address), received)
        equal(facilitator.gas()[0], nonce + 1, "one transaction")
        duplicate(facilitator.settle(body), settled)
        used = body["paymentPayload"]["payload"]["authorization"]["nonce"]
        equal([item["nonce"] for item in facilitator.facilitations(limit=1000)].count(used), 1)

with case("kill -9 after the broadcast, before it is mined: pending with the hash, then settled"):
    nonce, body = facilitator.gas()[0], request()
    chain.set_automine(False)
    lost = threading.Thread(target=lambda: lose(facilitator, body))

    def lose(service, body):
        try:
            service.ask(SETTLE, body, client=kit.Client(service.port))
        except (OSError, kit.http.client.HTTPException):
            pass
    lost.start()
    kit.wait_for(lambda: pending_count() > nonce, 10, "the broadcast")
    facilitator.kill()
    lost.join()
    facilitator.start()
    pending = facilitator.settle(body)
    equal((pending["success"], pending["errorReason"]), (False, "settlement_pending"))
    chain.set_automine(True)
    chain.mine()
    settled = end_of(body)
    equal(settled["success"], True)
    received += PRICE
    equal(chain.balance(MERCHANT.address), received)
    equal(facilitator.gas()[0], nonce + 1)

with case("a settlement that takes long is pending with its hash; the same again ends it"):
    facilitator.stop()
    facilitator.start(settle_ms_max=1000)
    nonce, body = facilitator.gas()[0], request()
    chain.set_automine(False)
    pending = facilitator.settle(body)
    equal((pending["success"], pending["errorReason"]), (False, "settlement_pending"))
    assert re.fullmatch("0x[0-9a-f]{64}", pending["transaction"]), pending
    again = facilitator.settle(body)
    equal((again["errorReason"], again["transaction"]),
          ("settlement_pending", pending["transaction"]))
    chain.set_automine(True)
    chain.mine()
    settled = end_of(body)
    equal((settled["success"], settled["transaction"]), (True, pending["transaction"]))
    received += PRICE
    equal((facilitator.gas()[0], chain.balance(MERCHANT.address)), (nonce + 1, received))

if not chain.real:
    with case("nodes away: 503 with a verdict that is none, and nothing is begun"):
        begun, body = len(facilitator.events()), request()
        chain.endpoint.down = True
        for path, name in ((VERIFY, "isValid"), (SETTLE, "success")):
            answer = facilitator.ask(path, body)
            equal((answer.status, answer.json()[name]), (503, False), repr(answer))
            assert answer.header("Retry-After"), answer
            api.judge("POST", path, answer)
        chain.endpoint.down = False
        equal(len(facilitator.events()), begun)
        settled = kit.wait_for(lambda: (lambda a: a.json() if a.status == 200 else None)(
            facilitator.ask(SETTLE, body)), 60, "the node again")
        equal(settled["success"], True)
        received += PRICE

with case("everything that ended is in the metrics, and all of the day's gas in the log"):
    metrics = facilitator.get("/metrics").body.decode()
    assert 'lucid_x402_facilitations_total{outcome="settled"}' in metrics
    assert "lucid_x402_open_facilitations 0" in metrics, metrics
    equal(chain.balance(MERCHANT.address), received)
    equal({item["status"] for item in facilitator.facilitations(limit=1000)}, {"settled"})

with case("without a clients file there is no such route"):
    facilitator.stop()
    del facilitator.settings["x402_clients_file"]
    facilitator.start()
    for path in (VERIFY, SETTLE):
        problem(facilitator.ask(path, request()), 404, "NOT_FOUND")
    problem(facilitator.get("/v1/x402/supported", token=facilitator.tokens["shop"]["token"]), 404,
            "NOT_FOUND")
    equal(facilitator.facilitations(limit=1)[0]["status"], "settled", "what was done is still told")

facilitator.stop()
chain.close()
kit.done()
