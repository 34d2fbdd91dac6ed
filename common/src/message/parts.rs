//! The parts in which a message to many goes out, each a transaction of its own.
//!
//! Exchange takes so many recipients in one transaction, and 200 of one domain. Recipients are dealt out in their order,
//! each to the first part that has room. So the same recipients and limit make the same parts, with the same numbers.

use std::collections::{HashMap, HashSet};

use lettre::Address;

use super::lettre_address;
use crate::{address::EmailAddress, notification::Notification};

/// The most recipients of one domain that Exchange takes in one transaction (4.5.3).
const MAX_OF_ONE_DOMAIN: usize = 200;

/// One message's share of the recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which it is, from 1.
    pub number: u32,
    /// Whom it goes to; there is somebody.
    pub recipients: Vec<Address>,
}

/// Everybody whom a notification goes to, each once, whatever the case they are written in.
#[must_use]
pub fn recipients(notification: &Notification) -> Vec<Address> {
    let once = once(notification);
    once.into_iter().map(lettre_address).collect()
}

/// The same, as the notification has them.
pub(super) fn once(notification: &Notification) -> Vec<&EmailAddress> {
    let mut seen = HashSet::new();
    let emails = notification.recipients().map(|party| &party.email);
    emails
        .filter(|email| seen.insert(email.as_str().to_lowercase()))
        .collect()
}

/// Deals recipients out to parts of up to so many, and of up to 200 of one domain.
#[must_use]
pub fn parts(recipients: &[Address], recipients_per_part: usize) -> Vec<Part> {
    let most = recipients_per_part.max(1);
    let mut parts: Vec<(Part, HashMap<String, usize>)> = Vec::new();
    for address in recipients {
        let domain = address.domain().to_ascii_lowercase();
        let has_room = |(part, domains): &(Part, HashMap<String, usize>)| {
            part.recipients.len() < most
                && domains.get(&domain).copied().unwrap_or_default() < MAX_OF_ONE_DOMAIN
        };
        let place = parts.iter().position(has_room).unwrap_or(parts.len());
        if place == parts.len() {
            let part = Part {
                number: u32::try_from(place + 1).unwrap_or(u32::MAX),
                recipients: Vec::new(),
            };
            parts.push((part, HashMap::new()));
        }
        if let Some((part, domains)) = parts.get_mut(place) {
            part.recipients.push(address.clone());
            *domains.entry(domain).or_default() += 1;
        }
    }
    parts.into_iter().map(|(part, _)| part).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(recipients: impl IntoIterator<Item = String>) -> Vec<Address> {
        let addresses = recipients.into_iter().map(|one| one.parse().unwrap());
        addresses.collect()
    }

    fn sizes(parts: &[Part]) -> Vec<usize> {
        parts.iter().map(|part| part.recipients.len()).collect()
    }

    fn people(domain: &str, count: usize) -> Vec<String> {
        let person = |number| format!("p{number}@{domain}");
        (0..count).map(person).collect()
    }

    #[test]
    fn up_to_the_limits_it_is_one_part() {
        let everybody = all((0..3).flat_map(|domain| people(&format!("d{domain}.example"), 166)));
        let one = parts(&everybody, 500);
        assert_eq!((one[0].number, &one[0].recipients), (1, &everybody));
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn beyond_a_limit_each_goes_to_the_first_part_with_room() {
        let of_three = || (0..3).flat_map(|domain| people(&format!("d{domain}.example"), 167));
        assert_eq!(sizes(&parts(&all(of_three()), 500)), [500, 1]);
        assert_eq!(
            sizes(&parts(&all(people("one.example", 450)), 500)),
            [200, 200, 50]
        );
        let two = people("one.example", 300)
            .into_iter()
            .chain(people("ONE.example", 1))
            .chain(people("two.example", 150));
        assert_eq!(sizes(&parts(&all(two), 500)), [350, 101]);
        assert_eq!(sizes(&parts(&all(people("one.example", 3)), 1)), [1, 1, 1]);
    }

    proptest! {
        #[test]
        fn everybody_is_in_one_part_and_no_part_is_too_large(
            domains in prop::collection::vec(0u8..4, 1..900),
            most in 1usize..600,
        ) {
            let everybody = all(domains.iter().enumerate().map(|(number, domain)| format!("p{number}@d{domain}.example")));
            let dealt = parts(&everybody, most);
            for (place, part) in dealt.iter().enumerate() {
                prop_assert_eq!(part.number as usize, place + 1);
                prop_assert!((1..=most).contains(&part.recipients.len()));
                for domain in 0..4 {
                    let ending = format!("@d{domain}.example");
                    let of_one = part.recipients.iter().filter(|one| AsRef::<str>::as_ref(one).ends_with(&ending));
                    prop_assert!(of_one.count() <= MAX_OF_ONE_DOMAIN);
                }
            }
            let mut dealt: Vec<_> = dealt.into_iter().flat_map(|part| part.recipients).collect();
            let mut everybody = everybody;
            dealt.sort_by(|a, b| AsRef::<str>::as_ref(a).cmp(b.as_ref()));
            everybody.sort_by(|a, b| AsRef::<str>::as_ref(a).cmp(b.as_ref()));
            prop_assert_eq!(dealt, everybody);
        }
    }
}
