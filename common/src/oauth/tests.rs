use super::*;
use crate::class::Class;

fn refusal(error: &str, suberror: Option<&str>) -> Refusal {
    Refusal {
        error: error.to_owned(),
        suberror: suberror.map(str::to_owned),
        error_codes: vec![50173],
        correlation_id: Some("c-1".to_owned()),
        trace_id: Some("t-1".to_owned()),
    }
}

fn failure(status: u16, refusal: Refusal) -> TokenFailure {
    let meta = Meta {
        status: Some(status),
        retry_after: None,
    };
    TokenFailure::from_request(RequestTokenError::ServerResponse(refusal), meta)
}

#[test]
fn the_error_decides_and_the_number_only_explains() {
    let table = [
        ("invalid_grant", None, Class::ConsentRevoked),
        (
            "invalid_grant",
            Some("token_expired"),
            Class::ConsentRevoked,
        ),
        (
            "invalid_grant",
            Some("basic_action"),
            Class::InteractionRequired,
        ),
        ("interaction_required", None, Class::InteractionRequired),
        ("consent_required", None, Class::ConsentRevoked),
        ("invalid_client", None, Class::ClientCredentialRefused),
        ("unauthorized_client", None, Class::AppMisconfigured),
        ("invalid_scope", None, Class::AppMisconfigured),
        ("something_new", None, Class::AppMisconfigured),
    ];
    for (error, suberror, class) in table {
        let failure = failure(400, refusal(error, suberror));
        assert_eq!(failure.class(), class, "{error}");
        assert!(matches!(failure, TokenFailure::Refused { .. }), "{error}");
    }
}

#[test]
fn what_time_heals_is_no_refusal() {
    for (status, error) in [
        (400, "temporarily_unavailable"),
        (400, "server_error"),
        (429, "invalid_request"),
        (503, "invalid_grant"),
    ] {
        let failure = failure(status, refusal(error, None));
        assert!(
            matches!(failure, TokenFailure::Unavailable { .. }),
            "{status} {error}"
        );
    }
}

#[test]
fn a_refusal_names_what_support_asks_for_and_quotes_nothing_else() {
    let shown = failure(400, refusal("invalid_grant", Some("token_expired"))).to_string();
    assert_eq!(
        shown,
        "the provider refused: invalid_grant (token_expired) AADSTS50173: the grant was revoked, as a reset of the account's password by an administrator does; sign in again; correlation id c-1; trace id t-1"
    );
}

#[test]
fn an_answer_that_cannot_be_read_is_not_shown() {
    let body = br#"{"access_token":"canary","expires_in":"soon"}"#;
    let error = serde_path_to_error::deserialize::<_, Answer>(
        &mut serde_json::Deserializer::from_slice(body),
    )
    .expect_err("the answer has no token type");
    let failure = TokenFailure::from_request(
        RequestTokenError::Parse(error, body.to_vec()),
        Meta {
            status: Some(200),
            retry_after: None,
        },
    );
    assert!(!format!("{failure:?} {failure}").contains("canary"));
    assert_eq!(
        failure.to_string(),
        "the provider cannot answer now: the answer 200 is not a token answer"
    );
}

#[test]
fn a_refresh_always_asks_for_the_next_refresh_token() {
    let asked: Vec<_> = asked_again("https://outlook.office.com/SMTP.Send openid").collect();
    assert_eq!(
        asked,
        [
            "https://outlook.office.com/SMTP.Send",
            "openid",
            "offline_access"
        ]
    );
    let asked: Vec<_> = asked_again("offline_access x").collect();
    assert_eq!(asked, ["offline_access", "x"]);
}
