#include "tools/lucid/vkey.h"

#include <stdlib.h>

#include "lucidd/datadir.h"

enum lucid_error vkey_file_read(const char *path, char ret_text[VKEY_TEXT_BYTES],
                                struct lucid_why *why)
{
    char text[VKEY_TEXT_BYTES];
    size_t len = 0;
    enum lucid_error error = datadir_file_read(path, false, text, sizeof(text) - 1, &len, why);
    if (error == LUCID_OK) {
        text[strcspn(text, "\r\n")] = '\0';
        memcpy(ret_text, text, strlen(text) + 1);
    }
    return error;
}

static enum lucid_error text_copy(const char *text, char ret_text[VKEY_TEXT_BYTES],
                                  struct lucid_why *why)
{
    size_t len = strcspn(text, "\r\n");
    if (len >= VKEY_TEXT_BYTES) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "vkey", "--vkey is too long");
    }
    memcpy(ret_text, text, len);
    ret_text[len] = '\0';
    return LUCID_OK;
}

enum lucid_error vkey_option_read(struct cli *cli, const char *known,
                                  char ret_text[VKEY_TEXT_BYTES], struct lucid_why *why)
{
    const char *given = cli_value(cli, "vkey", NULL);
    const char *file = cli_value(cli, "vkey-file", NULL);
    if (given != NULL) {
        return text_copy(given, ret_text, why);
    }
    if (file != NULL) {
        return vkey_file_read(file, ret_text, why);
    }
    if (known[0] != '\0') {
        return text_copy(known, ret_text, why);
    }
    if (cli->data == NULL) {
        return LUCID_NOTE_END;
    }
    struct datadir *dir = malloc(sizeof(*dir));
    enum lucid_error error = dir != NULL ? datadir_init(cli->data, dir, why) : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        error = vkey_file_read(dir->vkey, ret_text, why);
    }
    free(dir);
    return error;
}

enum cli_exit vkey_option_load(struct cli *cli, char ret_text[VKEY_TEXT_BYTES])
{
    char text[VKEY_TEXT_BYTES] = "";
    struct lucid_why why = {0};
    struct ledger_vkey vkey;
    enum lucid_error error = vkey_option_read(cli, "", text, &why);
    if (error == LUCID_NOTE_END) {
        cli_note(cli, "no verifier key was given (--vkey, --vkey-file, --data): the checkpoint "
                      "cannot be judged");
        ret_text[0] = '\0';
        return CLI_OK;
    }
    if (error == LUCID_OK) {
        error = ledger_vkey_parse(lucid_span_str(text), &vkey, &why);
    }
    if (error != LUCID_OK && error != LUCID_REFUSE_UNKNOWN_KEY) {
        return cli_fail(cli, CLI_USAGE, why.code, "vkey", "the verifier key: %s",
                        why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
    memcpy(ret_text, text, sizeof(text));
    return CLI_OK;
}
