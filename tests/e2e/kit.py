"""What the end-to-end tests share: TAP, the programs, a service in a directory of its own, clients.

Each script runs alone (python3 NN_name.py) and finds the programs through the environment that
meson sets, or in $LUCID_BUILD. Loopback only; every wait has an end; only own processes are
killed. LUCID_SLOW multiplies the waits (sanitizer builds, loaded machines)."""

import atexit
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import kit_receipts
import kit_tree

ORIGIN = "e2e.example/log"
SLOW = float(os.environ.get("LUCID_SLOW", "1"))
BUILD = os.environ.get("LUCID_BUILD", "build/test")


def program(variable, path):
    found = os.path.abspath(os.environ.get(variable, os.path.join(BUILD, path)))
    if not os.access(found, os.X_OK):
        print(f"Bail out! {found} is not there: set LUCID_BUILD or {variable}")
        sys.exit(1)
    return found


LUCIDD = program("LUCIDD", "lucidd/lucidd")
LUCID = program("LUCID", "tools/lucid")
ED25519 = kit_receipts.Ed25519(program("LUCID_KIT_SIGN", "tests/e2e/kit_sign"))

# --- TAP ----------------------------------------------------------------------------------------

ran = failed = 0


@contextlib.contextmanager
def case(name):
    """One TAP test. A failure is reported and the script goes on."""
    global ran, failed
    ran += 1
    name = name.replace("#", "no.")
    started = time.monotonic()
    try:
        yield
    except Exception:  # pylint: disable=broad-except
        failed += 1
        print(f"not ok {ran} - {name}")
        for line in traceback.format_exc().splitlines():
            print("# " + line[:400])
    else:
        print(f"ok {ran} - {name}")
        if time.monotonic() - started > 5:
            print(f"# {time.monotonic() - started:.1f} s")
    sys.stdout.flush()


def skip(name, why):
    global ran
    ran += 1
    print(f"ok {ran} - {name} # SKIP {why}", flush=True)


def note(text):
    print("# " + text, flush=True)


def done():
    print(f"1..{ran}", flush=True)
    sys.exit(1 if failed else 0)


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what + ': ' if what else ''}got {got!r}, want {want!r}")


def wait_for(probe, seconds=10.0, what="the condition", every=0.02):
    end = time.monotonic() + seconds * SLOW
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds * SLOW:.0f} s")
        time.sleep(every)


# --- directories --------------------------------------------------------------------------------

_scratch = None


def scratch():
    """A directory that goes when the script ends."""
    global _scratch
    if _scratch is None:
        _scratch = tempfile.mkdtemp(prefix="lucid-e2e-")
        atexit.register(shutil.rmtree, _scratch, True)
    return tempfile.mkdtemp(dir=_scratch)


def workshop():
    """The same for what is built and run there, which not every /tmp allows (noexec)."""
    path = tempfile.mkdtemp(prefix="workshop-", dir=BUILD)
    atexit.register(shutil.rmtree, path, True)
    return path


def environment(**more):
    """Ours without settings that would reach into the programs."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("LUCID")}
    keep.update(more)
    return keep


# --- answers and clients ------------------------------------------------------------------------


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.fields = [(name.lower(), value) for name, value in headers]

    def header(self, name):
        values = [value for key, value in self.fields if key == name.lower()]
        assert len(values) < 2, f"{name} occurs {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body, object_pairs_hook=unique)

    def lines(self):
        assert self.body == b"" or self.body.endswith(b"\n")
        return [json.loads(line, object_pairs_hook=unique) for line in self.body.splitlines()]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"duplicate members: {names}"
    return dict(pairs)


class Client:
    """One keep-alive connection."""

    def __init__(self, port, seconds=30, tls=None):
        if tls:
            self.connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls,
                                                          timeout=seconds * SLOW)
        else:
            self.connection = http.client.HTTPConnection("127.0.0.1", port,
                                                         timeout=seconds * SLOW)

    def request(self, method, path, body=None, headers=None, token=None):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        reused = self.connection.sock is not None
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        except (http.client.RemoteDisconnected, ConnectionError):
            self.connection.close()
            if method != "GET" or not reused:
                raise
            # An idle connection may have been closed meanwhile: once more on a new one.
            return self.request(method, path, body, headers)
        except BaseException:
            self.connection.close()
            raise

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def close(self):
        self.connection.close()


class Raw:
    """Bytes as they are: for what no proper client would send."""

    def __init__(self, port, seconds=20, receive_bytes=None, tls=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(seconds * SLOW)
        self.socket.connect(("127.0.0.1", port))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.input = b""

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        """False at the end (also a reset)."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.input += data
        return bool(data)

    def until(self, mark):
        while mark not in self.input:
            if not self.more():
                raise EOFError(f"the connection ended after {self.input[:200]!r}")
        head, self.input = self.input.split(mark, 1)
        return head

    def take(self, count):
        while len(self.input) < count:
            if not self.more():
                raise EOFError("the connection ended inside of a body")
        data, self.input = self.input[:count], self.input[count:]
        return data

    def answer(self, head_only=False):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status = lines[0].split(" ")[:2]
        assert version == "HTTP/1.1", lines[0]
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        answer = Answer(int(status), headers, b"")
        if head_only or answer.status in (204, 304) or answer.status < 200:
            return answer
        if answer.header("transfer-encoding") == "chunked":
            while True:
                size = int(self.until(b"\r\n"), 16)
                answer.body += self.take(size)
                assert self.take(2) == b"\r\n"
                if size == 0:
                    return answer
        answer.body = self.take(int(answer.header("content-length")))
        return answer

    def ended(self):
        """Reads to the end of the connection; what came is in .input."""
        while self.more():
            pass
        return True

    def close(self):
        self.socket.close()


