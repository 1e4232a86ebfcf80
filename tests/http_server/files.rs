//! Which files are served, which part of them, and which never.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::BACKENDS;
use crate::client::Client;
use crate::programs::{Program, path_of};
use crate::site::{SECRET, Site, serve};

#[test]
fn files_come_with_their_type_and_folders_with_their_index() {
    let site = Site::new();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        let mut client = Client::dial(server.address);
        for (target, media_type, content) in [
            ("/", "text/html; charset=utf-8", "<h1>the front page</h1>"),
            ("/?query=/../x", "text/html; charset=utf-8", "<h1>the front page</h1>"),
            ("/hello.txt", "text/plain; charset=utf-8", "hello, world\n"),
            ("//hello.txt", "text/plain; charset=utf-8", "hello, world\n"),
            ("http://x/hello.txt", "text/plain; charset=utf-8", "hello, world\n"),
            ("HTTP://x?query", "text/html; charset=utf-8", "<h1>the front page</h1>"),
            ("/empty.txt", "text/plain; charset=utf-8", ""),
            ("/with%20space.txt", "text/plain; charset=utf-8", "a space"),
            ("/bild-%C3%A4.svg", "image/svg+xml", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
            ("/folder/", "text/html; charset=utf-8", "<h1>a folder</h1>"),
            ("/folder/style.css", "text/css; charset=utf-8", "p { color: red }"),
            ("/folder//%73tyle.css", "text/css; charset=utf-8", "p { color: red }"),
        ] {
            let response = client.get(target);
            assert_eq!((response.status, response.text().as_str()), (200, content), "{target}");
            assert_eq!(response.field("Content-Type"), media_type, "{target}");
        }
    }
}

#[test]
fn a_folder_without_its_slash_is_elsewhere_and_always_here() {
    let site = Site::new();
    fs::create_dir(site.root().join("two words")).unwrap();
    let server = serve(&site.root(), &[]);
    let mut client = Client::dial(server.address);
    for (target, location) in [
        ("/folder", "/folder/"),
        ("//folder", "/folder/"),
        ("/folder/inner", "/folder/inner/"),
        ("/two%20words", "/two%20words/"),
    ] {
        let response = client.get(target);
        assert_eq!((response.status, response.field("Location")), (301, location), "{target}");
    }
    assert_eq!(client.get("/folder/inner/").status, 404, "it has no index");
}

#[test]
fn no_path_leads_out_of_the_root() {
    let site = Site::new();
    let server = serve(&site.root(), &[]);
    let mut client = Client::dial(server.address);
    let long = format!("/{}", "x".repeat(300));
    let deep = format!("/{}", "folder/../".repeat(100));
    for target in [
        "/../secret.txt",
        "/folder/../../secret.txt",
        "/folder/../hello.txt",
        "/%2e%2e/secret.txt",
        "/.%2e/secret.txt",
        "/..%2fsecret.txt",
        "/folder/..%2f..%2fsecret.txt",
        "/folder%2f..%2f..%2fsecret.txt",
        "/folder%2fstyle.css",
        "/..%00/secret.txt",
        "/hello.txt%00.html",
        "/%252e%252e/secret.txt",
        "/..\\secret.txt",
        "http://x/../secret.txt",
        "//../secret.txt",
        "/./hello.txt",
        "/.hidden",
        "/%2ehidden",
        "/out.txt",
        "/out/secret.txt",
        "/passwd",
        "/loop",
        "/pipe",
        "/hello.txt/",
        "/hello.txt/x",
        "/nothing",
        "/%ff%fe",
        "*",
        &long,
        &deep,
    ] {
        let response = client.get(target);
        assert_eq!(response.status, 404, "{target}");
        assert!(!response.text().contains(SECRET), "{target}");
    }
    assert_eq!(client.get("/hello.txt").status, 200, "the connection is as good as before");
}

#[test]
fn what_the_server_may_not_read_is_forbidden() {
    let site = Site::new();
    let file = site.root().join("hello.txt");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
    // To the superuser nothing is forbidden, so it is nobody who serves then, from where nobody may.
    let program = site.root().join("server");
    // Copied by another process: a test beside this one could start a program while the copy is open here, which keeps it
    // from being run.
    assert!(Command::new("cp").arg(path_of("http_server")).arg(&program).status().unwrap().success());
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    command.args(["--port", "0", "--root"]).arg(site.root());
    let server = Program::launch(command);
    assert_eq!(Client::dial(server.address).get("/hello.txt").status, 403);
    assert_eq!(Client::dial(server.address).get("/empty.txt").status, 200);
}

/// What a slice of the content would be, by another way than the server's.
fn expected(range: &str, content: &[u8]) -> (u16, Vec<u8>) {
    let (first, last) = range.split_once('-').unwrap();
    let places: Vec<usize> = match (first, last) {
        ("", count) => (0..content.len()).rev().take(count.parse().unwrap()).collect(),
        (first, "") => (first.parse().unwrap()..content.len()).collect(),
        (first, last) if first.parse::<usize>().unwrap() > last.parse().unwrap() => return (200, content.to_vec()),
        (first, last) => (first.parse().unwrap()..content.len().min(last.parse::<usize>().unwrap() + 1)).collect(),
    };
    match (places.iter().min(), places.iter().max()) {
        (Some(&first), Some(&last)) => (206, content[first..=last].to_vec()),
        _ => (416, Vec::new()),
    }
}

