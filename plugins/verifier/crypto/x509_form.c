/* The form of what an issuer signed, certificate or list, which OpenSSL's reader takes in any form
 * of BER, and which algorithm signed it. */
#include <openssl/objects.h>

#include "plugins/verifier/crypto/der.h"
#include "plugins/verifier/crypto/x509_internal.h"

#define SHA384_BYTES 48
#define CONTEXT(n)   (uint8_t)(0xa0 | (n)) /* [n], explicit */

static const uint8_t oid_sha384[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02};
static const uint8_t oid_mgf1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08};

bool x509_form_ok(struct lucid_span der)
{
    struct lucid_span parts;
    struct lucid_span body;
    struct lucid_span bits;
    struct der_item algorithm;
    struct der_item part;
    if (!der_only(der, DER_SEQUENCE, &parts) || !der_take(&parts, DER_SEQUENCE, &body) ||
        !der_next(&parts, &algorithm) || algorithm.tag != DER_SEQUENCE ||
        !der_only(parts, DER_BIT_STRING, &bits) || bits.len < 2 || bits.data[0] != 0) {
        return false;
    }
    do { /* before the body's own algorithm: version and serial, or version */
        if (!der_next(&body, &part)) {
            return false;
        }
    } while (part.tag != DER_SEQUENCE);
    return lucid_span_equal(part.whole, algorithm.whole);
}

/* AlgorithmIdentifier of SHA-384: its parameters are NULL or absent (RFC 4055 2.1). */
static bool sha384_is(struct lucid_span sequence)
{
    struct lucid_span parts;
    struct lucid_span oid;
    struct lucid_span null;
    return der_only(sequence, DER_SEQUENCE, &parts) && der_take(&parts, DER_OID, &oid) &&
           lucid_span_equal(oid, lucid_span(oid_sha384, sizeof(oid_sha384))) &&
           (parts.len == 0 || (der_only(parts, DER_NULL, &null) && null.len == 0));
}

static bool mgf1_is_sha384(struct lucid_span sequence)
{
    struct lucid_span parts;
    struct lucid_span oid;
    return der_only(sequence, DER_SEQUENCE, &parts) && der_take(&parts, DER_OID, &oid) &&
           lucid_span_equal(oid, lucid_span(oid_mgf1, sizeof(oid_mgf1))) && sha384_is(parts);
}

/* RSASSA-PSS-params with SHA-384 for all of it and a salt of its length. AMD writes the trailer
 * field, which is the default and need not stand there. */
static bool pss_is_sha384(struct lucid_span params)
{
    struct lucid_span parts;
    struct lucid_span hash;
    struct lucid_span mask;
    struct lucid_span salt;
    struct lucid_span trailer;
    uint64_t number = 0;
    return der_only(params, DER_SEQUENCE, &parts) && der_take(&parts, CONTEXT(0), &hash) &&
           sha384_is(hash) && der_take(&parts, CONTEXT(1), &mask) && mgf1_is_sha384(mask) &&
           der_take(&parts, CONTEXT(2), &salt) && der_uint(salt, &number) &&
           number == SHA384_BYTES &&
           (parts.len == 0 ||
            (der_only(parts, CONTEXT(3), &trailer) && der_uint(trailer, &number) && number == 1));
}

unsigned x509_algorithm_of(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *object = NULL;
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    switch (OBJ_obj2nid(object)) {
    case NID_ecdsa_with_SHA256:
        return type == V_ASN1_UNDEF ? (unsigned)X509_ECDSA_SHA256 : 0;
    case NID_ecdsa_with_SHA384:
        return type == V_ASN1_UNDEF ? (unsigned)X509_ECDSA_SHA384 : 0;
    case NID_rsassaPss:
        break;
    default:
        return 0;
    }
    const ASN1_STRING *params = value;
    return type == V_ASN1_SEQUENCE && pss_is_sha384(lucid_span(ASN1_STRING_get0_data(params),
                                                               (size_t)ASN1_STRING_length(params)))
               ? (unsigned)X509_RSA_PSS_SHA384
               : 0;
}
