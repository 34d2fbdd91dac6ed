//! The relay with the worst that it can do to a call.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use serde_json::json;
use tokio::io::AsyncReadExt;

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

#[test]
fn a_mailbox_whose_events_are_not_taken_is_served_all_else() {
    let weather = Weather::default();
    weather.take_no_events("billing");
    weather.calm();
    let fate = |target: &str, about: &str| {
        weather.decide(Some(Call {
            target: target.to_owned(),
            about: about.to_owned(),
        }))
    };
    assert_eq!(fate("AWSEvents.PutEvents", "event#billing"), Fate::Lost);
    assert_eq!(fate("AWSEvents.PutEvents", "event#orders"), Fate::Passes);
    let item = fate("DynamoDB_20120810.PutItem", "ledger#billing#a");
    assert_eq!(item, Fate::Passes);
}

#[test]
fn an_ambush_is_for_one_call_until_nobody_waits_for_it_and_outlasts_the_storm() {
    let weather = Weather::default();
    let ambush = || Ambush {
        function: "pillarbox-token-refresh".to_owned(),
        operation: "PutSecretValue",
        about: "pillarbox/mailboxes/billing/grant".to_owned(),
        moment: Moment::After,
    };
    let fate = |operation: &str, secret: &str| {
        let call = Call {
            target: format!("secretsmanager.{operation}"),
            about: format!("pillarbox/mailboxes/billing/{secret}"),
        };
        weather
            .sprung(&call, "pillarbox-token-refresh")
            .map(|laid| laid.ambush.moment)
    };
    let waiting = weather.ambush(ambush());
    weather.calm();
    assert_eq!(fate("PutSecretValue", "access-token"), None);
    assert_eq!(fate("GetSecretValue", "grant"), None);
    assert_eq!(fate("PutSecretValue", "grant"), Some(Moment::After));
    assert_eq!(fate("PutSecretValue", "grant"), None, "it is over");
    drop(waiting);
    drop(weather.ambush(ambush()));
    assert_eq!(fate("PutSecretValue", "grant"), None, "it is given up");
}

#[tokio::test]
async fn the_worker_that_makes_the_call_is_killed() {
    // A second provider in one process is the first one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let relay = Relay::open().await.unwrap();
    let port = relay.listener.local_addr().unwrap().port();
    let ministack = "http://127.0.0.1:9".to_owned();
    let passage = Passage::to(ministack.clone()).unwrap();
    let (_serving, weather) = relay.serve(passage, "pillarbox-send-email");
    let killed = weather.ambush(Ambush {
        function: "pillarbox-token-refresh".to_owned(),
        operation: "PutSecretValue",
        about: "pillarbox/mailboxes/billing/grant".to_owned(),
        moment: Moment::Before,
    });
    let body = json!({ "SecretId": "pillarbox/mailboxes/billing/grant" }).to_string();
    let call = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'POST / HTTP/1.1\\r\\nhost: a\\r\\nx-amz-target: \
         secretsmanager.PutSecretValue\\r\\ncontent-length: {}\\r\\n\\r\\n{body}' >&3; read -r answer <&3",
        body.len(),
    );
    let mut worker = tokio::process::Command::new("bash")
        .args(["-c", &call])
        .env("AWS_LAMBDA_FUNCTION_NAME", "pillarbox-token-refresh")
        .env("AWS_ENDPOINT_URL", &ministack)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ended = worker.wait().await.unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&ended),
        Some(9)
    );
    killed.await.unwrap();
}

#[tokio::test]
async fn an_ambush_whose_worker_has_ended_by_itself_is_laid_again() {
    // A second provider in one process is the first one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ministack = "http://127.0.0.1:9/ended".to_owned();
    let clerk = Clerk {
        weather: Weather::default(),
        passage: Passage::to(ministack.clone()).unwrap(),
        mortal: Arc::from("pillarbox-send-email"),
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
    };
    let mut process = tokio::process::Command::new("bash")
        .args(["-c", "echo; read -r"])
        .env("AWS_LAMBDA_FUNCTION_NAME", "pillarbox-token-refresh")
        .env("AWS_ENDPOINT_URL", &ministack)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // Once it speaks it has its environment.
    let speaks = process.stdout.as_mut().unwrap().read_u8().await;
    assert_eq!(speaks.unwrap(), b'\n');
    let workers = workers::of("pillarbox-token-refresh", &ministack);
    let [worker] = workers[..] else {
        panic!("{workers:?}");
    };
    drop(process.stdin.take());
    process.wait().await.unwrap();

    let weather = clerk.weather.clone();
    let mut hears = weather.ambush(Ambush {
        function: "pillarbox-token-refresh".to_owned(),
        operation: "PutSecretValue",
        about: "pillarbox/mailboxes/billing/grant".to_owned(),
        moment: Moment::Before,
    });
    let laid = weather.sky().ambushes.pop().unwrap();
    clerk
        .spring(laid, worker, Request::default())
        .await
        .unwrap_err();
    assert_eq!(weather.sky().ambushes.len(), 1);
    hears.try_recv().expect_err("nobody was killed");
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
