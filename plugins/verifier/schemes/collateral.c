/* What every kind of collateral is checked with. */
#include "plugins/verifier/schemes/collateral_internal.h"

enum lucid_error collateral_refuse(struct lucid_why *why, const char *what, const char *reason)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "COLLATERAL_REFUSED", "item",
                        "%s cannot be kept: %s", what, reason);
}

enum lucid_error collateral_refuse_status(struct lucid_why *why, const char *what,
                                          enum x509_status status)
{
    return status == X509_IS_NO_MEMORY ? LUCID_RETRY_MEMORY
                                       : collateral_refuse(why, what, x509_status_name(status));
}

/* --- revocation lists ------------------------------------------------------------------------- */

void collateral_crl_tell(const struct x509_crl *crl, struct collateral_item *ret)
{
    ret->what = "crl";
    ret->ordered = true;
    ret->valid_from_s = x509_crl_this_update(crl);
    ret->valid_to_s = x509_crl_next_update(crl);
}

static enum lucid_error older_refuse(const struct collateral_item *item,
                                     const struct x509_crl *kept, struct lucid_why *why)
{
    struct lucid_buf text = {0};
    lucid_buf_str(&text, "this revocation list, of ");
    lucid_buf_time(&text, item->valid_from_s * 1000);
    lucid_buf_str(&text, ", is older than the one in use, of ");
    lucid_buf_time(&text, x509_crl_this_update(kept) * 1000);
    lucid_buf_str(&text, ": revocations are not taken back");
    enum lucid_error error =
        lucid_buf_ok(&text) ? lucid_refuse(why, LUCID_REFUSE_CONFLICT, "COLLATERAL_OLDER", "item",
                                           "%.*s", (int)text.len, (const char *)text.data)
                            : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&text);
    return error;
}

enum lucid_error collateral_replaces(const struct collateral_item *item, struct lucid_span bytes,
                                     struct lucid_span kept, struct lucid_why *why)
{
    struct x509_crl *list = NULL;
    struct x509_crl *other = NULL;
    if (!item->ordered) {
        return LUCID_OK;
    }
    enum x509_status status = x509_crl_read(bytes, &list);
    status = status == X509_IS_OK ? x509_crl_read(kept, &other) : status;
    enum lucid_error error = status == X509_IS_NO_MEMORY ? LUCID_RETRY_MEMORY : LUCID_OK;
    if (status == X509_IS_OK && x509_crl_is_older(list, other)) {
        error = older_refuse(item, other, why);
    }
    x509_crl_free(list);
    x509_crl_free(other);
    return error;
}
