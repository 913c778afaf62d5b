/* Metrics as text: the Prometheus exposition format 0.0.4. Names are literals: lower case, with the
 * base unit at the end (_seconds, _bytes), counters with _total; help texts hold no backslash and
 * no line end.
 *
 * Thread: pure functions over the caller's buffer. */
#ifndef LUCID_BASE_PROM_H
#define LUCID_BASE_PROM_H

#include "base/buf.h"

/* HELP and TYPE, before the samples of a name. type: "gauge", "counter" or "histogram". */
void lucid_prom_family(struct lucid_buf *out, const char *name, const char *type, const char *help);

/* A whole family of one sample without labels. */
void lucid_prom_gauge(struct lucid_buf *out, const char *name, uint64_t value, const char *help);
void lucid_prom_counter(struct lucid_buf *out, const char *name, uint64_t value, const char *help);

/* The same in seconds, from microseconds. */
void lucid_prom_gauge_seconds(struct lucid_buf *out, const char *name, uint64_t micros,
                              const char *help);
void lucid_prom_counter_seconds(struct lucid_buf *out, const char *name, uint64_t micros,
                                const char *help);

/* A whole histogram of durations, in seconds. bounds_us: the count − 1 upper bounds in
 * microseconds; cumulative[i]: observations of at most bounds_us[i], the last of count entries: all
 * of them; micros: their sum. */
void lucid_prom_histogram(struct lucid_buf *out, const char *name, const uint32_t *bounds_us,
                          const uint64_t *cumulative, size_t count, uint64_t micros,
                          const char *help);

/* Whether a text of somebody else may stand on our page: empty, or whole lines of families that are
 * called by the prefix and more, each with one TYPE line before its samples. A page on which one
 * line is malformed is lost whole to who reads it. */
bool lucid_prom_judge(struct lucid_span text, const char *prefix) LUCID_WARN_UNUSED;

/* A label's value with its quotes; quote, backslash and line end are escaped. text must be UTF-8.
 */
void lucid_prom_label(struct lucid_buf *out, const char *text);

#endif
