/* Files of applications: what is accepted keeps every bound that others rely on, shares nothing,
 * and is found by its name and hosts; what is refused names a line or a place. */
#include "base/assert.h"
#include "plugins/passport/application.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct applications *read, const struct application *application)
{
    lucid_assert(application->name.len > 0 && application->name.len <= APPLICATION_NAME_BYTES_MAX);
    lucid_assert(application->app_name.len > 0);
    lucid_assert(application->validity_days > 0 &&
                 application->validity_days <= PASSPORT_VALIDITY_DAYS_MAX);
    lucid_assert(application->slsa_level_min <= SLSA_LEVEL_MAX);
    lucid_assert(application->endpoint_count <= PASSPORT_ENDPOINTS_MAX);
    lucid_assert(application->auditor_count <= PASSPORT_AUDITORS_MAX);
    lucid_assert(application->token_count <= APPLICATION_TOKENS_MAX);
    lucid_assert(application->builders.count <= SLSA_BUILDERS_MAX);
    lucid_assert(applications_find(read, application->name) == application);
    for (size_t i = 0; i < application->endpoint_count; i++) {
        struct lucid_span endpoint = application->endpoints[i];
        lucid_assert(passport_endpoint_is_good(endpoint));
        const uint8_t *host = (const uint8_t *)memchr(endpoint.data, '/', endpoint.len) + 2;
        lucid_assert(applications_find_host(
                         read, lucid_span(host, endpoint.len - (size_t)(host - endpoint.data))) ==
                     application);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct applications read;
    lucid_arena_init(&arena, 64U << 20);
    if (applications_read(lucid_span(data, size), &arena, &read, &why) == LUCID_OK) {
        lucid_assert(read.count > 0 && read.count <= APPLICATIONS_MAX);
        for (size_t i = 0; i < read.count; i++) {
            struct lucid_buf out = {.bytes_max = 0};
            check(&read, &read.items[i]);
            application_display_write(&read.items[i], &out);
            lucid_assert(lucid_buf_ok(&out));
            lucid_buf_fini(&out);
        }
    } else {
        lucid_assert(why.code != NULL && why.text[0] != '\0');
    }
    lucid_arena_fini(&arena);
    return 0;
}
