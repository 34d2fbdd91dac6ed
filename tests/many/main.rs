//! A thousand mailboxes in one tick of `token-refresh`, against the simulated Entra over HTTPS.
//!
//! The function, its HTTP client and the wire are the real ones; the stores are in memory, so that what is measured is
//! the function. The measure of memory is the heap of the whole process, so this test has a process to itself; what the
//! stores and Entra keep for good is taken off.

#![expect(
    clippy::unwrap_used,
    reason = "a peer that answers something else than it should has failed the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use common::aws::{Mapping, MappingError, SettingsError, Valve};
use common::client_secret::ClientSecret;
use common::clock::{Clock, FixedClock};
use common::event::{Event, EventBus, NotPut};
use common::fakes::{MemorySecrets, MemoryStates};
use common::grant::{Account, Grant, GrantId, IssuedTokens, RefreshToken, TokenSet};
use common::mailbox::{
    Connection, Consented, MailboxId, MailboxStates, Refreshed, Settings, StateUnavailable,
};
use common::metrics::{Measurement, Meter};
use common::naming::StackName;
use common::oauth::{Http, TokenEndpoint, TokenFailure};
use common::route::Obstacle;
use common::secret::AccessToken;
use common::vault::Vault;
use jiff::{SignedDuration, Timestamp};
use peak_alloc::PeakAlloc;
use serde_norway::Value;
use tests::contoso::{Contoso, client_id};
use tests::microsoft::entra::{TokenEffect, TokenFault};
use tests::microsoft::{self, Microsoft, Options, Tenant};
use token_refresh::handler::{Answer, Function, Request};
use token_refresh::ports::{Known, Mailboxes, Turns, Valves};
use token_refresh::visit::{Found, Provider, Visitor};

const SCOPES: &str = "https://outlook.office.com/SMTP.Send offline_access openid profile";
/// How many visits there may be at the same time.
const AT_ONCE: usize = 8;
const MEBIBYTE: usize = 1024 * 1024;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;
/// The heap is that of the process, so the tests take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The provider as the function has it, but for where the client secret is kept.
struct OverHttps<'a> {
    http: &'a Http,
    client_secret: &'a ClientSecret,
    clock: FixedClock,
    /// How many are asked at this moment, and how many were at the most.
    asked: &'a [AtomicUsize; 2],
}

impl Provider for OverHttps<'_> {
    async fn refresh(
        &self,
        settings: &Settings,
        grant: &Grant,
    ) -> Result<IssuedTokens, TokenFailure> {
        let endpoint = TokenEndpoint {
            settings,
            client_secret: self.client_secret,
            http: self.http,
            clock: &self.clock,
        };
        let [asked, most] = self.asked;
        most.fetch_max(asked.fetch_add(1, Relaxed) + 1, Relaxed);
        let issued = endpoint.refresh(&grant.refresh_token, &grant.scopes).await;
        asked.fetch_sub(1, Relaxed);
        issued
    }

    async fn prove(&self, _: &Settings, _: &AccessToken) -> Result<(), Obstacle> {
        Ok(())
    }
}

/// A stack with many mailboxes.
struct Town {
    mailboxes: BTreeMap<MailboxId, Settings>,
    stack: StackName,
    secrets: MemorySecrets,
    states: MemoryStates,
    clock: FixedClock,
    first: Mutex<Option<MailboxId>>,
}

impl Mailboxes for &Town {
    async fn all(&self) -> Result<Vec<(MailboxId, Known)>, SettingsError> {
        let all = self.mailboxes.iter();
        Ok(all
            .map(|(mailbox, settings)| (mailbox.clone(), Ok(settings.clone())))
            .collect())
    }

    async fn one(&self, mailbox: &MailboxId) -> Known {
        let settings = self.mailboxes.get(mailbox).cloned();
        settings.ok_or_else(|| SettingsError::NoMailbox(mailbox.clone()))
    }
}

impl Valves for &Town {
    async fn of_function(&self, _: &str) -> Result<Vec<Mapping>, MappingError> {
        Ok(Vec::new())
    }

    async fn turn(&self, _: &Mapping, _: Valve) -> Result<(), MappingError> {
        Ok(())
    }
}

impl Turns for &Town {
    async fn first(&self) -> Result<Option<MailboxId>, StateUnavailable> {
        Ok(self.first.lock().unwrap().clone())
    }

