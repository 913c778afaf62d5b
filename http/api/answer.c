/* Answers: cache headers, entity tags, problem documents. */
#include <stdio.h>

#include "http/api/api_internal.h"

/* TAG_TEXT_BYTES: in quotes, with a NUL. */
enum { TAG_BYTES = 16, TAG_TEXT_BYTES = 2 * TAG_BYTES + 3 };

static const char immutable_control[] = "public, max-age=31536000, immutable";

void api_answer(struct http_request *request, int status, const char *type, struct lucid_buf *body)
{
    http_add_header(request, "Cache-Control", "no-cache");
    http_respond(request, status, type, body);
}

/* The first bytes of a hash that the content has: equal answers have equal tags, on any server. */
static void tag_make(const uint8_t hash[LUCID_SHA256_BYTES], char ret[TAG_TEXT_BYTES])
{
    ret[0] = '"';
    lucid_hex_encode(hash, TAG_BYTES, ret + 1);
    ret[2 * TAG_BYTES + 1] = '"';
    ret[2 * TAG_BYTES + 2] = '\0';
}

/* RFC 9110 13.1.2: `*` or a list that holds the tag; weak comparison, so a W/ before it is passed
 * over. Our tags hold no comma, and a foreign one that does cannot be mistaken for ours. */
static bool tag_listed(struct lucid_span list, const char *tag)
{
    if (list.data == NULL) {
        return false;
    }
    return lucid_span_is(list, "*") || memmem(list.data, list.len, tag, strlen(tag)) != NULL;
}

void api_answer_tagged(struct http_request *request, const char *type, struct lucid_buf *body,
                       bool immutable)
{
    if (!lucid_buf_ok(body)) {
        http_respond(request, 500, type, body);
        return;
    }
    uint8_t hash[LUCID_SHA256_BYTES];
    char tag[TAG_TEXT_BYTES];
    lucid_sha256(lucid_buf_span(body), hash);
    tag_make(hash, tag);
    http_add_header(request, "ETag", tag);
    http_add_header(request, "Cache-Control", immutable ? immutable_control : "no-cache");
    if (tag_listed(http_header(request, "if-none-match"), tag)) {
        lucid_buf_fini(body);
        http_respond(request, 304, NULL, body);
        return;
    }
    http_respond(request, 200, type, body);
}

bool api_tag_matches(struct http_request *request, const uint8_t hash[LUCID_SHA256_BYTES])
{
    char tag[TAG_TEXT_BYTES];
    tag_make(hash, tag);
    return tag_listed(http_header(request, "if-none-match"), tag);
}

void api_answer_immutable(struct http_request *request, int status, const char *type,
                          struct lucid_buf *body, const uint8_t hash[LUCID_SHA256_BYTES])
{
    char tag[TAG_TEXT_BYTES];
    tag_make(hash, tag);
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
