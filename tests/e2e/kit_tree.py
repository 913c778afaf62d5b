"""The log seen by a stranger: RFC 9162 proofs, the Merkle Mountain Range, C2SP checkpoints.

Written from the documents, sharing nothing with the service's code."""

import base64
import hashlib


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(entry):
    return sha256(b"\x00" + entry)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


EMPTY = sha256(b"")


class Tree:
    """RFC 9162 2.1.1 over leaf hashes, with complete subtrees remembered."""

    def __init__(self):
        self.leaves = []
        self.known = {}

    def append(self, entry):
        self.leaves.append(leaf_hash(entry))

    def root(self, size=None):
        size = len(self.leaves) if size is None else size
        return self.range(0, size) if size else EMPTY

    def range(self, start, end):
        if end - start == 1:
            return self.leaves[start]
        if (start, end) in self.known:
            return self.known[start, end]
        split = 1 << ((end - start - 1).bit_length() - 1)
        value = node_hash(self.range(start, start + split), self.range(start + split, end))
        if end - start == 2 * split:
            self.known[start, end] = value
        return value

    def peaks(self, size):
        out, start = [], 0
        for bit in range(size.bit_length() - 1, -1, -1):
            if size >> bit & 1:
                out.append(self.range(start, start + (1 << bit)))
                start += 1 << bit
        return out


def bag(peaks):
    """CONTRACT 2: right to left."""
    if not peaks:
        return EMPTY
    value = peaks[-1]
    for peak in reversed(peaks[:-1]):
        value = node_hash(peak, value)
    return value


def node_count(leaves):
    return 2 * leaves - bin(leaves).count("1")


def inclusion_holds(index, size, leaf, path, root):
    """RFC 9162 2.1.3.2"""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistency_holds(first, second, first_root, second_root, path):
    """RFC 9162 2.1.4.2, and the two cases that it leaves to the caller: equal sizes, empty tree."""
    if first > second:
        return False
    if first == 0:
        return path == [] and first_root == EMPTY
    if first == second:
        return path == [] and first_root == second_root
    if not path:
        return False
    if first & (first - 1) == 0:
        path = [first_root] + path
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == second_root


class Vkey:
    """C2SP signed-note verifier key: NAME+HASH+BASE64(0x01 ‖ public key)"""

    def __init__(self, text):
        name, digits, key = text.strip().split("+", 2)
        raw = base64.b64decode(key, validate=True)
        assert raw[0] == 1 and len(raw) == 33, text
        self.name, self.key = name, raw[1:]
        self.id = sha256(name.encode() + b"\n" + raw)[:4]
        assert self.id.hex() == digits, f"key hash {digits}, computed {self.id.hex()}"


class Checkpoint:
    """A note whose form is checked byte for byte; .signed and .signature for whoever verifies."""

    def __init__(self, text, vkey):
        assert isinstance(text, str)
        self.text = text
        body, rest = text.split("\n\n", 1)
        self.signed = (body + "\n").encode()
        origin, size, root = body.split("\n")  # exactly three lines: no extensions
        assert origin == vkey.name, origin
        assert size.isdigit() and (size == "0" or size[0] != "0"), size
        self.size = int(size)
        self.root = base64.b64decode(root, validate=True)
        assert len(self.root) == 32 and base64.b64encode(self.root).decode() == root
        lines = rest.split("\n")
        assert lines[-1] == "" and len(lines) == 2, "one signature line"
        dash, name, blob = lines[0].split(" ")
        assert dash == "\u2014" and name == vkey.name
        raw = base64.b64decode(blob, validate=True)
        assert len(raw) == 68 and raw[:4] == vkey.id
        self.signature = raw[4:]


def unhex(values):
    for value in values:
        assert len(value) == 64 and value == value.lower(), value
    return [bytes.fromhex(value) for value in values]
