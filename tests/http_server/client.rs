//! An HTTP client that does what it is told, right or wrong, and notes what comes back.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client(BufReader<TcpStream>);

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    fields: Vec<(String, String)>,
    pub content: Vec<u8>,
}

impl Response {
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// A number out of `/status.json`.
    #[track_caller]
    pub fn counter(&self, name: &str) -> u64 {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name} in {text}"));
        rest.split([',', '}', '.']).next().unwrap().parse().unwrap_or_else(|_| panic!("no number of {name} in {text}"))
    }
}

impl Client {
    #[track_caller]
    pub fn dial(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).expect("the server takes it");
    }

    /// Sends what it can, to a server that may have hung up.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// Says that it sends no more.
    pub fn shut(&self) {
        self.stream().shutdown(Shutdown::Write).unwrap();
    }

    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.ask(target, "")
    }

    /// Sends a GET with these fields, each ended by a line end, and hears the answer.
    #[track_caller]
    pub fn ask(&mut self, target: &str, fields: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n"));
        self.response()
    }

    /// The next response, to anything but HEAD.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        let mut response = self.head();
        if response.status != 304 {
            let length = response.field("Content-Length").parse().expect("every response says how long it is");
            response.content.resize(length, 0);
            self.0.read_exact(&mut response.content).expect("the content is as long as it was said to be");
        }
        response
    }

    /// The head of the next response.
    #[track_caller]
    pub fn head(&mut self) -> Response {
        let line = self.line();
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return Response { status, fields, content: Vec::new() };
            }
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
            fields.push((name.to_owned(), value.to_owned()));
        }
    }

    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line comes");
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("the connection ended amid a head: {line:?}")).to_owned()
    }

    /// Reads exactly so many bytes.
    #[track_caller]
    pub fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("so many bytes come");
        bytes
    }

    /// Whatever comes until the server hangs up.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            // What was on its way to the server when that hung up.
            Err(why) if why.kind() == ErrorKind::ConnectionReset => {}
            Err(why) => panic!("the server does not hang up: {why}"),
        }
        rest
    }

    #[track_caller]
    pub fn is_hung_up_on(&mut self) {
        assert_eq!(String::from_utf8_lossy(&self.rest()), "", "nothing more was to come");
    }
}
