//! The token endpoint, discovery and the tokens themselves.

use jiff::Timestamp;

use super::super::entra::{
    ClientAuthentication, Field, GrantType, NotAccepted, Rotation, TokenEffect, TokenFault,
    TokenOutcome,
};
use super::super::{CONSUMER_TENANT, SignIn, Tenant};
use super::*;

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn a_code_becomes_tokens_of_the_account_that_consented() {
    let trial = Trial::start().await;
    let tokens = trial.tokens("billing@contoso.com").await;
    let contoso = trial
        .microsoft
        .directory()
        .tenant("contoso.com")
        .unwrap()
        .id;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "https://outlook.office.com/SMTP.Send");
    let seconds = tokens["expires_in"].as_i64().unwrap();
    assert!((3600..=5400).contains(&seconds), "{seconds}");
    assert!(text(&tokens, "access_token").len() >= 2048);

    let id_token = claims(&text(&tokens, "id_token"));
    let billing = trial
        .microsoft
        .directory()
        .account("billing@contoso.com")
        .unwrap();
    assert_eq!(id_token["iss"], trial.microsoft.entra().issuer(&contoso));
    assert_eq!(id_token["aud"], trial.app.client_id.as_str());
    assert_eq!(id_token["nonce"], "the-nonce");
    assert_eq!(id_token["tid"], contoso.as_str());
    assert_eq!(id_token["oid"], billing.object_id.as_str());
    assert_eq!(id_token["preferred_username"], "billing@contoso.com");

    let bearer = trial
        .microsoft
        .entra()
        .check_access_token(&text(&tokens, "access_token"))
        .unwrap();
    assert_eq!(bearer.upn, "billing@contoso.com");
    let secrets = trial.microsoft.entra().issued_secrets();
    for name in ["access_token", "refresh_token", "id_token"] {
        assert!(secrets.contains(&text(&tokens, name)), "{name}");
    }
}

