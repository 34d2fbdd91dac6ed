//! Signing in at Postfix, with tokens that Dovecot verifies.

use anyhow::{Result, ensure};
use common::class::Class;
use common::secret::AccessToken;
use common::submission::{Cause, Enhanced, Transfer};
use tests::microsoft::Authority;

use super::server::{Options, Postfix};
use crate::provider::Provider;

pub(crate) async fn tokens_of_any_length_that_the_standard_has_room_for_sign_in() -> Result<()> {
    let postfix = Postfix::start(Options::default()).await?;
    // In base64, with the user, the last one comes to nearly 12,288 octets.
    for characters in [1_000, 2_048, 4_097, 9_100] {
        let token = postfix.provider.token(characters).await?;
        ensure!(
            token.len() >= characters,
            "the token has {} octets",
            token.len()
        );
        let route = postfix.provider.route(postfix.port, Transfer::Data)?;
        route.sign_in(&token).await?.quit().await;
    }
    Ok(())
}

pub(crate) async fn a_token_that_does_not_fit_is_told_with_its_size() -> Result<()> {
    let postfix = Postfix::start(Options::default()).await?;
    for characters in [9_300, 16_384] {
        let token = postfix.provider.token(characters).await?;
        let answer = postfix
            .provider
            .sign_in(postfix.port, Transfer::Data, &token)
            .await?;
        let failure = answer.unwrap_err();
        let Cause::Token { line, reply, .. } = &failure.cause else {
            anyhow::bail!("{failure}");
        };
        assert!(*line > 12_288 && *line > characters * 4 / 3, "{failure}");
        assert_eq!(reply.enhanced, Some(Enhanced(5, 5, 6)), "{failure}");
        assert_eq!(failure.diagnosis().class, Class::TokenTooLarge);
        assert!(
            failure.to_string().contains(&format!("{line} octets")),
            "{failure}"
        );
    }
    Ok(())
}

pub(crate) async fn a_token_that_is_not_good_is_refused_and_explained() -> Result<()> {
    let postfix = Postfix::start(Options::default()).await?;
    let stranger = Provider::start().await?;
    let good = postfix.provider.token(2_048).await?;
    let foreign = stranger.token(2_048).await?;
    let forged = AccessToken::new(format!("{}AAAA", &good.expose()[..good.len() - 4]));
    let opaque = AccessToken::new("opaque".repeat(400));
    for bad in [foreign, forged, opaque] {
        let answer = postfix
            .provider
            .sign_in(postfix.port, Transfer::Data, &bad)
            .await?;
        let failure = answer.unwrap_err();
        let Cause::Token {
            reply, challenge, ..
        } = &failure.cause
        else {
            anyhow::bail!("{failure}");
        };
        assert_eq!(reply.code, 535, "{failure}");
        // Dovecot explains itself in a 334, and refuses once that has been answered.
        assert_eq!(
            challenge.as_deref(),
            Some("status=401 schemes=bearer scope=mail")
        );
        assert_eq!(failure.diagnosis().class, Class::TokenRejected);
        assert!(!format!("{failure} {failure:?}").contains(&bad.expose()[..40]));
    }
    let route = postfix.provider.route(postfix.port, Transfer::Data)?;
    route.sign_in(&good).await?.quit().await;
    Ok(())
}

pub(crate) async fn a_stranger_s_certificate_gets_no_token() -> Result<()> {
    let options = Options {
        authority: Some(Authority::new()?),
        is_verbose: true,
        ..Options::default()
    };
    let postfix = Postfix::start(options).await?;
    let token = postfix.provider.token(2_048).await?;
    let answer = postfix
        .provider
        .sign_in(postfix.port, Transfer::Data, &token)
        .await?;
    let failure = answer.unwrap_err();
    assert!(matches!(failure.cause, Cause::Tls(_)), "{failure}");
    assert_eq!(failure.diagnosis().class, Class::TlsRefused);
    assert!(!postfix.log(1).await?.contains("AUTH XOAUTH2"));
    Ok(())
}
