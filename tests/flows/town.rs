//! The stack that all flows share: started by the first flow that runs, ended after the last.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use common::clock::{Clock, SystemClock};
use common::pace::Limit;
use jiff::SignedDuration;
use tests::contoso::{Contoso, Setup, Sites, client_id};
use tests::microsoft::{Account, Microsoft, Tenant};
use tests::node::{Client, Node, Provider};
use tests::stack::Progress;
use tokio::sync::OnceCell;

use crate::households::{self, Servers};
use crate::{heard, measured, nowhere, secrecy};

/// The mailboxes besides the template's own: each flow that changes one has one to itself.
pub(crate) const MAILBOXES: [&str; 45] = [
    "orders",
    "linked",
    "stranger",
    "repeated",
    "renewed",
    "scheduled",
    "killed",
    "lost",
    "paused",
    "shop",
    "impatient",
    "left",
    "right",
    "fox",
    "warehouse",
    "reception",
    "revoked",
    REDRIVEN,
    CUT_SHORT,
    CHAOS,
    "operated",
    "finance",
    "consulted",
    "later",
    "numbered",
    BURST,
    OUTAGE,
    "raced",
    "unheard",
    "overtaken",
    "stale",
    "renewing",
    "consenting",
    "checked",
    "tested",
    "rekeyed",
    "disconnected",
    "templated",
    "enclosing",
    "outgrown",
    "walked",
    UNTOLD,
    "slowed",
    "expiring",
    SHELVED,
];

/// The mailboxes of the flows of the failed queue.
pub(crate) const REDRIVEN: &str = "redriven";
pub(crate) const CUT_SHORT: &str = "interrupted";
pub(crate) const SHELVED: &str = "shelved";
/// The mailbox whose events nobody takes, which its workers wait for.
pub(crate) const UNTOLD: &str = "untold";
/// The mailbox of the chaos run.
pub(crate) const CHAOS: &str = "chaos";
/// The mailboxes of the pace runs.
pub(crate) const BURST: &str = "burst";
pub(crate) const OUTAGE: &str = "outage";

/// How fast a mailbox is told to send, if not as fast as Microsoft allows. What takes many minutes at that rate has to fit
/// into a run. A burst of 200 is more than three times what a window takes, and ten of the outage's short windows pass in
/// a minute.
pub(crate) fn limit_of(mailbox: &str) -> Option<Limit> {
    let (messages, seconds) = match mailbox {
        CHAOS | CUT_SHORT => (600, 60),
        BURST => (60, 60),
        OUTAGE => (20, 6),
        _ => return None,
    };
    Some(Limit {
        messages,
        window: SignedDuration::from_secs(seconds),
    })
}

/// The time that `send-email` has in these flows. The lease of a lost worker ends a minute after it, so the flow
/// that kills one need not wait for five. It suffices to begin a message of 5 MB.
const TIME_TO_SEND: Duration = Duration::from_secs(150);

/// The shared stack.
#[derive(Default)]
pub(crate) struct Town(OnceCell<Running>);

/// What runs.
struct Running {
    contoso: Contoso,
    _elsewhere: Option<Provider>,
}

impl Town {
    /// The running company; started on the first call.
    pub(crate) async fn contoso(&self) -> Result<&Contoso> {
        Ok(&self.0.get_or_try_init(start).await?.contoso)
    }

    /// Ends what was started, after a look at what was shown to anybody, heard and measured. Whether all flows have run
    /// says `is_whole`.
    pub(crate) async fn stop(self, is_whole: bool) -> Result<()> {
        let Some(Running { contoso, .. }) = self.0.into_inner() else {
            return Ok(());
        };
        let heard = heard::as_documented(&contoso, is_whole).await;
        let kept = secrecy::no_secret_is_shown(&contoso).await;
        let measured = measured::as_documented(&contoso, is_whole).await;
        contoso.stop().await?;
        heard.and(kept).and(measured)
    }
}

