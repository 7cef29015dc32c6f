//! Cursors come back as they went, and made-up ones are refused or at least name a place.

use proptest::prelude::*;
use uuid::Uuid;

use super::{activity, after_activity, after_key, key};
use crate::domain::{ConversationId, Timestamp};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_key_comes_back_as_it_went(text in "[^\\x00]*") {
        prop_assert_eq!(key(Some(&after_key(&text))), Ok(Some(text)));
    }

    #[test]
    fn a_place_comes_back_as_it_went(at in 0..i64::MAX, number: u128) {
        let place = (Timestamp(at), ConversationId(Uuid::from_u128(number)));
        prop_assert_eq!(activity(Some(&after_activity(place))), Ok(Some(place)));
    }

    #[test]
    fn what_is_made_up_is_refused_or_a_place(
        made_up in prop_oneof![
            ".*",
            "[A-Za-z0-9_-]{0,80}",
            (any::<i64>(), any::<u128>()).prop_map(|(at, id)| after_key(&format!("{at}.{}", Uuid::from_u128(id)))),
        ]
    ) {
        if let Ok(Some(place)) = activity(Some(&made_up)) {
            prop_assert!(place.0.0 >= 0);
            prop_assert_eq!(activity(Some(&after_activity(place))), Ok(Some(place)));
        }
        if let Ok(Some(text)) = key(Some(&made_up)) {
            prop_assert!(!text.contains('\0'));
        }
    }
}
