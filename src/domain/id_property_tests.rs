//! Ids round-trip in every form, and no other text is parsed as an id.

use proptest::prelude::*;
use uuid::Uuid;

use super::MessageId;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn ids_round_trip(number: u128, upper: bool) {
        let id = MessageId(Uuid::from_u128(number));
        let forms = [id.to_string(), id.0.simple().to_string(), id.0.braced().to_string(), id.0.urn().to_string()];
        for form in forms {
            let text = if upper && !form.starts_with("urn") { form.to_uppercase() } else { form };
            prop_assert_eq!(MessageId::parse(&text), Some(id));
            prop_assert_eq!(serde_json::from_value::<MessageId>(text.into()).ok(), Some(id), "as in JSON");
        }
    }

    #[test]
    fn a_text_is_an_id_where_it_is_one_in_json(text in prop_oneof![".*", "[0-9a-fA-F-]{30,40}", "[{]?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[}]?"]) {
        let id = MessageId::parse(&text);
        prop_assert_eq!(serde_json::from_value::<MessageId>(text.clone().into()).ok(), id);
        if let Some(id) = id {
            let digits: String = text.to_lowercase().chars().filter(char::is_ascii_hexdigit).collect();
            prop_assert!(digits.ends_with(&id.0.simple().to_string()));
        }
    }
}
