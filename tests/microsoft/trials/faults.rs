//! Faults of Exchange, as a client meets them.

use super::super::exchange::{Effect, Fault, Stage, replies};
use super::*;

const MESSAGE: &str = "From: billing@contoso.com\r\nSubject: x\r\n\r\nx";

async fn faulty(faults: Vec<Fault>) -> (Trial, Dialogue) {
    let trial = Trial::start().await;
    let dialogue = trial.authenticated("billing@contoso.com").await;
    for fault in faults {
        trial.microsoft.exchange().inject(fault);
    }
    (trial, dialogue)
}

#[tokio::test]
async fn every_known_reply_comes_at_its_stage() {
    let trial = Trial::start().await;
    let token = trial.access_token("billing@contoso.com").await;
    let exchange = trial.microsoft.exchange();
    exchange.change_limits(|limits| limits.messages = usize::MAX);
    for known in replies::ALL {
        exchange.inject(Fault::known(known).once());
        let mut dialogue = Dialogue::open(&trial.microsoft).await;
        dialogue.start_tls(&trial.microsoft).await;
        let lines = [
            "EHLO client.example".to_owned(),
            "AUTH XOAUTH2".to_owned(),
            blob("billing@contoso.com", &token),
            "NOOP".to_owned(),
            "MAIL FROM:<billing@contoso.com>".to_owned(),
            "RCPT TO:<lena@example.com>".to_owned(),
            "DATA".to_owned(),
            format!("{MESSAGE}\r\n."),
        ];
        let mut last = String::new();
        for line in lines {
            last = dialogue.ask(&line).await;
            if last.starts_with(['4', '5']) {
                break;
            }
        }
        assert_eq!(last.trim_end(), known.text, "{}", known.name);
        assert_eq!(exchange.pending_faults(), 0);
        if known.then_closes {
            assert_eq!(dialogue.rest().await, "", "{}", known.name);
        } else {
            assert!(
                dialogue.ask("NOOP").await.starts_with("250 "),
                "{}",
                known.name
            );
        }
    }
    assert_eq!(trial.microsoft.inbox().count(), 0);
}

#[tokio::test]
async fn a_lost_final_reply_is_of_an_accepted_message() {
    let lost = Fault::new(Stage::EndOfMessage, Effect::BreakAfterSending(0)).once();
    let (trial, mut dialogue) = faulty(vec![lost]).await;
    dialogue.ask("MAIL FROM:<billing@contoso.com>").await;
    dialogue.ask("RCPT TO:<lena@example.com>").await;
    dialogue.ask("DATA").await;
    dialogue
        .send(format!("{MESSAGE}\r\n.\r\n").as_bytes())
        .await;
    assert_eq!(dialogue.rest().await, "");
    assert_eq!(trial.microsoft.inbox().count(), 1);
}

#[tokio::test]
async fn a_connection_breaks_after_exactly_so_many_octets() {
    for octets in [0, 1, 7, 25] {
        let cut = Fault::new(Stage::EndOfMessage, Effect::BreakAfterSending(octets)).once();
        let (_trial, mut dialogue) = faulty(vec![cut]).await;
        dialogue.ask("MAIL FROM:<billing@contoso.com>").await;
        dialogue.ask("RCPT TO:<lena@example.com>").await;
        dialogue.ask("DATA").await;
        dialogue
            .send(format!("{MESSAGE}\r\n.\r\n").as_bytes())
            .await;
        assert_eq!(
            dialogue.rest().await.len(),
            usize::try_from(octets).unwrap()
        );
    }
    let whole = MESSAGE.len() as u64 + 5;
    for (octets, accepted) in [(0, 0), (10, 0), (whole - 1, 0), (whole, 1)] {
        let cut = Fault::new(Stage::Body, Effect::BreakAfterReceiving(octets)).once();
        let (trial, mut dialogue) = faulty(vec![cut]).await;
        dialogue.ask("MAIL FROM:<billing@contoso.com>").await;
        dialogue.ask("RCPT TO:<lena@example.com>").await;
        dialogue.ask("DATA").await;
        dialogue
            .send(format!("{MESSAGE}\r\n.\r\n").as_bytes())
            .await;
        dialogue.rest().await;
        assert_eq!(trial.microsoft.inbox().count(), accepted, "{octets} octets");
    }
}

