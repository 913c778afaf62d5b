#!/usr/bin/env python3
"""Verifications of passports a second over HTTP, by id and by body, beside bare Ed25519 checks.

usage: bench_passport.py [--build DIR] [--work DIR] [--check] [--quick]

The service issues a passport from mock evidence and then answers POST /v1/passports/verify, asked
by wrk over 32 connections: by id and by the document. In the same rounds the program bench_passport
checks the same passport's signature alone, and verifies it in process. What has a goal is the bare
check over the server's CPU for one answer: everything that HTTP, snapshot, record, runtime data and
evidence beside the document and what was found of them today cost is in the latter."""

import json
import os
import pathlib
import re
import subprocess
import sys

import harness

CONNECTIONS = 32
RATIO_MIN = 0.25


class Ledger:
    """What the harness asks of a service, of one of the tests' kit."""

    name = "lucid"

    def __init__(self, service):
        self.service, self.process, self.port = service, service.process, service.port

    cpu_seconds = harness.Service.cpu_seconds


def issued(options, work):
    """The service with a passport whose entry a head covers, and its agent; the files of bodies."""
    os.environ.update(LUCID_BUILD=str(options.build), TMPDIR=str(work))
    sys.path.insert(0, str(harness.BENCH.parent / "tests" / "e2e"))
    import kit  # pylint: disable=import-outside-toplevel
    import kit_attest  # pylint: disable=import-outside-toplevel
    import kit_passport  # pylint: disable=import-outside-toplevel
    agent = kit_attest.Agent()
    service = kit_passport.Passports(roots=(agent.root,), head_interval_ms=100)
    body = service.issue([service.environment_of(
        agent, workload={"container": kit_passport.CONTAINER})["appraisalId"]])
    files = {"id": json.dumps({"passportId": body["passportId"]}),
             "body": json.dumps({"passport": body["passport"]}),
             "passport": json.dumps(body["passport"])}
    paths = {name: work / f"{name}.json" for name in files}
    for name, text in files.items():
        paths[name].write_text(text, encoding="utf-8")

    def transparent():
        answers = [service.post("/v1/passports/verify", files[name]).json()
                   for name in ("id", "body")]
        return all((answer["verdict"], answer["level"]) == ("valid", "transparent")
                   for answer in answers)
    kit.wait_for(transparent, what="a head that covers the passport")
    return service, agent, paths


def bare(options, path):
    """Microseconds of the check alone, and of verify_run in process."""
    out = subprocess.run([harness.program(options, "bench/bench_passport"), "--rounds", "1",
                          "--passport", path], capture_output=True, text=True, check=True).stdout
    return [float(found) for found in re.findall(r"\(([\d.]+) us\)", out)[:2]]


def cell(service, path, seconds):
    harness.wrk(service, "passport.lua", CONNECTIONS, 1, BODY=path)
    cpu, others = service.cpu_seconds(), harness.Others(service)
    result = harness.wrk(service, "passport.lua", CONNECTIONS, seconds, BODY=path)
    cpu, others = service.cpu_seconds() - cpu, others.share()
    return {"rate": result["requests"] / (result["duration_us"] / 1e6),
            "p50": result["p50_us"] / 1e3, "p99": result["p99_us"] / 1e3,
            "cpu_us": cpu / result["requests"] * 1e6, "others": others}


def run(options, goals):
    patience = harness.Patience(options)
    rows, alone = {"id": [], "body": []}, []
    with harness.Work(options.work) as work:
        service, agent, paths = issued(options, pathlib.Path(work))
        ledger = Ledger(service)
        for _ in range(options.rounds):
            alone.append(bare(options, paths["passport"]))
            for name, of in rows.items():
                of.append(patience.cell(lambda: cell(ledger, paths[name], options.seconds)))
                print(f"  by {name:4} {of[-1]['rate']:8.0f}/s  p50 {of[-1]['p50']:6.2f} ms  "
                      f"p99 {of[-1]['p99']:6.2f} ms  server CPU {of[-1]['cpu_us']:6.1f} us  "
                      f"bare {alone[-1][0]:5.1f} us, in process {alone[-1][1]:5.1f} us, "
                      f"others {of[-1]['others']:.0%}", flush=True)
        service.stop()
        agent.stop()
    rows = harness.quiet_rounds(rows)
    check_us = sorted(one[0] for one in alone)[len(alone) // 2]
    for name, of in rows.items():
        print(f"bench_passport by {name}: verifications/s {harness.median(of, 'rate'):.0f} "
              f"p99_ms {harness.median(of, 'p99'):.2f} cpu_us {harness.median(of, 'cpu_us'):.1f}")
        goals.at_least(f"bench_passport {name} ratio",
                       check_us / harness.median(of, "cpu_us"), RATIO_MIN)


if __name__ == "__main__":
    OPTIONS = harness.arguments(__doc__)
    sys.exit(harness.main(run, OPTIONS))
