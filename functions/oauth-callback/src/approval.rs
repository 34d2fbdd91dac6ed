//! From an administrator's answer to an approval. Nothing is stored by one.

use common::consent::{Attempt, Ending, Refusal};
use tokio::time::timeout;

use crate::flow;
use crate::ports::Ports;

/// Makes sure that the directory which approved is that of the mailbox.
pub(crate) async fn confirm(ports: &impl Ports, attempt: &Attempt, tenant: Option<&str>) -> Ending {
    let confirmed = async {
        let settings = flow::settings(ports, attempt).await?;
        let issuer = flow::issuer(ports, &settings, attempt).await?;
        // A provider that knows no directories has no page for administrators either.
        let ours = issuer.tenant.ok_or(Refusal::Unrecognized)?;
        match tenant {
            Some(tenant) if tenant.eq_ignore_ascii_case(&ours) => Ok(Ending::Approved),
            Some(_) => Err(Refusal::WrongDirectory),
            None => Err(Refusal::Unrecognized),
        }
    };
    let confirmed = timeout(flow::PROVIDER, confirmed).await;
    let confirmed = confirmed.unwrap_or(Err(Refusal::ProviderBusy));
    confirmed.unwrap_or_else(Ending::Refused)
}
