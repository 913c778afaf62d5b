#include "plugins/verifier/schemes/scheme_x509.h"

const char *scheme_chain_code(enum x509_status status)
{
    switch (status) {
    case X509_IS_OK:
        return "chain.ok";
    case X509_IS_MALFORMED:
        return "chain.malformed";
    case X509_IS_TOO_LARGE:
        return "chain.too_large";
    case X509_IS_NO_MEMORY:
        return "chain.no_memory";
    case X509_IS_NO_ISSUER:
        return "chain.no_issuer";
    case X509_IS_BAD_SIGNATURE:
        return "chain.bad_signature";
    case X509_IS_NOT_YET_VALID:
        return "chain.not_yet_valid";
    case X509_IS_EXPIRED:
        return "chain.expired";
    case X509_IS_BAD_CA:
        return "chain.bad_ca";
    case X509_IS_BAD_LEAF:
        return "chain.bad_leaf";
    case X509_IS_BAD_ALGORITHM:
        return "chain.bad_algorithm";
    case X509_IS_BAD_KEY:
        return "chain.bad_key";
    case X509_IS_BAD_EXTENSION:
        return "chain.bad_extension";
    case X509_IS_REFUSED:
        break;
    }
    return "chain.refused";
}

const char *scheme_crl_code(enum x509_status status)
{
    switch (status) {
    case X509_IS_NO_ISSUER:
        return "revocation.crl_issuer";
    case X509_IS_BAD_SIGNATURE:
        return "revocation.crl_signature";
    case X509_IS_NOT_YET_VALID:
        return "revocation.crl_not_yet_valid";
    case X509_IS_EXPIRED:
        return "revocation.crl_expired";
    case X509_IS_OK:
    case X509_IS_MALFORMED:
    case X509_IS_TOO_LARGE:
    case X509_IS_NO_MEMORY:
    case X509_IS_BAD_CA:
    case X509_IS_BAD_LEAF:
    case X509_IS_BAD_ALGORITHM:
    case X509_IS_BAD_KEY:
    case X509_IS_BAD_EXTENSION:
    case X509_IS_REFUSED:
        break;
    }
    return "revocation.crl_malformed";
}
