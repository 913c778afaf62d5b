/* Certificates: reading, access, chains. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "plugins/verifier/crypto/x509_internal.h"

#define EXTENSIONS_MAX 64

const char *x509_status_name(enum x509_status status)
{
    static const char *const names[] = {"ok",
                                        "malformed",
                                        "too_large",
                                        "no_memory",
                                        "no_issuer",
                                        "bad_signature",
                                        "not_yet_valid",
                                        "expired",
                                        "bad_ca",
                                        "bad_leaf",
                                        "bad_algorithm",
                                        "bad_key",
                                        "bad_extension",
                                        "refused"};
    lucid_assert(status < sizeof(names) / sizeof(names[0]));
    return names[status];
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool span_skip(struct lucid_span *text, const char *word)
{
    size_t len = strlen(word);
    if (text->len < len || memcmp(text->data, word, len) != 0) {
        return false;
    }
    *text = lucid_span(text->data + len, text->len - len);
    return true;
}

static bool marker_skip(struct lucid_span *text, const char *which, const char *label)
{
    return span_skip(text, "-----") && span_skip(text, which) && span_skip(text, label) &&
           span_skip(text, "-----");
}

static void space_skip(struct lucid_span *text)
{
    while (text->len > 0 && is_space(text->data[0])) {
        *text = lucid_span(text->data + 1, text->len - 1);
    }
}

enum x509_status x509_pem_next(struct lucid_span *text, const char *label, struct lucid_buf *der,
                               bool *ret_end)
{
    space_skip(text);
    if (text->len == 0) {
        *ret_end = true;
        return X509_IS_OK;
    }
    if (!marker_skip(text, "BEGIN ", label)) {
        return X509_IS_MALFORMED;
    }
    /* The base64 text without its line ends, then decoded in place of itself. */
    lucid_buf_clear(der);
    while (text->len > 0 && text->data[0] != '-') {
        size_t run = 0;
        while (run < text->len && text->data[run] != '-' && !is_space(text->data[run])) {
            run++;
        }
        lucid_buf_put(der, text->data, run);
        *text = lucid_span(text->data + run, text->len - run);
        space_skip(text);
    }
    if (!marker_skip(text, "END ", label)) {
        return X509_IS_MALFORMED;
    }
    if (!lucid_buf_ok(der)) {
        return X509_IS_TOO_LARGE;
    }
    struct lucid_buf base64 = *der;
    *der = (struct lucid_buf){.bytes_max = base64.bytes_max};
    uint8_t *out = lucid_buf_extend(der, base64.len / 4 * 3 + 3);
    size_t len = 0;
    enum x509_status status = X509_IS_OK;
    if (out == NULL) {
        status = X509_IS_NO_MEMORY;
    } else if (!lucid_base64_decode(lucid_buf_span(&base64), out, der->len, &len) || len == 0) {
        status = X509_IS_MALFORMED;
    } else {
        der->len = len;
    }
    lucid_buf_fini(&base64);
    *ret_end = false;
    return status;
}

void x509_cert_free(struct x509_cert *cert)
{
    if (cert != NULL && atomic_fetch_sub(&cert->references, 1) == 1) {
        X509_free(cert->x);
        free(cert->der);
        free(cert);
    }
}

static enum x509_status cert_decode(struct lucid_span der, struct x509_cert **ret)
{
    if (!x509_form_ok(der)) {
        return X509_IS_MALFORMED;
    }
    struct x509_cert *cert = calloc(1, sizeof(*cert));
    if (cert == NULL) {
        return X509_IS_NO_MEMORY;
    }
    atomic_init(&cert->references, 1);
    cert->der = malloc(der.len + 1);
    if (cert->der == NULL) {
        x509_cert_free(cert);
        return X509_IS_NO_MEMORY;
    }
    memcpy(cert->der, der.data, der.len);
    cert->der_len = der.len;
    const unsigned char *at = cert->der;
    cert->x = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (cert->x == NULL || at != cert->der + der.len) {
        x509_cert_free(cert);
        return X509_IS_MALFORMED;
    }
    *ret = cert;
    return X509_IS_OK;
}

