//! The pages under `/inbox`.

use axum::Router;

use super::Inbox;

pub(crate) fn router(inbox: Inbox) -> Router {
    Router::new().with_state(inbox)
}
