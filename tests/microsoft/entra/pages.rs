//! The pages that Entra shows to people.

use axum::http::StatusCode;
use axum::response::Response;

use super::super::directory::Account;
use super::super::html::{escape, hidden, page};
use super::aadsts::Refusal;
use super::authorize::Request;

/// The account picker.
pub(super) fn picker(
    id: &str,
    request: &Request,
    accounts: &[Account],
    is_hinted: IsHinted,
) -> Response {
    let mut buttons: String = accounts
        .iter()
        .map(|account| {
            format!(
                "<button class=\"row\" name=\"account\" value=\"{upn}\">{name}<br><span class=\"note\">{upn}</span></button>\n",
                upn = escape(&account.upn),
                name = escape(&account.display_name),
            )
        })
        .collect();
    let title = match is_hinted {
        IsHinted::Yes => {
            buttons.push_str(
                "<button class=\"row\" name=\"account\" value=\"\">Use another account</button>\n",
            );
            "Sign in"
        }
        IsHinted::No => "Pick an account",
    };
    page(
        StatusCode::OK,
        title,
        &format!(
            "<h1>{title}</h1>\n<p>to continue to <strong>{app}</strong></p>\n\
             <form method=\"post\" action=\"/{tenant}/login\">\n{request}{buttons}</form>\n{footer}",
            app = escape(&request.app_name),
            tenant = escape(&request.tenant.id),
            request = hidden("request", id),
            footer = footer(),
        ),
    )
}

/// Whether the application named the account it hopes for.
#[derive(Clone, Copy)]
pub(super) enum IsHinted {
    Yes,
    No,
}

/// The question whether the application may have what it asks for.
pub(super) fn consent(id: &str, request: &Request, account: &Account) -> Response {
    let permissions: String = request
        .permissions()
        .iter()
        .map(|permission| format!("<li>{}</li>\n", escape(permission)))
        .collect();
    let title = match request.is_for_tenant() {
        true => "Permissions requested for your organization",
        false => "Permissions requested",
    };
    page(
        StatusCode::OK,
        title,
        &format!(
            "<p class=\"note\">{upn}</p>\n<h1>{title}</h1>\n<p><strong>{app}</strong> would like to:</p>\n\
             <ul>\n{permissions}</ul>\n<form method=\"post\" action=\"/{tenant}/consent\">\n{request}\
             <div class=\"actions\"><button class=\"chief\" name=\"decision\" value=\"accept\">Accept</button>\n\
             <button name=\"decision\" value=\"cancel\">Cancel</button></div>\n</form>\n{footer}",
            upn = escape(&account.upn),
            app = escape(&request.app_name),
            tenant = escape(&request.tenant.id),
            request = hidden("request", id),
            footer = footer(),
        ),
    )
}

/// What a user sees where only an administrator may consent.
pub(super) fn admin_approval(id: &str, request: &Request, account: &Account) -> Response {
    page(
        StatusCode::OK,
        "Need admin approval",
        &format!(
            "<p class=\"note\">{upn}</p>\n<h1>Need admin approval</h1>\n<p><strong>{app}</strong> needs permission to \
             access resources in your organization that only an admin can grant. Please ask an admin to grant \
             permission to this app before you can use it.</p>\n<form method=\"post\" action=\"/{tenant}/consent\">\n\
             {request}<button name=\"decision\" value=\"return\">Return to the application without granting \
             consent</button>\n</form>\n{footer}",
            upn = escape(&account.upn),
            app = escape(&request.app_name),
            tenant = escape(&request.tenant.id),
            request = hidden("request", id),
            footer = footer(),
        ),
    )
}

/// What a person sees when Entra does not trust the redirect URI enough to send them back.
pub(super) fn refused(refusal: &Refusal) -> Response {
    page(
        StatusCode::BAD_REQUEST,
        "Sign in to your account",
        &format!(
            "<h1>Sign in</h1>\n<p>Sorry, but we’re having trouble signing you in.</p>\n<p><code>{}</code></p>\n{}",
            escape(&refusal.description()),
            footer()
        ),
    )
}

/// The page that posts the answer to the application by itself, or by a button where scripts do not run.
pub(super) fn form_post(redirect_uri: &str, fields: &[(String, String)]) -> Response {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| hidden(name, value))
        .collect();
    page(
        StatusCode::OK,
        "Working...",
        &format!(
            "<form method=\"post\" action=\"{}\">\n{inputs}<noscript><p>Script is disabled. Press Submit to \
             continue.</p>\n<button class=\"chief\">Submit</button></noscript>\n</form>\n\
             <script>document.forms[0].submit()</script>",
            escape(redirect_uri)
        ),
    )
}

fn footer() -> &'static str {
    "<p class=\"note\">A simulated Microsoft sign-in, for tests. It asks for no password.</p>"
}
