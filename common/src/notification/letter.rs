//! A mail given in fields, of which its message is to be written.

use super::{
    attachment::Attachment,
    body::{Body, Carries, Subject},
    choice::{self, Priority},
    fault::Faults,
    header::ExtraHeader,
    party::Party,
    reader::{Fields, Found},
    template,
    thread::MessageId,
    unsubscribe::ListUnsubscribe,
};
use crate::template::{Rendered, Template};

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

/// A letter whose words a template makes.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    /// The template, and what it is filled with.
    pub template: Template,
    /// Everything but the words.
    pub(super) blank: Letter,
}

impl Form {
    /// Who the mail is from; without one, the mailbox's own address.
    #[must_use]
    pub fn from(&self) -> Option<&Party> {
        self.blank.from.as_ref()
    }

    pub(super) fn read(found: Found<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        for words in ["subject", "text", "html"] {
            if let Some(found) = fields.take(words) {
                found.refuse::<()>("is not taken beside template, which makes the words");
            }
        }
        let template = template::read(found);
        let attachments = fields.take("attachments").map(Attachment::read_all);
        let no_words = (Subject::none(), Body::Text(String::new()));
        let blank = Letter::around(Some(no_words), attachments, fields);
        Some(Self {
            template: template?,
            blank: blank?,
        })
    }

    /// The letter with its words.
    ///
    /// # Errors
    ///
    /// When what the template has made is no subject, or says nothing.
    pub(super) fn filled(self, rendered: Rendered, faults: &Faults) -> Option<Letter> {
        let mut fields = template::words(rendered, faults)?;
        let subject = Letter::subject(&mut fields);
        let body = Body::read(&mut fields, Carries::of(&self.blank.attachments));
        Some(Letter {
            subject: subject?,
            body: body?,
            ..self.blank
        })
    }
}

impl Letter {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let subject = Self::subject(fields);
        let attachments = fields.take("attachments").map(Attachment::read_all);
        let carries = match &attachments {
            Some(Some(list)) => Carries::of(list),
            Some(None) => Carries::Attachments,
            None => Carries::Nothing,
        };
        let body = Body::read(fields, carries);
        Self::around(subject.zip(body), attachments, fields)
    }

    fn subject(fields: &mut Fields<'_>) -> Option<Subject> {
        let found = fields.require("subject");
        found.and_then(|found| found.parse("a string", Subject::parse))
    }

    /// Reads what goes with the words.
    fn around(
        words: Option<(Subject, Body)>,
        attachments: Option<Option<Vec<Attachment>>>,
        fields: &mut Fields<'_>,
    ) -> Option<Self> {
        let from = fields.take("from").and_then(Party::read);
        let reply_to = fields
            .take("reply_to")
            .map(Party::read_all)
            .unwrap_or_default();
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
        let (subject, body) = words?;
        Some(Self {
            from,
            reply_to,
            subject,
            body,
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
