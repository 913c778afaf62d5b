#!/usr/bin/env python3
"""The treasury: payout runs proposed, approved, sent and closed by themselves; killed at every
step; stuck, over budget, cancelled, reverted, a foreign nonce. Each payee is paid exactly once on
the chain, and the books say what the chain says."""

import itertools
import threading
import time

import kit
import kit_chain
import kit_schema
from kit import case, equal, problem
from kit_chain import FACILITATOR, NETWORK, PAYEE, PAYER, STRANGER, TREASURY, Wallet
from kit_receipts import Maker
from kit_shop import Shop

URL = "https://ledger.example"
PAYEES = [Wallet(f"treasury payee {i}") for i in range(1, 5)]
maker = Maker(46)
ids = itertools.count(1)


class House(Shop):
    init_flags = ("--test",)  # only such a log lets itself be killed

    def __init__(self, chain, day_max=10**9, **settings):
        members = {"gas_key": FACILITATOR, "treasury_key": TREASURY,
                   "treasury_day_max": str(day_max), "stuck_seconds": 5}
        super().__init__(chain, networks=[chain.network(**members)], public_url=URL, **settings)
        self.paid = {wallet.text: 0 for wallet in PAYEES}
        self.api = kit_schema.OpenApi(self.get("/openapi.json").json())

    def ask(self, method, path, body=None, status=200, token=None):
        answer = self.client.request(method, path, body, token=token or self.token)
        equal(answer.status, status, f"{method} {path}: {answer!r}")
        self.api.judge(method, path, answer)
        return answer.json()

    def addresses(self, *wallets):
        for i, wallet in enumerate(wallets):
            where = f"/v1/payees/worker-{i + 1}/address"
            answer = self.client.request(
                "PUT", where, {"network": NETWORK, "address": wallet.text}, token=self.token)
            assert answer.status in (200, 201), answer
            self.api.judge("PUT", where, answer)
            self.ask("GET", where)

    def statement(self, *amounts):
        """A new statement, of so much to each worker; its id."""
        for i, amount in enumerate(amounts):
            self.set_price(f"asset-{i + 1}", compute_payee=f"worker-{i + 1}", model_payee=None,
                           split_bps=[10000, 0, 0])
            self.ask("POST", "/v1/payments", {"external_id": f"pay-{next(ids)}",
                                              "asset": f"asset-{i + 1}", "amount": str(amount)},
                     201)
        self.batch_ok(self.signer.seal_all(maker.bodies(1)))
        self.ask("POST", "/v1/epochs/current/finalize", "")
        return self.ask("GET", "/v1/settlements?limit=1000")["items"][-1]["settlement"]

    def propose(self, settlement):
        return self.ask("POST", f"/v1/settlements/{settlement}/runs", {"network": NETWORK}, 201)

    def approve(self, run, **more):
        return self.ask("POST", f"/v1/payout-runs/{run['run']}/approve", {"total": run["total"]},
                        **more)

    def shown(self, number):
        return self.ask("GET", f"/v1/payout-runs/{number}")

    def until(self, number, status="done", seconds=20):
        """Mines until the run is so."""
        def probe():
            if self.chain.automine:
                self.chain.mine()
            found = self.shown(number)
            return found if found["status"] == status else None
        return kit.wait_for(probe, seconds, f"a run that is {status}", every=0.1)

    def waiting(self):
        """What /metrics says of the treasury: {name: value}."""
        lines = self.get("/metrics").body.decode().splitlines()
        return {line.split("{")[0].removeprefix("lucid_treasury_"): int(line.rsplit(" ", 1)[1])
                for line in lines if line.startswith("lucid_treasury_")}

    def check(self, closed=()):
        """Each payee has what it should have on the chain, and the books agree."""
        for wallet in PAYEES:
            equal(self.chain.balance(wallet.address), self.paid[wallet.text], wallet.name)
        for settlement in closed:
            equal(self.ask("GET", f"/v1/settlements/{settlement}")["status"], "closed")
        self.audit()
        equal(self.balance("transit:payouts:USDC"), 0)
        equal(-self.balance("clearing:treasury:USDC"), sum(self.paid.values()))

    def owe(self, run):
        for line in run["lines"]:
            self.paid[line["address"]] += int(line["amount"])


