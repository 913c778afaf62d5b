#!/usr/bin/env python3
"""The event log as export and as live stream: resumed at each point, read slowly, over restarts;
lucid log follow prints it."""

import base64
import hashlib
import http.client
import json
import os
import signal
import subprocess
import threading
import time

import kit
import kit_tree
from kit import case, equal, wait_for
from kit_receipts import Maker

RECEIPTS = int(os.environ.get("LUCID_EVENTS", "40000"))
STREAMS_MAX = 3
maker = Maker("17")
service = kit.Service(streams_max=STREAMS_MAX, stream_heartbeat_ms=500)
signer = service.new_signer("s")


def events(path="/v1/events", token=None):
    answer = service.get(path, token=token or service.token)
    equal(answer.status, 200, repr(answer))
    equal(answer.header("content-type"), "application/x-ndjson")
    return answer.lines()


def event_hash(before, event):
    header = (event["sequence"].to_bytes(8, "big") + event["time_ms"].to_bytes(8, "big") +
              event["type"].encode().ljust(32, b"\0") + event["version"].to_bytes(2, "big"))
    payload = hashlib.sha256(base64.b64decode(event["payload"], validate=True)).digest()
    return hashlib.sha256(before + header + payload +
                          bytes.fromhex(event.get("entry", ""))).digest()


def rss_kib():
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def metric(name):
    text = service.get("/metrics").body.decode()
    return next(int(line.split()[1]) for line in text.splitlines()
                if line.startswith(name + " "))


class Stream:
    """One connection to /v1/stream: (id, type, object) at a time."""

    def __init__(self, query="", last_id=None, seconds=20, token=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port,
                                                     timeout=seconds * kit.SLOW)
        headers = {"Authorization": "Bearer " + (token or service.token)}
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        self.connection.request("GET", "/v1/stream" + query, headers=headers)
        self.answer = self.connection.getresponse()
        self.comments = 0
        self.last_id = last_id

    def next(self, idle=False):
        """None at the end of the stream; idle: False at a heartbeat."""
        name = data = None
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if line == "" and data is not None:
                return self.last_id, name, data
            if line == "" and idle and self.comments:
                return False
            if field == "":
                self.comments += line != ""
            elif field == "id":
                self.last_id = int(value)
            elif field == "event":
                name = value
            elif field == "data":
                data = json.loads(value, object_pairs_hook=kit.unique)
            else:
                equal(field, "retry")

    def close(self):
        self.connection.close()


def streams_gone():
    wait_for(lambda: metric("lucid_streams_open") == 0, 10, "the end of the streams")


# --- the export -----------------------------------------------------------------------------------

with case("what is exported is what is hashed: chain, leaves and heads are checked by a stranger"):
    service.batch_ok(signer.seal_all(maker.bodies(120)))
    service.covered(120)
    before = hashlib.sha256(kit.ORIGIN.encode()).digest()
    tree = kit_tree.Tree()
    heads = 0
    for number, event in enumerate(events("/v1/events?bodies=true"), 1):
        equal(event["sequence"], number)
        before = event_hash(before, event)
        equal(event["hash"], before.hex())
        if "entry" in event:
            equal(event["leaf_index"], len(tree.leaves))
            tree.append(bytes.fromhex(event["entry"]))
            body = base64.b64decode(event["body"], validate=True)
            equal(hashlib.sha256(body).hexdigest(), event["entry"][:64])
            equal(event["decoded"]["run_id"], json.loads(body)["run_id"])
        if event["type"] == "head":
            heads += 1
            head = service.checkpoint(base64.b64decode(event["payload"]).decode())
            equal((head.size, head.root.hex()),
                  (event["decoded"]["size"], event["decoded"]["root"]))
            equal(head.root, tree.root(head.size))
    assert heads >= 3, heads

with case("resumed at each point: the rest, and nothing twice"):
    whole = events()
    for after in range(len(whole) + 1):
        equal(events(f"/v1/events?after={after}"), whole[after:])
    pages, after = [], 0
    while True:
        page = events(f"/v1/events?after={after}&limit=7")
        if not page:
            break
        assert len(page) <= 7
        pages += page
        after = page[-1]["sequence"]
    equal(pages, whole)
    equal([e["type"] for e in events("/v1/events?types=head,epoch.closed")],
          [e["type"] for e in whole if e["type"] in ("head", "epoch.closed")])

with case("refusals: beyond the newest event, bad parameters, no token"):
    for query, param in (("after=100000", "after"), ("after=x", "after"), ("limit=0", "limit"),
                         ("bodies=yes", "bodies"), ("types=A", "types")):
        kit.problem(service.get("/v1/events?" + query, token=service.token), 400,
                    "INVALID_PARAMETER", param)
    for path in ("/v1/events", "/v1/stream"):
        kit.problem(service.get(path), 401, "UNAUTHORIZED")
    kit.problem(service.client.request("GET", "/v1/stream", token=service.token,
                                       headers={"Last-Event-ID": "999999"}), 400,
                "INVALID_PARAMETER", "Last-Event-ID")

