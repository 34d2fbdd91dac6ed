//! Times and states in the words of a person.

use jiff::{SignedDuration, Timestamp};

/// How long ago or until then, in its largest unit: `3 min`, `2 h`, `5 d`.
pub(crate) fn span(between: SignedDuration) -> String {
    let seconds = between.abs().as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The time that is left until then; nothing when it is over.
pub(crate) fn left(until: Timestamp, now: Timestamp) -> Option<String> {
    let left = until.duration_since(now);
    left.is_positive().then(|| span(left))
}

/// A moment, to the minute: `2027-03-01 12:15 UTC`.
pub(crate) fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A remedy as somebody with this command applies it: where it names the operator's commands, it names ours.
pub(crate) fn ours(remedy: &str) -> String {
    let below_failed = ["redrive", "drop"];
    let remedy = below_failed
        .iter()
        .fold(remedy.to_owned(), |remedy, command| {
            remedy.replace(
                &format!("`operator {command} "),
                &format!("`pillarbox failed {command} "),
            )
        });
    remedy.replace("`operator ", "`pillarbox ")
}

/// A name out of an answer, as words.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_largest_unit() {
        let told = [0, 119, 120, 7_199, 7_200, 172_799, 172_800]
            .map(|seconds| span(SignedDuration::from_secs(seconds)));
        assert_eq!(
            told,
            ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]
        );
    }

    #[test]
    fn a_remedy_names_commands_that_there_are() {
        use common::class::{Class, Concerning};
        let about = Concerning::mailbox("billing", "billing@contoso.com");
        let mut commands = 0;
        for class in Class::ALL {
            let remedy = ours(&class.remedy(&about));
            assert!(!remedy.contains("`operator"), "{remedy}");
            for command in remedy
                .split('`')
                .filter(|part| part.starts_with("pillarbox "))
            {
                let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
                assert!(crate::understands(&words), "{command}");
                commands += 1;
            }
        }
        assert!(commands >= 8, "{commands} commands were found");
    }

    #[test]
    fn what_is_over_has_nothing_left() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(left(now, now), None);
        let later = now + SignedDuration::from_mins(51);
        assert_eq!(left(later, now).as_deref(), Some("51 min"));
    }
}
