/* What schemes say of certificates and revocation lists: one code for one fault, whatever the kind
 * of evidence. Static storage. */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEMES_SCHEME_X509_H
#define LUCID_PLUGINS_VERIFIER_SCHEMES_SCHEME_X509_H

#include "plugins/verifier/crypto/x509.h"
#include "plugins/verifier/scheme.h"

/* "chain.expired" …, of the step chain. */
const char *scheme_chain_code(enum x509_status status);

/* "revocation.crl_expired" …, of a list that is no good (asking for X509_IS_OK gives crl_malformed,
 * as for all that has no code of its own). */
const char *scheme_crl_code(enum x509_status status);

#endif
