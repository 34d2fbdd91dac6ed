//! One mail transaction after the other: MAIL, RCPT, DATA, BDAT, RSET.

use smtp_proto::{
    MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_BODY_BINARYMIME, MAIL_SMTPUTF8, MailFrom, RcptTo,
};

use super::super::super::inbox::{Body, Envelope, Transfer};
use super::super::super::lock;
use super::super::faults::Stage;
use super::super::verdict::Submission;
use super::super::words;
use super::course::Course;
use super::{End, Session};

/// A message on its way.
#[derive(Default)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    octets: Vec<u8>,
    progress: Progress,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Envelope,
    Chunks,
    Failed,
}

impl Session {
    pub(super) async fn mail(&mut self, octets: usize, from: MailFrom<String>) -> Result<(), End> {
        let mut moment = self.moment(Stage::Mail);
        moment.octets = octets;
        moment.reverse_path = Some(from.address.clone());
        if !self.is_as_usual(moment).await? {
            return Ok(());
        }
        let limits = self.limits();
        let account = self.account.clone().unwrap_or_default();
        let refusal = if !self.is_greeted {
            Some(words::HELO_FIRST.to_owned())
        } else if !self.is_encrypted {
            Some(words::STARTTLS_FIRST.to_owned())
        } else if self.account.is_none() {
            Some(words::not_authenticated())
        } else if self.transaction.is_some() {
            Some(words::SENDER_ALREADY.to_owned())
        } else if from.size > limits.advertised_octets {
            Some(words::TOO_LARGE.to_owned())
        } else if !from.address.is_ascii() && from.flags & MAIL_SMTPUTF8 == 0 {
            Some(words::SENDER_INVALID.to_owned())
        } else if self.is_beyond_connections_at(Stage::Mail, &account) {
            Some(words::known("too many connections"))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.say(&refusal);
            return Ok(());
        }
        let now = self.shared.world.clock.now();
        if !lock(&self.shared.usage).begin(&account, now, &limits) {
            self.say(&words::known("message rate exceeded"));
            return Err(End::Close);
        }
        self.transaction = Some(Transaction {
            envelope: Envelope {
                body: body_of(from.flags),
                smtputf8: from.flags & MAIL_SMTPUTF8 != 0,
                size: from.size,
                reverse_path: from.address,
                forward_paths: Vec::new(),
            },
            ..Transaction::default()
        });
        self.say(words::SENDER_OK);
        Ok(())
    }

    pub(super) async fn rcpt(&mut self, octets: usize, to: RcptTo<String>) -> Result<(), End> {
        let mut moment = self.moment(Stage::Rcpt);
        moment.octets = octets;
        moment.recipient = Some(to.address.clone());
        if !self.is_as_usual(moment).await? {
            return Ok(());
        }
        let limits = self.limits();
        let Some(transaction) = &mut self.transaction else {
            self.say(words::MAIL_FIRST);
            return Ok(());
        };
        let envelope = &mut transaction.envelope;
        let domain = domain(&to.address);
        let of_domain = envelope
            .forward_paths
            .iter()
            .filter(|path| self::domain(path) == domain);
        let reply = if transaction.progress != Progress::Envelope {
            words::BAD_SEQUENCE.to_owned()
        } else if domain.is_none() || (!to.address.is_ascii() && !envelope.smtputf8) {
            words::RECIPIENT_INVALID.to_owned()
        } else if of_domain.count() >= limits.recipients_of_a_domain {
            words::known("too many recipients of a domain")
        } else if envelope.forward_paths.len() >= limits.recipients {
            words::known("too many recipients")
        } else {
            envelope.forward_paths.push(to.address);
            words::RECIPIENT_OK.to_owned()
        };
        self.say(&reply);
        Ok(())
    }

    pub(super) async fn data(&mut self, octets: usize) -> Result<(), End> {
        let mut moment = self.moment(Stage::Data);
        moment.octets = octets;
        let is_invited = match self.consult(moment).await? {
            Course::Raw => return Ok(()),
            // Such a reply invites the body, whatever there is to say against it.
            Course::Replied(reply) if reply.starts_with("354") => true,
            Course::Replied(_) => return Ok(()),
            Course::AsUsual => false,
        };
        if !is_invited {
            if let Err(refusal) = self.ready_for_body() {
                self.say(refusal);
                return Ok(());
            }
            self.say(words::START_INPUT);
        }
        self.wire.flush().await?;
        if !self.as_usual(Stage::Body, 0).await? {
            return Ok(());
        }
        let body = self.wire.body().await?;
        self.note_flights();
        let transaction = self.transaction.take().unwrap_or_default();
        self.end_of_message(transaction.envelope, Transfer::Data, body)
            .await
    }

