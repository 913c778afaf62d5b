#!/usr/bin/env python3
"""Synthetic SEV-SNP evidence: a root for tests, VCEKs, VLEKs, CRLs and reports that it signs.

Nothing here is hardware, and nothing that trusts AMD takes it: the root is another, and its private
keys are public (they come from the fixed texts below). What has no public sample is tested with it:
report version 4, VLEKs of Genoa and Turin, revocation lists, every single fault of a certificate.

Everything is a function of its arguments: keys by seeded search, salts and nonces by hashing, so
the same call gives the same bytes. Python's standard library only.

usage: kit_snp.py write DIR     writes the set of tests/vectors/attestation/synthetic
       kit_snp.py check DIR     compares what stands there with what would be written
"""

import base64
import hashlib
import hmac
import json
import os
import struct
import sys

# --- numbers --------------------------------------------------------------------------------------

P = 2**384 - 2**128 - 2**96 + 2**32 - 1
N = int("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF"
        "581A0DB248B0A77AECEC196ACCC52973", 16)
G = (int("AA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A38"
         "5502F25DBF55296C3A545E3872760AB7", 16),
     int("3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C0"
         "0A60B1CE1D7E819D7A431D7C90EA0E5F", 16))


def point_add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * (a[0] * a[0] - 1) * pow(2 * a[1], -1, P)  # the curve's a is -3
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def point_mul(k, point):
    total = None
    while k:
        if k & 1:
            total = point_add(total, point)
        point = point_add(point, point)
        k >>= 1
    return total


def stream(seed, count):
    """count bytes that follow from seed."""
    return hashlib.shake_256(seed.encode()).digest(count)


def number_below(seed, limit):
    return int.from_bytes(stream(seed, 64), "big") % (limit - 1) + 1


class P384:
    """An ECDSA key on P-384."""

    def __init__(self, seed):
        self.d = number_below("p384 " + seed, N)
        self.point = point_mul(self.d, G)

    def sign(self, message, hash_name="sha384"):
        e = int.from_bytes(hashlib.new(hash_name, message).digest()[:48], "big")
        k = number_below("nonce %x %s" % (self.d, hashlib.sha384(message).hexdigest()), N)
        r = point_mul(k, G)[0] % N
        return r, pow(k, -1, N) * (e + r * self.d) % N

    def spki(self):
        raw = b"\4" + b"".join(c.to_bytes(48, "big") for c in self.point)
        return seq(seq(oid("1.2.840.10045.2.1"), oid("1.3.132.0.34")), bits(raw))


class P256Spki:
    """The public key of a leaf of the wrong kind: the base point of P-256."""

    def spki(self):
        raw = bytes.fromhex(
            "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
        return seq(seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), bits(raw))


class OffCurve(P384):
    """A public key that is none: beside the curve, or the point at infinity."""

    def __init__(self, infinity=False):
        super().__init__("off curve")
        self.infinity = infinity

    def spki(self):
        good = super().spki()
        if self.infinity:
            return seq(seq(oid("1.2.840.10045.2.1"), oid("1.3.132.0.34")), bits(b"\0"))
        return good[:-1] + bytes([good[-1] ^ 1])


