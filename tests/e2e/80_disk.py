#!/usr/bin/env python3
"""No room: the store's own limit, the disk reserve, a full disk, a file size limit. Receipts are
refused with 507, nothing is half stored, what was acknowledged stays, reads go on."""

import os
import resource
import subprocess

import kit
import kit_attest
from kit import case, equal
from kit_receipts import Maker

MIB = 1 << 20
maker = Maker("80")


def fill(service, signer, want, batches=400):
    """Batches and singles until one is refused: what was acknowledged, what was refused."""
    acked, refused = [], []
    for _ in range(batches):
        part = signer.seal_all(maker.bodies(200))
        answer = service.batch(part)
        equal(answer.status, 200, repr(answer))
        for envelope, line in zip(part, answer.lines()):
            if line["http_status"] == 201:
                acked.append((envelope, line))
            else:
                equal((line["http_status"], line["code"]), want)
                refused.append(envelope)
        if refused:
            return acked, refused
    raise AssertionError("never full")


def check(service, acked, refused):
    """The tree is exactly what was acknowledged; nothing of what was refused is there."""
    size = service.size()
    equal(size, len(acked))
    lines = [service.ok(f"/v1/receipts/{e.hash}", token=service.token)
             for e, _ in acked[:20] + acked[-300:]]
    for line, (_, placement) in zip(lines, acked[:20] + acked[-300:]):
        equal(line["leaf_index"], placement["leaf_index"])
    for envelope in refused[:100]:
        equal(service.get("/v1/receipts/" + envelope.hash, token=service.token).status, 404)
        equal(service.get("/v1/receipts/" + envelope.run_id, token=service.token).status, 404)
    tree = kit.kit_tree.Tree()
    for envelope, _ in acked:
        tree.append(envelope.entry)
    equal(service.ok("/v1/mmr")["root"], tree.root().hex())
    return tree


def check_again(service, signer, acked, refused):
    """With room again: what was refused goes in."""
    part = refused[:50]
    lines = service.batch_ok(part)
    equal([line["leaf_index"] for line in lines],
          list(range(len(acked), len(acked) + len(part))))
    known = service.batch_ok([envelope for envelope, _ in acked[-500:]], statuses=(200,))
    equal([line["leaf_index"] for line in known], [p["leaf_index"] for _, p in acked[-500:]])
    service.covered(len(acked) + len(part))
    equal(service.submit(signer.seal(maker.body())).status, 201)


FULL = (507, "STORE_FULL")

with case("store_bytes_max reached: 507 STORE_FULL, the rest is consistent and readable"):
    service = kit.Service(store_bytes_max=4 * MIB, disk_reserve_bytes=0)
    signer = service.new_signer("s")
    acked, refused = fill(service, signer, FULL)
    kit.note(f"{len(acked)} receipts in 4 MiB")
    assert len(acked) > 500
    # Smaller batches may still fit until nothing does; then it stays so.
    for _ in range(2000):
        envelope = signer.seal(maker.body())
        answer = service.submit(envelope)
        if answer.status != 201:
            kit.problem(answer, *FULL)
            refused.append(envelope)
            break
        acked.append((envelope, answer.json()))
    check(service, acked, refused)
    for envelope, placement in acked[-20:]:
        answer = service.submit(envelope)
        assert answer.status in (200, 507), answer
        if answer.status == 200:
            equal(answer.json()["leaf_index"], placement["leaf_index"])

with case("full after a kill -9, too; and more room lets it go on"):
    service.kill()
    service.start()
    check(service, acked, refused)
    service.restart(store_bytes_max=64 * MIB)
    check(service, acked, refused)
    check_again(service, signer, acked, refused)
    service.stop()

with case("below the disk reserve: 507 before anything is written, readiness says so"):
    service = kit.Service()
    signer = service.new_signer("s")
    envelope = signer.seal(maker.body())
    equal(service.submit(envelope).status, 201)
    disk = os.statvfs(service.data)
    service.restart(disk_reserve_bytes=min(disk.f_bavail * disk.f_frsize * 2, 1 << 46))
    kit.problem(service.submit(signer.seal(maker.body())), *FULL)
    line, = service.batch([signer.seal(maker.body())]).lines()
    equal((line["http_status"], line["code"]), FULL)
    answer = service.get("/readyz")
    equal((answer.status, answer.json()["causes"]), (503, ["disk_low"]))
    equal(service.get("/healthz").status, 200)
    equal(service.size(), 1)
    equal(service.get("/v1/receipts/" + envelope.hash, token=service.token).status, 200)
    service.restart()
    equal(service.get("/readyz").status, 200)
    equal(service.submit(signer.seal(maker.body())).status, 201)
    service.stop()

