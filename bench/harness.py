"""What the benchmarks share: starting both services, driving wrk, reading /proc.

Python's standard library only. Every process that is started here is also ended here, by its id."""

import argparse
import http.client
import json
import os
import pathlib
import platform
import re
import resource
import selectors
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent
RIVAL = BENCH / "rivals" / "node"
TICKS = os.sysconf("SC_CLK_TCK")
BATCH = 100
SINGLE_CONNECTIONS = 32
BATCH_CONNECTIONS = 8


class Failure(Exception):
    """The benchmark could not be run, or a service did not do its work."""


def arguments(doc, **extra):
    parser = argparse.ArgumentParser(description=doc.strip().splitlines()[0])
    parser.add_argument("--build", default="build", help="meson's build directory (release)")
    parser.add_argument("--work", help="where data directories go (default: TMPDIR)")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 s instead of 5 of 4 s")
    parser.add_argument("--patience", type=float, default=0, metavar="SECONDS",
                        help="wait as long in all for other programs to leave the processors alone")
    for name, options in extra.items():
        parser.add_argument("--" + name.replace("_", "-"), **options)
    options = parser.parse_args()
    options.build = pathlib.Path(options.build).resolve()
    options.rounds, options.seconds = (2, 2) if options.quick else (5, 4)
    return options


# --- other programs -------------------------------------------------------------------------------

# Share of all processors that others may use during a cell; the kernel's own threads are in it.
OTHERS_MAX = 0.10


def busy_seconds():
    """Processor time of everybody since boot: user, nice, system, irq, softirq, steal."""
    words = open("/proc/stat", encoding="ascii").readline().split()[1:]
    return sum(int(words[i]) for i in (0, 1, 2, 5, 6, 7)) / TICKS


class Others:
    """What share of the processors the service and wrk did not get, since begin()."""

    def __init__(self, service):
        self.service = service
        self.at, self.used = time.monotonic(), self._used()

    def _used(self):
        ours = sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
                   for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return busy_seconds() - ours - self.service.cpu_seconds()

    def share(self):
        return (self._used() - self.used) / (time.monotonic() - self.at) / os.cpu_count()


class Patience:
    """Judges cells by what others took meanwhile, never by their result: while seconds are left, a
    disturbed cell is measured again after the machine has gone quiet."""

    def __init__(self, options):
        self.left = options.patience

    def wait(self):
        while self.left > 0:
            before = busy_seconds()
            time.sleep(0.5)
            if (busy_seconds() - before) / 0.5 / os.cpu_count() <= OTHERS_MAX:
                return
            self.left -= 0.5

    def cell(self, measure):
        """measure() until it was undisturbed or patience has run out."""
        while True:
            self.wait()
            begun = time.monotonic()
            row = measure()
            if row["others"] <= OTHERS_MAX or self.left <= 0:
                return row
            self.left -= time.monotonic() - begun
            print(f"         again: others took {row['others']:.0%} of the processors", flush=True)


def quiet_rounds(rows):
    """rows: lists of cells by side, round by round. The rounds in which no side was disturbed; all
    of them, and a warning, when that leaves fewer than two. What others used decides, never the
    result."""
    rounds = list(zip(*rows.values()))
    quiet = [cells for cells in rounds if all(cell["others"] <= OTHERS_MAX for cell in cells)]
    if len(quiet) < 2:
        print(f"note: other programs took more than {OTHERS_MAX:.0%} of the processors in "
              f"{len(rounds) - len(quiet)} of {len(rounds)} rounds: the figures are disturbed")
        quiet = rounds
    elif len(quiet) < len(rounds):
        print(f"note: {len(rounds) - len(quiet)} of {len(rounds)} rounds were disturbed by other "
              "programs and are left out")
    return dict(zip(rows, map(list, zip(*quiet))))


def fresh_directory(work):
    """A name below work that nothing has yet."""
    fresh_directory.count += 1
    return work / f"data-{fresh_directory.count}"


fresh_directory.count = 0


def remove(path):
    shutil.rmtree(path, ignore_errors=True)


class Work:
    """A temporary directory that is gone afterwards."""

    def __init__(self, parent):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="lucid-bench-", dir=parent))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def program(options, *names):
    for name in names:
        path = options.build / name
        if path.exists():
            return str(path)
    raise Failure(f"{options.build} has no {names[0]}: build first")


