//! The functions' way to DynamoDB, Secrets Manager, EventBridge and S3: a relay that hands every call on, and in a [`Storm`] fails some. An
//! [`Ambush`] kills a worker at one certain call.
//!
//! Only the functions come this way, by the endpoint variables of the services; deployments and tests call the local AWS
//! directly. The relay stands for the end of TLS, which the bucket's policy asks for. Without a storm, and for other mailboxes than the storm's, a call passes as it is.

mod ambush;
mod call;
mod storm;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::ambush::Laid;
use self::call::{Call, failure, throttling};
use self::storm::Fate;
use super::front::Serving;
use super::passage::Passage;
use super::workers::{self, Worker};

pub use self::ambush::{Ambush, Moment};
pub use self::storm::Storm;

/// The variables by which the functions come this way.
const ENDPOINTS: [&str; 4] = [
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
];
/// What says to the local AWS that a call came by TLS, which it does not speak itself.
const ENDED_TLS: (&str, &str) = ("x-forwarded-proto", "https");
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
    ambushes: Vec<Laid>,
    /// The mailboxes whose events are not taken, storm or not.
    unheard: Vec<String>,
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
        let sky = &mut *self.sky();
        sky.storm = Some(storm);
        sky.before.clear();
        sky.damage = Damage::default();
    }

    /// Ends the storm, and tells what it did.
    pub(super) fn calm(&self) -> Damage {
        let sky = &mut *self.sky();
        sky.storm = None;
        std::mem::take(&mut sky.damage)
    }

    /// From here on no event of a mailbox is taken.
    pub(super) fn take_no_events(&self, mailbox: &str) {
        self.sky().unheard.push(mailbox.to_owned());
    }

    /// Lays an ambush; the receiver hears when the worker was killed.
    pub(super) fn ambush(&self, ambush: Ambush) -> oneshot::Receiver<()> {
        let (killed, hears) = oneshot::channel();
        self.sky().ambushes.push(Laid { ambush, killed });
        hears
    }

    /// The function that an ambush waits for at a call.
    fn awaited(&self, call: &Call) -> Option<String> {
        let sky = self.sky();
        let laid = sky.ambushes.iter().find(|laid| laid.awaits(call))?;
        Some(laid.ambush.function.clone())
    }

    /// The ambush that a call of a function runs into. It is over then.
    fn sprung(&self, call: &Call, function: &str) -> Option<Laid> {
        let ambushes = &mut self.sky().ambushes;
        let at = ambushes
            .iter()
            .position(|laid| laid.awaits(call) && laid.ambush.function == function)?;
        Some(ambushes.swap_remove(at))
    }

    /// Decides what becomes of a call, and counts it.
    fn decide(&self, call: Option<Call>) -> Fate {
        let sky = &mut *self.sky();
        let Some(call) = call else {
            return Fate::Passes;
        };
        let is_unheard = sky.unheard.iter().any(|mailbox| call.concerns(mailbox));
        if is_unheard && call.is_of_events() {
            return Fate::Lost;
        }
        let Some(storm) = &sky.storm else {
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
        let call = Call::read(&target, &body);
        let sprung = call.as_ref().and_then(|call| self.sprung(call));
        let request = Request::from_parts(parts, body.into());
        if let Some((laid, worker)) = sprung {
            // Whoever gives the call up ends what serves it; the ambush goes on.
            let sprung = tokio::spawn(self.spring(laid, worker, request));
            return sprung.await.unwrap_or(Err(Unanswered));
        }
        match self.weather.decide(call) {
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

    /// The ambush that a call runs into, and the worker that makes it.
    fn sprung(&self, call: &Call) -> Option<(Laid, Worker)> {
        let function = self.weather.awaited(call)?;
        let worker = self.worker(&function)?;
        Some((self.weather.sprung(call, &function)?, worker))
    }

    /// Lets a call run into an ambush. Where its worker ends by itself, the ambush is laid again.
    async fn spring(
        self,
        laid: Laid,
        worker: Worker,
        request: Request,
    ) -> Result<Response, Unanswered> {
        let answer = match laid.ambush.moment {
            Moment::Before => Err(Unanswered),
            Moment::After => self.pass(request).await,
        };
        if worker.kill().await.is_err() {
            self.weather.sky().ambushes.push(laid);
            return Err(Unanswered);
        }
        // Who laid the ambush may have given it up meanwhile.
        let _ = laid.killed.send(());
        answer
    }

    /// The worker of a function that makes the call, if it is one of that function.
    fn worker(&self, function: &str) -> Option<Worker> {
        workers::at(self.peer, function, self.passage.ministack())
    }

    async fn pass(&self, mut request: Request) -> Result<Response, Unanswered> {
        let (name, value) = ENDED_TLS;
        let headers = request.headers_mut();
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        let answer = self.passage.pass(None, request).await;
        answer.map_err(|_| Unanswered)
    }

    /// Kills the worker that made the call; answers whether it was one of the mortal function, and still alive.
    async fn kill(&self) -> bool {
        let Some(worker) = self.worker(&self.mortal) else {
            return false;
        };
        let weather = self.weather.clone();
        // With the worker its connection ends, and with that what serves it: this must not end in the middle.
        let killing = tokio::spawn(async move {
            let is_killed = worker.kill().await.is_ok();
            weather.sky().damage.killed += u64::from(is_killed);
            is_killed
        });
        killing.await.unwrap_or_default()
    }
}
