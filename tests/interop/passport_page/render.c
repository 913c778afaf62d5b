/* Writes the page of a passport as the module would, for the browser's tests.
 *
 *   render page FILE [NAME=VALUE…]   the page of the document in FILE (bundle's member or bare)
 *   render absent                    the page of no passport
 *   render policy [NAME=VALUE…]      the Content-Security-Policy
 *   render asset NAME                what is embedded under that name
 *
 * NAME=VALUE: now, status (valid, expired, revoked, superseded), reason, at, by, theme (light,
 * dark), css, logo, origin, base, record (64 hex), evidence (1). */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "ledger/ed25519.h"
#include "plugins/passport/page/page.h"

static const char *option(char **arguments, const char *name)
{
    size_t len = strlen(name);
    for (; *arguments != NULL; arguments++) {
        if (strncmp(*arguments, name, len) == 0 && (*arguments)[len] == '=') {
            return *arguments + len + 1;
        }
    }
    return "";
}

static int fail(const char *text)
{
    (void)fprintf(stderr, "render: %s\n", text);
    return 1;
}

static int say(struct lucid_buf *out)
{
    bool ok = lucid_buf_ok(out) && fwrite(out->data, 1, out->len, stdout) == out->len;
    lucid_buf_fini(out);
    return ok && fflush(stdout) == 0 ? 0 : fail("cannot write");
}

static void application_make(char **arguments, struct application *ret)
{
    const char *theme = option(arguments, "theme");
    *ret = (struct application){.display.theme = APPLICATION_AUTO};
    if (strcmp(theme, "light") == 0) {
        ret->display.theme = APPLICATION_LIGHT;
    } else if (strcmp(theme, "dark") == 0) {
        ret->display.theme = APPLICATION_DARK;
    }
    ret->display.css_url = lucid_span_str(option(arguments, "css"));
    ret->display.logo_url = lucid_span_str(option(arguments, "logo"));
    ret->endpoints[0] = lucid_span_str("https://app.example");
    ret->endpoint_count = 1;
}

static void status_make(char **arguments, struct status_entry *ret)
{
    const char *name = option(arguments, "status");
    *ret = (struct status_entry){.kind = STATUS_VALID,
                                 .at_s = strtoull(option(arguments, "at"), NULL, 10),
                                 .by = lucid_span_str(option(arguments, "by"))};
    for (int kind = STATUS_VALID; kind <= STATUS_SUPERSEDED; kind++) {
        if (strcmp(status_kind_name((enum status_kind)kind), name) == 0) {
            ret->kind = (enum status_kind)kind;
        }
    }
    (void)status_reason_find(lucid_span_str(option(arguments, "reason")), &ret->reason);
}

static bool file_read(const char *path, struct lucid_buf *ret)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    uint8_t piece[4096];
    size_t len;
    while ((len = fread(piece, 1, sizeof(piece), file)) > 0) {
        lucid_buf_put(ret, piece, len);
    }
    return fclose(file) == 0 && lucid_buf_ok(ret);
}

static bool strict(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                   const uint8_t signature[64], void *context)
{
    (void)context;
    return ledger_ed25519_verify(key, message, signature);
}

/* The service's own checks, of a service that knows the key, the log and its list. */
static enum lucid_error checks_make(struct lucid_span text, const struct page *page,
                                    struct lucid_arena *arena, struct verify *ret)
{
    struct verify_input input = {
        .text = text,
        .now_s = page->now_s,
        .keys = &page->passport->public_key,
        .key_count = 1,
        .mock_allowed = true,
        .status = &page->status,
        .log = {.outcome = VERIFY_PASS, .code = "log.logged"},
        .evidence = {.outcome = VERIFY_SKIPPED},
        .ed25519 = strict,
    };
    return verify_run(&input, arena, ret);
}

static int page_make(char **arguments)
{
    struct lucid_buf text = {0};
    struct lucid_buf out = {0};
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    enum passport_fault fault;
    static struct passport passport;
    static struct application application;
    static struct verify verify;
    struct lucid_span canonical;
    lucid_arena_init(&arena, (size_t)64 << 20);
    if (!file_read(arguments[0], &text)) {
        return fail("cannot read the file");
    }
    if (passport_read(lucid_buf_span(&text), &arena, &passport, &fault, &why) != LUCID_OK) {
        (void)fprintf(stderr, "%s: ", why.param);
        return fail(why.text);
    }
    application_make(arguments + 1, &application);
    struct page page = {.passport = &passport,
                        .application = &application,
                        .origin = lucid_span_str(option(arguments, "origin")),
                        .base_url = lucid_span_str(option(arguments, "base")),
                        .evidence_public = option(arguments, "evidence")[0] == '1',
                        .now_s = strtoull(option(arguments, "now"), NULL, 10)};
    status_make(arguments + 1, &page.status);
    const char *record = option(arguments, "record");
    if ((record[0] != '\0' && !lucid_hex_decode(lucid_span_str(record), page.record, 32)) ||
        passport_canonical(&passport, &arena, &canonical) != LUCID_OK ||
        checks_make(lucid_buf_span(&text), &page, &arena, &verify) != LUCID_OK) {
        return fail("cannot prepare the page");
    }
    lucid_sha256(canonical, page.digest);
    page.verify = &verify;
    page_write(&page, &out);
    int status = say(&out);
    lucid_buf_fini(&text);
    lucid_arena_fini(&arena);
    return status;
}

int main(int argc, char **argv)
{
    struct lucid_buf out = {0};
    if (argc >= 3 && strcmp(argv[1], "page") == 0) {
        return page_make(argv + 2);
    }
    if (argc == 2 && strcmp(argv[1], "absent") == 0) {
        page_absent_write(&out);
        return say(&out);
    }
    if (argc >= 2 && strcmp(argv[1], "policy") == 0) {
        static struct application application;
        application_make(argv + 2, &application);
        page_policy_write(&application, &out);
        return say(&out);
    }
    if (argc == 3 && strcmp(argv[1], "asset") == 0) {
        const struct page_asset *asset = page_asset_find(lucid_span_str(argv[2]));
        if (asset == NULL) {
            return fail("no such asset");
        }
        lucid_buf_put(&out, asset->bytes, *asset->len);
        return say(&out);
    }
    return fail("page FILE | absent | policy | asset NAME");
}
