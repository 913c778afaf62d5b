"""Witnesses by script: C2SP tlog-witness as written, and every way of not keeping to it. Written
from the documents, sharing nothing with the service's code."""

import base64
import http.server
import socket
import threading
import time

import kit
import kit_receipts
import kit_tree
from kit_tree import EMPTY, sha256

SIZE_TYPE = "text/x.tlog.size"


class Filter:
    """A signing filter of its own for the witnesses' threads, one at a time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.filter = kit_receipts.Ed25519(kit.program("LUCID_KIT_SIGN", "tests/e2e/kit_sign"))

    def __getattr__(self, name):
        def ask(*arguments):
            with self.lock:
                return getattr(self.filter, name)(*arguments)
        return ask


ED25519 = Filter()


class Cosigner:
    """A cosigner's key (type 0x04)."""

    def __init__(self, name):
        self.name = name
        self.seed = sha256(b"e2e witness " + name.encode())
        raw = b"\x04" + bytes.fromhex(ED25519.public(self.seed))
        self.public = raw[1:]
        self.id = sha256(name.encode() + b"\n" + raw)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(raw).decode()}"

    def line(self, text, when=None, change=False):
        when = int(time.time()) if when is None else when
        message = f"cosignature/v1\ntime {when}\n{text}".encode()
        signature = bytearray.fromhex(ED25519.sign(self.seed, [message])[0])
        signature[7] ^= 1 if change else 0
        blob = base64.b64encode(self.id + when.to_bytes(8, "big") + signature).decode()
        return f"\u2014 {self.name} {blob}\n"


def cosigners(note, log_vkey, known):
    """Opens a cosigned checkpoint as an outsider: the log's head and the names of the known keys
    whose lines are on it, each verified. A known key's bad line is an error."""
    text, lines = note.split("\n\n", 1)
    lines = lines.splitlines(keepends=True)
    head = kit_tree.Checkpoint(text + "\n\n" + lines[0], log_vkey)
    assert ED25519.verify(log_vkey.key, head.signature, head.signed), "head's signature"
    names = []
    for line in lines[1:]:
        dash, name, blob = line.rstrip("\n").split(" ")
        raw = base64.b64decode(blob, validate=True)
        assert dash == "\u2014" and len(raw) == 76, line
        for key in known:
            if (key.name, key.id) == (name, raw[:4]):
                when = int.from_bytes(raw[4:12], "big")
                message = f"cosignature/v1\ntime {when}\n".encode() + head.signed
                assert ED25519.verify(key.public, raw[12:], message), f"line of {name}"
                names.append(name)
    assert len(set(names)) == len(names), names
    return head, sorted(names)