# --- the stream -----------------------------------------------------------------------------------

with case("a stream begins with what comes next, and brings it at once"):
    stream = Stream()
    equal(stream.answer.getheader("Content-Type"), "text/event-stream")
    newest = len(events())
    envelope, = signer.seal_all(maker.bodies(1))
    started = time.monotonic()
    line, = service.batch_ok([envelope])
    sequence, name, data = stream.next()
    elapsed = time.monotonic() - started
    equal((sequence, name, data["sequence"]), (newest + 1, "receipt", line["sequence"]))
    equal(data, events(f"/v1/events?after={newest}&limit=1")[0])
    assert elapsed < 1 * kit.SLOW, elapsed
    stream.close()

with case("a token that is revoked ends its stream before anything more is sent"):
    for public, scopes, query in (("false", ["read"], ""),
                                  ("true", ["read", "audit"], "?bodies=true")):
        service.restart(public_reads=public)  # the scope audit is not for everybody there, either
        made = service.post("/v1/tokens", {"name": "reader", "scopes": scopes},
                            token=service.token).json()
        stream = Stream(query, token=made["token"])
        service.batch_ok(signer.seal_all(maker.bodies(1)))
        equal(stream.next()[1], "receipt")
        answer = service.post(f"/v1/tokens/{made['id']}/revoke", token=service.token)
        equal(answer.status, 200, repr(answer))
        service.batch_ok(signer.seal_all(maker.bodies(1)))
        while (got := stream.next()) is not None:
            assert got[1] in ("head", "epoch.closed"), got  # what came before the revocation
        stream.close()
        if public == "false":
            equal(Stream(token=made["token"]).answer.status, 401)
    service.restart()

with case("heartbeats come while nothing happens; the filter passes over the rest"):
    stream = Stream("?types=epoch.closed&after=0")
    sequence, name, data = stream.next()
    equal((name, data["decoded"]["epoch"]), ("epoch.closed", 0))
    first_id = stream.last_id
    threading.Timer(1.8, lambda: service.client.post(
        "/v1/epochs/current/finalize", token=service.token)).start()
    sequence, name, data = stream.next()
    equal((name, data["decoded"]["closed_by"]), ("epoch.closed", "operator"))
    assert stream.comments >= 2, stream.comments
    assert sequence > first_id
    stream.close()

with case(f"streams_max = {STREAMS_MAX}: one more is 503; a client that left makes room"):
    streams_gone()
    streams = [Stream() for _ in range(STREAMS_MAX)]
    for stream in streams:
        equal(stream.answer.status, 200)
    answer = service.get("/v1/stream", token=service.token)
    kit.problem(answer, 503, "OVERLOADED")
    equal(answer.header("retry-after"), "1")
    equal(metric("lucid_streams_open"), STREAMS_MAX)
    for stream in streams:
        stream.close()
    streams_gone()
    stream = Stream()
    equal(stream.answer.status, 200)
    stream.close()
    streams_gone()

with case("resumed across reconnects and a restart: every event once, in order"):
    start = len(events())
    got = []
    finished = threading.Event()
    failures = []

    def read_on():
        last, reads = start, 0
        while not finished.is_set() or last < wanted:
            try:
                stream = Stream(last_id=last, seconds=5)
                if stream.answer.status != 200:
                    stream.close()
                    time.sleep(0.02)
                    continue
                reads += 1
                for _ in range(1 + reads * 37 % 60):  # then it hangs up on its own
                    event = stream.next(idle=True)
                    if not event:
                        break
                    last, _, data = event
                    got.append((last, data["hash"]))
                    if finished.is_set() and last >= wanted:
                        break
                stream.close()
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                time.sleep(0.02)

    wanted = 1 << 60
    reader = threading.Thread(target=read_on)
    reader.start()
    for number in range(12):
        service.batch_ok(signer.seal_all(maker.bodies(40)))
        if number == 5:
            service.restart()
    service.covered(service.size())
    wanted = len(events())
    finished.set()
    reader.join(60 * kit.SLOW)
    assert not reader.is_alive(), f"{len(got)} of {wanted - start}"
    equal(got, [(e["sequence"], e["hash"]) for e in events(f"/v1/events?after={start}")])
    kit.note(f"{len(got)} events, {len(failures)} broken connections")

# --- slow readers ---------------------------------------------------------------------------------

