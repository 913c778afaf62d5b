#!/usr/bin/env python3
"""The OpenAPI document: its form, and how it gets into the program.

usage: openapi.py format FILE             rewrites FILE in the one form
       openapi.py embed FILE VERSION OUT  writes OUT, a C file that holds the document
       openapi.py part NAME FILE OUT      writes OUT, a C file with a plugin's part as text in NAME

The form: two spaces, what fits into 100 columns on one line, so that a change is a small diff."""

import json
import sys

WIDTH = 100


def unique(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"a member occurs twice in {names}")
    return dict(pairs)


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=unique)


def short(value):
    """One line, with a blank behind commas and colons and inside of braces."""
    if isinstance(value, dict) and value:
        return "{ " + ", ".join(f"{text(k)}: {short(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(short(v) for v in value) + "]"
    return text(value)


def text(value):
    return json.dumps(value, ensure_ascii=False)


def pretty(value, indent=0, used=0):
    """used: columns that are taken on the line where the value begins, comma included."""
    line = short(value)
    if not isinstance(value, (dict, list)) or not value or indent + used + len(line) <= WIDTH:
        return line
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [pad + text(k) + ": " + pretty(v, indent + 2, len(text(k)) + 3)
                 for k, v in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + " " * indent + "}"
    if all(isinstance(v, (str, int)) for v in value):
        lines = [pad + text(value[0])]
        for v in value[1:]:
            if len(lines[-1]) + len(text(v)) + 3 <= WIDTH:
                lines[-1] += ", " + text(v)
            else:
                lines[-1] += ","
                lines.append(pad + text(v))
        return "[\n" + "\n".join(lines) + "\n" + " " * indent + "]"
    return "[\n" + ",\n".join(pad + pretty(v, indent + 2, 1) for v in value) + \
        "\n" + " " * indent + "]"


def formatted(path):
    return pretty(read(path)) + "\n"


def embed(path, version, out):
    document = read(path)
    document["info"]["version"] = version
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    with open(out, "w", encoding="utf-8") as file:
        file.write("/* Made from openapi.json. */\n#include \"http/api/openapi_internal.h\"\n\n")
        file.write("const unsigned char api_openapi_document[] = {")
        for i in range(0, len(data), 24):
            file.write("\n    " + " ".join(f"{byte}," for byte in data[i:i + 24]))
        file.write("\n};\nconst size_t api_openapi_document_len = "
                   "sizeof(api_openapi_document);\n")


def part(name, path, out):
    data = json.dumps(read(path), separators=(",", ":")).encode() + b"\0"
    with open(out, "w", encoding="utf-8") as file:
        file.write(f"extern const char {name}[];\n\nconst char {name}[] = {{")
        for i in range(0, len(data), 24):
            file.write("\n    " + " ".join(f"{byte}," for byte in data[i:i + 24]))
        file.write("\n};\n")


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "format":
        result = formatted(arguments[1])
        with open(arguments[1], "w", encoding="utf-8") as file:
            file.write(result)
    elif len(arguments) == 4 and arguments[0] == "embed":
        embed(*arguments[1:])
    elif len(arguments) == 4 and arguments[0] == "part":
        part(*arguments[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
