"""A Redis of the test's own, on a unix socket in a folder that goes with it."""

import atexit
import os
import shutil
import socket
import subprocess

import kit

PROGRAM = shutil.which("redis-server")


class Redis:
    def __init__(self):
        self.folder = kit.scratch()
        self.path = os.path.join(self.folder, "socket")
        self.url = "unix:" + self.path
        self.process = None
        atexit.register(self.kill)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, "--port", "0", "--unixsocket", self.path, "--dir", self.folder,
             "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kit.wait_for(self._answers, what="redis-server")

    def _answers(self):
        try:
            return self.do("PING") == "+PONG"
        except OSError:
            return False

    def do(self, *words):
        """One command; the first line of its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(20)
            client.connect(self.path)
            text = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
            client.sendall(text.encode())
            answer = client.makefile("rb").readline().decode().rstrip("\r\n")
        assert answer and not answer.startswith(("-NO", "-ERR")), answer
        return answer

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def empty(self):
        """Killed, what it has on disk taken away, started anew."""
        self.kill()
        shutil.rmtree(os.path.join(self.folder, "appendonlydir"))
        self.start()
