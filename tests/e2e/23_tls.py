#!/usr/bin/env python3
"""The TLS listener: what it accepts and refuses, that it carries all that plain HTTP does, and the
exchange of its certificate while it runs."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import kit
import kit_tls
from kit import Client, Raw, case, equal
from kit_receipts import Maker

GET = b"GET /v1/log HTTP/1.1\r\nHost: x\r\n\r\n"

maker = Maker("23")
authority = kit_tls.Authority(kit.scratch())
trust = authority.trust()
first = authority.issue("first")
second = authority.issue("second", days=60, key="rsa:2048")
expired = authority.issue("expired", days=-1)
folder = kit.scratch()
CERTIFICATE, KEY = os.path.join(folder, "tls.pem"), os.path.join(folder, "tls.key")


def install(pair):
    shutil.copyfile(pair[0], CERTIFICATE)
    shutil.copyfile(pair[1], KEY)
    os.chmod(KEY, 0o600)


install(first)
TLS = {"tls_listen": "127.0.0.1:0", "tls_certificate": CERTIFICATE, "tls_key": KEY}
service = kit.Service(header_ms_max=700, idle_ms_max=3000, write_ms_max=1500, io_threads=2,
                      output_bytes_max=65536, tls=trust, **TLS)
signer = service.new_signer("s")


def tls_raw(context=trust, **more):
    return Raw(service.tls_port, tls=context, **more)


def alive():
    raw = tls_raw()
    raw.send(GET)
    equal(raw.answer().status, 200)
    raw.close()


def served_name():
    """Whose certificate a new connection gets."""
    raw = tls_raw()
    subject = dict(part[0] for part in raw.socket.getpeercert()["subject"])
    raw.close()
    return subject["commonName"]


def metric(name):
    text = service.get("/metrics").body.decode()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


# --- handshakes ---------------------------------------------------------------------------------

for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    with case(f"{version.name}: handshake, ALPN, a strong cipher, an answer"):
        context = authority.trust(most=version, least=version)
        context.set_alpn_protocols(["h2", "http/1.1"])
        raw = tls_raw(context)
        equal(raw.socket.version().replace(".", "_"), version.name)
        equal(raw.socket.selected_alpn_protocol(), "http/1.1")
        cipher = raw.socket.cipher()[0]
        assert "GCM" in cipher or "CHACHA20" in cipher, cipher
        raw.send(GET)
        equal(raw.answer().json()["origin"], kit.ORIGIN)
        raw.close()

with case("sessions are resumed by ticket"):
    context = authority.trust(most=ssl.TLSVersion.TLSv1_2)
    raw = tls_raw(context)
    raw.send(GET)
    raw.answer()
    session = raw.socket.session
    raw.close()
    plain = socket.create_connection(("127.0.0.1", service.tls_port), timeout=10)
    again = context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
    assert again.session_reused
    again.close()


def openssl_client(*arguments, send=b""):
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{service.tls_port}",
                           "-CAfile", authority.certificate, *arguments], input=send,
                          capture_output=True, timeout=20 * kit.SLOW, check=False)


for name, arguments in [
        ("TLS 1.1", ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]),
        ("TLS 1.0", ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"]),
        ("a cipher without forward secrecy", ["-tls1_2", "-cipher", "AES128-GCM-SHA256"]),
        ("a CBC cipher", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"]),
        ("ALPN h2 alone", ["-alpn", "h2"])]:
    with case(f"refused: {name}"):
        ended = openssl_client(*arguments)
        assert ended.returncode != 0 and b"alert" in ended.stderr, ended.stderr
        alive()

with case("no renegotiation"):
    ended = openssl_client("-tls1_2", send=b"R\n" + b"x" * 10)
    assert b"RENEGOTIATING" in ended.stdout + ended.stderr
    assert b"no renegotiation" in ended.stderr, ended.stderr
    alive()

with case("a client that does not trust the CA, or expects another name, sends nothing"):
    for context, host in ((ssl.create_default_context(), "127.0.0.1"), (trust, "example.org")):
        plain = socket.create_connection(("127.0.0.1", service.tls_port), timeout=10)
        try:
            context.wrap_socket(plain, server_hostname=host)
            raise AssertionError("accepted")
        except ssl.SSLCertVerificationError:
            pass
        plain.close()
    alive()

with case("plain HTTP on the TLS port: a clean close, no answer in plain text"):
    failures = metric("lucid_tls_handshake_failures_total")
    for data in (GET, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000, b"\x00" * 100, b"\x16\x03"):
        raw = Raw(service.tls_port)
        raw.send(data)
        if len(data) < 10:
            raw.socket.shutdown(socket.SHUT_WR)
        while True:
            got = raw.socket.recv(65536)  # not a reset
            if not got:
                break
            assert b"HTTP" not in got, got
        raw.close()
    assert metric("lucid_tls_handshake_failures_total") >= failures + 4
    alive()

with case("silence, and half a hello, end at the header deadline"):
    for data in (b"", b"\x16\x03\x01\x02\x00\x01\x00"):
        raw = Raw(service.tls_port)
        started = time.monotonic()
        raw.send(data)
        assert raw.ended()
        took = time.monotonic() - started
        assert 0.5 < took < 3 * kit.SLOW, took
        raw.close()

# --- requests -----------------------------------------------------------------------------------

with case("keep-alive: 200 requests on one connection"):
    client = Client(service.tls_port, tls=trust)
    handshakes = metric("lucid_tls_handshakes_total")
    for _ in range(200):
        equal(client.get("/healthz").status, 200)
    equal(metric("lucid_tls_handshakes_total"), handshakes + 1)
    client.close()

with case("300 pipelined requests in one write, answered in order"):
    raw = tls_raw()
    raw.send(b"".join(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: n%d\r\n\r\n" % i
                      for i in range(300)))
    for i in range(300):
        equal(raw.answer().header("x-request-id"), f"n{i}")
    raw.close()

with case("a request byte by byte, each a record of its own"):
    raw = tls_raw()
    for byte in GET:
        raw.send(bytes([byte]))
    equal(raw.answer().status, 200)
    raw.close()

envelopes = signer.seal_all(maker.bodies(3000))
with case("a batch of 3,000 receipts, and large answers back"):
    client = Client(service.tls_port, tls=trust)
    answer = client.post("/v1/receipts/batch", b"".join(e.wire() + b"\n" for e in envelopes),
                         headers={"Content-Type": "application/x-ndjson"})
    equal([line["http_status"] for line in answer.lines()], [201] * 3000)
    for epoch in range(3):
        page = client.get(f"/v1/epochs/{epoch}/receipts?limit=1000").json()
        equal([item["receipt_hash"] for item in page["items"]],
              [e.hash for e in envelopes[epoch * 100:epoch * 100 + 100]])
    client.close()

with case("a batch that is sent whole before anything is read"):
    raw = tls_raw(receive_bytes=4096)
    body = b"".join(e.wire() + b"\n" for e in envelopes)
    raw.send(b"POST /v1/receipts/batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
             % len(body) + body)
    answer = raw.answer()
    equal({line["http_status"] for line in answer.lines()}, {200})
    equal(len(answer.lines()), 3000)
    raw.close()

with case("a slow reader of many answers gets all of them"):
    raw = tls_raw(receive_bytes=4096)
    ask = b"GET /v1/epochs/0/receipts?limit=100 HTTP/1.1\r\nHost: x\r\n\r\n"
    raw.send(ask * 40)
    time.sleep(0.5)
    sizes = {len(raw.answer().body) for _ in range(40)}
    equal(len(sizes), 1)
    raw.close()

with case("who does not read at all is closed at the write deadline"):
    raw = tls_raw(receive_bytes=4096)
    raw.socket.settimeout(0.5)
    opened = metric("lucid_http_connections_open")
    try:
        for _ in range(200):
            raw.send(ask * 20)
    except (TimeoutError, OSError):
        pass
    kit.wait_for(lambda: metric("lucid_http_connections_open") < opened, 10, "the close")
    raw.close()
    alive()

for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    with case(f"{version.name}: a client that ended its side is still answered"):
        # Python's unwrap sends close_notify and then waits for ours, which follows the answer.
        plain = socket.create_connection(("127.0.0.1", service.tls_port), timeout=10)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        half = authority.trust(most=version, least=version).wrap_bio(
            incoming, outgoing, server_hostname="127.0.0.1")

        def pump(step):
            while True:
                try:
                    result = step()
                    plain.sendall(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    data = plain.recv(65536)
                    incoming.write(data) if data else incoming.write_eof()

        pump(half.do_handshake)
        half.write(GET)
        try:
            half.unwrap()
        except ssl.SSLWantReadError:
            pass
        plain.sendall(outgoing.read())  # request and close_notify together
        plain.shutdown(socket.SHUT_WR)
        received = b""
        while True:
            data = plain.recv(65536)
            if not data:
                break
            received += data
        assert len(received) > 300, len(received)  # more than a close_notify
        plain.close()

with case("Connection: close ends with close_notify, a cut answer without"):
    raw = tls_raw()
    raw.socket.suppress_ragged_eofs = False
    raw.send(GET.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    equal(raw.answer().status, 200)
    equal(raw.socket.recv(100), b"")  # a ragged end would raise
    raw.close()

with case("the command line over https: with --ca, with SSL_CERT_FILE, refused without"):
    url = f"https://127.0.0.1:{service.tls_port}"
    out = json.loads(kit.run_lucid("log", "info", "--json", "--url", url, "--ca",
                                   authority.certificate))
    equal(out["origin"], kit.ORIGIN)
    kit.run_lucid("log", "info", "--url", url, env={"SSL_CERT_FILE": authority.certificate})
    status, _, err = kit.lucid("log", "info", "--url", url)
    assert status != 0 and b"certificate" in err.lower(), (status, err)
    status, _, err = kit.lucid("log", "info", "--url", url, "--ca", "/nonexistent")
    assert status != 0, err

# --- reload -------------------------------------------------------------------------------------


def hang_up(mark):
    """SIGHUP, and until the log says how it went."""
    before = service.log_text().count(mark)
    service.process.send_signal(signal.SIGHUP)
    kit.wait_for(lambda: service.log_text().count(mark) > before, 10, mark)


with case("SIGHUP: new connections get the new certificate, old ones go on, nothing is lost"):
    equal(served_name(), "first")
    end = metric("lucid_tls_certificate_expires_timestamp_seconds")
    assert 29 * 86400 < end - time.time() < 31 * 86400, end
    old = tls_raw()
    install(second)
    hang_up("tls.reloaded")
    equal(served_name(), "second")
    old.send(GET)
    equal(old.answer().status, 200)
    old.close()
    end = metric("lucid_tls_certificate_expires_timestamp_seconds")
    assert 59 * 86400 < end - time.time() < 61 * 86400, end

with case("a broken new pair keeps the old one and says why"):
    def cut(path):
        with open(path, "r+b") as file:
            file.truncate(60)

    def loosen(path):
        os.chmod(path, 0o644)

    for name, damage, word in [
            ("key of another certificate", lambda: shutil.copyfile(first[1], KEY), "key"),
            ("no certificate", lambda: os.unlink(CERTIFICATE), "not there"),
            ("cut certificate", lambda: cut(CERTIFICATE), "certificate"),
            ("cut key", lambda: cut(KEY), "key"),
            ("key that others may read", lambda: loosen(KEY), "chmod 600")]:
        install(second)
        damage()
        hang_up("tls.reload_failed")
        line = [text for text in service.log_text().splitlines() if "tls.reload_failed" in text][-1]
        assert word in json.loads(line)["message"], (name, line)
        equal(json.loads(line)["level"], "error")
        equal(served_name(), "second", name)
    install(first)
    hang_up("tls.reloaded")
    equal(served_name(), "first")

with case("an expired certificate is served with a warning; clients refuse it"):
    install(expired)
    hang_up("tls.reloaded")
    assert "tls.expired" in service.log_text()
    try:
        tls_raw()
        raise AssertionError("accepted")
    except ssl.SSLCertVerificationError as error:
        assert "expired" in str(error), error
    status, _, err = kit.lucid("log", "info", "--url", url, "--ca", authority.certificate)
    assert status != 0 and b"expired" in err, err
    install(first)
    hang_up("tls.reloaded")

with case("30 reloads while 4 clients ask"):
    import threading
    stop = threading.Event()
    wrong = []

    def ask_on():
        while not stop.is_set():
            try:
                raw = tls_raw()
                raw.send(GET)
                equal(raw.answer().status, 200)
                raw.close()
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(error)
                return

    threads = [threading.Thread(target=ask_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(30):
        install(second if number % 2 else first)
        service.process.send_signal(signal.SIGHUP)
        time.sleep(0.03)
    stop.set()
    for thread in threads:
        thread.join()
    # A signal may come between the two copies: the pair does not match then, and the old one stays.
    equal(wrong, [])
    alive()

# --- configuration ------------------------------------------------------------------------------

with case("TLS alone: listen is empty"):
    service.restart(listen="")
    equal(service.port, None)
    equal(service.ok("/v1/log")["size"], 3000)
    equal(len(service.batch_ok(signer.seal_all(maker.bodies(10)))), 10)

with case("a graceful stop with TLS connections open exits 0"):
    idle = tls_raw()
    service.stop()
    equal(idle.socket.recv(10), b"")
    idle.close()

with case("settings that cannot work are refused before anything opens"):
    def check(*arguments):
        ended = subprocess.run([kit.LUCIDD, "--data", service.data, *arguments], check=False,
                               capture_output=True, timeout=20 * kit.SLOW,
                               env=kit.environment())
        return ended.returncode, ended.stderr.decode()

    for arguments, word in [
            (["--listen", ""], "both empty"),
            (["--tls-listen", "127.0.0.1:0"], "tls_certificate is missing"),
            (["--tls-listen", "127.0.0.1:0", "--tls-certificate", CERTIFICATE],
             "tls_key is missing"),
            (["--tls-listen", "nonsense"], "tls_listen must be HOST:PORT")]:
        for more in ([], ["--check"]):
            status, err = check(*arguments, *more)
            assert status == 2 and word in err, (arguments, status, err)
    os.chmod(KEY, 0o640)
    status, err = check("--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0",
                        "--tls-certificate", CERTIFICATE, "--tls-key", KEY)
    assert status == 2 and "chmod 600" in err, (status, err)

kit.done()