chain = kit_chain.chain()
house = House(chain)

with case("addresses: refused, set, listed, removed"):
    where = "/v1/payees/worker-1/address"
    for address, param in ((PAYEE.text, "address"), (TREASURY.text, "address"),
                           (FACILITATOR.text, "address"), ("0x" + "0" * 40, "address"),
                           (kit_chain.enhex(kit_chain.TOKEN), "address"),
                           (PAYEES[0].text[:-1], "address"),
                           (PAYEES[0].text.swapcase().replace("0X", "0x"), "address")):
        problem(house.client.request("PUT", where, {"network": NETWORK, "address": address},
                                     token=house.token), 422, "INVALID_PAYEE", param)
    problem(house.client.request("PUT", where, {"network": "eip155:1", "address": PAYEES[0].text},
                                 token=house.token), 422, "INVALID_PAYEE", "network")
    problem(house.client.request("PUT", where, {"network": NETWORK, "address": PAYEES[0].text}),
            401, "UNAUTHORIZED")
    house.addresses(*PAYEES[:3])
    equal([item["address"] for item in house.ask("GET", "/v1/payees")["items"]],
          [wallet.text for wallet in PAYEES[:3]])
    house.ask("DELETE", f"/v1/payees/worker-3/address?network={NETWORK}")
    house.ask("DELETE", f"/v1/payees/worker-3/address?network={NETWORK}", status=404)
    house.ask("GET", "/v1/payees/worker-3/address", status=404)

with case("a run: proposed, not sent before it is approved, then the statement closes by itself"):
    first = house.statement(700, 200, 300)
    proposed = house.propose(first)
    equal([(line["payee"], line["amount"]) for line in proposed["lines"]],
          [("worker-1", "700"), ("worker-2", "200")])
    equal([(skip["payee"], skip["reason"]) for skip in proposed["skipped"]],
          [("worker-3", "no_address")])
    problem(house.client.request("POST", f"/v1/settlements/{first}/runs", {"network": NETWORK},
                                 token=house.token), 409, "RUN_CONFLICT")
    sent = chain.nonce(TREASURY.address)
    problem(house.client.request("POST", "/v1/payout-runs/1/approve", {"total": "899"},
                                 token=house.token), 409, "RUN_CONFLICT", "total")
    time.sleep(1.2)
    equal(chain.nonce(TREASURY.address), sent, "nothing is sent unapproved")
    equal(house.shown(1)["counts"]["waiting"], 2)
    house.approve(proposed)
    equal(house.approve(proposed)["replayed"], True)
    done = house.until(1)
    house.owe(done)
    equal([line["state"] for line in done["lines"]], ["paid", "paid"])
    assert all(chain.is_mined(kit_chain.unhex(line["transaction"])) for line in done["lines"])
    equal(house.ask("GET", f"/v1/settlements/{first}")["status"], "open")
    house.addresses(*PAYEES[:3])
    second = house.propose(first)
    equal([line["payee"] for line in second["lines"]], ["worker-3"])
    house.approve(second)
    house.owe(house.until(2))
    house.check([first])