    async fn leave_to(&self, mailbox: &MailboxId) -> Result<(), StateUnavailable> {
        *self.first.lock().unwrap() = Some(mailbox.clone());
        Ok(())
    }
}

impl EventBus for &Town {
    async fn publish(&self, _: &[Event]) -> Result<(), NotPut> {
        Ok(())
    }
}

impl Meter for &Town {
    fn record(&self, _: &Measurement, _: Timestamp) {}
}

impl Town {
    /// So many mailboxes that have consented an hour ago and whose tokens are due.
    async fn with(microsoft: &Microsoft, count: usize) -> Self {
        let clock = FixedClock::at("2027-03-01T12:00:00Z".parse().unwrap());
        let stack = StackName::parse("pillarbox").unwrap();
        let mut town = Self {
            mailboxes: BTreeMap::new(),
            secrets: MemorySecrets::default(),
            states: MemoryStates::default(),
            clock,
            first: Mutex::default(),
            stack,
        };
        let tenant = Tenant::new("contoso.com");
        for number in 0..count {
            let name = format!("m{number:04}");
            let upn = address(&name);
            let account = microsoft::Account::new(&tenant, &upn);
            microsoft.directory().add_account(account);
            town.connect(microsoft, &name, &upn).await;
        }
        town
    }

    /// Makes a mailbox, and lets its account consent.
    async fn connect(&mut self, microsoft: &Microsoft, name: &str, upn: &str) {
        let settings = serde_json::json!({
            "address": upn,
            "tenant": "contoso.com",
            "client_id": client_id(),
            "more": Contoso::more_settings(microsoft),
        });
        let mailbox = MailboxId::parse(name).unwrap();
        let settings = Settings::parse(mailbox.clone(), &settings.to_string()).unwrap();
        let token = microsoft.entra().grant(upn, &client_id(), SCOPES).unwrap();
        let account = Account {
            tenant_id: Tenant::new("contoso.com").id,
            object_id: name.to_owned(),
            name: upn.to_owned(),
        };
        let obtained_at = self.clock.now() - SignedDuration::from_mins(50);
        let grant = Grant {
            grant_id: GrantId::random(),
            seq: 0,
            refresh_token: RefreshToken::new(token),
            scopes: SCOPES.to_owned(),
            account: account.clone(),
            obtained_at,
        };
        let tokens = TokenSet {
            grant_id: grant.grant_id.clone(),
            seq: 0,
            access_token: AccessToken::new("an hour old".to_owned()),
            obtained_at,
            expires_at: obtained_at + SignedDuration::from_mins(60),
        };
        self.secrets.create(&self.stack.grant_secret(&mailbox));
        self.secrets
            .create(&self.stack.access_token_secret(&mailbox));
        let vault = Vault::new(self.secrets.clone(), self.stack.clone());
        vault.consented(&mailbox, &grant, &tokens).await.unwrap();
        let states = &self.states;
        states
            .connect(&mailbox, &Consented::from(&grant), &Connection::Active)
            .await
            .unwrap();
        states
            .refreshed(&mailbox, &grant.grant_id, &Refreshed::from(&tokens))
            .await
            .unwrap();
        self.mailboxes.insert(mailbox, settings);
    }

    /// One invocation with the time that the template gives it.
    async fn tick(&self, http: &Http, client_secret: &ClientSecret) -> Answer {
        let asked = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let function = Function {
            visitor: Visitor {
                vault: Vault::new(self.secrets.clone(), self.stack.clone()),
                states: self.states.clone(),
                provider: OverHttps {
                    http,
                    client_secret,
                    clock: self.clock.clone(),
                    asked: &asked,
                },
                clock: self.clock.clone(),
            },
            outside: self,
            stack: self.stack.clone(),
        };
        let deadline = Instant::now() + timeout();
        let time_left = || deadline.saturating_duration_since(Instant::now());
        let answer = function.handle(Request::default(), time_left).await;
        assert!(time_left() > Duration::ZERO, "Lambda would have ended it");
        let most = asked[1].load(Relaxed);
        assert!(most <= AT_ONCE, "{most} at the same time");
        // What was asked of the stores is a matter of other tests.
        self.secrets.calls.forget();
        self.states.calls.forget();
        answer.unwrap()
    }
}

