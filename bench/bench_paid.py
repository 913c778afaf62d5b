#!/usr/bin/env python3
"""What a paid proof costs the server beside an unpaid one.

usage: bench_paid.py [--build DIR] [--work DIR] [--check] [--quick]

Two services hold the same receipts; one sells proofs. PAYMENTS proofs are bought (v2) over a local
stand-in chain, and then asked for again with their payments: the header is parsed and matched, the
payment looked up in the log, the proof made afresh. What is not in it, as the goal wants, is what a
purchase has once: recovery (bench_x402), commit and calls to the chain, and with them the way to
the cashier's thread and back. wrk asks over 32 connections, both services in turns, five rounds of
4 s."""

import http.client
import json
import pathlib
import sys
import time

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
import kit_chain  # noqa: E402
import kit_pay  # noqa: E402

RATIO_MAX = 2.0
CONNECTIONS = 32
RECEIPTS = 2000
PAYMENTS = 64


class Answer:
    """As kit_pay reads a 402."""

    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    def header(self, name):
        return self.headers.get(name)

    def json(self):
        return json.loads(self.body)


class Shop(harness.Lucid):
    """Sells proofs."""

    name = "paid"
    price = "10000"

    def __init__(self, options, work, chain, keys, log):
        path = kit_pay.networks_file(str(work), chain.network(gas_key=kit_chain.FACILITATOR))
        super().__init__(options, work / "paid", keys, log=log, flags=(
            "--price-class.proof", "proofs", "--x402-networks-file", path))
        token = (self.data / "admin.token").read_text().strip()
        status, text = self.get(
            "/v1/assets/proofs/pricing",
            {"Authorization": "Bearer " + token, "Content-Type": "application/json"}, "PUT",
            json.dumps({"price_per_call": self.price, "network": kit_chain.NETWORK,
                        "pay_to": kit_chain.PAYEE.text, "compute_payee": "compute-1",
                        "model_payee": "model-1"}))
        if status not in (200, 201):
            raise harness.Failure(f"no price: {status} {text[:300]!r}")

    def ask(self, path, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def buy(self, path):
        """The payment header of a proof that was bought."""
        name, value = kit_pay.pay_v2(self.ask(path), kit_chain.PAYER)
        for _ in range(100):
            answer = self.ask(path, {name: value})
            if answer.status != 503:
                break
            time.sleep(0.1)
        if answer.status != 200:
            raise harness.Failure(f"not sold: {answer.status} {answer.body[:300]!r}")
        return value


def wait_covered(service, path, status):
    for _ in range(100):
        if service.get(path)[0] == status:
            return
        time.sleep(0.1)
    raise harness.Failure(f"{service.name}: {path} is not covered after 10 s")


def measure(service, requests, seconds):
    environment = {"REQUESTS": requests}
    harness.wrk(service, "paid.lua", CONNECTIONS, 1, **environment)
    cpu, others = service.cpu_seconds(), harness.Others(service)
    result = harness.wrk(service, "paid.lua", CONNECTIONS, seconds, **environment)
    cpu, others = service.cpu_seconds() - cpu, others.share()
    return {"rate": result["requests"] / (result["duration_us"] / 1e6),
            "p99": result["p99_us"] / 1e3, "cpu_us": cpu / result["requests"] * 1e6,
            "others": others}


def prepare(work, files, free, shop):
    """Preloads both; buys. The files of requests by service."""
    with open(files["hashes"], encoding="ascii") as lines:
        paths = [f"/v1/receipts/{next(lines).strip()}/proof" for _ in range(PAYMENTS)]
    for service, status in ((free, 200), (shop, 402)):
        harness.preload(service, dict(files, paid=files["lucid"]), RECEIPTS)
        wait_covered(service, paths[-1], status)
    requests = {name: work / f"requests.{name}" for name in ("lucid", "paid")}
    requests["lucid"].write_text("".join(path + "\n" for path in paths))
    requests["paid"].write_text("".join(f"{path}\t{shop.buy(path)}\n" for path in paths))
    return requests


def run(options, goals):
    patience = harness.Patience(options)
    rows = {"lucid": [], "paid": []}
    with harness.Work(options.work) as work, kit_chain.chain() as chain:
        files = harness.generate(options, work, RECEIPTS)
        log = work / "service.log"
        with harness.Lucid(options, work / "free", files["keys"], log=log) as free, \
                Shop(options, work, chain, files["keys"], log) as shop:
            requests = prepare(work, files, free, shop)
            for _ in range(options.rounds):
                for service in (free, shop):
                    row = patience.cell(
                        lambda: measure(service, requests[service.name], options.seconds))
                    rows[service.name].append(row)
                    print(f"  {service.name:6} {row['rate']:8.0f} proofs/s  "
                          f"p99 {row['p99']:6.2f} ms  server CPU {row['cpu_us']:6.1f} us, "
                          f"others {row['others']:.0%}", flush=True)
    rows = harness.quiet_rounds(rows)
    unpaid, paid = (harness.median(rows[name], "cpu_us") for name in ("lucid", "paid"))
    print(f"bench_paid cpu_us unpaid {unpaid:.1f} paid {paid:.1f}")
    goals.at_most("bench_paid paid / unpaid", paid / unpaid, RATIO_MAX)


if __name__ == "__main__":
    OPTIONS = harness.arguments(__doc__)
    sys.exit(harness.main(run, OPTIONS))
