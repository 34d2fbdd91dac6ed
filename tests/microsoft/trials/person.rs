//! The person, on the whole way through an application that keeps browsers' rules.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawForm, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::{Authority, Options, Person, web};
use super::*;

const COOKIE: &str =
    "__Host-consent-0a1b2c3d=yes; Secure; HttpOnly; SameSite=None; Path=/; Max-Age=900";

/// An application with a start page, a button, a link to Microsoft and a callback that wants its cookie.
struct Application {
    address: SocketAddr,
    _server: JoinSet<()>,
}

async fn application(
    authority: &Arc<Authority>,
    authorize_url: String,
    cookie: &'static str,
) -> Application {
    let start = get(|| async {
        Html("<form method=post action=/oauth/start><button>Connect</button></form>")
    })
    .post(move |State(url): State<String>| async move {
        let link = format!(
            "<a href=\"{}\">Continue to Microsoft</a>",
            url.replace('&', "&amp;")
        );
        ([("set-cookie", cookie)], Html(link)).into_response()
    });
    let callback = async |headers: HeaderMap, RawForm(form): RawForm| -> Response {
        let has_cookie = headers
            .get("cookie")
            .is_some_and(|value| value == "__Host-consent-0a1b2c3d=yes");
        let fields: Vec<_> = url::form_urlencoded::parse(&form).into_owned().collect();
        let has_code = fields.iter().any(|(name, _)| name == "code");
        Redirect::to(&format!(
            "/oauth/result?cookie={has_cookie}&code={has_code}"
        ))
        .into_response()
    };
    let routes = Router::new()
        .route("/oauth/start", start)
        .route("/oauth/callback", axum::routing::post(callback))
        .route(
            "/oauth/result",
            get(|uri: axum::http::Uri| async move { uri.query().unwrap().to_owned() }),
        )
        .with_state(authorize_url);
    let tls = authority.server_config(&[b"http/1.1"]).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(web::serve(listener, tls, routes));
    Application {
        address,
        _server: server,
    }
}

async fn connect(cookie: &'static str) -> (String, String) {
    let trial = Trial::with(Options {
        entra_host: "login.localhost".to_owned(),
        sign_in_host: Some("account.localhost".to_owned()),
        ..Options::default()
    })
    .await;
    // The port is not known before the application runs, and the application needs the registered address.
    let redirect_uri = "https://pillarbox.localhost/oauth/callback";
    trial
        .microsoft
        .directory()
        .add_redirect_uri(&trial.app.client_id, redirect_uri)
        .unwrap();
    let authorize_url = trial.authorize_url(&[("redirect_uri", redirect_uri)]);
    let application = application(&trial.microsoft.authority, authorize_url, cookie).await;
    let hosts = [("pillarbox.localhost", application.address)];
    let mut person = Person::with_hosts(&trial.microsoft, "anna@contoso.com", &hosts).unwrap();
    let link = "https://pillarbox.localhost/oauth/start";
    let accepted = person.connect(link).await.unwrap().html;
    trial.microsoft.entra().withdraw_consent("anna@contoso.com");
    let cancelled = person.connect_and_cancel(link).await.unwrap().html;
    (accepted, cancelled)
}

#[tokio::test]
async fn a_person_comes_back_with_the_code_and_the_cookie() {
    let (accepted, cancelled) = connect(COOKIE).await;
    assert_eq!(accepted, "cookie=true&code=true");
    assert_eq!(cancelled, "cookie=true&code=false");
}

#[tokio::test]
async fn a_cookie_for_its_own_site_does_not_survive_the_form_from_microsoft() {
    let lax = "__Host-consent-0a1b2c3d=yes; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=900";
    let (accepted, _) = connect(lax).await;
    assert_eq!(accepted, "cookie=false&code=true");
}
