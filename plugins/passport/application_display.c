/* How a passport is to be shown: read, and written for the page and the widget. */
#include "plugins/passport/application_internal.h"

static const char *const modes[] = {"banner",       "floating", "page_only", "browser_extension",
                                    "headers_only", NULL};
static const char *const positions[] = {"top",         "bottom",       "top-left", "top-right",
                                        "bottom-left", "bottom-right", NULL};
static const char *const themes[] = {"auto", "light", "dark", NULL};

const char *application_theme_name(enum application_theme theme)
{
    return themes[theme];
}

const char *application_mode_name(enum application_mode mode)
{
    return modes[mode];
}

/* The mode in which it can stand, or that has none. */
static bool position_fits(enum application_mode mode, enum application_position position)
{
    switch (mode) {
    case APPLICATION_BANNER:
        return position <= APPLICATION_BOTTOM;
    case APPLICATION_FLOATING:
        return position >= APPLICATION_TOP_LEFT;
    case APPLICATION_PAGE_ONLY:
    case APPLICATION_BROWSER_EXTENSION:
    case APPLICATION_HEADERS_ONLY:
        break;
    }
    return false;
}

static bool has_position(enum application_mode mode)
{
    return mode == APPLICATION_BANNER || mode == APPLICATION_FLOATING;
}

/* A path from the root of the application's own host: no other host, no way up. */
static bool path_is_good(struct lucid_span text)
{
    if (text.data[0] != '/' || (text.len > 1 && text.data[1] == '/')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte <= 0x20 || byte >= 0x7f || strchr("\"'<>\\^`{|}%", byte) != NULL) {
            return false;
        }
        bool dots =
            byte == '/' && i + 2 < text.len && text.data[i + 1] == '.' && text.data[i + 2] == '.';
        if (dots && (i + 3 == text.len || strchr("/?#", text.data[i + 3]) != NULL)) {
            return false;
        }
    }
    return true;
}

static void url_read(const struct field *at, struct lucid_span *ret)
{
    struct lucid_span url = {.data = NULL};
    if (!application_bytes_read(at, PASSPORT_URI_BYTES_MAX, &url) || url.data == NULL) {
        return;
    }
    if (!path_is_good(url) && !passport_uri_is_good(url)) {
        field_refuse(at, "must be an https URL, or a path that begins with one / and has no .. "
                         "and no %%");
        return;
    }
    *ret = url;
}

void application_display_read(const struct field *at, struct application *ret)
{
    static const char *const names[] = {"mode",
                                        "position",
                                        "theme",
                                        "collapsedDefault",
                                        "customCssUrl",
                                        "passportPageLogoUrl",
                                        "enableBrowserExtensionPrompt",
                                        NULL};
    struct field mode = field_member(at, "mode");
    struct field position = field_member(at, "position");
    struct field theme = field_member(at, "theme");
    struct field collapsed = field_member(at, "collapsedDefault");
    struct field prompt = field_member(at, "enableBrowserExtensionPrompt");
    struct field css = field_member(at, "customCssUrl");
    struct field logo = field_member(at, "passportPageLogoUrl");
    size_t chosen = 0;
    static const char *const others[] = {"bannerPosition", "floatingPosition"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct field other = field_member(at, others[i]);
        if (other.value != NULL) {
            field_refuse(&other, "no such member is known: it is called position");
        }
    }
    if (!field_object(at, names)) {
        return;
    }
    field_choice(&mode, modes, &chosen);
    ret->display.mode = (enum application_mode)chosen;
    chosen = ret->display.mode == APPLICATION_FLOATING ? APPLICATION_BOTTOM_RIGHT : APPLICATION_TOP;
    field_choice(&position, positions, &chosen);
    ret->display.position = (enum application_position)chosen;
    if (position.value != NULL && !position_fits(ret->display.mode, ret->display.position)) {
        field_refuse(&position, has_position(ret->display.mode)
                                    ? "does not fit the mode: banner has top and bottom, floating "
                                      "the four corners"
                                    : "only banner and floating have a position");
    }
    chosen = APPLICATION_AUTO;
    field_choice(&theme, themes, &chosen);
    ret->display.theme = (enum application_theme)chosen;
    field_bool(&collapsed, &ret->display.collapsed_default);
    field_bool(&prompt, &ret->display.extension_prompt);
    url_read(&css, &ret->display.css_url);
    url_read(&logo, &ret->display.logo_url);
}

void application_display_write(const struct application *application, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_cstr(out, "mode", modes[application->display.mode]);
    if (has_position(application->display.mode)) {
        lucid_json_member_cstr(out, "position", positions[application->display.position]);
    }
    lucid_json_member_cstr(out, "theme", themes[application->display.theme]);
    lucid_json_member_bool(out, "collapsedDefault", application->display.collapsed_default);
    lucid_json_member_bool(out, "enableBrowserExtensionPrompt",
                           application->display.extension_prompt);
    if (application->display.css_url.len > 0) {
        lucid_json_member_str(out, "customCssUrl", application->display.css_url);
    }
    if (application->display.logo_url.len > 0) {
        lucid_json_member_str(out, "passportPageLogoUrl", application->display.logo_url);
    }
    lucid_buf_char(out, '}');
}