def is_prime(n, rounds=8):
    d, r = n - 1, 0
    while d % 2 == 0:
        d //= 2
        r += 1
    for i in range(rounds):
        a = number_below("witness %d %x" % (i, n & 0xffffffff), n - 2) + 1
        x = pow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime_find(seed, size):
    """The first prime from a place that follows from seed; a sieve spares most of the tests."""
    start = int.from_bytes(stream(seed, size // 8), "big") | 3 << (size - 2) | 1
    small = [p for p in range(3, 20000, 2) if all(p % q for q in range(3, int(p**0.5) + 1, 2))]
    window = 1 << 15
    sieve = bytearray(window)
    for p in small:
        first = -start * pow(2, -1, p) % p
        sieve[first::p] = b"\1" * len(range(first, window, p))
    for i in range(window):
        if not sieve[i] and is_prime(start + 2 * i):
            return start + 2 * i
    raise ValueError("no prime near " + seed)


# Where prime_find ends for each of our keys: the distance from the seeded start. It spares a search
# of some seconds; Rsa works without.
PRIMES = {
    "lucid test ark p": 692, "lucid test ark q": 2534, "lucid test ask p": 234,
    "lucid test ask q": 2700, "lucid test asvk p": 948, "lucid test asvk q": 1722,
}


def pss_parts(how):
    """HASH[/HASH of the mask[/salt's length]] as (hash, mask, salt)."""
    hash_name, *rest = how.split("/")
    mask = rest[0] if rest else hash_name
    return hash_name, mask, int(rest[1]) if len(rest) > 1 else hashlib.new(hash_name).digest_size


class Rsa:
    """An RSA-4096 key that signs RSASSA-PSS, as AMD does with SHA-384 and a salt of 48."""

    def __init__(self, seed):
        p = self.prime(seed + " p")
        q = self.prime(seed + " q")
        self.n = p * q
        self.p, self.q = p, q
        d = pow(65537, -1, (p - 1) * (q - 1))
        self.dp, self.dq, self.qi = d % (p - 1), d % (q - 1), pow(q, -1, p)

    @staticmethod
    def prime(seed):
        if seed not in PRIMES:
            return prime_find(seed, 2048)
        start = int.from_bytes(stream(seed, 256), "big") | 3 << 2046 | 1
        return start + PRIMES[seed]

    def raw(self, m):
        a, b = pow(m, self.dp, self.p), pow(m, self.dq, self.q)
        return b + (a - b) * self.qi % self.p * self.q

    def sign(self, message, how="sha384"):
        hash_name, mask_name, salt_size = pss_parts(how)
        size = hashlib.new(hash_name).digest_size
        salt = stream("salt " + hashlib.sha384(message).hexdigest(), salt_size)
        digest = hashlib.new(hash_name, message).digest()
        h = hashlib.new(hash_name, bytes(8) + digest + salt).digest()
        db = bytes(512 - size - 1 - salt_size - 1) + b"\1" + salt
        mask = b"".join(hashlib.new(mask_name, h + struct.pack(">I", i)).digest()
                        for i in range(16))[:len(db)]
        masked = bytearray(x ^ y for x, y in zip(db, mask))
        masked[0] &= 0x7f
        return self.raw(int.from_bytes(bytes(masked) + h + b"\xbc", "big")).to_bytes(512, "big")

    def spki(self):
        return seq(seq(oid("1.2.840.113549.1.1.1"), tlv(5, b"")),
                   bits(seq(integer(self.n), integer(65537))))


# --- DER ------------------------------------------------------------------------------------------

def tlv(tag, value):
    size = len(value)
    if size < 0x80:
        return bytes([tag, size]) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def seq(*parts):
    return tlv(0x30, b"".join(parts))


def integer(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def bits(value, unused=0):
    return tlv(3, bytes([unused]) + value)


def octets(value):
    return tlv(4, value)


def ia5(text):
    return tlv(0x16, text.encode())


def oid(text):
    parts = [int(p) for p in text.split(".")]
    out = bytearray([parts[0] * 40 + parts[1]])
    for part in parts[2:]:
        digits = [part & 0x7f]
        while part > 0x7f:
            part >>= 7
            digits.append(part & 0x7f | 0x80)
        out += bytes(reversed(digits))
    return tlv(6, bytes(out))


def time(text):
    """YYYYMMDDHHMMSSZ, as UTCTime before 2050."""
    return tlv(0x17, text[2:].encode()) if text < "2050" else tlv(0x18, text.encode())


def name(common_name):
    def attribute(kind, text):
        return tlv(0x31, seq(oid("2.5.4." + kind), tlv(0x0c, text.encode())))
    return seq(attribute("11", "Synthetic, not AMD"), attribute("10", "Lucid test"),
               attribute("3", common_name))


def pss(how="sha384"):
    hashes = {"sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2"}
    hash_name, mask, salt = pss_parts(how)
    algorithm, of_mask = (seq(oid(hashes[name]), tlv(5, b"")) for name in (hash_name, mask))
    return seq(oid("1.2.840.113549.1.1.10"),
               seq(tlv(0xa0, algorithm), tlv(0xa1, seq(oid("1.2.840.113549.1.1.8"), of_mask)),
                   tlv(0xa2, integer(salt))))


def extension(which, value, critical=False):
    return seq(oid(which), tlv(1, b"\xff") if critical else b"", octets(value))


def ca_extensions(path_length=None, usage=0x06, is_ca=True):
    basic = (tlv(1, b"\xff") if is_ca else b"") + \
        (b"" if path_length is None else integer(path_length))
    out = [extension("2.5.29.19", seq(basic), True)]
    if usage is not None:
        out.append(extension("2.5.29.15", bits(bytes([usage]), 1), True))
    return out


def certificate(subject, issuer, key, signer, serial, extensions, start="20200101000000Z",
                end="20450101000000Z", how="sha384", outside=None):
    """outside: what the certificate says of its signature where only its reader looks."""
    algorithm = pss(how)
    body = seq(tlv(0xa0, integer(2)), integer(serial), algorithm, name(issuer),
               seq(time(start), time(end)), name(subject), key.spki(),
               tlv(0xa3, seq(*extensions)))
    return seq(body, outside or algorithm, bits(signer.sign(body, how)))


def crl(issuer, signer, revoked=(), start="20250101000000Z", end="20260101000000Z",
        extensions=(), how="sha384", number=1, outside=None):
    """revoked: (serial, common name of another issuer, extension or None); number: None for none.
    """
    if number is not None:
        extensions = [extension("2.5.29.20", integer(number)), *extensions]
    entries = b""
    for serial, other in revoked:
        entry = b""
        if isinstance(other, bytes):
            entry = seq(other)
        elif other is not None:
            entry = seq(extension("2.5.29.29", seq(tlv(0xa4, name(other))), True))
        entries += seq(integer(serial), time("20250101000000Z"), entry)
    algorithm = pss(how)
    body = seq(integer(1), algorithm, name(issuer), time(start), time(end) if end else b"",
               seq(entries) if entries else b"",
               tlv(0xa0, seq(*extensions)))
    return seq(body, outside or algorithm, bits(signer.sign(body, how)))


def pem(der, label="CERTIFICATE"):
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label, "\n".join(lines), label)


# --- SEV-SNP --------------------------------------------------------------------------------------

AMD = "1.3.6.1.4.1.3704.1."
CPUID = {"Milan": (0x19, 0x01, 1), "Genoa": (0x19, 0x11, 1), "Turin": (0x1a, 0x02, 1)}
TCB = {"Milan": {"bootLoader": 4, "tee": 0, "snp": 24, "microcode": 219},
       "Genoa": {"bootLoader": 10, "tee": 0, "snp": 23, "microcode": 84},
       "Turin": {"fmc": 1, "bootLoader": 3, "tee": 1, "snp": 4, "microcode": 72}}


def tcb_bytes(product, tcb):
    if product == "Turin":
        return bytes([tcb["fmc"], tcb["bootLoader"], tcb["tee"], tcb["snp"], 0, 0, 0,
                      tcb["microcode"]])
    return bytes([tcb["bootLoader"], tcb["tee"], 0, 0, 0, 0, tcb["snp"], tcb["microcode"]])


def chip_id(product):
    raw = stream("chip " + product, 64)
    return raw[:8] + bytes(56) if product == "Turin" else raw


def leaf_extensions(product, tcb, vlek, hwid="raw", csp="CN=synthetic.invalid", label=None):
    out = [extension(AMD + "1", integer(0)), extension(AMD + "2", ia5(label or product))]
    parts = {"bootLoader": 1, "tee": 2, "snp": 3, "microcode": 8, "fmc": 9}
    out += [extension(AMD + "3.%d" % parts[p], integer(v)) for p, v in sorted(tcb.items())]
    out += [extension(AMD + "3.%d" % p, integer(0)) for p in (4, 5, 6, 7)
            if not (product == "Turin" and p == 4)]
    chip = chip_id(product)
    if product == "Turin":
        chip = chip[:8]
    if vlek:
        out.append(extension(AMD + "5", ia5(csp)))
    elif hwid is not None:
        out.append(extension(AMD + "4", octets(chip) if hwid == "octets" else chip))
    return out


class Root:
    """ARK, ASK and ASVK of one product, with AMD's shape, and the leaves' keys."""

    def __init__(self, product):
        self.product = product
        self.ark_key, self.ask_key, self.asvk_key = (Rsa("lucid test " + k)
                                                     for k in ("ark", "ask", "asvk"))
        self.vcek_key = P384("vcek " + product)
        self.vlek_key = P384("vlek " + product)
        self.names = {"ark": "ARK-%s synthetic" % product, "ask": "SEV-%s synthetic" % product,
                      "asvk": "SEV-VLEK-%s synthetic" % product}
        self.ark = self.ca("ark", self.ark_key, 1, None)
        self.ask = self.ca("ask", self.ask_key, 2, 0, usage=0x04)
        self.asvk = self.ca("asvk", self.asvk_key, 3, 0, usage=0x04)

    def ca(self, which, key, serial, path_length, **rest):
        usage = rest.pop("usage", 0x06)
        is_ca = rest.pop("is_ca", True)
        return certificate(self.names[which], self.names["ark"], key, self.ark_key, serial,
                           ca_extensions(path_length, usage, is_ca), **rest)

    def leaf(self, vlek=False, tcb=None, key=None, serial=0, signer=None, issuer=None, more=(),
             extensions=None, start="20240101000000Z", end="20310101000000Z", how="sha384",
             outside=None, **rest):
        own_key, own_signer = ((self.vlek_key, self.asvk_key) if vlek
                               else (self.vcek_key, self.ask_key))
        if extensions is None:
            extensions = leaf_extensions(self.product, tcb or TCB[self.product], vlek, **rest)
        return certificate("SEV-VLEK" if vlek else "SEV-VCEK",
                           issuer or self.names["asvk" if vlek else "ask"], key or own_key,
                           signer or own_signer, serial, list(extensions) + list(more), start, end,
                           how, outside)

    def crl(self, revoked=(), **rest):
        return crl(self.names["ark"], rest.pop("signer", self.ark_key), revoked, **rest)

    def pem(self):
        """As the setting verifier.test_roots and the collateral snp/test-root/PRODUCT want it."""
        return pem(self.ark) + pem(self.ask) + pem(self.asvk)

    def report(self, version, vlek=False, report_data=bytes(64), **fields):
        return report(self.product, version, self.vlek_key if vlek else self.vcek_key, vlek,
                      report_data, **fields)


def report(product, version, key, vlek=False, report_data=bytes(64), policy=0x3001f, vmpl=0,
           platform=0x21, tcb=None, committed=None, current=None, launch=None, svn=1,
           measurement=None, host_data=bytes(32), id_key=bytes(48), author_key=bytes(48),
           masked=False, firmware=(1, 55, 40), mitigations=(0x3, 0x7), raw=()):
    """raw: (offset, bytes) put in before signing."""
    out = bytearray(1184)

    def put(at, data):
        out[at:at + len(data)] = data
    tcb = tcb or TCB[product]
    author = 1 if any(author_key) else 0
    put(0, struct.pack("<IIQ", version, svn, policy))
    put(0x10, stream("family", 16))
    put(0x20, stream("image", 16))
    put(0x30, struct.pack("<II", vmpl, 1))
    put(0x38, tcb_bytes(product, current or tcb))
    put(0x40, struct.pack("<QI", platform, author | (1 if vlek else 0) << 2))
    put(0x50, report_data.ljust(64, b"\0"))
    put(0x90, measurement or stream("measurement " + product, 48))
    put(0xc0, host_data)
    put(0xe0, id_key)
    put(0x110, author_key)
    put(0x140, stream("report id", 32))
    put(0x160, b"\xff" * 32)
    put(0x180, tcb_bytes(product, tcb))
    if version >= 3:
        put(0x188, bytes(CPUID[product]))
    put(0x1a0, bytes(64) if masked else chip_id(product))
    put(0x1e0, tcb_bytes(product, committed or tcb))
    put(0x1e8, bytes([firmware[2], firmware[1], firmware[0], 0]) * 2)
    put(0x1f0, tcb_bytes(product, launch or tcb))
    if version >= 5:
        put(0x1f8, struct.pack("<QQ", *mitigations))
    for at, data in raw:
        put(at, data)
    r, s = key.sign(bytes(out[:0x2a0]))
    put(0x2a0, r.to_bytes(72, "little"))
    put(0x2e8, s.to_bytes(72, "little"))
    return bytes(out)


def agent_json(raw, **certificates):
    """A report as Confidential Containers' agent answers it (tests/vectors/attestation/snp-coco),
    compact JSON. certificates: VCEK=der …; none: null."""

    def number(at, size):
        return int.from_bytes(raw[at:at + size], "little")

    def octets(at, size):
        return list(raw[at:at + size])

    def tcb(at):
        if turin:
            parts = raw[at:at + 4] + raw[at + 7:at + 8]
        else:
            parts = [None, raw[at], raw[at + 1], raw[at + 6], raw[at + 7]]
        return dict(zip(("fmc", "bootloader", "tee", "snp", "microcode"), parts))

    def firmware(at):
        return {"major": raw[at + 2], "minor": raw[at + 1], "build": raw[at]}
    version = number(0, 4)
    turin = version >= 3 and raw[0x188] == 0x1a
    cpuid = octets(0x188, 3) if version >= 3 else [None] * 3
    mitigations = [number(0x1f8, 8), number(0x200, 8)] if version >= 5 else [None] * 2
    report = {
        "version": version, "guest_svn": number(4, 4), "policy": number(8, 8),
        "family_id": octets(0x10, 16), "image_id": octets(0x20, 16), "vmpl": number(0x30, 4),
        "sig_algo": number(0x34, 4), "current_tcb": tcb(0x38), "plat_info": number(0x40, 8),
        "key_info": number(0x48, 4), "report_data": octets(0x50, 64),
        "measurement": octets(0x90, 48), "host_data": octets(0xc0, 32),
        "id_key_digest": octets(0xe0, 48), "author_key_digest": octets(0x110, 48),
        "report_id": octets(0x140, 32), "report_id_ma": octets(0x160, 32),
        "reported_tcb": tcb(0x180), "cpuid_fam_id": cpuid[0], "cpuid_mod_id": cpuid[1],
        "cpuid_step": cpuid[2], "chip_id": octets(0x1a0, 64), "committed_tcb": tcb(0x1e0),
        "current": firmware(0x1e8), "committed": firmware(0x1ec), "launch_tcb": tcb(0x1f0),
        "launch_mit_vector": mitigations[0], "current_mit_vector": mitigations[1],
        "signature": {"r": octets(0x2a0, 72), "s": octets(0x2e8, 72)}}
    chain = [{"cert_type": kind, "data": list(der)} for kind, der in certificates.items()]
    return json.dumps({"attestation_report": report, "cert_chain": chain or None},
                      separators=(",", ":")).encode()


# --- the set of tests/vectors ---------------------------------------------------------------------

REPORTS = [  # product, version, VLEK
    ("Milan", 2, False), ("Milan", 3, False), ("Milan", 3, True), ("Milan", 5, False),
    ("Genoa", 3, False), ("Genoa", 4, False), ("Genoa", 5, True),
    ("Turin", 3, False), ("Turin", 4, True), ("Turin", 5, False),
]


def faulty_leaves(root):
    """VCEKs of Milan with one fault each (octets.der has none: the other form of the HWID), and a
    VLEK with one."""
    good = leaf_extensions("Milan", TCB["Milan"], False)
    less = {which: [e for e in good if oid(AMD + which) not in e]
            for which in ("2", "3.8", "4")}
    critical = extension("1.3.6.1.4.1.99999.1", octets(b""), True)
    return {
        "octets": root.leaf(hwid="octets"),
        "other-product": root.leaf(label="Genoa-B1"),
        "unknown-product": root.leaf(label="Rome"),
        "no-product": root.leaf(extensions=less["2"]),
        "no-microcode": root.leaf(extensions=less["3.8"]),
        "no-hwid": root.leaf(extensions=less["4"]),
        "short-hwid": root.leaf(extensions=less["4"], more=[extension(AMD + "4", bytes(63))]),
        "negative-microcode": root.leaf(extensions=less["3.8"],
                                        more=[extension(AMD + "3.8", b"\2\1\xdb")]),
        "twice": root.leaf(more=[extension(AMD + "3.8", integer(219))]),
        "fmc": root.leaf(more=[extension(AMD + "3.9", integer(0))]),
        "reserved-part": root.leaf(extensions=[e for e in good if oid(AMD + "3.4") not in e],
                                   more=[extension(AMD + "3.4", integer(1))]),
        "with-csp": root.leaf(more=[extension(AMD + "5", ia5("CN=x"))]),
        "vlek-no-csp": root.leaf(vlek=True, extensions=less["4"]),
        "critical": root.leaf(more=[critical]),
        "is-ca": root.leaf(more=ca_extensions()),
        "no-signing": root.leaf(more=[extension("2.5.29.15", bits(b"\x20", 5), True)]),
        "p256": root.leaf(key=P256Spki()),
        "off-curve": root.leaf(key=OffCurve()),
        "infinity": root.leaf(key=OffCurve(infinity=True)),
        "sha256": root.leaf(how="sha256"),
        "mask-sha256": root.leaf(how="sha384/sha256"),
        "salt-32": root.leaf(how="sha384/sha384/32"),
        "two-algorithms": root.leaf(outside=pss("sha256")),
        "by-ark": root.leaf(signer=root.ark_key, issuer=root.names["ark"]),
        "by-asvk": root.leaf(signer=root.asvk_key, issuer=root.names["asvk"]),
        "short-life": root.leaf(start="20250101000000Z", end="20250201000000Z"),
    }


def faulty_roots(root):
    """Test roots of Milan whose ASK has one fault each."""
    def with_ask(ask, ark=None):
        return pem(ark or root.ark) + pem(ask) + pem(root.asvk)
    ark_short = root.ca("ark", root.ark_key, 1, 0)
    ask = root.ca("ask", root.ask_key, 2, 0, usage=0x04)
    return {
        "not-ca": with_ask(root.ca("ask", root.ask_key, 2, None, usage=0x04, is_ca=False)),
        "no-usage": with_ask(root.ca("ask", root.ask_key, 2, 0, usage=0x02)),
        "path-length": with_ask(ask, ark_short),
        "expired": with_ask(root.ca("ask", root.ask_key, 2, 0, usage=0x04,
                                    end="20240101000000Z")),
        "sha256": with_ask(root.ca("ask", root.ask_key, 2, 0, usage=0x04, how="sha256")),
        "other-key": with_ask(root.ca("ask", root.asvk_key, 2, 0, usage=0x04)),
    }


def lists(root):
    """CRLs of Milan's synthetic ARK; valid through 2025."""
    ask_name = root.names["ask"]
    delta = extension("2.5.29.27", integer(1), True)
    only_user = extension("2.5.29.28", seq(tlv(0x81, b"\xff")), True)
    indirect = extension("2.5.29.28", seq(tlv(0x84, b"\xff")), True)
    unknown = extension("1.3.6.1.4.1.99999.2", octets(b""), True)
    return {
        "good": root.crl([(77, None)]),
        "empty": root.crl(),
        "ask": root.crl([(77, None), (2, None)]),
        "ark": root.crl([(1, None)]),
        "leaf": root.crl([(0, ask_name)], extensions=[indirect]),
        "other-leaf": root.crl([(1, ask_name)], extensions=[indirect]),
        "serial-only": root.crl([(0, None)]),  # the ARK's own serial 0, not a VCEK's
        "other-key": root.crl(signer=root.ask_key),
        "other-issuer": crl("ARK-Rome", root.ark_key),
        "sha256": root.crl(how="sha256"),
        "mask-sha256": root.crl(how="sha384/sha256"),
        "salt-32": root.crl(how="sha384/sha384/32"),
        "two-algorithms": root.crl(outside=pss("sha256")),
        "remove": root.crl([(2, extension("2.5.29.21", tlv(0x0a, b"\x08")))]),
        "no-end": root.crl(end=None),
        "delta": root.crl(extensions=[delta]),
        "twice": root.crl(extensions=[extension("2.5.29.20", integer(1))]),
        "newer": root.crl(number=2),
        "only-user": root.crl(extensions=[only_user]),
        "critical": root.crl(extensions=[unknown]),
    }


def files():
    """{name: bytes} of tests/vectors/attestation/synthetic."""
    out = {}
    roots = {product: Root(product) for product in TCB}
    for product, root in roots.items():
        low = product.lower()
        out["root-%s.pem" % low] = root.pem().encode()
        out["%s.vcek.der" % low] = root.leaf()
        out["%s.vlek.der" % low] = root.leaf(vlek=True)
    for label in ("Bergamo-A0", "Siena"):
        out["genoa-%s.vcek.der" % label.lower()] = roots["Genoa"].leaf(label=label)
    for product, version, vlek in REPORTS:
        file = "%s-v%d-%s.report.bin" % (product.lower(), version, "vlek" if vlek else "vcek")
        data = hashlib.sha384(file.encode()).digest()
        out[file] = roots[product].report(version, vlek, data, masked=vlek)
    milan = roots["Milan"]
    for key, der in faulty_leaves(milan).items():
        out["leaf-%s.der" % key] = der
    for key, text in faulty_roots(milan).items():
        out["root-%s.pem" % key] = text.encode()
    for key, der in lists(milan).items():
        out["crl-%s.der" % key] = der
    digests = {key: hashlib.sha256(value).hexdigest() for key, value in sorted(out.items())}
    out["sha256.json"] = (json.dumps(digests, indent=1) + "\n").encode()
    return out


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ("write", "check"):
        sys.stderr.write(__doc__)
        return 2
    wanted = files()
    folder = arguments[1]
    if arguments[0] == "write":
        os.makedirs(folder, exist_ok=True)
        for key, data in wanted.items():
            with open(os.path.join(folder, key), "wb") as file:
                file.write(data)
        return 0
    found = set(os.listdir(folder)) - {"README.md"}
    wrong = sorted(found ^ set(wanted))
    for key in sorted(found & set(wanted)):
        with open(os.path.join(folder, key), "rb") as file:
            if file.read() != wanted[key]:
                wrong.append(key)
    print("TAP version 13\n1..1")
    for key in wrong:
        print("# not as the kit makes it: " + key)
    print("%sok 1 - %d synthetic files are what the kit makes" %
          ("not " if wrong else "", len(wanted)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
