/* The commands, one file per group (cmd_*.c). */
#ifndef LUCID_TOOLS_COMMANDS_H
#define LUCID_TOOLS_COMMANDS_H

#include "tools/lucid/cli.h"

extern const struct cli_command command_keygen;
extern const struct cli_command command_receipt_sign;
extern const struct cli_command command_receipt_submit;
extern const struct cli_command command_receipt_get;
extern const struct cli_command command_receipt_proof;
extern const struct cli_command command_receipt_verify;
extern const struct cli_command command_receipt_erase;
extern const struct cli_command command_verify;
extern const struct cli_command command_epoch_list;
extern const struct cli_command command_epoch_show;
extern const struct cli_command command_epoch_finalize;
extern const struct cli_command command_signer_list;
extern const struct cli_command command_signer_register;
extern const struct cli_command command_signer_revoke;
extern const struct cli_command command_token_create;
extern const struct cli_command command_token_list;
extern const struct cli_command command_token_revoke;
extern const struct cli_command command_price_list;
extern const struct cli_command command_price_show;
extern const struct cli_command command_price_history;
extern const struct cli_command command_price_set;
extern const struct cli_command command_price_delete;
extern const struct cli_command command_asset_revenue;
extern const struct cli_command command_pay;
extern const struct cli_command command_access_subscribe, command_access_issue;
extern const struct cli_command command_access_list, command_access_show, command_access_revoke;
extern const struct cli_command command_payment_record;
extern const struct cli_command command_payment_list;
extern const struct cli_command command_payment_show;
extern const struct cli_command command_payment_resolve;
extern const struct cli_command command_facilitation_list;
extern const struct cli_command command_payment_refund;
extern const struct cli_command command_payment_refunds;
extern const struct cli_command command_x402_rotate_key;
extern const struct cli_command command_plugin_list;
extern const struct cli_command command_plugin_rotate_key;
extern const struct cli_command command_settlement_list;
extern const struct cli_command command_settlement_current;
extern const struct cli_command command_settlement_show;
extern const struct cli_command command_settlement_verify;
extern const struct cli_command command_settlement_pay;
extern const struct cli_command command_settlement_runs;
extern const struct cli_command command_settlement_approve;
extern const struct cli_command command_settlement_cancel;
extern const struct cli_command command_payee_list;
extern const struct cli_command command_payee_set;
extern const struct cli_command command_payee_remove;
extern const struct cli_command command_settlement_export;
extern const struct cli_command command_payout_list;
extern const struct cli_command command_payout_show;
extern const struct cli_command command_payout_complete;
extern const struct cli_command command_payout_fail;
extern const struct cli_command command_account_list;
extern const struct cli_command command_account_show;
extern const struct cli_command command_account_postings;
extern const struct cli_command command_account_deposit;
extern const struct cli_command command_account_limit;
extern const struct cli_command command_account_trial_balance;
extern const struct cli_command command_account_export;
extern const struct cli_command command_gas_tariff;
extern const struct cli_command command_gas_set_tariff;
extern const struct cli_command command_log_init;
extern const struct cli_command command_log_info;
extern const struct cli_command command_log_fsck;
extern const struct cli_command command_log_replay;
extern const struct cli_command command_log_backup;
extern const struct cli_command command_log_restore;
extern const struct cli_command command_log_follow;
extern const struct cli_command command_log_mirror;
extern const struct cli_command command_log_accept;
extern const struct cli_command command_log_export;
extern const struct cli_command command_verifier_attest, command_verifier_challenge;
extern const struct cli_command command_verifier_appraise, command_verifier_list;
extern const struct cli_command command_verifier_show, command_verifier_bundle;
extern const struct cli_command command_verifier_replay, command_verifier_explain;
extern const struct cli_command command_verifier_policy, command_verifier_reference;
extern const struct cli_command command_verifier_import, command_verifier_collateral;
extern const struct cli_command command_verifier_fetch;
extern const struct cli_command command_version;
extern const struct cli_command command_help;

#endif
