#!/usr/bin/env python3
"""The split against arbitrary-precision integers: gas_split_model.py PIPE [SEED] [CASES].

PIPE is gas_split_pipe, which answers with what gas/split.c says. The rule itself is taken from
kit_split.py, which goes unit by unit. SEED (or LUCID_SEED) repeats a run."""

import array
import os
import random
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e"))
import kit_split  # noqa: E402
from kit_split import AMOUNT_MAX, BPS  # noqa: E402

PIPE = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("LUCID_SEED", "20261122"))
CASES = int(sys.argv[3]) if len(sys.argv) > 3 else 3_000_000
REFUSED_LARGE, REFUSED_WEIGHTS = 2**64 - 1, 2**64 - 2
DEGENERATE = [
    (7000, 2000, 1000), (10000, 0, 0), (0, 10000, 0), (0, 0, 10000), (9999, 1, 0), (0, 1, 9999),
    (1, 0, 9999), (1, 1, 9998), (9998, 1, 1), (5000, 5000, 0), (0, 5000, 5000), (3333, 3333, 3334),
    (3334, 3333, 3333), (2500, 2500, 5000), (4999, 2, 4999), (4999, 5000, 1), (7001, 1999, 1000),
]
rng = random.Random(SEED)
asked = 0


def ask(cases):
    """Answers as one flat list, three a case. cases: flat, weights packed, total, amount."""
    global asked
    asked += len(cases) // 3
    done = subprocess.run([PIPE], input=array.array("Q", cases).tobytes(), capture_output=True,
                          check=True, timeout=240)
    legs = array.array("Q")
    legs.frombytes(done.stdout)
    assert len(legs) == len(cases), "not every case was answered"
    return legs


def packed(weights):
    return weights[0] | weights[1] << 16 | weights[2] << 32


def composition():
    """Weights: any cut of 10000, and often those with large common divisors, zeros, and ones."""
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice(DEGENERATE)
    step = rng.choice((1, 1, 2, 5, 10, 50, 100, 500, 1000, 2500)) if kind == 1 else 1
    a, b = sorted(rng.choices(range(0, BPS + 1, step), k=2))
    if kind == 2:
        a = rng.choice((0, 1, b))
    return (a, b - a, BPS - b)


def amounts(count):
    """Payments whose sum is at most 2^63 − 1: of one size, of all sizes, or up to that very sum."""
    kind, left, made = rng.randrange(4), AMOUNT_MAX, []
    bits = rng.randrange(1, 64)
    for _ in range(count):
        if kind == 0:
            amount = rng.randrange(1, 4)
        elif kind == 1:
            amount = rng.getrandbits(bits)
        else:
            amount = rng.getrandbits(rng.randrange(1, 63))
        amount = min(amount, left)
        left -= amount
        made.append(amount)
    if kind == 3:
        made.append(left)
    return made


def chain(weights, payments, cases):
    total = 0
    word = packed(weights)
    for amount in payments:
        cases += (word, total, amount)
        total += amount


def judge(weights, payments, legs, at):
    """Holds a chain's answers, from at on, against the properties. The legs' sums."""
    w0, w1, w2 = weights
    total = c0 = c1 = c2 = 0
    for amount in payments:
        x, y, z = legs[at], legs[at + 1], legs[at + 2]
        at += 3
        # Numbers without sign: one below zero would be huge, and the sum with it.
        assert x + y + z == amount, (weights, total, amount, x, y, z)
        total += amount
        c0 += x
        c1 += y
        c2 += z
        assert (-BPS < BPS * c0 - total * w0 < BPS and -BPS < BPS * c1 - total * w1 < BPS
                and -BPS < BPS * c2 - total * w2 < BPS), (weights, total, amount, x, y, z)
    return total, (c0, c1, c2)


def hundred():
    """100 payments of 1 unit give 70, 20, 10"""
    cases = []
    chain(kit_split.DEFAULT, [1] * 100, cases)
    legs = ask(cases)
    assert judge(kit_split.DEFAULT, [1] * 100, legs, 0) == (100, (70, 20, 10))


