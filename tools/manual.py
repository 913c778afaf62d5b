#!/usr/bin/env python3
"""Manual pages, the example configuration and the shell completion, made from what the programs say
about themselves, so that they cannot say anything else.

usage: manual.py page TEMPLATE VERSION OUT LUCIDD LUCID WITNESS AGENT MODULE...
       manual.py config LUCIDD OUT MODULE...
       manual.py completion TEMPLATE LUCIDD LUCID WITNESS AGENT OUT MODULE...

A template is mdoc (or bash) with lines @NAME@ that are replaced: @OPTIONS@ @KEYS@ @COMMANDS@
@PLUGINS@. A MODULE is a plugin's, DIR/NAME.so: the service says what its settings are."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

DATA = "/var/lib/lucid/log"  # what the package's unit serves


def said(*command):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LUCID")}
    ended = subprocess.run(command, capture_output=True, check=True, env=clean, timeout=60)
    return ended.stdout.decode()


# --- what the programs say -----------------------------------------------------------------------


def keys_listed(text, prefix=""):
    """[(key, help, default)] of a list in the service's help; prefix: of all their flags."""
    listed = []
    for name, rest in re.findall(rf"^  --{prefix}([a-z0-9.-]+)  +(\S.*)$", text, re.M):
        match = re.fullmatch(r"(.*?)(?: \[([^\]]*)\])?", rest)
        listed.append((name.replace("-", "_"), match.group(1), match.group(2) or ""))
    assert listed, "lucidd --help has no keys"
    return listed


def keys(lucidd):
    """[(key, help, default)] of the service's configuration."""
    return keys_listed(said(lucidd, "--help"))


def plugins(lucidd, modules):
    """[(name, summary, [(key, help, default)])] of plugins and their settings."""
    if not modules:
        return []
    names = [os.path.basename(module).removesuffix(".so") for module in modules]
    # Nobody else may write it: lucidd looks. Where the build is, since /tmp may let nothing run.
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as folder:
        for name, module in zip(names, modules):
            shutil.copyfile(module, os.path.join(folder, name + ".so"))
            os.chmod(os.path.join(folder, name + ".so"), 0o600)
        text = said(lucidd, "--plugins", ",".join(names), "--plugins-dir", folder, "--help")
    parts = re.split(r"^The plugin (\S+) \S+: (.*)$", text, flags=re.M)[1:]
    found = [(parts[i], parts[i + 1],
              [(f"{parts[i]}.{key}", *rest) for key, *rest in
               keys_listed(parts[i + 2], parts[i].replace("_", "-") + "-")])
             for i in range(0, len(parts), 3)]
    assert [name for name, _, _ in found] == names, found
    return found


def commands(lucid):
    """[(name, arguments, summary)] of the command line."""
    text = said(lucid, "help").split("\nCommands:\n")[1].split("\n\n")[0]
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"  (\S.*?)  +(\S.*)", line)
        assert match, line
        words = match.group(1).split(" ")
        name = [word for word in words if re.fullmatch(r"[a-z][a-z0-9-]*", word)]
        found.append((" ".join(name), " ".join(words[len(name):]), match.group(2)))
    return found


