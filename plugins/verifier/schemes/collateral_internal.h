/* What collateral_snp and collateral_mock share. */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEMES_COLLATERAL_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_SCHEMES_COLLATERAL_INTERNAL_H

#include "plugins/verifier/crypto/x509.h"
#include "plugins/verifier/schemes/collateral.h"

/* COLLATERAL_REFUSED: "the VCEK cannot be kept: …". */
enum lucid_error collateral_refuse(struct lucid_why *why, const char *what, const char *reason);
/* The same by what X.509 says of it; LUCID_RETRY_MEMORY. */
enum lucid_error collateral_refuse_status(struct lucid_why *why, const char *what,
                                          enum x509_status status);

/* All of an item but its key. */
void collateral_crl_tell(const struct x509_crl *crl, struct collateral_item *ret);

#endif
