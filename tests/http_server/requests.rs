//! What is made of requests, whole or in pieces, right or wrong, one or many.

use crate::BACKENDS;
use crate::client::Client;
use crate::programs::until;
use crate::site::{Site, serve, status};

#[test]
fn one_connection_serves_many_requests() {
    let site = Site::new();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        let mut client = Client::dial(server.address);
        for _ in 0..50 {
            let response = client.get("/hello.txt");
            assert_eq!((response.status, response.field("Connection")), (200, "keep-alive"));
        }
        let status = client.get("/status.json");
        assert_eq!((status.counter("accepts"), status.counter("requests")), (1, 51));
        let heads = ["/hello.txt"].repeat(50).into_iter().chain(["/status.json"]);
        let asked: usize = heads.map(|target| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").len()).sum();
        assert_eq!(status.counter("received"), asked as u64);
    }
}

#[test]
fn answers_to_pipelined_requests_come_in_order_however_those_come() {
    let site = Site::new();
    let big = site.with_big_file("big", 100_000);
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        for piece in [usize::MAX, 1, 7, 100] {
            let mut client = Client::dial(server.address);
            let targets = ["/hello.txt", "/big", "/nothing", "/empty.txt", "/folder/"];
            let asked: Vec<&str> = targets.iter().cycle().take(60).copied().collect();
            let requests: String =
                asked.iter().map(|target| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
            for piece in requests.as_bytes().chunks(piece.min(requests.len())) {
                client.send(piece);
            }
            for target in asked {
                let response = client.response();
                let (status, content) = match target {
                    "/hello.txt" => (200, &b"hello, world\n"[..]),
                    "/big" => (200, &big[..]),
                    "/empty.txt" => (200, &b""[..]),
                    "/folder/" => (200, &b"<h1>a folder</h1>"[..]),
                    _ => (404, &response.content[..]),
                };
                assert_eq!(response.status, status, "{target}");
                assert!(response.content == content, "{target} in pieces of {piece}");
            }
        }
    }
}

#[test]
fn head_is_get_without_the_content() {
    let site = Site::new();
    let server = serve(&site.root(), &[]);
    let mut client = Client::dial(server.address);
    for (target, fields) in [
        ("/hello.txt", ""),
        ("/nothing", ""),
        ("/folder", ""),
        ("/status", ""),
        ("/hello.txt", "Range: bytes=0-4\r\n"),
        ("/hello.txt", "Range: bytes=99-\r\n"),
        ("/hello.txt", "Expect: tea\r\n"),
        (&format!("/{}", "x".repeat(5000)), ""),
    ] {
        let get = client.ask(target, fields);
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n"));
        let head = client.head();
        assert_eq!(head.status, get.status, "{target} {fields}");
        for name in ["Content-Length", "Content-Type", "Content-Range", "ETag", "Location"] {
            // Pages about what happens now differ a little each time.
            if name != "Content-Length" || target != "/status" {
                assert_eq!(head.field(name), get.field(name), "{name} of {target} {fields}");
            }
        }
    }
    assert_eq!(client.get("/hello.txt").text(), "hello, world\n", "nothing was left over");
}

