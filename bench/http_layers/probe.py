#!/usr/bin/env python3
"""Sends one malformed or abusive request after the other and prints how a server answers.

usage: probe.py NAME PORT     prints one Markdown table column as lines "probe<TAB>answer"
"""
import socket
import sys
import threading
import time

HEAD = b"POST /receipts HTTP/1.1\r\nHost: x\r\n"
PROBES = [
    ("two different Content-Length", HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("two equal Content-Length", HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    ("Content-Length + Transfer-Encoding",
     HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("negative Content-Length", HEAD + b"Content-Length: -1\r\n\r\n"),
    ("Transfer-Encoding: xchunked", HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("chunk size 0x1", HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n"),
    ("HTTP/1.1 without Host", b"GET /health HTTP/1.1\r\n\r\n"),
    ("two Host", b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("bare LF line ends", b"GET /health HTTP/1.1\nHost: x\n\n"),
    ("folded header", b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
    ("space before the colon", b"GET /health HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n"),
    ("control character in a value", b"GET /health HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n"),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("200 MB body announced", HEAD + b"Content-Length: 200000000\r\n\r\n"),
    ("1 MiB header", b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"a" * (1 << 20) + b"\r\n\r\n"),
]


def receive(client, seconds):
    client.settimeout(seconds)
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            piece = client.recv(4096)
            if not piece:
                break
            data += piece
    except socket.timeout:
        return "no answer in %g s" % seconds if not data else data
    except OSError:
        pass
    return data


def describe(data):
    if isinstance(data, str):
        return data
    if not data:
        return "closed"
    lines = data.split(b"\r\n\r\n")[0].split(b"\r\n")
    status = lines[0].split(b" ")[1].decode("ascii", "replace") if b" " in lines[0] else "?"
    kinds = [line for line in lines if line.lower().startswith(b"content-type:")]
    kind = kinds[0].split(b":")[1].split(b";")[0].strip().decode() if kinds else "no type"
    return status if status == "200" else "%s %s" % (status, kind.replace("application/", ""))


def probe(port, request):
    with socket.create_connection(("127.0.0.1", port)) as client:
        try:
            client.sendall(request)
        except OSError:
            pass
        return describe(receive(client, 4))


def drip(port, begin, piece, results, name):
    """One piece a second for eight seconds: is there a total deadline?"""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(begin)
        while time.monotonic() - start < 8:
            answer = receive(client, 1)
            if not isinstance(answer, str):
                results[name] = "%s after %.0f s" % (describe(answer), time.monotonic() - start)
                return
            try:
                client.sendall(piece)
            except OSError:
                break
    results[name] = "open at 8 s" if time.monotonic() - start >= 8 else "closed"


def main():
    port = int(sys.argv[2])
    drips = {
        "half a head, then silence": (b"GET /health HTTP/1.1\r\nHost: x\r\n", b""),
        "a header line per second": (b"GET /health HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n"),
    }
    results = {}
    threads = [threading.Thread(target=drip, args=(port, *pair, results, name))
               for name, pair in drips.items()]
    for thread in threads:
        thread.start()
    for name, request in PROBES:
        results[name] = probe(port, request)
    for thread in threads:
        thread.join()
    for name in [name for name, _ in PROBES] + list(drips):
        print("%s\t%s" % (name, results[name]))


if __name__ == "__main__":
    main()