class FakeWitness:
    """mode says how the next requests are answered; "good" is as the specification has it."""

    def __init__(self, name, log_vkey, mode="good"):
        self.key, self.log, self.mode = Cosigner(name), log_vkey, mode
        self.size, self.root, self.note = 0, EMPTY, None
        self.posts = self.gets = self.faults = 0
        self.olds = []
        self.away = None  # a URL that a redirect leads to
        self.release = threading.Event()  # ends what hangs
        self.guard = threading.Lock()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                fake.gets += 1
                fake.read(self)

            def do_POST(self):
                fake.posts += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.add(self, body.decode())

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the client went away, as it may

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/w"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    # --- answering

    @staticmethod
    def answer(handler, status, body=b"", kind="text/plain", **headers):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def read(self, handler):
        path = "/w/" + sha256(self.log.name.encode()).hex() + "/checkpoint"
        if self.mode == "hang":
            self.release.wait(60)
        elif self.mode == "forged read side" and handler.path == path:
            text = f"{self.log.name}\n999999\n{base64.b64encode(EMPTY).decode()}\n"
            blob = base64.b64encode(self.log.id + bytes(64)).decode()
            self.answer(handler, 200, f"{text}\n\u2014 {self.log.name} {blob}\n".encode())
        elif handler.path == path and self.note and self.mode != "no read side":
            self.answer(handler, 200, self.note.encode())
        else:
            self.answer(handler, 404)

    def check(self, body):
        """The specification's order: (status, body, type)."""
        head, note = body.split("\n\n", 1)
        lines = head.split("\n")
        assert lines[0].startswith("old ") and len(lines) <= 64, lines[0]
        old = int(lines[0][4:])
        proof = [base64.b64decode(line, validate=True) for line in lines[1:]]
        checkpoint = kit_tree.Checkpoint(note, self.log)
        assert ED25519.verify(self.log.key, checkpoint.signature, checkpoint.signed)
        self.olds.append(old)
        if old > checkpoint.size:
            return 400, "", "text/plain"
        if old != self.size:
            return 409, f"{self.size}\n", SIZE_TYPE
        if not kit_tree.consistency_holds(old, checkpoint.size, self.root, checkpoint.root, proof):
            return 422, "", "text/plain"
        self.size, self.root = checkpoint.size, checkpoint.root
        line = self.key.line(checkpoint.signed.decode())
        self.note = note + line
        return 200, line, "text/plain"

    def add(self, handler, body):
        mode = self.mode
        text = body.split("\n\n")[1] + "\n"
        if mode in ("good", "late", "no read side", "forged read side", "with others"):
            if mode == "late":
                self.release.wait(0.3)
            with self.guard:
                try:
                    status, out, kind = self.check(body)
                except Exception:  # pylint: disable=broad-except
                    self.faults += 1  # the client must never send such a thing
                    status, out, kind = 400, "", "text/plain"
            if mode == "with others" and status == 200:
                out = Cosigner("other.example/w").line(text) + out
            self.answer(handler, status, out.encode(), kind)
        elif isinstance(mode, int):
            more = {"Location": self.away} if self.away else {}
            self.answer(handler, mode, b"", **more)
        elif mode in ("hang", "trickle"):
            self.dawdle(handler, mode, text)
        else:
            self.answer(handler, *self.lies(mode, text, body))

    def dawdle(self, handler, mode, text):
        if mode == "hang":
            self.release.wait(60)
            return
        out = self.key.line(text).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(out)))
        handler.end_headers()
        for byte in out:
            if self.release.wait(0.1):
                return
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    def lies(self, mode, text, body):
        old = int(body.split("\n", 1)[0][4:])
        line = self.key.line(text)
        return {
            "too large": (200, b"x" * (1 << 20)),
            "many lines": (200, line.encode() * 2000),
            "nonsense": (200, b"nonsense\n"),
            "no end": (200, b"\xe2\x80\x94 " + self.key.name.encode()),
            "html": (200, b"<!doctype html>\n<p>Welcome\n"),
            "binary": (200, bytes(range(256)) + b"\n"),
            "empty": (200, b""),
            "other key": (200, Cosigner("other.example/w").line(text).encode()),
            "namesake": (200, Cosigner(self.key.name + "x").line(text)
                         .replace(self.key.name + "x", self.key.name).encode()),
            "bad signature": (200, self.key.line(text, change=True).encode()),
            "another text": (200, self.key.line(text.replace("\n", "\n1", 1)).encode()),
            "409 bare": (409, b""),
            "409 untyped": (409, b"5\n"),
            "409 garbage": (409, b"five\n", SIZE_TYPE),
            "409 negative": (409, b"-1\n", SIZE_TYPE),
            "409 same": (409, b"%d\n" % old, SIZE_TYPE),
            "409 dance": (409, b"%d\n" % (1 if old != 1 else 0), SIZE_TYPE),
            "409 beyond": (409, b"99999999\n", SIZE_TYPE),
            "409 above 2^64": (409, b"18446744073709551616\n", SIZE_TYPE),
        }[mode]


def dead_port():
    """A port where nobody listens."""
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    return port
