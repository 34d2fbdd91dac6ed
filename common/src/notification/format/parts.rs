//! What the vendors' bodies have in common.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::super::{
    address_list,
    fault::Problem,
    party::Party,
    reader::{Fields, Found, Names},
};

const BUFFER: Names = Names::exact(&["type", "data"], &[]);

/// Turns addresses in a string, separated by commas, into a list of ours; and each of a list.
pub(super) fn addresses(found: Found<'_>) -> Option<Found<'_>> {
    let place = found.replaced(Value::Null);
    let mut parties = Vec::new();
    for one in found.one_or_many() {
        if one.is_object() {
            parties.push(one);
            continue;
        }
        let local_parts = one.local_parts();
        let read = one.parse("addresses in a string", |line| {
            address_list::parse(line, local_parts)
        })?;
        let person = |party: Party| {
            let name = party.name.map(|name| name.as_str().to_owned());
            let member = |text: String| Some(one.replaced(text.into()));
            one.as_ours([
                ("name", name.and_then(member)),
                ("email", member(party.email.to_string())),
            ])
        };
        parties.extend(read.into_iter().map(person));
    }
    Some(place.as_list(parties))
}

/// Turns one address in a string into one of ours.
pub(super) fn address(found: Found<'_>) -> Option<Found<'_>> {
    if found.is_object() {
        return Some(found);
    }
    let place = found.replaced(Value::Null);
    let mut one = addresses(found)?.one_or_many();
    match one.len() {
        1 => one.pop(),
        _ => place.refuse("has more than one address; accepted is one"),
    }
}

/// Turns one address in a string into one without its name.
pub(super) fn bare_address(found: Found<'_>) -> Option<Found<'_>> {
    let local_parts = found.local_parts();
    let parties = found.parse("an address in a string", |line| {
        address_list::parse(line, local_parts)
    })?;
    match &parties[..] {
        [one] => Some(found.replaced(one.email.as_str().into())),
        _ => found.refuse("has more than one address; accepted is one"),
    }
}

/// Takes a list of names and values apart, by what the vendor calls them.
pub(super) fn pairs<'f>(
    found: Found<'f>,
    names: &Names,
    [name, value]: [&str; 2],
) -> Option<Vec<(String, Found<'f>)>> {
    let mut pairs = Vec::new();
    for item in found.list("a list of names and values")? {
        let mut fields = item.fields("a name and a value", names)?;
        let name = fields
            .require(name)?
            .parse("a string", |text| Ok::<_, Problem>(text.to_owned()))?;
        pairs.push((name, fields.need(value)));
    }
    Some(pairs)
}

/// Gives headers to the fields that say the same, and leaves the rest as headers.
pub(super) fn headers<'f>(
    ours: &mut Fields<'f>,
    place: &Found<'f>,
    headers: Vec<(String, Found<'f>)>,
) -> Option<()> {
    let mut rest = Vec::new();
    let (mut ways, mut post) = (None, None);
    for (name, value) in headers {
        match &*name.to_ascii_lowercase() {
            "message-id" => ours.put("message_id", Some(value)),
            "in-reply-to" => ours.put("in_reply_to", Some(value)),
            "references" => ours.put("references", Some(value)),
            "list-unsubscribe" => ways = Some(value),
            "list-unsubscribe-post" => post = Some(value),
            _ => rest.push((name, value)),
        }
    }
    ours.put("headers", Some(place.as_object(rest)));
    if let Some(ways) = ways {
        ours.put("list_unsubscribe", Some(unsubscribe(&ways, post.as_ref())?));
    } else if let Some(post) = post {
        post.refuse::<()>("says how to use List-Unsubscribe, which is missing");
    }
    Some(())
}

/// Turns `<https://…>, <mailto:…>` into ours (RFC 2369, RFC 8058).
fn unsubscribe<'f>(ways: &Found<'f>, post: Option<&Found<'f>>) -> Option<Found<'f>> {
    let text = ways.parse("a string", |text| Ok::<_, Problem>(text.to_owned()))?;
    let (mut url, mut email) = (None, None);
    for way in text.split(',').map(str::trim) {
        let way = way.strip_prefix('<').and_then(|way| way.strip_suffix('>'));
        let kept = match way.map(|way| (way, way.strip_prefix("mailto:"))) {
            Some((_, Some(address))) => email.replace(address),
            Some((way, None)) => url.replace(way),
            None => return ways.refuse("is not a list like <https://…>, <mailto:…>"),
        };
        if kept.is_some() {
            return ways.refuse("has two ways of one kind; accepted are one https and one mailto");
        }
    }
    let found = |text: &str| ways.replaced(text.into());
    let one_click = post.map(|post| post.replaced(json!(true)));
    if let Some(post) = post
        && post.as_str() != Some("List-Unsubscribe=One-Click")
    {
        return post.refuse("is not List-Unsubscribe=One-Click, the only value there is");
    }
    Some(ways.as_ours([
        ("url", url.map(found)),
        ("email", email.map(found)),
        ("one_click", one_click),
    ]))
}

/// Gives bytes as Node writes a Buffer the form of a string in base64; a string is left as it is.
pub(super) fn buffer(found: Found<'_>) -> Option<Found<'_>> {
    if !found.is_object() {
        return Some(found);
    }
    let place = found.replaced(Value::Null);
    let mut fields = found.fields("base64 in a string, or a Buffer", &BUFFER)?;
    fields
        .require("type")?
        .parse("\"Buffer\"", |text| match text {
            "Buffer" => Ok(()),
            _ => Err(Problem::new("is not \"Buffer\"")),
        })?;
    let data = fields.require("data")?.list("a list of bytes")?;
    let mut bytes = Vec::with_capacity(data.len());
    for one in data {
        match one.as_number() {
            Some(number) if (0.0..256.0).contains(&number) && number.fract() == 0.0 => {
                bytes.push(number as u8);
            }
            _ => return one.refuse("is not a byte; accepted is a number from 0 to 255"),
        }
    }
    Some(place.replaced(STANDARD.encode(bytes).into()))
}

/// Refuses a field unless it asks for what is done anyway.
pub(super) fn only(found: Option<Found<'_>>, accepted: &[Value], why: &str) {
    if let Some(found) = found
        && !accepted.iter().any(|accepted| found.is(accepted))
    {
        found.refuse::<()>(why);
    }
}