def machine_line():
    model = "unknown processor"
    for line in open("/proc/cpuinfo", encoding="ascii", errors="replace"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (f"machine: {os.cpu_count()} x {model}, {memory:.0f} GiB, Linux {platform.release()}, "
            f"load before {load:.1f}")


def generate(options, work, count, first=0):
    """Both framings of the same bodies; returns the paths by name."""
    files = {name: str(work / f"{name}.{first}") for name in ("lucid", "node", "keys", "hashes")}
    command = [program(options, "bench/gen_receipts"), "--count", str(count), "--first", str(first)]
    for name, path in files.items():
        command += ["--" + name, path]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    print(f"receipts: {out}; a line of {os.path.getsize(files['lucid']) // count} bytes for lucid, "
          f"{os.path.getsize(files['node']) // count} for node", flush=True)
    return files


# --- services -------------------------------------------------------------------------------------


class Service:
    """A running server; counts its processor time and what it stored."""

    name = ""

    def __init__(self, command, environment=None, log=None):
        self.started = time.monotonic()
        self.log = open(log, "ab") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True)
        self.port = 0
        self.ready_seconds = 0.0

    def get(self, path, headers=None, method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get_json(self, path):
        status, body = self.get(path)
        if status != 200:
            raise Failure(f"{self.name}: GET {path}: {status} {body[:200]!r}")
        return json.loads(body)

    def cpu_seconds(self):
        text = open(f"/proc/{self.process.pid}/stat", encoding="ascii").read()
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        if self.log is not subprocess.DEVNULL:
            self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Lucid(Service):
    name = "lucid"
    batch_path, batch_type = "/v1/receipts/batch", "application/x-ndjson"

    def __init__(self, options, data, keys=None, flags=(), log=None):
        data = pathlib.Path(data)
        if not (data / "vkey").exists():
            lucid_init(options, data)
        command = [program(options, "lucidd/lucidd"), "--data", str(data),
                   "--listen", "127.0.0.1:0", *flags]
        super().__init__(command, log=log)
        self.data = data
        self._wait_listening()
        if keys:
            self._register(keys)

    def _wait_listening(self, seconds=120):
        selector = selectors.DefaultSelector()
        selector.register(self.process.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            self.stop()
            raise Failure("lucidd did not get ready")
        line = self.process.stdout.readline()
        self.ready_seconds = time.monotonic() - self.started
        match = re.match(r"listening on http://.*:(\d+)$", line)
        if not match:
            self.stop()
            raise Failure(f"lucidd said {line!r}")
        self.port = int(match.group(1))

    def _register(self, keys):
        token = (self.data / "admin.token").read_text().strip()
        headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
        for number, key in enumerate(open(keys, encoding="ascii").read().split()):
            body = json.dumps({"signer_pubkey": key, "name": f"bench-{number:02}",
                               "signer_type": "orchestrator"})
            status, answer = self.get("/v1/signers", headers, "POST", body)
            if status not in (200, 201):
                raise Failure(f"lucid: POST /v1/signers: {status} {answer[:300]!r}")

    def stored(self):
        return self.get_json("/v1/mmr")["leaf_count"]

    @staticmethod
    def batch_body(lines):
        return "".join(lines)


def lucid_init(options, data, *more):
    subprocess.run([program(options, "tools/lucid", "tools/lucid/lucid"), "log", "init",
                    "--data", str(data), "--origin", "bench.example/log", *more],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Node(Service):
    """The honest rival: libsodium's check, commits shared by the requests of one loop turn."""

    name = "node"
    batch_path, batch_type = "/v1/receipts/batch", "application/json"

    def __init__(self, data, port, log=None):
        environment = dict(os.environ, DIR=str(data), PORT=str(port), VERIFY="sodium",
                           STORE="sqlite-group", NODE_ENV="production")
        super().__init__(["node", str(RIVAL / "server.js")], environment, log=log)
        self.port = port
        for _ in range(300):
            try:
                self.get("/health")
                break
            except OSError:
                time.sleep(0.05)
        else:
            self.stop()
            raise Failure("the Node service did not get ready: see bench/rivals/node/README.md")
        self.ready_seconds = time.monotonic() - self.started

    def stored(self):
        return self.get_json("/v1/root")["leaves"]

    @staticmethod
    def batch_body(lines):
        return '{"receipts":[' + ",".join(line.rstrip("\n") for line in lines) + "]}"


def rival_check():
    if not (RIVAL / "node_modules").is_dir():
        raise Failure("the rival is not installed: see bench/rivals/node/README.md")


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- load -----------------------------------------------------------------------------------------


def wrk(service, script, connections, seconds, **environment):
    """Runs wrk once; returns its RESULT line as a dictionary of numbers."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
               str(BENCH / script), f"http://127.0.0.1:{service.port}"]
    environment = {name: str(value) for name, value in environment.items()}
    out = subprocess.run(command, capture_output=True, text=True, check=False,
                         env=dict(os.environ, SERVICE=service.name, **environment))
    match = re.search(r"^RESULT (.*)$", out.stdout, re.MULTILINE)
    if out.returncode != 0 or not match:
        raise Failure(f"wrk failed: {out.stdout[-500:]} {out.stderr[-500:]}")
    words = match.group(1).split()
    result = dict(zip(words[::2], map(float, words[1::2])))
    if result["status_errors"] or result["socket_errors"]:
        raise Failure(f"{service.name}: {match.group(0)}")
    if result["idle"]:
        raise Failure(f"{service.name}: the file of receipts was too small for this machine")
    return result


def ingest(service, files, batch, seconds, skip=0, warm=0):
    """Sends receipts for warm seconds, then for seconds; returns rate, latencies and CPU of the
    latter. That everything acknowledged was stored is asked of the service itself."""
    connections = SINGLE_CONNECTIONS if batch == 1 else BATCH_CONNECTIONS
    path = files[service.name]
    at = skip
    if warm:
        before = service.stored()
        wrk(service, "ingest.lua", connections, warm, RECEIPTS=path, BATCH=batch, SKIP=at,
            COUNT=WARM_COUNT * warm)
        at += WARM_COUNT * warm
        settle(service)
        if service.stored() == before:
            raise Failure(f"{service.name} stored nothing")
    before, cpu, others = service.stored(), service.cpu_seconds(), Others(service)
    result = wrk(service, "ingest.lua", connections, seconds, RECEIPTS=path, BATCH=batch, SKIP=at,
                 COUNT=RATE_MAX * seconds)
    others = others.share()
    settle(service)
    cpu = service.cpu_seconds() - cpu
    acknowledged, stored = int(result["requests"]) * batch, service.stored() - before
    if not acknowledged <= stored <= acknowledged + connections * batch:
        raise Failure(f"{service.name}: {acknowledged} acknowledged, {stored} stored")
    return {"rate": acknowledged / (result["duration_us"] / 1e6), "p50": result["p50_us"] / 1e3,
            "p99": result["p99_us"] / 1e3, "cpu_us": cpu / stored * 1e6, "stored": stored,
            "others": others}


# Receipts that one second can take at most, on the machines that this was made for.
RATE_MAX = 60000
WARM_COUNT = 45000


def fresh_index():
    """A first index for receipts that no log holds yet: far above every fill, never twice."""
    return (1 << 40) + time.time_ns() // 1000 % (1 << 50)


def settle(service):
    """Waits until what was in flight when wrk left is stored."""
    last = -1
    for _ in range(100):
        now = service.stored()
        if now == last:
            return
        last = now
        time.sleep(0.05)


def preload(service, files, count):
    """Stores exactly the file's first count receipts."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    with open(files[service.name], encoding="ascii") as lines:
        for _ in range(0, count, 1000):
            body = service.batch_body([next(lines) for _ in range(1000)])
            connection.request("POST", service.batch_path, body,
                               {"Content-Type": service.batch_type})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise Failure(f"{service.name}: batch: {answer.status} {text[:300]!r}")
    connection.close()
    if service.stored() != count:
        raise Failure(f"{service.name}: {count} sent, {service.stored()} stored")


# --- figures --------------------------------------------------------------------------------------


def median(rows, key):
    return statistics.median(row[key] for row in rows)


class Goals:
    """Prints ratios beside what they must be and remembers misses."""

    def __init__(self):
        self.missed = 0

    def at_least(self, text, value, need):
        self._say(f"{text} {value:.2f} (need >= {need:.2f})", value >= need)

    def at_most(self, text, value, need):
        self._say(f"{text} {value:.2f} (need <= {need:.2f})", value <= need)

    def _say(self, text, good):
        self.missed += not good
        print(text + ("" if good else "  MISSED"), flush=True)


def main(run, options):
    goals = Goals()
    try:
        print(machine_line(), flush=True)
        run(options, goals)
    except (Failure, subprocess.CalledProcessError) as failure:
        print(f"{sys.argv[0]}: {failure}", file=sys.stderr)
        return 3
    return 1 if options.check and goals.missed else 0
