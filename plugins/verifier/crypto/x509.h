/* Certificates, revocation lists and NIST curves, by OpenSSL 3: what every scheme needs of X.509.
 *
 * Everything is an argument: the certificates, the anchors and the time. No system store, no clock,
 * no network, no verification callback; a certificate of a message is never an anchor unless the
 * caller says so. Beyond what OpenSSL checks (names, signatures, times, path length, unknown
 * critical extensions), each issuer must be a CA by basicConstraints and, where keyUsage stands in
 * it, allowed to sign certificates; the leaf must be none; signatures and the leaf's key must be of
 * the kinds that the caller lists. RFC 5280's stricter reading (X509_V_FLAG_X509_STRICT) is not
 * asked for: AMD's certificates lack key identifiers.
 * A certificate's life includes both its ends (RFC 5280 4.1.2.5).
 *
 * Thread: pure functions over the caller's memory and OpenSSL objects, which the caller frees; what
 * certificates decode to is shared between threads and never changed.
 * OpenSSL's error queue is left empty. */
#ifndef LUCID_PLUGINS_VERIFIER_CRYPTO_X509_H
#define LUCID_PLUGINS_VERIFIER_CRYPTO_X509_H

#include "base/bytes.h"

#define X509_CERTS_MAX      16
#define X509_CERT_BYTES_MAX ((size_t)16 * 1024)
#define X509_PEM_BYTES_MAX  ((size_t)256 * 1024)
#define X509_CRL_BYTES_MAX  ((size_t)1024 * 1024)
#define X509_NAME_BYTES_MAX 127

/* What came of it; of several faults the first that was found. */
enum x509_status {
    X509_IS_OK,
    X509_IS_MALFORMED,     /* not DER or PEM of what it should be, or bytes after it */
    X509_IS_TOO_LARGE,     /* over one of the limits above */
    X509_IS_NO_MEMORY,     /* ours: not the certificate's fault */
    X509_IS_NO_ISSUER,     /* no path to an anchor */
    X509_IS_BAD_SIGNATURE, /* of a certificate, a CRL or a message */
    X509_IS_NOT_YET_VALID,
    X509_IS_EXPIRED,
    X509_IS_BAD_CA,        /* an issuer that is no CA or may not sign certificates (or CRLs) */
    X509_IS_BAD_LEAF,      /* a leaf that is a CA or may not sign */
    X509_IS_BAD_ALGORITHM, /* a signature of a kind that is not asked for */
    X509_IS_BAD_KEY,       /* a leaf's key of another kind */
    X509_IS_BAD_EXTENSION, /* critical and unknown, or twice the same */
    X509_IS_REFUSED,       /* any other reason that OpenSSL has */
};
const char *x509_status_name(enum x509_status status); /* "no_issuer" …: static storage */

/* --- certificates ----------------------------------------------------------------------------- */

struct x509_cert;

/* A list of certificates that owns them. Zero-initialise; x509_certs_fini frees. */
struct x509_certs {
    struct x509_cert *items[X509_CERTS_MAX];
    size_t count;
};

/* Appends what is in bytes: one certificate in DER (bytes that begin with 0x30), or PEM: one or
 * more CERTIFICATE blocks with only white space around them. After a refusal the list is as before.
 */
enum x509_status x509_certs_read(struct lucid_span bytes,
                                 struct x509_certs *certs) LUCID_WARN_UNUSED;
/* What was read before is known by its bytes, so that reading it again is cheap (x509_memo.c, any
 * thread). This forgets it all, which changes no result: for measuring, and for tests of that. */
void x509_certs_forget(void);
void x509_certs_fini(struct x509_certs *certs); /* the list is empty and usable again */

/* Its DER bytes: as long as the certificate. */
struct lucid_span x509_cert_der(const struct x509_cert *cert);
bool x509_cert_equal(const struct x509_cert *a, const struct x509_cert *b); /* byte for byte */

/* Unix seconds; times before 1970 read as 0. */
uint64_t x509_cert_not_before(const struct x509_cert *cert);
uint64_t x509_cert_not_after(const struct x509_cert *cert);

/* X509_IS_OK, X509_IS_NOT_YET_VALID, X509_IS_EXPIRED; X509_IS_MALFORMED: one of its times is none.
 */
enum x509_status x509_cert_time_check(const struct x509_cert *cert,
                                      uint64_t time_s) LUCID_WARN_UNUSED;

/* The common name of subject or issuer; false: none, several, longer than that, or with bytes other
 * than printable ASCII. */
bool x509_cert_subject(const struct x509_cert *cert, char ret[X509_NAME_BYTES_MAX + 1]);
bool x509_cert_issuer(const struct x509_cert *cert, char ret[X509_NAME_BYTES_MAX + 1]);

