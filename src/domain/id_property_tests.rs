//! Ids round-trip, and no other text is parsed as an id.

use proptest::prelude::*;
use uuid::Uuid;

use super::MessageId;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn ids_round_trip(number: u128, upper: bool) {
        let id = MessageId(Uuid::from_u128(number));
        let text = if upper { id.to_string().to_uppercase() } else { id.to_string() };
        prop_assert_eq!(MessageId::parse(&text), Some(id));
    }

    #[test]
    fn a_parsed_text_is_the_text_of_its_id(text in prop_oneof![".*", "[0-9a-fA-F-]{30,40}", "[{]?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[}]?"]) {
        if let Some(id) = MessageId::parse(&text) {
            prop_assert_eq!(id.to_string(), text.to_lowercase());
        }
    }
}
