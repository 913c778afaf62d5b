#include "base/prom.h"

void lucid_prom_family(struct lucid_buf *out, const char *name, const char *type, const char *help)
{
    lucid_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void sample(struct lucid_buf *out, const char *name, uint64_t value)
{
    lucid_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void sample_seconds(struct lucid_buf *out, const char *name, const char *suffix,
                           uint64_t micros)
{
    lucid_buf_printf(out, "%s%s %llu.%06llu\n", name, suffix,
                     (unsigned long long)(micros / 1000000),
                     (unsigned long long)(micros % 1000000));
}

void lucid_prom_gauge(struct lucid_buf *out, const char *name, uint64_t value, const char *help)
{
    lucid_prom_family(out, name, "gauge", help);
    sample(out, name, value);
}

void lucid_prom_counter(struct lucid_buf *out, const char *name, uint64_t value, const char *help)
{
    lucid_prom_family(out, name, "counter", help);
    sample(out, name, value);
}

void lucid_prom_gauge_seconds(struct lucid_buf *out, const char *name, uint64_t micros,
                              const char *help)
{
    lucid_prom_family(out, name, "gauge", help);
    sample_seconds(out, name, "", micros);
}

void lucid_prom_counter_seconds(struct lucid_buf *out, const char *name, uint64_t micros,
                                const char *help)
{
    lucid_prom_family(out, name, "counter", help);
    sample_seconds(out, name, "", micros);
}

void lucid_prom_histogram(struct lucid_buf *out, const char *name, const uint32_t *bounds_us,
                          const uint64_t *cumulative, size_t count, uint64_t micros,
                          const char *help)
{
    lucid_prom_family(out, name, "histogram", help);
    for (size_t i = 0; i + 1 < count; i++) {
        lucid_buf_printf(out, "%s_bucket{le=\"%u.%06u\"} %llu\n", name, bounds_us[i] / 1000000,
                         bounds_us[i] % 1000000, (unsigned long long)cumulative[i]);
    }
    unsigned long long all = cumulative[count - 1];
    lucid_buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, all);
    sample_seconds(out, name, "_sum", micros);
    lucid_buf_printf(out, "%s_count %llu\n", name, all);
}

void lucid_prom_label(struct lucid_buf *out, const char *text)
{
    lucid_buf_char(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            lucid_buf_str(out, "\\n");
            continue;
        }
        if (*c == '"' || *c == '\\') {
            lucid_buf_char(out, '\\');
        }
        lucid_buf_char(out, *c);
    }
    lucid_buf_char(out, '"');
}
