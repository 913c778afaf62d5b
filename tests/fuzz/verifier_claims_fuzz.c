/* Claims documents, interaction records and rules from outside bytes. The input is up to three
 * parts divided by a NUL: a policy, a claims document, and what may be an interaction. */
#include <stdlib.h>

#include "base/assert.h"
#include "plugins/verifier/interaction.h"
#include "plugins/verifier/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy_text[] =
    "{\"type\":\"lucid.attestation.policy/v1\",\"name\":\"p\",\"auditors\":[{\"id\":\"a\","
    "\"publicKey\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}],\"rules\":["
    "{\"id\":\"r\",\"require\":{\"any\":[{\"claim\":\"x\",\"equals\":1},"
    "{\"not\":{\"claim\":\"y\",\"lessThan\":\"0.5\"}}]}},"
    "{\"id\":\"d\",\"deny_when\":{\"claim\":\"z\",\"in\":[\"a\",true]},\"action\":\"warn\"}],"
    "\"requiredClaims\":[{\"name\":\"x\"}]}";

static bool verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                   const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    (void)key;
    (void)message;
    (void)signature;
    (void)context;
    return true;
}

/* Up to the next NUL. */
static struct lucid_span part(struct lucid_span *rest)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, 0, rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    struct lucid_span ret = lucid_span(rest->data, len);
    size_t taken = end == NULL ? len : len + 1;
    *rest = lucid_span(rest->len == 0 ? rest->data : rest->data + taken, rest->len - taken);
    return ret;
}

static void appraise(const struct policy *policy, struct lucid_span document,
                     struct lucid_arena *arena)
{
    struct rules_appraisal *all = calloc(1, sizeof(*all));
    struct rules_input input = {.policy = policy,
                                .documents = &document,
                                .document_count = 1,
                                .time_s = 1790000000,
                                .verify = verify};
    struct claims_document claims;
    struct lucid_span record;
    lucid_assert(all != NULL);
    if (claims_parse(document, arena, &claims, NULL) == LUCID_OK) {
        input.time_s = claims.issued_ms / 1000;
    }
    if (rules_appraise(&input, arena, all, NULL) == LUCID_OK && all->appraised) {
        for (size_t i = 0; i < all->claim_count; i++) {
            lucid_assert((all->claims[i].status == APPRAISAL_NONE) == (all->claims[i].rules == 0));
            lucid_assert(all->submods[0].status >= all->claims[i].status);
        }
        lucid_assert(all->submods[0].document.decision != CLAIMS_DENY ||
                     all->status == APPRAISAL_CONTRAINDICATED);
        (void)!rules_record_write(&input, all, lucid_span_str("e"), arena, &record, NULL);
    }
    free(all);
}

/* A chain of what was read, twice for the link between: one that is made is one that is taken. */
static void chain_check(const struct claims_document *claims, struct lucid_arena *arena)
{
    struct claims_document later = *claims;
    const struct claims_document *const list[] = {claims, &later};
    struct interaction made;
    struct interaction again;
    struct lucid_why why = {.code = NULL};
    const struct interaction form = {
        .id = claims->auditor,
        .trace_id = claims->trace_id.len != 0 ? claims->trace_id : claims->auditor,
        .request_hash = claims->hashes[1].len != 0 ? claims->hashes[1]
                                                   : lucid_span(claims->id, LUCID_SHA256_BYTES),
        .response_hash = claims->hashes[2],
        .issued_ms = claims->issued_ms};
    later.id[0] ^= 1; /* another document of the same auditor */
    for (size_t count = 1; count <= 2; count++) {
        if (interaction_make(&form, list, count, arena, &made, &why) != LUCID_OK) {
            lucid_assert(why.code != NULL);
            continue;
        }
        lucid_assert(claims->phase == CLAIMS_ARTIFACT || claims->trace_id.len != 0 ||
                     claims->hashes[1].len != 0);
        lucid_assert(interaction_parse(made.canonical, arena, &again, NULL) == LUCID_OK);
        lucid_assert(interaction_match(&again, list, count, NULL) == LUCID_OK);
        lucid_assert(interaction_match(&again, list, 3 - count, NULL) != LUCID_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct claims_document claims;
    struct policy policy;
    struct interaction interaction;
    struct interaction again;
    struct lucid_why why = {.code = NULL};
    struct lucid_span rest = lucid_span(data, size);
    lucid_arena_init(&arena, 32U << 20);
    struct lucid_span first = part(&rest);
    struct lucid_span second = part(&rest);
    if (policy_parse(first, &arena, &policy, NULL) != LUCID_OK) {
        lucid_assert(policy_parse(lucid_span_str(policy_text), &arena, &policy, NULL) == LUCID_OK);
    }
    appraise(&policy, second, &arena);
    if (claims_parse(second, &arena, &claims, NULL) == LUCID_OK) {
        chain_check(&claims, &arena);
    }
    if (interaction_parse(rest, &arena, &interaction, &why) == LUCID_OK) {
        lucid_assert(interaction_parse(interaction.canonical, &arena, &again, NULL) == LUCID_OK);
        lucid_assert(memcmp(interaction.record_id, again.record_id, LUCID_SHA256_BYTES) == 0);
    } else {
        lucid_assert(why.code != NULL);
    }
    lucid_arena_fini(&arena);
    return 0;
}