/// The address of a mailbox.
fn address(name: &str) -> String {
    format!("{name}@contoso.com")
}

/// The time that the template gives an invocation of `token-refresh`.
fn timeout() -> Duration {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let template: Value = serde_norway::from_str(&fs::read_to_string(template).unwrap()).unwrap();
    let seconds = &template["Resources"]["TokenRefresh"]["Properties"]["Timeout"];
    Duration::from_secs(seconds.as_u64().unwrap())
}

/// What each mailbox was found, by what that is.
fn found(answer: &Answer) -> BTreeMap<String, BTreeSet<&str>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for visited in &answer.mailboxes {
        let what = format!("{:?}", visited.found);
        found.entry(what).or_default().insert(&visited.mailbox[..]);
    }
    found
}

/// What a tick over so many due mailboxes takes of the heap beside what is left when it has ended.
async fn held(microsoft: &Microsoft, count: usize) -> (usize, Duration) {
    let tls = common::tls::client_config(Some(microsoft.authority().pem())).unwrap();
    let http = Http::new(tls).unwrap();
    let app = microsoft.directory().app(&client_id()).unwrap();
    let client_secret = ClientSecret::parse(&app.secrets[0].value).unwrap();
    let town = Town::with(microsoft, count).await;

    HEAP.reset_peak_usage();
    let started = Instant::now();
    let answer = town.tick(&http, &client_secret).await;
    let took = started.elapsed();
    let held = HEAP.peak_usage() - HEAP.current_usage();
    assert_eq!((answer.mailboxes.len(), answer.left), (count, 0));
    let renewed = format!("{:?}", Some(Found::Refreshed));
    assert_eq!(found(&answer).remove(&renewed).unwrap().len(), count);
    (held, took)
}

/// A tenth of the mailboxes takes no less: what a tick holds does not grow with their number.
#[tokio::test]
async fn a_thousand_due_mailboxes_are_renewed_in_one_invocation_and_flat_memory() {
    let _turn = TURN.lock().await;
    let microsoft = Microsoft::start(Options::default()).await.unwrap();
    let (of_a_hundred, _) = held(&microsoft, 100).await;
    let (of_a_thousand, took) = held(&microsoft, 1000).await;
    report(&format!(
        "1,000 mailboxes: {} ms, {of_a_thousand} octets held at the most beside what is kept; of 100: {of_a_hundred}",
        took.as_millis()
    ));
    let limit = of_a_hundred + 2 * MEBIBYTE;
    assert!(of_a_thousand < limit, "{of_a_thousand}, and {of_a_hundred}");
    let counters = microsoft.entra().counters();
    assert_eq!(counters.refreshes, 1100, "each is renewed once");
}

/// One mailbox whose token endpoint hangs, one that is put off and one that is refused cost nobody else anything.
#[tokio::test]
async fn who_is_in_trouble_starves_nobody() {
    let _turn = TURN.lock().await;
    let microsoft = Microsoft::start(Options::default()).await.unwrap();
    let tls = common::tls::client_config(Some(microsoft.authority().pem())).unwrap();
    let http = Http::new(tls).unwrap();
    let app = microsoft.directory().app(&client_id()).unwrap();
    let client_secret = ClientSecret::parse(&app.secrets[0].value).unwrap();
    let town = Town::with(&microsoft, 200).await;
    let entra = microsoft.entra();
    entra.inject(TokenFault::new(TokenEffect::Hang).for_account(&address("m0000")));
    entra.inject(TokenFault::too_many_requests(120).for_account(&address("m0001")));
    entra.revoke(&address("m0002"));

    let answer = town.tick(&http, &client_secret).await;
    assert_eq!((answer.mailboxes.len(), answer.left), (200, 0));
    let found = found(&answer);
    let of = |what| found.get(&format!("{:?}", Some(what))).cloned();
    assert_eq!(of(Found::Unavailable), Some(["m0000", "m0001"].into()));
    assert_eq!(of(Found::Refused), Some(["m0002"].into()));
    assert_eq!(of(Found::Refreshed).map(|renewed| renewed.len()), Some(197));
}

#[expect(
    clippy::print_stdout,
    reason = "a measurement is read as well as passed"
)]
fn report(text: &str) {
    println!("{text}");
}
