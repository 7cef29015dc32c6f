//! Numbers as people read them.

/// Returns a count with its noun, such as `2 runs`.
#[allow(clippy::cast_precision_loss)] // rounded for people
pub(super) fn counted(count: usize, singular: &str) -> String {
    format!("{} {singular}{}", grouped(count as f64, 0), if count == 1 { "" } else { "s" })
}

/// Formats a number with `decimals`, and with commas between the thousands.
pub(super) fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn commas_separate_thousands() {
        for (value, decimals, text) in
            [(0.0, 0, "0"), (999.0, 0, "999"), (1_234_567.0, 0, "1,234,567"), (1_000.456, 2, "1,000.46")]
        {
            assert_eq!(grouped(value, decimals), text);
        }
    }
}
