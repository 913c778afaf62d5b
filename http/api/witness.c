/* What the witnesses of our heads change in answers: the cosigned /checkpoint, "witnessed" in
 * placements, and who they are in /v1/log. Without a policy nothing of this shows. */
#include "ledger/witness.h"

#include "http/api/api_internal.h"

/* Whether a leaf is under a head that satisfies the policy. Without a quorum every head does. */
static bool leaf_witnessed(const struct api_witnesses *witnesses,
                           const struct receipt_placement *placement)
{
    uint64_t size;
    if (witnesses->policy->quorum == 0) {
        return placement->status != RECEIPT_LOGGED;
    }
    return witnesses->witnessed(witnesses->context, &size) && placement->leaf_index < size;
}

void api_placement_write(const struct api *api, const struct receipt_placement *placement,
                         struct lucid_buf *out)
{
    const struct api_witnesses *witnesses = api->options.witnesses;
    receipt_placement_write(placement, out);
    if (witnesses != NULL) {
        lucid_json_member_bool(out, "witnessed", leaf_witnessed(witnesses, placement));
    }
}

/* Name and key of one, and how far it has come since the start. */
static void witness_write(const struct api_witnesses *witnesses, size_t witness,
                          struct lucid_buf *out)
{
    const struct ledger_vkey *key = &witnesses->policy->witnesses[witness].vkey;
    struct api_witness_status status;
    char vkey[LEDGER_VKEY_BYTES_MAX];
    size_t len = ledger_vkey_format(key, vkey);
    witnesses->status(witnesses->context, witness, &status);
    lucid_buf_char(out, '{');
    lucid_json_member_str(out, "name", ledger_vkey_name(key));
    lucid_json_member_str(out, "vkey", lucid_span(vkey, len));
    if (status.cosigned) {
        lucid_json_member_u64(out, "size", status.size);
        lucid_json_member_time(out, "cosigned_at", status.cosigned_ms);
    } else {
        lucid_json_member_null(out, "size");
        lucid_json_member_null(out, "cosigned_at");
    }
    lucid_buf_char(out, '}');
}

void api_witnesses_write(const struct api_options *options, struct lucid_buf *out)
{
    const struct api_witnesses *witnesses = options->witnesses;
    if (witnesses == NULL) {
        return;
    }
    uint64_t size;
    if (witnesses->witnessed(witnesses->context, &size)) {
        lucid_json_member_u64(out, "witnessed_size", size);
    } else {
        lucid_json_member_null(out, "witnessed_size");
    }
    lucid_json_member(out, "witnesses");
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < witnesses->policy->witness_count; i++) {
        if (i > 0) {
            lucid_buf_char(out, ',');
        }
        witness_write(witnesses, i, out);
    }
    lucid_buf_char(out, ']');
}

bool api_witness_ahead(const struct api_options *options)
{
    const struct api_witnesses *witnesses = options->witnesses;
    bool ahead = false;
    for (size_t i = 0; witnesses != NULL && i < witnesses->policy->witness_count; i++) {
        struct api_witness_status status;
        witnesses->status(witnesses->context, i, &status);
        ahead = ahead || status.ahead;
    }
    return ahead;
}

/* --- /checkpoint ------------------------------------------------------------------------------ */

/* The newest head: as it is without a policy, or while none has a quorum; else the newest that has,
 * with its cosignatures. size is what was witnessed before the view began. What was served without
 * a quorum is not taken back: it stays until a head with one is as large. */
static enum lucid_error checkpoint_write(struct api *api, struct ledger_view *view, bool witnessed,
                                         uint64_t size, struct lucid_buf *out)
{
    uint64_t served = atomic_load(&api->checkpoint_size);
    if (witnessed) {
        return ledger_witness_checkpoint(view, size > served ? size : served, out);
    }
    struct ledger_head head;
    enum lucid_error error = ledger_head_newest(view, &head);
    if (error != LUCID_OK) {
        return error;
    }
    if (api->options.witnesses == NULL) {
        lucid_buf_span_put(out, head.checkpoint);
        return LUCID_OK;
    }
    while (served < head.size &&
           !atomic_compare_exchange_weak(&api->checkpoint_size, &served, head.size)) {
    }
    return ledger_witness_checkpoint(view, head.size, out);
}

void api_checkpoint_get(struct http_request *request, const struct http_route *route)
{
    struct api *api = api_of_route(route);
    const struct api_witnesses *witnesses = api->options.witnesses;
    uint64_t size = 0;
    bool witnessed = witnesses != NULL && witnesses->policy->quorum != 0 &&
                     witnesses->witnessed(witnesses->context, &size);
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct lucid_buf out = {0};
    enum lucid_error error = checkpoint_write(api, view, witnessed, size, &out);
    ledger_view_end(view);
    if (error == LUCID_NOTE_ABSENT) {
        http_add_header(request, "Retry-After", "1");
        api_problem(request, 503, "NOT_COVERED", NULL, "no head has been published yet");
    } else if (error != LUCID_OK) {
        lucid_buf_fini(&out);
        api_refuse(request, error, NULL);
    } else {
        api_answer_tagged(request, API_TEXT, &out, false);
    }
}
