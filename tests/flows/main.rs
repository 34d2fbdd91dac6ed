//! The flows: what Pillarbox promises, on the deployed stack, against the simulated Microsoft.
//!
//! One run shares one stack. Flows run side by side; each has a mailbox to itself, so that none sees another.

#![expect(
    clippy::unwrap_used,
    reason = "a flow that finds something else than it expects has failed"
)]

mod consent;
mod sending;
mod town;

use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tests::contoso::Contoso;
use tokio::runtime::Runtime;

use crate::town::Town;

/// Every flow by its name, which is what it promises.
macro_rules! flows {
    ($town:ident, $runtime:ident, [$($module:ident :: $flow:ident),* $(,)?]) => {
        vec![$({
            let (town, runtime) = (Arc::clone(&$town), Arc::clone(&$runtime));
            Trial::test(concat!(stringify!($module), "::", stringify!($flow)), move || {
                let flow = async { $module::$flow(town.contoso().await?).await };
                let outcome: Result<()> = runtime.block_on(flow);
                outcome.map_err(|error| Failed::from(format!("{error:?}")))
            })
        }),*]
    };
}

fn main() -> Result<()> {
    let mut arguments = Arguments::from_args();
    let town = Arc::new(Town::default());
    let runtime = Arc::new(Runtime::new()?);
    let flows = flows!(
        town,
        runtime,
        [
            consent::a_person_who_is_not_the_mailbox_stores_nothing,
            consent::a_link_is_good_for_one_connection,
            consent::a_person_who_cancels_changes_nothing,
            sending::a_notification_arrives_byte_for_byte_as_composed,
            sending::a_repeated_notification_is_one_mail,
            sending::a_body_that_is_no_notification_is_in_the_failed_queue_with_the_field_named,
            sending::a_second_mailbox_has_its_own_queue_and_account,
            sending::a_token_that_the_server_refuses_is_renewed_once_and_the_mail_leaves,
            sending::the_schedule_renews_a_token_that_expires,
            sending::a_worker_killed_before_it_sends_loses_nothing,
            sending::a_worker_killed_while_it_sends_leaves_an_unknown,
            sending::a_paused_mailbox_keeps_its_mail_until_it_is_resumed,
        ]
    );
    // They wait more than they work.
    arguments.test_threads = arguments.test_threads.or(Some(flows.len()));
    let conclusion = libtest_mimic::run(&arguments, flows);
    if let Some(town) = Arc::into_inner(town) {
        runtime.block_on(town.stop())?;
    }
    conclusion.exit()
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
