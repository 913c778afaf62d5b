#!/usr/bin/env python3
"""The wall clock steps back an hour while the service runs: it goes on, and no time it logs is
smaller than one before. Needs a program that takes LD_PRELOAD (kit_clock.c)."""

import time

import kit
from kit import case, equal, wait_for
from kit_clock import Clock
from kit_receipts import Maker

HOUR_MS = 3600 * 1000
maker = Maker("88")


def metric(name):
    for line in service.get("/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split(" ")[1])
    return None


def warnings():
    answer = service.get("/readyz")
    equal(answer.status, 200, repr(answer))
    return answer.json().get("warnings", [])


def grow(count=1):
    """Submits, each on its own; the largest logged_at."""
    last = ""
    for envelope in signer.seal_all(maker.bodies(count)):
        answer = service.submit(envelope)
        equal(answer.status, 201, repr(answer))
        assert answer.json()["logged_at"] >= last, (answer, last)
        last = answer.json()["logged_at"]
    return last


def times_ascend():
    """All events' times, as an auditor reads them; how many there are."""
    events = service.get("/v1/events?after=0", token=service.token).lines()
    times = [event["time"] for event in events]
    equal(times, sorted(times), "times of events")
    return events


def goes_on(what):
    """A receipt is taken, a head covers it, and an epoch that is old enough closes."""
    epoch = service.ok("/v1/epochs/current")["epoch"] if service.get(
        "/v1/epochs/current").status == 200 else None
    last = grow(3)
    size = service.size()
    service.covered(size, 5)
    if epoch is None:
        epoch = service.ok("/v1/epochs?limit=1000")["items"][-1]["epoch"]
    wait_for(lambda: service.ok(f"/v1/epochs/{epoch}")["status"] == "finalized", 10,
             f"the epoch's end {what}")
    return last


clock = Clock(kit.scratch())
service = kit.Service(start=False, head_interval_ms=50, epoch_seconds_max=1)
service.start(prefix=clock.prefix())
signer = service.new_signer("s")

with case("before the step: times are those of the wall clock"):
    clock.set(1000)  # the shim is in: a second ahead, which is no step that anybody is told of
    before = goes_on("before")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 30))
    assert before < stamp, (before, stamp)
    equal((metric("lucid_clock_steps_total"), metric("lucid_clock_stepped")), (0, 0))
    equal(warnings(), [])

with case("an hour back: receipts, heads and epochs go on, no time decreases; that is told"):
    clock.set(-HOUR_MS)
    wait_for(lambda: metric("lucid_clock_stepped") == 1, 10, "the metric")
    equal(metric("lucid_clock_steps_total"), 1)
    equal(warnings(), ["clock_stepped"])
    assert "writer.clock" in service.log_text()
    for _ in range(2):
        after = goes_on("after the step")
        assert after >= before, (after, before)
        before = after
    times_ascend()

with case("restarted while the clock is behind: the same"):
    service.stop()
    service.start(prefix=clock.prefix())
    after = goes_on("after the restart")
    assert after >= before, (after, before)
    before = after
    times_ascend()

with case("killed while the clock is behind: the same"):
    service.kill()
    service.start(prefix=clock.prefix())
    after = goes_on("after the kill")
    assert after >= before, (after, before)
    before = after
    times_ascend()

with case("and forth again: wall clock times, nothing decreases, the log checks"):
    clock.set(0)
    wait_for(lambda: metric("lucid_clock_steps_total") == 1, 10, "the step")
    after = goes_on("at the end")
    assert after >= before, (after, before)
    events = times_ascend()
    service.stop()
    kit.run_lucid("log", "fsck", "--data", service.data)
    kit.note(f"{len(events)} events")

kit.done()
