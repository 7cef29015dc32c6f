//! Finds the public key in an X.509 certificate without judging the rest.
//!
//! webpki takes version 3 alone, and some appliances and clusters make certificates of version 1. Where a certificate is not checked, only
//! its key counts: with it the server signs the handshake.

/// The tags of ASN.1 (X.690) that lead to the key.
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The version, which certificates of version 1 do not have.
const VERSION: u8 = 0xA0;
/// The elements between the version and the key: serial number, signature algorithm, issuer, validity, subject.
const ELEMENTS_BEFORE_KEY: usize = 5;

/// The public key of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PublicKey<'a> {
    /// `SubjectPublicKeyInfo` as a whole.
    pub(super) info: &'a [u8],
    /// The content of its `AlgorithmIdentifier`.
    pub(super) algorithm: &'a [u8],
    pub(super) bytes: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Returns the key of a certificate in DER, or `None` if it has another form.
    pub(super) fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut certificate = take(&mut &certificate[..], SEQUENCE)?;
        let mut signed = take(&mut certificate, SEQUENCE)?;
        if signed.first() == Some(&VERSION) {
            take(&mut signed, VERSION)?;
        }
        for _ in 0..ELEMENTS_BEFORE_KEY {
            let tag = *signed.first()?;
            take(&mut signed, tag)?;
        }
        let start = signed;
        let mut content = take(&mut signed, SEQUENCE)?;
        let info = &start[..start.len() - signed.len()];
        let algorithm = take(&mut content, SEQUENCE)?;
        // The first byte counts the unused bits of the last one.
        let bytes = take(&mut content, BIT_STRING)?.strip_prefix(&[0])?;
        content.is_empty().then_some(Self { info, algorithm, bytes })
    }
}

/// Takes an element with this tag from the front of `input`. Returns its content.
fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let [first, length, rest @ ..] = *input else { return None };
    let (length, rest) = match *length {
        short @ ..=0x7F => (usize::from(short), rest),
        // Up to two bytes of length: certificates are shorter than 64 KiB.
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), &rest[2..]),
        _ => return None,
    };
    if *first != tag || length > rest.len() {
        return None;
    }
    let (content, rest) = rest.split_at(length);
    *input = rest;
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::PublicKey;

    /// Encodes an element.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).expect("a short element");
        let header = match length {
            ..=0x7F => vec![tag, length.to_be_bytes()[1]],
            0x80..=0xFF => vec![tag, 0x81, length.to_be_bytes()[1]],
            _ => [&[tag, 0x82][..], &length.to_be_bytes()].concat(),
        };
        [&header, content].concat()
    }

    fn certificate(version: &[u8], key: &[u8]) -> Vec<u8> {
        let fields =
            [element(2, &[1]), element(0x30, b"a"), element(0x30, b"i"), element(0x30, b"v"), element(0x30, b"s")];
        let signed = element(0x30, &[version, &fields.concat(), key].concat());
        element(0x30, &[&signed[..], &element(0x30, b"a"), &element(3, b"\0signature")].concat())
    }

    #[test]
    fn the_key_of_a_certificate_of_any_version_is_found() {
        for length in [1, 127, 128, 300] {
            let key = vec![7; length];
            let info = element(0x30, &[element(0x30, b"algorithm"), element(3, &[&[0], &key[..]].concat())].concat());
            for version in [&[][..], &element(0xA0, &[2, 1, 2])] {
                let certificate = certificate(version, &info);
                let expected = PublicKey { info: &info, algorithm: b"algorithm", bytes: &key };
                assert_eq!(PublicKey::of(&certificate), Some(expected));
                for end in 0..certificate.len() {
                    assert_eq!(PublicKey::of(&certificate[..end]), None, "cut off");
                }
            }
        }
    }

    #[test]
    fn other_forms_have_no_key() {
        let odd_bits = element(0x30, &[element(0x30, b"a"), element(3, &[1, 2])].concat());
        let trailing = element(0x30, &[element(0x30, b"a"), element(3, &[0, 2]), element(2, &[1])].concat());
        for key in [&b""[..], &element(0x30, b""), &element(0x31, b""), &odd_bits, &trailing] {
            assert_eq!(PublicKey::of(&certificate(&[], key)), None, "{key:?}");
        }
        for bytes in [&b""[..], &[0x30], &[0x30, 0x80], &[0x30, 0x83, 0, 0, 0], &[0x30, 0x82, 0], &[0x30, 0x81]] {
            assert_eq!(PublicKey::of(bytes), None, "{bytes:?}");
        }
    }
}
