//! Chance that falls the same way each time: everything random is a function of the seed and of what it is asked about.

/// 64 random bits for `number` (an LBA, a count of reads) of a `topic` under a seed: the mixer of SplitMix64.
pub(super) fn throw(seed: u64, topic: Topic, number: u64) -> u64 {
    let mut z = seed ^ (topic as u64).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What is thrown for, so that two questions about one sector have independent answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Topic {
    Content = 1,
    EccLoss,
    RetryTime,
    FlippedBit,
    RandomData,
    ShortWrite,
}

/// Fills `buffer` with random bytes; `stream` tells one filling from another.
pub(super) fn fill(buffer: &mut [u8], seed: u64, topic: Topic, stream: u64) {
    let own = throw(seed, topic, stream);
    for (i, piece) in (0u64..).zip(buffer.chunks_mut(8)) {
        piece.copy_from_slice(&throw(own, topic, i).to_le_bytes()[..piece.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer_and_another_one_has_another() {
        assert_eq!(throw(1, Topic::EccLoss, 5), throw(1, Topic::EccLoss, 5));
        assert_ne!(throw(1, Topic::EccLoss, 5), throw(2, Topic::EccLoss, 5));
        assert_ne!(throw(1, Topic::EccLoss, 5), throw(1, Topic::RetryTime, 5));
        let (mut a, mut b) = ([0; 21], [0; 21]);
        fill(&mut a, 1, Topic::Content, 0);
        fill(&mut b, 1, Topic::Content, 1);
        assert_ne!(a, b);
        assert!(a[16..].iter().any(|&byte| byte != 0));
    }
}
