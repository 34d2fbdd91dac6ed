//! The authorize page, and the way back.

use super::super::entra::Refusal;
use super::super::person::AnswerMode;
use super::super::{Account, ConsentPolicy, Options, Person, SignIn, Tenant};
use super::*;

#[tokio::test]
async fn a_consent_comes_back_as_a_form() {
    let trial = Trial::start().await;
    let url = trial.authorize_url(&[("login_hint", "billing@contoso.com")]);
    let answer = trial
        .person("billing@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    assert_eq!(answer.mode, AnswerMode::FormPost);
    assert_eq!(answer.redirect_uri, REDIRECT_URI);
    assert_eq!(answer.get("state"), Some("the <state>"));
    assert!(answer.get("code").is_some() && answer.get("error").is_none());
    assert!(!format!("{answer:?}").contains(answer.get("code").unwrap()));

    let visit = &trial.microsoft.entra().authorize_requests()[0];
    assert_eq!(visit.login_hint.as_deref(), Some("billing@contoso.com"));
    assert_eq!(visit.code_challenge_method.as_deref(), Some("S256"));
    assert!(visit.parameters.contains(&"nonce".to_owned()) && visit.prompt.is_none());
}

#[tokio::test]
async fn without_a_response_mode_the_answer_is_in_the_query() {
    let trial = Trial::start().await;
    let url = trial.authorize_url(&[("response_mode", "")]);
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    assert_eq!(answer.mode, AnswerMode::Query);
    assert_eq!(answer.redirect_uri, REDIRECT_URI);
    assert_eq!(answer.get("state"), Some("the <state>"));
}

#[tokio::test]
async fn the_hinted_account_is_offered_and_another_can_be_used() {
    let trial = Trial::start().await;
    let url = trial.authorize_url(&[("login_hint", "billing@contoso.com")]);
    let mut anna = trial.person("anna@contoso.com");
    let page = anna
        .browser()
        .open(&url, |_| true)
        .await
        .unwrap()
        .page()
        .unwrap();
    assert!(page.text.contains("Contoso Billing") && !page.text.contains("Anna Berg"));
    let answer = anna.sign_in(&url).await.unwrap();
    let (_, tokens) = trial.redeem(&field(&answer, "code"), &[]).await;
    let token = text(&tokens, "access_token");
    let bearer = trial.microsoft.entra().check_access_token(&token).unwrap();
    assert_eq!(bearer.upn, "anna@contoso.com");
}

#[tokio::test]
async fn a_hint_and_select_account_exclude_each_other() {
    let trial = Trial::start().await;
    let both = [
        ("login_hint", "anna@contoso.com"),
        ("prompt", "select_account"),
    ];
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&trial.authorize_url(&both))
        .await
        .unwrap();
    assert_eq!(answer.get("error"), Some("invalid_request"));
    let url = trial.authorize_url(&[("prompt", "select_account")]);
    assert!(
        trial
            .person("anna@contoso.com")
            .sign_in(&url)
            .await
            .unwrap()
            .get("code")
            .is_some()
    );
}

