/* Pieces of the page that its files share. Each appends to out. */
#ifndef LUCID_PLUGINS_PASSPORT_PAGE_PAGE_INTERNAL_H
#define LUCID_PLUGINS_PASSPORT_PAGE_PAGE_INTERNAL_H

#include "plugins/passport/page/page.h"

/* Text of others: escaped, what is not seen (base/visible.h) as "[U+202E]". */
void page_visible(struct lucid_buf *out, struct lucid_span text);
/* The same, alone in its writing direction. */
void page_text(struct lucid_buf *out, struct lucid_span text);
/* The same; pointer (RFC 6901) is the member of the document that it must be, which the script
 * compares. */
void page_member(struct lucid_buf *out, const char *pointer, struct lucid_span text);
/* "sha256:" and hex. */
void page_digest(struct lucid_buf *out, const char *pointer,
                 const uint8_t digest[LUCID_SHA256_BYTES]);
/* <time>, in words and UTC; pointer NULL: no member. */
void page_time(struct lucid_buf *out, const char *pointer, uint64_t unix_s);
/* A row of a description list, around whatever is written between the two. */
void page_fact_begin(struct lucid_buf *out, const char *label);
void page_fact_end(struct lucid_buf *out);
/* A link, if it is one that may be shown as a link; else its text. */
void page_uri(struct lucid_buf *out, const char *pointer, struct lucid_span uri);
/* A member of an object of the document that is text; len 0: none. */
struct lucid_span page_find_text(const struct jcs_value *object, const char *name);

/* What it says (page_facts.c). */
void page_facts_write(const struct page *page, struct lucid_buf *out);
/* What was checked and by whom, and how to do it oneself (page_checks.c). */
void page_checks_write(const struct page *page, struct lucid_buf *out);
void page_yourself_write(const struct page *page, struct lucid_buf *out);

#endif
