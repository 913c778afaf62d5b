#!/usr/bin/env python3
"""Memory under load and time to start, with small and with large logs.

usage: bench_memory.py [--build DIR] [--work DIR] [--check] [--quick] [--filled DIR]

Fills logs of 1 M and 2 M receipts (bench/fill), starts the service over each, loads it with single
receipts and with batches, and reads what memory is the process's own: Private_Dirty and swap of
every mapping in /proc/PID/smaps but the store's data file, whose pages belong to the page cache.
--filled DIR takes a ready log (of 10 M receipts, say) as the large one; it grows by the load.

Goals: with 1 M receipts below 160 MiB; each further receipt at most 96 bytes; start (exec to the
line `listening on`) below 1 s with 1 M receipts and below 8 s with 10 M (in proportion between)."""

import statistics
import subprocess
import sys

import harness

MILLION = 1000000
PRIVATE_MIB_MAX = 160
BYTES_A_RECEIPT_MAX = 96
STARTS = 3


def private_bytes(pid):
    """(bytes of its own, resident bytes of the store's file)."""
    own = mapped = 0
    store = False
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if not words[0].endswith(":"):
                store = len(words) > 5 and words[5].endswith("data.mdb")
            elif words[0] in ("Private_Dirty:", "Swap:") and not store:
                own += int(words[1]) * 1024
            elif words[0] == "Rss:" and store:
                mapped += int(words[1]) * 1024
    return own, mapped


def fill(options, work, receipts):
    data = work / f"log-{receipts}"
    harness.lucid_init(options, data)
    out = subprocess.run([harness.program(options, "bench/fill"), "--data", str(data),
                          "--receipts", str(receipts), "--fake"],
                         check=True, capture_output=True, text=True).stdout.strip()
    print(out, flush=True)
    return data


def load(options, work, service):
    seconds = 2 if options.quick else 4
    files = harness.generate(options, work, 2 * harness.RATE_MAX * seconds, harness.fresh_index())
    peak = private_bytes(service.process.pid)[0]
    for at, batch in enumerate((1, harness.BATCH)):
        harness.ingest(service, files, batch, seconds, skip=at * harness.RATE_MAX * seconds)
        peak = max(peak, private_bytes(service.process.pid)[0])
    return peak


def measure(options, work, data):
    """Starts several times, loads once; returns receipts, peak bytes, seconds to start."""
    starts = []
    for _ in range(STARTS - 1):
        with harness.Lucid(options, data) as service:
            starts.append(service.ready_seconds)
    with harness.Lucid(options, data, log=work / "service.log") as service:
        starts.append(service.ready_seconds)
        held, idle = service.stored(), private_bytes(service.process.pid)[0]
        peak = load(options, work, service)
        after, mapped = service.stored(), private_bytes(service.process.pid)[1]
    seconds = statistics.median(starts)
    print(f"bench_memory {held} receipts: start {seconds:.2f} s, own {idle / 2**20:.1f} MiB idle, "
          f"{peak / 2**20:.1f} MiB at {after} receipts under load, "
          f"store's pages {mapped / 2**20:.0f} MiB", flush=True)
    return held, after, peak, seconds


def run(options, goals):
    with harness.Work(options.work) as work:
        small, small_after, small_peak, small_start = measure(
            options, work, fill(options, work, MILLION))
        data = options.filled or fill(options, work, 2 * MILLION)
        large, large_after, large_peak, large_start = measure(options, work, data)
    goals.at_most(f"bench_memory {small} receipts private MiB", small_peak / 2**20,
                  PRIVATE_MIB_MAX)
    goals.at_most("bench_memory bytes a further receipt",
                  (large_peak - small_peak) / (large_after - small_after), BYTES_A_RECEIPT_MAX)
    goals.at_most(f"bench_memory start with {small} receipts, seconds", small_start, 1.0)
    goals.at_most(f"bench_memory start with {large} receipts, seconds", large_start,
                  1.0 + 7.0 * (large - MILLION) / (9 * MILLION))


if __name__ == "__main__":
    OPTIONS = harness.arguments(__doc__, filled={"help": "a large log made by bench/fill"})
    sys.exit(harness.main(run, OPTIONS))
