#!/usr/bin/env python3
"""gas_mode = prepaid: who has credit for n receipts gets exactly n, whoever asks at the same time;
what is refused leaves no trace."""

import threading

import kit
import kit_books
from kit import case, equal
from kit_receipts import Maker

LUCID = 10 ** 9
CLIENTS = 64
maker = Maker("58")
PREPAID = {"gas_mode": "prepaid", "epoch_receipts_max": 100000, "head_interval_ms": 100}
service = kit.Service(start=False)
service.start(**PREPAID)
keys = iter(range(1000))


def call(method, path, body, **headers):
    return service.client.request(method, path, body, token=service.token,
                                  headers={name.replace("_", "-"): value
                                           for name, value in headers.items()})


def deposit(signer, amount):
    answer = call("POST", f"/v1/accounts/{signer.key}/deposits", {"amount": str(amount)},
                  Idempotency_Key=f"k{next(keys)}")
    equal(answer.status, 201, repr(answer))


def limit(signer, amount):
    equal(call("PUT", f"/v1/accounts/{signer.key}/credit-limit",
               {"credit_limit": str(amount)}).status, 200)


def account(signer):
    return service.ok(f"/v1/accounts/{signer.key}", token=service.token)


def balance(signer):
    return int(account(signer)["balance"])


def events():
    return service.get("/v1/events", token=service.token).lines()


def quiet():
    """All but heads, which come by themselves."""
    return [event["sequence"] for event in events() if event["type"] != "head"]


def exhausted(envelope):
    kit.problem(service.submit(envelope), 402, "GAS_EXHAUSTED", "signer_pubkey")


def statuses(envelopes):
    lines = service.batch(envelopes).lines()
    for line in lines:
        if line["http_status"] == 402:
            equal((line["code"], line["param"]), ("GAS_EXHAUSTED", "signer_pubkey"))
    return [line["http_status"] for line in lines]


with case("the log says that it is prepaid, and so does the tariff"):
    equal(service.ok("/v1/log")["gas_mode"], "prepaid")
    equal(service.ok("/v1/gas/tariff")["mode"], "prepaid")

with case("a signer that never paid in gets nothing, one that paid less than a receipt neither"):
    poor = service.new_signer("poor")
    before = quiet()
    first = poor.seal(maker.body())
    exhausted(first)
    equal(quiet(), before)
    equal((account(poor)["debits"], account(poor)["credits"]), ("0", "0"))
    deposit(poor, LUCID - 1)
    exhausted(first)
    deposit(poor, 1)
    equal(service.submit(first).status, 201)
    equal(balance(poor), 0)

# --- the race -----------------------------------------------------------------------------------


class Racer(threading.Thread):
    """One connection; odd ones send batches. Each accepted receipt is sent again at once."""

    def __init__(self, number, envelopes, barrier):
        super().__init__()
        self.number, self.envelopes, self.barrier = number, envelopes, barrier
        self.got, self.replays, self.wrong = {}, 0, []

    def result(self, envelope, status, body):
        if status == 201:
            self.got[envelope.hash] = 201
        elif status == 402 and body["code"] == "GAS_EXHAUSTED":
            self.got[envelope.hash] = 402
        else:
            self.wrong.append((status, body))

    def run(self):
        client = kit.Client(service.port, 60)
        self.barrier.wait()
        if self.number % 2:
            lines = client.post("/v1/receipts/batch",
                                b"".join(e.wire() + b"\n" for e in self.envelopes)).lines()
            for envelope, line in zip(self.envelopes, lines):
                self.result(envelope, line["http_status"], line)
        for envelope in self.envelopes:
            if not self.number % 2:
                answer = client.post("/v1/receipts", envelope.wire())
                self.result(envelope, answer.status, answer.json())
            if self.got.get(envelope.hash) == 201:
                answer = client.post("/v1/receipts", envelope.wire())
                self.replays += answer.status == 200
        client.close()