static enum x509_status der_read(struct lucid_span der, struct x509_certs *certs)
{
    if (der.len > X509_CERT_BYTES_MAX || certs->count == X509_CERTS_MAX) {
        return X509_IS_TOO_LARGE;
    }
    struct x509_cert *cert = x509_memo_find(der);
    if (cert == NULL) {
        enum x509_status status = cert_decode(der, &cert);
        if (status != X509_IS_OK) {
            return status;
        }
        x509_memo_keep(cert);
    }
    certs->items[certs->count++] = cert;
    return X509_IS_OK;
}

static enum x509_status pem_read(struct lucid_span text, struct x509_certs *certs)
{
    if (text.len > X509_PEM_BYTES_MAX) {
        return X509_IS_TOO_LARGE;
    }
    struct lucid_buf der;
    lucid_buf_init(&der, 2 * X509_CERT_BYTES_MAX);
    bool end = false;
    size_t before = certs->count;
    enum x509_status status = X509_IS_OK;
    while (status == X509_IS_OK) {
        status = x509_pem_next(&text, "CERTIFICATE", &der, &end);
        if (status != X509_IS_OK || end) {
            break;
        }
        status = der_read(lucid_buf_span(&der), certs);
    }
    lucid_buf_fini(&der);
    return status == X509_IS_OK && certs->count == before ? X509_IS_MALFORMED : status;
}

enum x509_status x509_certs_read(struct lucid_span bytes, struct x509_certs *certs)
{
    size_t before = certs->count;
    enum x509_status status =
        bytes.len > 0 && bytes.data[0] == 0x30 ? der_read(bytes, certs) : pem_read(bytes, certs);
    while (status != X509_IS_OK && certs->count > before) {
        x509_cert_free(certs->items[--certs->count]);
    }
    return status;
}

void x509_certs_fini(struct x509_certs *certs)
{
    while (certs->count > 0) {
        x509_cert_free(certs->items[--certs->count]);
    }
}

/* --- access ----------------------------------------------------------------------------------- */

struct lucid_span x509_cert_der(const struct x509_cert *cert)
{
    return lucid_span(cert->der, cert->der_len);
}

bool x509_cert_equal(const struct x509_cert *a, const struct x509_cert *b)
{
    return lucid_span_equal(x509_cert_der(a), x509_cert_der(b));
}

bool x509_time_s(const ASN1_TIME *time, uint64_t *ret)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    bool good = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    ERR_clear_error();
    if (good) {
        *ret = days < 0 || seconds < 0 ? 0 : (uint64_t)days * 86400 + (uint64_t)seconds;
    }
    return good;
}

/* Both ends of its life; false: one of them is no time. */
static bool validity(const X509 *x, uint64_t *ret_from, uint64_t *ret_to)
{
    return x509_time_s(X509_get0_notBefore(x), ret_from) &&
           x509_time_s(X509_get0_notAfter(x), ret_to);
}

uint64_t x509_cert_not_before(const struct x509_cert *cert)
{
    uint64_t from = 0;
    uint64_t to = 0;
    return validity(cert->x, &from, &to) ? from : 0;
}

uint64_t x509_cert_not_after(const struct x509_cert *cert)
{
    uint64_t from = 0;
    uint64_t to = 0;
    return validity(cert->x, &from, &to) ? to : 0;
}

/* OpenSSL counts the last second of a life as over; RFC 5280 4.1.2.5 includes it, so do we. */
static enum x509_status time_check(const X509 *x, uint64_t time_s)
{
    uint64_t from;
    uint64_t to;
    if (!validity(x, &from, &to)) {
        return X509_IS_MALFORMED;
    }
    if (time_s < from) {
        return X509_IS_NOT_YET_VALID;
    }
    return time_s > to ? X509_IS_EXPIRED : X509_IS_OK;
}

enum x509_status x509_cert_time_check(const struct x509_cert *cert, uint64_t time_s)
{
    return time_check(cert->x, time_s);
}

