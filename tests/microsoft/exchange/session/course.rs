//! What becomes of a stage when a fault is due.

use super::super::faults::{Effect, Moment, Stage};
use super::opening::Certificate;
use super::{End, Session};

/// What a fault leaves of a stage.
pub(super) enum Course {
    /// The work is to be done.
    AsUsual,
    /// The reply was given; the work is not to be done.
    Replied(String),
    /// Octets were given; the work is not to be done.
    Raw,
}

impl Session {
    pub(super) fn moment(&self, stage: Stage) -> Moment {
        let transaction = self.transaction.as_ref();
        Moment {
            stage,
            connection: self.number,
            account: self.account.clone(),
            reverse_path: transaction.map(|transaction| transaction.envelope.reverse_path.clone()),
            recipient: None,
            accepted: self.accepted,
            octets: 0,
        }
    }

    pub(super) async fn as_usual(&mut self, stage: Stage, octets: usize) -> Result<bool, End> {
        let mut moment = self.moment(stage);
        moment.octets = octets;
        self.is_as_usual(moment).await
    }

    pub(super) async fn is_as_usual(&mut self, moment: Moment) -> Result<bool, End> {
        match self.consult(moment).await? {
            Course::AsUsual => Ok(true),
            Course::Replied(_) | Course::Raw => Ok(false),
        }
    }

    /// Lets the fault of the moment happen, if there is one.
    pub(super) async fn consult(&mut self, moment: Moment) -> Result<Course, End> {
        let Some(effect) = self.shared.faults.take(&moment) else {
            return Ok(Course::AsUsual);
        };
        match effect {
            Effect::Reply(text) => {
                let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
                self.say(&text);
                return Ok(Course::Replied(text));
            }
            Effect::ReplyAndClose(text) => {
                self.say(&text);
                return Err(End::Close);
            }
            Effect::Raw(octets) => {
                self.wire.queue(&octets);
                return Ok(Course::Raw);
            }
            Effect::HangUp => {
                self.wire.flush().await?;
                return Err(End::Gone);
            }
            Effect::Hang => {
                self.wire.flush().await?;
                return Err(self.wire.ignore().await.into());
            }
            Effect::Pause(pause) => {
                self.wire.flush().await?;
                tokio::time::sleep(pause).await;
            }
            Effect::Wait(gate) => {
                self.wire.flush().await?;
                gate.pass().await;
            }
            Effect::Lie(text) => self.lie = Some(text),
            Effect::Inject(octets) => self.injection = Some(octets),
            Effect::Trickle => self.wire.trickle().await?,
            Effect::BreakAfterReceiving(octets) => self.wire.break_after_receiving(octets),
            Effect::BreakAfterSending(octets) => self.wire.break_after_sending(octets).await?,
            Effect::Withhold(keyword) => self.withheld.push(keyword),
            Effect::WrongName => self.certificate = Certificate::WrongName,
            Effect::Impostor => self.certificate = Certificate::Impostor,
        }
        Ok(Course::AsUsual)
    }
}
