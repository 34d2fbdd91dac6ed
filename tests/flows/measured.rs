//! What the functions measured while the flows ran: what the table of metrics holds, in its units and under its
//! dimensions, nothing else, and all of it. Alarms and dashboards are compared with the same table by the checks of the
//! repository, so each of them looks at something that was really measured.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use common::metrics::{Metric, NAMESPACE};
use serde_json::Value;
use tests::contoso::Contoso;
use tokio::time::{Instant, interval};

use crate::SOON;

/// A metric under one set of dimensions.
type Curve = (Metric, Vec<String>);

/// Reads the functions' logs for lines of metrics, and compares each with the table; and the table with them, where all
/// flows have run.
pub(crate) async fn as_documented(contoso: &Contoso, is_whole: bool) -> Result<()> {
    let mut measured = BTreeSet::new();
    for function in ["oauth-callback", "token-refresh", "send-email"] {
        let lines = contoso.stack.logs(function).await?;
        for line in lines.iter().filter(|line| line.contains("\"_aws\"")) {
            let line: Value = serde_json::from_str(line)?;
            let directives = line["_aws"]["CloudWatchMetrics"].as_array();
            for directive in directives.context("a line of metrics without metrics")? {
                let curves = compare(directive).with_context(|| format!("{function}: {line}"))?;
                measured.extend(curves);
            }
        }
    }
    ensure!(!measured.is_empty(), "nothing was measured at all");
    let documented = Metric::ALL.iter().flat_map(|metric| {
        let sets = metric.per().dimensions().iter();
        sets.map(|set| (*metric, set.iter().map(|&name| name.to_owned()).collect()))
    });
    let missing: Vec<_> = documented
        .filter(|curve| !measured.contains(curve))
        .collect();
    ensure!(
        !is_whole || missing.is_empty(),
        "nobody measured {missing:?}"
    );
    Ok(())
}

/// Waits until `send-email` has measured so much of a mailbox: its log is written a moment after its work.
pub(crate) async fn wait_for(
    contoso: &Contoso,
    mailbox: &str,
    metric: Metric,
    wanted: u64,
) -> Result<()> {
    let deadline = Instant::now() + SOON;
    let mut rounds = interval(Duration::from_secs(1));
    loop {
        rounds.tick().await;
        let lines = contoso.stack.logs("send-email").await?;
        let measured = lines.iter().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["Mailbox"] == mailbox).then(|| line[metric.as_str()].as_u64())?
        });
        let measured: u64 = measured.sum();
        if measured == wanted {
            return Ok(());
        }
        ensure!(
            measured < wanted && Instant::now() < deadline,
            "{metric:?} of {mailbox} is {measured} and not {wanted}"
        );
    }
}

/// The curves that a line adds to, each of which is in the table.
fn compare(directive: &Value) -> Result<Vec<Curve>> {
    ensure!(directive["Namespace"] == NAMESPACE, "another namespace");
    let dimensions: Vec<Vec<String>> = serde_json::from_value(directive["Dimensions"].clone())?;
    let mut curves = Vec::new();
    for measured in directive["Metrics"].as_array().context("no metrics")? {
        let metric = Metric::ALL
            .iter()
            .find(|metric| measured["Name"] == metric.as_str())
            .with_context(|| format!("{} is not in the table", measured["Name"]))?;
        let unit = format!("{:?}", metric.unit());
        ensure!(measured["Unit"] == unit, "{measured} is in another unit");
        for set in &dimensions {
            let stands = metric.per().dimensions().iter().any(|known| known == set);
            ensure!(stands, "{measured} stands under {set:?}");
            curves.push((*metric, set.clone()));
        }
    }
    Ok(curves)
}