static bool common_name(const X509_NAME *name, char ret[X509_NAME_BYTES_MAX + 1])
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) {
        return false;
    }
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    int len = ASN1_STRING_length(text);
    const unsigned char *data = ASN1_STRING_get0_data(text);
    if (len <= 0 || len > X509_NAME_BYTES_MAX) {
        return false;
    }
    for (int i = 0; i < len; i++) {
        if (data[i] < 0x20 || data[i] > 0x7e) {
            return false;
        }
    }
    memcpy(ret, data, (size_t)len);
    ret[len] = '\0';
    return true;
}

bool x509_cert_subject(const struct x509_cert *cert, char ret[X509_NAME_BYTES_MAX + 1])
{
    return common_name(X509_get_subject_name(cert->x), ret);
}

bool x509_cert_issuer(const struct x509_cert *cert, char ret[X509_NAME_BYTES_MAX + 1])
{
    return common_name(X509_get_issuer_name(cert->x), ret);
}

bool x509_cert_names_issuer(const struct x509_cert *cert, const struct x509_cert *issuer)
{
    return X509_NAME_cmp(X509_get_issuer_name(cert->x), X509_get_subject_name(issuer->x)) == 0;
}

bool x509_cert_issued_by(const struct x509_cert *cert, const struct x509_cert *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer->x);
    bool good =
        key != NULL && x509_cert_names_issuer(cert, issuer) && X509_verify(cert->x, key) == 1;
    ERR_clear_error();
    return good;
}

enum x509_status x509_cert_extension(const struct x509_cert *cert, struct lucid_span oid,
                                     struct lucid_span *ret)
{
    struct lucid_span found = {.data = NULL};
    for (int i = 0; i < X509_get_ext_count(cert->x); i++) {
        X509_EXTENSION *extension = X509_get_ext(cert->x, i);
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);
        if (!lucid_span_equal(lucid_span(OBJ_get0_data(object), OBJ_length(object)), oid)) {
            continue;
        }
        if (found.data != NULL) {
            return X509_IS_BAD_EXTENSION;
        }
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
        found = lucid_span(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    }
    *ret = found;
    return X509_IS_OK;
}

/* --- chains ----------------------------------------------------------------------------------- */

static bool extensions_twice(const X509 *x)
{
    int count = X509_get_ext_count(x);
    for (int i = 0; i < count; i++) {
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(X509_get_ext(x, i));
        if (X509_get_ext_by_OBJ(x, object, i) >= 0) {
            return true;
        }
    }
    return false;
}

static enum x509_status issuer_check(X509 *x)
{
    uint32_t flags = X509_get_extension_flags(x);
    bool ca = (flags & EXFLAG_BCONS) != 0 && (flags & EXFLAG_CA) != 0;
    bool may = (flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(x) & KU_KEY_CERT_SIGN) != 0;
    return ca && may ? X509_IS_OK : X509_IS_BAD_CA;
}

static enum x509_status leaf_check(X509 *x, const struct x509_cert *leaf,
                                   const struct x509_rules *rules)
{
    uint32_t flags = X509_get_extension_flags(x);
    bool may = (flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) != 0;
    if ((flags & EXFLAG_CA) != 0 || !may) {
        return X509_IS_BAD_LEAF;
    }
    static const enum x509_curve curves[] = {X509_P256, X509_P384};
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        uint8_t point[X509_POINT_BYTES_MAX];
        size_t len;
        if ((rules->leaf_keys & (unsigned)curves[i]) != 0 &&
            x509_cert_point(leaf, curves[i], point, &len) == X509_IS_OK) {
            return X509_IS_OK;
        }
    }
    return X509_IS_BAD_KEY;
}

