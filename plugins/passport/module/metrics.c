/* What the plugin counts, as Prometheus text. */
#include <stdio.h>

#include "plugins/passport/module/module.h"

/* Why no passport is issued; the last one: for any other reason. */
static const char *const refusals[MODULE_REFUSALS] = {
    "PASSPORT_REFUSED", "APPLICATION_UNKNOWN", "APPRAISAL_UNKNOWN", "SIGNATURE_INVALID",
    "MOCK_NOT_ALLOWED", "TOO_EARLY",           "FORBIDDEN",         "OTHER",
};

static const char *const verdicts[MODULE_VERDICTS] = {
    [VERIFY_INVALID] = "invalid",
    [VERIFY_VERDICT_UNKNOWN] = "unknown",
    [VERIFY_VALID] = "valid",
};

void metrics_refused(struct passport_module *module, const char *code)
{
    size_t i = 0;
    while (i < MODULE_REFUSALS - 1 && (code == NULL || strcmp(code, refusals[i]) != 0)) {
        i++;
    }
    atomic_fetch_add_explicit(&module->counters.refused[i], 1, memory_order_relaxed);
}

static void family(struct lucid_buf *text, const char *name, const char *help)
{
    lucid_buf_printf(text, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
}

static void line(struct lucid_buf *text, const char *name, const char *label, const char *value,
                 const _Atomic uint64_t *count)
{
    lucid_buf_str(text, name);
    if (label != NULL) {
        lucid_buf_printf(text, "{%s=\"%s\"}", label, value);
    }
    lucid_buf_printf(text, " %llu\n",
                     (unsigned long long)atomic_load_explicit(count, memory_order_relaxed));
}

void metrics_write(void *self, const struct lucid_plugin_host *host, struct lucid_plugin_out *out)
{
    const struct passport_module *module = self;
    struct lucid_buf text = {0};
    family(&text, "lucid_passport_issued_total", "Passports issued.");
    line(&text, "lucid_passport_issued_total", NULL, NULL, &module->counters.issued);
    family(&text, "lucid_passport_refused_total", "Passports not issued, by why.");
    for (size_t i = 0; i < MODULE_REFUSALS; i++) {
        line(&text, "lucid_passport_refused_total", "reason", refusals[i],
             &module->counters.refused[i]);
    }
    family(&text, "lucid_passport_revoked_total", "Passports revoked.");
    line(&text, "lucid_passport_revoked_total", NULL, NULL, &module->counters.revoked);
    family(&text, "lucid_passport_verified_total", "Verifications by verdict.");
    for (size_t i = 0; i < MODULE_VERDICTS; i++) {
        line(&text, "lucid_passport_verified_total", "verdict", verdicts[i],
             &module->counters.verified[i]);
    }
    if (lucid_buf_ok(&text)) {
        host->out_put(out, text.data, text.len);
    }
    lucid_buf_fini(&text);
}
