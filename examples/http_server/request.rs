//! What a request asks for, or what is wrong with it.

use httparse::{Error as Malformed, Header};

/// The content of a request, which nobody here wants, is passed over up to this length.
pub const MAX_CONTENT: u64 = 64 * 1024;
/// The longest target.
const MAX_TARGET: usize = 4096;

/// A request whose head has been understood.
#[derive(Default)]
pub struct Request<'a> {
    /// The head of the answer is all that is wanted.
    pub head_only: bool,
    /// Without the query.
    pub path: &'a str,
    /// Whether the client wants the connection to go on.
    pub keep_alive: bool,
    /// How many bytes follow the head.
    pub content: u64,
    /// The client sends them only when it is told to.
    pub expects_continue: bool,
    pub range: Option<&'a str>,
    pub if_range: Option<&'a str>,
    pub if_none_match: Option<&'a str>,
    pub if_modified_since: Option<&'a str>,
}

/// A request that is refused.
pub struct Refused {
    /// The status to answer with.
    pub status: u16,
    /// How many bytes follow the head; `None` where nobody can know where the next request would begin.
    pub content: Option<u64>,
    pub keep_alive: bool,
    pub head_only: bool,
}

impl Refused {
    /// With this status, and an end to the connection.
    const fn for_good(status: u16) -> Self {
        Self { status, content: None, keep_alive: false, head_only: false }
    }
}

impl<'a> Request<'a> {
    /// Understands a head, the empty line at its end included.
    ///
    /// Names and values are slices of the head. What is ambiguous about where a request ends is refused, since what follows
    /// would then be whatever somebody else wants it to be.
    pub fn parse(head: &'a [u8]) -> Result<Self, Refused> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut fields);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Refused::for_good(400)),
            Err(Malformed::TooManyHeaders) => return Err(Refused::for_good(431)),
            Err(Malformed::Version) => return Err(Refused::for_good(505)),
            Err(_) => return Err(Refused::for_good(400)),
        }
        let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
        let is_http_1_1 = parsed.version == Some(1);
        let mut request = Self { head_only: method == "HEAD", keep_alive: is_http_1_1, ..Self::default() };
        let framing = request.read_fields(parsed.headers)?;
        if framing.hosts > 1 || (framing.hosts == 0 && is_http_1_1) {
            return Err(Refused::for_good(400));
        }
        request.content = framing.length(is_http_1_1).map_err(Refused::for_good)?;
        request.path = path_of(target).ok_or(request.refused(400))?;
        // What an older client says of it means nothing.
        request.expects_continue &= is_http_1_1;
        if request.content > MAX_CONTENT {
            return Err(Refused::for_good(413));
        }
        match method {
            "GET" | "HEAD" if target.len() > MAX_TARGET => Err(request.refused(414)),
            "GET" | "HEAD" if framing.expects_what_nobody_knows && is_http_1_1 => Err(request.refused(417)),
            "GET" | "HEAD" => Ok(request),
            "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "TRACE" | "CONNECT" => Err(request.refused(405)),
            _ => Err(request.refused(501)),
        }
    }

    /// With this status. Who waits to be told to send its content is not told so, and may send it or not.
    fn refused(&self, status: u16) -> Refused {
        let content = (!self.expects_continue || self.content == 0).then_some(self.content);
        Refused { status, content, keep_alive: self.keep_alive && content.is_some(), head_only: self.head_only }
    }

    fn read_fields(&mut self, fields: &[Header<'a>]) -> Result<Framing<'a>, Refused> {
        let mut framing = Framing::default();
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            let text = || std::str::from_utf8(field.value).map_err(|_| Refused::for_good(400));
            if is("Host") {
                framing.hosts += 1;
            } else if is("Content-Length") {
                framing.lengths_differ |= framing.length.is_some_and(|length| length != field.value);
                framing.length = Some(field.value);
            } else if is("Transfer-Encoding") {
                framing.coding = Some(text()?);
            } else if is("Connection") {
                for option in text()?.split(',').map(str::trim) {
                    framing.close |= option.eq_ignore_ascii_case("close");
                    self.keep_alive |= option.eq_ignore_ascii_case("keep-alive");
                }
            } else if is("Expect") {
                self.expects_continue |= text()?.eq_ignore_ascii_case("100-continue");
                framing.expects_what_nobody_knows |= !self.expects_continue;
            } else if is("Range") {
                self.range = Some(text()?);
            } else if is("If-Range") {
                self.if_range = Some(text()?);
            } else if is("If-None-Match") {
                self.if_none_match = Some(text()?);
            } else if is("If-Modified-Since") {
                self.if_modified_since = Some(text()?);
            }
        }
        self.keep_alive &= !framing.close;
        Ok(framing)
    }
}

/// What the fields say of where the request ends, and whom it is for.
#[derive(Default)]
struct Framing<'a> {
    hosts: usize,
    length: Option<&'a [u8]>,
    lengths_differ: bool,
    coding: Option<&'a str>,
    close: bool,
    expects_what_nobody_knows: bool,
}

impl Framing<'_> {
    /// How many bytes follow the head, or with which status to refuse it.
    fn length(&self, is_http_1_1: bool) -> Result<u64, u16> {
        match (self.coding, self.length) {
            (Some(_), Some(_)) => Err(400),
            (Some(_), None) if !is_http_1_1 => Err(400),
            // Chunks would have to be counted, for content that nobody wants.
            (Some(coding), None) => Err(if coding.eq_ignore_ascii_case("chunked") { 411 } else { 501 }),
            (None, Some(_)) if self.lengths_differ => Err(400),
            (None, Some(length)) => std::str::from_utf8(length).ok().and_then(digits).ok_or(400),
            (None, None) => Ok(0),
        }
    }
}

/// The path of a target, which may be a whole URL.
fn path_of(target: &str) -> Option<&str> {
    let path = match target.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => {
            let rest = &target[7..];
            &rest[rest.find(['/', '?']).unwrap_or(rest.len())..]
        }
        _ if target.starts_with('/') || target == "*" => target,
        _ => return None,
    };
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    Some(if path.is_empty() { "/" } else { path })
}

/// A number of digits and nothing else; one that is too large for its type is the largest.
pub fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}
