//! The simulated Exchange, with every refusal that Microsoft is known to give, and lost at every stage.

use anyhow::{Result, ensure};
use common::class::Class;
use common::secret::AccessToken;
use common::submission::{Failure, Reply, Submission, Transfer, Verdict};
use tests::microsoft::exchange::{Effect, Fault, Stage, replies};
use tokio::time::{Duration, Instant};

use crate::mail;
use crate::provider::Provider;

const TRANSFERS: [Transfer; 2] = [Transfer::Data, Transfer::Bdat];

/// Signs in and submits a message, over a connection of its own.
async fn attempt(
    provider: &Provider,
    transfer: Transfer,
    token: &AccessToken,
) -> Result<Result<Submission, Failure>> {
    let port = provider.microsoft().exchange().port();
    let mut session = match provider.sign_in(port, transfer, token).await? {
        Ok(session) => session,
        Err(failure) => return Ok(Err(failure)),
    };
    let envelope = mail::envelope(&["anna@fabrikam.com"])?;
    let deadline = Instant::now() + Duration::from_secs(60);
    let message = mail::message("hello\r\n");
    let result = session.submit(&envelope, &message, deadline).await;
    session.quit().await;
    Ok(result)
}

/// The refusal in what became of an attempt, and its class.
fn refusal(result: &Result<Submission, Failure>) -> Option<(&Reply, Class)> {
    let (reply, diagnosis) = match result {
        Ok(submission) => match &submission.verdict {
            Verdict::Refused(reply) | Verdict::Deferred(reply) => {
                (reply, submission.verdict.diagnosis()?)
            }
            Verdict::Accepted(_) | Verdict::Unknown(_) => return None,
        },
        Err(failure) => (failure.reply()?, failure.diagnosis()),
    };
    Some((reply, diagnosis.class))
}

pub(crate) async fn every_refusal_is_told_word_for_word_and_has_its_class() -> Result<()> {
    // Of these alone nothing better can be said than that they are refusals, or against the protocol.
    const UNSPECIFIC: [&str; 5] = [
        "not authenticated",
        "no starttls",
        "submission exception unknown",
        "helo name refused",
        "unrecognized command",
    ];
    let provider = Provider::start().await?;
    let microsoft = provider.microsoft();
    // More attempts than a mailbox has in a minute.
    microsoft
        .exchange()
        .change_limits(|limits| limits.messages = usize::MAX);
    let token = provider.token(2_048).await?;
    for transfer in TRANSFERS {
        let mut unspecific = Vec::new();
        // Nobody here says NOOP.
        let all = replies::ALL
            .iter()
            .filter(|known| known.stage != Stage::Noop);
        for known in all {
            microsoft.exchange().inject(Fault::known(known).once());
            let result = attempt(&provider, transfer, &token).await?;
            let told = refusal(&result);
            ensure!(told.is_some(), "{}: {result:?}", known.name);
            let (reply, class) = told.unwrap();
            assert_eq!(
                reply.to_string(),
                known.text,
                "{transfer:?}, {}",
                known.name
            );
            if matches!(class, Class::RefusedOther | Class::ProtocolError) {
                unspecific.push(known.name);
            }
            assert_eq!(microsoft.exchange().pending_faults(), 0, "{}", known.name);
            assert_eq!(microsoft.inbox().count(), 0, "{}", known.name);
        }
        assert_eq!(unspecific, UNSPECIFIC);
    }
    let accepted = attempt(&provider, Transfer::Data, &token).await??;
    assert!(matches!(accepted.verdict, Verdict::Accepted(_)));
    assert_eq!(microsoft.inbox().count(), 1);
    Ok(())
}

pub(crate) async fn a_connection_that_breaks_is_told_as_far_as_it_is_known() -> Result<()> {
    let provider = Provider::start().await?;
    let microsoft = provider.microsoft();
    let token = provider.token(2_048).await?;
    let opening = [
        Stage::Greeting,
        Stage::Ehlo,
        Stage::StartTls,
        Stage::Handshake,
        Stage::EhloTls,
        Stage::Auth,
        Stage::Credential,
    ];
    let of_a_message = |transfer| match transfer {
        Transfer::Data => [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::EndOfMessage],
        Transfer::Bdat => [Stage::Mail, Stage::Rcpt, Stage::Bdat, Stage::EndOfMessage],
    };
    for transfer in TRANSFERS {
        for stage in opening.into_iter().chain(of_a_message(transfer)) {
            microsoft
                .exchange()
                .inject(Fault::new(stage, Effect::HangUp).once());
            let result = attempt(&provider, transfer, &token).await?;
            assert_eq!(microsoft.exchange().pending_faults(), 0, "{stage:?}");
            // Under BDAT all of the message may be out before the first reply comes.
            let may_be_out = match transfer {
                Transfer::Data => stage == Stage::EndOfMessage,
                Transfer::Bdat => !opening.contains(&stage),
            };
            match result {
                Ok(Submission {
                    verdict: Verdict::Unknown(_),
                    ..
                }) if may_be_out => {}
                Err(_) if !may_be_out => {}
                other => anyhow::bail!("{transfer:?}, {stage:?}: {other:?}"),
            }
            assert_eq!(microsoft.inbox().count(), 0, "{stage:?}");
        }
        // The message is taken, and nobody hears of it.
        let lost = Fault::new(Stage::EndOfMessage, Effect::BreakAfterSending(0)).once();
        microsoft.exchange().inject(lost);
        let submission = attempt(&provider, transfer, &token).await??;
        assert!(matches!(submission.verdict, Verdict::Unknown(_)));
        assert_eq!(microsoft.inbox().count(), 1);
        microsoft.inbox().clear();
    }
    Ok(())
}
