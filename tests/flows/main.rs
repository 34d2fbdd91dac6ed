//! The flows: what Pillarbox promises, on the deployed stack, against the simulated Microsoft.
//!
//! One run shares one stack. Flows run side by side; each has a mailbox to itself, so that none sees another.

#![expect(
    clippy::unwrap_used,
    reason = "a flow that finds something else than it expects has failed"
)]

mod accounts;
mod browser;
mod consent;
mod elsewhere;
mod heard;
mod households;
mod letters;
mod measured;
mod nowhere;
mod objects;
mod operating;
mod redrive;
mod runs;
mod secrecy;
mod sending;
mod templates;
mod tokens;
mod town;

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tests::browser::Kind;
use tests::contoso::Contoso;
use tests::node::{self, Node};
use tests::required::is_required;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::town::Town;

/// How many flows run at a time besides those that last for minutes: a machine with two cores serves so many well.
const SHORT: usize = 8;
/// How many flows at a time drive a browser. A page waits for its browser, and the browsers for the cores.
const BROWSERS: usize = 3;

/// Every flow by its name, which is what it promises; counted as ignored where the machine lacks what it needs. Each
/// waits for a turn.
macro_rules! flows {
    ($town:ident, $runtime:ident, $turns:ident, $lack:expr, [$($($module:ident)::+),* $(,)?]) => {
        vec![$({
            let (town, runtime) = (Arc::clone(&$town), Arc::clone(&$runtime));
            let turns = Arc::clone(&$turns);
            let lacks: Option<&str> = $lack;
            let name = stringify!($($module)::+).replace(char::is_whitespace, "");
            let told = name.clone();
            let flow = move || {
                let flow = async {
                    let contoso = town.contoso().await?;
                    let _turn = turns.acquire().await?;
                    $($module)::+(contoso).await
                };
                let outcome: Result<()> = runtime.block_on(flow);
                outcome.map_err(|error| {
                    // All failures are shown at the end, which may be far off. Nobody is left to tell when standard
                    // error is closed.
                    let _ = writeln!(std::io::stderr(), "{told}: {error:#}");
                    Failed::from(format!("{error:?}"))
                })
            };
            Trial::test(name, flow).with_ignored_flag(lacks.is_some())
        }),*]
    };
}

