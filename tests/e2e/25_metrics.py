#!/usr/bin/env python3
"""/metrics by a strict parser of the exposition format; the values; the Grafana dashboard."""

import json
import math
import os
import re
import subprocess
import time

import kit
import kit_attest
import kit_chain
import kit_pay
from kit import case, equal

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
UNITS = ("_seconds", "_bytes", "_total", "_info", "_commits")


def labels(text):
    found, at = {}, 0
    while text and at < len(text):
        match = LABEL.match(text, at)
        assert match and match.group(1) not in found, text
        found[match.group(1)] = match.group(2)
        at = match.end()
        assert (match.group(3) == ",") == (at < len(text)), text
    return found


def parse(text):
    """{family: (type, {(sample name, labels): value})}; stricter than Prometheus: each family once,
    HELP and TYPE before its samples, no blanks more than needed, no sample twice."""
    assert text.endswith("\n") and "\r" not in text and "\n\n" not in text
    families, lines = {}, text.split("\n")[:-1]
    at, current = 0, None
    while at < len(lines):
        line = lines[at]
        if line.startswith("#"):
            help_match = re.fullmatch(rf"# HELP ({NAME}) (\S.*\S)", line)
            type_match = re.fullmatch(rf"# TYPE ({NAME}) (gauge|counter|histogram)",
                                      lines[at + 1])
            assert help_match and type_match, line
            equal(help_match.group(1), type_match.group(1), "HELP and TYPE")
            assert re.search(r"[.?]$", help_match.group(2)), line
            current = help_match.group(1)
            assert current not in families, f"{current} begins twice"
            families[current] = (type_match.group(2), {})
            at += 2
            continue
        match = SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        name, key, value = match.group(1), labels(match.group(2) or ""), float(match.group(3))
        kind, samples = families[current]
        suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        assert name in [current + suffix for suffix in suffixes], f"{name} in {current}"
        index = (name, tuple(sorted(key.items())))
        assert index not in samples, f"twice: {line}"
        assert math.isfinite(value) and value >= 0, line
        samples[index] = value
        at += 1
    return families


def histogram_check(name, samples):
    buckets = [(float(dict(key)["le"]), value) for (sample, key), value in samples.items()
               if sample == name + "_bucket"]
    equal(buckets, sorted(buckets), f"{name}: bounds and counts ascend")
    assert all(a[1] <= b[1] for a, b in zip(buckets, buckets[1:])), buckets
    equal(buckets[-1][0], math.inf)
    equal(buckets[-1][1], samples[(name + "_count", ())])


