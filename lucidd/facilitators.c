#include "lucidd/facilitators.h"

#include <stdlib.h>

#include "lucidd/datadir.h"

#define SECRET_BYTES_MAX ((size_t)1024)
#define KEY              "x402_facilitators_file"

static enum lucid_error networks_check(const struct x402_networks *networks,
                                       const struct x402_roster_file *file, struct lucid_why *why)
{
    for (size_t i = 1; i < file->member_count; i++) {
        const struct x402_member *member = &file->members[i];
        for (size_t n = 0; n < member->network_count; n++) {
            if (x402_network_find(networks, lucid_span_str(member->networks[n])) == NULL) {
                return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", KEY,
                                    "%.64s: %.64s is not in x402_networks_file", member->name,
                                    member->networks[n]);
            }
        }
    }
    return LUCID_OK;
}

static enum lucid_error roster_parse(void *context, struct lucid_span text, struct lucid_why *why)
{
    return x402_roster_parse(text, context, why);
}

enum lucid_error facilitators_read(const struct config *config,
                                   const struct x402_networks *networks,
                                   struct x402_roster_file *ret, struct lucid_why *why)
{
    x402_roster_file_init(ret);
    if (config->x402_facilitators_file[0] == '\0') {
        return LUCID_OK;
    }
    enum lucid_error error = datadir_document_read(
        config->x402_facilitators_file, KEY, X402_ROSTER_FILE_BYTES_MAX, roster_parse, ret, why);
    return error == LUCID_OK ? networks_check(networks, ret, why) : error;
}

static enum lucid_error key_read(const struct x402_member *member, struct ledger_ed25519_key *ret,
                                 struct lucid_why *why)
{
    const char *path = member->key_secret_file;
    char *text = datadir_secret_new(SECRET_BYTES_MAX + 1);
    size_t len = 0;
    if (text == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = datadir_file_read(path, true, text, SECRET_BYTES_MAX, &len, why);
    if (error == LUCID_OK) {
        struct lucid_why inner = {0};
        error = x402_member_key_parse(member->auth, lucid_span(text, len), ret, &inner);
        if (error != LUCID_OK) {
            error =
                lucid_refuse(why, error, "INVALID_KEY", KEY, "%.200s: %.200s", path, inner.text);
        }
    }
    datadir_secret_free(text, SECRET_BYTES_MAX + 1);
    return error;
}

enum lucid_error facilitators_keys_read(struct x402_roster_file *file,
                                        struct ledger_ed25519_key *keys, struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    for (size_t i = 1; error == LUCID_OK && i < file->member_count; i++) {
        struct x402_member *member = &file->members[i];
        if (member->auth != X402_AUTH_NONE) {
            error = key_read(member, &keys[i], why);
            member->key = &keys[i];
        }
    }
    return error;
}
