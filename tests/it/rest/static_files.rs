//! The files of the page: their types, their releases, their codings, and what browsers may keep of them.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hyper::Method;

use crate::support::client::{Response, get, send_request};
use crate::support::server::Server;

async fn with(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response {
    send_request(address, Method::GET, path, headers, "").await
}

/// Returns the page as browsers get it, with the release that its paths name.
async fn page(address: SocketAddr) -> (String, String) {
    let page = with(address, "/", &[("accept", "text/html")]).await.expect(200);
    assert_eq!(page.header("cache-control"), Some("no-cache"), "a new release shows at once");
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let release = html.split("\"/static/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    (html, release)
}

fn scripts_in(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "js")).collect()
}

#[tokio::test]
async fn the_page_names_its_files_and_browsers_keep_them_for_ever() {
    let server = Server::start().await;
    let (html, release) = page(server.address).await;
    assert!(release.len() == 20 && release.bytes().all(|byte| byte.is_ascii_hexdigit()), "{release}");
    let paths: Vec<&str> = html.split("\"/static/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let named: Vec<&str> = paths.iter().map(|path| path.strip_prefix(&format!("{release}/")).unwrap()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    for script in ["client", "page"].iter().flat_map(|name| scripts_in(&folder.join(name))) {
        let name = script.strip_prefix(&folder).unwrap().to_str().unwrap();
        assert_eq!(named.contains(&name), name != "client/types.js", "the page names {name}");
    }
    for name in named.into_iter().chain(["client/types.js", "icon-192.png", "icon-512.png"]) {
        let expected = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "webmanifest" => "application/manifest+json",
            other => panic!("{other}"),
        };
        let kept = get(server.address, &format!("/static/{release}/{name}")).await.expect(200);
        let asked = get(server.address, &format!("/static/{name}")).await.expect(200);
        for file in [&kept, &asked] {
            assert_eq!((file.header("content-type"), file.body.is_empty()), (Some(expected), false), "{name}");
        }
        assert_eq!(kept.header("cache-control"), Some("public, max-age=31536000, immutable"), "{name}");
        assert_eq!(asked.header("cache-control"), Some("no-cache"), "a path without a release: {name}");
        assert_eq!((&kept.body, kept.header("etag")), (&asked.body, asked.header("etag")), "{name}");
    }
}

/// Returns the names of the modules that a script imports, by their paths in the folder.
fn imports(folder: &Path, name: &str) -> Vec<String> {
    let code = fs::read_to_string(folder.join(name)).unwrap();
    let paths = code.lines().filter_map(|line| line.split_once(" from \"")?.1.strip_suffix("\";"));
    let above = |path: &str| path.strip_prefix("../").map(str::to_owned);
    let beside = |path: &str| Some(format!("{}/{}", name.split_once('/')?.0, path.strip_prefix("./")?));
    paths.map(|path| above(path).or_else(|| beside(path)).unwrap_or_else(|| panic!("{name} imports {path}"))).collect()
}

#[tokio::test]
async fn what_the_login_needs_is_little_and_named_by_the_page() {
    let server = Server::start().await;
    let (html, release) = page(server.address).await;
    let (for_login, _) = html.split_once("<template id=\"chat-files\">").unwrap();
    let (head, _) = for_login.split_once("<link rel=\"manifest\"").unwrap();
    assert!(!head.contains("<script"), "the icons come first, and are no part of it");
    let needed: Vec<&str> =
        for_login[head.len()..].split("\"/static/").skip(2).map(|rest| rest.split('"').next().unwrap()).collect();
    let names: Vec<&str> = needed.iter().map(|path| path.strip_prefix(&format!("{release}/")).unwrap()).collect();
    assert!(names.contains(&"page/start.js"), "{names:?}");
    // A module that the page does not name would cost one more round trip.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    for name in names.iter().filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "js")) {
        for import in imports(&folder, name) {
            assert!(names.contains(&import.as_str()), "{name} imports {import}");
        }
    }
    let compressed = [("accept-encoding", "br"), ("accept", "text/html")];
    let mut bytes = with(server.address, "/", &compressed).await.expect(200).body.len();
    for path in ["/boot.js".to_owned()].into_iter().chain(needed.iter().map(|path| format!("/static/{path}"))) {
        bytes += with(server.address, &path, &compressed).await.expect(200).body.len();
    }
    // Two round trips of six connections, and half a second at 50 kB/s.
    assert!(names.len() <= 11 && bytes <= 25_000, "{} files, {bytes} bytes", names.len());
}

#[tokio::test]
async fn scripts_with_one_path_in_all_releases_are_never_kept_without_a_question() {
    let server = Server::start().await;
    let (_, release) = page(server.address).await;
    for name in ["boot.js", "service-worker.js"] {
        let script = get(server.address, &format!("/{name}")).await.expect(200);
        assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(script.header("cache-control"), Some("no-cache"), "{name}");
    }
    for name in ["boot.js", "service-worker.js", "index.html"] {
        let kept = get(server.address, &format!("/static/{release}/{name}")).await;
        assert_eq!(kept.problem(), (404, "not_found".to_owned()), "{name}");
    }
}

