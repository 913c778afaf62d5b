/* Epochs: what they are, what lies in them, closing one by hand. */
#include "http/api/api_internal.h"
#include "ledger/proof.h"

/* From the tree as it was when the epoch began to the tree at its end. */
static enum lucid_error consistency_write(struct ledger_view *view,
                                          const struct ledger_epoch *epoch, struct lucid_buf *out)
{
    struct mmr_nodes nodes = ledger_view_nodes(view);
    struct mmr_hash root_from;
    struct mmr_path path;
    enum lucid_error error = mmr_root(&nodes, epoch->first_leaf, &root_from);
    if (error == LUCID_OK) {
        error = mmr_consistency_path(&nodes, epoch->first_leaf, epoch->end_leaf, &path);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (!mmr_verify_consistency(epoch->first_leaf, epoch->end_leaf, &root_from, &epoch->root,
                                path.hash, path.count)) {
        return LUCID_FATAL_CORRUPT;
    }
    ledger_consistency_write_json(out, epoch->first_leaf, epoch->end_leaf, &root_from, &epoch->root,
                                  &path);
    return LUCID_OK;
}

static void open_members_write(struct lucid_buf *out)
{
    lucid_json_member_null(out, "finalized_at");
    lucid_json_member_null(out, "closed_by");
    lucid_json_member_null(out, "checkpoint");
    lucid_json_member_null(out, "consistency_proof");
    lucid_json_member_cstr(out, "status", "open");
}

static enum lucid_error closed_members_write(struct ledger_view *view,
                                             const struct ledger_epoch *epoch,
                                             struct lucid_buf *out)
{
    struct ledger_head head;
    enum lucid_error error = ledger_head_of_size(view, epoch->end_leaf, &head);
    if (error != LUCID_OK) {
        /* The epoch's close drafts the head in the same commit: absent means lost. */
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    if (memcmp(head.root.bytes, epoch->root.bytes, MMR_HASH_BYTES) != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    lucid_json_member_time(out, "finalized_at", epoch->closed_ms);
    lucid_json_member_cstr(out, "closed_by", epoch_closed_by_name(epoch->closed_by));
    lucid_json_member_str(out, "checkpoint", head.checkpoint);
    lucid_json_member(out, "consistency_proof");
    error = consistency_write(view, epoch, out);
    lucid_json_member_cstr(out, "status", "finalized");
    return error;
}

static enum lucid_error epoch_write(struct ledger_view *view, const struct ledger_epoch *epoch,
                                    struct lucid_buf *out)
{
    struct mmr_hash root = epoch->root;
    if (epoch->closed_by == EPOCH_OPEN) {
        struct mmr_nodes nodes = ledger_view_nodes(view);
        enum lucid_error error = mmr_root(&nodes, epoch->end_leaf, &root);
        if (error != LUCID_OK) {
            return error;
        }
    }
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "epoch", epoch->number);
    lucid_json_member_u64(out, "first_leaf", epoch->first_leaf);
    lucid_json_member_u64(out, "end_leaf", epoch->end_leaf);
    lucid_json_member_u64(out, "receipt_count", epoch->end_leaf - epoch->first_leaf);
    lucid_json_member_hex(out, "root", root.bytes, sizeof(root.bytes));
    lucid_json_member_time(out, "opened_at", epoch->opened_ms);
    enum lucid_error error = LUCID_OK;
    if (epoch->closed_by == EPOCH_OPEN) {
        open_members_write(out);
    } else {
        error = closed_members_write(view, epoch, out);
    }
    lucid_buf_char(out, '}');
    return error;
}

/* Answers one epoch and ends the view. error: of finding it. */
static void epoch_answer(struct http_request *request, struct ledger_view *view,
                         enum lucid_error error, const struct ledger_epoch *epoch)
{
    struct lucid_buf out = {0};
    bool absent = error == LUCID_NOTE_ABSENT;
    if (error == LUCID_OK) {
        error = epoch_write(view, epoch, &out);
    }
    ledger_view_end(view);
    if (absent) {
        api_not_found(request, "epoch");
    } else if (error != LUCID_OK) {
        lucid_buf_fini(&out);
        api_refuse(request, error, NULL);
    } else if (epoch->closed_by != EPOCH_OPEN) {
        api_answer_tagged(request, API_JSON, &out, true);
    } else {
        api_answer(request, 200, API_JSON, &out);
    }
}

void api_epoch_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    uint64_t number;
    if (!api_decimal(http_param(request, "n"), &number)) {
        api_not_found(request, "epoch");
        return;
    }
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct ledger_epoch epoch = {0};
    enum lucid_error error = ledger_epoch_read(view, number, &epoch);
    epoch_answer(request, view, error, &epoch);
}

void api_epoch_current_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    struct ledger_epoch epoch = {0};
    enum lucid_error error = ledger_epoch_current(view, &epoch);
    epoch_answer(request, view, error, &epoch);
}

