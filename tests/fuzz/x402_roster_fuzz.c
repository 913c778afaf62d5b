/* The operator's file of facilitators: what is taken is within all bounds, and refusals say why. */
#include "base/assert.h"
#include "x402/roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct x402_roster_file file;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_why why = {.code = NULL};
    if (x402_roster_parse(lucid_span(data, size), &file, &why) != LUCID_OK) {
        lucid_assert(why.text[0] != '\0');
        return 0;
    }
    lucid_assert(file.member_count >= 1 && file.member_count <= X402_MEMBERS_MAX);
    lucid_assert(file.order_count >= 1 && file.order_count <= 1 + X402_ROSTER_ASSETS_MAX);
    for (size_t i = 1; i < file.member_count; i++) {
        const struct x402_member *member = &file.members[i];
        lucid_assert(strncmp(member->url, "https://", 8) == 0 ||
                     strncmp(member->url, "http://", 7) == 0);
        lucid_assert((member->auth == X402_AUTH_NONE) == (member->key_id[0] == '\0'));
        lucid_assert(member->timeout_ms >= 100 && member->settle_timeout_ms >= 100);
    }
    for (size_t i = 0; i < file.order_count; i++) {
        lucid_assert(file.orders[i].count >= 1 && file.orders[i].count <= file.member_count);
        for (size_t n = 0; n < file.orders[i].count; n++) {
            lucid_assert(file.orders[i].members[n] < file.member_count);
        }
    }
    return 0;
}