with case("payouts of a run cannot be ended or made by hand"):
    settlement = house.statement(50)
    problem(house.client.request("POST", f"/v1/settlements/{settlement}/payouts",
                                 {"external_id": "run:3:1", "payee": "worker-1", "amount": "50"},
                                 token=house.token), 409, "PAYOUT_CONFLICT", "external_id")
    chain.set_automine(False)
    nonce = chain.nonce(TREASURY.address)
    run = house.propose(settlement)
    house.approve(run)
    kit.wait_for(lambda: chain.nonce(TREASURY.address) == nonce + 1, 10, "a broadcast")
    line = house.shown(run["run"])["lines"][0]
    equal(line["state"], "ordered")
    for verb, body in (("complete", {"reference": "by hand"}), ("fail", {"reason": "by hand"})):
        answer = house.client.request("POST", f"/v1/payouts/{line['payout']}/{verb}", body,
                                      token=house.token)
        equal(answer.status, 409, repr(answer))
    problem(house.client.request("POST", f"/v1/payout-runs/{run['run']}/cancel", "",
                                 token=house.token), 409, "RUN_CONFLICT")
    chain.set_automine(True)
    house.owe(house.until(run["run"]))
    house.check([settlement])

KILLS = ("started", "ordered", "sent", "mined", "recorded")
for at in KILLS:
    with case(f"killed at {at}: each payee is paid exactly once"):
        settlement = house.statement(11, 22, 33)
        run = house.propose(settlement)
        nonce = chain.nonce(TREASURY.address)
        house.stop()
        house.start(prefix=("env", f"LUCID_TEST_KILL_AT=treasury_{at}"))
        house.approve(run)

        def dead():
            chain.mine()
            return house.process.poll() is not None
        kit.wait_for(dead, 20, "its end")
        equal(house.wait(), -9, "killed by itself")
        house.start()
        house.owe(house.until(run["run"]))
        equal(chain.nonce(TREASURY.address), nonce + 3, "transactions")
        house.check([settlement])

with case("killed with the transactions on their way, sent again with the same nonces"):
    settlement = house.statement(5, 6)
    run = house.propose(settlement)
    nonce = chain.nonce(TREASURY.address)
    chain.set_automine(False)
    house.approve(run)
    kit.wait_for(lambda: chain.nonce(TREASURY.address) == nonce + 2, 10, "a broadcast")
    house.kill()
    house.start()
    kit.wait_for(lambda: house.waiting()["sent_total"] >= 2, 15, "sent again")
    chain.set_automine(True)
    house.owe(house.until(run["run"]))
    equal(chain.nonce(TREASURY.address), nonce + 2)
    house.check([settlement])

if not chain.real:
    with case("a stuck transaction is replaced by a dearer one of the same nonce"):
        settlement = house.statement(7)
        run = house.propose(settlement)
        nonce = chain.nonce(TREASURY.address)
        chain.fee_floor = 4 * 10**9
        house.approve(run)
        kit.wait_for(lambda: house.waiting()["replaced_total"] >= 1, 15, "a replacement")
        chain.fee_floor = 0
        house.owe(house.until(run["run"]))
        equal(chain.nonce(TREASURY.address), nonce + 1)
        house.check([settlement])

    with case("a reorganisation before it is final: recorded once, as it is in the end"):
        settlement = house.statement(8)
        run = house.propose(settlement)
        house.approve(run)
        kit.wait_for(lambda: chain.balance(PAYEES[0].address) == house.paid[PAYEES[0].text] + 8, 10,
                     "the transfer")
        chain.reorg(2)
        house.owe(house.until(run["run"]))
        house.check([settlement])

with case("no balance: it waits, says so, and goes on"):
    settlement = house.statement(9)
    run = house.propose(settlement)
    have = chain.balance(TREASURY.address)
    house.stop()  # the test spends the treasury's money with its own key: the nonce is one more
    chain.transfer(TREASURY, STRANGER.address, have)
    house.start()
    house.approve(run)
    kit.wait_for(lambda: house.waiting()["waiting"] == 1, 10, "that it waits")
    kit.wait_for(lambda: "treasury_stuck" in house.get("/readyz").json().get("warnings", []), 5,
                 "a warning")
    equal(house.shown(run["run"])["counts"]["waiting"], 1)
    chain.transfer(STRANGER, TREASURY.address, have)
    house.owe(house.until(run["run"]))
    house.check([settlement])
    kit.wait_for(lambda: house.waiting()["waiting"] == 0, 10, "that it waits no more")

