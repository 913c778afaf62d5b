#!/usr/bin/env python3
"""A JSON document of the tree as bytes in the program, in its canonical form (RFC 8785).

usage: embed_json.py NAME FILE OUT   writes OUT, a C file with NAME and NAME_len

Only what needs no care is taken: member names in ASCII, whole numbers, true, false, null."""

import json
import sys


def unique(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names) or not all(name.isascii() for name in names):
        raise ValueError(f"a member occurs twice or is not ASCII in {names}")
    return dict(pairs)


def no_fraction(text):
    raise ValueError(f"{text} is no whole number")


def main(arguments):
    if len(arguments) != 3:
        sys.exit(__doc__)
    name, path, out = arguments
    with open(path, encoding="utf-8") as file:
        document = json.load(file, object_pairs_hook=unique, parse_float=no_fraction,
                             parse_constant=no_fraction)
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":"),
                      sort_keys=True).encode()
    lines = ["    " + " ".join(f"{byte}," for byte in data[i:i + 24])
             for i in range(0, len(data), 24)]
    with open(out, "w", encoding="utf-8") as file:
        file.write(f"/* Made from {path.rsplit('/', 1)[-1]}. */\n#include <stddef.h>\n\n"
                   f"extern const unsigned char {name}[];\nextern const size_t {name}_len;\n\n"
                   f"const unsigned char {name}[] = {{\n" + "\n".join(lines) + "\n};\n"
                   f"const size_t {name}_len = sizeof({name});\n")


if __name__ == "__main__":
    main(sys.argv[1:])
