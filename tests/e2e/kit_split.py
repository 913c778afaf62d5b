"""The split of CONTRACT 5 once more, in Python's integers: the rule as it is worded, unit by
unit."""

BPS = 10000
LEGS = ("compute", "model", "protocol")
DEFAULT = (7000, 2000, 1000)
AMOUNT_MAX = 2**63 - 1


def winners(weights):
    """The leg that gets unit 1, 2, 3 … without end."""
    whole = sum(weights)
    assert whole > 0 and min(weights) >= 0
    total, legs = 0, [0] * len(weights)
    while True:
        due = {i: -(-whole * (legs[i] + 1) // w) for i, w in enumerate(weights)
               if (total + 1) * w > whole * legs[i]}
        winner = min(due, key=lambda i: (due[i], i))
        legs[winner] += 1
        total += 1
        yield winner


def refunded(legs, total):
    """What of each leg is taken back by the first units that are refunded, unit by unit."""
    back = [0] * len(legs)
    for _, winner in zip(range(total), winners(legs)):
        back[winner] += 1
    assert all(part <= leg for part, leg in zip(back, legs)), (legs, total, back)
    return back


class Split:
    """A(T) for every T, by 10000 units of the rule; those must give the weights themselves."""

    def __init__(self, weights):
        assert sum(weights) == BPS, weights
        self.weights = tuple(weights)
        legs = [0] * len(weights)
        self.rows = [tuple(legs)]
        for _, winner in zip(range(BPS), winners(weights)):
            legs[winner] += 1
            self.rows.append(tuple(legs))
        assert self.rows[BPS] == self.weights, "10000 units are not the weights"

    def at(self, total):
        rounds, rest = divmod(total, BPS)
        return [rounds * w + units for w, units in zip(self.weights, self.rows[rest])]

    def pay(self, total, amount):
        return [after - before for before, after in zip(self.at(total), self.at(total + amount))]


def near(weights, total, legs):
    """Whether every leg is within one unit of its exact share of the total."""
    return all(-BPS < BPS * leg - total * w < BPS for leg, w in zip(legs, weights))
