//! The functions' way to DynamoDB and Secrets Manager: a relay that hands every call on, and in a [`Storm`] fails some.
//!
//! Only the functions come this way, by the endpoint variables of the two services; deployments and tests call the local
//! AWS directly. Without a storm, and for other mailboxes than the storm's, a call passes as it is.

mod call;
mod storm;

use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::call::{Call, failure, throttling};
use self::storm::Fate;
use super::front::Serving;
use super::passage::Passage;
use super::workers;

pub use self::storm::Storm;

/// The variables by which the functions come this way.
const ENDPOINTS: [&str; 2] = [
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
];
/// The largest call; DynamoDB and Secrets Manager take less.
const LARGEST_CALL: usize = 16 * 1024 * 1024;

/// What a storm did, by its count of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Calls of the storm's mailbox.
    pub calls: u64,
    /// Calls that never arrived: an error of the service instead.
    pub lost: u64,
    /// Calls that never arrived: throttled.
    pub throttled: u64,
    /// Calls that were done and answered with an error.
    pub denied: u64,
    /// Calls that were done and never answered.
    pub cut: u64,
    /// Calls that were answered too late.
    pub late: u64,
    /// Workers that were killed at a call.
    pub killed: u64,
}

/// An open port that relays nothing yet: the local AWS has to know its address before it starts.
pub(super) struct Relay {
    listener: TcpListener,
    weather: Weather,
}

/// What the sky over the relay is like. Clones are the same sky.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather(Arc<Mutex<Sky>>);

#[derive(Debug, Default)]
struct Sky {
    storm: Option<Storm>,
    before: HashMap<Call, u64>,
    damage: Damage,
}

/// What serves one connection.
#[derive(Clone)]
struct Clerk {
    weather: Weather,
    passage: Passage,
    /// The full name of the function whose workers a storm kills.
    mortal: Arc<str>,
    peer: SocketAddr,
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed without an answer")
    }
}

impl std::error::Error for Unanswered {}

