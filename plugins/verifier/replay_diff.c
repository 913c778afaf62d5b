/* What a replay found, with the differences as JSON pointers. */
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/canonical.h"

#define DIFF_MAX             64
#define DIFF_VALUE_BYTES_MAX 512
#define DIFF_ARENA_BYTES     ((size_t)16 << 20)

struct diff {
    struct lucid_buf path; /* the pointer so far */
    struct lucid_buf *out;
    size_t count;
};

static void walk(struct diff *diff, const struct jcs_value *recorded,
                 const struct jcs_value *replayed);

/* Appends "/name", escaped by RFC 6901. */
static void path_push(struct lucid_buf *path, struct lucid_span name)
{
    lucid_buf_char(path, '/');
    for (size_t i = 0; i < name.len; i++) {
        char c = (char)name.data[i];
        if (c == '~' || c == '/') {
            lucid_buf_str(path, c == '~' ? "~0" : "~1");
        } else {
            lucid_buf_char(path, c);
        }
    }
}

/* A value, or its length where it is long. */
static void value_write(const char *name, const struct jcs_value *value, struct lucid_buf *out)
{
    struct lucid_buf form = {0};
    jcs_write(value, &form);
    lucid_json_member(out, name);
    if (form.len <= DIFF_VALUE_BYTES_MAX) {
        lucid_buf_span_put(out, lucid_buf_span(&form));
    } else {
        lucid_buf_printf(out, "\"(%zu bytes)\"", form.len);
    }
    out->failed = out->failed || !lucid_buf_ok(&form);
    lucid_buf_fini(&form);
}

static void difference(struct diff *diff, const struct jcs_value *recorded,
                       const struct jcs_value *replayed)
{
    if (diff->count++ >= DIFF_MAX) {
        return;
    }
    lucid_buf_str(diff->out, diff->count == 1 ? "{" : ",{");
    lucid_json_member_str(diff->out, "pointer", lucid_buf_span(&diff->path));
    if (recorded != NULL) {
        value_write("recorded", recorded, diff->out);
    }
    if (replayed != NULL) {
        value_write("replayed", replayed, diff->out);
    }
    lucid_buf_char(diff->out, '}');
}

static const struct jcs_value *find(const struct jcs_value *object, struct lucid_span name)
{
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(object, at)) != NULL) {
        if (lucid_span_equal(jcs_name(at), name)) {
            return at;
        }
    }
    return NULL;
}

/* Walks one member or element, whose name is the next part of the path. */
static void step(struct diff *diff, struct lucid_span name, const struct jcs_value *recorded,
                 const struct jcs_value *replayed)
{
    size_t len = diff->path.len;
    path_push(&diff->path, name);
    walk(diff, recorded, replayed);
    diff->path.len = len;
}

static void objects(struct diff *diff, const struct jcs_value *recorded,
                    const struct jcs_value *replayed)
{
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(recorded, at)) != NULL) {
        step(diff, jcs_name(at), at, find(replayed, jcs_name(at)));
    }
    while ((at = jcs_next(replayed, at)) != NULL) {
        if (find(recorded, jcs_name(at)) == NULL) {
            step(diff, jcs_name(at), NULL, at);
        }
    }
}

static void arrays(struct diff *diff, const struct jcs_value *recorded,
                   const struct jcs_value *replayed)
{
    const struct jcs_value *a = jcs_next(recorded, NULL);
    const struct jcs_value *b = jcs_next(replayed, NULL);
    for (size_t i = 0; a != NULL || b != NULL; i++) {
        struct lucid_buf index = {0};
        lucid_buf_u64(&index, i);
        step(diff, lucid_buf_span(&index), a, b);
        lucid_buf_fini(&index);
        a = a == NULL ? NULL : jcs_next(recorded, a);
        b = b == NULL ? NULL : jcs_next(replayed, b);
    }
}

static bool scalars_equal(const struct jcs_value *a, const struct jcs_value *b)
{
    struct lucid_buf left = {0};
    struct lucid_buf right = {0};
    jcs_write(a, &left);
    jcs_write(b, &right);
    bool equal = lucid_span_equal(lucid_buf_span(&left), lucid_buf_span(&right));
    lucid_buf_fini(&left);
    lucid_buf_fini(&right);
    return equal;
}

/* Recursion is bounded by the depth that the documents were parsed with. */
static void walk(struct diff *diff, const struct jcs_value *recorded,
                 const struct jcs_value *replayed)
{
    if (recorded == NULL || replayed == NULL || jcs_type(recorded) != jcs_type(replayed)) {
        difference(diff, recorded, replayed);
    } else if (jcs_type(recorded) == JCS_OBJECT) {
        objects(diff, recorded, replayed);
    } else if (jcs_type(recorded) == JCS_ARRAY) {
        arrays(diff, recorded, replayed);
    } else if (!scalars_equal(recorded, replayed)) {
        difference(diff, recorded, replayed);
    }
}

/* NULL: no such document. */
static const struct jcs_value *document(struct lucid_span text, struct lucid_arena *arena)
{
    static const struct jcs_limits limits = {.depth_max = 24, .values_max = 32768};
    const struct jcs_value *root;
    return text.len > 0 && jcs_parse(text, &limits, arena, &root, NULL) == LUCID_OK ? root : NULL;
}

static void documents(struct diff *diff, const char *name, struct lucid_span recorded,
                      struct lucid_span replayed, struct lucid_arena *arena)
{
    const struct jcs_value *a = document(recorded, arena);
    const struct jcs_value *b = document(replayed, arena);
    if (a != NULL || b != NULL) {
        step(diff, lucid_span_str(name), a, b);
    }
}

void replay_write(const struct replay *replay, struct lucid_buf *out)
{
    struct diff diff = {.out = out};
    struct lucid_arena arena;
    lucid_arena_init(&arena, DIFF_ARENA_BYTES);
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "outcome", replay_outcome_name(replay->outcome));
    if (replay->outcome != REPLAY_SAME && replay->outcome != REPLAY_UNKNOWN_KEY) {
        lucid_json_member_cstr(out, "differs", replay_outcome_name(replay->outcome));
    }
    lucid_json_member_hex(out, "recordId", replay->record_id, sizeof(replay->record_id));
    lucid_json_member_u64(out, "rulesVersion", replay->rules_version);
    lucid_json_member_u64(out, "ownRulesVersion", APPRAISAL_RULES_VERSION);
    lucid_json_member_bool(out, "appraised", replay->appraisal.appraised);
    lucid_json_member_cstr(out, "status", appraisal_tier_name(replay->appraisal.status));
    lucid_json_member_bool(out, "mock", replay->appraisal.is_mock);
    lucid_json_member_bool(out, "test", replay->test);
    if (replay->has_key) {
        canonical_base64url(out, "key", lucid_span(replay->key, sizeof(replay->key)));
    }
    canonical_open(out, "differences", '[');
    documents(&diff, "claims", replay->recorded, replay->claims, &arena);
    documents(&diff, "record", replay->record, replay->remade, &arena);
    lucid_buf_char(out, ']');
    if (diff.count > DIFF_MAX) {
        lucid_json_member_u64(out, "differencesLeftOut", diff.count - DIFF_MAX);
    }
    lucid_buf_char(out, '}');
    lucid_buf_fini(&diff.path);
    lucid_arena_fini(&arena);
}
