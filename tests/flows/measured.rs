//! What the functions measured while the flows ran: nothing but what the table of metrics holds, in its units and under its
//! dimensions. Alarms and dashboards are compared with the same table by the checks of the repository.

use anyhow::{Context, Result, ensure};
use common::metrics::{Metric, NAMESPACE};
use serde_json::Value;
use tests::contoso::Contoso;

/// Reads the functions' logs for lines of metrics, and compares each with the table.
pub(crate) async fn as_documented(contoso: &Contoso) -> Result<()> {
    let mut measured = 0;
    for function in ["oauth-callback", "token-refresh", "send-email"] {
        let lines = contoso.stack.logs(function).await?;
        for line in lines.iter().filter(|line| line.contains("\"_aws\"")) {
            let line: Value = serde_json::from_str(line)?;
            let directives = line["_aws"]["CloudWatchMetrics"].as_array();
            for directive in directives.context("a line of metrics without metrics")? {
                compare(directive).with_context(|| format!("{function}: {line}"))?;
                measured += 1;
            }
        }
    }
    ensure!(measured > 0, "nothing was measured at all");
    Ok(())
}

fn compare(directive: &Value) -> Result<()> {
    ensure!(directive["Namespace"] == NAMESPACE, "another namespace");
    let dimensions: Vec<Vec<String>> = serde_json::from_value(directive["Dimensions"].clone())?;
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
        }
    }
    Ok(())
}
