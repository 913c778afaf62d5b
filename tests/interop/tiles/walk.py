#!/usr/bin/env python3
"""Fills a log, keeps an older head, and has the tile client walk it everywhere it can be read."""

import os
import subprocess
import sys

import kit
from kit_receipts import Maker

SIZE = int(os.environ.get("LUCID_TILES_SIZE", "1400"))
OLD = SIZE * 3 // 5 + 1
BATCH = 1000

client = sys.argv[1]
service = kit.Service(head_interval_ms=50)
signer = service.new_signer("walk")
maker = Maker("walk")
base = kit.scratch()
old = os.path.join(base, "old")
folder = os.path.join(base, "folder")
remote = os.path.join(base, "remote")
vkey = service.data + "/vkey"


def grow(size):
    have = service.size()
    while have < size:
        count = min(BATCH, size - have)
        service.batch_ok(signer.seal_all(maker.bodies(count)))
        have += count
    kit.equal(service.covered(size).size, size)


def export():
    kit.run_lucid("log", "export", "--tiles", folder, "--data", service.data)
    kit.run_lucid("log", "export", "--tiles", remote, "--url", f"http://127.0.0.1:{service.port}",
                  "--vkey-file", vkey)


def walk(where):
    ended = subprocess.run([client, "check-tiles", where, vkey, old], check=False, text=True,
                           capture_output=True, timeout=250)
    if ended.returncode != 0:
        print(f"FAIL {where}: {ended.stderr}")
        sys.exit(1)
    return ended.stdout.strip()


grow(OLD)
with open(old, "wb") as file:
    file.write(service.get("/checkpoint").body)
export()
grow(SIZE)
export()
said = {walk(where) for where in (f"http://127.0.0.1:{service.port}", folder, remote)}
service.stop()
assert len(said) == 1, said
print(f"over HTTP and two exports: {said.pop()}")
