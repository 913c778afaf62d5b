/* What is imported beside appraisals: is it what its maker signed, and under which key is it kept.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_COLLATERAL_H
#define LUCID_PLUGINS_VERIFIER_COLLATERAL_H

#include "plugins/verifier/scheme.h"

struct collateral_item {
    char key[SCHEME_KEY_BYTES_MAX + 1]; /* "snp/crl/Milan" */
    const char *what;                   /* "vcek", "vlek", "crl": static storage */
    bool test_root;                     /* made by a root for tests */
    uint64_t valid_from_s;
    uint64_t valid_to_s;
};

/* Checks a VCEK, VLEK or CRL of AMD (DER or PEM): it must end in a pinned root, or in one of the
 * test roots (PEM; len 0: none), and be good at that time. product: whose it must be; len 0: told
 * by itself. COLLATERAL_REFUSED; LUCID_RETRY_MEMORY. */
enum lucid_error collateral_snp(struct lucid_span bytes, struct lucid_span product,
                                struct lucid_span test_roots, uint64_t time_s,
                                struct collateral_item *ret,
                                struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