def rule():
    """the rule, unit by unit, over two periods and more"""
    for weights in DEGENERATE + [composition() for _ in range(18)]:
        units = 2 * BPS + 100 if weights in DEGENERATE[:2] else BPS + 500
        word = packed(weights)
        singles = ask([n for t in range(units) for n in (word, t, 1)])
        wholes = ask([n for t in range(units) for n in (word, 0, t + 1)])
        running = [0, 0, 0]
        for t, winner in zip(range(units), kit_split.winners(weights)):
            want = [0, 0, 0]
            want[winner] = 1
            running[winner] += 1
            at = 3 * t
            assert list(singles[at:at + 3]) == want, (weights, t)
            assert list(wholes[at:at + 3]) == running, (weights, t)


def huge():
    """exact amounts at totals of every size"""
    for weights in DEGENERATE + [composition() for _ in range(30)]:
        split, cases = kit_split.Split(weights), []
        for _ in range(3000):
            total = rng.getrandbits(rng.randrange(1, 64))
            amount = rng.randrange(AMOUNT_MAX - total + 1) >> rng.randrange(63)
            cases += (packed(weights), total, amount)
        legs = ask(cases)
        for at in range(0, len(cases), 3):
            _, total, amount = cases[at:at + 3]
            assert list(legs[at:at + 3]) == split.pay(total, amount), (weights, total, amount)


def properties():
    """sums, signs and shares over random payments with random weights; any order ends the same"""
    left = CASES
    while left > 0:
        chains, cases = [], []
        while len(cases) < 3 * 200_000:
            # Each set of weights three times: as it came, in another order, and in one piece.
            weights, payments = composition(), amounts(rng.randrange(1, 400))
            others = rng.sample(payments, len(payments))
            for payment in (payments, others, [sum(payments)]):
                chains.append((weights, payment))
                chain(weights, payment, cases)
        legs, at, ends = ask(cases), 0, []
        for weights, payments in chains:
            ends.append(judge(weights, payments, legs, at))
            at += 3 * len(payments)
        for i in range(0, len(ends), 3):
            assert ends[i] == ends[i + 1] == ends[i + 2], chains[i]
        left -= len(cases) // 3


def mixed():
    """more sets of weights at a time than tables are kept, in any order"""
    splits = [kit_split.Split(composition()) for _ in range(20)]
    totals, cases, want = [0] * len(splits), [], []
    for _ in range(20_000):
        i = rng.randrange(len(splits)) if rng.random() < 0.05 else rng.randrange(14)
        amount = rng.getrandbits(rng.randrange(1, 40))
        cases += (packed(splits[i].weights), totals[i], amount)
        want += splits[i].pay(totals[i], amount)
        totals[i] += amount
    assert list(ask(cases)) == want


def limits():
    """the largest amounts; one more is refused; weights that do not sum to 10000 are"""
    for weights in DEGENERATE:
        split, word = kit_split.Split(weights), packed(weights)
        for total in (0, 1, 9999, 10000, 2**62, AMOUNT_MAX - 1, AMOUNT_MAX):
            room = AMOUNT_MAX - total
            legs = ask([word, total, room, word, total, room + 1, word, total, 2**64 - 1])
            assert list(legs[:3]) == split.pay(total, room), (weights, total)
            assert list(legs[3:]) == [REFUSED_LARGE] * 6, (weights, total)
        assert list(ask([word, AMOUNT_MAX + 1, 0, word, 2**64 - 1, 1])) == [REFUSED_LARGE] * 6
    for weights in ((0, 0, 0), (7000, 2000, 999), (7000, 2000, 1001), (65535, 65535, 65535),
                    (10000, 10000, 10000), (10000, 1, 0), (0, 0, 9999), (34464, 20536, 20536)):
        assert list(ask([packed(weights), 0, 1])) == [REFUSED_WEIGHTS] * 3, weights


def main():
    print(f"# seed {SEED}", flush=True)
    failed, tests = 0, (hundred, rule, huge, mixed, limits, properties)
    for number, test in enumerate(tests, 1):
        started, before = time.monotonic(), asked
        try:
            test()
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {test.__doc__}")
            for line in traceback.format_exc().splitlines():
                print("# " + line[:400])
        else:
            print(f"ok {number} - {test.__doc__}")
        print(f"# {asked - before} cases, {time.monotonic() - started:.1f} s", flush=True)
    print(f"# {asked} cases in all\n1..{len(tests)}")
    sys.exit(1 if failed else 0)


main()
