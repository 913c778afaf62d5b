#include "tools/witness/witness.h"

#include "base/assert.h"

static enum witness_status answer(struct lucid_buf *out, enum witness_status status,
                                  const char *text)
{
    lucid_buf_str(out, text);
    lucid_buf_char(out, '\n');
    return status;
}

/* A log that signs two heads that do not fit together is caught whatever the client says of old
 * sizes and proofs, as long as the sizes are the same. */
static bool contradicts(const struct witness_log *log, const struct ledger_checkpoint *head)
{
    return log->note.len > 0 && head->size == log->size &&
           memcmp(head->root.bytes, log->root.bytes, MMR_HASH_BYTES) != 0;
}

static enum witness_status proof_judge(const struct witness_log *log,
                                       const struct ledger_witness_request *request,
                                       const struct ledger_checkpoint *head, struct lucid_buf *out,
                                       bool *ret_fork)
{
    if (contradicts(log, head)) {
        *ret_fork = true;
        return answer(out, WITNESS_INCONSISTENT, "another root was cosigned at this size");
    }
    /* Nothing contradicts the empty tree; its head can only have the one root. */
    bool first = request->old_size == 0;
    bool ok = first ? request->proof_count == 0
                    : mmr_verify_consistency(request->old_size, head->size, &log->root, &head->root,
                                             request->proof, request->proof_count);
    return ok ? WITNESS_OK
              : answer(out, WITNESS_INCONSISTENT,
                       "the proof does not lead from the head cosigned last to this one");
}

/* All that the specification asks before a cosignature, in its order. */
static enum witness_status request_judge(struct witness *witness, struct lucid_span body,
                                         struct ledger_witness_request *request,
                                         struct ledger_note *note, struct ledger_checkpoint *head,
                                         struct witness_log **ret_log, struct lucid_buf *out,
                                         bool *ret_fork)
{
    struct lucid_why why = {0};
    struct lucid_span text;
    struct lucid_span origin;
    if (ledger_witness_request_parse(body, request, &why) != LUCID_OK) {
        return answer(out, WITNESS_MALFORMED, why.text);
    }
    if (!ledger_note_text(request->checkpoint, &text)) {
        return answer(out, WITNESS_MALFORMED, "this is not a signed checkpoint");
    }
    struct lucid_span lines = text;
    struct witness_log *log =
        ledger_note_line_next(&lines, &origin) ? witness_find(witness, origin) : NULL;
    if (log == NULL) {
        return answer(out, WITNESS_UNKNOWN, "this witness does not know the log");
    }
    enum lucid_error error =
        ledger_note_open(request->checkpoint, log->keys, log->key_count, note, &why);
    if (error == LUCID_REFUSE_TOO_LARGE ||
        (error == LUCID_REFUSE_INVALID && strcmp(why.code, "NOTE_MALFORMED") == 0)) {
        return answer(out, WITNESS_MALFORMED, why.text);
    }
    if (error != LUCID_OK) {
        return answer(out, WITNESS_UNTRUSTED, "no trusted key of the log has signed this");
    }
    if (ledger_checkpoint_parse(text, head, &why) != LUCID_OK) {
        return answer(out,
                      strcmp(why.param, "root") == 0 ? WITNESS_INCONSISTENT : WITNESS_MALFORMED,
                      why.text);
    }
    if (request->old_size > head->size) {
        return answer(out, WITNESS_MALFORMED, "the old size is over the new one");
    }
    if (request->old_size != log->size) {
        *ret_fork = contradicts(log, head);
        lucid_buf_u64(out, log->size);
        lucid_buf_char(out, '\n');
        return WITNESS_OTHER;
    }
    *ret_log = log;
    return proof_judge(log, request, head, out, ret_fork);
}

/* What is kept and served: the text, the first line of each of the log's keys that has signed, and
 * our line. Other lines were not verified, and nobody may fill our state with them: a note holds
 * only so many. */
static void note_make(const struct witness_log *log, const struct ledger_note *note,
                      struct lucid_span line, struct lucid_buf *out)
{
    lucid_buf_span_put(out, note->text);
    lucid_buf_char(out, '\n');
    for (size_t i = 0; i < log->key_count; i++) {
        struct lucid_span rest = note->signatures;
        struct lucid_span at;
        while (ledger_note_line_next(&rest, &at)) {
            if (ledger_note_line_names(at, &log->keys[i])) {
                lucid_buf_span_put(out, at);
                lucid_buf_char(out, '\n');
                break;
            }
        }
    }
    lucid_buf_span_put(out, line);
}

enum witness_status witness_add(struct witness *witness, struct lucid_span body, uint64_t now_s,
                                struct lucid_buf *out, bool *ret_fork)
{
    struct ledger_witness_request request;
    struct ledger_note note;
    struct ledger_checkpoint head;
    struct witness_log *log = NULL;
    *ret_fork = false;
    enum witness_status status =
        request_judge(witness, body, &request, &note, &head, &log, out, ret_fork);
    if (status != WITNESS_OK) {
        return status;
    }
    struct lucid_why why = {0};
    struct lucid_buf kept;
    /* The head that was cosigned last, again: a new time, and nothing new to remember. */
    if (log->note.len > 0 && head.size == log->size) {
        return ledger_cosignature_sign(witness->key, now_s, note.text, out, &why) == LUCID_OK
                   ? WITNESS_OK
                   : answer(out, WITNESS_UNAVAILABLE, "the head could not be signed");
    }
    lucid_buf_init(&kept, LEDGER_NOTE_BYTES_MAX);
    size_t before = out->len;
    enum lucid_error error = ledger_cosignature_sign(witness->key, now_s, note.text, out, &why);
    if (error == LUCID_OK && lucid_buf_ok(out)) {
        note_make(log, &note, lucid_span(out->data + before, out->len - before), &kept);
    }
    if (error == LUCID_OK && !(lucid_buf_ok(out) && lucid_buf_ok(&kept))) {
        error = LUCID_RETRY_MEMORY;
    }
    /* First durable, then said: what is forgotten could be contradicted. */
    if (error == LUCID_OK) {
        error = witness_state_write(witness, log, lucid_buf_span(&kept), &why);
    }
    if (error != LUCID_OK) {
        lucid_buf_fini(&kept);
        lucid_buf_clear(out);
        return answer(out, WITNESS_UNAVAILABLE, "the state could not be written");
    }
    lucid_buf_fini(&log->note);
    log->note = kept;
    log->size = head.size;
    log->root = head.root;
    return WITNESS_OK;
}
