/* What the mock agent does with OpenSSL. NULL and false: OpenSSL could not, for want of memory, or
 * because what was read is not that. Thread: the agent's. */
#ifndef LUCID_TOOLS_MOCK_AGENT_KEYS_INTERNAL_H
#define LUCID_TOOLS_MOCK_AGENT_KEYS_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"

#define KEYS_SIGNATURE_BYTES 64

EVP_PKEY *keys_make(void);
bool keys_is_p256(const EVP_PKEY *key);

/* A certificate of key, by issuer; issuer NULL: a root. */
X509 *keys_certify(const char *common, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                   uint64_t now_s);

/* Append. out wants wiping after a key. */
bool keys_key_pem(EVP_PKEY *key, struct lucid_buf *out);
bool keys_certificate_pem(X509 *certificate, struct lucid_buf *out);
bool keys_certificate_base64(X509 *certificate, struct lucid_buf *out); /* of DER */

EVP_PKEY *keys_key_read(struct lucid_span pem);
X509 *keys_certificate_read(struct lucid_span pem);

/* ES256. */
bool keys_sign(EVP_PKEY *key, struct lucid_span message, uint8_t ret[KEYS_SIGNATURE_BYTES]);

/* Appends a list by root, good for a day; revoked NULL: an empty one. */
bool keys_crl_write(X509 *root, EVP_PKEY *root_key, const X509 *revoked, uint64_t now_s,
                    struct lucid_buf *out);

#endif
