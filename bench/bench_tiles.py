#!/usr/bin/env python3
"""Full tiles a second: the service against nginx over the same tiles as files, turn by turn.

usage: bench_tiles.py [--build DIR] [--work DIR] [--check] [--quick] [--receipts N]

A log of N receipts (200,000) is filled and exported with `lucid log export --tiles`; nginx serves
the export (sendfile, no access log, as many workers as the service has I/O threads), the service
the log itself. wrk walks the full tiles of level 0 over 32 connections, then the full entry
bundles; 1 s of warm-up, 4 s of measuring each, five rounds. Both must answer the same bytes."""

import getpass
import os
import pathlib
import shutil
import subprocess
import sys
import time

import harness

CONNECTIONS = 32
THREADS = 2
# Name in the path, name for people, what part of nginx's rate it must reach. Of a bundle each entry
# is hashed before it leaves.
KINDS = {"0": ("hash tiles", 0.5), "entries": ("entry bundles", 0.35)}

NGINX_CONF = """
{user}worker_processes {workers};
daemon off;
pid {work}/nginx.pid;
error_log {work}/nginx.err warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port} reuseport;
        root {folder};
        location = /checkpoint {{ default_type "text/plain; charset=utf-8"; }}
        location /tile/ {{ add_header Cache-Control "public, max-age=31536000, immutable"; }}
    }}
}}
"""


class Nginx(harness.Service):
    name = "nginx"

    def __init__(self, work, folder):
        command = shutil.which("nginx") or "/usr/sbin/nginx"
        if not os.access(command, os.X_OK):
            raise harness.Failure("no nginx: install Debian's nginx")
        port = harness.free_port()
        # As root its workers would become another user, who may not look into our directory.
        user = f"user {getpass.getuser()};\n" if os.geteuid() == 0 else ""
        work = pathlib.Path(work) / "nginx"
        work.mkdir()
        conf = work / "nginx.conf"
        conf.write_text(NGINX_CONF.format(user=user, workers=THREADS, work=work, port=port,
                                          folder=folder))
        super().__init__([command, "-c", str(conf), "-p", str(work), "-e", str(work / "nginx.err")])
        self.port = port
        for _ in range(200):
            try:
                self.get("/checkpoint")
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise harness.Failure("nginx did not get ready: " + (work / "nginx.err").read_text())

    def cpu_seconds(self):
        """The workers'; the master only waits."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            workers = file.read().split()
        total = 0
        for worker in workers:
            with open(f"/proc/{worker}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / harness.TICKS


def prepare(options, work):
    """A filled log and its export."""
    data, folder = work / "log", work / "tiles"
    harness.lucid_init(options, data)
    subprocess.run([harness.program(options, "bench/fill"), "--data", str(data), "--receipts",
                    str(options.receipts), "--fake"], check=True, stdout=subprocess.DEVNULL)
    started = time.monotonic()
    subprocess.run([harness.program(options, "tools/lucid"), "log", "export", "--tiles",
                    str(folder), "--data", str(data)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    print(f"log of {options.receipts} receipts exported in {time.monotonic() - started:.1f} s",
          flush=True)
    return data, folder


def same_bytes(services, tiles):
    """Both must do the same work."""
    for kind in KINDS:
        for number in (0, tiles // 2, tiles - 1):
            path = f"/tile/{kind}/{number:03}"
            answers = [service.get(path) for service in services]
            if answers[0] != answers[1] or answers[0][0] != 200:
                raise harness.Failure(f"{path}: not the same answer from both")


def measure(service, tiles, kind, seconds):
    environment = {"TILES": tiles, "KIND": kind}
    harness.wrk(service, "tiles.lua", CONNECTIONS, 1, **environment)
    cpu, others = service.cpu_seconds(), harness.Others(service)
    result = harness.wrk(service, "tiles.lua", CONNECTIONS, seconds, **environment)
    cpu, others = service.cpu_seconds() - cpu, others.share()
    return {"rate": result["requests"] / (result["duration_us"] / 1e6),
            "p50": result["p50_us"] / 1e3, "p99": result["p99_us"] / 1e3,
            "cpu_us": cpu / result["requests"] * 1e6, "others": others}


def compare(options, goals, services, tiles, kind):
    patience = harness.Patience(options)
    rows = {service.name: [] for service in services}
    name_of_kind, ratio_min = KINDS[kind]
    print(name_of_kind, flush=True)
    for _ in range(options.rounds):
        for service in services:
            row = patience.cell(lambda: measure(service, tiles, kind, options.seconds))
            rows[service.name].append(row)
            print(f"  {service.name:6} {row['rate']:8.0f} /s  p50 {row['p50']:6.2f} ms  "
                  f"p99 {row['p99']:6.2f} ms  server CPU {row['cpu_us']:5.1f} us, "
                  f"others {row['others']:.0%}", flush=True)
    rows = harness.quiet_rounds(rows)
    for name, of in rows.items():
        print(f"bench_tiles {name} {name_of_kind}/s {harness.median(of, 'rate'):.0f} "
              f"p99_ms {harness.median(of, 'p99'):.2f} cpu_us {harness.median(of, 'cpu_us'):.1f}")
    goals.at_least(f"bench_tiles {name_of_kind} ratio", harness.median(rows["lucid"], "rate") /
                   harness.median(rows["nginx"], "rate"), ratio_min)


def run(options, goals):
    tiles = options.receipts // 256
    if not 3 <= tiles <= 999:
        raise harness.Failure("--receipts must be 768 to 255,999")
    with harness.Work(options.work) as work:
        data, folder = prepare(options, work)
        with harness.Lucid(options, data, flags=["--io-threads", str(THREADS)]) as lucid, \
                Nginx(work, folder) as nginx:
            same_bytes((lucid, nginx), tiles)
            for kind in KINDS:
                compare(options, goals, (lucid, nginx), tiles, kind)


if __name__ == "__main__":
    OPTIONS = harness.arguments(
        __doc__, receipts={"type": int, "default": 200000, "help": "256 a full tile"})
    sys.exit(harness.main(run, OPTIONS))
