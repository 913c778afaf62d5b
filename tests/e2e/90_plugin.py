#!/usr/bin/env python3
"""Plugins from outside: the example is built against the installed header alone, loaded, used, read
back, proved, replayed; modules and conduct that are wrong are refused or contained."""

import json
import os
import shutil
import stat
import subprocess
import time

import kit
import kit_schema
from kit import LUCIDD, SLOW, case, equal, lucid, problem, run_lucid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK = kit.workshop()
STAGE = os.path.join(WORK, "stage")
MODULES = os.path.join(WORK, "modules")


def run(*command, cwd=None, **env):
    ended = subprocess.run(command, capture_output=True, check=False, timeout=120 * SLOW, cwd=cwd,
                           env=kit.environment(**env))
    assert ended.returncode == 0, (command, ended.stdout[-2000:], ended.stderr[-2000:])
    return ended.stdout.decode()


def stage():
    """The header and the pkg-config file, installed as a package would; nothing else of ours."""
    run("meson", "install", "-C", kit.BUILD, "--no-rebuild", "--tags", "devel", "--quiet",
        DESTDIR=STAGE)
    found = [os.path.join(folder, name) for folder, _, names in os.walk(STAGE) for name in names]
    equal(sorted(os.path.basename(path) for path in found), ["lucid-plugin.pc", "plugin.h"])
    return next(os.path.dirname(path) for path in found if path.endswith(".pc"))


def build(source, *options):
    """Builds a plugin in a folder of its own; the folder of its modules."""
    folder = os.path.join(WORK, "source-" + str(len(os.listdir(WORK))))
    shutil.copytree(source, folder)
    run("meson", "setup", "build", *options, cwd=folder, PKG_CONFIG_PATH=PC,
        PKG_CONFIG_SYSROOT_DIR=STAGE)
    run("ninja", "-C", "build", cwd=folder)
    return os.path.join(folder, "build")


def rogue(fault, name="rogue"):
    """A folder with the plugin of that fault."""
    folder = os.path.join(WORK, "modules-" + fault + "-" + name)
    os.makedirs(folder)
    shutil.copy(os.path.join(ROGUES, f"rogue-{fault}.so"), os.path.join(folder, name + ".so"))
    return folder


def refused(folder, text, plugins="rogue"):
    kit.refuses_to_start(service.data, text, "--plugins", plugins, "--plugins-dir", folder)


os.makedirs(MODULES)
PC = stage()
ROGUES = build(os.path.join(ROOT, "tests/e2e/plugin"))

with case("the example is built out of tree, with pkg-config and with a folder"):
    example = os.path.join(ROOT, "examples/plugin")
    shutil.copy(os.path.join(build(example), "notes.so"), MODULES)
    include = os.path.dirname(os.path.dirname(next(
        os.path.join(folder, "plugin.h") for folder, _, names in os.walk(STAGE)
        if "plugin.h" in names)))
    build(example, "-Dlucid_include=" + include)
    exported = run("nm", "-D", "--defined-only", os.path.join(MODULES, "notes.so")).split()
    equal(exported[2::3], ["lucid_plugin"])
    plugin_dir = run("pkg-config", "--variable=plugindir", "lucid-plugin",
                     PKG_CONFIG_PATH=PC).strip()
    assert plugin_dir.endswith("/lucid/plugins"), plugin_dir
    equal(run("pkg-config", "--variable=abi", "lucid-plugin", PKG_CONFIG_PATH=PC), "1\n")

with case("the header stands alone, in C and in C++"):
    flags = run("pkg-config", "--cflags", "lucid-plugin", PKG_CONFIG_PATH=PC,
                PKG_CONFIG_SYSROOT_DIR=STAGE).split()
    alone = os.path.join(WORK, "alone.c")
    with open(alone, "w", encoding="ascii") as file:
        file.write("#include <lucid/plugin.h>\nint main(void) { return LUCID_PLUGIN_ABI != 1; }\n")
    for compiler, language, standard in (("cc", "c", "c11"), ("cc", "c", "c17"),
                                         ("c++", "c++", "c++11"), ("c++", "c++", "c++17")):
        if shutil.which(compiler):
            run(compiler, "-x", language, "-std=" + standard, "-pedantic", "-Wall", "-Wextra",
                "-Werror", *flags, "-fsyntax-only", alone)

