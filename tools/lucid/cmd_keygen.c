/* lucid keygen, lucid version */
#include <stdio.h>

#include "lucidd/datadir.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/secret.h"
#include "tools/lucid/version.h"

static enum cli_exit keygen(struct cli *cli)
{
    struct room {
        struct ledger_ed25519_key key;
        char secret[129];
        char text[512];
    } *room = datadir_secret_new(sizeof(*room));
    if (room == NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    char public_key[65] = "";
    ledger_ed25519_key_generate(&room->key);
    lucid_hex_encode(room->key.seed, 32, room->secret);
    lucid_hex_encode(room->key.public_key, 32, room->secret + 64);
    lucid_hex_encode(room->key.public_key, 32, public_key);
    int len;
    if (cli->json) {
        len = snprintf(room->text, sizeof(room->text),
                       "{\"secret_key\":\"%s\",\"signer_pubkey\":\"%s\"}\n", room->secret,
                       public_key);
    } else {
        len = snprintf(room->text, sizeof(room->text),
                       SECRET_ENVIRONMENT "=%s\n# signer_pubkey %s\n", room->secret, public_key);
    }
    /* Unbuffered: the stream's buffer is not wiped. */
    (void)fflush(stdout);
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    (void)fwrite(room->text, 1, (size_t)len, stdout);
    datadir_secret_free(room, sizeof(*room));
    return CLI_OK;
}

const struct cli_command command_keygen = {
    .name = "keygen",
    .arguments = "",
    .summary = "make a key pair for signing receipts",
    .text = "Prints " SECRET_ENVIRONMENT " as 128 hex digits (seed and public key, the form\n"
            "of tweetnacl) and the public key. Nothing is stored.\n",
    .examples = "  (umask 077; lucid keygen > orchestrator.key)\n"
                "  export $(lucid keygen | head -1)\n",
    .run = keygen,
};

static enum cli_exit version(struct cli *cli)
{
    printf(cli->json ? "{\"version\":\"%s\"}\n" : "lucid %s\n", LUCID_VERSION);
    return CLI_OK;
}

const struct cli_command command_version = {
    .name = "version",
    .arguments = "",
    .summary = "print the program's version",
    .examples = "  lucid version\n",
    .run = version,
};