def options(text):
    """[(short, long, argument, help)] of a list of options in a help text."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"  (?:-(\w), |    )?--([a-z-]+)(?:[ =]([A-Z:]+))?(?:  +(\S.*))?",
                             line)
        if match:
            found.append([match.group(1), *match.groups()[1:3], match.group(4) or ""])
        elif found and line.startswith("      "):
            found[-1][3] += " " + line.strip()
        elif re.match(r"  --\w+, --\w+", line):
            found += [[None, name, None, ""] for name in re.findall(r"--([a-z-]+)", line)]
    return [tuple(option) for option in found]


class Command:
    def __init__(self, lucid, name, arguments, summary):
        self.name, self.arguments, self.summary = name, arguments, summary
        text = said(lucid, *name.split(" "), "--help")
        head, _, examples = text.partition("\nExamples:\n")
        self.examples = [line.strip() for line in examples.splitlines() if line.strip()]
        head, _, everywhere = head.partition("\nEverywhere:\n")
        self.everywhere = options(everywhere)
        head, _, own = head.partition("\nOptions:\n")
        self.options = options(own)
        paragraphs = head.split("\n\n")
        self.usage = paragraphs[0].replace("Usage: ", "").strip()
        self.text = [p.strip() for p in paragraphs[2:] if p.strip()]


def all_commands(lucid):
    return [Command(lucid, *row) for row in commands(lucid)]


# --- mdoc ----------------------------------------------------------------------------------------


def text_line(line):
    """A line of running text: nothing in it is a macro or an escape."""
    line = line.replace("\\", "\\e")
    return "\\&" + line if line[:1] in (".", "'") else line


def words(line):
    """Arguments of a macro that are text."""
    return " ".join('"' + word.replace("\\", "\\e").replace('"', '""') + '"'
                    for word in line.split(" "))


def paragraph(text):
    lines = []
    for line in text.splitlines():
        # A sentence that ends inside of a line begins a new one, as mdoc wants it.
        lines += re.split(r"(?<=[a-z0-9)\]][.!?]) +(?=[A-Z(])", line.strip())
    return "\n".join(text_line(line) for line in lines)


def option_items(listed):
    lines = [".Bl -tag -width Ds"]
    for short, name, argument, text in listed:
        item = f"Fl {short} , Fl Fl {name}" if short else f"Fl Fl {name}"
        lines += [".It " + item + (f" Ar {words(argument)}" if argument else "")]
        if text:
            lines += [paragraph(text)]
    return lines + [".El"]


def commands_page(lucid):
    listed = all_commands(lucid)
    lines = []
    for command in listed:
        lines += [".Ss " + command.name, ".D1 " + words(command.usage),
                  paragraph(command.summary[0].upper() + command.summary[1:] + ".")]
        for text in command.text:
            lines += [".Pp", paragraph(text)]
        if command.options:
            lines += option_items(command.options)
        if command.examples:
            lines += [".Bd -literal -offset indent", *map(text_line, command.examples), ".Ed"]
    everywhere = max((command.everywhere for command in listed), key=len)
    return {"COMMANDS": "\n".join(lines), "OPTIONS": "\n".join(option_items(everywhere))}


def key_items(listed):
    lines = [".Bl -tag -width Ds"]
    for name, text, default in listed:
        lines += [f".It Ic {name}", paragraph(text[0].upper() + text[1:] + ".")]
        lines += [f"Default: {text_line(default)}." if default else "Default: empty."]
    return lines + [".El"]


def keys_page(lucidd, modules):
    lines = []
    for name, summary, listed in plugins(lucidd, modules):
        lines += [".Ss The plugin " + name, paragraph(summary[0].upper() + summary[1:] + "."),
                  *key_items(listed)]
    return {"KEYS": "\n".join(key_items(keys(lucidd))), "PLUGINS": "\n".join(lines)}


def options_page(program):
    return {"OPTIONS": "\n".join(option_items(options(said(program, "--help"))))}


def page(template, version, out, lucidd, lucid, witness, agent, *modules):
    with open(template, encoding="utf-8") as file:
        text = file.read()
    name = os.path.basename(template)
    made = {"lucid.1.in": lambda: commands_page(lucid), "lucidd.8.in": lambda: {},
            "lucidd.conf.5.in": lambda: keys_page(lucidd, modules),
            "lucid-witness.8.in": lambda: options_page(witness),
            "lucid-mock-agent.1.in": lambda: options_page(agent)}[name]()
    text = fill(text, {"VERSION": version, **made})
    write(out, wrapped(text))


def wrapped(text):
    """No line of running text is longer than mandoc likes."""
    lines, literal = [], False
    for line in text.split("\n"):
        literal = (literal or line.startswith(".Bd")) and not line.startswith(".Ed")
        if not literal and line[:1] != ".":  # what mandoc makes of it, and counts
            line = re.sub(r"[^\0-\x7f]", lambda match: f"\\[u{ord(match.group()):04X}]", line)
        if literal or line[:1] == "." or len(line.encode()) <= 80:
            lines.append(line)
        else:
            parts = textwrap.wrap(line, 76, break_long_words=False, break_on_hyphens=False)
            lines += ["\\&" + part if part[0] in ".'" else part for part in parts]
    return "\n".join(lines)


def fill(text, values):
    for name, value in values.items():
        assert f"@{name}@" in text, f"@{name}@ is missing"
        text = text.replace(f"@{name}@", value)
    left = re.search(r"@[A-Z]+@", text)
    assert not left, left
    return text


def write(out, text):
    with open(out, "w", encoding="utf-8") as file:
        file.write(text)


# --- the other forms -----------------------------------------------------------------------------


def config_lines(listed):
    lines = []
    for name, text, default in listed:
        lines += ["# " + text[0].upper() + text[1:] + "."]
        lines += [f"data = {DATA}" if name == "data" else f"#{name} = {default}".rstrip(), ""]
    return lines


def config(lucidd, out, *modules):
    lines = ["# Configuration of lucidd; lucidd.conf(5) explains it. Each key is also a flag",
             "# (--epoch-receipts-max) and an environment variable (LUCID_EPOCH_RECEIPTS_MAX),",
             "# which win over this file. `lucidd --config FILE --check` judges it. Lines that are",
             "# commented out show the defaults.", "", *config_lines(keys(lucidd))]
    for name, summary, listed in plugins(lucidd, modules):
        lines += [f"# --- The plugin {name}: {summary}.",
                  f"# These keys are known while `plugins` above names {name}.", "",
                  *config_lines(listed)]
    write(out, "\n".join(lines[:-1]) + "\n")


def option_names(program):
    return " ".join(f"--{name}{'=' if argument else ''}"
                    for _, name, argument, _ in options(said(program, "--help")))


def completion(template, lucidd, lucid, witness, agent, out, *modules):
    listed = all_commands(lucid)
    rows = []
    for command in listed:
        names = [f"--{name}{'=' if argument else ''}"
                 for _, name, argument, _ in command.options + command.everywhere]
        rows += [f"        '{command.name}') options='{' '.join(names)}' ;;"]
    groups = {}
    for command in listed:
        first, _, rest = command.name.partition(" ")
        groups.setdefault(first, []).extend([rest] if rest else [])
    verbs = [f"        {first}) verbs='{' '.join(rest)}' ;;"
             for first, rest in groups.items() if rest]
    named = keys(lucidd) + [(name.replace(".", "_"), *rest)
                            for _, _, listed in plugins(lucidd, modules) for name, *rest in listed]
    service = [f"--{name.replace('_', '-')}=" for name, _, _ in named]
    service += ["--config=", "--check", "--print-config", "--version", "--help"]
    with open(template, encoding="utf-8") as file:
        text = file.read()
    write(out, fill(text, {"COMMANDS": " ".join(groups), "VERBS": "\n".join(verbs),
                           "OPTIONS": "\n".join(rows), "LUCIDD": " ".join(service),
                           "WITNESS": option_names(witness), "AGENT": option_names(agent)}))


def main(arguments):
    if len(arguments) >= 8 and arguments[0] == "page":
        page(*arguments[1:])
    elif len(arguments) >= 3 and arguments[0] == "config":
        config(*arguments[1:])
    elif len(arguments) >= 7 and arguments[0] == "completion":
        completion(*arguments[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
