//! The admin consent endpoint.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use super::Shared;
use super::answer::ResponseMode;
use super::authorize::{Purpose, Query, Request, redirect_uri};
use super::pages;

pub(super) async fn page(
    State(entra): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::parse(query.as_deref());
    let judged = entra
        .application(&tenant, &query)
        .and_then(|(tenant, app)| {
            let redirect_uri = redirect_uri(&app, &query)?;
            Ok((tenant, app, redirect_uri))
        });
    let (tenant, app, redirect_uri) = match judged {
        Ok(judged) => judged,
        Err(refusal) => return pages::refused(&refusal),
    };
    let scope = query
        .get("scope")
        .unwrap_or("https://outlook.office.com/SMTP.Send");
    entra.show(Request {
        tenant,
        client_id: app.client_id,
        app_name: app.display_name,
        redirect_uri,
        mode: ResponseMode::Query,
        state: query.get("state").map(str::to_owned),
        purpose: Purpose::AdminConsent {
            scope: scope.to_owned(),
        },
        login_hint: None,
        account: None,
    })
}
