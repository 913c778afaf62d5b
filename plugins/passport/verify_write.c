/* The answer of a verification as JSON. */
#include "plugins/passport/verify.h"

static void text_write(struct lucid_buf *out, const char *name, bool there, struct lucid_span text)
{
    if (there) {
        lucid_json_member_str(out, name, text);
    } else {
        lucid_json_member_null(out, name);
    }
}

static void date_write(struct lucid_buf *out, const char *name, bool there, uint64_t time_s)
{
    if (there) {
        passport_date_write(out, name, time_s);
    } else {
        lucid_json_member_null(out, name);
    }
}

static void auditors_write(const struct verify *verify, struct lucid_buf *out)
{
    lucid_json_member(out, "auditors");
    lucid_buf_char(out, '[');
    for (size_t i = 0; verify->has_passport && i < verify->passport.auditor_count; i++) {
        const struct passport_auditor *auditor = &verify->passport.auditors[i];
        lucid_buf_str(out, i == 0 ? "{" : ",{");
        lucid_json_member_str(out, "id", auditor->id);
        lucid_json_member_str(out, "name", auditor->name);
        lucid_json_member_cstr(out, "status", passport_auditor_status_name(auditor->status));
        lucid_json_member_cstr(
            out, "source",
            passport_source_name(auditor->has_source ? auditor->source : PASSPORT_DECLARED));
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

static void checks_write(const struct verify *verify, struct lucid_buf *out)
{
    lucid_json_member(out, "checks");
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < VERIFY_CHECKS; i++) {
        const struct verify_result *result = &verify->checks[i];
        const char *text = verify_code_text(result->code);
        lucid_buf_str(out, i == 0 ? "{" : ",{");
        lucid_json_member_cstr(out, "check", verify_check_name((enum verify_check)i));
        lucid_json_member_cstr(out, "outcome", verify_outcome_name(result->outcome));
        lucid_json_member_cstr(out, "code", result->code);
        lucid_json_member_cstr(out, "detail", result->detail);
        lucid_json_member_cstr(out, "text", text == NULL ? result->code : text);
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, ']');
}

void verify_write(const struct verify *verify, struct lucid_buf *out)
{
    const struct passport *passport = &verify->passport;
    bool there = verify->has_passport;
    lucid_json_member_bool(out, "valid", verify->verdict == VERIFY_VALID);
    lucid_json_member_cstr(out, "verdict", verify_verdict_name(verify->verdict));
    lucid_json_member_cstr(out, "level", verify_level_name(verify->level));
    lucid_json_member_cstr(out, "status",
                           verify->has_status ? status_kind_name(verify->status) : "unknown");
    text_write(out, "passportId", there, passport->id);
    text_write(out, "appName", there, passport->app_name);
    text_write(out, "tee_type", there, passport->tee.type);
    auditors_write(verify, out);
    lucid_json_member_bool(out, "is_mock", there && passport->is_mock);
    lucid_json_member_bool(out, "test", there && passport->test);
    date_write(out, "expiresAt", there, passport->expires_s);
    checks_write(verify, out);
}
