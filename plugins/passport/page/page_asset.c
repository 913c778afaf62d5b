/* What the page loads: embedded when the program is built. */
#include "plugins/passport/page/page.h"

extern const unsigned char page_icon[];
extern const size_t page_icon_len;
extern const char page_icon_digest[];
extern const unsigned char page_script[];
extern const size_t page_script_len;
extern const char page_script_digest[];
extern const unsigned char page_style[];
extern const size_t page_style_len;
extern const char page_style_digest[];

static const struct page_asset assets[] = {
    {"icon.svg", "image/svg+xml", page_icon, &page_icon_len, page_icon_digest},
    {"style.css", "text/css; charset=utf-8", page_style, &page_style_len, page_style_digest},
    {"verify.js", "text/javascript; charset=utf-8", page_script, &page_script_len,
     page_script_digest},
};

const struct page_asset *page_asset_find(struct lucid_span name)
{
    for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++) {
        if (lucid_span_is(name, assets[i].name)) {
            return &assets[i];
        }
    }
    return NULL;
}
