/* Settlement statements from outside bytes: nothing that we did not sign is valid; what was read
 * and is written again reads the same; and signed by us it passes when its sums do. */
#include "base/assert.h"
#include "gas/books.h"
#include "gas/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ledger_ed25519_key key;

/* The statement signed by us, as a document. */
static void sign(const struct gas_statement *statement, struct lucid_buf *ret_document)
{
    struct lucid_buf jcs = {.bytes_max = 0};
    uint8_t hash[GAS_STATEMENT_HASH_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    gas_statement_write(statement, &jcs);
    gas_statement_hash(lucid_buf_span(&jcs), hash);
    gas_statement_sign(&key, hash, signature);
    gas_statement_document(signature, lucid_buf_span(&jcs), ret_document);
    lucid_assert(lucid_buf_ok(ret_document));
    lucid_buf_fini(&jcs);
}

static void again(const struct gas_statement_read *read, enum ledger_outcome sums)
{
    struct lucid_arena arena;
    struct lucid_buf once = {.bytes_max = 0};
    struct lucid_buf twice = {.bytes_max = 0};
    struct gas_statement_read second;
    struct ledger_report verdict;
    const struct gas_statement_trust trust = {.service_key = key.public_key};
    lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
    sign(&read->statement, &once);
    lucid_assert(gas_statement_check(lucid_buf_span(&once), &trust, &arena, &second, &verdict) ==
                 LUCID_OK);
    lucid_assert(verdict.steps[GAS_STEP_FORM].outcome == LEDGER_PASSED);
    lucid_assert(verdict.steps[GAS_STEP_SIGNATURE].outcome == LEDGER_PASSED);
    lucid_assert(verdict.steps[GAS_STEP_SUMS].outcome == sums);
    sign(&second.statement, &twice);
    lucid_assert(lucid_span_equal(lucid_buf_span(&once), lucid_buf_span(&twice)));
    /* No statement comes before itself. */
    const struct gas_statement_trust self = {.service_key = key.public_key,
                                             .previous = lucid_buf_span(&once)};
    lucid_assert(gas_statement_check(lucid_buf_span(&once), &self, &arena, NULL, &verdict) ==
                 LUCID_OK);
    lucid_assert(verdict.verdict == LEDGER_INVALID);
    lucid_buf_fini(&once);
    lucid_buf_fini(&twice);
    lucid_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[LEDGER_ED25519_SEED_BYTES] = {8, 1};
    struct lucid_arena arena;
    struct gas_statement_read read;
    struct ledger_report verdict;
    const struct gas_statement_trust trust = {.service_key = key.public_key};
    if (key.seed[0] == 0) {
        ledger_ed25519_key_init(seed, &key);
    }
    lucid_arena_init(&arena, GAS_STATEMENT_ARENA_BYTES);
    enum lucid_error error =
        gas_statement_check(lucid_span(data, size), &trust, &arena, &read, &verdict);
    lucid_assert(error == LUCID_OK || error == LUCID_RETRY_MEMORY);
    if (error == LUCID_OK && verdict.steps[GAS_STEP_FORM].outcome == LEDGER_PASSED) {
        lucid_assert(verdict.verdict == LEDGER_INVALID &&
                     read.statement.line_count <= GAS_STATEMENT_LINES_MAX);
        for (size_t i = 0; i < read.statement.line_count; i++) {
            lucid_assert(gas_name_ok(read.statement.lines[i].payee, GAS_NAME_BYTES_MAX));
        }
        again(&read, verdict.steps[GAS_STEP_SUMS].outcome);
    }
    lucid_arena_fini(&arena);
    return 0;
}