#[test]
fn every_range_of_a_small_file_is_right() {
    let site = Site::new();
    let server = serve(&site.root(), &["--max-requests", "100000"]);
    let mut client = Client::dial(server.address);
    for content in [&b""[..], b"x", b"12345"] {
        fs::write(site.root().join("ranges"), content).unwrap();
        let ends = (0..8).map(|at| at.to_string()).chain([String::new()]);
        let ranges = ends.clone().flat_map(|first| ends.clone().map(move |last| format!("{first}-{last}")));
        for range in ranges.filter(|range| range != "-") {
            let response = client.ask("/ranges", &format!("Range: bytes={range}\r\n"));
            let (status, part) = expected(&range, content);
            assert_eq!(response.status, status, "{range} of {} bytes", content.len());
            let all = content.len();
            match status {
                416 => assert_eq!(response.field("Content-Range"), format!("bytes */{all}"), "{range}"),
                _ => assert_eq!(response.content, part, "{range} of {all} bytes"),
            }
            if let (206, Some(rest)) = (status, response.field("Content-Range").strip_prefix("bytes ")) {
                let (span, length) = rest.split_once('/').unwrap();
                let (first, last) = span.split_once('-').unwrap();
                let [first, last, length] = [first, last, length].map(|number| number.parse::<usize>().unwrap());
                assert_eq!((&content[first..=last], length), (&part[..], all), "{range}");
            } else {
                assert_ne!(status, 206, "{range} without its place");
            }
        }
    }
}

#[test]
fn a_range_that_makes_no_sense_or_several_ranges_are_the_whole() {
    let site = Site::new();
    let server = serve(&site.root(), &[]);
    let mut client = Client::dial(server.address);
    for range in
        ["bytes=", "bytes=-", "bytes=x-y", "bytes=1", "bytes=+1-2", "bytes=1-2-3", "lines=1-2", "1-2", "bytes=0-1,3-4"]
    {
        let response = client.ask("/hello.txt", &format!("Range: {range}\r\n"));
        assert_eq!((response.status, response.text().as_str()), (200, "hello, world\n"), "{range}");
    }
    let huge = "9".repeat(40);
    let response = client.ask("/hello.txt", &format!("Range: bytes=7-{huge}\r\n"));
    assert_eq!((response.status, response.text().as_str()), (206, "world\n"));
    assert_eq!(client.ask("/hello.txt", &format!("Range: bytes={huge}-\r\n")).status, 416);
}

#[test]
fn what_the_client_has_already_is_not_sent_again() {
    let site = Site::new();
    let file = fs::File::options().write(true).open(site.root().join("hello.txt")).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_250);
    file.set_modified(then).unwrap();
    let server = serve(&site.root(), &[]);
    let mut client = Client::dial(server.address);
    let first = client.get("/hello.txt");
    let (etag, date) = (first.field("ETag").to_owned(), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(first.field("Last-Modified"), date);

    for (fields, status) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: \"other\", W/{etag}\r\n"), 304),
        ("If-None-Match: *\r\n".into(), 304),
        ("If-None-Match: \"other\"\r\n".into(), 200),
        (format!("If-Modified-Since: {date}\r\n"), 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT\r\n".into(), 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n".into(), 200),
        ("If-Modified-Since: yesterday\r\n".into(), 200),
        // The tag is the stronger word.
        (format!("If-None-Match: \"other\"\r\nIf-Modified-Since: {date}\r\n"), 200),
        (format!("If-Range: {etag}\r\nRange: bytes=0-4\r\n"), 206),
        (format!("If-Range: {date}\r\nRange: bytes=0-4\r\n"), 206),
        ("If-Range: \"other\"\r\nRange: bytes=0-4\r\n".into(), 200),
    ] {
        let response = client.ask("/hello.txt", &fields);
        assert_eq!(response.status, status, "{fields}");
        assert_eq!(response.field("ETag"), etag, "{fields}");
        if status == 304 {
            assert_eq!(response.field("Content-Length"), "", "{fields}");
        }
    }
    fs::write(site.root().join("hello.txt"), "changed").unwrap();
    let response = client.ask("/hello.txt", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((response.status, response.text().as_str()), (200, "changed"));
}

#[test]
fn dates_that_http_cannot_write_are_left_out() {
    let site = Site::new();
    let server = serve(&site.root(), &[]);
    let mut client = Client::dial(server.address);
    let file = fs::File::options().write(true).open(site.root().join("hello.txt")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH - Duration::from_secs(86400)).unwrap();
    let response = client.ask("/hello.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_eq!((response.status, response.field("Last-Modified")), (304, ""), "older than any date");
    // Not every file system can hold such a time.
    if file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(400_000_000_000)).is_ok() {
        assert_eq!(client.get("/hello.txt").status, 200);
    }
}