def scrape():
    answer = service.get("/metrics")
    equal(answer.status, 200)
    equal(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8")
    return parse(answer.body.decode())


def value(families, name):
    return families[name][1][(name, ())]


class Witness:
    """lucid-witness for one log, so that what is said about witnesses is there."""

    def __init__(self, vkey):
        base = kit.scratch()
        program = kit.program("LUCID_WITNESS", "tools/lucid-witness")
        files = ["--key", base + "/key", "--state", base + "/state"]
        made = subprocess.run([program, "--init", "w/1", *files], capture_output=True, check=True,
                              timeout=30)
        with open(base + "/logs", "w", encoding="utf-8") as file:
            file.write(vkey)
        self.process = subprocess.Popen(
            [program, *files, "--logs", base + "/logs", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        url = self.process.stdout.readline().decode().split()[-1]
        self.policy = base + "/policy"
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write(f"witness w {made.stdout.decode().strip()} {url}\nquorum w\n")

    def stop(self):
        self.process.terminate()
        self.process.stdout.close()
        equal(self.process.wait(30), 0)


service = kit.Service(start=False)
with open(os.path.join(service.data, "vkey"), encoding="utf-8") as vkey_file:
    witness = Witness(vkey_file.read())
service.start(epoch_receipts_max=10, head_interval_ms=50, witness_policy=witness.policy,
              witness_interval_ms=100)
signer = service.new_signer("metrics")
maker = kit.kit_receipts.Maker(25)
begun = time.time()

with case("the parser refuses what is malformed"):
    good = "# HELP a_b Text.\n# TYPE a_b gauge\na_b 1\n"
    parse(good)
    for bad in (good[:-1], good + "a_b 1\n", good + "a_c 1\n", good + good, good + "\n",
                good.replace("1", "NaN"), good.replace("1", "-1"), good.replace("1", "x"),
                good.replace("gauge", "gouge"), good.replace("# HELP a_b Text.\n", ""),
                good.replace("a_b 1", 'a_b{x="1} 1'), good.replace("a_b 1", 'a_b{x="1",} 1'),
                good.replace("a_b 1", 'a_b{x="1",x="2"} 1'), good.replace("a_b 1", "a_b  1")):
        try:
            parse(bad)
        except (AssertionError, ValueError, IndexError):
            continue
        raise RuntimeError(f"taken: {bad!r}")

with case("names: lower case, base units at the end, counters _total; histograms add up"):
    kit.wait_for(lambda: "lucid_witnessed_size" in scrape(), what="a cosigned head")
    families = scrape()
    for name, (kind, samples) in families.items():
        assert re.fullmatch(r"(lucid|process)(_[a-z0-9]+)+", name), name
        equal(name.endswith("_total"), kind == "counter", name)
        assert kind != "histogram" or name.endswith("_seconds"), name
        assert not re.search(r"_(ms|us|millis|kb|mb|percent)(_|$)", name), name
        if kind == "histogram":
            histogram_check(name, samples)
        else:
            assert samples or kind == "counter", f"{name} has no sample"
    kit.note(f"{len(families)} families, {sum(len(s) for _, s in families.values())} samples")

with case("what is to be watched is there"):
    for name in ("lucid_tree_size", "lucid_head_size", "lucid_head_age_seconds",
                 "lucid_uncovered_leaves", "lucid_open_epoch_age_seconds",
                 "lucid_open_epoch_leaves", "lucid_last_epoch_age_seconds",
                 "lucid_pending_commands", "lucid_commit_seconds", "lucid_store_used_bytes",
                 "lucid_store_max_bytes", "lucid_store_readers",
                 "lucid_store_oldest_reader_lag_commits", "lucid_disk_free_bytes",
                 "lucid_clock_steps_total", "lucid_verification_failures_total",
                 "lucid_maps_memory_bytes", "lucid_writer_silent_seconds", "lucid_build_info",
                 "lucid_gas_charged_total", "lucid_gas_deposited_total", "lucid_accounts",
                 "lucid_gas_refusals_total", "lucid_gas_overdrawn_total", "lucid_gas_prepaid",
                 "lucid_payments_total", "lucid_protocol_revenue_total", "lucid_statements_total",
                 "lucid_payouts_total", "lucid_payouts_in_transit",
                 "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
                 "process_cpu_seconds_total", "process_start_time_seconds"):
        assert name in families, f"{name} is missing"

with case("values follow what happens"):
    before = scrape()
    service.batch_ok(signer.seal_all(maker.bodies(25)))
    kit.wait_for(lambda: value(scrape(), "lucid_witnessed_size") == 25, what="a cosigned head")
    after = scrape()
    equal(value(after, "lucid_tree_size"), 25)
    equal(value(after, "lucid_head_size"), 25)
    equal(value(after, "lucid_uncovered_leaves"), 0)
    equal(value(after, "lucid_open_epoch_leaves"), 5)
    equal(value(after, "lucid_epochs_finalized_total"), 2)
    equal(value(after, "lucid_batch_lines_total"), 25)
    equal(value(after, "lucid_verification_failures_total"), 0)
    equal(value(after, "lucid_pending_commands"), 0)
    assert 0 < value(after, "lucid_open_epoch_age_seconds") < 60
    assert 0 < value(after, "lucid_last_epoch_age_seconds") < 60
    assert value(after, "lucid_writer_silent_seconds") < 5 * kit.SLOW
    commits = ("lucid_commit_seconds_count", ())
    assert after["lucid_commit_seconds"][1][commits] > before["lucid_commit_seconds"][1][commits]
    for name, (kind, samples) in before.items():
        if kind == "counter":
            for key, old in samples.items():
                assert after[name][1][key] >= old, f"{key} went down"
    disk = os.statvfs(service.data)
    assert abs(value(after, "lucid_disk_free_bytes") - disk.f_bavail * disk.f_frsize) < 1 << 30

with case("money: what was charged, paid in, paid, refused and overdrawn"):
    def admin(method, path, body, status, key=None):
        answer = service.client.request(method, path, body, token=service.token,
                                        headers={"Idempotency-Key": key} if key else None)
        equal(answer.status, status, repr(answer))

    def charged(families, kind):
        return families["lucid_gas_charged_total"][1][
            ("lucid_gas_charged_total", (("kind", kind),))]

    LUCID = 10 ** 9
    equal((charged(after, "igas"), charged(after, "mgas")), (25 * LUCID, 10 * LUCID))
    equal(value(after, "lucid_accounts"), 2)
    admin("POST", f"/v1/accounts/{signer.key}/deposits", {"amount": str(37 * LUCID)}, 201, "d")
    admin("PUT", "/v1/assets/a/pricing", {
        "price_per_call": "1", "network": "eip155:8453", "pay_to": "0x" + "11" * 20,
        "compute_payee": "gpu"}, 201)
    for number, status in ((1, 201), (2, 201), (2, 200)):
        admin("POST", "/v1/payments",
              {"external_id": str(number), "asset": "a", "amount": "1000"}, status)
    admin("POST", "/v1/epochs/current/finalize", {}, 200)
    admin("POST", "/v1/settlements/USDC-0/payouts",
          {"external_id": "p", "payee": "gpu", "amount": "300"}, 201)
    got = scrape()
    equal((charged(got, "igas"), charged(got, "mgas")), (25 * LUCID, 15 * LUCID))
    for name, want in (("lucid_gas_deposited_total", 37 * LUCID), ("lucid_payments_total", 2),
                       ("lucid_protocol_revenue_total", 200), ("lucid_statements_total", 1),
                       ("lucid_payouts_total", 1), ("lucid_payouts_in_transit", 300),
                       ("lucid_accounts", 8), ("lucid_gas_prepaid", 0),
                       ("lucid_gas_refusals_total", 0), ("lucid_gas_overdrawn_total", 0)):
        equal(value(got, name), want, name)
    service.stop()
    chain = kit_chain.chain()
    selling = {"plugins": "verifier,passport", "plugins_dir": kit_attest.PLUGINS,
               "price_class.batch": "bulk", "price_class.match": "matches",
               "x402_networks_file": kit_pay.networks_file(
                   kit.scratch(), chain.network(gas_key=kit_chain.FACILITATOR,
                                                treasury_key=kit_chain.TREASURY))}
    service.start(epoch_receipts_max=10, gas_mode="prepaid", witness_policy=witness.policy,
                  witness_interval_ms=100, **selling)
    admin("POST", f"/v1/accounts/{signer.key}/deposits", {"amount": str(8 * LUCID)}, 201, "e")
    envelopes = signer.seal_all(maker.bodies(7))
    kit.problem(service.batch(envelopes), 503, "PRICE_UNAVAILABLE")  # administrators do not pay
    lines = service.post("/v1/receipts/batch", b"\n".join(e.wire() for e in envelopes),
                         token=service.token).lines()
    equal([line["http_status"] for line in lines], [201] * 5 + [402] * 2)
    admin("POST", "/v1/epochs/current/finalize", {}, 200)
    got = scrape()
    equal((value(got, "lucid_gas_refusals_total"), value(got, "lucid_gas_overdrawn_total"),
           value(got, "lucid_gas_prepaid")), (2, 1, 1))
    kit.wait_for(lambda: "lucid_witnessed_size" in scrape(), what="a cosigned head")
    after = scrape()

with case("the process: memory, descriptors, start"):
    pid = service.process.pid
    # The witness's connection comes and goes.
    assert abs(value(after, "process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))) <= 2
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert 0.5 < value(after, "process_resident_memory_bytes") / resident < 2
    assert abs(value(after, "process_start_time_seconds") - begun) < 30 * kit.SLOW
    version = subprocess.run([kit.LUCIDD, "--version"], capture_output=True, check=True)
    key = dict(next(iter(after["lucid_build_info"][1]))[1])
    equal(f"lucidd {key['version']}\n".encode(), version.stdout)

with case("what is configured and cannot be sold is told at the start"):
    assert "price_class.match" in service.log_text() and "config.sales" in service.log_text()
    assert "price_class.batch is" not in service.log_text()

with case("docs/OPERATIONS.md has every metric of our plugins, with its labels"):
    path = os.path.join(os.path.dirname(__file__), "../../docs/OPERATIONS.md")
    with open(path, encoding="utf-8") as file:
        rows = [line.split(" | ")[0] for line in file if line.startswith("| `lucid_")]
    listed = {name: set(keys.split(",")) - {""} for row in rows for name, keys in
              re.findall(r"`(lucid_(?:verifier|passport)_[a-z_]+)(?:\{([a-z,]*)\})?`", row)}
    equal(listed, {name: {key for _, pairs in samples for key, _ in pairs}
                   for name, (_, samples) in after.items()
                   if name.startswith(("lucid_verifier_", "lucid_passport_"))})
    assert len(listed) >= 8, listed

with case("the dashboard asks for nothing that is not there"):
    path = os.path.join(os.path.dirname(__file__), "../../packaging/grafana-dashboard.json")
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    exposed = set()
    for name, (kind, _) in after.items():
        exposed |= {name + suffix for suffix in ("_bucket", "_sum", "_count")} \
            if kind == "histogram" else {name}
    asked, places = set(), []
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            assert panel["targets"], panel["title"]
        for target in panel.get("targets", []):
            names = set(re.findall(r"\b(?:lucid|process)_[a-z0-9_]+", target["expr"]))
            assert names, target
            equal(target["expr"].count("("), target["expr"].count(")"), target["expr"])
            asked |= names
        box = panel["gridPos"]
        assert box["x"] + box["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(box["x"], box["x"] + box["w"])
                 for y in range(box["y"], box["y"] + box["h"])}
        assert all(not cells & other for other in places), f"{panel['title']} lies on another"
        places.append(cells)
    ids = [panel["id"] for panel in dashboard["panels"]]
    equal(len(ids), len(set(ids)), "panel ids")
    equal(asked - exposed, set(), "asked for, but not exposed")
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    kit.note(f"{len(asked)} names in {len(places)} panels; not shown: "
             f"{', '.join(sorted(set(after) - shown)) or 'none'}")

service.stop()
witness.stop()
chain.close()
kit.done()
