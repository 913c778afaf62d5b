#!/usr/bin/env python3
"""Receipts a second over HTTP: the real service against the Node rival, turn by turn.

usage: bench_ingest.py [--build DIR] [--work DIR] [--check] [--quick] [--filled DIR]

Each round gives each service a fresh data directory on the same disk, a fresh start, 1 s of
warm-up and 4 s of measuring; single receipts over 32 connections, then 100 a request over 8. The
figures are ratios of the medians of five rounds. Every acknowledged receipt must be stored.

--filled DIR compares our service over the log in DIR (made by `fill`, and growing here) with our
service over an empty log instead."""

import subprocess
import sys

import harness

CELLS = (("single", 1, 2.0), ("batch", harness.BATCH, 2.8))
P99_RATIO_MAX = 0.25
FILLED_RATIO_MIN = 0.70
WARM_SECONDS = 1


def one_line(cell, name, row):
    print(f"  {cell:6} {name:6} {row['rate']:8.0f} receipts/s  p50 {row['p50']:7.2f} ms  "
          f"p99 {row['p99']:7.2f} ms  server CPU {row['cpu_us']:6.1f} us a receipt", flush=True)


def summary(cell, rows):
    for name, of in rows.items():
        print(f"bench_ingest {cell} {name} receipts/s {harness.median(of, 'rate'):.0f} "
              f"p50_ms {harness.median(of, 'p50'):.2f} p99_ms {harness.median(of, 'p99'):.2f} "
              f"cpu_us {harness.median(of, 'cpu_us'):.1f}")


def services(options, work, files, tag):
    log = work / "service.log"
    yield harness.Lucid(options, work / f"lucid-{tag}", files["keys"], log=log)
    yield harness.Node(work / f"node-{tag}", harness.free_port(), log=log)


def compare(options, goals):
    harness.rival_check()
    subprocess.run([harness.program(options, "bench/bench_ed25519")], check=True)
    with harness.Work(options.work) as work:
        count = harness.RATE_MAX * options.seconds + harness.WARM_COUNT * WARM_SECONDS
        files = harness.generate(options, work, count)
        rows = {cell: {"lucid": [], "node": []} for cell, _, _ in CELLS}
        for number in range(options.rounds):
            for cell, batch, _ in CELLS:
                for service in services(options, work, files, f"{cell}-{number}"):
                    with service:
                        row = harness.ingest(service, files, batch, options.seconds,
                                             warm=WARM_SECONDS)
                    rows[cell][service.name].append(row)
                    one_line(cell, service.name, row)
        for cell, _, need in CELLS:
            lucid, node = rows[cell]["lucid"], rows[cell]["node"]
            summary(cell, rows[cell])
            goals.at_least(f"bench_ingest {cell} ratio",
                           harness.median(lucid, "rate") / harness.median(node, "rate"), need)
            if cell == "single":
                goals.at_most(f"bench_ingest {cell} p99 ratio",
                              harness.median(lucid, "p99") / harness.median(node, "p99"),
                              P99_RATIO_MAX)


def compare_filled(options, goals):
    """Receipts of an index range that no fill uses; each cell takes new ones for the full log."""
    need = harness.RATE_MAX * options.seconds + harness.WARM_COUNT * WARM_SECONDS
    with harness.Work(options.work) as work:
        log = work / "service.log"
        rows = {cell: {"filled": [], "empty": []} for cell, _, _ in CELLS}
        for number in range(options.rounds):
            for at, (cell, batch, _) in enumerate(CELLS):
                first = harness.fresh_index()
                files = harness.generate(options, work, need, first)
                for kind in ("empty", "filled"):
                    data = options.filled if kind == "filled" else work / f"{number}-{at}"
                    with harness.Lucid(options, data, files["keys"], log=log) as service:
                        held = service.stored()
                        row = harness.ingest(service, files, batch, options.seconds,
                                             warm=WARM_SECONDS)
                    rows[cell][kind].append(row)
                    one_line(cell, kind, row)
                    print(f"         with {held} receipts before", flush=True)
        for cell, _, _ in CELLS:
            summary(cell, rows[cell])
            goals.at_least(f"bench_ingest {cell} filled/empty ratio",
                           harness.median(rows[cell]["filled"], "rate") /
                           harness.median(rows[cell]["empty"], "rate"), FILLED_RATIO_MIN)


if __name__ == "__main__":
    OPTIONS = harness.arguments(__doc__, filled={"help": "a log made by bench/fill"})
    sys.exit(harness.main(compare_filled if OPTIONS.filled else compare, OPTIONS))
