//! The steps up to AUTH, each against a peer in memory with the clock paused.

use super::{
    super::{auth, session},
    peer::{self, *},
    *,
};
use base64::{Engine, engine::general_purpose::STANDARD};

#[tokio::test(start_paused = true)]
async fn a_hang_at_any_reply_ends_at_its_own_limit() {
    let secret = token();
    let (result, _) = step!(vec![Hang], |wire| session::greet(wire, "EHLO a\r\n"));
    assert_eq!(kind(&result.unwrap_err()), "timeout 1s at greeting");
    let (result, _) = step!(vec![raw("220-hel"), Hang], |wire| session::greet(
        wire,
        "EHLO a\r\n"
    ));
    assert_eq!(kind(&result.unwrap_err()), "timeout 1s at greeting");
    let (result, _) = step!(vec![say("220 hello"), Hang], |wire| session::greet(
        wire,
        "EHLO a\r\n"
    ));
    assert_eq!(kind(&result.unwrap_err()), "timeout 2s at ehlo");
    let (result, _) = step!(vec![raw("250-hello\r\n"), Hang], |wire| session::greet(
        wire,
        "EHLO a\r\n"
    ));
    assert_eq!(kind(&result.unwrap_err()), "timeout 1s at greeting");
    let (result, _) = step!(vec![Hang], |wire| session::start_tls(wire));
    assert_eq!(kind(&result.unwrap_err()), "timeout 3s at starttls");
    let (result, _) = step!(vec![Hang], |wire| auth::authenticate(wire, USER, &secret));
    assert_eq!(kind(&result.unwrap_err()), "timeout 4s at auth");
    let (result, _) = step!(vec![Hear("AUTH"), say("334 "), Hang], |wire| {
        auth::authenticate(wire, USER, &secret)
    });
    assert_eq!(kind(&result.unwrap_err()), "timeout 4s at token");
    let script = vec![Hear("AUTH"), say("334 "), Hear(""), say("334 e30="), Hang];
    let (result, _) = step!(script, |wire| auth::authenticate(wire, USER, &secret));
    assert_eq!(kind(&result.unwrap_err()), "timeout 4s at token");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_welcome_is_quoted() {
    for (script, expected) in [
        (
            vec![say("554 5.7.1 not you")],
            "reply 554 5.7.1 not you at greeting",
        ),
        (
            vec![say("421 4.7.66 TLS 1.0")],
            "reply 421 4.7.66 TLS 1.0 at greeting",
        ),
        (
            vec![say("250 hello")],
            "violation a reply that does not answer the command at greeting",
        ),
        (
            vec![say("SSH-2.0-OpenSSH")],
            "violation a reply line without a code at greeting",
        ),
        (vec![], "io UnexpectedEof at greeting"),
        (
            vec![say("220 hello"), Hear("EHLO"), say("500 what")],
            "reply 500 what at ehlo",
        ),
        (
            vec![say("220 hello\r\n250-a\r\n250 STARTTLS")],
            "violation a reply to nothing at ehlo",
        ),
    ] {
        let (result, _) = step!(script, |wire| session::greet(wire, "EHLO a\r\n"));
        assert_eq!(kind(&result.unwrap_err()), expected);
    }
    for (script, expected) in [
        (
            vec![Hear("STARTTLS"), say("454 4.7.0 later")],
            "reply 454 4.7.0 later at starttls",
        ),
        (
            vec![Hear("STARTTLS"), say("250 ok")],
            "violation a reply that does not answer the command at starttls",
        ),
    ] {
        let (result, _) = step!(script, |wire| session::start_tls(wire));
        assert_eq!(kind(&result.unwrap_err()), expected);
    }
}

async fn refused(script: Vec<Act>) -> (String, Failure, Heard) {
    let secret = token();
    let (result, heard) = step!(script, |wire| auth::authenticate(wire, USER, &secret));
    let failure = result.unwrap_err();
    (kind(&failure), failure, heard)
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_told_with_its_size() {
    let script = vec![
        Hear("AUTH"),
        say("334 "),
        Hear(""),
        say("535 5.7.3 Authentication unsuccessful [x]"),
    ];
    let (kind, failure, heard) = refused(script).await;
    assert_eq!(
        kind,
        "token 535 5.7.3 Authentication unsuccessful [x] None 4054 at token"
    );
    assert!(
        failure.to_string().contains("a line of 4054 octets"),
        "{failure}"
    );
    assert_eq!(heard.lines[1].len() + 2, 4054);
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_answered_by_an_empty_line_and_kept() {
    let challenge = STANDARD.encode(r#"{"status":"401","schemes":"bearer"}"#);
    let script = vec![
        Hear("AUTH"),
        say("334 "),
        Hear(""),
        say(&format!("334 {challenge}")),
        Hear(""),
        say("535 5.7.8 no"),
    ];
    let (kind, _, heard) = refused(script).await;
    assert_eq!(
        kind,
        r#"token 535 5.7.8 no Some("status=401 schemes=bearer") 4054 at token"#
    );
    assert_eq!(heard.lines.last().unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn nothing_but_235_signs_in() {
    for (script, expected) in [
        (
            vec![Hear("AUTH"), say("235 already")],
            "violation neither 334 nor a refusal at auth",
        ),
        (
            vec![Hear("AUTH"), say("504 5.5.4 no")],
            "reply 504 5.5.4 no at auth",
        ),
        (
            vec![Hear("AUTH"), say("334 "), Hear(""), say("250 ok")],
            "violation neither 235 nor a refusal at token",
        ),
        (
            vec![
                Hear("AUTH"),
                say("334 "),
                Hear(""),
                say("334 e30="),
                Hear(""),
                say("235 ok"),
            ],
            "violation neither 235 nor a refusal at token",
        ),
        (
            vec![
                Hear("AUTH"),
                say("334 "),
                Hear(""),
                say("334 e30="),
                Hear(""),
                say("334 e30="),
            ],
            "violation neither 235 nor a refusal at token",
        ),
        (
            vec![Hear("AUTH"), say("334 \r\n235 ok"), Hang],
            "violation a reply to nothing at token",
        ),
    ] {
        assert_eq!(refused(script).await.0, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_have_no_length_limit_of_ours() {
    for length in [100, 2_000, 9_000, 40_000] {
        let token = AccessToken::new("t".repeat(length));
        let script = vec![Hear("AUTH"), say("334 "), Hear(""), say("235 ok")];
        let (result, heard) = step!(script, |wire| auth::authenticate(wire, USER, &token));
        result.unwrap();
        assert_eq!(heard.lines[0], "AUTH XOAUTH2");
        assert!(STANDARD.decode(&heard.lines[1]).unwrap().len() > length);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_would_break_the_line_is_sent() {
    for (user, token) in [("a\x01b", "t"), ("", "t"), (USER, "t\r\nRSET"), (USER, "")] {
        let token = AccessToken::new(token.to_owned());
        let (result, heard) = step!(vec![Hang], |wire| auth::authenticate(wire, user, &token));
        assert!(kind(&result.unwrap_err()).starts_with("unspeakable "));
        assert_eq!(heard.lines.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_is_in_no_error() {
    let secret = token();
    let blob = STANDARD.encode(format!(
        "user={USER}\x01auth=Bearer {}\x01\x01",
        secret.expose()
    ));
    let echoes = [
        format!("500 5.5.2 unrecognized {blob}"),
        format!("500 5.5.2 unrecognized {}", secret.expose()),
        format!("500-{}\r\n500 {}", &blob[..200], &blob[200..400]),
        format!(
            "334 {}",
            STANDARD.encode(format!(r#"{{"status":"{}"}}"#, secret.expose()))
        ),
        format!("334 {blob}"),
        blob.clone(),
    ];
    for echo in echoes {
        let script = vec![
            Hear("AUTH"),
            say("334 "),
            Hear(""),
            say(&echo),
            Hear(""),
            say("535 no"),
        ];
        let (_, failure, _) = refused(script).await;
        let mut shown = format!("{failure} {failure:?} {:?}", peer::Heard::default());
        shown.retain(|c| !c.is_whitespace());
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!shown.contains(&STANDARD.encode("canary")), "{shown}");
        assert!(
            !blob
                .as_bytes()
                .chunks(16)
                .any(|part| shown.contains(std::str::from_utf8(part).unwrap())),
            "{shown}"
        );
    }
}
