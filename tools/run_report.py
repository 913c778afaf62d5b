"""What `tools/run` prints and checks about a served log, over its public routes.

usage: run_report.py URL before            prints: LEAVES EPOCHS_CLOSED
       run_report.py URL after LEAVES EPOCHS_CLOSED NEW IDS_FILE
           waits until a head covers everything, checks the counts, prints the epochs of this run,
           writes the first and the last new receipt's hash to IDS_FILE; exit 1 if something is off
"""

import base64
import json
import sys
import time
import urllib.request

EPOCH_RECEIPTS = 100  # the default of epoch_receipts_max, which tools/run leaves alone
COVER_SECONDS_MAX = 30

# A proxy in the environment is not for the loopback address.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url, path):
    with OPENER.open(url + path, timeout=10) as answer:
        return answer.read().decode("utf-8")


def get_list(url, path):
    items, cursor = [], ""
    while cursor is not None:
        page = json.loads(get(url, f"{path}?limit=1000" + (f"&cursor={cursor}" if cursor else "")))
        items += page["items"]
        cursor = page["next_cursor"]
    return items


def head(url):
    """Size and root (hex) of the newest checkpoint: lines origin, size, root."""
    lines = get(url, "/checkpoint").split("\n")
    return int(lines[1]), base64.b64decode(lines[2]).hex()


def state(url):
    leaves = json.loads(get(url, "/v1/mmr"))["leaf_count"]
    closed = [e for e in get_list(url, "/v1/epochs") if e["status"] == "finalized"]
    return leaves, closed


def await_cover(url, leaves):
    end = time.monotonic() + COVER_SECONDS_MAX
    while True:
        size, root = head(url)
        if size >= leaves:
            return size, root
        if time.monotonic() > end:
            raise SystemExit(f"no head covers leaf {leaves - 1} after {COVER_SECONDS_MAX} s")
        time.sleep(0.1)


def faults_of(leaves_before, closed_before, new, leaves, closed, open_count):
    """What does not hold, in words."""
    if leaves != leaves_before + new:
        yield f"{leaves - leaves_before} leaves came, not {new}"
    end = 0
    for number, epoch in enumerate(closed):
        if epoch["epoch"] != number or epoch["first_leaf"] != end:
            yield f"epoch {epoch['epoch']} does not follow the one before"
        count = epoch["end_leaf"] - epoch["first_leaf"]
        if count != epoch["receipt_count"] or not 0 < count <= EPOCH_RECEIPTS:
            yield f"epoch {number} holds {count} leaves"
        if (epoch["closed_by"] == "count") != (count == EPOCH_RECEIPTS):
            yield f"epoch {number} of {count} leaves was closed by {epoch['closed_by']}"
        end = epoch["end_leaf"]
    if leaves - end != open_count or open_count >= EPOCH_RECEIPTS:
        yield f"{leaves - end} leaves are in no closed epoch, {open_count} in the open one"
    # An epoch that came of age meanwhile starts the count anew; the rule above holds all the same.
    if all(e["closed_by"] == "count" for e in closed[closed_before:]):
        start = closed[closed_before - 1]["end_leaf"] if closed_before else 0
        expected = (leaves - start) // EPOCH_RECEIPTS
        if len(closed) - closed_before != expected:
            yield f"{len(closed) - closed_before} epochs closed, not {expected}"


def after(url, leaves_before, closed_before, new, ids_file):
    leaves, _ = state(url)
    size, root = await_cover(url, leaves)
    leaves, closed = state(url)
    open_epochs = [e for e in get_list(url, "/v1/epochs") if e["status"] == "open"]
    open_count = sum(e["receipt_count"] for e in open_epochs)
    faults = list(faults_of(leaves_before, closed_before, new, leaves, closed, open_count))

    print(f"{'epoch':>8}  {'leaves':>15}  {'count':>5}  {'closed by':<9}  root")
    shown = closed[closed_before:] + open_epochs
    for epoch in shown:
        span = f"{epoch['first_leaf']}..{epoch['first_leaf'] + epoch['receipt_count'] - 1}"
        print(f"{epoch['epoch']:>8}  {span:>15}  {epoch['receipt_count']:>5}  "
              f"{epoch['closed_by'] or 'open':<9}  {epoch['root'] or '(when it closes)'}")
    print(f"    head  {size:>15}  {'':>5}  {'':<9}  {root}")

    hashes = {}
    for epoch in shown:
        for placed in get_list(url, f"/v1/epochs/{epoch['epoch']}/receipts"):
            hashes[placed["leaf_index"]] = placed["receipt_hash"]
    wanted = [hashes.get(leaves_before), hashes.get(leaves - 1)]
    if None in wanted or len(set(hashes.values())) != len(hashes):
        faults.append("the epochs do not list each new leaf once")
    else:
        with open(ids_file, "w", encoding="ascii") as out:
            out.write("\n".join(wanted) + "\n")
    for fault in faults:
        print(f"DOES NOT HOLD: {fault}")
    return 1 if faults else 0


def main(arguments):
    if len(arguments) == 2 and arguments[1] == "before":
        leaves, closed = state(arguments[0])
        print(leaves, len(closed))
        return 0
    if len(arguments) == 6 and arguments[1] == "after":
        return after(arguments[0], *(int(a) for a in arguments[2:5]), arguments[5])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell would say it; tools/run stops too
    except (OSError, ValueError, KeyError, IndexError) as error:
        sys.exit(f"run_report: the service does not answer as it should: {error!r}")