    /// Whether DATA may come now. After a chunk, only chunks may.
    fn ready_for_body(&self) -> Result<(), &'static str> {
        match &self.transaction {
            None => Err(words::MAIL_FIRST),
            Some(transaction) if transaction.progress != Progress::Envelope => {
                Err(words::BAD_SEQUENCE)
            }
            Some(transaction) if transaction.envelope.forward_paths.is_empty() => {
                Err(words::RCPT_FIRST)
            }
            Some(_) => Ok(()),
        }
    }

    pub(super) async fn bdat(&mut self, count: usize, is_last: bool) -> Result<(), End> {
        let mut moment = self.moment(Stage::Bdat);
        moment.octets = count;
        let refusal = match self.consult(moment).await? {
            // The ill-behaved peer: it runs the octets as commands.
            Course::Raw => return Ok(()),
            Course::Replied(_) => Some(None),
            Course::AsUsual if self.is_withheld("CHUNKING") => {
                return self.unrecognized("BDAT").await;
            }
            Course::AsUsual => self.refusal_of_chunk().map(Some),
        };
        if let Some(refusal) = refusal {
            // RFC 3030: the octets come whatever we say, and are dropped.
            self.wire.octets(count, None).await?;
            if let Some(transaction) = &mut self.transaction {
                transaction.progress = Progress::Failed;
            }
            if let Some(refusal) = refusal {
                self.say(refusal);
            }
            return Ok(());
        }
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        transaction.progress = Progress::Chunks;
        let mut octets = std::mem::take(&mut transaction.octets);
        self.wire.octets(count, Some(&mut octets)).await?;
        self.note_flights();
        let limit = self.limits().advertised_octets;
        let Some(mut transaction) = self.transaction.take() else {
            return Ok(());
        };
        if octets.len() > limit {
            transaction.progress = Progress::Failed;
            self.transaction = Some(transaction);
            self.say(words::TOO_LARGE);
            return Ok(());
        }
        if is_last {
            return self
                .end_of_message(transaction.envelope, Transfer::Bdat, octets)
                .await;
        }
        transaction.octets = octets;
        self.transaction = Some(transaction);
        self.say(&words::chunk(count));
        Ok(())
    }

    fn refusal_of_chunk(&self) -> Option<&'static str> {
        match &self.transaction {
            None => Some(words::MAIL_FIRST),
            Some(transaction) if transaction.progress == Progress::Failed => {
                Some(words::BAD_SEQUENCE)
            }
            Some(transaction) if transaction.envelope.forward_paths.is_empty() => {
                Some(words::RCPT_FIRST)
            }
            Some(_) => None,
        }
    }

    async fn end_of_message(
        &mut self,
        envelope: Envelope,
        transfer: Transfer,
        octets: Vec<u8>,
    ) -> Result<(), End> {
        let mut moment = self.moment(Stage::EndOfMessage);
        moment.octets = octets.len();
        moment.reverse_path = Some(envelope.reverse_path.clone());
        if !self.is_as_usual(moment).await? {
            return Ok(());
        }
        if envelope.forward_paths.is_empty() {
            self.say(words::RCPT_FIRST);
            return Ok(());
        }
        let verdict = self.shared.take(Submission {
            account: self.account.clone().unwrap_or_default(),
            connection: self.number,
            envelope,
            transfer,
            octets,
        });
        match verdict {
            Ok(reply) => {
                self.accepted += 1;
                self.shared
                    .log
                    .note(self.number, |connection| connection.accepted += 1);
                self.say(&reply);
            }
            Err(refusal) => self.say(&refusal),
        }
        Ok(())
    }

    pub(super) async fn rset(&mut self, octets: usize) -> Result<(), End> {
        if self.as_usual(Stage::Rset, octets).await? {
            self.transaction = None;
            self.say(words::RESET);
        }
        Ok(())
    }
}

fn body_of(flags: u64) -> Body {
    match flags {
        flags if flags & MAIL_BODY_BINARYMIME != 0 => Body::BinaryMime,
        flags if flags & MAIL_BODY_8BITMIME != 0 => Body::EightBitMime,
        flags if flags & MAIL_BODY_7BIT != 0 => Body::SevenBit,
        _ => Body::Unstated,
    }
}

fn domain(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    (!domain.is_empty()).then(|| domain.to_ascii_lowercase())
}