/* What OpenSSL's own rules leave open, for a path that they found good. */
static enum x509_status path_check(STACK_OF(X509) * path, const struct x509_cert *leaf,
                                   uint64_t time_s, const struct x509_rules *rules)
{
    int count = sk_X509_num(path);
    for (int i = 0; i < count; i++) {
        X509 *x = sk_X509_value(path, i);
        const X509_ALGOR *algorithm = NULL;
        if (X509_get_ext_count(x) > EXTENSIONS_MAX || extensions_twice(x) ||
            (X509_get_extension_flags(x) & EXFLAG_INVALID) != 0) {
            return X509_IS_BAD_EXTENSION;
        }
        X509_get0_signature(NULL, &algorithm, x);
        if (i < count - 1 && (x509_algorithm_of(algorithm) & rules->algorithms) == 0) {
            return X509_IS_BAD_ALGORITHM;
        }
        enum x509_status status = time_check(x, time_s);
        if (status == X509_IS_OK) {
            status = i > 0 ? issuer_check(x) : leaf_check(x, leaf, rules);
        }
        if (status != X509_IS_OK) {
            return status;
        }
    }
    return X509_IS_OK;
}

static enum x509_status verify_status(int error)
{
    switch (error) {
    case X509_V_OK:
        return X509_IS_OK;
    case X509_V_ERR_OUT_OF_MEM:
        return X509_IS_NO_MEMORY;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        return X509_IS_NO_ISSUER;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
        return X509_IS_BAD_SIGNATURE;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return X509_IS_BAD_CA;
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
    case X509_V_ERR_INVALID_EXTENSION:
        return X509_IS_BAD_EXTENSION;
    default:
        return X509_IS_REFUSED;
    }
}

static STACK_OF(X509) * stack_new(const struct x509_certs *certs)
{
    STACK_OF(X509) *stack = sk_X509_new_null();
    for (size_t i = 0; stack != NULL && certs != NULL && i < certs->count; i++) {
        if (sk_X509_push(stack, certs->items[i]->x) == 0) {
            sk_X509_free(stack);
            return NULL;
        }
    }
    return stack;
}

static size_t anchor_index(STACK_OF(X509) * path, const struct x509_certs *anchors)
{
    const X509 *end = sk_X509_value(path, sk_X509_num(path) - 1);
    for (size_t i = 0; i < anchors->count; i++) {
        if (X509_cmp(end, anchors->items[i]->x) == 0) {
            return i;
        }
    }
    return anchors->count;
}

static enum x509_status chain_run(X509_STORE_CTX *context, const struct x509_cert *leaf,
                                  const struct x509_certs *anchors, uint64_t time_s,
                                  const struct x509_rules *rules, size_t *ret_anchor)
{
    unsigned long flags =
        X509_V_FLAG_NO_CHECK_TIME | (rules->any_anchor ? X509_V_FLAG_PARTIAL_CHAIN : 0UL);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context), flags);
    if (X509_verify_cert(context) != 1) {
        int error = X509_STORE_CTX_get_error(context);
        return error == X509_V_OK ? X509_IS_REFUSED : verify_status(error);
    }
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
    size_t anchor = anchor_index(path, anchors);
    if (anchor == anchors->count) {
        return X509_IS_NO_ISSUER;
    }
    enum x509_status status = path_check(path, leaf, time_s, rules);
    if (status == X509_IS_OK && ret_anchor != NULL) {
        *ret_anchor = anchor;
    }
    return status;
}

enum x509_status x509_chain_verify(const struct x509_cert *leaf, const struct x509_certs *between,
                                   const struct x509_certs *anchors, uint64_t time_s,
                                   const struct x509_rules *rules, size_t *ret_anchor)
{
    STACK_OF(X509) *untrusted = stack_new(between);
    STACK_OF(X509) *trusted = stack_new(anchors);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    enum x509_status status = X509_IS_NO_MEMORY;
    if (X509_get0_pubkey(leaf->x) == NULL) { /* OpenSSL's reason would be "unspecified" */
        status = X509_IS_BAD_KEY;
    } else if (untrusted != NULL && trusted != NULL && context != NULL &&
               X509_STORE_CTX_init(context, NULL, leaf->x, untrusted) == 1) {
        /* With a stack of its own the context looks nowhere else: there is no store. */
        X509_STORE_CTX_set0_trusted_stack(context, trusted);
        status = chain_run(context, leaf, anchors, time_s, rules, ret_anchor);
    }
    X509_STORE_CTX_free(context);
    sk_X509_free(trusted);
    sk_X509_free(untrusted);
    ERR_clear_error();
    return status;
}