#[test]
fn what_is_wrong_is_said_and_ends_the_connection_where_it_must() {
    let site = Site::new();
    let server = serve(&site.root(), &[]);
    let fields = |count| (0..count).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    let path = "x".repeat(4096);
    for (request, status, goes_on) in [
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", 405, true),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405, true),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200, true),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, true),
        ("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", 501, true),
        ("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417, true),
        (&format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n"), 414, true),
        (&format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", fields(63)), 200, true),
        ("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, true),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, false),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade , CLOSE\r\n\r\n", 200, false),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", 200, false),
        ("GET / HTTP/1.0\r\n\r\n", 200, false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, true),
        ("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n", 200, false),
        ("GET / HTTP/1.1\r\n\r\n", 400, false),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400, false),
        ("GET hello.txt HTTP/1.1\r\nHost: x\r\n\r\n", 400, true),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, false),
        ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400, false),
        ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, false),
        ("nonsense\r\n\r\n", 400, false),
        ("\r\n\r\n", 400, false),
        ("\0\u{1}\u{2}\r\n\r\n", 400, false),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, false),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, false),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, false),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n", 400, false),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\n", 400, false),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, false),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, false),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411, false),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, false),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", 413, false),
        (&format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", "9".repeat(50)), 413, false),
        (&format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", fields(64)), 431, false),
        (&format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(9000)), 431, false),
        (&format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(9000)), 414, false),
        (&"z".repeat(9000), 414, false),
    ] {
        let about = request.get(..80).unwrap_or(request).escape_debug();
        let mut client = Client::dial(server.address);
        client.send(request);
        let response = client.response();
        assert_eq!(response.status, status, "{about}");
        assert_eq!(response.field("Connection"), if goes_on { "keep-alive" } else { "close" }, "{about}");
        if status >= 400 {
            assert!(response.text().contains(&format!("<h1>{status} ")), "{about} is explained: {}", response.text());
        }
        if status == 405 {
            assert_eq!(response.field("Allow"), "GET, HEAD");
        }
        if goes_on {
            assert_eq!(client.get("/hello.txt").text(), "hello, world\n", "after {about}");
        } else {
            client.is_hung_up_on();
        }
    }
    until("everyone being gone", || status(&server).counter("channels") == 2);
}

#[test]
fn content_is_passed_over_and_what_follows_is_a_request() {
    let site = Site::new();
    let server = serve(&site.root(), &[]);
    // Less than the buffer, about as much, and more; with what looks like a request in it.
    for length in [1, 5000, 8191, 8192, 8193, 30_000, 65_536] {
        let mut client = Client::dial(server.address);
        let content = "GET /nothing HTTP/1.1\r\n\r\n".repeat(length / 25 + 1);
        for piece in [1 << 20, 1000] {
            let request =
                format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{}", &content[..length]);
            let next = format!("{request}GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n");
            next.as_bytes().chunks(piece).for_each(|piece| client.send(piece));
            assert_eq!(client.response().status, 405, "{length}");
            assert_eq!(client.response().text(), "hello, world\n", "{length}");
        }
    }
}

#[test]
fn who_expects_to_be_told_to_go_on_is_told_one_way_or_the_other() {
    let site = Site::new();
    let server = serve(&site.root(), &[]);
    let expecting = |method, length| {
        format!("{method} / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: {length}\r\n\r\n")
    };
    // Content that is no hindrance is asked for, and passed over.
    let mut client = Client::dial(server.address);
    client.send(expecting("GET", 5));
    assert_eq!(client.head().status, 100);
    assert_eq!(client.response().status, 200);
    client.send("12345");
    assert_eq!(client.get("/hello.txt").status, 200);
    // With no content there is nothing to wait for.
    client.send(expecting("GET", 0));
    assert_eq!(client.response().status, 200);
    client.send(expecting("POST", 0));
    assert_eq!(client.response().status, 405);
    assert_eq!(client.get("/hello.txt").status, 200);
    // What is refused is refused at once, and whether the content comes nobody knows: that is the end.
    for (method, length, status) in [("PUT", 5, 405), ("GET", 100_000, 413)] {
        let mut client = Client::dial(server.address);
        client.send(expecting(method, length));
        let response = client.response();
        assert_eq!((response.status, response.field("Connection")), (status, "close"));
        client.is_hung_up_on();
    }
}

#[test]
fn who_has_said_all_it_wants_still_gets_its_answers() {
    let site = Site::new();
    let big = site.with_big_file("big", 3 << 20);
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        for last in ["", "Connection: close\r\n"] {
            let mut client = Client::dial(server.address);
            let request = |target, fields| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
            let before = request("/hello.txt", "").repeat(40);
            client.send([before, request("/big", ""), request("/hello.txt", last)].concat());
            client.shut();
            (0..40).for_each(|_| assert_eq!(client.response().status, 200));
            assert!(client.response().content == big);
            assert_eq!(client.response().text(), "hello, world\n");
            client.is_hung_up_on();
        }
        // Half a request is none.
        let mut client = Client::dial(server.address);
        client.send("GET / HTTP/1.1\r\nHo");
        client.shut();
        client.is_hung_up_on();
        until("everyone being gone", || status(&server).counter("channels") == 2);
    }
}