# --- the service --------------------------------------------------------------------------------

TROUBLE = re.compile(rb"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|assert",
                     re.I)
_services = []


def _kill_all():
    for service in _services:
        if service.process and service.process.poll() is None:
            service.process.kill()
            service.process.wait()


atexit.register(_kill_all)


class Service:
    """lucidd with a log of its own. Settings are flags: epoch_seconds_max=2."""

    init_flags = ()  # ("--test",): a log that says so of itself

    def __init__(self, directory=None, init=True, start=True, tls=None, **settings):
        self.base = directory or scratch()
        self.data = os.path.join(self.base, "log")
        self.settings = settings
        self.process = self.port = self.tls_port = self.client = None
        self.tls = tls  # the clients' ssl.SSLContext
        self.starts = 0
        _services.append(self)
        if init:
            run_lucid("log", "init", "--data", self.data, "--origin", ORIGIN, *self.init_flags)
        with open(os.path.join(self.data, "vkey"), encoding="utf-8") as file:
            self.vkey = kit_tree.Vkey(file.read())
        with open(os.path.join(self.data, "admin.token"), encoding="utf-8") as file:
            self.token = file.read().strip()
        if start:
            self.start()

    def start(self, seconds=30, prefix=(), **more):
        if self.process and self.process.poll() is None:
            self.process.kill()  # a failed case left it running
            self.process.wait()
        settings = {"listen": "127.0.0.1:0", **self.settings, **more}
        command = [*prefix, LUCIDD, "--data", self.data]
        for name, value in settings.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        self.starts += 1
        self.log = os.path.join(self.base, f"lucidd-{self.starts}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log,
                                            stdin=subprocess.DEVNULL, env=environment())
        timer = _Timer(self.process, seconds * SLOW)
        self.port = self.tls_port = None
        schemes = ["http"] * bool(settings["listen"]) + ["https"] * ("tls_listen" in settings)
        for scheme in schemes:
            line = self.process.stdout.readline().decode()
            match = re.fullmatch(rf"listening on {scheme}://127\.0\.0\.1:(\d+)\n", line)
            if not match:
                timer.cancel()
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"lucidd said {line!r}; its log: {self.log_text()[-2000:]}")
            if scheme == "http":
                self.port = int(match.group(1))
            else:
                self.tls_port = int(match.group(1))
        timer.cancel()
        self.client = Client(self.port) if self.port else Client(self.tls_port, tls=self.tls)
        return self

    def log_text(self):
        with open(self.log, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def _ended(self):
        self.client.close()
        self.process.stdout.close()
        with open(self.log, "rb") as file:
            text = file.read()
        if TROUBLE.search(text):
            raise AssertionError("lucidd complains: " + text[-6000:].decode("utf-8", "replace"))

    def wait(self, seconds=30):
        try:
            status = self.process.wait(timeout=seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self._ended()
        return status

    def stop(self, number=signal.SIGTERM, want=0):
        self.process.send_signal(number)
        equal(self.wait(), want, "exit status of lucidd")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._ended()

    def restart(self, **more):
        self.stop()
        return self.start(**more)

    # What tests ask for all the time.

    def get(self, path, **more):
        return self.client.get(path, **more)

    def post(self, path, body=None, **more):
        return self.client.post(path, body, **more)

    def ok(self, path, token=None):
        answer = self.get(path, token=token)
        equal(answer.status, 200, f"GET {path}: {answer!r}")
        return answer.json()

    def walk(self, path, query="", page=1000):
        """All rows of a list, so many in a page."""
        items, cursor = [], ""
        while cursor is not None:
            asked = [query, f"limit={page}", cursor and f"cursor={cursor}"]
            one = self.ok(path + "?" + "&".join(filter(None, asked)), token=self.token)
            assert len(one["items"]) <= page, one
            items, cursor = items + one["items"], one["next_cursor"]
        return items

    def register(self, signer, kind="orchestrator"):
        answer = self.post("/v1/signers", {"signer_pubkey": signer.key, "name": signer.name,
                                           "signer_type": kind}, token=self.token)
        assert answer.status in (200, 201), answer
        return answer

    def raw(self, **more):
        """A raw connection, inside of TLS where the service speaks nothing else."""
        if self.port:
            return Raw(self.port, **more)
        return Raw(self.tls_port, tls=self.tls, **more)

    def new_signer(self, name):
        signer = kit_receipts.Signer(ED25519, name)
        self.register(signer)
        return signer

    def submit(self, envelope):
        return self.post("/v1/receipts", envelope.wire())

    def batch(self, envelopes):
        return self.post("/v1/receipts/batch", b"".join(e.wire() + b"\n" for e in envelopes),
                         headers={"Content-Type": "application/x-ndjson"})

    def batch_ok(self, envelopes, statuses=(201,)):
        answer = self.batch(envelopes)
        equal(answer.status, 200)
        lines = answer.lines()
        equal(len(lines), len(envelopes), "lines")
        for line in lines:
            assert line["http_status"] in statuses, line
        return lines

    def size(self):
        return self.ok("/v1/log")["size"]

    def checkpoint(self, text=None):
        """The newest head (or the one given), its form and signature checked."""
        if text is None:
            answer = self.get("/checkpoint")
            if answer.status == 503:
                return None
            equal(answer.status, 200, repr(answer))
            text = answer.body.decode()
        head = kit_tree.Checkpoint(text, self.vkey)
        assert ED25519.verify(self.vkey.key, head.signature, head.signed), "head's signature"
        return head

    def covered(self, size, seconds=10):
        """Waits for a head of at least this size."""
        def probe():
            head = self.checkpoint()
            return head if head and head.size >= size else None
        return wait_for(probe, seconds, f"a head of size {size}")


def refuses_to_start(data, text, *flags):
    """The service ends by itself, says why, and never listens."""
    ended = subprocess.run([LUCIDD, "--data", data, "--listen", "127.0.0.1:0", *flags],
                           capture_output=True, check=False, timeout=30 * SLOW,
                           env=environment())
    assert ended.returncode not in (0, -9), ended
    equal(ended.stdout, b"", "standard output")
    assert text in ended.stderr.decode(), ended.stderr
    assert not TROUBLE.search(ended.stderr), ended.stderr


def at_once(service, clients, question):
    """question(client, number) of so many clients at the same moment; their answers."""
    barrier = threading.Barrier(clients)
    answers = [None] * clients

    def run(number):
        client = Client(service.port)
        client.get("/healthz")
        barrier.wait(30)
        answers[number] = question(client, number)
        client.close()
    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * SLOW)
    return answers


class _Timer:
    """Kills a child that says nothing, so that reading from it ends."""

    def __init__(self, process, seconds):
        self.timer = threading.Timer(seconds, process.kill)
        self.timer.daemon = True
        self.timer.start()

    def cancel(self):
        self.timer.cancel()


def lucid(*arguments, stdin=b"", seconds=60, env=None, cwd=None):
    """The command line: (exit status, standard output, standard error)."""
    ended = subprocess.run([LUCID, *arguments], input=stdin, capture_output=True, check=False,
                           timeout=seconds * SLOW, env=environment(**(env or {})), cwd=cwd)
    assert not TROUBLE.search(ended.stderr), ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


def run_lucid(*arguments, **more):
    status, out, err = lucid(*arguments, **more)
    equal(status, 0, f"lucid {' '.join(arguments)}: {err!r}")
    return out


def terminal_read(master):
    """All that was written to a terminal, once its other end is closed; it may come in parts."""
    seen = b""
    try:
        while more := os.read(master, 65536):
            seen += more
    except OSError:
        pass
    os.close(master)
    return seen.replace(b"\r\n", b"\n").decode()


def terminal(*arguments, env=None):
    """What a command that succeeds writes to a terminal."""
    master, slave = os.openpty()
    with subprocess.Popen([LUCID, *arguments], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                          env=environment(**(env or {}))) as process:
        os.close(slave)
        seen = terminal_read(master)
        equal(process.wait(60 * SLOW), 0, seen)
    return seen


def problem(answer, status, code, param=None):
    """An RFC 9457 document as CONTRACT 3 wants it."""
    equal(answer.status, status, repr(answer))
    equal(answer.header("content-type"), "application/problem+json")
    body = answer.json()
    equal(body["code"], code, repr(answer))
    equal(body["status"], status)
    equal(body.get("param"), param, "param")
    equal(body["request_id"], answer.header("x-request-id"))
    assert body["type"] and body["title"] and body["detail"], body
    return body
