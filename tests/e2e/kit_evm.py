"""The EVM's words in plain Python, written from the specifications and not from the service's code,
so that the tests hold one against the other: Keccak-256, secp256k1, RLP, EIP-712, transactions.

Slow (a recovery takes some milliseconds) and not constant in time: for test keys only."""

import functools
import hashlib
import hmac

# --- Keccak-256 (FIPS 202's permutation, the original padding) ----------------------------------

_MASK = (1 << 64) - 1


def _round_constants():
    constants, lfsr = [], 1
    for _ in range(24):
        value = 0
        for j in range(7):
            if lfsr & 1:
                value ^= 1 << ((1 << j) - 1)
            lfsr = (lfsr << 1) ^ (0x171 if lfsr & 0x80 else 0)
        constants.append(value)
    return constants


def _rotations():
    offsets, x, y = [0] * 25, 1, 0
    for t in range(24):
        offsets[x + 5 * y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


_CONSTANTS, _ROTATIONS = _round_constants(), _rotations()


def _rotate(value, count):
    return ((value << count) | (value >> (64 - count))) & _MASK if count else value


def _permute(a):
    for constant in _CONSTANTS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[(x - 1) % 5] ^ _rotate(c[(x + 1) % 5], 1) for x in range(5)]
        b = [0] * 25
        for x in range(5):
            for y in range(5):
                at = x + 5 * y
                b[y + 5 * ((2 * x + 3 * y) % 5)] = _rotate(a[at] ^ d[x], _ROTATIONS[at])
        for y in range(0, 25, 5):
            row = b[y : y + 5]
            for x in range(5):
                a[y + x] = row[x] ^ (~row[(x + 1) % 5] & _MASK & row[(x + 2) % 5])
        a[0] ^= constant