#[tokio::test]
async fn cancelling_is_access_denied() {
    let trial = Trial::start().await;
    let answer = trial
        .person("anna@contoso.com")
        .cancel(&trial.authorize_url(&[]))
        .await
        .unwrap();
    assert_eq!(answer.get("error"), Some("access_denied"));
    assert_eq!(answer.get("error_subcode"), Some("cancel"));
    assert!(field(&answer, "error_description").starts_with("AADSTS65004: "));
    assert_eq!(answer.get("state"), Some("the <state>"));
    assert!(answer.get("code").is_none());
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered() {
    let trial = Trial::start().await;
    for wrong in [
        "https://pillarbox.example/oauth/callback/",
        "https://pillarbox.example/OAuth/callback",
        "https://evil.example/oauth/callback",
    ] {
        let url = trial.authorize_url(&[("redirect_uri", wrong)]);
        let error = trial
            .person("anna@contoso.com")
            .sign_in(&url)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("AADSTS50011: "), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_application_or_tenant_gets_an_error_page() {
    let trial = Trial::start().await;
    let mut anna = trial.person("anna@contoso.com");
    let url = trial.authorize_url(&[("client_id", "00000000-0000-4000-8000-000000000000")]);
    let error = anna.sign_in(&url).await.unwrap_err();
    assert!(error.to_string().contains("AADSTS700016: "), "{error}");
    for (tenant, number) in [
        ("fabrikam.com", "AADSTS90002: "),
        ("common", "AADSTS50194: "),
    ] {
        let url = trial
            .authorize_url(&[])
            .replace("contoso.com/", &format!("{tenant}/"));
        let error = anna.sign_in(&url).await.unwrap_err();
        assert!(error.to_string().contains(number), "{error}");
    }
}

#[tokio::test]
async fn a_faulty_request_is_told_to_the_application() {
    let trial = Trial::start().await;
    let cases = [
        (
            (
                "scope",
                "https://outlook.office.com/.default https://outlook.office.com/SMTP.Send",
            ),
            "invalid_scope",
        ),
        (("scope", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("prompt", "none"), "login_required"),
        (("code_challenge", "too-short"), "invalid_request"),
    ];
    for (change, error) in cases {
        let url = trial.authorize_url(&[change]);
        let answer = trial
            .person("anna@contoso.com")
            .sign_in(&url)
            .await
            .unwrap();
        assert_eq!(answer.get("error"), Some(error), "{change:?}");
        assert_eq!(answer.get("state"), Some("the <state>"));
    }
}

#[tokio::test]
async fn an_account_that_cannot_sign_in_stays_at_entra() {
    let trial = Trial::start().await;
    let directory = trial.microsoft.directory();
    let fabrikam = Tenant::new("fabrikam.com");
    directory.add_account(Account::new(&fabrikam, "eve@fabrikam.com"));
    directory.add_tenant(fabrikam);
    directory
        .change_account("bob@contoso.com", |bob| bob.sign_in = SignIn::Disabled)
        .unwrap();
    let url = trial.authorize_url(&[]);
    for (upn, number) in [
        ("eve@fabrikam.com", "AADSTS50020: "),
        ("bob@contoso.com", "AADSTS50057: "),
    ] {
        let error = trial.person(upn).sign_in(&url).await.unwrap_err();
        assert!(error.to_string().contains(number), "{error}");
    }
    let error = trial
        .person("invoices@contoso.com")
        .sign_in(&url)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no button"),
        "nobody signs in as a shared mailbox: {error}"
    );
}

#[tokio::test]
async fn a_refusal_at_sign_in_can_be_asked_for() {
    let trial = Trial::start().await;
    trial
        .microsoft
        .entra()
        .refuse_next_sign_in("anna@contoso.com", Refusal::numbered(53003));
    let url = trial.authorize_url(&[]);
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    assert_eq!(answer.get("error"), Some("interaction_required"));
    assert!(
        trial
            .person("anna@contoso.com")
            .sign_in(&url)
            .await
            .unwrap()
            .get("code")
            .is_some()
    );
}

#[tokio::test]
async fn where_only_administrators_may_consent_a_user_comes_back_without() {
    let trial = Trial::start().await;
    let (directory, app) = (trial.microsoft.directory(), &trial.app.client_id);
    directory
        .change_app(app, |app| app.consent = ConsentPolicy::AdministratorOnly)
        .unwrap();
    let url = trial.authorize_url(&[]);
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    assert!(field(&answer, "error_description").starts_with("AADSTS90094: "));

    let contoso = directory.tenant("contoso.com").unwrap().id;
    let origin = trial.microsoft.entra().origin();
    let admin_url = format!(
        "{origin}/{contoso}/v2.0/adminconsent?client_id={app}&state=s1&redirect_uri={}",
        "https%3A%2F%2Fpillarbox.example%2Foauth%2Fcallback"
    );
    let refused = trial
        .person("anna@contoso.com")
        .sign_in(&admin_url)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("AADSTS90094: "), "{refused}");
    let answer = trial
        .person("admin@contoso.com")
        .sign_in(&admin_url)
        .await
        .unwrap();
    assert_eq!(answer.get("admin_consent"), Some("True"));
    assert_eq!(answer.get("tenant"), Some(contoso.as_str()));
    assert_eq!(answer.get("state"), Some("s1"));

    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    assert!(answer.get("code").is_some(), "now everybody may");
}

#[tokio::test]
async fn reading_mail_needs_an_administrator_and_sending_does_not() {
    let trial = Trial::start().await;
    let both =
        "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All";
    let url = trial.authorize_url(&[("scope", both)]);
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    assert!(field(&answer, "error_description").starts_with("AADSTS90094: "));
    let answer = trial
        .person("admin@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    assert!(answer.get("code").is_some());
    let app = &trial.app.client_id;
    let change = |app: &mut App| app.consent = ConsentPolicy::Users;
    trial.microsoft.directory().change_app(app, change).unwrap();
    let answer = trial
        .person("anna@contoso.com")
        .sign_in(&url)
        .await
        .unwrap();
    assert!(answer.get("code").is_some());
}

#[tokio::test]
async fn the_pages_can_live_at_another_origin() {
    let trial = Trial::with(Options {
        entra_host: "login.localhost".to_owned(),
        sign_in_host: Some("account.localhost".to_owned()),
        ..Options::default()
    })
    .await;
    let mut anna = Person::new(&trial.microsoft, "anna@contoso.com").unwrap();
    let url = trial.authorize_url(&[]);
    assert!(url.starts_with("https://login.localhost:"));
    let page = anna
        .browser()
        .open(&url, |_| true)
        .await
        .unwrap()
        .page()
        .unwrap();
    assert_eq!(page.url.host_str(), Some("account.localhost"));
    assert!(anna.sign_in(&url).await.unwrap().get("code").is_some());
}