with case("the nonce is used by something else: failed, and another run pays"):
    settlement = house.statement(12)
    run = house.propose(settlement)
    house.stop()
    house.start(prefix=("env", "LUCID_TEST_KILL_AT=treasury_ordered"))
    house.approve(run)
    equal(house.wait(), -9)
    chain.transfer(TREASURY, STRANGER.address, 1)  # somebody has the key
    house.start()
    ended = house.until(run["run"])
    equal([line["state"] for line in ended["lines"]], ["failed"])
    assert "used by something else" in ended["lines"][0]["reason"], ended
    equal(house.ask("GET", f"/v1/settlements/{settlement}")["lines"][0]["open"], "12")
    again = house.propose(settlement)
    house.approve(again)
    house.owe(house.until(again["run"]))
    house.check([settlement])

with case("it reverts: failed, nothing is tried again by itself"):
    settlement = house.statement(13)
    run = house.propose(settlement)
    have = chain.balance(TREASURY.address)
    house.stop()
    house.start(prefix=("env", "LUCID_TEST_KILL_AT=treasury_ordered"))
    chain.set_automine(False)
    house.approve(run)
    equal(house.wait(), -9)
    nonce = chain.nonce(TREASURY.address)
    house.start()
    kit.wait_for(lambda: chain.nonce(TREASURY.address) == nonce + 1, 10, "a broadcast")
    house.kill()
    if chain.real:
        chain.set_automine(True)
        house.start()
        house.owe(house.until(run["run"]))
    else:
        chain.head.state.tokens[kit_chain.TOKEN].balances[TREASURY.address] = 0
        chain.set_automine(True)
        house.start()
        ended = house.until(run["run"])
        equal([line["state"] for line in ended["lines"]], ["failed"])
        chain.transfer(STRANGER, TREASURY.address, 10**6)
        again = house.propose(settlement)
        house.approve(again)
        house.owe(house.until(again["run"]))
    house.check([settlement])

with case("a refund that the treasury sends: ordered once, recorded when it is final"):
    bought = house.buy(PAYER)
    chain.mine(3)
    payment = f"/v1/payments/{bought.header('X-Payment-Id')}"
    refunds = payment + "/refunds"
    asked = {"external_id": "r-1", "send": True, "amount": "4000"}
    kit.wait_for(lambda: house.ask("GET", payment)["x402"]["final"], 10, "final")
    had, nonce = chain.balance(PAYER.address), chain.nonce(TREASURY.address)
    equal(house.ask("POST", refunds, asked, 202)["status"], "ordered")
    equal(house.ask("POST", refunds, asked, 202)["replayed"], True)
    problem(house.client.request("POST", refunds, {**asked, "external_id": "r-2", "amount": "6001"},
                                 token=house.token), 409, "REFUND_EXCEEDS", "amount")

    def recorded():
        chain.mine()
        return house.ask("GET", refunds)["items"][0]["status"] == "recorded"
    kit.wait_for(recorded, 15, "the refund", every=0.1)
    equal(chain.balance(PAYER.address), had + 4000)
    equal(chain.nonce(TREASURY.address), nonce + 1)
    equal(house.ask("POST", refunds, asked, 202)["status"], "recorded")
    house.check()

with case("cancelled before it is approved, and after"):
    settlement = house.statement(14)
    run = house.propose(settlement)
    equal(house.ask("POST", f"/v1/payout-runs/{run['run']}/cancel", "")["status"], "cancelled")
    equal(house.ask("POST", f"/v1/payout-runs/{run['run']}/cancel", "")["replayed"], True)
    problem(house.client.request("POST", f"/v1/payout-runs/{run['run']}/approve",
                                 {"total": run["total"]}, token=house.token), 409, "RUN_CONFLICT")
    equal(house.shown(run["run"])["lines"][0]["state"], "cancelled")
    house.check()

