//! What a notification has in the stack's bucket: itself, where the queue has no room for it, and its files.
//!
//! Nothing is read but the objects of the mailbox, and nothing that has no room in its messages. What S3 does not answer
//! waits; everything else is final. A file is named with its version or its hash, so that every try is the same mail; a body
//! that was changed is another content under the same id, which the ledger finds out.

use common::class::Class;
use common::ledger::Reason;
use common::message::{decoded_len, encoded_len};
use common::notification::{BodyPointer, Content, InvalidNotification, Mail, Notification, Opened};
use common::object::{Shelf, ShelfError};
use common::telemetry::chain;
use common::template::{self, TemplateError};
use jiff::SignedDuration;

use super::{Desk, Interrupted, ours};
use crate::copy::{Copy, WORTH_SENDING};
use crate::ports::Ports;

/// Why the files of a notification were not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// They never will be.
    Final(Reason),
    /// They may be later; this was in the way.
    ForNow(String),
}

impl Unread {
    fn of(place: &str, error: &ShelfError) -> Self {
        match error.class() {
            Some(class) => Self::Final(ours(class, format!("{place} {error}"), "fetch")),
            None => Self::ForNow(format!("{place} {}", chain(error))),
        }
    }
}

impl<P: Ports> Desk<'_, P> {
    /// Reads the notification of a copy, or why there is none.
    pub(super) async fn read(
        &self,
        copy: &Copy,
    ) -> Result<Result<Notification, Reason>, Interrupted> {
        let invalid =
            |error: InvalidNotification| ours(Class::InvalidMessage, error.to_string(), "parse");
        let pointer = match Notification::open(&copy.body) {
            Ok(Opened::Here(notification)) => return Ok(Ok(*notification)),
            Ok(Opened::Elsewhere(pointer)) => pointer,
            Err(error) => return Ok(Err(invalid(error))),
        };
        let shelf = Shelf::of(self.ports.objects(), &self.settings.mailbox);
        let read = shelf
            .read(&pointer.object, self.settings.message_bytes)
            .await;
        let read = read.map_err(|error| Unread::of(BodyPointer::place(error.member()), &error));
        let body = match read {
            Ok(body) => body,
            Err(Unread::Final(reason)) => return Ok(Err(reason)),
            // Whatever time it is for, it is over.
            Err(Unread::ForNow(problem)) if self.is_over(copy) => {
                return Ok(Err(ours(Class::WaitedTooLong, problem, "fetch")));
            }
            Err(Unread::ForNow(problem)) => return Err(Interrupted::Unavailable(problem)),
        };
        Ok(match String::from_utf8(body) {
            Ok(body) => pointer.follow(&body).map_err(invalid),
            Err(_) => {
                let problem = format!("{} is not UTF-8", BodyPointer::place(None));
                Err(ours(Class::InvalidMessage, problem, "parse"))
            }
        })
    }

    async fn filled(&self, notification: Notification) -> Result<Notification, Unread> {
        let (cache, store) = (self.ports.templates(), self.ports.objects());
        let limit = self.settings.message_bytes;
        let filled = template::fill(notification, cache, store, limit, self.now()).await;
        filled.map_err(|error| match error {
            TemplateError::Faulty(problem) => {
                let problem = format!("/template cannot be filled: {problem}");
                Unread::Final(ours(Class::InvalidMessage, problem, "fetch"))
            }
            error @ TemplateError::Unavailable(_) => Unread::ForNow(chain(&error)),
        })
    }

    /// Whether a notification of which nothing is known is too old for any time that it may be for.
    fn is_over(&self, copy: &Copy) -> bool {
        let longest: SignedDuration = Notification::FURTHEST + WORTH_SENDING;
        let since = copy.first_enqueued_at();
        since.is_some_and(|since| self.now().duration_since(since) >= longest)
    }

    /// Makes the words of a notification that has a template, and reads its files that are in the bucket.
    pub(super) async fn fetch(&self, notification: &mut Notification) -> Result<(), Unread> {
        if matches!(notification.mail, Mail::Form(_)) {
            *notification = self.filled(notification.clone()).await?;
        }
        let Mail::Letter(letter) = &mut notification.mail else {
            return Ok(());
        };
        let shelf = Shelf::of(self.ports.objects(), &self.settings.mailbox);
        let limit = self.settings.message_bytes;
        let unread = |index: usize, error: &ShelfError| {
            let member = error.member().map(|member| format!("/{member}"));
            let place = format!("/attachments/{index}/s3{}", member.unwrap_or_default());
            Unread::of(&place, error)
        };
        let (mut used, mut announced, mut are_here) = (0, 0, true);
        for (index, attachment) in letter.attachments.iter().enumerate() {
            match &attachment.content {
                Content::Given(content) => used += encoded_len(content.len()),
                Content::Stored(named) => {
                    are_here = false;
                    shelf.locate(named).map_err(|error| unread(index, &error))?;
                    announced += encoded_len(named.size.unwrap_or_default());
                }
            }
        }
        if are_here {
            return Ok(());
        }
        if used + announced > limit {
            let problem = format!(
                "/attachments have {} bytes once encoded; a message of this mailbox has up to {limit}",
                used + announced
            );
            return Err(Unread::Final(ours(
                Class::MessageTooLarge,
                problem,
                "fetch",
            )));
        }
        for (index, attachment) in letter.attachments.iter_mut().enumerate() {
            let Content::Stored(named) = &attachment.content else {
                continue;
            };
            if !self.has_time(used) {
                return Err(Unread::ForNow("its files take too long".to_owned()));
            }
            let room = decoded_len(limit.saturating_sub(used));
            let read = shelf.read(named, room).await;
            let content = read.map_err(|error| unread(index, &error))?;
            used += encoded_len(content.len());
            attachment.content = Content::Given(content);
        }
        Ok(())
    }
}