#[test]
fn a_connection_ends_after_so_many_requests() {
    let site = Site::new();
    let server = serve(&site.root(), &["--max-requests", "3"]);
    let mut client = Client::dial(server.address);
    client.send("GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5));
    let connection: Vec<_> = (0..3).map(|_| client.response().field("Connection").to_owned()).collect();
    assert_eq!(connection, ["keep-alive", "keep-alive", "close"]);
    client.is_hung_up_on();
}

/// A refusal is sent while the client still sends, and a close then would take it back.
#[test]
fn the_answer_reaches_a_client_that_goes_on_sending() {
    let site = Site::new();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        let mut client = Client::dial(server.address);
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n";
        client.send([head.as_bytes(), &[b'x'; 4_000_000]].concat());
        client.shut();
        assert_eq!(client.response().status, 413);
        client.is_hung_up_on();
    }
}

#[test]
fn the_status_is_true() {
    let site = Site::new();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        let _silent: Vec<_> = (0..3).map(|_| Client::dial(server.address)).collect();
        let mut client = Client::dial(server.address);
        let request = "GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        let sent: usize = (0..10)
            .map(|_| {
                client.send(request);
                let head = client.head();
                client.read(13);
                // The head is taken apart already; all of its length but the fields' is known.
                let fields =
                    ["Server", "X-Content-Type-Options", "ETag", "Accept-Ranges", "Last-Modified", "Content-Type"];
                let all = fields.iter().chain(&["Connection", "Content-Length", "Date"]);
                all.map(|name| name.len() + head.field(name).len() + 4).sum::<usize>()
                    + "HTTP/1.1 200 OK\r\n\r\n".len()
                    + 13
            })
            .sum();
        let received = 10 * request.len() + "GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n".len();
        let status = client.get("/status.json");
        assert!(status.text().starts_with(&format!("{{\"backend\":\"{backend}\",\"uptime\":")), "{}", status.text());
        let told = ["channels", "accepts", "requests", "sent", "received", "opens", "closes", "refusals", "rests"]
            .map(|name| status.counter(name));
        assert_eq!(told, [5, 4, 11, sent as u64, received as u64, 5, 0, 0, 0]);
        let page = client.get("/status").text();
        assert!(page.contains("http-equiv=\"refresh\"") && page.contains(&format!("On {backend}, ")), "{page}");
        assert!(page.contains("<tr><th>accepts</th><td>4</td>"), "{page}");
    }
}

/// Requests with some of their bytes changed, cut, doubled or put elsewhere, drawn from a seed.
#[test]
fn no_nonsense_harms_it() {
    const WHOLE: &str = "GET /hello.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=1-3\r\nIf-None-Match: \"x\"\r\nExpect: \
        100-continue\r\nContent-Length: 4\r\n\r\nabcdHEAD http://x/folder/?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\
        POST /%2e%2e/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nab";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let site = Site::new();
    for backend in BACKENDS {
        let server = serve(&site.root(), &["--backend", backend]);
        for round in 0..300 {
            let mut bytes = WHOLE.as_bytes().to_vec();
            for _ in 0..=draw(4) {
                let (at, length) = (draw(bytes.len()), draw(12));
                let end = bytes.len().min(at + length);
                match draw(4) {
                    0 => bytes[at] = draw(256) as u8,
                    1 => drop(bytes.drain(at..end)),
                    2 => bytes.extend_from_within(at..end),
                    _ => bytes.rotate_left(at),
                }
            }
            let mut client = Client::dial(server.address);
            // It may have been hung up on before its last byte.
            client.try_send(&bytes);
            client.shut();
            let heard = client.rest();
            let about = || format!("{backend}, round {round}: {}", bytes.escape_ascii());
            assert!(heard.is_empty() || heard.starts_with(b"HTTP/1.1 "), "{}", about());
            assert!(!heard.starts_with(b"HTTP/1.1 500"), "{}", about());
        }
        until("everyone being gone", || status(&server).counter("channels") == 2);
        assert_eq!(status(&server).counter("errors"), 0, "{backend}");
    }
}
