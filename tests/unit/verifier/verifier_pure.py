#!/usr/bin/env python3
"""The appraisal asks nobody: what its objects call, and what those call in base, is memory, text,
arithmetic, and of OpenSSL what is given everything as an argument. A clock, the environment, files,
sockets, locales, randomness, threads of its own are no part of it.

usage: verifier_pure.py SOURCE_FOLDER CORE.a BASE.a JCS.a      TAP on standard output
"""

import collections
import glob
import os
import re
import subprocess
import sys

# What may stand at the end of a path out of the appraisal.
ALLOWED = [
    r"(calloc|malloc|realloc|free)",
    r"bcmp|mem(chr|cmp|cpy|move|set)|str(chr|rchr|cmp|ncmp|len|str)",
    r"v?snprintf",
    r"abort|fprintf|fputs|stderr",  # a failed assertion
    r"strtod",                      # base/jcs hands it a whole number with an exponent: no locale
    # Of OpenSSL: ASN.1, keys and signatures that are verified, paths over given certificates.
    r"ASN1_(INTEGER_(cmp|free)|STRING_(get0_data|length)|TIME_(diff|free|set)|item_unpack)",
    r"BN_(bn2binpad|free)|CRYPTO_THREAD_(run_once|lock_new|lock_free|write_lock|unlock)",
    r"EC_(GROUP|POINT)_\w+|ERR_clear_error|EVP_DigestVerify(Init)?|EVP_MD_CTX_(new|free)",
    r"EVP_PKEY_(free|fromdata|fromdata_init|get_\w+|CTX_free|CTX_new_from_name)|EVP_sha(256|384)",
    r"ISSUING_DIST_POINT_free|OBJ_\w+|OPENSSL_sk_\w+|OSSL_PARAM_construct_\w+",
    r"RSA_PSS_PARAMS_(free|it)|SHA(256|384|512)(_Init|_Update|_Final)?|d2i_X509(_CRL)?",
    r"X509_(free|cmp|verify|verify_cert|get0?_\w+|NAME_\w+|EXTENSION_get_\w+|REVOKED_get_\w+)",
    r"X509_(ALGOR_get0|CRL_(free|verify|get\w*)|STORE_CTX_\w+|VERIFY_PARAM_set_flags)",
]
# What objects of base reach beside, for functions that the appraisal must not call.
BASE = re.compile(r"gmtime_r|randombytes_buf|crypto_shorthash|sodium_(init|memcmp|memzero)"
                  r"|vasprintf")
BARRED = re.compile(r"lucid_(random|keyed|hash|clock|now|time|env|file)\w*")
# What compilers put in: hardened copies of the above, sanitizers, coverage.
COMPILER = re.compile(r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(a|ub|t|l)san_\w+|__sanitizer_\w+"
                      r"|__sancov\w*|__gcov_\w+|__llvm_\w+|__tls_get_addr|__isoc\w+|_?_?start_\w+"
                      r"|_?_?stop_\w+")
RULE = re.compile("|".join(f"(?:{one})" for one in ALLOWED))
CLOCKS = ("time", "clock_gettime", "gettimeofday", "localtime_r", "gmtime_r", "getenv", "fopen",
          "open", "socket", "connect", "getaddrinfo", "setlocale", "rand", "getrandom", "sqrt",
          "X509_cmp_time", "X509_cmp_current_time", "X509_gmtime_adj", "RAND_bytes", "BIO_new_file",
          "X509_STORE_set_default_paths", "EVP_DigestSign", "ASN1_TIME_adj", "pthread_create",
          "lucid_clock_now", "CONF_modules_load")


def is_allowed(name, in_base=False):
    name = name.split("@")[0]
    hardened = re.fullmatch(r"__(\w+)_chk", name)
    plain = hardened.group(1) if hardened else name
    return bool(COMPILER.fullmatch(name) or RULE.fullmatch(plain) or
                (in_base and BASE.fullmatch(plain)))


def symbols(archives):
    """{object: names that it wants}, {name: object that has it}"""
    wants, has = collections.defaultdict(set), {}
    for archive in archives:
        out = subprocess.run(["nm", "-A", archive], capture_output=True, text=True, check=True)
        for line in out.stdout.splitlines():
            place, rest = line.rsplit(":", 1)
            *_, kind, name = rest.split()
            if kind in "Uw":
                wants[place].add(name)
            elif kind.isupper() or kind in "iu":
                has[name] = place
                wants[place] |= set()
    return wants, has


def reached(wants, has, begin):
    """{name that is nowhere here: the first object that wants it}, and the objects on the way."""
    seen, todo, out = set(begin), list(begin), {}
    while todo:
        place = todo.pop(0)
        for name in wants[place]:
            if name not in has:
                out.setdefault(name, place)
            elif has[name] not in seen:
                seen.add(has[name])
                todo.append(has[name])
    return out, seen


def floats(folder):
    """Lines of the verifier's sources that compute with fractions; comments and texts are none."""
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.[ch]"), recursive=True)):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"',
                      lambda match: re.sub(r"[^\n]", " ", match.group()), text, flags=re.S)
        found += [f"{os.path.basename(path)}:{number}: {line.strip()}"
                  for number, line in enumerate(text.splitlines(), 1)
                  if re.search(r"\b(double|float|math\.h|fenv\.h)\b|\b\d+\.\d|\b\d+e\d", line)]
    return found


def main(folder, core, *others):
    wants, has = symbols([core, *others])
    begin = [place for place in wants if place.startswith(core)]
    out, seen = reached(wants, has, begin)
    own = set(begin)
    bad = sorted(name for name in out if not is_allowed(name, out[name] not in own))
    bad += sorted(name for place in own for name in wants[place] if BARRED.fullmatch(name))
    wrong = sorted(name for name in CLOCKS if is_allowed(name))
    fractions = floats(folder)
    for name in bad:
        print(f"# {name}, of {os.path.basename(out.get(name, 'the core'))}: does it ask anybody?")
    for name in wrong:
        print(f"# the rule would let {name} pass")
    for line in fractions:
        print(f"# {line}")
    enough = len(begin) > 40 and len(seen) > len(begin) + 8 and len(out) > 60
    tests = [(not bad and enough, f"{len(begin)} objects, {len(seen)} with what they need of base,"
              f" and {len(out)} names outside: nobody is asked"),
             (not wrong, "clocks, files, sockets, locales and randomness are no such names"),
             (not fractions, "no fraction is computed with")]
    print(f"1..{len(tests)}")
    for number, (good, what) in enumerate(tests, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {what}")
    return 0 if all(good for good, _ in tests) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
