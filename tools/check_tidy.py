#!/usr/bin/env python3
"""Checks the rules of CONTRIBUTING.md that a compiler and a formatter do not see.

usage: check_tidy.py [ROOT]      findings on standard output, exit 1 if there are any
       check_tidy.py --self-test runs the check on small bad trees (TAP)
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "check"))
import selftest  # noqa: E402

# Folders of installed headers, which are included as a stranger includes them: <lucid/plugin.h>.
INSTALLED = ("plugins/include",)

COLUMNS_MAX = 100
FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 80

# Folders that hold no text of ours: build output, data of a running log, published vectors as
# their authors wrote them, fuzzing seeds.
SKIP_NAME = re.compile(r"^(\.git|build.*|var|node_modules|__pycache__)$")
SKIP_PATH = re.compile(r"^(tests/vectors|tests/fuzz/corpus)/(?!README)")
TEXT = (".c", ".h", ".py", ".sh", ".md", ".txt", ".build", ".json", ".ndjson", ".toml", ".yml",
        ".js", ".mjs", ".go", ".lua", ".sql", ".conf", ".service", ".mod", ".sum")
CODE = (".c", ".h", ".py", ".sh", ".build")

BANNED = {
    "strcpy": "lucid_buf or memcpy with a checked length",
    "strcat": "lucid_buf",
    "strncpy": "memcpy with a checked length",
    "strncat": "lucid_buf",
    "stpcpy": "memcpy with a checked length",
    "sprintf": "snprintf or lucid_buf_printf",
    "vsprintf": "vsnprintf",
    "gets": "fgets",
    "scanf": "a parser with bounds",
    "sscanf": "a parser with bounds",
    "strtok": "a loop over a span",
    "strtok_r": "a loop over a span",
    "atoi": "lucid's decimal reader or strtoull with all its checks",
    "atol": "lucid's decimal reader or strtoull with all its checks",
    "atoll": "lucid's decimal reader or strtoull with all its checks",
    "atof": "strtod with all its checks",
    "alloca": "an arena",
    "rand": "lucid_random, or a seeded generator in tests",
    "srand": "lucid_random, or a seeded generator in tests",
    "random": "lucid_random, or a seeded generator in tests",
    "gmtime": "gmtime_r",
    "localtime": "gmtime_r (times are UTC)",
    "asctime": "lucid_buf_time",
    "ctime": "lucid_buf_time",
    "signal": "sigaction",
    "setjmp": "return an error",
    "longjmp": "return an error",
    "tmpnam": "mkstemp",
    "mktemp": "mkstemp or mkdtemp",
    "tempnam": "mkstemp",
    "system": "posix_spawn",
    "popen": "posix_spawn",
    "vfork": "posix_spawn",
    "assert": "lucid_assert, which stays on in every build",
}
TESTS_MAY = {"sscanf", "atoi"}  # of vectors and answers that are our own
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
# Written in halves so that this file passes its own check.
MARKER = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK"]) + r")\b")
MACHINE_PATH = re.compile(r"(?:^|[^\w.~/-])/(?:work|farm|home|root|Users)/|/bash_" "jobs")
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
PROTOTYPE = re.compile(r"^(?!typedef\b|#|\s|\}|extern \"C\")[^;{}=]*\([^;{}]*\)[^;{}=()]*;", re.M)
DECISION = re.compile(r"^\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.md$")


def blank(text, keep_comments=False):
    """The text with strings (and comments) blanked, so that places stay what they are."""
    def replace(match):
        token = match.group(0)
        if keep_comments and token.startswith(("/*", "//")):
            return token
        return re.sub(r"[^\n]", " ", token)
    return TOKEN.sub(replace, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def walk(root):
    for base, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not SKIP_NAME.match(f))
        for name in sorted(f for f in files if f != ".git"):  # a file in a worktree
            full = os.path.join(base, name)
            path = os.path.relpath(full, root).replace(os.sep, "/")
            if os.path.islink(full) or SKIP_PATH.match(path):
                continue
            with open(full, "rb") as file:
                data = file.read()
            script = data.startswith(b"#!")
            if script or name.endswith(TEXT) or (name.startswith(".") and b"\0" not in data):
                yield path, full, data, script


def check_text(path, data, script):
    """What holds for every text file."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        yield 1, "not UTF-8"
        return
    if "\r" in text:
        yield line_of(text, text.index("\r")), "carriage return"
    if text and not text.endswith("\n"):
        yield line_of(text, len(text)), "no newline at the end of the file"
    if text.endswith("\n\n"):
        yield line_of(text, len(text)) - 1, "empty line at the end of the file"
    code = script or path.endswith(CODE)
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r")
        if "\t" in line and not path.endswith((".go", ".mod", "debian/rules")):
            yield number, "tab"
        if line.endswith((" ", "\t")):
            yield number, "white space at the end of the line"
        if code and len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns, at most {COLUMNS_MAX}"
        if MARKER.search(line):
            yield number, f"leftover {MARKER.search(line).group(1)}: do it or write an issue"
        if MACHINE_PATH.search(line):
            yield number, "path of a developer's machine"