#[tokio::test]
async fn a_code_is_refused_when_anything_is_wrong_with_it() {
    let trial = Trial::start().await;
    let other = "https://pillarbox.example/other";
    trial
        .microsoft
        .directory()
        .add_redirect_uri(&trial.app.client_id, other)
        .unwrap();
    let cases: [((&str, &str), u16, &str, u64); 9] = [
        (
            ("code_verifier", &"wrong".repeat(10)),
            400,
            "invalid_grant",
            501_481,
        ),
        (("code_verifier", ""), 400, "invalid_grant", 501_481),
        (("redirect_uri", other), 401, "invalid_client", 500_112),
        (("redirect_uri", ""), 400, "invalid_request", 900_144),
        (("client_secret", "wrong"), 401, "invalid_client", 7_000_215),
        (("client_secret", ""), 401, "invalid_client", 7_000_218),
        (
            ("client_id", "00000000-0000-4000-8000-000000000000"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (("code", "1.wrong"), 400, "invalid_grant", 70000),
        (
            ("grant_type", "password"),
            400,
            "unsupported_grant_type",
            70003,
        ),
    ];
    for (change, status, error, number) in cases {
        let code = trial.code("anna@contoso.com").await;
        let answer = trial.redeem(&code, &[change]).await;
        assert_eq!(refusal(&answer, status, error), number, "{change:?}");
    }
    assert_eq!(trial.microsoft.entra().counters().issued, 0);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_ten_minutes() {
    let trial = Trial::start().await;
    let code = trial.code("anna@contoso.com").await;
    assert_eq!(trial.redeem(&code, &[]).await.0, 200);
    assert_eq!(
        refusal(&trial.redeem(&code, &[]).await, 400, "invalid_grant"),
        54005
    );
    let code = trial.code("anna@contoso.com").await;
    trial.microsoft.clock().advance(Duration::from_mins(10));
    assert_eq!(
        refusal(&trial.redeem(&code, &[]).await, 400, "invalid_grant"),
        70008
    );
}

#[tokio::test]
async fn a_code_belongs_to_its_tenant_and_the_shared_names_to_nobody() {
    let trial = Trial::start().await;
    let code = trial.code("anna@contoso.com").await;
    for (tenant, error, number) in [
        ("common", "invalid_request", 50194),
        ("organizations", "invalid_request", 50194),
        ("nowhere.example", "invalid_request", 90002),
    ] {
        let endpoint = trial.microsoft.entra().token_endpoint(tenant);
        let parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
        ];
        let answer = trial.post_to(&endpoint, parameters).await;
        assert_eq!(refusal(&answer, 400, error), number);
    }
}

#[tokio::test]
async fn the_client_may_authenticate_by_basic() {
    let trial = Trial::start().await;
    let code = trial.code("anna@contoso.com").await;
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = format!(
        "{}:{}",
        encode(&trial.app.client_id),
        encode(&trial.app.secrets[0].value)
    );
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", &code)
        .append_pair("redirect_uri", REDIRECT_URI)
        .append_pair("code_verifier", VERIFIER)
        .finish();
    let response = trial
        .http
        .post(trial.microsoft.entra().token_endpoint("contoso.com"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header(
            "authorization",
            format!("Basic {}", STANDARD.encode(credentials)),
        )
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let requests = trial.microsoft.entra().token_requests();
    assert_eq!(
        requests[0].client_authentication,
        ClientAuthentication::Basic
    );
}

#[tokio::test]
async fn an_expired_secret_is_its_own_refusal() {
    let trial = Trial::start().await;
    trial
        .microsoft
        .directory()
        .change_app(&trial.app.client_id, |app| {
            app.secrets[0].expires_at = Timestamp::from_second(1_700_000_000).unwrap();
        })
        .unwrap();
    let code = trial.code("anna@contoso.com").await;
    assert_eq!(
        refusal(&trial.redeem(&code, &[]).await, 401, "invalid_client"),
        7_000_222
    );
}

#[tokio::test]
async fn each_refresh_brings_a_new_refresh_token_and_the_old_one_stays_good() {
    let trial = Trial::start().await;
    let first = text(&trial.tokens("anna@contoso.com").await, "refresh_token");
    let (status, answer) = trial.refresh(&first, &[]).await;
    assert_eq!(status, 200, "{answer}");
    let second = text(&answer, "refresh_token");
    assert_ne!(first, second);
    assert_eq!(trial.refresh(&first, &[]).await.0, 200);
    assert_eq!(trial.refresh(&second, &[]).await.0, 200);

    trial
        .microsoft
        .entra()
        .change_behaviour(|behaviour| behaviour.rotation = Rotation::OldDies);
    let (_, answer) = trial.refresh(&second, &[]).await;
    let third = text(&answer, "refresh_token");
    assert_eq!(
        refusal(&trial.refresh(&second, &[]).await, 400, "invalid_grant"),
        50173
    );
    assert_eq!(trial.refresh(&third, &[]).await.0, 200);
}

#[tokio::test]
async fn a_refresh_may_ask_for_no_more_than_was_granted() {
    let trial = Trial::start().await;
    let token = text(&trial.tokens("anna@contoso.com").await, "refresh_token");
    let ask = async |scope: &str| trial.refresh(&token, &[("scope", scope)]).await;
    assert_eq!(ask("").await.0, 200, "the same as before");
    let answer = ask("https://outlook.office.com/IMAP.AccessAsUser.All").await;
    assert_eq!(refusal(&answer, 400, "invalid_grant"), 65001);
    assert_eq!(answer.1["suberror"], "consent_required");
    let answer =
        ask("https://outlook.office.com/SMTP.Send https://graph.microsoft.com/User.Read").await;
    assert_eq!(refusal(&answer, 400, "invalid_request"), 28000);
}

#[tokio::test]
async fn a_grant_dies_as_grants_die_at_microsoft() {
    let trial = Trial::start().await;
    let (entra, directory) = (trial.microsoft.entra(), trial.microsoft.directory());
    let number =
        async |token: &str| refusal(&trial.refresh(token, &[]).await, 400, "invalid_grant");

    let token = text(&trial.tokens("anna@contoso.com").await, "refresh_token");
    entra.revoke("anna@contoso.com");
    assert_eq!(number(&token).await, 50173);

    let token = text(&trial.tokens("anna@contoso.com").await, "refresh_token");
    entra.withdraw_consent("anna@contoso.com");
    assert_eq!(number(&token).await, 65001);

    let token = text(&trial.tokens("anna@contoso.com").await, "refresh_token");
    trial
        .microsoft
        .clock()
        .advance(Duration::from_hours(90 * 24));
    assert_eq!(number(&token).await, 700_082);

    let token = text(&trial.tokens("anna@contoso.com").await, "refresh_token");
    directory
        .change_account("anna@contoso.com", |anna| anna.sign_in = SignIn::Disabled)
        .unwrap();
    assert_eq!(number(&token).await, 50057);
}

#[tokio::test]
async fn a_bare_permission_gives_a_token_that_exchange_refuses() {
    let trial = Trial::start().await;
    let url = trial.authorize_url(&[("scope", "SMTP.Send offline_access")]);
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    let (_, tokens) = trial.redeem(&field(&answer, "code"), &[]).await;
    assert_eq!(tokens["scope"], "SMTP.Send");
    let verdict = trial
        .microsoft
        .entra()
        .check_access_token(&text(&tokens, "access_token"));
    assert_eq!(
        verdict,
        Err(NotAccepted::Audience(
            "https://graph.microsoft.com".to_owned()
        ))
    );
    assert!(tokens["id_token"].is_null(), "nobody asked for openid");
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let trial = Trial::start().await;
    let url = trial.authorize_url(&[("scope", "https://outlook.office.com/SMTP.Send")]);
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    let (status, tokens) = trial.redeem(&field(&answer, "code"), &[]).await;
    assert_eq!(status, 200);
    assert!(tokens["refresh_token"].is_null());
}

#[tokio::test]
async fn a_consumer_has_to_name_the_scope() {
    let trial = Trial::start().await;
    let directory = trial.microsoft.directory();
    let consumers = Tenant::consumers();
    directory.add_account(super::super::Account::new(&consumers, "lena@outlook.com"));
    directory.add_app(App::new(&consumers, "Pillarbox for consumers"));
    directory.add_tenant(consumers);
    let client_id = super::super::named_guid("app", "Pillarbox for consumers");
    directory
        .add_redirect_uri(&client_id, REDIRECT_URI)
        .unwrap();

    let url = trial
        .authorize_url(&[("client_id", &client_id)])
        .replace("contoso.com/", "consumers/");
    let answer = trial
        .person("lena@outlook.com")
        .sign_in(&url)
        .await
        .unwrap();
    let endpoint = trial.microsoft.entra().token_endpoint("consumers");
    let secret = &trial.app.secrets[0].value;
    let code = field(&answer, "code");
    let client = [("client_id", client_id.as_str()), ("client_secret", secret)];
    let mut parameters = client.to_vec();
    parameters.extend([
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ]);
    let (_, tokens) = trial.post_to(&endpoint, parameters).await;
    assert_eq!(claims(&text(&tokens, "id_token"))["tid"], CONSUMER_TENANT);
    let token = text(&tokens, "refresh_token");
    let mut parameters = client.to_vec();
    parameters.extend([("grant_type", "refresh_token"), ("refresh_token", &token)]);
    let answer = trial.post_to(&endpoint, parameters.clone()).await;
    assert_eq!(refusal(&answer, 400, "invalid_request"), 900_144);
    parameters.push(("scope", SCOPE));
    assert_eq!(trial.post_to(&endpoint, parameters).await.0, 200);
}

#[tokio::test]
async fn faults_answer_instead_of_the_endpoint() {
    let trial = Trial::start().await;
    let entra = trial.microsoft.entra();
    let tokens = trial.tokens("anna@contoso.com").await;
    let token = text(&tokens, "refresh_token");

    entra.inject(
        TokenFault::aadsts(50076)
            .once()
            .for_account("anna@contoso.com"),
    );
    entra.inject(
        TokenFault::too_many_requests(17)
            .once()
            .for_grant(GrantType::RefreshToken),
    );
    entra.inject(TokenFault::new(TokenEffect::Omit(Field::RefreshToken)).once());
    entra.inject(TokenFault::new(TokenEffect::Omit(Field::Scope)).once());

    let answer = trial.refresh(&token, &[]).await;
    assert_eq!(refusal(&answer, 400, "interaction_required"), 50076);
    assert!(answer.1["claims"].is_string());
    assert_eq!(trial.refresh(&token, &[]).await.0, 429);
    assert!(trial.refresh(&token, &[]).await.1["refresh_token"].is_null());
    assert!(trial.refresh(&token, &[]).await.1["scope"].is_null());
    assert_eq!(trial.refresh(&token, &[]).await.0, 200, "all used up");

    let outcomes: Vec<_> = entra
        .token_requests()
        .into_iter()
        .map(|request| request.outcome)
        .collect();
    assert_eq!(outcomes[1], TokenOutcome::Refused(50076));
    assert_eq!(outcomes[2], TokenOutcome::Fault(429));
}

#[tokio::test]
async fn retry_after_and_a_proxys_page_are_as_they_are_on_the_wire() {
    let trial = Trial::start().await;
    let entra = trial.microsoft.entra();
    let endpoint = entra.token_endpoint("contoso.com");
    let post = async || {
        let request = trial
            .http
            .post(&endpoint)
            .header("content-type", "application/x-www-form-urlencoded");
        request
            .body("grant_type=refresh_token")
            .send()
            .await
            .unwrap()
    };
    entra.inject(TokenFault::too_many_requests(17).once());
    entra.inject(TokenFault::html(503).once());
    let response = post().await;
    assert_eq!(response.headers()["retry-after"], "17");
    let response = post().await;
    assert_eq!(response.status().as_u16(), 503);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
}

#[tokio::test]
async fn a_lost_answer_has_used_up_the_code() {
    let trial = Trial::start().await;
    let code = trial.code("anna@contoso.com").await;
    trial
        .microsoft
        .entra()
        .inject(TokenFault::new(TokenEffect::LoseAnswer).once());
    let secret = &trial.app.secrets[0].value;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", &trial.app.client_id)
        .append_pair("client_secret", secret)
        .append_pair("code", &code)
        .append_pair("redirect_uri", REDIRECT_URI)
        .append_pair("code_verifier", VERIFIER)
        .finish();
    let response = trial
        .http
        .post(trial.microsoft.entra().token_endpoint("contoso.com"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await;
    let whole = match response {
        Ok(response) => response.bytes().await.is_ok(),
        Err(_) => false,
    };
    assert!(!whole);
    assert_eq!(
        refusal(&trial.redeem(&code, &[]).await, 400, "invalid_grant"),
        54005
    );
}

#[tokio::test]
async fn the_sixteenth_identical_request_is_a_loop() {
    let trial = Trial::start().await;
    let token = text(&trial.tokens("anna@contoso.com").await, "refresh_token");
    for _ in 0..15 {
        assert_eq!(trial.refresh(&token, &[]).await.0, 200);
    }
    assert_eq!(
        refusal(&trial.refresh(&token, &[]).await, 400, "invalid_grant"),
        50196
    );
    trial.microsoft.clock().advance(Duration::from_mins(5));
    assert_eq!(trial.refresh(&token, &[]).await.0, 200);
}

#[tokio::test]
async fn a_test_can_wait_for_a_refresh() {
    let trial = Trial::start().await;
    let token = text(&trial.tokens("anna@contoso.com").await, "refresh_token");
    let entra = trial.microsoft.entra().clone();
    entra
        .wait_until(|counters| counters.refreshes > 0, Duration::ZERO)
        .await
        .unwrap_err();
    let waiting = tokio::spawn(async move {
        entra
            .wait_until(|counters| counters.refreshes > 0, PATIENCE)
            .await
            .unwrap();
        entra.token_requests().pop().unwrap().grant_type
    });
    trial.refresh(&token, &[]).await;
    assert_eq!(waiting.await.unwrap(), Some(GrantType::RefreshToken));
}

#[tokio::test]
async fn a_malformed_request_is_refused() {
    let trial = Trial::start().await;
    let doubled = vec![
        ("grant_type", "refresh_token"),
        ("grant_type", "refresh_token"),
    ];
    assert_eq!(
        refusal(&trial.post(doubled).await, 400, "invalid_request"),
        9_002_313
    );
    let endpoint = trial.microsoft.entra().token_endpoint("contoso.com");
    let response = trial.http.post(&endpoint).body("{}").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 400);
    let response = trial.http.get(&endpoint).send().await.unwrap();
    assert!(response.text().await.unwrap().contains("AADSTS900561"));
}

#[tokio::test]
async fn discovery_turns_a_domain_into_its_guid() {
    let trial = Trial::start().await;
    let entra = trial.microsoft.entra();
    let contoso = trial
        .microsoft
        .directory()
        .tenant("contoso.com")
        .unwrap()
        .id;
    let get = async |url: String| {
        let response = trial.http.get(url).send().await.unwrap();
        serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).unwrap()
    };
    let origin = entra.origin();
    for name in ["contoso.com", &contoso] {
        let document = get(format!(
            "{origin}/{name}/v2.0/.well-known/openid-configuration"
        ))
        .await;
        assert_eq!(document["issuer"], format!("{origin}/{contoso}/v2.0"));
        assert_eq!(document["token_endpoint"], entra.token_endpoint(&contoso));
        let keys = get(text(&document, "jwks_uri")).await;
        assert_eq!(keys["keys"][0]["alg"], "RS256");
    }
    let document = get(format!(
        "{origin}/nowhere.example/v2.0/.well-known/openid-configuration"
    ))
    .await;
    assert_eq!(document["error"], "invalid_tenant");
}

#[tokio::test]
async fn the_published_key_verifies_the_tokens() {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    let trial = Trial::start().await;
    let url = format!(
        "{}/contoso.com/discovery/v2.0/keys",
        trial.microsoft.entra().origin()
    );
    let body = trial
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let keys: Value = serde_json::from_slice(&body).unwrap();
    let part = |name| {
        URL_SAFE_NO_PAD
            .decode(text(&keys["keys"][0], name))
            .unwrap()
    };
    let key = RsaPublicKeyComponents {
        n: part("n"),
        e: part("e"),
    };
    let tokens = trial.tokens("anna@contoso.com").await;
    for name in ["access_token", "id_token"] {
        let token = text(&tokens, name);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
            .unwrap();
    }
}

#[tokio::test]
async fn tokens_have_the_length_and_the_life_asked_for() {
    let trial = Trial::start().await;
    for characters in [100, 2048, 4097, 16384] {
        trial.microsoft.entra().change_behaviour(|behaviour| {
            behaviour.access_token_characters = characters;
            behaviour.access_token_life = (Duration::from_secs(90), Duration::from_secs(90));
        });
        let tokens = trial.tokens("anna@contoso.com").await;
        let length = text(&tokens, "access_token").len();
        assert!(
            length >= characters && (characters < 1000 || length < characters + 16),
            "{length}"
        );
        assert_eq!(tokens["expires_in"], 90);
    }
}
