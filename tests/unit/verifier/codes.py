#!/usr/bin/env python3
"""Every code that a step can say has a sentence, and every sentence a code that is said.

usage: codes.py SOURCE_ROOT      TAP on standard output
"""

import glob
import os
import re
import sys

CODE = re.compile(r'"((?:parse|chain|signature|freshness|revocation|tcb|configuration|measurement'
                  r'|identity)\.[a-z_0-9]+)"')
# Members of documents that look the same.
MEMBERS = {"signature.value", "signature.algorithm"}


def main(root):
    folder = os.path.join(root, "plugins", "verifier")
    told = set()
    said = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.c"))):
        with open(path, encoding="utf-8") as file:
            codes = set(CODE.findall(file.read())) - MEMBERS
        if os.path.basename(path) == "explain_codes.c":
            told = codes
        else:
            said.update({code: os.path.basename(path) for code in codes})
    mute = sorted(set(said) - told)
    stale = sorted(told - set(said))
    for code in mute:
        print(f"# {said[code]} says {code}, which has no sentence in explain_codes.c")
    for code in stale:
        print(f"# {code} of explain_codes.c is said nowhere")
    print("1..2")
    print(f"{'not ok' if mute or len(said) < 50 else 'ok'} 1 - {len(said)} codes have sentences")
    print(f"{'not ok' if stale else 'ok'} 2 - no sentence is stale")
    return 1 if mute or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
