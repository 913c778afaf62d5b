#!/usr/bin/env python3
"""Counts what one `meson test` did, with the subtests of TAP tests.

usage: count_tests.py BUILD_DIR [LOGBASE]      LOGBASE: as given to meson test, default testlog

Prints the tests that failed and, last, "N passed, N failed" (and ", N skipped" if there are any).
Exit 0 only when something passed and nothing failed.
"""

import json
import os
import sys
import xml.etree.ElementTree as ElementTree

GOOD = {"OK", "EXPECTEDFAIL"}


def subtests(junit):
    """name of a TAP test -> [passed, failed, skipped]"""
    found = {}
    for suite in ElementTree.parse(junit).getroot().iter("testsuite"):
        # meson names the suite of a TAP test PROJECT.TEST and puts all others into one, PROJECT.
        _, dot, name = suite.get("name", "").partition(".")
        if not dot:
            continue
        counts = found.setdefault(name, [0, 0, 0])
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                counts[1] += 1
            elif case.find("skipped") is not None:
                counts[2] += 1
            else:
                counts[0] += 1
    return found


def report(test, tap):
    """meson's own report leaves out what a TAP test says about its failures."""
    print(f"FAILED {test['name']}: {test['result'].lower()}")
    for line in (test.get("stdout", "") if tap else "").splitlines():
        if line.startswith(("not ok", "#", "Bail out!")):
            print(f"    {line}")


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    base = os.path.join(arguments[0], "meson-logs", (arguments + ["testlog"])[1])
    if not os.path.exists(base + ".json") or not os.path.exists(base + ".junit.xml"):
        print("no test ran\n0 passed, 0 failed")
        return 1
    taps = subtests(base + ".junit.xml")
    passed = failed = skipped = 0
    with open(base + ".json", encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            result = test["result"]
            tap = test["name"] in taps
            p, f, s = taps.get(test["name"], (0, 0, 0))
            if result == "SKIP" and p + f + s == 0:
                s = 1
            elif result in GOOD and p + f + s == 0:
                p = 1
            elif result not in GOOD and result != "SKIP":
                f = max(f, 1)  # it died, or ran out of time, after subtests that were good
                report(test, tap)
            passed, failed, skipped = passed + p, failed + f, skipped + s
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
