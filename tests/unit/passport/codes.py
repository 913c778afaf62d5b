#!/usr/bin/env python3
"""Every code that a check of a passport can say has a sentence, and every sentence a code that is
said.

usage: codes.py SOURCE_ROOT      TAP on standard output
"""

import glob
import os
import re
import sys

CODE = re.compile(r'"((?:check|parse|schema|algorithm|key|signature|times|origin|evidence'
                  r'|supply_chain|auditors|status|log)\.[a-z_0-9]+)"')
# Members of documents, and settings, that look the same.
OTHERS = {"auditors.claims", "signature.algorithm", "signature.value", "status.uri"}



def main(root):
    told, said = set(), {}
    for path in sorted(glob.glob(os.path.join(root, "plugins", "passport", "*.c")) +
                       glob.glob(os.path.join(root, "tools", "lucid", "*passport*.c"))):
        with open(path, encoding="utf-8") as file:
            codes = set(CODE.findall(file.read())) - OTHERS
        if os.path.basename(path) == "words.c":
            told = codes
        else:
            said.update({code: os.path.basename(path) for code in codes})
    mute, stale = sorted(set(said) - told), sorted(told - set(said))
    for code in mute:
        print(f"# {said[code]} says {code}, which has no sentence in words.c")
    for code in stale:
        print(f"# {code} of words.c is said nowhere")
    print("1..2")
    print(f"{'not ok' if mute or len(said) < 40 else 'ok'} 1 - {len(said)} codes have sentences")
    print(f"{'not ok' if stale else 'ok'} 2 - no sentence is stale")
    return 1 if mute or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