fn main() -> Result<()> {
    let mut arguments = Arguments::from_args();
    let town = Arc::new(Town::default());
    let runtime = Arc::new(Runtime::new()?);
    let any = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    let short = Arc::new(Semaphore::new(SHORT));
    let browsers = Arc::new(Semaphore::new(BROWSERS));
    // They wait more than they work.
    let mut flows = flows!(
        town,
        runtime,
        any,
        None,
        [
            tokens::crashes::a_renewal_killed_at_any_step_is_completed_by_the_next,
            tokens::crashes::a_consent_killed_at_any_step_leaves_the_old_grant_or_the_new,
            sending::the_schedule_renews_a_token_that_expires,
            sending::a_worker_killed_before_it_sends_loses_nothing,
            sending::a_worker_killed_while_it_sends_leaves_an_unknown,
            sending::a_server_that_asks_for_time_gets_it,
            redrive::a_redrive_that_is_cut_short_is_repeated,
            runs::chaos::nothing_is_lost_and_nothing_is_doubled,
            runs::pace::a_burst_keeps_to_the_limit_and_costs_few_receives,
            runs::pace::the_end_of_an_outage_keeps_to_the_limit_and_costs_few_receives,
            runs::upgrade::an_upgrade_loses_and_doubles_nothing_on_the_way,
            runs::consent_loss::fifty_waiting_notifications_outlast_a_revoked_grant,
        ]
    );
    flows.extend(flows!(
        town,
        runtime,
        short,
        None,
        [
            accounts::a_user_name_other_than_the_address,
            accounts::a_shared_mailbox_through_its_delegate,
            accounts::an_alias_of_the_mailbox_that_signs_in,
            accounts::a_tenant_given_by_its_guid,
            accounts::the_clouds_of_the_us_government,
            accounts::the_cloud_of_china,
            accounts::a_personal_account,
            consent::a_person_who_is_not_the_mailbox_stores_nothing,
            consent::a_link_is_good_for_one_connection,
            consent::a_person_who_cancels_changes_nothing,
            tokens::races::renewals_at_once_leave_one_grant_that_is_whole,
            tokens::races::an_answer_that_is_lost_costs_no_grant,
            tokens::races::a_consent_beats_the_renewals_under_way,
            tokens::races::a_late_refusal_of_the_old_grant_stops_nobody,
            tokens::commands::an_operator_checks_each_step_and_renews,
            tokens::commands::an_operator_sends_a_test_mail,
            tokens::commands::a_refused_client_secret_is_read_again_and_tried_once_more,
            tokens::commands::a_disconnected_mailbox_keeps_its_mail_and_no_token,
            operating::session::the_readme_shows_a_session_as_it_was,
            operating::a_person_is_asked_and_can_leave,
            operating::redriving::a_redrive_says_how_it_went_and_can_be_left,
            operating::checking::the_steps_appear_while_the_check_is_under_way,
            operating::runbook::every_command_gets_an_answer,
            operating::a_program_reads_what_the_command_says,
            templates::a_template_is_shown_and_then_makes_the_mail,
            sending::a_notification_arrives_byte_for_byte_as_composed,
            sending::a_repeated_notification_is_one_mail,
            sending::news_that_nobody_takes_costs_no_mail,
            sending::what_is_no_longer_worth_sending_is_set_aside,
            sending::a_body_that_is_no_notification_is_in_the_failed_queue_with_the_field_named,
            sending::a_second_mailbox_has_its_own_queue_and_account,
            sending::a_token_that_the_server_refuses_is_renewed_once_and_the_mail_leaves,
            sending::a_paused_mailbox_keeps_its_mail_until_it_is_resumed,
            sending::a_dry_run_leaves_the_id_to_the_mail_that_leaves_when_it_is_told_to,
            objects::a_file_of_the_bucket_arrives_and_a_missing_one_is_named,
            objects::a_body_that_the_queue_does_not_take_arrives_from_the_bucket,
            sending::a_notification_to_many_goes_out_in_parts_and_is_completed_by_a_redrive,
            redrive::what_was_set_aside_goes_back_by_id_by_class_and_all_of_it,
            runs::upgrade::a_canary_is_made_by_its_parameter_alone,
        ]
    ));
    let lack = lack(Kind::Chromium);
    let has_browser = lack.is_none();
    flows.extend(flows!(
        town,
        runtime,
        browsers,
        lack.as_deref(),
        [
            browser::connecting::a_person_connects_by_keyboard_after_a_scanner_opened_the_link,
            browser::connecting::clicking_twice_and_going_back_do_no_harm,
            browser::connecting::two_people_at_once_connect_each_their_own,
            browser::connecting::an_administrator_approves_and_the_mailbox_is_connected,
            browser::connecting::a_mail_server_that_refuses_keeps_the_consent_and_names_the_remedy,
            browser::refusing::each_refusal_has_a_page_of_its_own_and_stores_nothing,
            browser::refusing::an_answer_that_is_not_good_has_a_page_of_its_own,
            browser::status::an_operator_sees_all_mailboxes_once_after_a_scanner_opened_the_link,
            browser::pages::every_notice_can_be_read_by_everybody,
            browser::pages::every_answer_has_strict_headers,
        ]
    ));
    let lack = self::lack(Kind::Firefox);
    flows.extend(flows!(
        town,
        runtime,
        browsers,
        lack.as_deref(),
        [browser::connecting::a_person_connects_in_firefox]
    ));
    let lack = (!Node::is_there() && !is_required("servers")).then_some(node::MISSING);
    if let Some(lack) = lack {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(
            std::io::stderr(),
            "The other OAuth server is not tried: {lack}"
        );
    }
    flows.extend(flows!(
        town,
        runtime,
        short,
        lack,
        [elsewhere::a_server_of_somebody_else_s_grants_and_renews]
    ));
    // Each waits for its turn.
    arguments.test_threads = arguments.test_threads.or(Some(flows.len()));
    let conclusion = libtest_mimic::run(&arguments, flows);
    if let Some(town) = Arc::into_inner(town) {
        let is_whole = conclusion.num_filtered_out == 0 && has_browser;
        runtime.block_on(town.stop(is_whole))?;
    }
    conclusion.exit()
}

/// Says what this machine lacks for the flows in a browser, unless they are required.
fn lack(kind: Kind) -> Option<String> {
    let lack = match kind.find() {
        Err(missing) => missing.to_string(),
        Ok(_) if !Node::is_there() => node::MISSING.to_owned(),
        Ok(_) => return None,
    };
    if is_required("browsers") {
        return None;
    }
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{kind:?} is not tried: {lack}");
    Some(lack)
}

/// The time that a flow gives to what happens at once.
const SOON: std::time::Duration = std::time::Duration::from_secs(60);

/// Connects a mailbox by the consent of its own account, and waits until it sends.
async fn connected(contoso: &Contoso, mailbox: &str) -> Result<()> {
    let page = contoso.connect(mailbox, &town::address(mailbox)).await?;
    let status = contoso
        .wait_for_status(mailbox, SOON, |status| status["sends"] == true)
        .await;
    status.map(|_| ()).map_err(|error| error.context(page.text))
}
