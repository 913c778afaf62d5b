/* The roots of AMD SEV-SNP: AMD Root Key, SEV Key (for VCEKs) and SEV-VLEK Key of each product, in
 * DER, as AMD's key service serves them (https://kdsintf.amd.com/vcek/v1/PRODUCT/cert_chain and
 * /vlek/v1/PRODUCT/cert_chain). A unit test compares them with the files of tests/vectors, which
 * come from two projects that do not depend on each other. */
#include "plugins/verifier/schemes/snp_roots.h"

#include "base/assert.h"
#include "plugins/verifier/schemes/snp_roots_table_internal.h"

#define SPAN(bytes)                                                                                \
    {                                                                                              \
        bytes, sizeof(bytes)                                                                       \
    }

const struct snp_roots *snp_roots_of(enum snp_product product)
{
    static const struct snp_roots roots[SNP_PRODUCTS] = {
        [SNP_MILAN] = {SPAN(milan_ark), SPAN(milan_ask), SPAN(milan_asvk)},
        [SNP_GENOA] = {SPAN(genoa_ark), SPAN(genoa_ask), SPAN(genoa_asvk)},
        [SNP_TURIN] = {SPAN(turin_ark), SPAN(turin_ask), SPAN(turin_asvk)},
    };
    lucid_assert(product > SNP_UNKNOWN && product < SNP_PRODUCTS);
    return &roots[product];
}
