#!/usr/bin/env python3
"""An upstream's check of X-Lucid-Access, offline: nothing but Python's standard library, and the
ledger's public key, fetched once from /.well-known/jwks.json.

usage: check_access.py --jwks FILE --asset NAME [--issuer ORIGIN] [--request-id ID] [--now SECONDS]

Reads the header's value from standard input and prints its claims as one line of JSON. Exit code 0:
good; 1: refused, standard error says why; 2: usage.

In a program: import `check` and call it for each request; it raises Refused."""

import argparse
import base64
import hashlib
import json
import sys
import time

SKEW_SECONDS = 5

# --- Ed25519 (RFC 8032 5.1), verification only --------------------------------------------------
# Plain and slow (a few milliseconds), and not constant in time: there is no secret in it.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


class Refused(Exception):
    """The header is not good; the text says why."""


def decode_point(data):
    """32 bytes to (X, Y, Z, T); None: no point, or not in its one form."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if x * x % P != square or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def verify(public_key, message, signature):
    """Whether the signature is that key's."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, point = decode_point(public_key), decode_point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or point is None or scalar >= L or same(multiply(8, key), (0, 1, 1, 0)):
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    return same(multiply(scalar, BASE), add(point, multiply(challenge, key)))


# --- the token ----------------------------------------------------------------------------------


def unbase64url(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise Refused("not base64url in its one form")
    return data


def keys_of(jwks):
    """The keys of a JWK Set by their names."""
    return {key["kid"]: unbase64url(key["x"]) for key in jwks["keys"]
            if key.get("kty") == "OKP" and key.get("crv") == "Ed25519"}


def open_token(token, keys):
    """The claims of a token that one of the keys has signed."""
    try:
        head, body, signature = token.split(".")
        header, claims = json.loads(unbase64url(head)), json.loads(unbase64url(body))
        signature = unbase64url(signature)
    except (ValueError, UnicodeError) as error:
        raise Refused(f"not a token: {error}") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Refused("not a token")
    if header.get("alg") != "EdDSA" or header.get("typ") != "lucid-access+jwt" or "crit" in header:
        raise Refused("not an access token")
    key = keys.get(header.get("kid"))
    if key is None:
        raise Refused("signed by a key that is not known: fetch jwks.json again")
    if not verify(key, f"{head}.{body}".encode(), signature):
        raise Refused("the signature is not good")
    return claims


def check(token, keys, asset, issuer=None, request_id=None, now=None):
    """The claims, if the token is good now, for this asset and (where the proxy hands its request
    id on) for this very request."""
    claims = open_token(token, keys)
    now = time.time() if now is None else now
    if claims.get("aud") != asset:
        raise Refused("for another asset")
    if issuer is not None and claims.get("iss") != issuer:
        raise Refused("issued by another ledger")
    if request_id is not None and claims.get("jti") != request_id:
        raise Refused("for another request")
    times = (claims.get("iat"), claims.get("exp"))
    if not all(isinstance(value, int) for value in times):
        raise Refused("without its times")
    if now > times[1] + SKEW_SECONDS or now < times[0] - SKEW_SECONDS:
        raise Refused("expired, or not good yet")
    if ("payment" in claims) == ("grant" in claims):
        raise Refused("says neither payment nor grant")
    return claims


def main():
    parser = argparse.ArgumentParser(description="Checks X-Lucid-Access, read from standard input.")
    parser.add_argument("--jwks", required=True, help="file with the ledger's jwks.json")
    parser.add_argument("--asset", required=True)
    parser.add_argument("--issuer", help="the log's origin")
    parser.add_argument("--request-id", help="as the proxy handed it on")
    parser.add_argument("--now", type=float, help="Unix time; default: the clock")
    given = parser.parse_args()
    with open(given.jwks, encoding="utf-8") as file:
        keys = keys_of(json.load(file))
    try:
        claims = check(sys.stdin.read().strip(), keys, given.asset, given.issuer, given.request_id,
                       given.now)
    except Refused as refused:
        print(f"check_access: {refused}", file=sys.stderr)
        return 1
    print(json.dumps(claims, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