def check_c(path, text):
    """Banned calls and sizes."""
    code = blank(text)
    for match in BANNED_CALL.finditer(code):
        name = match.group(1)
        if name not in TESTS_MAY or not path.startswith("tests/"):
            yield line_of(code, match.start()), f"{name} is banned: {BANNED[name]}"
    lines = code.split("\n")
    if path.endswith("_table_internal.h"):
        return  # generated
    if len(lines) - 1 > FILE_LINES_MAX:
        yield FILE_LINES_MAX + 1, f"{len(lines) - 1} lines in a file, at most {FILE_LINES_MAX}"
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.rstrip() == "}" and start:
            if number - start + 1 > FUNCTION_LINES_MAX:
                yield start, (f"{number - start + 1} lines in a function, "
                              f"at most {FUNCTION_LINES_MAX}")
            start = None


def check_header(text):
    """A public function stands in a paragraph (lines without an empty one between) that holds a
    comment. Functions with a body in the header and macros are their own documentation."""
    plain, code = blank(text, keep_comments=True), blank(text)
    # Only the outermost level: what stands in braces is a body or a struct's member.
    depth, flat = 0, []
    for char in code:
        depth += char == "{"
        flat.append(char if depth == 0 or char == "\n" else " ")
        if char == "}":
            depth -= 1
            flat[-1] = "}"
    flat = "".join(flat)
    flat = re.sub(r"^[ ]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                  flat, flags=re.M)
    for match in PROTOTYPE.finditer(flat):
        begin = plain.rfind("\n\n", 0, match.start()) + 1
        end = plain.find("\n\n", match.end())
        paragraph = plain[begin:] if end < 0 else plain[begin:end]
        if "/*" not in paragraph and "*/" not in paragraph and "//" not in paragraph:
            name = re.search(r"(\w+)\s*\(", match.group(0))
            yield line_of(flat, match.start()), f"{name.group(1)} has no comment"


def build_names(path, text):
    """Says whether a meson.build names the C file (a path relative to it): literally, or through
    'x_@0@.c'.format(topic) or 'x_' + topic + '.c' with the topic as a literal in the same file."""
    literals = set(re.findall(r"'([^'\n]*)'", text))
    patterns = {re.sub(r"@\w+@", "\0", literal) for literal in literals}
    for joined in re.findall(r"(?:'[^'\n]*'|\w+)(?:\s*\+\s*(?:'[^'\n]*'|\w+))+", text):
        parts = re.findall(r"'([^'\n]*)'|(\w+)", joined)
        patterns.add("".join(literal if not name else "\0" for literal, name in parts))
    for pattern in patterns:
        if not pattern.endswith(".c"):
            continue
        match = re.fullmatch("".join("(.+)" if c == "\0" else re.escape(c) for c in pattern), path)
        if match and all(group in literals for group in match.groups()):
            return True
    return False


def check_dead(files):
    """C files that nothing builds, headers that nothing includes."""
    builds = {p: t for p, t in files.items() if os.path.basename(p) == "meson.build"}
    scripts = {p: t for p, t in files.items() if p.endswith(".sh")}
    included = set()
    for path, text in files.items():
        if path.endswith((".c", ".h")):
            folder = path.rsplit("/", 1)[0] if "/" in path else ""
            for name in re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', text, re.M):
                included.update((name, f"{folder}/{name}"))
            for name in re.findall(r"^[ \t]*#[ \t]*include[ \t]*<([^>]+)>", text, re.M):
                included.update(f"{installed}/{name}" for installed in INSTALLED)
    for path in files:
        if path.endswith(".h") and path not in included:
            yield path, "no file includes this header"
        if not path.endswith(".c"):
            continue
        parts = path.split("/")
        near = ["/".join(parts[:n]) for n in range(len(parts))]
        named = any(
            build_names(path[len(folder) + 1:] if folder else path,
                        builds.get((folder + "/" if folder else "") + "meson.build", ""))
            for folder in near)
        folder = path.rsplit("/", 1)[0] if "/" in path else ""
        if not named and not any(
                p.rsplit("/", 1)[0] == folder and parts[-1] in t for p, t in scripts.items()):
            yield path, "no meson.build names this file"


def check(root):
    findings = []
    texts = {}
    for path, full, data, script in walk(root):
        findings += [f"{path}:{n}: {what}" for n, what in check_text(path, data, script)]
        text = data.decode("utf-8", "replace")
        texts[path] = text
        if path.endswith((".c", ".h")):
            findings += [f"{path}:{n}: {what}" for n, what in check_c(path, text)]
        if path.endswith(".h") and not path.endswith("_internal.h") \
                and not path.startswith("tests/"):
            findings += [f"{path}:{n}: {what}" for n, what in check_header(text)]
        if script != os.access(full, os.X_OK):
            findings.append(f"{path}: " + ("a script without its executable bit" if script else
                                           "executable, but not a script"))
        if path.startswith("docs/decisions/") and not DECISION.match(os.path.basename(path)):
            findings.append(f"{path}: decisions are named NNNN-words.md")
    numbers = [os.path.basename(p)[:4] for p in texts if p.startswith("docs/decisions/")]
    findings += [f"docs/decisions: number {n} twice"
                 for n in sorted(set(numbers)) if numbers.count(n) > 1]
    findings += [f"{path}: {what}" for path, what in check_dead(texts)]
    return findings


def cases():
    build = {"a/meson.build": "static_library('a', 'a.c')\n"}
    body = "    x();\n"

    def c(text, path="a/a.c"):
        return {**build, path: text}

    def function(lines):
        return "void f(void)\n{\n" + body * lines + "}\n"

    def h(text):
        return {**build, "a/a.c": '#include "a/a.h"\n', "a/a.h": text}

    word = "TO" "DO"
    return [
        ("a clean file", c("/* strcpy(a, b) */\nchar *s = \"gets(x)\";\nmy_rand(1);\n"), None),
        ("banned call", c("void f(void)\n{\n    strcpy (a, b);\n}\n"), "a.c:3: strcpy is banned"),
        ("sscanf in the code", c("sscanf(a, b);\n"), "sscanf is banned"),
        ("sscanf in a test", {"tests/meson.build": "'a.c'\n", "tests/a.c": "sscanf(a, b);\n"},
         None),
        ("signal", c("x = signal(1, f);\n"), "sigaction"),
        ("member of that name", c("store->random(1);\n"), None),
        ("assert", c("assert(x);\n"), "lucid_assert"),
        ("marker", c(f"/* {word}: later */\n"), "leftover"),
        ("marker in text", {**c(""), "README.md": f"{word}\n"}, "README.md:1: leftover"),
        ("tab", c("\tint x;\n"), "tab"),
        ("trailing blank", c("int x; \n"), "white space"),
        ("carriage return", c("int x;\r\n"), "carriage return"),
        ("no final newline", c("int x;"), "no newline"),
        ("empty last line", c("int x;\n\n"), "empty line at the end"),
        ("100 columns", c("/* " + "é" * 94 + " */\n"), None),
        ("101 columns", c("/* " + "é" * 95 + " */\n"), "101 columns"),
        ("700 lines", c("int x;\n" * 700), None),
        ("701 lines", c("int x;\n" * 701), "701 lines in a file"),
        ("80 lines", c(function(78)), None),
        ("81 lines", c(function(79)), "81 lines in a function"),
        ("machine path", c('char *p = "/' 'work/main";\n'), "developer's machine"),
        ("a longer path", c('char *p = "/var/work/x";\n'), None),
        ("prototype with comment", h("/* Says x. */\nint x(void);\nint y(int a,\n      int b);\n"),
         None),
        ("comment beside", h("int x(void); /* says x */\n"), None),
        ("prototype without comment", h("/* Far. */\n\nint x(int a,\n      int b);\n"),
         "a.h:3: x has no comment"),
        ("members and bodies", h("struct s {\n    int (*f)(void);\n};\n\n"
                                 "static inline int g(void)\n{\n    return h(1);\n}\n"), None),
        ("macro", h("#define F(x) \\\n    g(x);\n"), None),
        ("dead source", {**c(""), "a/b.c": ""}, "a/b.c: no meson.build names"),
        ("dead header", {**c(""), "a/b.h": ""}, "no file includes"),
        ("installed header", {**c("#include <x/b.h>\n"), "plugins/include/x/b.h": ""}, None),
        ("dead installed header", {**c("#include <b.h>\n"), "plugins/include/x/b.h": ""},
         "no file includes"),
        ("source by pattern", {"a/meson.build": "foreach t : ['x']\n  'a_@0@_t.c'.format(t)\n",
                               "a/a_x_t.c": ""}, None),
        ("pattern without topic", {"a/meson.build": "foreach t : ['x']\n  'a_@0@_t.c'.format(t)\n",
                                   "a/a_y_t.c": ""}, "no meson.build names"),
        ("source by sum", {"a/meson.build": "foreach t : ['x']\n  'a_' + t + '_t.c'\n",
                           "a/a_x_t.c": ""}, None),
        ("sum without topic", {"a/meson.build": "foreach t : ['x']\n  t + '_t.c'\n",
                               "a/y_t.c": ""}, "no meson.build names"),
        ("source named above", {"meson.build": "'a/a.c'\n", "a/a.c": ""}, None),
        ("script without its bit", {"a/run": "#!/bin/sh\n"}, "executable bit"),
        ("decision without number", {"docs/decisions/why.md": "x\n"}, "NNNN-words"),
        ("number twice", {"docs/decisions/0001-a.md": "x\n", "docs/decisions/0001-b.md": "x\n"},
         "0001 twice"),
        ("vectors stay as they are", {"tests/vectors/a/x.json": "\t1 "}, None),
    ]


def main(arguments):
    if arguments == ["--self-test"]:
        return selftest.run(check, cases())
    root = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..")
    findings = check(os.path.abspath(root))
    print("\n".join(findings) if findings else "tidy: ok")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
