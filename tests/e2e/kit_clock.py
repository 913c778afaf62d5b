"""A service's wall clock that a test sets (kit_clock.c, by LD_PRELOAD)."""

import mmap
import os
import struct

import kit

SHIM = kit.program("LUCID_KIT_CLOCK", "tests/e2e/libkit_clock.so")


class Clock:
    """How far the service's wall clock is off."""

    def __init__(self, folder):
        # LD_PRELOAD is a list with blanks and colons between its members: a path may have none.
        self.shim = os.path.join(kit.scratch(), "kit_clock.so")
        os.symlink(os.path.abspath(SHIM), self.shim)
        self.path = os.path.join(folder, "off")
        with open(self.path, "wb") as file:
            file.write(bytes(8))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)

    def set(self, ms):
        self.map[:8] = struct.pack("=q", ms)

    # ASan wants to be the first library; ours replaces one function of libc only.
    def prefix(self):
        options = os.environ.get("ASAN_OPTIONS", "")
        return ("env", "LD_PRELOAD=" + self.shim, "KIT_CLOCK=" + self.path,
                "ASAN_OPTIONS=" + ":".join(filter(None, (options, "verify_asan_link_order=0"))))
