/* Stand for the forms of endpoints, URLs and builders' keys where the test of applications is about
 * where they stand. */
#include "plugins/passport/application.h"

static bool has_prefix(struct lucid_span text, const char *prefix)
{
    return text.len > strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

static bool only(struct lucid_span text, size_t from, const char *bytes)
{
    for (size_t i = from; i < text.len; i++) {
        if (text.data[i] == '\0' || strchr(bytes, text.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";

bool passport_endpoint_is_good(struct lucid_span text)
{
    bool here = has_prefix(text, "http://localhost") || has_prefix(text, "http://127.0.0.1") ||
                has_prefix(text, "http://[::1]") || lucid_span_is(text, "http://localhost");
    return (has_prefix(text, "https://") && only(text, 8, host_bytes)) ||
           (here && only(text, 7, host_bytes));
}

bool passport_uri_is_good(struct lucid_span text)
{
    return has_prefix(text, "https://") && only(text, 8, "abcdefghijklmnopqrstuvwxyz0123456789./-");
}

enum lucid_error slsa_key_read(struct lucid_span text, struct jose_key *ret, struct lucid_why *why)
{
    if (text.len != 44) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", NULL, "this is no key");
    }
    memset(ret, 0, sizeof(*ret));
    return LUCID_OK;
}
