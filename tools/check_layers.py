#!/usr/bin/env python3
"""Checks every #include in the tree against tools/layers.txt.

usage: check_layers.py [ROOT]      findings on standard output, exit 1 if there are any
       check_layers.py --self-test runs the check on small bad trees (TAP)
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "check"))
import selftest  # noqa: E402

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>|(\S.*))')
SKIP = re.compile(r"^(\.git|build.*|var|node_modules|__pycache__)$")


class Policy:
    """tools/layers.txt, read once."""

    def __init__(self, text):
        self.may = {}  # folder -> set of folders, or None for all
        self.own = {}  # folder -> third-party headers
        self.needs = {}  # folder -> restricted system headers
        self.system = []
        self.faults = []
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#", 1)[0].strip()
            if line:
                self._row(number, [part.strip() for part in line.split("|")])
        self.restricted = [h for hs in self.own.values() for h in hs]
        self.restricted += [h for hs in self.needs.values() for h in hs]
        for folder, others in self.may.items():
            for other in others or ():
                if other not in self.may:
                    self.faults.append(f"tools/layers.txt: {folder}: no row for {other}")
        self._cycles()

    def _row(self, number, parts):
        if parts[0] == "system" and len(parts) == 2:
            self.system += parts[1].split()
            return
        if len(parts) != 3 or parts[0] in self.may:
            self.faults.append(f"tools/layers.txt:{number}: not a row, or a second one")
            return
        folder, may, headers = parts
        self.may[folder] = None if may == "*" else {m for m in may.split() if m != "-"}
        own, _, needs = headers.partition(";")
        self.own[folder] = [h for h in own.split() if h != "-"]
        self.needs[folder] = needs.split()

    def _cycles(self):
        state = {}

        def visit(folder, trail):
            if state.get(folder) == "done":
                return
            if folder in trail:
                loop = trail[trail.index(folder):] + [folder]
                self.faults.append("tools/layers.txt: cycle: " + " -> ".join(loop))
                return
            others = self.may.get(folder, set())
            # A row with "*" is at the top: only a row that names it could close a loop.
            for other in sorted(self.may if others is None else others):
                if other != folder and (others is not None or self.may[other] is not None):
                    visit(other, trail + [folder])
            state[folder] = "done"

        for folder in sorted(self.may):
            visit(folder, [])

    def folder_of(self, path):
        parts = path.split("/")[:-1]
        while parts:
            if "/".join(parts) in self.may:
                return "/".join(parts)
            parts.pop()
        return None


def listed(header, names):
    return any(
        header == name or (name.endswith("/") and header.startswith(name)) or
        (not name.endswith(("/", ".h")) and header.startswith(name))
        for name in names)


def sources(root):
    for base, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not SKIP.match(f))
        for name in sorted(files):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(base, name), root).replace(os.sep, "/")


def check_quoted(root, policy, path, folder, target):
    tests = folder == "tests" or folder.startswith("tests/")
    if tests and "/" not in target:
        target = path.rsplit("/", 1)[0] + "/" + target  # a test's own harness, beside it
    # A header that meson configures stands in the tree as NAME.h.in.
    if not any(os.path.isfile(os.path.join(root, target + end)) for end in ("", ".in")):
        return f'"{target}" does not exist (includes are written from the root of the tree)'
    to = policy.folder_of(target)
    if to is None:
        return f'"{target}" lies in a folder without a row in tools/layers.txt'
    if target.endswith("_internal.h") and to != folder and not tests:
        return f'"{target}" is internal to {to}'
    may = policy.may[folder]
    if to != folder and may is not None and to not in may:
        return f'"{target}": {folder} may not include {to}'
    return None


def check_angle(policy, path, folder, header):
    own, needs = policy.own[folder], policy.needs[folder]
    if listed(header, policy.restricted):
        if not listed(header, own + needs):
            return f"<{header}> is not {folder}'s to use"
        public = path.endswith(".h") and not path.endswith("_internal.h")
        # A program's own headers ("*" rows) are nobody's interface.
        if listed(header, own) and public and policy.may[folder] is not None:
            return f"<{header}> in a public header: no third-party type in an interface"
        return None
    if not listed(header, policy.system):
        return f"<{header}> is neither a system header nor owned by a row"
    return None


def check(root):
    with open(os.path.join(root, "tools/layers.txt"), encoding="utf-8") as file:
        policy = Policy(file.read())
    findings = list(policy.faults)
    for path in sources(root):
        folder = policy.folder_of(path)
        if folder is None:
            findings.append(f"{path}: no row in tools/layers.txt for its folder")
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            lines = file.read().splitlines()
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, angle, other = match.groups()
            if quoted:
                fault = check_quoted(root, policy, path, folder, quoted)
            elif angle:
                fault = check_angle(policy, path, folder, angle)
            else:
                fault = f"#include {other}: write the name itself"
            if fault:
                findings.append(f"{path}:{number}: {fault}")
    return findings


POLICY = """
low | - | big/; pthread.h
mid | low | -
top | * | -
tests | * | -
system | stdio.h linux/
"""


def cases():
    def tree(policy=POLICY, **more):
        files = {"tools/layers.txt": policy, "low/low.h": "", "low/low_internal.h": "",
                 "mid/mid.h": "#include <linux/fs.h>\n"}
        files.update({key.replace("__", "/").replace("_c", ".c").replace("_h", ".h"): value
                      for key, value in more.items()})
        return files

    return [
        ("a clean tree", tree(mid__a_c='#include "low/low.h"\n#include <stdio.h>\n'), None),
        ("own third party", tree(low__a_c="#include <big/x.h>\n#include <pthread.h>\n"), None),
        ("tests see internals", tree(tests__a_c='#include "low/low_internal.h"\n'), None),
        ("upward include", tree(low__a_c='#include "mid/mid.h"\n'), "may not include mid"),
        ("foreign internal", tree(mid__a_c='#include "low/low_internal.h"\n'), "is internal to"),
        ("internal from the top", tree(top__a_c='#include "low/low_internal.h"\n'), "is internal"),
        ("foreign third party", tree(mid__a_c="#include <big/x.h>\n"), "not mid's to use"),
        ("restricted system header", tree(mid__a_c="# include <pthread.h>\n"), "not mid's to use"),
        ("third party in an interface", tree(low__b_h="#include <big/x.h>\n"), "public header"),
        ("third party in a program", tree("low | - | big/\nmid | low | -\ntop | * | big/\n"
                                          "system | linux/\n",
                                          top__b_h="#include <big/x.h>\n"), None),
        ("unknown header", tree(mid__a_c="#include <sys/new.h>\n"), "neither a system header"),
        ("missing file", tree(mid__a_c='#include "low/gone.h"\n'), "does not exist"),
        ("relative include", tree(mid__a_c='#include "mid.h"\n'), "does not exist"),
        ("harness beside a test", tree(tests__x__a_c='#include "b.h"\n', tests__x__b_h=""), None),
        ("configured header", tree(top__a_c='#include "top/v.h"\n', **{"top__v_h.in": ""}), None),
        ("computed include", tree(mid__a_c="#include NAME\n"), "write the name itself"),
        ("folder without a row", tree(new__a_c=""), "no row"),
        ("cycle", tree("a | b | -\nb | a | -\nlow | - | -\nmid | - | -\nsystem | linux/\n"),
         "cycle: a -> b -> a"),
        ("row names nobody", tree(POLICY + "a | gone | -\n"), "no row for gone"),
        ("row twice", tree(POLICY + "mid | - | -\n"), "second one"),
    ]


def main(arguments):
    if arguments == ["--self-test"]:
        return selftest.run(check, cases())
    root = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..")
    findings = check(os.path.abspath(root))
    print("\n".join(findings) if findings else "layers: ok")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
