#!/usr/bin/env python3
"""`lucid log fsck` of a whole log against the bare checks of its signatures, turn by turn.

usage: bench_fsck.py [--build DIR] [--work DIR] [--check] [--quick] [--receipts N] [--filled DIR]

Fills a log of N receipts (1,000,000) with real signatures (bench/fill), checks it with a thread for
each processor, and between the rounds lets bench_ed25519 check signatures, and nothing else, on as
many threads. The goal: fsck takes at most 1.3 times as long as N bare checks would. Beside the
ratio of wall time stands that of processor time, which other programs disturb less."""

import json
import os
import resource
import subprocess
import sys
import time

import harness

RATIO_MAX = 1.3


class Nobody:
    """No service runs: what others take is all but our children."""

    @staticmethod
    def cpu_seconds():
        return 0


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fsck(options, data, receipts):
    others, cpu, begun = harness.Others(Nobody), children_cpu(), time.monotonic()
    ended = subprocess.run([harness.program(options, "tools/lucid"), "log", "fsck", "--data",
                            str(data), "--json"], check=False, capture_output=True)
    seconds, cpu = time.monotonic() - begun, children_cpu() - cpu
    report = json.loads(ended.stdout)
    if ended.returncode != 0 or report["signatures"] < receipts:
        raise harness.Failure(f"fsck: exit {ended.returncode}, {str(report)[:500]}")
    return {"seconds": seconds, "cpu": cpu, "others": others.share()}


def verify(options, receipts):
    """What checking that many signatures takes, by the rate of a few seconds."""
    others = harness.Others(Nobody)
    out = subprocess.run([harness.program(options, "bench/bench_ed25519"), "--seconds",
                          str(options.seconds)], check=True, capture_output=True, text=True).stdout
    words = out.splitlines()[-1].split()  # the row of all processors
    rate, cpu_us = float(words[words.index("checks/s") + 1]), float(words[-1])
    return {"seconds": receipts / rate, "cpu": receipts * cpu_us / 1e6, "others": others.share()}


def run(options, goals):
    patience = harness.Patience(options)
    with harness.Work(options.work) as work:
        data = options.filled
        if not data:
            data = work / "log"
            harness.lucid_init(options, data)
            print(subprocess.run([harness.program(options, "bench/fill"), "--data", str(data),
                                  "--receipts", str(options.receipts)], check=True,
                                 capture_output=True, text=True).stdout.strip(), flush=True)
        rows = {"fsck": [], "verify": []}
        for _ in range(min(options.rounds, 3)):
            for name, measure in (("fsck", lambda: fsck(options, data, options.receipts)),
                                  ("verify", lambda: verify(options, options.receipts))):
                row = patience.cell(measure)
                rows[name].append(row)
                print(f"  {name:6} {row['seconds']:7.2f} s  CPU {row['cpu']:7.2f} s  "
                      f"others {row['others']:.0%}", flush=True)
    rows = harness.quiet_rounds(rows)
    wall = harness.median(rows["fsck"], "seconds") / harness.median(rows["verify"], "seconds")
    cpu = harness.median(rows["fsck"], "cpu") / harness.median(rows["verify"], "cpu")
    print(f"bench_fsck receipts {options.receipts} threads {os.cpu_count()} "
          f"seconds {harness.median(rows['fsck'], 'seconds'):.2f} cpu_ratio {cpu:.2f}")
    goals.at_most("bench_fsck ratio", wall, RATIO_MAX)


if __name__ == "__main__":
    OPTIONS = harness.arguments(
        __doc__, receipts={"type": int, "default": 1000000, "help": "in the log"},
        filled={"help": "a ready log with that many real signatures"})
    sys.exit(harness.main(run, OPTIONS))
