"""The commands that a page of docs/ shows, run as a reader would type them: in one shell, block by
block. Only the addresses of this machine are others: free ports."""

import os
import re
import selectors
import subprocess
import time

import kit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = [os.path.dirname(program) for program in (kit.LUCID, kit.LUCIDD)]
DONE = "=== done"


def blocks(page, heading):
    """The ```sh blocks below a heading of docs/PAGE, up to the next heading of that level."""
    with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
        text = file.read()
    begin = text.index(f"\n## {heading}\n")
    end = text.find("\n## ", begin + 1)
    found = re.findall(r"^```sh\n(.*?)^```$", text[begin:end if end > 0 else None], re.M | re.S)
    assert found, f"no commands below {heading!r} of {page}"
    return found


class Shell:
    """bash in a folder of its own, in which the source's examples and tests can be seen. What is
    started in the background ends with it."""

    def __init__(self, **environment):
        self.folder = kit.scratch()
        for name in ("examples", "tests"):
            os.symlink(os.path.join(ROOT, name), os.path.join(self.folder, name))
        path = os.pathsep.join(FOLDERS + [os.environ["PATH"]])
        self.log = os.path.join(kit.scratch(), "shell.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                cwd=self.folder, env=kit.environment(PATH=path, **environment))
        kit._services.append(self)  # killed with the services when the script ends
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.rest = b""
        # It also ends, and takes along what it started, when its standard input does.
        self._send("set -eu -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n")

    def _send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def errors(self):
        with open(self.log, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def _line(self, seconds):
        end = time.monotonic() + seconds * kit.SLOW
        while b"\n" not in self.rest:
            assert self.selector.select(max(0, end - time.monotonic())), \
                f"the shell says nothing more: {self.errors()[-2000:]}"
            part = os.read(self.process.stdout.fileno(), 65536)
            assert part, f"a command failed: {self.errors()[-2000:]}"
            self.rest += part
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def run(self, block, seconds=30):
        """What the block's commands print; each of them has to succeed."""
        self._send(f"{block}\necho '{DONE}'\n")
        lines = []
        while True:
            line = self._line(seconds)
            if line == DONE:
                return lines
            lines.append(line)

    def start(self, block, seconds=30):
        """A block that starts a service in the background: the port that it listens on."""
        lines = self.run(block, seconds)
        while True:
            for line in lines:
                match = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)", line)
                if match:
                    return int(match.group(1))
            lines = [self._line(seconds)]

    def stop(self):
        """Ends what was started; each of them has to end well."""
        self._send("for job in $(jobs -p); do kill $job; wait $job; done; trap - EXIT\n")
        self.process.stdin.close()
        self.process.wait(timeout=30 * kit.SLOW)
        kit.equal(self.process.returncode, 0, self.errors())
        self.process.stdout.close()
        assert not kit.TROUBLE.search(self.errors().encode()), self.errors()
