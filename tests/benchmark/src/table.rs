//! The results: tables where a person watches, plain lines with the same figures on a pipe.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};

use crate::clients::{Mails, Trial};
use crate::server::Seen;

/// What the times of the others are divided by.
const YARDSTICK: &str = "pillarbox, data";

/// The figures of one client, one kind of mail and one wire: medians of the rounds.
struct Figures {
    /// Milliseconds a mail.
    time: f64,
    /// `time` divided by that of the yardstick.
    ratio: f64,
    /// Milliseconds of a processor a mail.
    processor: f64,
    /// Megabytes.
    peak: f64,
    /// Round trips up to the accepted token and for each further mail, on a wire that counts them.
    round_trips: Option<(u64, f64)>,
}

/// Prints what was measured.
pub(crate) fn print(trials: &[Trial]) -> Result<()> {
    if stdout().is_terminal() {
        tables(trials)
    } else {
        lines(trials)
    }
}

fn lines(trials: &[Trial]) -> Result<()> {
    println!(
        "mails\trtt_ms\tclient\tms_per_mail\tratio\tcpu_ms_per_mail\tpeak_mb\tsetup_round_trips\tnext_round_trips"
    );
    for trial in trials {
        let Figures {
            time,
            ratio,
            processor,
            peak,
            round_trips,
        } = figures(trial, trials)?;
        let (setup, next) = round_trips.map_or(("-".to_owned(), "-".to_owned()), shown);
        let (mails, wire) = (mails(trial.mails), trial.round_trip.as_millis());
        println!(
            "{mails}\t{wire}\t{}\t{time:.2}\t{ratio:.2}\t{processor:.2}\t{peak:.1}\t{setup}\t{next}",
            trial.client
        );
    }
    Ok(())
}

fn tables(trials: &[Trial]) -> Result<()> {
    for kind in distinct(trials.iter().map(|trial| mails(trial.mails))) {
        let of_kind: Vec<_> = trials
            .iter()
            .filter(|trial| mails(trial.mails) == kind)
            .collect();
        let wires = distinct(of_kind.iter().map(|trial| trial.round_trip));
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY);
        let columns = wires
            .iter()
            .map(|&round_trip| format!("ms a mail, {}", wire(round_trip)));
        let fixed = ["setup", "next", "CPU ms", "peak MB"].map(str::to_owned);
        let [setup, next, processor, peak] = fixed;
        let header = ["client".to_owned(), setup, next]
            .into_iter()
            .chain(columns)
            .chain([processor, peak]);
        table.set_header(header);
        for client in distinct(of_kind.iter().map(|trial| trial.client)) {
            let mut row = vec![client.to_owned(), String::new(), String::new()];
            let mut last = None;
            for trial in of_kind.iter().filter(|trial| trial.client == client) {
                let figures = figures(trial, trials)?;
                if let Some(counted) = figures.round_trips {
                    (row[1], row[2]) = shown(counted);
                }
                row.push(format!("{:.1} (×{:.1})", figures.time, figures.ratio));
                last.get_or_insert((figures.processor, figures.peak));
            }
            let (processor, peak) = last.context("a client without a trial")?;
            row.extend([format!("{processor:.2}"), format!("{peak:.1}")]);
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("\n{kind}\n{table}");
    }
    println!(
        "\nMedians. In brackets: the time divided by that of \"{YARDSTICK}\". Setup and next are round trips up to the\n\
         accepted token and for each further mail. CPU and peak are those on the first wire."
    );
    Ok(())
}

fn figures(trial: &Trial, trials: &[Trial]) -> Result<Figures> {
    let yardstick = trials
        .iter()
        .find(|other| {
            other.client == YARDSTICK
                && other.round_trip == trial.round_trip
                && mails(other.mails) == mails(trial.mails)
        })
        .context("nothing to compare with")?;
    let time = |trial: &Trial| {
        median(
            trial
                .costs
                .iter()
                .map(|cost| cost.time.as_secs_f64() * 1000.0),
        )
    };
    let count = trial.mails.count as f64;
    let counted = |seen: &Seen| {
        let further = seen.accepted.len().saturating_sub(1) as f64;
        let passed = seen.accepted.last()? - seen.accepted.first()?;
        (seen.setup > 0).then_some((seen.setup, passed as f64 / further))
    };
    Ok(Figures {
        time: time(trial) / count,
        ratio: time(trial) / time(yardstick),
        processor: median(
            trial
                .costs
                .iter()
                .map(|cost| cost.processor.as_secs_f64() * 1000.0),
        ) / count,
        peak: median(trial.costs.iter().map(|cost| cost.peak as f64)) / 1e6,
        round_trips: trial.seen.as_ref().and_then(counted),
    })
}

/// The name of a kind of mail.
pub(crate) fn mails(mails: Mails) -> String {
    match mails.file {
        None => format!("{} mails of {} kB", mails.count, mails.text / 1024),
        Some(octets) => format!(
            "{} mails with {} MB attached",
            mails.count,
            octets / 1024 / 1024
        ),
    }
}

/// The name of a wire.
pub(crate) fn wire(round_trip: Duration) -> String {
    format!("{} ms RTT", round_trip.as_millis())
}

fn shown((setup, next): (u64, f64)) -> (String, String) {
    (
        setup.to_string(),
        format!("{next:.1}").trim_end_matches(".0").to_owned(),
    )
}

/// The middle one, or the lower of the two in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut found, value| {
        if !found.contains(&value) {
            found.push(value);
        }
        found
    })
}
