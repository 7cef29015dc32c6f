//! The reactions to a message: how many users reacted with which emoji.

use std::fmt::Write;

use super::emoji::Emoji;

/// One kind of reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ReactionCount {
    pub emoji: Emoji,
    /// At least one.
    pub count: u64,
    /// True if the reader of a page reacted with it. `None` where the same bytes go to several users.
    pub is_own: Option<bool>,
}

/// The reactions to a message, in the order in which their kinds first appeared. Most messages have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reactions(Vec<ReactionCount>);

impl Reactions {
    /// Reads what [`Reactions::stored`] wrote. Skips what it cannot read.
    pub fn from_trusted(text: &str) -> Self {
        let mut words = text.split(' ');
        let mut counts = Vec::new();
        while let (Some(emoji), Some(count)) = (words.next(), words.next()) {
            if let Ok(count @ 1..) = count.parse() {
                counts.push(ReactionCount { emoji: Emoji::from_trusted(emoji.to_owned()), count, is_own: None });
            }
        }
        Self(counts)
    }

    /// Returns the text that stores keep beside the message: each emoji and its count, separated by spaces. `None` if there are none.
    pub fn stored(&self) -> Option<String> {
        let mut text = String::new();
        for ReactionCount { emoji, count, .. } in &self.0 {
            let space = if text.is_empty() { "" } else { " " };
            // Writing to a string does not fail.
            let _ = write!(text, "{space}{emoji} {count}");
        }
        (!text.is_empty()).then_some(text)
    }

    /// Returns the kinds with their counts.
    pub fn counts(&self) -> &[ReactionCount] {
        &self.0
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if somebody reacted with this emoji.
    pub fn contains(&self, emoji: &Emoji) -> bool {
        self.0.iter().any(|kind| kind.emoji == *emoji)
    }

    /// Counts one user more.
    pub fn add(&mut self, emoji: &Emoji) {
        match self.0.iter_mut().find(|kind| kind.emoji == *emoji) {
            Some(kind) => kind.count += 1,
            None => self.0.push(ReactionCount { emoji: emoji.clone(), count: 1, is_own: None }),
        }
    }

    /// Removes a kind.
    pub fn clear(&mut self, emoji: &Emoji) {
        self.0.retain(|kind| kind.emoji != *emoji);
    }

    /// Counts one user less.
    pub fn remove(&mut self, emoji: &Emoji) {
        if let Some(kind) = self.0.iter_mut().find(|kind| kind.emoji == *emoji) {
            kind.count -= 1;
        }
        self.0.retain(|kind| kind.count > 0);
    }

    /// Notes of each kind if the reader of a page reacted with it.
    pub fn mark_own(&mut self, is_own: impl Fn(&Emoji) -> bool) {
        for kind in &mut self.0 {
            kind.is_own = Some(is_own(&kind.emoji));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reactions;
    use crate::domain::emoji::Emoji;

    #[test]
    fn reactions_round_trip_through_a_store() {
        let [thumb, heart, keycap] =
            ["\u{1F44D}", "\u{2764}", "*\u{20E3}"].map(|text| Emoji::parse(text).expect("an emoji"));
        let mut reactions = Reactions::default();
        assert_eq!(reactions.stored(), None);
        for emoji in [&thumb, &heart, &thumb, &keycap] {
            reactions.add(emoji);
        }
        let stored = reactions.stored().expect("there are some");
        assert_eq!(stored, "\u{1F44D} 2 \u{2764}\u{FE0F} 1 *\u{FE0F}\u{20E3} 1");
        assert_eq!(Reactions::from_trusted(&stored), reactions);
        reactions.remove(&heart);
        reactions.remove(&heart);
        reactions.remove(&thumb);
        assert_eq!(reactions.stored().as_deref(), Some("\u{1F44D} 1 *\u{FE0F}\u{20E3} 1"));
        assert!(reactions.contains(&thumb) && !reactions.contains(&heart));
        for damaged in ["", " ", "x", "x 0", "x -1", "x y z"] {
            assert_eq!(Reactions::from_trusted(damaged), Reactions::default(), "{damaged:?}");
        }
    }
}