#[tokio::test]
async fn a_message_can_be_hung_up_on_before_and_hung_on_after() {
    let (trial, mut dialogue) =
        faulty(vec![Fault::new(Stage::EndOfMessage, Effect::HangUp).once()]).await;
    dialogue.ask("MAIL FROM:<billing@contoso.com>").await;
    dialogue.ask("RCPT TO:<lena@example.com>").await;
    dialogue.ask("DATA").await;
    dialogue
        .send(format!("{MESSAGE}\r\n.\r\n").as_bytes())
        .await;
    assert_eq!(dialogue.rest().await, "");
    assert_eq!(trial.microsoft.inbox().count(), 0);

    let (trial, mut dialogue) = faulty(vec![Fault::new(Stage::Noop, Effect::Hang).once()]).await;
    dialogue.send(b"NOOP\r\n").await;
    let silence = tokio::time::timeout(Duration::from_millis(50), dialogue.reply()).await;
    assert!(silence.is_err());
    drop(dialogue);
    trial
        .microsoft
        .exchange()
        .wait_until_idle(PATIENCE)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lie_is_told_after_the_work() {
    let lie =
        Effect::Lie("451 4.7.0 Temporary server error. Please try again later. PRX2".to_owned());
    let (trial, mut dialogue) = faulty(vec![Fault::new(Stage::EndOfMessage, lie).once()]).await;
    let reply = dialogue
        .submit("billing@contoso.com", "lena@example.com", MESSAGE)
        .await;
    assert!(reply.starts_with("451 4.7.0 "));
    assert_eq!(trial.microsoft.inbox().count(), 1);
}

#[tokio::test]
async fn an_injection_arrives_in_clear_behind_the_220() {
    let trial = Trial::start().await;
    let injection = Effect::Inject(b"250 2.0.0 injected\r\n".to_vec());
    trial
        .microsoft
        .exchange()
        .inject(Fault::new(Stage::StartTls, injection).once());
    let mut dialogue = Dialogue::open(&trial.microsoft).await;
    dialogue.ask("EHLO client.example").await;
    assert!(dialogue.ask("STARTTLS").await.starts_with("220 "));
    assert_eq!(dialogue.reply().await.unwrap(), "250 2.0.0 injected\r\n");
    dialogue.shake_hands(&trial.microsoft).await.unwrap();
    assert!(
        dialogue
            .ask("EHLO client.example")
            .await
            .contains("AUTH LOGIN XOAUTH2")
    );
}

#[tokio::test]
async fn a_wrong_or_foreign_certificate_ends_the_handshake() {
    for effect in [Effect::WrongName, Effect::Impostor] {
        let trial = Trial::start().await;
        trial
            .microsoft
            .exchange()
            .inject(Fault::new(Stage::Handshake, effect).once());
        let mut dialogue = Dialogue::open(&trial.microsoft).await;
        dialogue.ask("EHLO client.example").await;
        dialogue.ask("STARTTLS").await;
        dialogue.shake_hands(&trial.microsoft).await.unwrap_err();
    }
}

#[tokio::test]
async fn what_is_withheld_is_unknown() {
    let trial = Trial::start().await;
    let exchange = trial.microsoft.exchange();
    for keyword in ["CHUNKING", "XOAUTH2"] {
        exchange.inject(Fault::new(Stage::Greeting, Effect::Withhold(keyword.to_owned())).once());
        let mut dialogue = trial.dialogue().await;
        let list = dialogue.ask("EHLO client.example").await;
        assert!(!list.contains(keyword), "{list}");
        let line = if keyword == "CHUNKING" {
            "BDAT 0 LAST"
        } else {
            "AUTH XOAUTH2"
        };
        assert!(dialogue.ask(line).await.starts_with("50"));
    }
    exchange.inject(Fault::new(Stage::Greeting, Effect::Withhold("STARTTLS".to_owned())).once());
    exchange.inject(Fault::new(Stage::Greeting, Effect::Pause(Duration::ZERO)).once());
    let mut dialogue = Dialogue::open(&trial.microsoft).await;
    assert!(
        !dialogue
            .ask("EHLO client.example")
            .await
            .contains("STARTTLS")
    );
    assert!(dialogue.ask("STARTTLS").await.starts_with("500 "));
}

#[tokio::test]
async fn a_354_can_come_without_a_recipient() {
    let invitation =
        Fault::reply(Stage::Data, "354 Start mail input; end with <CRLF>.<CRLF>").once();
    let (trial, mut dialogue) = faulty(vec![invitation]).await;
    dialogue.ask("MAIL FROM:<billing@contoso.com>").await;
    assert!(dialogue.ask("DATA").await.starts_with("354 "));
    assert!(
        dialogue
            .ask(".")
            .await
            .starts_with("503 5.5.2 Need rcpt command")
    );
    assert!(dialogue.ask("NOOP").await.starts_with("250 "));
    assert_eq!(trial.microsoft.inbox().count(), 0);
}

#[tokio::test]
async fn an_ill_behaved_peer_runs_a_refused_chunk() {
    let ill = Fault::new(
        Stage::Bdat,
        Effect::Raw(b"503 5.5.1 Bad sequence of commands\r\n".to_vec()),
    )
    .once();
    let (_trial, mut dialogue) = faulty(vec![ill]).await;
    let chunk = "NOOP\r\n";
    dialogue
        .send(format!("BDAT {} LAST\r\n{chunk}", chunk.len()).as_bytes())
        .await;
    let replies = dialogue.replies(2).await;
    assert!(
        replies[0].starts_with("503 ") && replies[1].starts_with("250 "),
        "{replies:?}"
    );
}

#[tokio::test]
async fn a_recipient_can_be_refused_alone() {
    let refused = Fault::reply(Stage::Rcpt, "550 5.1.10 RESOLVER.ADR.RecipientNotFound")
        .for_recipient("gone@example.com");
    let (trial, mut dialogue) = faulty(vec![refused]).await;
    dialogue.ask("MAIL FROM:<billing@contoso.com>").await;
    assert!(
        dialogue
            .ask("RCPT TO:<gone@example.com>")
            .await
            .starts_with("550 5.1.10 ")
    );
    assert!(
        dialogue
            .ask("RCPT TO:<lena@example.com>")
            .await
            .starts_with("250 ")
    );
    dialogue.ask("DATA").await;
    assert!(
        dialogue
            .ask(&format!("{MESSAGE}\r\n."))
            .await
            .starts_with("250 ")
    );
    assert_eq!(
        trial.microsoft.inbox().messages()[0].envelope.forward_paths,
        ["lena@example.com"]
    );
}

#[tokio::test]
async fn a_reply_can_come_octet_by_octet() {
    let (_trial, mut dialogue) =
        faulty(vec![Fault::new(Stage::Noop, Effect::Trickle).once()]).await;
    assert_eq!(dialogue.ask("NOOP").await, "250 2.0.0 OK\r\n");
}