def online(*arguments, status=0):
    got, out, err = kit.lucid(*arguments, "--url", f"http://127.0.0.1:{house.port}", "--data",
                              house.data)
    equal(got, status, f"{arguments}: {out!r} {err!r}")
    return out.decode()


with case("the command line: addresses, a run proposed, approved and waited for"):
    for number, wallet in enumerate(PAYEES[:2], 1):
        assert wallet.text in online("payee", "set", f"worker-{number}", NETWORK, wallet.text)
    online("payee", "set", "worker-1", NETWORK, PAYEE.text, status=1)
    assert PAYEES[1].text in online("payee", "list")
    online("payee", "remove", "worker-3", NETWORK)
    settlement = house.statement(15, 16, 17)
    out = online("settlement", "pay", settlement)  # no terminal to type the total at
    assert "worker-3" in out and "no_address" in out and "proposed" in out, out
    run = house.ask("GET", "/v1/payout-runs?limit=1000")["items"][-1]
    online("settlement", "cancel", str(run["run"]))
    ticking = threading.Event()

    def tick():
        while not ticking.wait(0.3):
            chain.mine()
    ticker = threading.Thread(target=tick)
    ticker.start()
    out = online("settlement", "pay", settlement, "--yes", "--wait")
    assert "done" in out and out.count("paid") >= 2, out
    house.paid[PAYEES[0].text] += 15
    house.paid[PAYEES[1].text] += 16
    online("payee", "set", "worker-3", NETWORK, PAYEES[2].text)
    online("settlement", "pay", settlement, "--network", NETWORK)
    run = house.ask("GET", "/v1/payout-runs?limit=1000")["items"][-1]
    online("settlement", "approve", str(run["run"]), "--total", "16", status=1)
    online("settlement", "approve", str(run["run"]), "--total", "17", "--wait")
    house.paid[PAYEES[2].text] += 17
    ticking.set()
    ticker.join()
    assert "paid" in online("settlement", "runs", str(run["run"]))
    assert settlement in online("settlement", "runs", "--settlement", settlement)
    house.check([settlement])

with case("everything checks out"):
    house.stop()
    kit.run_lucid("log", "fsck", "--data", house.data)

# --- a budget, and two administrators -----------------------------------------------------------

chain = kit_chain.chain()
strict = House(chain, day_max=100, treasury_two_admins="true")

with case("two administrators: the proposer may not approve"):
    strict.addresses(*PAYEES)
    settlement = strict.statement(60, 30, 20)
    run = strict.propose(settlement)
    problem(strict.client.request("POST", f"/v1/payout-runs/{run['run']}/approve",
                                  {"total": run["total"]}, token=strict.token), 403,
            "RUN_TWO_ADMINS")
    other = strict.post("/v1/tokens", {"name": "second", "scopes": ["admin"]},
                        token=strict.token).json()["token"]
    strict.approve(run, token=other)

with case("over the day's budget a line waits, and is cancelled"):
    def two_paid():
        chain.mine()
        return strict.shown(run["run"])["counts"]["paid"] == 2
    kit.wait_for(two_paid, 20, "the lines that fit", every=0.1)
    kit.wait_for(lambda: strict.waiting()["waiting"] == 1, 10, "that it waits")
    equal(strict.waiting()["budget_left"], 10)
    equal(strict.shown(run["run"])["lines"][2]["state"], "waiting")
    strict.kill()
    strict.start()  # the budget is counted from the log
    kit.wait_for(lambda: strict.waiting()["waiting"] == 1, 10, "that it waits still")
    equal(strict.waiting()["budget_left"], 10)
    equal(strict.ask("POST", f"/v1/payout-runs/{run['run']}/cancel", "", token=other)["status"],
          "cancelled")
    kit.wait_for(lambda: strict.waiting()["waiting"] == 0, 10, "that it waits no more")
    strict.paid[PAYEES[0].text], strict.paid[PAYEES[1].text] = 60, 30
    strict.check()

kit.done()
