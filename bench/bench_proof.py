#!/usr/bin/env python3
"""Inclusion proofs a second over HTTP: the real service against the Node rival, turn by turn.

usage: bench_proof.py [--build DIR] [--work DIR] [--check] [--quick] [--receipts N]

Both services hold the same N receipts (100,000) and run throughout; wrk asks over 32 connections
for proofs of scattered receipts, 1 s of warm-up and 4 s of measuring each, five rounds. Ours is
GET /v1/receipts/{hash}/proof with the head that covers it, the rival's GET /v1/proofs/{leaf}."""

import sys
import time

import harness

RATIO_MIN = 3.5
CONNECTIONS = 32


def measure(service, files, leaves, seconds):
    environment = {"HASHES": files["hashes"], "LEAVES": leaves}
    harness.wrk(service, "proofs.lua", CONNECTIONS, 1, **environment)
    cpu, others = service.cpu_seconds(), harness.Others(service)
    result = harness.wrk(service, "proofs.lua", CONNECTIONS, seconds, **environment)
    cpu, others = service.cpu_seconds() - cpu, others.share()
    return {"rate": result["requests"] / (result["duration_us"] / 1e6),
            "p50": result["p50_us"] / 1e3, "p99": result["p99_us"] / 1e3,
            "cpu_us": cpu / result["requests"] * 1e6, "bytes": result["bytes"] / result["requests"],
            "others": others}


def wait_covered(service, files, leaves):
    """Until the newest published head covers the last receipt."""
    with open(files["hashes"], encoding="ascii") as lines:
        hashes = [next(lines).strip() for _ in range(leaves)]
    for _ in range(100):
        status, _ = service.get(f"/v1/receipts/{hashes[-1]}/proof")
        if status == 200:
            return
        time.sleep(0.1)
    raise harness.Failure(f"lucid: no proof after 10 s: {status}")


def run(options, goals):
    harness.rival_check()
    leaves = options.receipts
    patience = harness.Patience(options)
    with harness.Work(options.work) as work:
        files = harness.generate(options, work, leaves)
        log = work / "service.log"
        rows = {"lucid": [], "node": []}
        with harness.Lucid(options, work / "lucid", files["keys"], log=log) as lucid, \
                harness.Node(work / "node", harness.free_port(), log=log) as node:
            for service in (lucid, node):
                harness.preload(service, files, leaves)
            wait_covered(lucid, files, leaves)
            for _ in range(options.rounds):
                for service in (lucid, node):
                    row = patience.cell(
                        lambda: measure(service, files, leaves, options.seconds))
                    rows[service.name].append(row)
                    print(f"  {service.name:6} {row['rate']:8.0f} proofs/s  "
                          f"p50 {row['p50']:6.2f} ms  p99 {row['p99']:6.2f} ms  "
                          f"server CPU {row['cpu_us']:5.1f} us, "
                          f"{row['bytes']:.0f} bytes, others {row['others']:.0%}",
                          flush=True)
    rows = harness.quiet_rounds(rows)
    for name, of in rows.items():
        print(f"bench_proof {name} proofs/s {harness.median(of, 'rate'):.0f} "
              f"p99_ms {harness.median(of, 'p99'):.2f} cpu_us {harness.median(of, 'cpu_us'):.1f}")
    goals.at_least("bench_proof ratio", harness.median(rows["lucid"], "rate") /
                   harness.median(rows["node"], "rate"), RATIO_MIN)


if __name__ == "__main__":
    OPTIONS = harness.arguments(
        __doc__, receipts={"type": int, "default": 100000, "help": "a multiple of 1,000"})
    sys.exit(harness.main(run, OPTIONS))
