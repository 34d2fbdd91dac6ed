//! XOAUTH2, in two steps.
//!
//! The token goes on a line of its own after the server's 334: with its token the AUTH command would exceed the
//! 512 octets of a command line, and only the lines of the exchange itself may be longer (RFC 4954, section 4).
//! What the server says about the token is kept, and whatever repeats the token in it is not.

use super::{Cause, Failure, Reply, Stage, wire::Wire};
use crate::secret::AccessToken;
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::io::{AsyncRead, AsyncWrite};

/// How many octets of a secret in a row give it away.
const GIVEAWAY: usize = 12;

/// Signs in with an access token.
pub(super) async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    username: &str,
    token: &AccessToken,
) -> Result<(), Failure> {
    let speakable = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    if !speakable(username) {
        return Err(Failure::new(
            Stage::Auth,
            Cause::Unspeakable("the user name"),
        ));
    }
    if !speakable(token.expose()) {
        return Err(Failure::new(
            Stage::Auth,
            Cause::Unspeakable("the access token"),
        ));
    }

    let invitation = wire
        .command(Stage::Auth, "AUTH XOAUTH2\r\n".to_owned())
        .await?;
    match invitation.code {
        334 => {}
        400..600 => return Err(Failure::new(Stage::Auth, Cause::Reply(invitation))),
        _ => {
            return Err(Failure::new(
                Stage::Auth,
                Cause::Violation("neither 334 nor a refusal"),
            ));
        }
    }

    let blob = STANDARD.encode(format!(
        "user={username}\x01auth=Bearer {}\x01\x01",
        token.expose()
    ));
    let secrets = [blob.as_str(), token.expose()];
    let mut reply = wire.command(Stage::Token, format!("{blob}\r\n")).await?;
    let mut challenge = None;
    if reply.code == 334 {
        challenge = Some(explain(&reply.text, &secrets));
        reply = wire.command(Stage::Token, "\r\n".to_owned()).await?;
    }
    match (reply.code, &challenge) {
        (235, None) => Ok(()),
        (400..600, _) => {
            let reply = Reply {
                text: redact(&reply.text, &secrets),
                ..reply
            };
            Err(Failure::new(
                Stage::Token,
                Cause::Token {
                    reply,
                    challenge,
                    line: blob.len() + 2,
                },
            ))
        }
        _ => Err(Failure::new(
            Stage::Token,
            Cause::Violation("neither 235 nor a refusal"),
        )),
    }
}

/// Decodes the JSON that some servers put into a 334, down to the fields that are known to be harmless.
fn explain(challenge: &str, secrets: &[&str]) -> String {
    let Some(json) = STANDARD
        .decode(challenge)
        .ok()
        .and_then(|octets| serde_json::from_slice::<serde_json::Map<_, _>>(&octets).ok())
    else {
        return "the challenge is not JSON".to_owned();
    };
    let fields: Vec<String> = ["status", "schemes", "scope"]
        .into_iter()
        .filter_map(|name| Some((name, json.get(name)?.as_str()?)))
        .map(|(name, value)| {
            let value: String = value
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            format!("{name}={}", redact(&value, secrets))
        })
        .collect();
    fields.join(" ")
}

/// Replaces every run of characters that repeats a part of a secret.
fn redact(text: &str, secrets: &[&str]) -> String {
    let belongs = |c: char| c.is_ascii_alphanumeric() || "+/=_.~-".contains(c);
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c| belongs(c) != belongs(first))
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        redacted.push_str(if belongs(first) && repeats(run, secrets) {
            "[redacted]"
        } else {
            run
        });
        rest = after;
    }
    redacted
}

/// Whether any part of a run, in steps of its length, is a part of a secret.
fn repeats(run: &str, secrets: &[&str]) -> bool {
    run.as_bytes()
        .chunks_exact(GIVEAWAY)
        .filter_map(|part| std::str::from_utf8(part).ok())
        .any(|part| secrets.iter().any(|secret| secret.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLCJub25jZSI6ImNhbmFyeSJ9.c2lnbmF0dXJl";

    #[test]
    fn what_repeats_the_token_is_removed() {
        let secrets = ["dXNlcj1iaWxsaW5nQGNvbnRvc28uY29t", TOKEN];
        let echoes = [
            (
                format!("unrecognized \"{TOKEN}\""),
                "unrecognized \"[redacted]\"",
            ),
            (format!("Bearer {}...", &TOKEN[5..40]), "Bearer [redacted]"),
            (
                "unrecognized dXNlcj1iaWxsaW5nQGNv too".to_owned(),
                "unrecognized [redacted] too",
            ),
            (
                "[AM0PR01CA0001.eurprd01.prod.exchangelabs.com 08DE2A0C]".to_owned(),
                "[AM0PR01CA0001.eurprd01.prod.exchangelabs.com 08DE2A0C]",
            ),
        ];
        for (text, expected) in echoes {
            assert_eq!(redact(&text, &secrets), expected);
        }
    }

    #[test]
    fn a_challenge_is_reduced_to_what_is_known() {
        let encode = |json: &str| explain(&STANDARD.encode(json), &[TOKEN]);
        assert_eq!(
            encode(
                r#"{"status":"401","schemes":"bearer mac","scope":"https://outlook.office.com/"}"#
            ),
            "status=401 schemes=bearer mac scope=https://outlook.office.com/"
        );
        assert_eq!(
            encode(&format!(
                r#"{{"status":"400","scope":"{TOKEN}","token":"{TOKEN}"}}"#
            )),
            "status=400 scope=[redacted]"
        );
        assert_eq!(encode("[]"), "the challenge is not JSON");
        assert_eq!(explain("", &[TOKEN]), "the challenge is not JSON");
    }
}
