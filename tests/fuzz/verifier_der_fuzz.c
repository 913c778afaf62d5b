/* Any bytes: every element that the reader of DER gives lies inside its input, one after the other,
 * and is given again by its own bytes; numbers and texts are what their encoding says. Then the
 * same bytes as a certificate, as a list, and as what is imported: refused, or readable to the end.
 */
#include "base/assert.h"
#include "plugins/verifier/crypto/der.h"
#include "plugins/verifier/crypto/x509.h"
#include "plugins/verifier/schemes/collateral.h"
#include "plugins/verifier/schemes/snp_roots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void item_check(const struct der_item *item)
{
    lucid_assert(item->whole.len >= 2 && item->whole.len <= 6 + item->value.len);
    lucid_assert(item->value.data + item->value.len == item->whole.data + item->whole.len);
    struct lucid_span value;
    lucid_assert(der_only(item->whole, item->tag, &value));
    lucid_assert(value.data == item->value.data && value.len == item->value.len);
    uint64_t number = 0;
    if (der_uint(item->whole, &number)) {
        lucid_assert(item->tag == DER_INTEGER && item->value.len >= 1 && item->value.len <= 9);
    }
    if (der_ia5(item->whole, &value)) {
        lucid_assert(item->tag == DER_IA5_STRING && memchr(value.data, 0, value.len) == NULL);
    }
}

/* Down the first constructed element of each level, a few levels deep. */
static void walk(struct lucid_span at)
{
    for (unsigned depth = 0; depth < 8; depth++) {
        struct lucid_span inside = {.data = NULL};
        struct der_item item;
        const uint8_t *place = at.data;
        while (der_next(&at, &item)) {
            lucid_assert(item.whole.data == place);
            place += item.whole.len;
            item_check(&item);
            if ((item.tag & 0x20) != 0 && inside.data == NULL) {
                inside = item.value;
            }
        }
        lucid_assert(at.data == place);
        if (inside.data == NULL) {
            return;
        }
        at = inside;
    }
}

static void certificates(struct lucid_span bytes)
{
    static const struct x509_rules rules = {.algorithms = X509_RSA_PSS_SHA384,
                                            .leaf_keys = X509_P384 | X509_P256};
    struct x509_certs certs = {.count = 0};
    if (x509_certs_read(bytes, &certs) == X509_IS_OK) {
        lucid_assert(certs.count > 0 && certs.count <= X509_CERTS_MAX);
        for (size_t i = 0; i < certs.count; i++) {
            char name[X509_NAME_BYTES_MAX + 1];
            (void)x509_cert_subject(certs.items[i], name);
            (void)x509_cert_not_after(certs.items[i]);
            (void)x509_chain_verify(certs.items[i], &certs, &certs, 1740000000, &rules, NULL);
        }
    }
    x509_certs_fini(&certs);
}

/* All that looks at a list before its signature is known to be good, and what is asked of a good
 * one: who is on it. Nothing here is signed by that root. */
static void list(const struct x509_crl *crl)
{
    struct x509_certs roots = {.count = 0};
    lucid_assert(x509_certs_read(snp_roots_of(SNP_MILAN)->ark, &roots) == X509_IS_OK);
    lucid_assert(!x509_crl_is_older(crl, crl));
    (void)x509_crl_this_update(crl);
    (void)x509_crl_next_update(crl);
    (void)x509_crl_revokes(crl, roots.items[0]);
    lucid_assert(x509_crl_verify(crl, roots.items[0], 1740000000, X509_RSA_PSS_SHA384) !=
                 X509_IS_OK);
    x509_certs_fini(&roots);
}

static void import(struct lucid_span bytes)
{
    struct collateral_item item = {.what = NULL};
    struct lucid_why why = {.code = NULL};
    enum lucid_error error =
        collateral_snp(bytes, lucid_span_str(""), lucid_span_str(""), 1740000000, &item, &why);
    lucid_assert(error == LUCID_OK ? item.what != NULL && memcmp(item.key, "snp/", 4) == 0
                                   : error == LUCID_RETRY_MEMORY || why.code != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_span bytes = lucid_span(data, size);
    walk(bytes);
    certificates(bytes);
    import(bytes);
    struct x509_crl *crl = NULL;
    if (x509_crl_read(bytes, &crl) == X509_IS_OK) {
        list(crl);
        x509_crl_free(crl);
    }
    return 0;
}
