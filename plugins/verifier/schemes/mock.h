/* Mock quotes: what an attester without hardware signs, so that everything around an appraisal can
 * be built and tested with it. They prove nothing about a machine.
 *
 * Evidence: a compact JWS, alg ES256, typ "lucid-mock-quote+jwt", x5c from the attestation key up
 * to, not necessarily with, the root; or that in a JSON object {"quote": JWS}, which is what
 * lucid-mock-agent answers. Payload, every member but version (then it is 1) required and no other:
 *
 *   {"tee":"MOCK","version"?:1,"svn","debug","measurement":hex 48,"hostData":hex 32,
 *    "reportData":hex 64,"instanceId":hex 32,"iat": Unix s}
 *
 * Thread: pure functions. */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEMES_MOCK_H
#define LUCID_PLUGINS_VERIFIER_SCHEMES_MOCK_H

#include "base/buf.h"

#define MOCK_QUOTE_TYP         "lucid-mock-quote+jwt"
#define MOCK_QUOTE_VERSION     1
#define MOCK_SVN_MAX           UINT32_MAX
#define MOCK_MEASUREMENT_BYTES 48
#define MOCK_HOST_DATA_BYTES   32
#define MOCK_REPORT_DATA_BYTES 64
#define MOCK_INSTANCE_BYTES    32
#define MOCK_CLOCK_AHEAD_S_MAX 300         /* an iat further ahead is a warning */
#define MOCK_PRODUCT           "mock"      /* there is one, for floors and references */
#define MOCK_ROOT_KEY          "mock/root" /* of the collateral: what the operator configured */
#define MOCK_CRL_KEY           "mock/crl"
/* Of its certificates and lists: x509.h. */
#define MOCK_CERTIFICATE_ALGORITHMS (X509_ECDSA_SHA256 | X509_ECDSA_SHA384)

struct mock_quote {
    uint64_t svn;
    bool debug;
    uint8_t measurement[MOCK_MEASUREMENT_BYTES];
    uint8_t host_data[MOCK_HOST_DATA_BYTES];
    uint8_t report_data[MOCK_REPORT_DATA_BYTES];
    uint8_t instance[MOCK_INSTANCE_BYTES];
    uint64_t iat_s;
};

/* Appends the payload, canonical JSON. */
void mock_quote_write(const struct mock_quote *quote, struct lucid_buf *out);

#endif
