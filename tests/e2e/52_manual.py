#!/usr/bin/env python3
"""What is made from the programs' own words: manual pages, example configuration, completion; and
--check and --print-config."""

import os
import re
import shutil
import subprocess
import sys

import kit
from kit import case, equal

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
import manual  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
MADE = os.path.join(kit.BUILD, "packaging")
PAGES = ("lucid-mock-agent.1", "lucid.1", "lucid-witness.8", "lucidd.8", "lucidd.conf.5")
if not os.path.exists(os.path.join(MADE, "lucid.1")):
    kit.skip("manual pages", "an instrumented build makes none")
    kit.done()


def read(name):
    with open(os.path.join(MADE, name), encoding="utf-8") as file:
        return file.read()


def source(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def lucidd(*arguments, **env):
    ended = subprocess.run([kit.LUCIDD, *arguments], capture_output=True, check=False, timeout=30,
                           env=kit.environment(**env))
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def printed(*arguments, **env):
    status, out, err = lucidd("--print-config", *arguments, **env)
    equal((status, err), (0, ""))
    rows = [line.split(" = ", 1) for line in out.splitlines()]
    return {name.removesuffix(" ="): (rest or [""])[0] for name, *rest in rows}


commands = manual.all_commands(kit.LUCID)
keys = manual.keys(kit.LUCIDD)
MODULES = [os.path.join(kit.BUILD, "plugins", name + ".so") for name in ("verifier", "passport")]
WITH = ("--plugins", "verifier,passport", "--plugins-dir", os.path.dirname(MODULES[0]))
plugins = manual.plugins(kit.LUCIDD, MODULES)
plugin_keys = [key for _, _, listed in plugins for key in listed]

with case("the help texts are read whole: every --option in them, every command"):
    out = kit.run_lucid("help").decode()
    assert len(commands) >= 20, commands
    for command in commands:
        text = kit.run_lucid(*command.name.split(" "), "--help").decode()
        head = text.split("\nExamples:\n")[0]
        listed = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", head, re.M))
        equal({o[1] for o in command.options + command.everywhere}, listed, command.name)
        for short, name, _, about in command.options:
            assert about, f"{command.name} --{name} says nothing"
    equal([name for name, _, _ in keys], list(printed()), "keys of --help and --print-config")
    equal([name for name, _, _ in keys + plugin_keys], list(printed(*WITH)), "with the plugins")
    equal({name: default for name, _, default in plugin_keys},
          {name: text for name, text in printed(*WITH).items() if name not in printed()})

with case("the pages name every command, option and key"):
    page = read("lucid.1")
    for command in commands:
        section = page.split(f"\n.Ss {command.name}\n")[1].split("\n.Ss ")[0]
        for _, name, _, _ in command.options:
            assert f"Fl Fl {name}" in section, f"{command.name} --{name}"
    for name, _, default in keys + plugin_keys:
        section = read("lucidd.conf.5").split(f"\n.It Ic {name}\n")[1].split("\n.It ")[0]
        assert default in section, name

with case("docs/CLI.md names every command"):
    table = "\n".join(line for line in source("docs/CLI.md").splitlines() if line.startswith("| `"))
    missing = [c.name for c in commands
               if not re.search(rf"`(?:{c.name.split(' ')[0]} )?[^|]*\b{c.name.split(' ')[-1]}\b",
                                table)]
    equal(missing, [])

with case("docs/OPERATIONS.md: every setting of our plugins, its default, its bounds"):
    loaded = ["--plugins", "verifier,passport", "--plugins-dir", os.path.join(kit.BUILD, "plugins")]
    status, out, err = lucidd(*loaded, "--help")
    equal((status, err), (0, ""))
    said = dict(re.findall(r"^  --((?:verifier|passport)-[a-z-]+) +(.*)$", out, re.M))
    settings = {re.sub("-", ".", name, count=1).replace("-", "_"):
                (re.findall(r" \[(.*)\]$", about) or [""])[0] for name, about in said.items()}
    rows = re.findall(r"^\| `((?:verifier|passport)\.[a-z_]+)`(?: \(`?([^)`]*)`?\))? \| (.*) \|$",
                      source("docs/OPERATIONS.md"), re.M)
    equal({name: default for name, default, _ in rows}, settings)
    assert len(settings) >= 16, settings
    for name, default, text in rows:
        if default.isdigit():
            status, out, err = lucidd(*loaded, "--check", "--data", "x",
                                      "--" + re.sub(r"[._]", "-", name), "1.5")
            bounds = re.search(r"from (\d+) to (\d+)", err)
            equal((status, text.startswith(f"{bounds[1]} to {bounds[2]}: ")), (2, True), name)

with case("the package is built from what tools/packages.sh installs for a build"):
    listed = subprocess.run([os.path.join(ROOT, "tools/packages.sh"), "--list", "run"],
                            capture_output=True, check=True, timeout=30).stdout.decode().split()
    control = source("debian/control").split("Build-Depends:\n")[1].split("\nStandards")[0]
    depends = {re.match(r" ([a-z0-9.+-]+)", line)[1] for line in control.splitlines()}
    # What every build of a package has; what programs need when they run.
    equal({p for p in listed if p not in ("gcc", "libc6-dev", "ninja-build", "ca-certificates")},
          depends - {"debhelper-compat"})

with case("every link in the pages leads to a file, and to a heading of it"):
    def headings(path):
        with open(path, encoding="utf-8") as file:
            lines = re.findall(r"^#+ (.*)$", file.read(), re.M)
        return {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines}
    links = []
    for folder, names, files in os.walk(os.path.normpath(ROOT)):
        names[:] = [n for n in names if not re.match(r"\.git$|build|var$|node_modules$", n)]
        for name in files:
            if name.endswith(".md"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    found = re.findall(r"\]\(([^)\s]+)\)", file.read())
                links += [(folder, name, to) for to in found]
    assert len(links) >= 50, links
    for folder, name, to in links:
        if not re.match(r"[a-z]+:", to):
            path, _, heading = to.partition("#")
            path = os.path.join(folder, path or name)
            assert os.path.exists(path), (folder, name, to)
            assert not heading or heading in headings(path), (folder, name, to)

if shutil.which("mandoc"):
    with case("mandoc has nothing to say"):
        for name in PAGES:
            ended = subprocess.run(["mandoc", "-Tlint", "-Wstyle", os.path.join(MADE, name)],
                                   capture_output=True, check=False, timeout=30)
            # Whether other pages are installed is not this page's fault.
            said = [line for line in ended.stdout.decode().splitlines()
                    if "referenced manual not found" not in line]
            equal(said, [], name)
else:
    kit.skip("mandoc has nothing to say", "no mandoc")

with case("the example configuration: every key, with its default"):
    text = read("lucidd.conf")
    assignments = re.findall(r"^#?([a-z][a-z0-9_.]*) =(?: (.*))?$", text, re.M)
    equal([name for name, _ in assignments], [name for name, _, _ in keys + plugin_keys])
    whole = os.path.join(kit.scratch(), "whole.conf")
    with open(whole, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^#([a-z][a-z0-9_.]*) =", r"\1 =", text, flags=re.M))
    want = {**printed(), "data": "/var/lib/lucid/log"}
    equal(printed("--config", os.path.join(MADE, "lucidd.conf")), want)
    equal(printed("--config", whole, *WITH), {**printed(*WITH), **want, "plugins": WITH[1],
                                              "plugins_dir": WITH[3]})
    with open(whole, "w", encoding="utf-8") as file:  # what follows is about the service alone
        file.write(re.sub(r"^#([a-z][a-z0-9_]*) =", r"\1 =", text, flags=re.M))
    for name, about, _ in keys + plugin_keys:
        assert f"# {about[0].upper()}{about[1:]}." in text, name

with case("--print-config gives the same configuration again; file < environment < flags"):
    equal(printed("--config", whole, LUCID_QUEUE_MAX="77")["queue_max"], "77")
    equal(printed("--config", whole, "--queue-max", "78", LUCID_QUEUE_MAX="77")["queue_max"], "78")
    again = os.path.join(kit.scratch(), "again.conf")
    first = lucidd("--print-config", "--epoch-receipts-max", "7", "--public-reads", "true")[1]
    with open(again, "w", encoding="utf-8") as file:
        file.write(first)
    equal(lucidd("--print-config", "--config", again)[1], first)

with case("--check judges the configuration and opens nothing"):
    nowhere = os.path.join(kit.scratch(), "nowhere")
    equal(lucidd("--check", "--data", nowhere), (0, "configuration ok\n", ""))
    assert not os.path.exists(nowhere)
    bad = os.path.join(kit.scratch(), "bad.conf")
    with open(bad, "w", encoding="utf-8") as file:
        file.write("data = x\nno_such_key = 1\n")
    for arguments in (["--check"], ["--check", "--config", bad], ["--check", "--config", nowhere],
                      ["--check", "--data", "x", "--queue-max", "0"],
                      ["--check", "--data", "x", "--listen", "x"],
                      ["--check", "--data", "x", "--log-level", "loud"],
                      ["--check", "--data", "x", "--gas-mode", "free"]):
        status, out, err = lucidd(*arguments)
        equal((status, out), (2, ""), repr(arguments))
        assert err.startswith("lucidd: ") and err.count("\n") == 1, err

with case("keys of what is sold: a dot in the name, judged together"):
    networks = ["--x402-networks-file", "/etc/lucid/networks.json"]
    equal(printed(*networks, "--price-class.proof", "inference")["price_class.proof"], "inference")
    equal(printed(*networks, LUCID_PRICE_CLASS_BATCH="bulk")["price_class.batch"], "bulk")
    redis = ["--spent-store", "redis", "--redis-url", "redis://127.0.0.1:6379/0"]
    equal(printed(*redis, "--redis-members", "a,b", "--redis-self", "b")["redis_self"], "b")
    for arguments, key in ((["--price-class.proof", "inference"], "x402_networks_file"),
                           ([*networks, "--price-class.receipt", "no name"], "price_class.receipt"),
                           (["--public-url", "https://host/"], "public_url"),
                           (["--public-url", "ftp://host"], "public_url"),
                           (["--proxy-headers", "both"], "proxy_headers"),
                           (["--proxy-headers", "original"], "x402_networks_file"),
                           (["--proxy-request-id-header", "X-PAYMENT"], "proxy_request_id_header"),
                           (["--spent-store", "paper"], "spent_store"),
                           ([*redis, "--redis-members", "a,b"], "redis_self"),
                           ([*redis, "--redis-members", "a,,b"], "redis_members"),
                           (["--spent-store", "redis"], "redis_url")):
        status, out, err = lucidd("--print-config", *arguments)
        equal((status, out), (2, ""), repr(arguments))
        assert err.startswith(f"lucidd: {key} "), err

COMPLETE = """
. "$1"; shift
complete -p "$1" >/dev/null || exit 9
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMPREPLY=()
"_${1//-/_}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(*words):
    ended = subprocess.run(["bash", "--norc", "-c", COMPLETE, "bash",
                            os.path.join(MADE, "lucid"), *words],
                           capture_output=True, check=True, timeout=30)
    return ended.stdout.decode().split()


with case("completion offers every command, verb, option and key"):
    equal(complete("lucid", ""), list(dict.fromkeys(c.name.split(" ")[0] for c in commands)))
    equal(complete("lucid", "rec"), ["receipt"])
    for command in commands:
        names = command.name.split(" ")
        offered = complete("lucid", *names, "--")
        equal(sorted(o.rstrip("=") for o in offered),
              sorted("--" + o[1] for o in command.options + command.everywhere), command.name)
        if len(names) == 2:
            assert names[1] in complete("lucid", names[0], ""), command.name
    equal(complete("lucid", "receipt", "su"), ["submit"])
    equal(complete("lucid", "receipt", "submit", "--ba"), ["--batch="])
    equal(complete("lucid", "receipt", "submit", "x"), [])
    equal(complete("lucidd", "--epoch-r"), ["--epoch-receipts-max="])
    equal({o.rstrip("=") for o in complete("lucidd", "--")} - {
        "--config", "--check", "--print-config", "--version", "--help"},
          {"--" + name.replace("_", "-") for name, _, _ in keys} |
          {"--" + name.replace("_", "-").replace(".", "-") for name, _, _ in plugin_keys})
    assert {"--key=", "--state=", "--logs=", "--listen="} <= set(complete("lucid-witness", "--"))
    assert {"--key-dir=", "--listen=", "--debug"} <= set(complete("lucid-mock-agent", "--"))

kit.done()