service = kit.Service(start=False, plugins="notes", plugins_dir=MODULES, notes_bytes_max=40)
KEY = os.path.join(service.data, "plugin-notes.key")

with case("its settings: help, --print-config, --check, unknown ones"):
    def lucidd(*flags, want=0):
        ended = subprocess.run([LUCIDD, "--plugins", "notes", "--plugins-dir", MODULES, *flags],
                               capture_output=True, check=False, timeout=30 * SLOW,
                               env=kit.environment())
        equal(ended.returncode, want, ended.stderr.decode())
        return (ended.stdout + ended.stderr).decode()
    assert "--notes-bytes-max" in lucidd("--help")
    assert "\nnotes.bytes_max = 7\n" in lucidd("--print-config", "--notes-bytes-max", "7")
    again = os.path.join(WORK, "lucidd.conf")
    with open(again, "w", encoding="utf-8") as file:
        file.write(lucidd("--print-config", "--notes-bytes-max", "7", "--data", service.data))
    equal(lucidd("--check", "--config", again), "configuration ok\n")
    with open(again, "a", encoding="utf-8") as file:
        file.write("notes.other = 1\n")
    assert "unknown key notes.other" in lucidd("--check", "--config", again, want=2)
    assert "must be a whole number from 1 to 4000" in lucidd(
        "--check", "--data", service.data, "--notes-bytes-max", "many", want=2)
    assert not os.path.exists(KEY), "--check made a key"

service.start()
public = None

with case("loaded: what the service says of it; its key, 0600, kept over a restart"):
    equal(stat.S_IMODE(os.stat(KEY).st_mode), 0o600)
    with open(KEY, encoding="ascii") as file:
        public = file.read().strip()[64:]
    want = [{"name": "notes", "version": "1.0.0", "abi": 1, "key": public,
             "summary": "a guestbook on the ledger (example)"}]
    equal(service.ok("/v1/log")["plugins"], want)
    listed = json.loads(run_lucid("plugin", "list", "--json", "--url",
                                  f"http://127.0.0.1:{service.port}"))
    equal(listed["items"], want)
    offline = json.loads(run_lucid("plugin", "list", "--json", "--plugins", "notes",
                                   "--plugins-dir", MODULES, "--data", service.data))
    equal(offline["items"], want)
    shown = run_lucid("plugin", "list", "--url", f"http://127.0.0.1:{service.port}").decode()
    for part in ("notes", "1.0.0", public, "a guestbook"):
        assert part in shown, shown
    service.restart()
    equal(service.ok("/v1/log")["plugins"], want)
    started = [event for event in service.client.request(
        "GET", "/v1/events?after=0", None, token=service.token).lines()
               if event["type"] == "plugin.started"]
    equal(len(started), 1, "logged once: nothing has changed")


def add(text, status=201, token=True, **more):
    body = text.encode() if isinstance(text, str) else text
    answer = service.client.request("POST", "/v1/notes", body,
                                    {"Content-Type": "text/plain", **more},
                                    token=service.token if token else None)
    equal(answer.status, status, repr(answer))
    return answer


with case("notes are logged, read, listed and proved"):
    first = add("hello, ledger").json()
    equal((first["id"], first["note"]), (1, {"text": "hello, ledger"}))
    second = add('"quoted" \\ ünïcode').json()
    equal((second["id"], second["note"]), (2, {"text": '"quoted" \\ ünïcode'}))
    got = service.ok("/v1/notes/2")
    equal(got["note"], second["note"])
    leaf = got["place"]["leaf_index"]
    equal(leaf, first["place"]["leaf_index"] + 1)
    equal([note["id"] for note in service.ok("/v1/notes")["items"]], [2, 1])
    equal([note["id"] for note in service.ok("/v1/notes?limit=1")["items"]], [2])
    service.covered(leaf + 1)
    proof = service.ok(f"/v1/receipts/{got['place']['receipt_hash']}/proof")
    equal(proof["leaf_index"], leaf)
    equal(service.get("/v1/notes/3").status, 404)
    equal(service.get("/v1/notes/x").status, 404)

