#!/usr/bin/env python3
"""A text file of the tree as bytes in the program.

usage: embed_text.py NAME FILE OUT   writes OUT, a C file with NAME, NAME_len and NAME_digest: the
first 16 hex digits of its SHA-256

The text must be UTF-8 with LF."""

import hashlib
import sys


def main(arguments):
    if len(arguments) != 3:
        sys.exit(__doc__)
    name, path, out = arguments
    with open(path, "rb") as file:
        data = file.read()
    data.decode("utf-8")
    if not data or b"\r" in data or b"\0" in data:
        raise ValueError(f"{path} is empty, or has other line ends than LF")
    lines = ["    " + " ".join(f"{byte}," for byte in data[i:i + 24])
             for i in range(0, len(data), 24)]
    with open(out, "w", encoding="utf-8") as file:
        file.write(f"/* Made from {path.rsplit('/', 1)[-1]}. */\n#include <stddef.h>\n\n"
                   f"extern const unsigned char {name}[];\nextern const size_t {name}_len;\n"
                   f"extern const char {name}_digest[];\n\n"
                   f"const unsigned char {name}[] = {{\n" + "\n".join(lines) + "\n};\n"
                   f"const size_t {name}_len = sizeof({name});\n"
                   f'const char {name}_digest[] = "{hashlib.sha256(data).hexdigest()[:16]}";\n')


if __name__ == "__main__":
    main(sys.argv[1:])