/// Deploys the unmodified template, and then, as a customer who adds mailboxes does, updates the stack with the
/// README's block, once for each mailbox.
async fn start() -> Result<Running> {
    let setup = Setup {
        sites: Sites::Three,
        ..Setup::default()
    };
    let mut contoso = Contoso::start(setup, Progress::detect()).await?;
    heard::listen(&contoso).await?;
    let tenant = Tenant::new("contoso.com");
    let readme = readme_block()?;
    let elsewhere = elsewhere(&contoso).await;
    let servers = Servers {
        nowhere: &nowhere::open(&contoso.microsoft).await?,
        elsewhere: elsewhere.as_ref().map(Provider::issuer),
    };
    let mut blocks = households::furnish(&contoso, &readme, servers)?;
    for mailbox in MAILBOXES {
        contoso
            .microsoft
            .directory()
            .add_account(Account::new(&tenant, &address(mailbox)));
        let block = block(&readme, mailbox);
        blocks.push_str(&match limit_of(mailbox) {
            Some(limit) => with_limit(&block, limit, &contoso.microsoft),
            None => block,
        });
    }
    contoso.stack.update([], &blocks).await?;
    // Where copies are counted they stay hidden as long as a customer's do.
    let is_counted =
        |mailbox: &&str| [BURST, OUTAGE, REDRIVEN, CUT_SHORT, SHELVED, UNTOLD].contains(mailbox);
    for mailbox in MAILBOXES.iter().filter(|mailbox| !is_counted(mailbox)) {
        contoso
            .stack
            .hide_for(mailbox, Duration::from_secs(2))
            .await?;
    }
    contoso.stack.give_time("send-email", TIME_TO_SEND).await?;
    Ok(Running {
        contoso,
        _elsewhere: elsewhere,
    })
}

/// The OAuth server that nobody here wrote. Where it does not start, the flow through it alone has failed.
async fn elsewhere(contoso: &Contoso) -> Option<Provider> {
    if !Node::is_there() {
        return None;
    }
    let provider = start_provider(contoso).await;
    provider
        .inspect_err(|error| {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "The OAuth server: {error:?}");
        })
        .ok()
}

async fn start_provider(contoso: &Contoso) -> Result<Provider> {
    let node = Node::prepare().await?;
    let id = client_id();
    let app = contoso.microsoft.directory().app(&id);
    let app = app.context("the app is not registered")?;
    let client = Client {
        id: &id,
        secret: &app.secrets[0].value,
        redirect_uri: contoso.stack.output("CallbackUrl")?,
    };
    Provider::start(&node, contoso.microsoft.authority(), &client).await
}

/// The address of a mailbox, which is also its user principal name.
pub(crate) fn address(mailbox: &str) -> String {
    format!("{mailbox}@contoso.com")
}

/// The block with further settings of its own: where Microsoft is, and how fast to send.
fn with_limit(block: &str, limit: Limit, microsoft: &Microsoft) -> String {
    let mut settings = Contoso::more_settings(microsoft);
    settings["messages_per_minute"] = limit.messages.into();
    settings["limit_window_seconds"] = limit.window.as_secs().into();
    if limit_of(OUTAGE) == Some(limit) {
        settings["event_addresses"] = "hashed".into();
        let soon = SystemClock.now() + SignedDuration::from_hours(20 * 24);
        settings["client_secret_expires_on"] = soon.strftime("%F").to_string().into();
    }
    block.replace(
        "MoreSettings: !Ref MoreSettings",
        &format!("MoreSettings: '{settings}'"),
    )
}

/// The block that the README shows for a second mailbox.
fn readme_block() -> Result<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))?;
    let after = readme
        .split_once("<!-- second mailbox -->")
        .context("the README marks no block for a second mailbox")?
        .1;
    let block = after
        .split_once("```yaml\n")
        .and_then(|(_, rest)| rest.split_once("```"));
    let block = block
        .context("the README's block for a second mailbox is not YAML")?
        .0;
    Ok(block.to_owned())
}

/// The same block for another mailbox.
fn block(readme: &str, mailbox: &str) -> String {
    let resource = format!("{}{}Mailbox", mailbox[..1].to_uppercase(), &mailbox[1..]);
    readme
        .replace("OrdersMailbox", &resource)
        .replace("orders@contoso.com", &address(mailbox))
        .replace("Id: orders", &format!("Id: {mailbox}"))
}
