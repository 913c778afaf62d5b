/* The certificates of AMD that a chain may end in.
 *
 * Thread: constant data. */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEMES_SNP_ROOTS_H
#define LUCID_PLUGINS_VERIFIER_SCHEMES_SNP_ROOTS_H

#include "plugins/verifier/schemes/snp_report.h"

struct snp_roots {          /* DER */
    struct lucid_span ark;  /* self-signed; issues the other two and the CRL */
    struct lucid_span ask;  /* issues VCEKs */
    struct lucid_span asvk; /* issues VLEKs */
};

/* Static storage. Asserts a known product. */
const struct snp_roots *snp_roots_of(enum snp_product product);

#endif
