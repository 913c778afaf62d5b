/* What the plugin counts, as Prometheus text. */
#include <stdio.h>

#include "plugins/verifier/module/module.h"
#include "plugins/verifier/scheme.h"

static const enum appraisal_tier tiers[VERIFIER_TIERS] = {
    APPRAISAL_NONE, APPRAISAL_AFFIRMING, APPRAISAL_WARNING, APPRAISAL_CONTRAINDICATED};

static size_t type_index(struct lucid_span type)
{
    size_t i = 0;
    while (i < VERIFIER_TYPES_MAX - 1 && schemes[i] != NULL &&
           !lucid_span_is(type, schemes[i]->type)) {
        i++;
    }
    return i;
}

void metrics_appraised(struct verifier *verifier, struct lucid_span summary)
{
    static const struct jcs_limits limits = {4, 256};
    struct lucid_arena arena;
    const struct jcs_value *root;
    lucid_arena_init(&arena, (size_t)256 * 1024);
    if (jcs_parse(summary, &limits, &arena, &root, NULL) == LUCID_OK) {
        const struct jcs_value *status = jcs_member(root, "status");
        const struct jcs_value *types = jcs_member(root, "types");
        for (const struct jcs_value *at = jcs_next(types, NULL); at != NULL;
             at = jcs_next(types, at)) {
            for (size_t i = 0; i < VERIFIER_TIERS && status != NULL; i++) {
                if (jcs_type(at) == JCS_STRING && jcs_type(status) == JCS_STRING &&
                    lucid_span_is(jcs_string(status), appraisal_tier_name(tiers[i]))) {
                    atomic_fetch_add_explicit(
                        &verifier->counters.appraisals[type_index(jcs_string(at))][i], 1,
                        memory_order_relaxed);
                }
            }
        }
    }
    lucid_arena_fini(&arena);
}

static void family(struct lucid_buf *text, const char *name, const char *help)
{
    lucid_buf_printf(text, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
}

static void line(struct lucid_buf *text, const char *name, const char *labels,
                 const _Atomic uint64_t *value)
{
    lucid_buf_printf(text, "%s%s %llu\n", name, labels,
                     (unsigned long long)atomic_load_explicit(value, memory_order_relaxed));
}

void metrics_write(void *self, const struct lucid_plugin_host *host, struct lucid_plugin_out *out)
{
    const struct verifier *verifier = self;
    struct lucid_buf text = {0};
    char labels[96];
    family(&text, "lucid_verifier_challenges_total", "Challenges given out.");
    line(&text, "lucid_verifier_challenges_total", "", &verifier->counters.challenges);
    family(&text, "lucid_verifier_appraisals_total", "Logged appraisals by kind and status.");
    for (size_t type = 0; type < VERIFIER_TYPES_MAX && schemes[type] != NULL; type++) {
        for (size_t i = 0; i < VERIFIER_TIERS; i++) {
            (void)snprintf(labels, sizeof(labels), "{type=\"%s\",status=\"%s\"}",
                           schemes[type]->type, appraisal_tier_name(tiers[i]));
            line(&text, "lucid_verifier_appraisals_total", labels,
                 &verifier->counters.appraisals[type][i]);
        }
    }
    family(&text, "lucid_verifier_refusals_total", "Refused evidence by the step that failed.");
    for (unsigned step = 0; step < APPRAISAL_REVOCATION; step++) {
        (void)snprintf(labels, sizeof(labels), "{step=\"%s\"}",
                       appraisal_step_name((enum appraisal_step)step));
        line(&text, "lucid_verifier_refusals_total", labels, &verifier->counters.refused[step]);
    }
    family(&text, "lucid_verifier_replays_total", "Replays by whether the result was the same.");
    line(&text, "lucid_verifier_replays_total", "{same=\"true\"}", &verifier->counters.replays);
    line(&text, "lucid_verifier_replays_total", "{same=\"false\"}",
         &verifier->counters.replays_different);
    if (lucid_buf_ok(&text)) {
        host->out_put(out, text.data, text.len);
    }
    lucid_buf_fini(&text);
}