/* --- lists ------------------------------------------------------------------------------------ */

void api_epochs_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct api_page page;
    if (!api_page_begin(request, 'e', 8, &page)) {
        return;
    }
    uint64_t number = page.after_len != 0 ? lucid_get_be64(page.after) : 0;
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct ledger_epoch epoch;
    enum lucid_error error = ledger_epoch_read(view, number, &epoch);
    while (error == LUCID_OK && api_page_item(&page)) {
        error = epoch_write(view, &epoch, &page.out);
        if (error == LUCID_OK) {
            error = ledger_epoch_read(view, ++number, &epoch);
        }
    }
    uint8_t position[8];
    lucid_put_be64(position, number);
    api_page_end(request, &page, view, error, position, sizeof(position));
}

/* Placements from leaf on; *leaf ends at the first one that is not in the page. Leaves of other
 * kinds are passed over, and count against the limit's work: a page may hold fewer items. */
static enum lucid_error placements_write(const struct api *api, struct ledger_view *view,
                                         uint64_t end, uint64_t *leaf, struct api_page *page)
{
    for (; *leaf < end; (*leaf)++) {
        struct receipt_record record;
        enum lucid_error error = receipt_read(view, *leaf, false, &record);
        if (error == LUCID_NOTE_ABSENT) {
            continue;
        }
        if (error != LUCID_OK) {
            return error;
        }
        if (!api_page_item(page)) {
            return LUCID_OK;
        }
        lucid_buf_char(&page->out, '{');
        api_placement_write(api, &record.placement, &page->out);
        lucid_buf_char(&page->out, '}');
    }
    return LUCID_OK;
}

void api_epoch_receipts_get(struct http_request *request, const struct http_route *route)
{
    (void)route;
    uint64_t number;
    if (!api_decimal(http_param(request, "n"), &number)) {
        api_not_found(request, "epoch");
        return;
    }
    struct api_page page;
    if (!api_page_begin(request, 'r', 8, &page)) {
        return;
    }
    struct ledger_view *view = api_page_view(request, &page);
    if (view == NULL) {
        return;
    }
    struct ledger_epoch epoch;
    uint64_t leaf = 0;
    enum lucid_error error = ledger_epoch_read(view, number, &epoch);
    bool absent = error == LUCID_NOTE_ABSENT;
    if (error == LUCID_OK) {
        leaf = page.after_len != 0 ? lucid_get_be64(page.after) : epoch.first_leaf;
        leaf = leaf < epoch.first_leaf ? epoch.first_leaf : leaf;
        error = placements_write(api_of_route(route), view, epoch.end_leaf, &leaf, &page);
    }
    ledger_view_end(view);
    if (error != LUCID_OK) {
        api_page_drop(&page);
        if (absent) {
            api_not_found(request, "epoch");
        } else {
            api_refuse(request, error, NULL);
        }
        return;
    }
    uint8_t position[8];
    lucid_put_be64(position, leaf);
    api_page_answer(request, &page, leaf < epoch.end_leaf ? position : NULL, sizeof(position));
}

/* --- finalize --------------------------------------------------------------------------------- */

struct finalize_call {
    struct api_call call; /* first member */
    struct ledger_epoch_command command;
};

static void finalize_answer(struct api_call *call)
{
    uint64_t number = ((struct finalize_call *)call)->command.ret_epoch;
    struct ledger_view *view = api_view_begin(call->request);
    if (view == NULL) {
        return;
    }
    struct ledger_epoch epoch;
    struct lucid_buf out = {0};
    enum lucid_error error = ledger_epoch_read(view, number, &epoch);
    if (error == LUCID_OK) {
        error = epoch_write(view, &epoch, &out);
    }
    ledger_view_end(view);
    if (error != LUCID_OK) {
        lucid_buf_fini(&out);
        api_refuse(call->request, error, NULL);
    } else {
        api_answer(call->request, 200, API_JSON, &out);
    }
}

void api_epoch_finalize_post(struct http_request *request, const struct http_route *route)
{
    struct finalize_call *call = lucid_arena_zalloc(http_arena(request), sizeof(*call));
    if (call == NULL) {
        api_refuse(request, LUCID_RETRY_MEMORY, NULL);
        return;
    }
    ledger_epoch_command_init(&call->command, EPOCH_FINALIZE);
    call->call.answer = finalize_answer;
    api_call_submit(&call->call, request, api_of_route(route), &call->command.command);
}