def race(racing, each):
    """CLIENTS clients with `each` receipts; {hash: status} of all of them."""
    barrier = threading.Barrier(CLIENTS)
    bodies = [racing[n % len(racing)].seal_all(maker.bodies(each)) for n in range(CLIENTS)]
    racers = [Racer(n, part, barrier) for n, part in enumerate(bodies)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    got = {}
    for racer in racers:
        equal(racer.wrong, [])
        got.update(racer.got)
        equal(racer.replays, sum(status == 201 for status in racer.got.values()), "replays")
    equal(len(got), CLIENTS * each)
    return got, {e.hash: e for part in bodies for e in part}


for credit in (1, 100, 333):
    with case(f"{CLIENTS} clients, {CLIENTS * 8} receipts, credit for {credit}: exactly {credit}"):
        racer_key = service.new_signer(f"racer {credit}")
        deposit(racer_key, credit * LUCID + LUCID // 2)
        before = quiet()
        got, envelopes = race([racer_key], 8)
        accepted = {digest for digest, status in got.items() if status == 201}
        equal(len(accepted), credit)
        equal(len(quiet()) - len(before), credit, "events")
        logged = {e["entry"][:64] for e in events() if e["type"] == "receipt"}
        equal(logged & set(got), accepted)
        row = account(racer_key)
        equal((int(row["debits"]), int(row["balance"])), (credit * LUCID, LUCID // 2))
        postings = service.ok(f"/v1/accounts/{racer_key.key}/postings?limit=1000",
                              token=service.token)["items"]
        equal([p["what"] for p in postings], ["deposit"] + ["igas"] * credit)

with case("the n+1st left no trace: unknown by hash and run_id, its run_id free, later accepted"):
    left = [envelopes[digest] for digest, status in got.items() if status == 402][:3]
    for envelope in left:
        for name in (envelope.hash, envelope.run_id):
            kit.problem(service.get(f"/v1/receipts/{name}", token=service.token), 404, "NOT_FOUND")
    deposit(racer_key, 3 * LUCID)
    equal(service.submit(left[0]).status, 201)
    other = racer_key.seal(maker.body(run_id=left[1].run_id))
    equal(service.submit(other).status, 201)
    kit.problem(service.submit(left[1]), 409, "RUN_ID_CONFLICT", "body.run_id")
    placement = service.submit(left[2])
    equal((placement.status, placement.json()["replayed"]), (201, False))
    equal(balance(racer_key), LUCID // 2)

with case("three signers at once: each gets what it paid for, whatever the others do"):
    three = [service.new_signer(f"three {n}") for n in range(3)]
    for signer, credit in zip(three, (0, 17, 90)):
        if credit:
            deposit(signer, credit * LUCID)
    got, envelopes = race(three, 6)
    for signer, credit in zip(three, (0, 17, 90)):
        equal(sum(status == 201 for digest, status in got.items()
                  if envelopes[digest].signer is signer), credit)
        equal(balance(signer), 0)

# --- batches ------------------------------------------------------------------------------------

with case("in one batch the second receipt sees what the first cost"):
    pair, rich = service.new_signer("pair"), service.new_signer("rich")
    deposit(pair, 2 * LUCID)
    deposit(rich, 1000 * LUCID)
    mine, theirs = pair.seal_all(maker.bodies(4)), rich.seal_all(maker.bodies(2))
    equal(statuses([mine[0], theirs[0], mine[1], mine[2], theirs[1], mine[3]]),
          [201, 201, 201, 402, 201, 402])
    equal(balance(pair), 0)
    # Replays cost nothing, also within the batch and also of who has nothing left.
    deposit(pair, LUCID)
    equal(statuses([mine[0], mine[2], mine[2], mine[1], mine[3], mine[2]]),
          [200, 201, 200, 200, 402, 200])
    equal(balance(pair), 0)

with case("who cannot pay is asked last: other faults are named as ever, replays are answered"):
    before = quiet()
    new = pair.seal(maker.body())
    bad = new.wire().replace(new.signature.encode(), new.signature[::-1].encode())
    kit.problem(service.post("/v1/receipts", bad), 422, "SIGNATURE_INVALID", "receipt_signature")
    kit.problem(service.submit(pair.seal(maker.body(run_id=mine[0].run_id))), 409,
                "RUN_ID_CONFLICT", "body.run_id")
    stranger = kit.kit_receipts.Signer(kit.ED25519, "nobody")
    kit.problem(service.submit(stranger.seal(maker.body())), 403, "SIGNER_UNKNOWN",
                "signer_pubkey")
    equal(service.submit(mine[0]).status, 200)
    exhausted(new)
    equal(quiet(), before)

# --- limits, tariffs, epochs --------------------------------------------------------------------

with case("a credit limit is good for as many receipts; lowered, it binds until it is paid"):
    debtor = service.new_signer("debtor")
    limit(debtor, 3 * LUCID)
    equal(statuses(debtor.seal_all(maker.bodies(5))), [201] * 3 + [402] * 2)
    row = account(debtor)
    equal((row["balance"], row["credit_limit"], row["available"]),
          (str(-3 * LUCID), str(3 * LUCID), "0"))
    limit(debtor, LUCID)
    equal(account(debtor)["available"], str(-2 * LUCID))
    deposit(debtor, 2 * LUCID)
    exhausted(debtor.seal(maker.body()))
    deposit(debtor, LUCID)
    equal(statuses(debtor.seal_all(maker.bodies(2))), [201, 402])
    limit(debtor, 0)

with case("the tariff of the moment counts: free, and dear"):
    def tariff(igas):
        equal(call("PUT", "/v1/gas/tariff", {"igas": str(igas), "mgas": str(5 * LUCID)}).status,
              200)
    tariff(0)
    equal(statuses(debtor.seal_all(maker.bodies(3))), [201] * 3)
    equal(balance(debtor), -LUCID)
    tariff(10 * LUCID)
    deposit(debtor, 10 * LUCID)
    exhausted(debtor.seal(maker.body()))
    deposit(debtor, LUCID)
    equal(statuses(debtor.seal_all(maker.bodies(2))), [201, 402])
    tariff(LUCID)

with case("mGas fails no epoch: it overdraws, and says so"):
    equal(call("POST", "/v1/epochs/current/finalize", {}).status, 200)
    thin = service.new_signer("thin")
    deposit(thin, 2 * LUCID)
    overdrawn = service.log_text().count("gas.overdrawn")
    equal(statuses(thin.seal_all(maker.bodies(2)) + rich.seal_all(maker.bodies(2))), [201] * 4)
    rich_before = balance(rich)
    answer = call("POST", "/v1/epochs/current/finalize", {})
    equal((answer.status, answer.json()["status"]), (200, "finalized"))
    equal((balance(thin), balance(rich)), (-5 * LUCID // 2, rich_before - 5 * LUCID // 2))
    text = service.log_text()
    equal(text.count("gas.overdrawn"), overdrawn + 1)
    said = [line for line in text.splitlines() if "gas.overdrawn" in line][-1]
    assert "1 prepaid account" in said, said
    exhausted(thin.seal(maker.body()))
    deposit(thin, 5 * LUCID // 2 + LUCID)
    equal(statuses(thin.seal_all(maker.bodies(2))), [201, 402])

# --- restarts -----------------------------------------------------------------------------------

with case("over restarts, also kill -9, the books stand and bind"):
    for stop in (service.stop, service.kill):
        before = (account(thin), account(rich), quiet())
        stop()
        service.start(**PREPAID)
        now = (account(thin), account(rich), quiet())
        for old, new in zip(before[:2], now[:2]):
            equal({**new, "as_of": 0}, {**old, "as_of": 0})
        equal(now[2], before[2])
        exhausted(thin.seal(maker.body()))
        equal(service.submit(rich.seal(maker.body())).status, 201)

with case("postpaid takes them all; prepaid again, who owes is refused until it has paid"):
    service.restart()
    equal(statuses(thin.seal_all(maker.bodies(4))), [201] * 4)
    equal(balance(thin), -4 * LUCID)
    service.restart(**PREPAID)
    exhausted(thin.seal(maker.body()))
    deposit(thin, 4 * LUCID)
    exhausted(thin.seal(maker.body()))
    deposit(thin, LUCID)
    equal(service.submit(thin.seal(maker.body())).status, 201)

with case("a revoked signer's replay is free; its deposits are still its own"):
    equal(service.post(f"/v1/signers/{thin.key}/revoke", {}, token=service.token).status, 200)
    deposit(thin, LUCID)
    kit.problem(service.submit(thin.seal(maker.body())), 403, "SIGNER_REVOKED", "signer_pubkey")
    equal(balance(thin), LUCID)

with case("the books of the whole run, worked out from its events; fsck"):
    service.covered(service.size())
    books = kit_books.Books()
    for event in events():
        books.feed(event)
    rows = service.ok("/v1/accounts?limit=1000", token=service.token)["items"]
    equal({row["account"]: int(row["balance"]) for row in rows},
          {name: books.balance(name) for name in books.accounts})
    service.stop()
    equal(kit.lucid("log", "fsck", "--data", service.data)[0], 0)

kit.done()