def keccak(data):
    rate = 136
    padded = bytearray(data) + b"\x01" + bytes((-len(data) - 1) % rate)
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), rate):
        for i in range(rate // 8):
            at = start + 8 * i
            state[i] ^= int.from_bytes(padded[at : at + 8], "little")
        _permute(state)
    return b"".join(word.to_bytes(8, "little") for word in state[:4])


# --- secp256k1 (SEC 2, SEC 1 4.1, RFC 6979) -----------------------------------------------------

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def _double(p):
    x, y, z = p
    if not y:
        return (0, 0, 0)
    s = 4 * x * y * y % P
    m = 3 * x * x % P
    x3 = (m * m - 2 * s) % P
    return (x3, (m * (s - x3) - 8 * pow(y, 4, P)) % P, 2 * y * z % P)


def _add(p, q):
    if not p[2]:
        return q
    if not q[2]:
        return p
    z1, z2 = p[2] * p[2] % P, q[2] * q[2] % P
    u1, u2 = p[0] * z2 % P, q[0] * z1 % P
    s1, s2 = p[1] * z2 * q[2] % P, q[1] * z1 * p[2] % P
    if u1 == u2:
        return _double(p) if s1 == s2 else (0, 0, 0)
    h, r = (u2 - u1) % P, (s2 - s1) % P
    h2 = h * h % P
    h3, v = h * h2 % P, u1 * h2 % P
    x3 = (r * r - h3 - 2 * v) % P
    return (x3, (r * (v - x3) - s1 * h3) % P, h * p[2] * q[2] % P)


def _multiply(point, scalar):
    result, addend = (0, 0, 0), (point[0], point[1], 1)
    while scalar:
        if scalar & 1:
            result = _add(result, addend)
        addend = _double(addend)
        scalar >>= 1
    return result


def _affine(point):
    if not point[2]:
        return None
    inverse = pow(point[2], P - 2, P)
    return (point[0] * inverse * inverse % P, point[1] * pow(inverse, 3, P) % P)


def _address(point):
    return keccak(point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big"))[12:]


def address_of(secret):
    return _address(_affine(_multiply(G, secret)))


def _nonces(secret, digest):
    key, value = bytes(32), b"\x01" * 32
    seed = secret.to_bytes(32, "big") + (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    for mark in (b"\x00", b"\x01"):
        key = hmac.new(key, value + mark + seed, hashlib.sha256).digest()
        value = hmac.new(key, value, hashlib.sha256).digest()
    while True:
        value = hmac.new(key, value, hashlib.sha256).digest()
        k = int.from_bytes(value, "big")
        if 0 < k < N:
            yield k
        key = hmac.new(key, value + b"\x00", hashlib.sha256).digest()
        value = hmac.new(key, value, hashlib.sha256).digest()


def sign(secret, digest):
    """(r, s, parity): RFC 6979, low s."""
    z = int.from_bytes(digest, "big")
    for k in _nonces(secret, digest):
        x, y = _affine(_multiply(G, k))
        r = x % N
        s = pow(k, N - 2, N) * (z + r * secret) % N
        if r and s and x < N:
            return (r, N - s, 1 - (y & 1)) if s > N // 2 else (r, s, y & 1)
    raise AssertionError


def recover(digest, r, s, parity):
    """The signer's address, or None."""
    if not (0 < r < N and 0 < s < N and parity in (0, 1)):
        return None
    y2 = (pow(r, 3, P) + 7) % P
    y = pow(y2, (P + 1) // 4, P)
    if y * y % P != y2:
        return None
    y = y if y & 1 == parity else P - y
    inverse = pow(r, N - 2, N)
    z = int.from_bytes(digest, "big")
    point = _affine(
        _add(_multiply((r, y), s * inverse % N), _multiply(G, -z * inverse % N))
    )
    return point and _address(point)


def signature_bytes(r, s, parity):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])


# --- words --------------------------------------------------------------------------------------


def word(value):
    """An ABI word of an integer, an address (20 bytes) or 32 bytes."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    return bytes(32 - len(value)) + value


def unhex(text):
    return bytes.fromhex(text[2:])


def enhex(data):
    return "0x" + data.hex()


def quantity(value):
    return hex(value)


def eip55(address):
    plain = address.hex()
    digest = keccak(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(digest[i], 16) > 7 else c for i, c in enumerate(plain))


@functools.cache
def selector(signature):
    return keccak(signature.encode())[:4]


@functools.cache
def topic(signature):
    return keccak(signature.encode())


# --- EIP-712 ------------------------------------------------------------------------------------


@functools.cache
def domain_separator(name, version, chain_id, contract):
    kind = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    return keccak(
        keccak(kind)
        + keccak(name.encode())
        + keccak(version.encode())
        + word(chain_id)
        + word(contract)
    )


def typed_digest(separator, kind, words):
    return keccak(b"\x19\x01" + separator + keccak(keccak(kind.encode()) + b"".join(words)))


TRANSFER_TYPE = (
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
    "uint256 validBefore,bytes32 nonce)"
)
CANCEL_TYPE = "CancelAuthorization(address authorizer,bytes32 nonce)"
PROOF_TYPE = (
    "PaymentProof(bytes32 transaction,uint256 logIndex,address payTo,uint256 amount,string method,"
    "string resource,bytes32 bodyHash,bytes32 challenge,uint256 expires)"
)


def transfer_digest(separator, sender, to, value, after, before, nonce):
    words = [word(sender), word(to), word(value), word(after), word(before), nonce]
    return typed_digest(separator, TRANSFER_TYPE, words)


def proof_digest(separator, proof):
    """proof: transaction, log_index, pay_to, amount, method, resource, body_hash, challenge (the
    text), expires."""
    words = [
        proof["transaction"],
        word(proof["log_index"]),
        word(proof["pay_to"]),
        word(proof["amount"]),
        keccak(proof["method"].encode()),
        keccak(proof["resource"].encode()),
        proof["body_hash"],
        keccak(proof["challenge"].encode()),
        word(proof["expires"]),
    ]
    return typed_digest(separator, PROOF_TYPE, words)


# --- RLP and transactions (EIP-2718, EIP-1559) --------------------------------------------------


def rlp(item):
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, (list, tuple)):
        body, base = b"".join(rlp(part) for part in item), 0xC0
    elif len(item) == 1 and item[0] < 0x80:
        return bytes(item)
    else:
        body, base = bytes(item), 0x80
    if len(body) < 56:
        return bytes([base + len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(length)]) + length + body


def _rlp_item(data, at):
    lead = data[at]
    if lead < 0x80:
        return data[at : at + 1], at + 1
    base = 0xC0 if lead >= 0xC0 else 0x80
    size, at = lead - base, at + 1
    if size > 55:
        digits = size - 55
        assert data[at] != 0, "leading zero in a length"
        size, at = int.from_bytes(data[at : at + digits], "big"), at + digits
        assert size > 55, "a short length in its long form"
    end = at + size
    assert end <= len(data), "cut short"
    if base == 0x80:
        assert not (size == 1 and data[at] < 0x80), "a byte with a needless prefix"
        return data[at:end], end
    items = []
    while at < end:
        item, at = _rlp_item(data, at)
        items.append(item)
    assert at == end, "an item over its list's end"
    return items, end


def rlp_decode(data):
    item, end = _rlp_item(data, 0)
    assert end == len(data), "bytes after the item"
    return item


def _number(data):
    assert not data or data[0], "leading zero in a number"
    return int.from_bytes(data, "big")


def sign_transaction(secret, chain_id, nonce, to, data, gas=200000, tip=10**9, fee=20 * 10**9):
    fields = [chain_id, nonce, tip, fee, gas, to, 0, data, []]
    r, s, parity = sign(secret, keccak(b"\x02" + rlp(fields)))
    return b"\x02" + rlp(fields + [parity, r, s])


def read_transaction(raw):
    """An EIP-1559 transaction as a dictionary, strictly."""
    assert raw[0] == 2, "not of type 2"
    fields = rlp_decode(raw[1:])
    assert len(fields) == 12 and fields[8] == [] and len(fields[5]) in (0, 20)
    names = ("chain_id", "nonce", "tip", "fee", "gas", None, "value", None, None)
    names += ("parity", "r", "s")
    found = {name: _number(fields[i]) for i, name in enumerate(names) if name}
    digest = keccak(b"\x02" + rlp(fields[:9]))
    assert found["s"] <= N // 2, "high s"
    found["from"] = recover(digest, found["r"], found["s"], found["parity"])
    assert found["from"], "no signer"
    found.update(to=fields[5], data=fields[7], hash=keccak(raw), raw=raw)
    return found
