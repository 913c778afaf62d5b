#!/usr/bin/env python3
"""Every code that a check can say has a sentence, and every sentence a code that is said.

usage: codes.py SOURCE_ROOT verifier|passport      TAP on standard output
"""

import glob
import os
import re
import sys

# What codes begin with, members and settings that look the same, where they are said, where the
# sentences stand, how many there are at least.
PLUGINS = {
    "verifier": (
        "parse chain signature freshness revocation tcb configuration measurement identity",
        {"signature.value", "signature.algorithm"},
        ["plugins/verifier/**/*.c"], "explain_codes.c", 50),
    "passport": (
        "check parse schema algorithm key signature times origin evidence supply_chain auditors"
        " status log",
        {"auditors.claims", "signature.algorithm", "signature.value", "status.uri"},
        ["plugins/passport/**/*.c", "tools/lucid/*passport*.c"], "verify_words.c", 40),
}


def main(root, plugin):
    begins, others, where, words, least = PLUGINS[plugin]
    pattern = re.compile(rf'"((?:{begins.replace(" ", "|")})\.[a-z_0-9]+)"')
    told, said = set(), {}
    for path in sorted(path for each in where
                       for path in glob.glob(os.path.join(root, each), recursive=True)):
        with open(path, encoding="utf-8") as file:
            codes = set(pattern.findall(file.read())) - others
        if os.path.basename(path) == words:
            told = codes
        else:
            said.update({code: os.path.basename(path) for code in codes})
    mute, stale = sorted(set(said) - told), sorted(told - set(said))
    for code in mute:
        print(f"# {said[code]} says {code}, which has no sentence in {words}")
    for code in stale:
        print(f"# {code} of {words} is said nowhere")
    print("1..2")
    print(f"{'not ok' if mute or len(said) < least else 'ok'} 1 - {len(said)} codes have sentences")
    print(f"{'not ok' if stale else 'ok'} 2 - no sentence is stale")
    return 1 if mute or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
