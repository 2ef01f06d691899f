//! Medians and percentiles of small samples.

/// The value at `quantile` (0 to 1) of the sample, by nearest rank; zero of an empty one.
pub(crate) fn percentile<T: Copy + Ord + Default>(sample: &[T], quantile: f64) -> T {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a sample has far fewer than 2^52 values, and the quantile is not negative"
    )]
    let rank = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

pub(crate) fn median<T: Copy + Ord + Default>(sample: &[T]) -> T {
    percentile(sample, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank_is_taken() {
        assert_eq!(median(&[3, 1, 2]), 2);
        assert_eq!(median(&[4, 1, 2, 3]), 2);
        assert_eq!(percentile(&(1..=100).collect::<Vec<_>>(), 0.99), 99);
        assert_eq!(median::<u32>(&[]), 0);
    }
}