with case(f"slow readers of {RECEIPTS} events: bounded memory, no read transaction kept"):
    for _ in range(RECEIPTS // 10_000):
        service.batch_ok(signer.seal_all(maker.bodies(10_000)))
    service.get("/v1/events?after=100000&bodies=true", token=service.token)  # warm
    before = rss_kib()
    request = (f"GET /v1/events?bodies=true HTTP/1.1\r\nHost: a\r\n"
               f"Authorization: Bearer {service.token}\r\n\r\n").encode()
    readers = [kit.Raw(service.port, receive_bytes=4096) for _ in range(10)]
    for reader in readers:
        reader.send(request)
    worst = worst_lag = worst_readers = 0
    for number in range(30):
        time.sleep(0.05)
        reader = readers[number % 10]
        reader.more()
        if number % 5 == 0:
            service.batch_ok(signer.seal_all(maker.bodies(20)))
        worst = max(worst, rss_kib() - before)
        worst_lag = max(worst_lag, metric("lucid_store_oldest_reader_lag_commits"))
        worst_readers = max(worst_readers, metric("lucid_store_readers"))
    kit.note(f"10 stalled readers of {RECEIPTS} events: RSS grew by {worst} KiB, "
             f"oldest view {worst_lag} commits, {worst_readers} views")
    for reader in readers:
        reader.close()
    # Ten output buffers of 1 MiB with a page each; the rest is the store's map, which counts too.
    assert worst < 64 * 1024 * kit.SLOW, worst
    assert worst_lag <= 2, worst_lag
    assert worst_readers <= 2, worst_readers

with case("one that reads slowly gets all of it, once and in order"):
    reader = kit.Raw(service.port, seconds=60)
    wanted = min(30000, RECEIPTS)
    reader.send(request.replace(b"bodies=true", b"limit=%d" % wanted))
    equal(reader.answer(head_only=True).status, 200)
    body = bytearray()
    while True:
        size = int(reader.until(b"\r\n"), 16)
        body += reader.take(size)
        reader.take(2)
        if size == 0:
            break
        time.sleep(0.002)
    sequences = [json.loads(line)["sequence"] for line in bytes(body).splitlines()]
    equal(sequences, list(range(1, wanted + 1)))
    reader.close()

# --- lucid log follow -----------------------------------------------------------------------------


def follow_command(*more):
    return [kit.LUCID, "log", "follow", "--url", f"http://127.0.0.1:{service.port}",
            "--token-file", os.path.join(service.data, "admin.token"), *more]


with case("lucid log follow: from a point on, filtered, as JSON, for so many"):
    def follow(*more):
        ended = subprocess.run(follow_command(*more), capture_output=True, check=False,
                               timeout=30 * kit.SLOW, env=kit.environment())
        equal(ended.returncode, 0, repr(ended.stderr))
        return ended.stdout.decode().splitlines()
    equal([json.loads(line) for line in follow("--after", "3", "--count", "9", "--json")],
          events("/v1/events?after=3&limit=9"))
    lines = follow("--after", "0", "--types", "head,epoch.closed", "--count", "5")
    equal(len(lines), 5)
    assert "size 0" in lines[0] and "epoch 0" in "".join(lines), lines
    status, _, err = kit.lucid(*follow_command()[1:4], "http://127.0.0.1:1")
    equal(status, 3, repr(err))
    status, _, err = kit.lucid(*follow_command()[1:5])
    equal(status, 1, repr(err))
    equal(kit.lucid(*follow_command("--types", "a b")[1:])[0], 2)

with case("lucid log follow goes on after a restart without a gap, and ends with Ctrl-C"):
    port = service.port
    process = subprocess.Popen(follow_command("--json"), stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=kit.environment())
    wait_for(lambda: metric("lucid_streams_open") == 1, 10, "the stream")
    first = service.batch_ok(signer.seal_all(maker.bodies(3)))[0]["sequence"]
    equal(json.loads(process.stdout.readline())["sequence"], first)
    service.restart(listen=f"127.0.0.1:{port}")
    service.batch_ok(signer.seal_all(maker.bodies(3)))
    size = service.size()
    service.covered(size)
    seen = [first]
    while True:
        event = json.loads(process.stdout.readline())
        seen.append(event["sequence"])
        if event["type"] == "head" and event["decoded"]["size"] == size:
            break
    equal(seen, list(range(first, first + len(seen))))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20 * kit.SLOW)
    equal(process.returncode, 0)
    streams_gone()

with case("a stopping service ends streams cleanly and at once"):
    streams = [Stream() for _ in range(STREAMS_MAX)]
    started = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    for stream in streams:
        while stream.next() is not None:
            pass
        assert stream.answer.isclosed(), "the last chunk is missing"
    equal(service.wait(), 0)
    elapsed = time.monotonic() - started
    assert elapsed < 4 * kit.SLOW, elapsed

kit.done()
