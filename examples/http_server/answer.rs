//! What is said to a request.

use std::fmt::Write;
use std::time::SystemTime;

use stheno::{Produced, Producer, Result};

use crate::files::Part;
use crate::select::http_date;

/// A status, fields, and what follows them.
pub struct Answer {
    status: u16,
    fields: String,
    content: Content,
}

pub enum Content {
    /// None at all, as the status says.
    Nothing,
    Text(String),
    /// So many bytes of a file.
    File(Part, u64),
}

impl Answer {
    pub const fn new(status: u16, content: Content) -> Self {
        Self { status, fields: String::new(), content }
    }

    pub fn text(media_type: &str, text: String) -> Self {
        Self::new(200, Content::Text(text)).with("Content-Type", media_type).with("Cache-Control", "no-store")
    }

    /// An error, which says in words what it is.
    pub fn error(status: u16) -> Self {
        let (title, explanation) = meaning(status);
        let page = format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{status} {title}</title>\n\
             <h1>{status} {title}</h1>\n<p>{explanation}</p>\n</html>\n"
        );
        let answer = Self::new(status, Content::Text(page)).with("Content-Type", "text/html; charset=utf-8");
        match status {
            405 => answer.with("Allow", "GET, HEAD"),
            503 => answer.with("Retry-After", "1"),
            _ => answer,
        }
    }

    pub fn moved(to: &str) -> Self {
        let mut answer = Self::error(301);
        answer.field("Location", to);
        answer
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.field(name, value);
        self
    }

    fn field(&mut self, name: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.fields, "{name}: {value}\r\n");
    }

    /// The first bytes of the answer, no more than `room` where a file follows, and what is left of that.
    ///
    /// So a small file goes out with its head, in one piece, and is closed at once.
    pub fn begin(mut self, head_only: bool, keep_alive: bool, room: usize) -> Result<(Vec<u8>, Option<Part>)> {
        self.field("Connection", if keep_alive { "keep-alive" } else { "close" });
        match &self.content {
            Content::Nothing => {}
            Content::Text(text) => self.field("Content-Length", &text.len().to_string()),
            Content::File(_, length) => self.field("Content-Length", &length.to_string()),
        }
        if let Some(now) = http_date(SystemTime::now()) {
            self.field("Date", &now);
        }
        let head = format!(
            "HTTP/1.1 {} {}\r\nServer: Stheno\r\nX-Content-Type-Options: nosniff\r\n{}\r\n",
            self.status,
            meaning(self.status).0,
            self.fields
        );
        let mut bytes = head.into_bytes();
        match self.content {
            _ if head_only => Ok((bytes, None)),
            Content::Nothing => Ok((bytes, None)),
            Content::Text(text) => {
                bytes.extend_from_slice(text.as_bytes());
                Ok((bytes, None))
            }
            Content::File(mut part, length) => {
                let from = bytes.len();
                let first = room.saturating_sub(from).min(usize::try_from(length).unwrap_or(usize::MAX));
                bytes.resize(from + first, 0);
                let read = match part.more(&mut bytes[from..])? {
                    Produced::Data(n) => n,
                    Produced::NothingYet | Produced::Done => 0,
                };
                bytes.truncate(from + read);
                Ok((bytes, (!part.is_done()).then_some(part)))
            }
        }
    }
}

/// What a status is called, and what it means for whoever reads it.
const fn meaning(status: u16) -> (&'static str, &'static str) {
    match status {
        200 => ("OK", ""),
        206 => ("Partial Content", ""),
        301 => ("Moved Permanently", "This is a folder: its address ends with a slash."),
        304 => ("Not Modified", ""),
        400 => ("Bad Request", "That is no HTTP request, or it can be read in more than one way."),
        403 => ("Forbidden", "The server itself may not read this."),
        404 => ("Not Found", "There is nothing here."),
        405 => ("Method Not Allowed", "This can only be read: GET and HEAD."),
        408 => ("Request Timeout", "The request took too long to arrive."),
        411 => ("Length Required", "Content is taken only with its length said beforehand."),
        413 => ("Content Too Large", "The request carries more than 64 KiB."),
        414 => ("URI Too Long", "The address is longer than 4096 bytes."),
        416 => ("Range Not Satisfiable", "The file ends before the range begins."),
        417 => ("Expectation Failed", "Nothing but 100-continue can be expected here."),
        431 => {
            ("Request Header Fields Too Large", "The head of the request is longer than 8 KiB, or has over 64 fields.")
        }
        501 => ("Not Implemented", "The server knows neither such a method nor such a coding."),
        503 => ("Service Unavailable", "The server has no descriptor left for the file; try again."),
        505 => ("HTTP Version Not Supported", "The server speaks HTTP/1.1 and HTTP/1.0."),
        _ => ("Internal Server Error", "The file could not be opened."),
    }
}
