//! The page of the metrics: what the functions measure, and nothing else.

use common::metrics::{Metric, Per};

use crate::read;

#[test]
fn every_metric_is_documented_with_its_unit_and_its_meaning() {
    let page = read("docs/metrics.md");
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let wanted: Vec<_> = Metric::ALL
        .iter()
        .map(|metric| {
            let per = match metric.per() {
                Per::Mailbox => "mailbox",
                Per::Stack => "stack",
                Per::Both => "mailbox; stack",
                Per::Class => "mailbox; mailbox and class",
            };
            let name = metric.as_str();
            format!(
                "| `{name}` | {:?} | {per} | {} |",
                metric.unit(),
                metric.meaning()
            )
        })
        .collect();
    assert_eq!(rows, wanted);
}
