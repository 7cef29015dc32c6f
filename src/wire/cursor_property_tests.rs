//! Cursors round-trip, and forged ones are refused or have a valid position.

use proptest::prelude::*;
use uuid::Uuid;

use super::{activity, after_activity, after_key, key};
use crate::domain::{ConversationId, Timestamp};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn keys_round_trip(text in "[^\\x00]*") {
        prop_assert_eq!(key(Some(&after_key(&text))), Ok(Some(text)));
    }

    #[test]
    fn positions_round_trip(at in 0..i64::MAX, number: u128) {
        let position = (Timestamp(at), ConversationId(Uuid::from_u128(number)));
        prop_assert_eq!(activity(Some(&after_activity(position))), Ok(Some(position)));
    }

    #[test]
    fn a_forged_cursor_is_refused_or_has_a_valid_position(
        forged in prop_oneof![
            ".*",
            "[A-Za-z0-9_-]{0,80}",
            (any::<i64>(), any::<u128>()).prop_map(|(at, id)| after_key(&format!("{at}.{}", Uuid::from_u128(id)))),
        ]
    ) {
        if let Ok(Some(position)) = activity(Some(&forged)) {
            prop_assert!(position.0.0 >= 0);
            prop_assert_eq!(activity(Some(&after_activity(position))), Ok(Some(position)));
        }
        if let Ok(Some(text)) = key(Some(&forged)) {
            prop_assert!(!text.contains('\0'));
        }
    }
}
