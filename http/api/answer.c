/* Answers: cache headers, entity tags, problem documents. */
#include <stdio.h>

#include "http/api/api_internal.h"

/* TAG_TEXT_BYTES: in quotes, with room for the coding, and a NUL. */
enum { TAG_TEXT_BYTES = 2 * LUCID_SHA256_BYTES + 6 };

static const char immutable_control[] = "public, max-age=31536000, immutable";

void api_answer(struct http_request *request, int status, const char *type, struct lucid_buf *body)
{
    http_add_header(request, "Cache-Control", "no-cache");
    http_respond(request, status, type, body);
}

/* The hash of the content: equal answers have equal tags, on any server. */
static void tag_make(const uint8_t hash[LUCID_SHA256_BYTES], bool coded, char ret[TAG_TEXT_BYTES])
{
    ret[0] = '"';
    lucid_hex_encode(hash, LUCID_SHA256_BYTES, ret + 1);
    memcpy(ret + 1 + 2 * LUCID_SHA256_BYTES, coded ? "-gz\"" : "\"", coded ? 5 : 2);
}

/* RFC 9110 13.1.2: `*` or a list that holds the tag; weak comparison, so a W/ before it is passed
 * over. Our tags hold no comma, and a foreign one that does cannot be mistaken for ours. */
static bool tag_listed(struct lucid_span list, const char *tag)
{
    return memmem(list.data, list.len, tag, strlen(tag)) != NULL;
}

/* Who has the content in one coding needs it in no other. */
static bool content_known(struct http_request *request, const uint8_t hash[LUCID_SHA256_BYTES])
{
    char plain[TAG_TEXT_BYTES];
    char coded[TAG_TEXT_BYTES];
    struct lucid_span list = http_header(request, "if-none-match");
    if (list.data == NULL || http_is_private(request)) {
        return false;
    }
    tag_make(hash, false, plain);
    tag_make(hash, true, coded);
    return lucid_span_is(list, "*") || tag_listed(list, plain) || tag_listed(list, coded);
}

void api_answer_tagged(struct http_request *request, const char *type, struct lucid_buf *body,
                       bool immutable)
{
    api_answer_tagged_as(request, type, body, immutable ? immutable_control : "no-cache");
}

void api_answer_tagged_as(struct http_request *request, const char *type, struct lucid_buf *body,
                          const char *control)
{
    if (!lucid_buf_ok(body)) {
        http_respond(request, 500, type, body);
        return;
    }
    uint8_t hash[LUCID_SHA256_BYTES];
    char tag[TAG_TEXT_BYTES];
    lucid_sha256(lucid_buf_span(body), hash);
    tag_make(hash, http_answer_is_coded(request, type, body->len), tag);
    http_add_header(request, "ETag", tag);
    if (control != NULL) {
        http_add_header(request, "Cache-Control", control);
    }
    if (content_known(request, hash)) {
        if (http_answer_varies(type, body->len)) {
            http_add_header(request, "Vary", "Accept-Encoding");
        }
        lucid_buf_fini(body);
        http_respond(request, 304, NULL, body);
        return;
    }
    http_respond(request, 200, type, body);
}

bool api_tag_matches(struct http_request *request, const uint8_t hash[LUCID_SHA256_BYTES])
{
    return content_known(request, hash);
}

void api_answer_immutable(struct http_request *request, int status, const char *type,
                          struct lucid_buf *body, const uint8_t hash[LUCID_SHA256_BYTES])
{
    char tag[TAG_TEXT_BYTES];
    tag_make(hash, false, tag);
    http_keep_identity(request); /* the tag must be known before the content is */
    http_add_header(request, "ETag", tag);
    http_add_header(request, "Cache-Control", immutable_control);
    http_respond(request, status, status == 304 ? NULL : type, body);
}

void api_problem(struct http_request *request, int status, const char *code, const char *param,
                 const char *text)
{
    http_problem(request, status, code, param, "%s", text);
}

void api_not_found(struct http_request *request, const char *what)
{
    char text[128];
    snprintf(text, sizeof(text), "there is no such %s", what);
    api_problem(request, 404, "NOT_FOUND", NULL, text);
}

bool api_found(struct http_request *request, enum lucid_error error, const char *what)
{
    if (error == LUCID_NOTE_ABSENT) {
        api_not_found(request, what);
    } else if (error != LUCID_OK) {
        api_refuse(request, error, NULL);
    }
    return error == LUCID_OK;
}

void api_bad_parameter(struct http_request *request, const char *param, const char *text)
{
    api_problem(request, 400, "INVALID_PARAMETER", param, text);
}

static void corruption_count(struct http_request *request)
{
    atomic_fetch_add_explicit(&api_of(request)->metrics.verification_failures, 1,
                              memory_order_relaxed);
}

void api_corrupt(struct http_request *request, const char *what)
{
    corruption_count(request);
    api_problem(request, 500, "CORRUPT", NULL, what);
}

void api_refuse(struct http_request *request, enum lucid_error error, const struct lucid_why *why)
{
    struct api_code code;
    const char *text;
    api_code_of(error, why, &code, &text);
    if (error == LUCID_FATAL_CORRUPT) {
        corruption_count(request);
    }
    api_problem(request, code.status, code.code, why == NULL ? NULL : why->param, text);
}
