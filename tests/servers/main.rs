//! The dialogue against whole servers: the simulated Exchange, and two that nobody here wrote, aiosmtpd and Postfix with
//! Dovecot for its tokens.
//!
//! The tokens are those of the simulated Entra, and each server verifies them in its own way. A trial has a server to
//! itself, on 127.0.0.1, with all its files in a directory that goes with it. Postfix starts only as root; where it
//! cannot be started its trials are counted as ignored, unless `PILLARBOX_REQUIRE` names `servers`.

#![expect(
    clippy::unwrap_used,
    reason = "a trial that finds something else than it expects has failed"
)]

mod aiosmtpd;
mod exchange;
mod mail;
mod postfix;
mod provider;

use std::io::Write;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tests::required::is_required;
use tokio::runtime::Runtime;

/// Every trial by its name, which is what it promises.
macro_rules! trials {
    ([$($trial:path),* $(,)?]) => {
        vec![$(
            Trial::test(stringify!($trial), || {
                let outcome: Result<()> = Runtime::new()?.block_on($trial());
                outcome.map_err(|error| Failed::from(format!("{error:?}")))
            })
        ),*]
    };
}

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = trials!([
        exchange::every_refusal_is_told_word_for_word_and_has_its_class,
        exchange::a_connection_that_breaks_is_told_as_far_as_it_is_known,
        aiosmtpd::several_messages_travel_on_one_connection,
        aiosmtpd::a_message_is_kept_octet_for_octet,
        aiosmtpd::a_refused_recipient_does_not_stop_the_others,
        aiosmtpd::a_message_over_the_limit_is_not_begun,
        aiosmtpd::eight_bits_and_international_addresses_arrive,
        aiosmtpd::a_token_that_is_not_good_is_refused,
    ]);
    let of_postfix = trials!([
        postfix::every_message_takes_two_flights_by_data_and_one_by_bdat,
        postfix::a_message_is_stored_octet_for_octet,
        postfix::limits::twenty_five_megabytes_arrive,
        postfix::each_recipient_has_an_outcome_of_its_own,
        postfix::limits::four_thousand_recipients_do_not_deadlock,
        postfix::limits::recipients_beyond_the_limit_are_put_off_and_the_others_get_the_message,
        postfix::limits::a_server_that_loses_patience_took_nothing,
        postfix::limits::a_message_over_the_limit_is_not_begun,
        postfix::limits::a_limit_that_was_not_announced_is_heard_of_at_the_end,
        postfix::eight_bits_and_international_addresses_arrive,
        postfix::signing_in::tokens_of_any_length_that_the_standard_has_room_for_sign_in,
        postfix::signing_in::a_token_that_does_not_fit_is_told_with_its_size,
        postfix::signing_in::a_token_that_is_not_good_is_refused_and_explained,
        postfix::signing_in::a_stranger_s_certificate_gets_no_token,
    ]);
    let hindrance = postfix::hindrance();
    if let Some(hindrance) = hindrance.filter(|_| !is_required("servers")) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(std::io::stderr(), "Postfix is not tried: {hindrance}");
        trials.extend(
            of_postfix
                .into_iter()
                .map(|trial| trial.with_ignored_flag(true)),
        );
    } else {
        trials.extend(of_postfix);
    }
    libtest_mimic::run(&arguments, trials).exit()
}
