#!/usr/bin/env python3
"""Receipts a second over HTTP: the real service against the Node rival, turn by turn.

usage: bench_ingest.py [--build DIR] [--work DIR] [--check] [--quick] [--filled DIR]

Each round gives each service a fresh data directory on the same disk, a fresh start, 1 s of
warm-up and 4 s of measuring; single receipts over 32 connections, then 100 a request over 8. The
figures are ratios of the medians of five rounds. Every acknowledged receipt must be stored.

--filled DIR compares our service over the log in DIR (made by `fill`, and growing here) with our
service over an empty log instead."""

import os
import subprocess
import sys

import harness

CELLS = (("single", 1, 2.0), ("batch", harness.BATCH, 2.8))
P99_RATIO_MAX = 0.25
FILLED_RATIO_MIN = 0.70
WARM_SECONDS = 1


def one_line(cell, name, row):
    print(f"  {cell:6} {name:6} {row['rate']:8.0f} receipts/s  p50 {row['p50']:7.2f} ms  "
          f"p99 {row['p99']:7.2f} ms  server CPU {row['cpu_us']:6.1f} us a receipt  "
          f"others {row['others']:4.0%}", flush=True)


def summary(cell, rows):
    for name, of in rows.items():
        print(f"bench_ingest {cell} {name} receipts/s {harness.median(of, 'rate'):.0f} "
              f"p50_ms {harness.median(of, 'p50'):.2f} p99_ms {harness.median(of, 'p99'):.2f} "
              f"cpu_us {harness.median(of, 'cpu_us'):.1f}")


def cell(options, work, files, batch, make):
    """One measurement with a service that make() starts over a fresh directory."""
    data = harness.fresh_directory(work)
    with make(data) as service:
        row = harness.ingest(service, files, batch, options.seconds, warm=WARM_SECONDS)
    harness.remove(data)
    return row


def compare(options, goals):
    harness.rival_check()
    subprocess.run([harness.program(options, "bench/bench_ed25519")], check=True)
    patience = harness.Patience(options)
    with harness.Work(options.work) as work:
        count = harness.RATE_MAX * options.seconds + harness.WARM_COUNT * WARM_SECONDS
        files = harness.generate(options, work, count)
        log = work / "service.log"
        makers = {
            "lucid": lambda data: harness.Lucid(options, data, files["keys"], log=log),
            "node": lambda data: harness.Node(data, harness.free_port(), log=log),
        }
        rows = {kind: {"lucid": [], "node": []} for kind, _, _ in CELLS}
        for _ in range(options.rounds):
            for kind, batch, _ in CELLS:
                for name, make in makers.items():
                    row = patience.cell(lambda: cell(options, work, files, batch, make))
                    rows[kind][name].append(row)
                    one_line(kind, name, row)
    for kind, _, need in CELLS:
        sides = harness.quiet_rounds(rows[kind])
        lucid, node = sides["lucid"], sides["node"]
        summary(kind, sides)
        goals.at_least(f"bench_ingest {kind} ratio",
                       harness.median(lucid, "rate") / harness.median(node, "rate"), need)
        if kind == "single":
            goals.at_most(f"bench_ingest {kind} p99 ratio",
                          harness.median(lucid, "p99") / harness.median(node, "p99"),
                          P99_RATIO_MAX)


def filled_cell(options, work, keys, batch):
    """One measurement over the large log, with receipts that it does not hold yet."""
    count = harness.RATE_MAX * options.seconds + harness.WARM_COUNT * WARM_SECONDS
    files = harness.generate(options, work, count, harness.fresh_index())
    with harness.Lucid(options, options.filled, keys, log=work / "service.log") as service:
        held = service.stored()
        row = harness.ingest(service, files, batch, options.seconds, warm=WARM_SECONDS)
    print(f"         {held} receipts were there before", flush=True)
    for path in files.values():
        os.unlink(path)
    return row


def compare_filled(options, goals):
    patience = harness.Patience(options)
    with harness.Work(options.work) as work:
        count = harness.RATE_MAX * options.seconds + harness.WARM_COUNT * WARM_SECONDS
        files = harness.generate(options, work, count)
        rows = {kind: {"filled": [], "empty": []} for kind, _, _ in CELLS}
        for _ in range(options.rounds):
            for kind, batch, _ in CELLS:
                row = patience.cell(lambda: cell(
                    options, work, files, batch,
                    lambda data: harness.Lucid(options, data, files["keys"])))
                rows[kind]["empty"].append(row)
                one_line(kind, "empty", row)
                row = patience.cell(lambda: filled_cell(options, work, files["keys"], batch))
                rows[kind]["filled"].append(row)
                one_line(kind, "filled", row)
    for kind, _, _ in CELLS:
        sides = harness.quiet_rounds(rows[kind])
        summary(kind, sides)
        goals.at_least(f"bench_ingest {kind} filled/empty ratio",
                       harness.median(sides["filled"], "rate") /
                       harness.median(sides["empty"], "rate"), FILLED_RATIO_MIN)


if __name__ == "__main__":
    OPTIONS = harness.arguments(__doc__, filled={"help": "a log made by bench/fill"})
    sys.exit(harness.main(compare_filled if OPTIONS.filled else compare, OPTIONS))