/* Whether issuer's subject is this certificate's issuer: names only. */
bool x509_cert_names_issuer(const struct x509_cert *cert, const struct x509_cert *issuer);
/* Whether issuer's subject is this certificate's issuer, and its key made the signature. */
bool x509_cert_issued_by(const struct x509_cert *cert, const struct x509_cert *issuer);

/* The value of the extension whose OID has these content octets (2B 06 …, without tag and length).
 * X509_IS_OK with ret->data NULL: there is none; X509_IS_BAD_EXTENSION: there are several. As long
 * as the certificate. */
enum x509_status x509_cert_extension(const struct x509_cert *cert, struct lucid_span oid,
                                     struct lucid_span *ret) LUCID_WARN_UNUSED;

/* --- chains ----------------------------------------------------------------------------------- */

enum x509_algorithm { /* of a signature: bits of a mask */
                      X509_RSA_PSS_SHA384 = 1 << 0,
                      X509_ECDSA_SHA256 = 1 << 1,
                      X509_ECDSA_SHA384 = 1 << 2,
};

enum x509_curve { /* of a key: bits of a mask */
                  X509_P256 = 1 << 0,
                  X509_P384 = 1 << 1,
};

struct x509_rules {
    unsigned
        algorithms; /* of all signatures of the path but the anchor's own: enum x509_algorithm */
    unsigned leaf_keys; /* enum x509_curve */
    bool any_anchor;    /* the path may end in an anchor that is not its own issuer */
};

/* Whether there is a path from leaf over any of between (NULL: none) to one of anchors, all of it
 * good at that time. ret_anchor (may be NULL): index of the anchor where the path ends. */
enum x509_status x509_chain_verify(const struct x509_cert *leaf, const struct x509_certs *between,
                                   const struct x509_certs *anchors, uint64_t time_s,
                                   const struct x509_rules *rules,
                                   size_t *ret_anchor) LUCID_WARN_UNUSED;

/* --- signatures ------------------------------------------------------------------------------- */

enum x509_hash {
    X509_SHA256,
    X509_SHA384,
};

/* ECDSA by the certificate's key: r ‖ s, both of the curve's length (32 or 48 bytes), big endian or
 * (little) each of them little endian. X509_IS_OK, X509_IS_BAD_SIGNATURE, X509_IS_BAD_KEY (no such
 * curve), X509_IS_NO_MEMORY. */
enum x509_status x509_cert_ecdsa_verify(const struct x509_cert *cert, enum x509_curve curve,
                                        enum x509_hash hash, struct lucid_span message,
                                        struct lucid_span signature, bool little) LUCID_WARN_UNUSED;

/* The same by a raw public key: x ‖ y, big endian. X509_IS_BAD_KEY: no point of the curve. */
enum x509_status x509_point_ecdsa_verify(struct lucid_span point, enum x509_curve curve,
                                         enum x509_hash hash, struct lucid_span message,
                                         struct lucid_span signature,
                                         bool little) LUCID_WARN_UNUSED;

#define X509_POINT_BYTES_MAX 96
/* The certificate's public key as x ‖ y. X509_IS_BAD_KEY: not of that curve. */
enum x509_status x509_cert_point(const struct x509_cert *cert, enum x509_curve curve,
                                 uint8_t ret[X509_POINT_BYTES_MAX],
                                 size_t *ret_len) LUCID_WARN_UNUSED;

/* --- revocation lists ------------------------------------------------------------------------- */

struct x509_crl;

/* One CRL in DER or PEM (X509 CRL). *ret is the caller's: x509_crl_free. */
enum x509_status x509_crl_read(struct lucid_span bytes, struct x509_crl **ret) LUCID_WARN_UNUSED;
void x509_crl_free(struct x509_crl *crl); /* NULL is allowed */

/* Whether issuer made it (name, key, cRLSign, algorithm) and it is good at that time: a nextUpdate
 * is asked for. A list that says of itself that it is a delta or covers only some certificates or
 * reasons is refused (BAD_EXTENSION), as what it leaves out would read as not revoked. */
enum x509_status x509_crl_verify(const struct x509_crl *crl, const struct x509_cert *issuer,
                                 uint64_t time_s, unsigned algorithms) LUCID_WARN_UNUSED;

/* Unix seconds; a time that is none reads as never valid. */
uint64_t x509_crl_this_update(const struct x509_crl *crl);
uint64_t x509_crl_next_update(const struct x509_crl *crl); /* 0: none */

/* Whether its issuer made it before that one: by their numbers (RFC 5280 5.2.3), which only grow;
 * where they are the same or one has none, by thisUpdate. Lists of two names are in no order. */
bool x509_crl_is_older(const struct x509_crl *crl, const struct x509_crl *than);

/* Whether it lists that certificate: by serial and issuer, which is the list's issuer unless the
 * entry names another (indirect lists). */
bool x509_crl_revokes(const struct x509_crl *crl, const struct x509_cert *cert);

#endif