impl Relay {
    /// Opens a port.
    pub(super) async fn open() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no port of 127.0.0.1 can be opened for the functions' calls")?;
        Ok(Self {
            listener,
            weather: Weather::default(),
        })
    }

    /// What leads the functions here.
    pub(super) fn environment(&self) -> Result<Vec<(String, String)>> {
        let url = format!("http://{}", self.listener.local_addr()?);
        let lead = |name: &str| (name.to_owned(), url.clone());
        Ok(ENDPOINTS.into_iter().map(lead).collect())
    }

    /// Relays the calls to MiniStack; storms kill workers of the function with the name `mortal`.
    pub(super) fn serve(self, passage: Passage, mortal: &str) -> (Serving, Weather) {
        let (weather, mortal) = (self.weather.clone(), Arc::from(mortal));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, peer)) = self.listener.accept().await {
                let clerk = Clerk {
                    weather: self.weather.clone(),
                    passage: passage.clone(),
                    mortal: Arc::clone(&mortal),
                    peer,
                };
                connections.spawn(async move {
                    let service = service_fn(move |request: hyper::Request<_>| {
                        let clerk = clerk.clone();
                        async move { clerk.serve(request.map(Body::new)).await }
                    });
                    // A connection that breaks is what a storm is about.
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        (Serving(task.abort_handle()), weather)
    }
}

impl Weather {
    /// Lets a storm begin. Its counts begin anew.
    pub(super) fn storm(&self, storm: Storm) {
        *self.sky() = Sky {
            storm: Some(storm),
            ..Sky::default()
        };
    }

    /// Ends the storm, and tells what it did.
    pub(super) fn calm(&self) -> Damage {
        std::mem::take(&mut *self.sky()).damage
    }

    /// Decides what becomes of a call, and counts it.
    fn decide(&self, call: Option<Call>) -> Fate {
        let sky = &mut *self.sky();
        let Some((storm, call)) = sky.storm.as_ref().zip(call) else {
            return Fate::Passes;
        };
        if !call.concerns(&storm.mailbox) {
            return Fate::Passes;
        }
        let before = sky.before.entry(call.clone()).or_default();
        let fate = storm.fate(&call, *before);
        *before += 1;
        let damage = &mut sky.damage;
        damage.calls += 1;
        match fate {
            Fate::Passes | Fate::KilledBefore | Fate::KilledAfter => {}
            Fate::Lost => damage.lost += 1,
            Fate::Throttled => damage.throttled += 1,
            Fate::Denied => damage.denied += 1,
            Fate::Cut => damage.cut += 1,
            Fate::Late(_) => damage.late += 1,
        }
        fate
    }

    fn sky(&self) -> MutexGuard<'_, Sky> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clerk {
    /// Lets the call's fate happen.
    async fn serve(self, request: Request) -> Result<Response, Unanswered> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, LARGEST_CALL).await.map_err(|_| Unanswered)?;
        let target = parts.headers.get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok());
        let target = target.unwrap_or_default().to_owned();
        let fate = self.weather.decide(Call::read(&target, &body));
        let request = Request::from_parts(parts, body.into());
        match fate {
            Fate::Passes => self.pass(request).await,
            Fate::Lost => Ok(failure(&target)),
            Fate::Throttled => Ok(throttling(&target)),
            Fate::Denied => self.pass(request).await.map(|_| failure(&target)),
            Fate::Cut => self.pass(request).await.and(Err(Unanswered)),
            Fate::Late(delay) => {
                let answer = self.pass(request).await;
                tokio::time::sleep(delay).await;
                answer
            }
            Fate::KilledBefore => match self.kill().await {
                true => Err(Unanswered),
                false => self.pass(request).await,
            },
            Fate::KilledAfter => {
                let answer = self.pass(request).await;
                self.kill().await;
                answer
            }
        }
    }

    async fn pass(&self, request: Request) -> Result<Response, Unanswered> {
        let answer = self.passage.pass(None, request).await;
        answer.map_err(|_| Unanswered)
    }

    /// Kills the worker that made the call; answers whether it was one of the mortal function, and still alive.
    async fn kill(&self) -> bool {
        let workers = workers::of(&self.mortal, self.passage.ministack());
        let Some(worker) = workers.into_iter().find(|worker| worker.holds(self.peer)) else {
            return false;
        };
        let is_killed = worker.kill().await.is_ok();
        if is_killed {
            self.weather.sky().damage.killed += 1;
        }
        is_killed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_storm_over_one_mailbox_spares_the_others() {
        let weather = Weather::default();
        weather.storm(Storm {
            seed: 1,
            mailbox: "billing".to_owned(),
            spells: 1000,
            kills: 0,
        });
        let fate = |about: &str| {
            weather.decide(Some(Call {
                target: "DynamoDB_20120810.GetItem".to_owned(),
                about: about.to_owned(),
            }))
        };
        assert_ne!(fate("mailbox#billing"), Fate::Passes);
        assert_eq!(fate("mailbox#billing-2"), Fate::Passes);
        assert_eq!(fate("ledger#orders#billings"), Fate::Passes);
        assert_eq!(weather.calm().calls, 1);
        assert_eq!(fate("mailbox#billing"), Fate::Passes, "it is over");
    }

    /// What a caller and the service see of a call whose fate is `fate`: the status of the answer, if there is one, and
    /// how often the call arrived.
    async fn seen(fate: Fate) -> (Option<u16>, usize) {
        let arrived = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&arrived);
        let service = Router::new().fallback(move || async move {
            count.fetch_add(1, Ordering::Relaxed);
            "{}"
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut servers = JoinSet::new();
        servers.spawn(async move { axum::serve(listener, service).await });

        let relay = Relay::open().await.unwrap();
        let here = relay.environment().unwrap()[0].1.clone();
        let (_serving, weather) = relay.serve(Passage::to(url).unwrap(), "pillarbox-send-email");
        let storm = Storm {
            seed: 1,
            mailbox: "billing".to_owned(),
            spells: 300,
            kills: 0,
        };
        let call = (0..)
            .map(|number| Call {
                target: "DynamoDB_20120810.PutItem".to_owned(),
                about: format!("ledger#billing#{number}"),
            })
            .find(|call| storm.fate(call, 0) == fate)
            .unwrap();
        weather.storm(storm);
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(here)
            .header("x-amz-target", call.target)
            .body(json!({ "Item": { "pk": { "S": call.about } } }).to_string())
            .send()
            .await;
        let status = answer.ok().map(|answer| answer.status().as_u16());
        (status, arrived.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_call_fails_before_or_after_it_was_done() {
        // A second provider in one process is the first one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        assert_eq!(seen(Fate::Passes).await, (Some(200), 1));
        assert_eq!(seen(Fate::Lost).await, (Some(500), 0));
        assert_eq!(seen(Fate::Throttled).await, (Some(400), 0));
        assert_eq!(seen(Fate::Denied).await, (Some(500), 1));
        assert_eq!(seen(Fate::Cut).await, (None, 1));
    }
}
