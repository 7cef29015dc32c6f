//! The folder `static/`: the files of the page with what is known of each, and the hash that names this release of them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Arc, OnceLock};
#[cfg(debug_assertions)]
use std::sync::{Mutex, PoisonError};

use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{Context, SHA256};
use rust_embed::Embed;

use super::accept_encoding::Coding;
use crate::limits::{BROTLI_QUALITY, GZIP_LEVEL, RELEASE_BYTES};

/// The path under which the page names its files. The server adds the release to it.
const PREFIX: &str = "\"/static/";
/// The file in which the release stands.
const PAGE: &str = "index.html";
/// Files that have one address in all releases, and are thus never cached without a question.
const UNRELEASED: [&str; 3] = [PAGE, "boot.js", "service-worker.js"];

/// Embedded in release builds, and read from the folder in debug builds, so that a change of the page needs no build.
#[derive(Embed)]
#[folder = "static/"]
struct Files;

/// The names of the files, and the times of their last changes.
#[cfg(debug_assertions)]
type Stamps = Vec<(String, Option<std::time::SystemTime>)>;

/// The files as a debug build has read them last.
#[cfg(debug_assertions)]
static READ: Mutex<Option<(Stamps, Arc<Folder>)>> = Mutex::new(None);

/// All files of one release.
pub(super) struct Folder {
    /// The first bytes of a hash of all names and contents, in hexadecimal digits.
    release: String,
    files: HashMap<String, File>,
}

/// A file that browsers may have.
pub(super) struct File {
    pub(super) media_type: &'static str,
    /// The hash of the content.
    hash: String,
    /// True if a coding makes it smaller. Pictures are compressed already.
    pub(super) is_text: bool,
    content: Bytes,
    brotli: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
}

impl Folder {
    /// Returns the files of this build.
    #[cfg(not(debug_assertions))]
    pub(super) fn current() -> Arc<Self> {
        static EMBEDDED: OnceLock<Arc<Folder>> = OnceLock::new();
        Arc::clone(EMBEDDED.get_or_init(|| Arc::new(Self::read())))
    }

    /// Returns the files as they are now. They are read again when one of them has changed.
    #[cfg(debug_assertions)]
    pub(super) fn current() -> Arc<Self> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
        let changed_at = |name: &str| root.join(name).metadata().and_then(|metadata| metadata.modified()).ok();
        let stamps: Stamps = Files::iter().map(|name| (name.to_string(), changed_at(&name))).collect();
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((known, folder)) if *known == stamps => Arc::clone(folder),
            _ => Arc::clone(&read.insert((stamps, Arc::new(Self::read()))).1),
        }
    }

    /// Returns the files for a path that names a release.
    #[cfg(not(debug_assertions))]
    pub(super) fn for_release(_: &str) -> Arc<Self> {
        Self::current()
    }

    /// Returns the files for a path that names a release. Those of the release that was read last are not looked for again: the page has asked for
    /// itself a moment ago, and now asks for a hundred files.
    #[cfg(debug_assertions)]
    pub(super) fn for_release(release: &str) -> Arc<Self> {
        let known = READ.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, folder)| Arc::clone(folder));
        known.filter(|folder| folder.release == release).unwrap_or_else(Self::current)
    }

    fn read() -> Self {
        let mut names: Vec<_> = Files::iter().collect();
        names.sort_unstable();
        let (mut files, mut all) = (HashMap::new(), Context::new(&SHA256));
        for name in names {
            let (Some(media_type), Some(file)) = (media_type_of(&name), Files::get(&name)) else { continue };
            let hash = file.metadata.sha256_hash();
            all.update(name.as_bytes());
            all.update(&hash);
            files.insert(name.into_owned(), File::new(media_type, hex(&hash[..RELEASE_BYTES]), file.data.into_owned()));
        }
        let release = hex(&all.finish().as_ref()[..RELEASE_BYTES]);
        if let Some(page) = files.get_mut(PAGE) {
            let html = String::from_utf8_lossy(&page.content).replace(PREFIX, &format!("{PREFIX}{release}/"));
            *page = File::new(page.media_type, release.clone(), html.into_bytes());
        }
        Self { release, files }
    }

    /// Returns a file by the name that it has in every release.
    pub(super) fn file(&self, name: &str) -> Option<&File> {
        self.files.get(name)
    }

    /// Returns a file of a release: `None` if it is another one than this.
    pub(super) fn file_of(&self, release: &str, name: &str) -> Option<&File> {
        let is_here = release == self.release && !UNRELEASED.contains(&name);
        is_here.then(|| self.file(name)).flatten()
    }
}

impl File {
    fn new(media_type: &'static str, hash: String, content: Vec<u8>) -> Self {
        let is_text = !media_type.starts_with("image/png");
        let (brotli, gzip) = (OnceLock::new(), OnceLock::new());
        Self { media_type, hash, is_text, content: content.into(), brotli, gzip }
    }

    /// Returns the tag of the content in a coding. Each coding has other bytes, and so another tag.
    pub(super) fn tag(&self, coding: Coding) -> String {
        match coding {
            Coding::Identity => format!("\"{}\"", self.hash),
            Coding::Brotli | Coding::Gzip => format!("\"{}-{}\"", self.hash, coding.name()),
        }
    }

    /// Returns the content in a coding. It is compressed once, at the first request: all files together take some 20 ms, which a start need
    /// not wait for.
    pub(super) fn content(&self, coding: Coding) -> io::Result<Bytes> {
        let compressed = match coding {
            Coding::Identity => return Ok(self.content.clone()),
            Coding::Brotli => &self.brotli,
            Coding::Gzip => &self.gzip,
        };
        if let Some(content) = compressed.get() {
            return Ok(content.clone());
        }
        let content = if coding == Coding::Brotli { brotli(&self.content) } else { gzip(&self.content) }?;
        // Of two requests at once the first result stays.
        Ok(compressed.get_or_init(|| content.into()).clone())
    }
}

/// Returns true if the first part of a path is the name of a release, and not of a folder.
pub(super) fn is_release(segment: &str) -> bool {
    segment.len() == 2 * RELEASE_BYTES && segment.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the media type of a file that browsers may have. Others in the folder are for developers.
fn media_type_of(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "webmanifest" => Some("application/manifest+json"),
        _ => None,
    }
}

fn brotli(mut content: &[u8]) -> io::Result<Vec<u8>> {
    let size_hint = content.len();
    let params = BrotliEncoderParams { quality: BROTLI_QUALITY, size_hint, ..BrotliEncoderParams::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut content, &mut compressed, &params)?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    encoder.write_all(content)?;
    encoder.finish()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
