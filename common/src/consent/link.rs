//! Links that carry a ticket. The one that lets a person connect a mailbox is the only way in.

use std::fmt;

use jiff::Timestamp;
use url::Url;

use super::{Consents, ConsentsUnavailable, LIFE, PublicUrl, Purpose, Ticket};
use crate::clock::Clock;
use crate::mailbox::MailboxId;

/// A link with a ticket in it, for one person.
#[derive(Clone)]
pub struct Link {
    url: String,
    /// When it opens nothing any more.
    pub expires_at: Timestamp,
}

impl Link {
    /// The link to a page that a ticket opens until it expires.
    #[must_use]
    pub(crate) fn with_ticket(mut page: Url, ticket: &str, expires_at: Timestamp) -> Self {
        page.query_pairs_mut().append_pair("ticket", ticket);
        Self {
            url: page.into(),
            expires_at,
        }
    }

    /// The address, ticket included, for the operator who asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("url", &"[redacted]")
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// Makes a new ticket for a mailbox and the link that carries it.
///
/// The caller has checked that there is such a mailbox.
///
/// # Errors
///
/// When the ticket could not be recorded.
pub async fn connect_link(
    consents: &impl Consents,
    clock: &impl Clock,
    base: &PublicUrl,
    mailbox: &MailboxId,
    purpose: Purpose,
) -> Result<Link, ConsentsUnavailable> {
    let ticket = Ticket::random();
    let expires_at = clock.now() + LIFE;
    consents.create(&ticket.hash(), mailbox, expires_at).await?;
    let page = base.start(purpose);
    Ok(Link::with_ticket(page, ticket.expose(), expires_at))
}
