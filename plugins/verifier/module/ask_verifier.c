/* What the verifier's routes share beyond plugins/kit/ask.h. */
#include "plugins/verifier/field.h"
#include "plugins/verifier/module/module.h"
#include "plugins/verifier/scheme.h"

enum { SUMMARY_DEPTH_MAX = 4, SUMMARY_VALUES_MAX = 256 };

enum lucid_error ask_pem(struct ask *ask, struct lucid_span text, size_t max, const char *param,
                         struct lucid_span *ret, struct lucid_why *why)
{
    static const char pem[] = "-----BEGIN";
    struct lucid_plugin_bytes kept;
    if (text.len < sizeof(pem) || memcmp(text.data, pem, sizeof(pem) - 1) != 0) {
        return ask_base64(ask, text, max, param, ret, why);
    }
    if (text.len > max) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_REQUEST", param,
                            "it must have at most %zu bytes", max);
    }
    enum lucid_error error = ask_keep(ask, text, &kept);
    *ret = error == LUCID_OK ? kit_span(kept) : *ret;
    return error;
}

/* As times stand in JSON elsewhere, or as they stand in records. */
static bool time_take(const struct jcs_value *value, uint64_t *ret_s)
{
    uint64_t ms = 0;
    if (jcs_type(value) == JCS_NUMBER) {
        return jcs_uint(value, ret_s) && *ret_s <= ASK_TIME_MAX_S;
    }
    if (jcs_type(value) != JCS_STRING || !field_time_read(jcs_string(value), &ms)) {
        return false;
    }
    *ret_s = ms / 1000;
    return true;
}

enum lucid_error ask_test_time(const struct ask *ask, const struct jcs_value *body, uint64_t *ret,
                               struct lucid_why *why)
{
    const struct jcs_value *time = jcs_member(body, "test_time");
    uint64_t time_s = ask->now_ms / 1000;
    if (time != NULL && !ask->host->test) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "TEST_ONLY", "test_time",
                            "only a store made by `lucid log init --test` takes it");
    }
    if (time != NULL && !time_take(time, &time_s)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "test_time",
                            "it must be a time in UTC such as 2026-11-21T10:00:00Z, or a whole "
                            "number of Unix seconds");
    }
    *ret = time_s;
    return LUCID_OK;
}

/* A summary is an object: its members go on in the row. Times stand in it as in the record that it
 * was folded from, in Unix seconds; the row says them as all answers do. */
static enum lucid_error summary_write(struct ask *ask, struct lucid_span summary)
{
    static const struct jcs_limits limits = {SUMMARY_DEPTH_MAX, SUMMARY_VALUES_MAX};
    struct lucid_buf *out = &ask->out;
    const struct jcs_value *root;
    uint64_t time_s = 0;
    enum lucid_error error = jcs_parse(summary, &limits, &ask->arena, &root, NULL);
    if (error != LUCID_OK) {
        return lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_FATAL_CORRUPT : error;
    }
    for (const struct jcs_value *at = jcs_next(root, NULL); at != NULL; at = jcs_next(root, at)) {
        if (!lucid_span_is(jcs_name(at), "time")) {
            lucid_buf_char(out, ',');
            lucid_json_string(out, jcs_name(at));
            lucid_buf_char(out, ':');
            jcs_write(at, out);
        } else if (jcs_type(at) == JCS_NUMBER && jcs_uint(at, &time_s) &&
                   time_s <= ASK_TIME_MAX_S) {
            lucid_json_member_time(out, "time", time_s * 1000);
        } else {
            return LUCID_FATAL_CORRUPT;
        }
    }
    return LUCID_OK;
}

enum lucid_error ask_row_write(struct ask *ask, const struct kind_row *row, const char *name)
{
    struct lucid_buf *out = &ask->out;
    lucid_buf_char(out, '{');
    if (name != NULL) {
        lucid_json_member_hex(out, name, row->id, sizeof(row->id));
    } else {
        canonical_digest(out, "id", row->id);
    }
    lucid_json_member_u64(out, "sequence", row->sequence);
    lucid_json_member_u64(out, "leaf_index", row->leaf);
    lucid_json_member_time(out, "logged_at", row->time_ms);
    enum lucid_error error = row->summary.len > 0 ? summary_write(ask, row->summary) : LUCID_OK;
    lucid_buf_char(out, '}');
    return error;
}

enum lucid_error ask_item_row(struct ask *ask, enum kind_item item, const char *name, uint64_t from,
                              uint64_t *ret_sequence)
{
    struct kind_row row;
    enum lucid_error error = kind_step(ask->host, ask->view, item, from, ask->newest_first, &row);
    if (error == LUCID_OK) {
        error = ask_row_write(ask, &row, name);
        *ret_sequence = row.sequence;
    }
    return error;
}
