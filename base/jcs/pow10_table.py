#!/usr/bin/env python3
"""Writes pow10_table_internal.h: the powers of ten that jcs_number_format multiplies with.

Entry k holds g = floor(10^k / 2^e) + 1 with e chosen so that 2^127 <= 10^k / 2^e < 2^128, as two
64-bit halves. The range is the -k that can occur for any finite double (R. Giulietti, "The
Schubfach way to render doubles", section 9). Usage: pow10_table.py > pow10_table_internal.h
"""

FIRST = -292
LAST = 324


def entry(k):
    """The 128-bit g of 10^k."""
    if k >= 0:
        power = 10**k
        shift = power.bit_length() - 128
        floor = power >> shift if shift >= 0 else power << -shift
        return floor + 1
    divisor = 10**-k
    shift = divisor.bit_length() + 127
    quotient = (1 << shift) // divisor
    if quotient >> 128:
        quotient = (1 << (shift - 1)) // divisor
    return quotient + 1


def main():
    print("/* Written by pow10_table.py; do not edit. */")
    print("#ifndef LUCID_BASE_JCS_POW10_TABLE_INTERNAL_H")
    print("#define LUCID_BASE_JCS_POW10_TABLE_INTERNAL_H")
    print()
    print("#include <stdint.h>")
    print()
    print(f"#define JCS_POW10_FIRST (-{-FIRST})")
    print(f"#define JCS_POW10_LAST  {LAST}")
    print()
    print("/* floor(10^k / 2^e) + 1, normalised to 128 bits: {high, low} of k = FIRST + index. */")
    print("static const uint64_t jcs_pow10[JCS_POW10_LAST - JCS_POW10_FIRST + 1][2] = {")
    for k in range(FIRST, LAST + 1):
        g = entry(k)
        assert 1 << 127 <= g < 1 << 128
        print(f"    {{0x{g >> 64:016x}, 0x{g & (1 << 64) - 1:016x}}}, /* {k} */")
    print("};")
    print()
    print("#endif")


if __name__ == "__main__":
    main()