with case("an appraisal below the reserve: 507, and its challenge is good once there is room"):
    agent = kit_attest.Agent()
    service = kit_attest.Verifier(roots=(agent.root,), verifier_challenge_seconds=600)
    made = service.attest(agent)
    challenge = service.challenge()
    runtime = kit_attest.runtime_data(challenge)
    quote = [kit_attest.evidence_of("mock", agent.evidence(kit_attest.binding(runtime)))]
    counts = service.ok("/v1/attestation/appraisals", token=service.token)["items"]
    disk = os.statvfs(service.data)
    service.restart(disk_reserve_bytes=min(disk.f_bavail * disk.f_frsize * 2, 1 << 46))
    kit.problem(service.appraise(challenge, runtime, quote), *FULL)
    equal(service.ok("/v1/attestation/appraisals", token=service.token)["items"], counts)
    replayed = service.post("/v1/attestation/replay", {"appraisalId": made["appraisalId"]},
                            token=service.token)
    equal((replayed.status, replayed.json()["outcome"]), (200, "same"))
    service.restart(disk_reserve_bytes=0)
    equal(service.appraise(challenge, runtime, quote).status, 201)
    kit.problem(service.appraise(challenge, runtime, quote), 422, "NONCE_USED", "sessionId")
    service.stop()
    agent.stop()

# --- a disk that is really full -----------------------------------------------------------------


class Tmpfs:
    def __init__(self, size):
        self.path = kit.scratch()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path]
        ended = subprocess.run(command, capture_output=True, check=False)
        self.mounted = ended.returncode == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path], check=False)


def survive_full(service, signer, room):
    """Fills until the disk is full. LMDB reports that as EIO: whether it stops or refuses, nothing
    that was acknowledged may be gone."""
    acked, refused, stopped = [], [], False
    try:
        for _ in range(3000):
            part = signer.seal_all(maker.bodies(100))
            answer = service.batch(part)
            if answer.status != 200:
                equal(answer.status, 503)  # it stops already
                refused = part
                break
            for envelope, line in zip(part, answer.lines()):
                if line["http_status"] == 201:
                    acked.append((envelope, line))
                else:
                    assert line["http_status"] in (500, 503, 507), line
                    refused.append(envelope)
            if refused:
                break
        else:
            raise AssertionError("never full")
    except (OSError, EOFError, kit.http.client.HTTPException):
        stopped = True
    if not stopped:
        try:
            equal(service.get("/healthz").status, 200)
        except OSError:
            stopped = True
    if stopped or service.process.poll() is not None:
        status = service.wait()
        assert status > 0, f"a full disk must not look like a good end: {status}"
    else:
        service.process.terminate()
        service.wait()
    kit.note(f"{len(acked)} acknowledged, {'stopped' if stopped else 'refused'}; "
             f"{service.log_text().strip().splitlines()[-1][:150]}")
    room()
    service.start()
    size = service.size()
    # A commit whose outcome was unknown may be there; an acknowledged one must be.
    assert size >= len(acked), (size, len(acked))
    lines = []
    for start in range(0, len(acked), 5000):
        lines += service.batch_ok([e for e, _ in acked[start:start + 5000]], statuses=(200,))
    equal([line["leaf_index"] for line in lines], [p["leaf_index"] for _, p in acked])
    lines = service.batch_ok(refused, statuses=(200, 201)) if refused else []
    equal(len({line["leaf_index"] for line in lines}), len(refused))
    equal(service.submit(signer.seal(maker.body())).status, 201)
    head = service.covered(service.size())
    got = service.ok(f"/v1/receipts/{acked[-1][0].hash}/proof?tree_size={head.size}")
    assert kit.kit_tree.inclusion_holds(
        got["leaf_index"], head.size, kit.kit_tree.leaf_hash(acked[-1][0].entry),
        kit.kit_tree.unhex(got["path"]), head.root)
    service.stop()


with Tmpfs("12m") as disk:
    if disk.mounted:
        with case("a disk of 12 MiB, no reserve: full, emptied, started again"):
            ballast = os.path.join(disk.path, "ballast")
            with open(ballast, "wb") as file:
                file.write(b"x" * 4 * MIB)
            full = kit.Service(disk.path, disk_reserve_bytes=0)
            survive_full(full, full.new_signer("s"), lambda: os.unlink(ballast))
        with case("the same disk with a reserve of 3 MiB: 507 long before it is full"):
            os.makedirs(os.path.join(disk.path, "second"))
            subprocess.run(["rm", "-rf", full.data], check=True)
            second = kit.Service(os.path.join(disk.path, "second"), disk_reserve_bytes=3 * MIB)
            acked, refused = fill(second, second.new_signer("s"), FULL)
            check(second, acked, refused)
            left = os.statvfs(disk.path)
            assert left.f_bavail * left.f_frsize > MIB, "the reserve was used up"
            second.stop()
    else:
        kit.skip("a full disk", "no right to mount")

with case("a file size limit (ulimit -f) of 6 MiB: no acknowledged receipt is lost"):
    limited = kit.Service(start=False, disk_reserve_bytes=0)
    plain = kit.subprocess.Popen

    def limited_popen(*arguments, **more):
        return plain(*arguments, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (6 * MIB, resource.RLIM_INFINITY)), **more)
    kit.subprocess.Popen = limited_popen
    try:
        limited.start()
    finally:
        kit.subprocess.Popen = plain
    survive_full(limited, limited.new_signer("s"), lambda: None)

kit.done()