with case("what it refuses, and who may: its code, its setting, its scope"):
    size = service.size()
    problem(add("x" * 41, 422), 422, "NOTE_REFUSED")
    problem(add(b"\xff\xfe", 422), 422, "NOTE_REFUSED")
    problem(add("", 422), 422, "NOTE_REFUSED")
    problem(service.get("/v1/notes?limit=0"), 422, "NOTE_REFUSED", "limit")
    problem(add("x" * 5000, 413), 413, "BODY_TOO_LARGE")
    problem(add("nobody", 401, token=False), 401, "UNAUTHORIZED")
    equal(service.size(), size)

with case("its part of the OpenAPI document; its metrics and the host's"):
    api = kit_schema.OpenApi(service.ok("/openapi.json"))
    for target in ("/v1/notes", "/v1/notes/1"):
        api.judge("GET", target, service.get(target))
    metrics = service.get("/metrics").body.decode()
    assert "\nlucid_notes_written_total 2\n" in metrics
    assert '\nlucid_plugin_suspended{plugin="notes"} 0\n' in metrics

WITH = ("--plugins", "notes", "--plugins-dir", MODULES)

with case("fsck, replay, backup and restore fold and check its tables when they are given it"):
    service.stop()
    report = json.loads(run_lucid("log", "fsck", "--data", service.data, "--json", *WITH))
    equal((report["verdict"], report["undecided"]), ("ok", 0))
    replayed = json.loads(run_lucid("log", "replay", "--data", service.data, "--check", "--json",
                                    *WITH))
    equal(replayed["equal"], True)
    assert any(part["part"].endswith("notes.notes") and part["rows"] == 2
               for part in replayed["parts"]), replayed["parts"]
    status, out, _ = lucid("log", "fsck", "--data", service.data, "--json")
    equal(status, 4)
    texts = [finding["text"] for finding in json.loads(out)["findings"]]
    assert any("the kind notes is not known here" in text for text in texts), texts
    backup = os.path.join(WORK, "backup")
    run_lucid("log", "backup", "--data", service.data, "--to", backup, "--with-keys", *WITH)
    equal(stat.S_IMODE(os.stat(os.path.join(backup, "plugin-notes.key")).st_mode), 0o600)
    restored = os.path.join(WORK, "restored")
    run_lucid("log", "restore", backup, "--data", restored, *WITH)
    with open(os.path.join(restored, "plugin-notes.key"), encoding="ascii") as file:
        equal(file.read().strip()[64:], public)

with case("without it the service goes on; with it again the tables are folded anew"):
    service.settings = {}
    service.start()
    equal(service.get("/v1/notes").status, 404)
    equal(service.ok("/v1/log").get("plugins", []), [])
    service.register(service.new_signer("beside"))
    service.stop()
    service.settings = {"plugins": "notes", "plugins_dir": MODULES}
    service.start()
    equal([note["id"] for note in service.ok("/v1/notes")["items"]], [2, 1])

with case("rotate-key: only with the service stopped; the old file stays, both keys are listed"):
    status, _, err = lucid("plugin", "rotate-key", "notes", "--data", service.data)
    assert status != 0, err
    service.stop()
    rotated = json.loads(run_lucid("plugin", "rotate-key", "notes", "--data", service.data,
                                   "--json"))
    equal(stat.S_IMODE(os.stat(rotated["old"]).st_mode), 0o600)
    with open(rotated["old"], encoding="ascii") as file:
        equal(file.read().strip()[64:], public)
    assert rotated["key"] != public
    service.start()
    equal(service.ok("/v1/log")["plugins"][0]["key"], rotated["key"])
    keys = service.ok("/.well-known/jwks.json")["keys"]
    equal(len(keys), 3, "the service's, the plugin's of now and of before")
    old, new = sorted((key for key in keys if "nbf" in key), key=lambda key: key["nbf"])
    equal(old["exp"] - new["nbf"], 400 * 86400, "good for so long after it was replaced")
    assert old["nbf"] < new["nbf"] and "exp" not in new, keys
    add("signed anew")
    equal(lucid("plugin", "rotate-key", "none", "--data", service.data)[0] != 0, True)
    equal(lucid("plugin", "rotate-key", "../x", "--data", service.data)[0], 2)

service.stop()

