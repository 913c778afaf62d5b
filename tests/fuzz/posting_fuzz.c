/* Postings in the payloads of events: what is read as one moves an amount between two accounts of
 * its unit, and reads the same once written. */
#include "base/assert.h"
#include "gas/books.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 1 << 20 };

static const struct jcs_limits limits = {.depth_max = 8, .values_max = 4096};

/* The only posting of {"postings":[…]}. */
static void read_again(struct lucid_span text, const struct gas_posting_read *want)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    struct gas_posting_read got;
    lucid_arena_init(&arena, ARENA_BYTES);
    lucid_assert(jcs_parse(text, &limits, &arena, &root, NULL) == LUCID_OK);
    const struct jcs_value *list = jcs_member(root, "postings");
    lucid_assert(jcs_count(list) == 1);
    lucid_assert(gas_posting_parse(jcs_next(list, NULL), &got) == LUCID_OK);
    lucid_assert(got.amount == want->amount && got.unit == want->unit);
    lucid_assert(lucid_span_equal(got.debit, want->debit));
    lucid_assert(lucid_span_equal(got.credit, want->credit));
    lucid_assert(lucid_span_equal(got.what, want->what));
    lucid_arena_fini(&arena);
}

static void write_again(const struct gas_posting_read *posting)
{
    char debit[GAS_ACCOUNT_ID_BYTES_MAX + 1] = "";
    char credit[GAS_ACCOUNT_ID_BYTES_MAX + 1] = "";
    char what[GAS_WHAT_BYTES_MAX + 1] = "";
    memcpy(debit, posting->debit.data, posting->debit.len);
    memcpy(credit, posting->credit.data, posting->credit.len);
    memcpy(what, posting->what.data, posting->what.len);
    if (strlen(what) != posting->what.len) {
        return; /* none of ours holds a NUL */
    }
    const struct gas_posting_draft draft = {
        .debit = debit, .credit = credit, .amount = posting->amount, .what = what};
    struct lucid_buf out = {.bytes_max = 0};
    lucid_buf_char(&out, '{');
    gas_postings_write(&out, &draft, 1);
    lucid_buf_char(&out, '}');
    lucid_assert(lucid_buf_ok(&out));
    read_again(lucid_buf_span(&out), posting);
    lucid_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, ARENA_BYTES);
    if (jcs_parse(lucid_span(data, size), &limits, &arena, &root, NULL) == LUCID_OK) {
        const struct jcs_value *list = jcs_member(root, "postings");
        list = list != NULL ? list : root;
        for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL;
             at = jcs_next(list, at)) {
            struct gas_posting_read posting;
            if (gas_posting_parse(at, &posting) == LUCID_OK) {
                lucid_assert(posting.amount > 0 && posting.amount <= GAS_AMOUNT_MAX);
                lucid_assert(!lucid_span_equal(posting.debit, posting.credit));
                write_again(&posting);
            }
        }
    }
    lucid_arena_fini(&arena);
    return 0;
}
