#!/usr/bin/env python3
"""What a backup costs the submitters: p99 of single receipts, quiet against during backups.

usage: bench_backup.py [--build DIR] [--work DIR] [--check] [--quick] [--receipts N] [--rate MIB]

A log of 200,000 receipts (made by `fill`) is served, and single receipts come over 32 connections
as fast as they are answered. Rounds alternate: quiet, then with `lucid log backup` running over and
over at its default rate, each copied, synced, verified and thrown away. The figure is the ratio of
the medians of the p99s; each backup must verify, each acknowledged receipt must be stored."""

import json
import subprocess
import sys
import threading
import time

import harness

P99_RATIO_MAX = 2.0
RECEIPTS = 200000


class Backups(threading.Thread):
    """Makes one backup after the other until it is stopped."""

    def __init__(self, options, data, work):
        super().__init__()
        self.command = [harness.program(options, "tools/lucid", "tools/lucid/lucid"), "log",
                        "backup", "--data", str(data), "--json", "--rate", str(options.rate)]
        self.work, self.stopped = work, threading.Event()
        self.done, self.bytes, self.trouble, self.process = 0, 0, None, None
        self.begun = threading.Event()

    def run(self):
        while not self.stopped.is_set():
            target = harness.fresh_directory(self.work)
            self.process = subprocess.Popen([*self.command, "--to", str(target)],
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.begun.set()
            out, err = self.process.communicate()
            if self.process.returncode == 0:
                self.done += 1
                self.bytes = json.loads(out)["bytes"]
            elif not self.stopped.is_set():
                self.trouble = (out + err)[-500:]
                return
            harness.remove(target)
            harness.remove(str(target) + ".partial")

    def end(self):
        self.stopped.set()
        self.process.terminate()
        self.join()
        if self.trouble:
            raise harness.Failure(f"a backup failed: {self.trouble!r}")


def cell(options, service, work, backing, wait=0.0):
    count = harness.RATE_MAX * options.seconds
    files = harness.generate(options, work, count, harness.fresh_index())
    backups = Backups(options, service.data, work) if backing else None
    if backups:
        backups.start()
        backups.begun.wait()
        time.sleep(wait)
    try:
        row = harness.ingest(service, files, 1, options.seconds)
    finally:
        if backups:
            backups.end()
        for path in files.values():
            harness.pathlib.Path(path).unlink()
    name = f"backup ({backups.done} whole, {backups.bytes >> 20} MiB)" if backups else "quiet"
    print(f"  {name:28} {row['rate']:8.0f} receipts/s  p50 {row['p50']:7.2f} ms  "
          f"p99 {row['p99']:7.2f} ms  others {row['others']:4.0%}", flush=True)
    return row


def compare(options, goals):
    with harness.Work(options.work) as work:
        data = work / "log"
        harness.lucid_init(options, data)
        subprocess.run([harness.program(options, "bench/fill"), "--data", str(data), "--receipts",
                        str(options.receipts), "--fake"], check=True, stdout=subprocess.DEVNULL)
        files = harness.generate(options, work, 64)
        rows = {"quiet": [], "backup": []}
        with harness.Lucid(options, data, files["keys"], log=work / "service.log") as service:
            harness.settle(service)
            cell(options, service, work, False)  # warm-up, not counted
            for number in range(options.rounds):
                for name, of in rows.items():
                    wait = 0.2 + 1.5 * number  # each round sees another part of a backup
                    of.append(cell(options, service, work, name == "backup", wait))
    for name, of in rows.items():
        print(f"bench_backup {name} receipts/s {harness.median(of, 'rate'):.0f} "
              f"p50_ms {harness.median(of, 'p50'):.2f} p99_ms {harness.median(of, 'p99'):.2f}")
    goals.at_most("bench_backup p99 ratio backup/quiet",
                  harness.median(rows["backup"], "p99") / harness.median(rows["quiet"], "p99"),
                  P99_RATIO_MAX)


if __name__ == "__main__":
    OPTIONS = harness.arguments(
        __doc__, receipts={"type": int, "default": RECEIPTS, "help": "in the log before"},
        rate={"type": int, "default": 32, "help": "of the backup, MiB a second"})
    sys.exit(harness.main(compare, OPTIONS))