with case("a key that is taken up again is good since its first day"):
    shutil.copy2(rotated["old"], KEY)
    service.start()
    equal(service.ok("/v1/log")["plugins"][0]["key"], public)
    times = {key["x"]: (key["nbf"], "exp" in key)
             for key in service.ok("/.well-known/jwks.json")["keys"] if "nbf" in key}
    equal(times, {old["x"]: (old["nbf"], False), new["x"]: (new["nbf"], True)})
    service.stop()

with case("modules that are none stop the start and say why"):
    refused(MODULES, "nothing.so: there is no such plugin", "nothing")
    refused(rogue("abi"), "it was built for plugin ABI 7, this service has 1")
    refused(rogue("symbol"), "it exports no object lucid_plugin")
    refused(rogue("open"), "the plugin rogue does not open: the moon is in the wrong phase")
    refused(rogue("kind"), "receipt")
    refused(rogue("type"), "receipt.erased")
    refused(rogue("route"), "/v1/log")
    refused(rogue("plain", "other"), "it is the plugin rogue: the file must have that name",
            "other")
    text = os.path.join(WORK, "text")
    os.makedirs(text)
    with open(os.path.join(text, "rogue.so"), "w", encoding="ascii") as file:
        file.write("this is text\n" * 20)
    refused(text, "rogue.so: ")
    kit.refuses_to_start(service.data, "plugins names notes twice", "--plugins", "notes, notes",
                         "--plugins-dir", MODULES)

with case("--check hears of what would stop the start: open, kinds, and files that settings name"):
    def check(want, *flags, folder=None):
        nowhere = os.path.join(WORK, "nowhere")
        ended = subprocess.run([LUCIDD, "--check", "--data", nowhere, "--plugins-dir",
                                folder or os.path.join(kit.BUILD, "plugins"), *flags],
                               capture_output=True, check=False, timeout=30 * SLOW,
                               env=kit.environment())
        said = (ended.stdout + ended.stderr).decode()
        equal(ended.returncode, 2 if want else 0, said)
        assert (want or "configuration ok\n") in said, said
        assert not os.path.exists(nowhere)
    for fault in ("open", "kind", "type", "abi"):
        check({"open": "the plugin rogue does not open: the moon is in the wrong phase",
               "kind": "there is a kind receipt already", "type": "receipt.erased",
               "abi": "it was built for plugin ABI 7"}[fault], "--plugins", "rogue",
              folder=os.path.join(WORK, f"modules-{fault}-rogue"))
    applications = os.path.join(WORK, "applications.yaml")
    both = ("--plugins", "verifier,passport", "--passport-applications", applications)
    check("passport.applications: the file cannot be read", *both)
    shutil.copy(os.path.join(ROOT, "examples/passport/application.yaml"), applications)
    check(None, *both)
    with open(applications, "a", encoding="ascii") as file:
        file.write("no_such_member: 1\n")
    check("passport.applications: ", *both)
    check("passport rests on the plugin verifier", "--plugins", "passport")
    check("verifier.ear_spelling", "--plugins", "verifier", "--verifier-ear-spelling", "old")
    check(None, "--plugins", "verifier", "--verifier-test-roots", applications)

PLAIN = rogue("plain")
shutil.copy(os.path.join(MODULES, "notes.so"), PLAIN)


def post(mode, status):
    answer = service.client.request("POST", "/v1/rogue", mode, {"Content-Type": "text/plain"},
                                    token=service.token)
    equal(answer.status, status, repr(answer))
    return answer


def logged():
    lines = service.client.request("GET", "/v1/events?after=0", None, token=service.token).lines()
    return sum(event["type"] == "rogue.made" for event in lines)


service.settings = {"plugins": "rogue", "plugins_dir": PLAIN}

with case("a decide that breaks rules or budgets is refused, and nothing of it is logged"):
    service.start()
    post("fine", 201)
    equal(logged(), 1)
    problem(post("loop", 503), 503, "PLUGIN_LIMIT")
    problem(post("flood", 503), 503, "PLUGIN_LIMIT")
    problem(post("put", 500), 500, "PLUGIN_FAULT")
    problem(post("other", 500), 500, "PLUGIN_FAULT")
    problem(post("entry", 500), 500, "PLUGIN_FAULT")
    equal(logged(), 1)
    for _ in range(2):
        assert "lucid_rogue_half" not in service.get("/metrics").body.decode()
    equal(service.log_text().count("the metrics of rogue are left out"), 1)

