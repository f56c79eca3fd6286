//! The grammar of a time: its units, its bounds and the parser.

use std::time::Duration;

/// The longest time that can be typed: ten years. A longer one is a typing error, or means
/// `infinity`.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The units, the longest first, each with its length in nanoseconds.
pub(super) const UNITS: [(&str, u128); 5] = [
    ("d", 24 * 60 * 60 * 1_000_000_000),
    ("h", 60 * 60 * 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("s", SECOND),
    ("ms", 1_000_000),
];

pub(super) const SECOND: u128 = 1_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Empty,
    NoNumber,
    NoUnit,
    UnknownUnit,
    Order,
    Fraction,
    TooFine,
    TooLong,
}

/// Parses every time but `infinity`.
pub(super) fn parse(typed: &str) -> Result<Duration, Fault> {
    if typed.is_empty() {
        return Err(Fault::Empty);
    }
    let mut units = UNITS.as_slice();
    let mut total = 0_u128;
    let mut rest = typed;
    while !rest.is_empty() {
        let (whole, after) = split_at_first(rest, |c| !c.is_ascii_digit());
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => {
                let (digits, after) = split_at_first(after, |c| !c.is_ascii_digit());
                (Some(digits), after)
            }
            None => (None, after),
        };
        if whole.is_empty() || fraction == Some("") {
            return Err(Fault::NoNumber);
        }
        let (unit, after_unit) = split_at_first(after, |c| c.is_ascii_digit());
        let length = match unit {
            "" if rest == typed => SECOND,
            "" => return Err(Fault::NoUnit),
            unit => take_unit(unit, &mut units)?,
        };
        if fraction.is_some() && !after_unit.is_empty() {
            return Err(Fault::Fraction);
        }
        total = whole
            .parse::<u128>()
            .ok()
            .and_then(|number| number.checked_mul(length))
            .and_then(|nanos| nanos.checked_add(total))
            .filter(|total| *total <= LONGEST.as_nanos())
            .ok_or(Fault::TooLong)?
            + fraction_of(fraction.unwrap_or_default(), length)?;
        rest = after_unit;
    }
    match u64::try_from(total).map(Duration::from_nanos) {
        Ok(time) if time <= LONGEST => Ok(time),
        Ok(_) | Err(_) => Err(Fault::TooLong),
    }
}

/// The part of `text` before the first character for which `ends` is true, and the rest.
fn split_at_first(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// Returns the length of `unit`, and leaves in `units` only those that may follow it.
fn take_unit(unit: &str, units: &mut &[(&str, u128)]) -> Result<u128, Fault> {
    let Some(place) = units.iter().position(|(name, _)| *name == unit) else {
        let known = UNITS.iter().any(|(name, _)| *name == unit);
        return Err(if known {
            Fault::Order
        } else {
            Fault::UnknownUnit
        });
    };
    let (_, length) = units[place];
    *units = &units[place + 1..];
    Ok(length)
}

/// The nanoseconds of `0.digits` of a unit, which must be a whole number of them.
fn fraction_of(digits: &str, length: u128) -> Result<u128, Fault> {
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    // A day is 2^16 * 5^11 * 27 nanoseconds: its 16th decimal is the last that can be whole.
    let scale = match u32::try_from(digits.len()) {
        Ok(count @ ..=16) => 10_u128.pow(count),
        Ok(_) | Err(_) => return Err(Fault::TooFine),
    };
    let product = digits.parse::<u128>().map_err(|_| Fault::TooFine)? * length;
    if product % scale == 0 {
        Ok(product / scale)
    } else {
        Err(Fault::TooFine)
    }
}
