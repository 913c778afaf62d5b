/* What is imported beside appraisals: is it what its maker signed, and under which key is it kept.
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEMES_COLLATERAL_H
#define LUCID_PLUGINS_VERIFIER_SCHEMES_COLLATERAL_H

#include "plugins/verifier/scheme.h"

struct collateral_item {
    char key[SCHEME_KEY_BYTES_MAX + 1]; /* "snp/crl/Milan", "mock/crl" */
    const char *what;                   /* "vcek", "vlek", "crl": static storage */
    bool ordered;                       /* an older one must not follow a newer one */
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

/* Checks a revocation list (DER or PEM): it must be of one of the mock's roots (PEM; len 0: there
 * is none), and be good at that time. product: "mock", or len 0. COLLATERAL_REFUSED;
 * LUCID_RETRY_MEMORY. */
enum lucid_error collateral_mock(struct lucid_span bytes, struct lucid_span product,
                                 struct lucid_span roots, uint64_t time_s,
                                 struct collateral_item *ret,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether item may take the place of kept, the newest of its key, both as they were checked here:
 * a revocation list does not give way to an older one of its issuer, as that would undo
 * revocations. A certificate may: that of another life of the same key says the same of it, and one
 * of another chip or firmware does not fit the report. COLLATERAL_OLDER; LUCID_RETRY_MEMORY. */
enum lucid_error collateral_replaces(const struct collateral_item *item, struct lucid_span bytes,
                                     struct lucid_span kept,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
