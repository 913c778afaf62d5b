#include <stdarg.h>
#include <stdio.h>

#include "http/server_internal.h"

enum { DETAIL_BYTES_MAX = 1024 };

const char *http_status_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {425, "Too Early"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Status";
}

/* The length of the valid UTF-8 sequence at the start of text (RFC 3629), 0 if there is none. */
static size_t utf8_sequence(struct lucid_span text)
{
    const uint8_t *in = text.data;
    if (in[0] < 0x80) {
        return 1;
    }
    size_t len = in[0] >= 0xf0 ? 4 : in[0] >= 0xe0 ? 3 : 2;
    if (in[0] < 0xc2 || in[0] > 0xf4 || len > text.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((in[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (in[0] == 0xe0 && in[1] < 0xa0) || (in[0] == 0xf0 && in[1] < 0x90);
    bool surrogate = in[0] == 0xed && in[1] > 0x9f;
    bool beyond = in[0] == 0xf4 && in[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : len;
}

/* Details may quote what a client sent: bytes that are not UTF-8 become '?', because a JSON text
 * must be UTF-8 whatever was quoted. */
static void member_safe(struct lucid_buf *out, const char *name, const char *text)
{
    uint8_t safe[DETAIL_BYTES_MAX];
    size_t len = strnlen(text, sizeof(safe));
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence(lucid_span(text + i, len - i));
        if (step == 0) {
            safe[i++] = '?';
            continue;
        }
        memcpy(safe + i, text + i, step);
        i += step;
    }
    lucid_json_member_str(out, name, lucid_span(safe, len));
}

void http_problem_write(struct lucid_buf *out, int status, const char *code, const char *param,
                        const char *detail, struct lucid_span request_id)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "type", "about:blank");
    lucid_json_member_cstr(out, "title", http_status_title(status));
    lucid_json_member_u64(out, "status", (uint64_t)status);
    member_safe(out, "detail", detail);
    lucid_json_member_cstr(out, "code", code);
    if (param != NULL && param[0] != '\0') {
        member_safe(out, "param", param);
    }
    if (request_id.data != NULL) {
        lucid_json_member_str(out, "request_id", request_id);
    }
    lucid_buf_char(out, '}');
}

void http_problem(struct http_request *request, int status, const char *code, const char *param,
                  const char *format, ...)
{
    char detail[DETAIL_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    if (status == 503 && !request->retry_after) {
        http_add_header(request, "Retry-After", "1");
    }
    http_add_header(request, "Cache-Control", "no-cache");
    struct lucid_buf body;
    lucid_buf_init(&body, 0);
    http_problem_write(&body, status, code, param, detail, http_request_id(request));
    http_respond(request, status, "application/problem+json", &body);
    lucid_buf_fini(&body);
}
