"""Runs a check on small bad trees and reports in TAP, so that the checks are tested too.

A case is (name, {path: text}, expected): expected is the part of the one finding that must come, or
None when the tree must be found clean.
"""

import os
import sys
import tempfile


def run(check, cases):
    """check(root) returns a list of findings. Returns the exit code."""
    failed = 0
    print(f"1..{len(cases)}")
    for number, (name, files, expected) in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8", newline="") as out:
                    out.write(text)
            findings = check(root)
        if expected is None:
            good = not findings
        else:
            good = len(findings) == 1 and expected in findings[0]
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        if not good:
            failed += 1
            print(f"# expected {expected!r}, found {findings!r}")
    sys.stdout.flush()
    return 1 if failed else 0