#[tokio::test]
async fn a_file_of_another_release_is_not_found_and_may_be_there_later() {
    let server = Server::start().await;
    let other = "0123456789abcdef0123";
    let missing = get(server.address, &format!("/static/{other}/page/app.js")).await;
    assert_eq!(missing.problem(), (404, "not_found".to_owned()));
    assert_eq!(missing.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_file_need_not_be_sent_twice() {
    let server = Server::start().await;
    let coded = [("accept-encoding", "br")];
    for (path, headers) in [("/", &[("accept", "text/html")][..]), ("/static/page/app.js", &[]), ("/boot.js", &coded)] {
        let file = with(server.address, path, headers).await.expect(200);
        let tag = file.header("etag").unwrap();
        for tags in [tag.to_owned(), format!("\"other\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            let headers = [headers, &[("if-none-match", tags.as_str())]].concat();
            let same = with(server.address, path, &headers).await.expect(304);
            assert_eq!((same.header("etag"), same.body.len()), (Some(tag), 0));
            for name in ["cache-control", "vary"] {
                assert_eq!(same.header(name), file.header(name), "{path}: {name}");
            }
        }
        with(server.address, path, &[headers, &[("if-none-match", "\"other\"")]].concat()).await.expect(200);
    }
}

#[tokio::test]
async fn a_file_has_the_coding_that_the_browser_prefers() {
    let server = Server::start().await;
    let path = "/static/client/outbox.js";
    let plain = get(server.address, path).await.expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let mut tags = vec![plain.header("etag").unwrap().to_owned()];
    for (accepted, coding) in [("gzip, deflate, br, zstd", "br"), ("gzip, deflate", "gzip"), ("br;q=0.5, gzip", "gzip")]
    {
        let file = with(server.address, path, &[("accept-encoding", accepted)]).await.expect(200);
        assert_eq!(file.header("content-encoding"), Some(coding), "{accepted}");
        let mut content = Vec::new();
        match coding {
            "br" => brotli::Decompressor::new(&file.body[..], 4096).read_to_end(&mut content),
            _ => flate2::read::GzDecoder::new(&file.body[..]).read_to_end(&mut content),
        }
        .unwrap();
        assert_eq!(content, plain.body, "{accepted}");
        assert!(file.body.len() < plain.body.len() / 2, "{accepted}: {} of {}", file.body.len(), plain.body.len());
        assert!(file.header("vary").unwrap().contains("Accept-Encoding"));
        tags.push(file.header("etag").unwrap().to_owned());
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "each coding has a tag: {tags:?}");
    // A browser that asks with the tag of one coding and takes another gets the other.
    let headers = [("accept-encoding", "gzip"), ("if-none-match", tags[1].as_str())];
    with(server.address, path, &headers).await.expect(200);
    for accepted in ["identity", "br;q=0, gzip;q=0", "deflate"] {
        let file = with(server.address, path, &[("accept-encoding", accepted)]).await.expect(200);
        assert_eq!((file.header("content-encoding"), &file.body), (None, &plain.body), "{accepted}");
        assert!(file.header("vary").unwrap().contains("Accept-Encoding"), "caches must not mix them up");
    }
    let picture = with(server.address, "/static/icon-512.png", &[("accept-encoding", "br")]).await.expect(200);
    assert_eq!(picture.header("content-encoding"), None, "it is compressed already");
}

#[tokio::test]
async fn a_range_is_not_served_so_the_whole_file_comes() {
    let server = Server::start().await;
    let whole = get(server.address, "/static/page/app.js").await.expect(200);
    let ranged = with(server.address, "/static/page/app.js", &[("range", "bytes=0-9")]).await.expect(200);
    assert_eq!((&ranged.body, ranged.header("content-range")), (&whole.body, None));
}

#[tokio::test]
async fn what_is_not_in_the_folder_is_not_found() {
    let server = Server::start().await;
    let (_, release) = page(server.address).await;
    let paths = [
        "nothing.js",
        "index.htm",
        "style.css",
        "client",
        "client/",
        "page/nothing.js",
        "nothing/app.js",
        "client/nothing.js",
        "client/package.json",
        "page/app.js/",
        "page/app.js/x",
        "%2e%2e%2fCargo.toml",
        "..%5CCargo.toml",
        "page/..%2F..%2FCargo.toml",
    ];
    for path in
        paths.into_iter().flat_map(|path| [path.to_owned(), format!("{release}/{path}")]).chain([release.clone()])
    {
        let answer = get(server.address, &format!("/static/{path}")).await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{path}");
    }
}
