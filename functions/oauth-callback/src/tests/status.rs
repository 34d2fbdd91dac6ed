//! The page that shows how the mailboxes are.

use common::class::Class;
use common::clock::Clock;
use common::snapshot::{Failure, Portrait, Snapshot, status_link};
use jiff::SignedDuration;
use url::Url;

use super::{Person, World};
use crate::words::Notice;

/// Mailboxes whose every word may have come from somebody else.
fn portraits() -> [Portrait; 2] {
    let hostile = |text: &str| format!("<script>{text}</script>`</code>&\"'");
    let well = Portrait {
        mailbox: "billing".to_owned(),
        state: Some("active".to_owned()),
        sends: true,
        ..Portrait::default()
    };
    let stopped = Portrait {
        mailbox: "invoices".to_owned(),
        address: Some(hostile("address")),
        state: Some("blocked".to_owned()),
        class: Some(Class::SmtpAuthDisabled),
        reason: Some(hostile("reason")),
        remedy: Some(hostile("remedy")),
        account: Some(hostile("account")),
        waiting: Some(7),
        failed: Some(3),
        client_secret_days_left: Some(12),
        last_failure: Some(Failure {
            at: jiff::Timestamp::UNIX_EPOCH,
            class: Class::RecipientRefused,
            remedy: Some("Correct the address.".to_owned()),
        }),
        warnings: vec![hostile("warning")],
        faults: vec![hostile("fault")],
        ..Portrait::default()
    };
    [well, stopped]
}

impl World {
    async fn status_link(&self) -> Url {
        let snapshot = Snapshot::new(portraits(), self.clock.now());
        let link = status_link(&self.snapshots, &self.clock, &self.base, snapshot);
        link.await.unwrap().expose().parse().unwrap()
    }
}

#[tokio::test]
async fn a_scanner_that_opens_the_status_link_sees_nothing_and_burns_nothing() {
    let world = World::new();
    let link = world.status_link().await;
    for _ in 0..20 {
        let page = Person::new(&world).get(&link).await;
        assert_eq!(page.status_code, 200);
        assert!(
            page.body.contains(r#"<form method="post">"#),
            "{}",
            page.body
        );
        assert!(!page.body.contains("billing") && !page.body.contains("invoices"));
        assert!(page.cookies.is_empty());
    }
    let calls = world.snapshots.calls.made();
    assert_eq!(
        calls
            .iter()
            .filter(|call| *call == "write snapshot")
            .count(),
        1
    );
    let page = Person::new(&world).post(&link, &[]).await;
    assert!(page.body.contains("billing: sends"), "{}", page.body);
}

#[tokio::test]
async fn a_status_link_shows_the_mailboxes_once_and_nothing_as_markup() {
    let world = World::new();
    let link = world.status_link().await;
    world.advance(4);
    let page = Person::new(&world).post(&link, &[]).await;
    assert_eq!(page.status_code, 200, "{}", page.body);
    for words in [
        "One mailbox needs somebody to look after it.",
        "As it was on 15 January 2027, 08:00 UTC.",
        "invoices: stopped, mail waits",
        "12 days left",
        "recipient_refused, 1 January 1970, 00:00 UTC",
        "Correct the address.",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    for part in ["address", "reason", "remedy", "account", "warning", "fault"] {
        let escaped = format!("&#60;script&#62;{part}");
        assert!(page.body.contains(&escaped), "{part}: {}", page.body);
    }
    assert!(
        page.body.find("invoices:") < page.body.find("billing:"),
        "who needs somebody comes first"
    );
    for page in [
        Person::new(&world).post(&link, &[]).await,
        Person::new(&world).get(&link).await,
    ] {
        assert_eq!(page.status_code, 410);
        assert!(page.body.contains(Notice::StatusOver.title()));
        assert!(!page.body.contains("billing"));
    }
}

#[tokio::test]
async fn a_status_link_that_is_guessed_old_or_sent_by_another_site_shows_nothing() {
    let world = World::new();
    let link = world.status_link().await;
    let forged = |ticket: &str| {
        let mut url = link.clone();
        url.set_query(Some(&format!("ticket={ticket}")));
        url
    };
    let ticket = link.query().unwrap().replace("ticket=", "");
    let twice = forged(&format!("{ticket}&ticket={ticket}"));
    for url in [forged(&"0".repeat(64)), forged("x"), forged(""), twice] {
        for page in [
            Person::new(&world).get(&url).await,
            Person::new(&world).post(&url, &[("ticket", &ticket)]).await,
        ] {
            assert_eq!(page.status_code, 410, "{}", page.body);
            assert!(!page.body.contains("billing") && !page.body.contains(&ticket));
        }
    }
    // A ticket to connect a mailbox opens no status, and the reverse.
    let connect = world.link().await;
    let url = forged(&connect.query().unwrap().replace("ticket=", ""));
    assert_eq!(Person::new(&world).post(&url, &[]).await.status_code, 410);
    let mut url = connect;
    url.set_query(link.query());
    assert_eq!(Person::new(&world).post(&url, &[]).await.status_code, 404);

    let crossed = Person::new(&world)
        .request("POST", &link, None, &[("sec-fetch-site", "cross-site")])
        .await;
    assert_eq!(crossed.status_code, 403);
    world.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(Person::new(&world).post(&link, &[]).await.status_code, 410);
}

#[tokio::test]
async fn a_store_that_does_not_answer_leaves_the_status_link_good() {
    let world = World::new();
    let link = world.status_link().await;
    for calls in [0, 1] {
        world.snapshots.calls.break_after(calls);
        let page = Person::new(&world).post(&link, &[]).await;
        assert_eq!(page.status_code, 503);
        assert!(!page.body.contains("billing"));
        world.snapshots.calls.repair();
    }
    let page = Person::new(&world).post(&link, &[]).await;
    assert!(page.body.contains("billing: sends"));
}
