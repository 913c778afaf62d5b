/* What the files x509*.c share: the OpenSSL objects behind the opaque ones. */
#ifndef LUCID_PLUGINS_VERIFIER_CRYPTO_X509_INTERNAL_H
#define LUCID_PLUGINS_VERIFIER_CRYPTO_X509_INTERNAL_H

#include <stdatomic.h>

#include <openssl/x509.h>

#include "base/buf.h"
#include "plugins/verifier/crypto/x509.h"

/* Never changed once it is read, so that lists and threads share it. The last reference frees it;
 * they are counted here, not by OpenSSL, so that thread checkers see the order. */
struct x509_cert {
    atomic_uint references;
    X509 *x;
    uint8_t *der; /* as it was read */
    size_t der_len;
};

void x509_cert_free(struct x509_cert *cert); /* one reference less; NULL is allowed */

/* Takes the next PEM block of that label ("CERTIFICATE") from the front of *text into der (cleared
 * first). X509_IS_OK with ret_end: there is only white space left. */
enum x509_status x509_pem_next(struct lucid_span *text, const char *label, struct lucid_buf *der,
                               bool *ret_end) LUCID_WARN_UNUSED;

/* Certificates that were read before, by all of their bytes. find: one more reference, the
 * caller's, or NULL: it is not there. keep: takes a reference of its own, or leaves it. Any thread.
 */
struct x509_cert *x509_memo_find(struct lucid_span der);
void x509_memo_keep(struct x509_cert *cert);

/* Unix seconds of an ASN.1 time, 0 for one before 1970. False: it is none. */
bool x509_time_s(const ASN1_TIME *time, uint64_t *ret) LUCID_WARN_UNUSED;

/* Whether it is SEQUENCE { body, algorithm, signature } in DER, nothing behind it, and the body
 * names the same algorithm (RFC 5280 4.1.1.2, 5.1.1.2). What the body holds is its signer's. */
bool x509_form_ok(struct lucid_span der) LUCID_WARN_UNUSED;

/* The bit of enum x509_algorithm; 0: none of them, or with other parameters. */
unsigned x509_algorithm_of(const X509_ALGOR *algorithm);

#endif
