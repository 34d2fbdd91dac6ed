//! A mail given in fields, of which its message is to be written.

use super::{
    attachment::Attachment,
    body::{Body, Carries, Subject},
    choice::{self, Priority},
    header::ExtraHeader,
    party::Party,
    reader::Fields,
    thread::MessageId,
    unsubscribe::ListUnsubscribe,
};

/// What a mail says, and what goes with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who the mail is from; without one, the mailbox's own address.
    pub from: Option<Party>,
    /// Where answers go, if not to From.
    pub reply_to: Vec<Party>,
    /// The subject.
    pub subject: Subject,
    /// Text, html or both.
    pub body: Body,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
    /// Headers of the producer's own, in the order of their names.
    pub headers: Vec<ExtraHeader>,
    /// The producer's own Message-ID; without one, it is derived from the notification's id.
    pub message_id: Option<MessageId>,
    /// The messages this one answers.
    pub in_reply_to: Vec<MessageId>,
    /// The conversation it belongs to, oldest first.
    pub references: Vec<MessageId>,
    /// How urgent mail programs show it.
    pub priority: Priority,
    /// How readers get off the list.
    pub list_unsubscribe: Option<ListUnsubscribe>,
}

impl Letter {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let from = fields.take("from").and_then(Party::read);
        let reply_to = fields
            .take("reply_to")
            .map(Party::read_all)
            .unwrap_or_default();
        let subject = fields
            .require("subject")
            .and_then(|found| found.parse("a string", Subject::parse));
        let attachments = fields.take("attachments").map(Attachment::read_all);
        let carries = match &attachments {
            Some(Some(list)) if list.is_empty() => Carries::Nothing,
            Some(_) => Carries::Attachments,
            None => Carries::Nothing,
        };
        let body = Body::read(fields, carries);
        let headers = fields
            .take("headers")
            .and_then(ExtraHeader::read_all)
            .unwrap_or_default();
        let message_id = fields
            .take("message_id")
            .and_then(|found| found.parse("a string", MessageId::parse));
        let mut ids = |name| {
            let found = fields.take(name);
            found.and_then(MessageId::read_all).unwrap_or_default()
        };
        let [in_reply_to, references] = [ids("in_reply_to"), ids("references")];
        let priority = fields
            .take("priority")
            .and_then(|found| found.parse(choice::PRIORITIES, choice::priority))
            .unwrap_or_default();
        let list_unsubscribe = fields
            .take("list_unsubscribe")
            .and_then(ListUnsubscribe::read);
        Some(Self {
            from,
            reply_to,
            subject: subject?,
            body: body?,
            attachments: attachments.flatten().unwrap_or_default(),
            headers,
            message_id,
            in_reply_to,
            references,
            priority,
            list_unsubscribe,
        })
    }
}
