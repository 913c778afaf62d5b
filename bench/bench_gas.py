#!/usr/bin/env python3
"""What gas costs ingest: receipts a second with a tariff against a tariff of 0, turn by turn.

usage: bench_gas.py [--build DIR] [--work DIR] [--check] [--quick]

Each round gives both sides a fresh data directory, a fresh start, 1 s of warm-up and 4 s of
measuring; single receipts over 32 connections, then 100 a request over 8. On the side with gas
each receipt posts its charge to one of 64 signers' accounts and each epoch its shares; on the other
the tariff is 0, so that nothing is posted. The books of the first must say what was stored: one
charge a receipt, 5 LUCID an epoch."""

import sys

import harness

RATIO_MIN = 0.90
WARM_SECONDS = 1
CELLS = (("single", 1), ("batch", harness.BATCH))
TARIFFS = {"gas": ("1", "5"), "free": ("0", "0")}
LUCID = 10 ** 9


def books_check(service, free):
    """The revenue account against the tree: what is measured must be charged, or not."""
    token = (service.data / "admin.token").read_text().strip()
    status, body = service.get("/v1/accounts/revenue:gas:LUCID",
                               {"Authorization": "Bearer " + token})
    stored = service.stored()
    if free:
        if status != 404:
            raise harness.Failure(f"a tariff of 0 charged: {status} {body[:200]!r}")
        return
    epochs = stored // service.get_json("/v1/log")["epoch_receipts_max"]
    want = stored * LUCID + epochs * 5 * LUCID
    got = int(harness.json.loads(body)["credits"]) if status == 200 else body
    if got != want:
        raise harness.Failure(f"{stored} receipts, {epochs} epochs: {want} expected, {got} charged")


def cell(options, work, files, batch, name):
    data = harness.fresh_directory(work)
    igas, mgas = TARIFFS[name]
    harness.lucid_init(options, data, "--igas", igas, "--mgas", mgas)
    with harness.Lucid(options, data, files["keys"], log=work / "service.log") as service:
        row = harness.ingest(service, files, batch, options.seconds, warm=WARM_SECONDS)
        books_check(service, name == "free")
    harness.remove(data)
    return row


def compare(options, goals):
    patience = harness.Patience(options)
    with harness.Work(options.work) as work:
        count = harness.RATE_MAX * options.seconds + harness.WARM_COUNT * WARM_SECONDS
        files = harness.generate(options, work, count)
        rows = {kind: {name: [] for name in TARIFFS} for kind, _ in CELLS}
        for number in range(options.rounds):
            for kind, batch in CELLS:
                for name in sorted(TARIFFS, reverse=number % 2 == 1):
                    row = patience.cell(lambda: cell(options, work, files, batch, name))
                    rows[kind][name].append(row)
                    print(f"  {kind:6} {name:6} {row['rate']:8.0f} receipts/s  "
                          f"p99 {row['p99']:7.2f} ms  server CPU {row['cpu_us']:6.1f} us a "
                          f"receipt  others {row['others']:4.0%}", flush=True)
    for kind, _ in CELLS:
        sides = harness.quiet_rounds(rows[kind])
        for name, of in sides.items():
            print(f"bench_gas {kind} {name} receipts/s {harness.median(of, 'rate'):.0f} "
                  f"p99_ms {harness.median(of, 'p99'):.2f} "
                  f"cpu_us {harness.median(of, 'cpu_us'):.1f}")
        goals.at_least(f"bench_gas {kind} gas/free ratio",
                       harness.median(sides["gas"], "rate") / harness.median(sides["free"], "rate"),
                       RATIO_MIN)


if __name__ == "__main__":
    sys.exit(harness.main(compare, harness.arguments(__doc__)))