with case("a decide that is slow again and again suspends the plugin, and nobody else"):
    for _ in range(3):
        post("slow", 201)
    problem(post("fine", 503), 503, "PLUGIN_SUSPENDED")
    metrics = service.get("/metrics").body.decode()
    assert '\nlucid_plugin_suspended{plugin="rogue"} 1\n' in metrics
    assert '\nlucid_plugin_slow_decides_total{plugin="rogue"} 3\n' in metrics
    service.register(service.new_signer("unhurt"))
    service.restart()
    post("fine", 201)

with case("a handle that never ends: a stop leaves it behind, and all that was committed is there"):
    service.restart(stop_grace_ms=200)
    post("fine", 201)
    count = logged()
    raw = service.raw()
    raw.send((f"POST /v1/rogue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.token}\r\n"
              "Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nhang").encode())
    kit.wait_for(lambda: "\nlucid_workers_busy 1\n" in service.get("/metrics").body.decode(),
                 what="the handle")
    post("fine", 201)
    service.stop(want=1)
    assert "a handler of a plugin does not end" in service.log_text(), service.log_text()
    raw.close()
    service.start()
    equal(logged(), count + 1)

with case("an apply that writes where it may not ends the service; the event was never there"):
    count = logged()
    try:
        service.client.request("POST", "/v1/rogue", "table", {"Content-Type": "text/plain"},
                               token=service.token)
    except OSError:
        pass
    service.process.wait(timeout=30 * SLOW)
    equal(service.process.returncode, 1)
    assert "a table that is not the kind's own" in service.log_text()
    service.start()
    equal(logged(), count)
    service.stop()
    report = json.loads(lucid("log", "fsck", "--data", service.data, "--json", "--plugins",
                              "rogue,notes", "--plugins-dir", PLAIN)[1])
    equal((report["damage"], report["undecided"]), (0, 1))
    assert report["findings"][0]["text"].startswith(
        "the kind notes is a plugin's that the service did not run with last"), report

FOLD = rogue("fold")
shutil.copy(os.path.join(MODULES, "notes.so"), FOLD)

with case("a raised fold version: folded anew; killed in the middle it begins again"):
    service.start()
    for _ in range(50):
        post("many", 201)
    count = logged()
    assert count > 3000, count  # 2000 are folded in one commit; the rest take half a second
    service.stop()
    for seen in (None, b"folded 2000 of"):
        with subprocess.Popen([LUCIDD, "--data", service.data, "--listen", "127.0.0.1:0",
                               "--plugins", "rogue", "--plugins-dir", FOLD],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env=kit.environment()) as process:
            if seen is None:
                time.sleep(0.5)
            else:
                assert any(seen in line for line in process.stderr), "the first part"
            process.kill()
    # What a newer one has begun is nothing that the older one goes on with.
    kit.refuses_to_start(service.data, "the tables of rogue were folded by a newer program",
                         "--plugins", "rogue", "--plugins-dir", PLAIN)
    ALL = ("--plugins", "rogue,notes", "--plugins-dir", FOLD)
    status, out, err = lucid("log", "fsck", "--data", service.data, "--json", *ALL)
    report = json.loads(out)
    equal((status, report["damage"], report["undecided"]), (4, 0, 2), repr(report))
    rested = json.loads(lucid("log", "replay", "--data", service.data, "--check", "--json",
                              *ALL)[1])
    equal((rested["equal"], rested["resting_kinds"]), (False, "notes, rogue"))
    service.settings = {"plugins": "rogue,notes", "plugins_dir": FOLD}
    service.start(seconds=60)
    equal(logged(), count)
    post("fine", 201)
    service.stop()
    report = json.loads(run_lucid("log", "fsck", "--data", service.data, "--json", *ALL))
    equal((report["verdict"], report["undecided"]), ("ok", 0))
    replayed = json.loads(run_lucid("log", "replay", "--data", service.data, "--check", "--json",
                                    *ALL))
    equal([part["rows"] for part in replayed["parts"] if part["part"] == "table rogue.rows"],
          [count + 1])

kit.done()
