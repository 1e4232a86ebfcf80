//! Which part of a file is wanted, and whether it is needed at all.

use std::io::{Seek, SeekFrom};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::answer::{Answer, Content};
use crate::files::{Opened, Part};
use crate::request::{Request, digits};

/// The answer to a request for this file.
pub fn answer(request: &Request<'_>, mut opened: Opened) -> Answer {
    let etag = etag(&opened);
    let modified = opened.modified.and_then(http_date);
    let known = |answer: Answer| {
        let answer = answer.with("ETag", &etag).with("Accept-Ranges", "bytes");
        if let Some(date) = &modified { answer.with("Last-Modified", date) } else { answer }
    };
    if is_fresh(request, &etag, opened.modified) {
        return known(Answer::new(304, Content::Nothing));
    }
    let length = opened.length;
    let wanted = match request.range {
        Some(range) if request.if_range.is_none_or(|same| same == etag || Some(same) == modified.as_deref()) => {
            wanted(range, length)
        }
        _ => Wanted::Whole,
    };
    let (status, first, count) = match wanted {
        Wanted::Whole => (200, 0, length),
        Wanted::Part { first, last } => (206, first, last - first + 1),
        Wanted::Nothing => return Answer::error(416).with("Content-Range", &format!("bytes */{length}")),
    };
    if first > 0 && opened.file.seek(SeekFrom::Start(first)).is_err() {
        return Answer::error(500);
    }
    let answer = Answer::new(status, Content::File(Part::of(opened.file, count), count));
    let answer = known(answer).with("Content-Type", opened.media_type);
    if status != 206 {
        return answer;
    }
    answer.with("Content-Range", &format!("bytes {first}-{}/{length}", first + count - 1))
}

/// What changes whenever the file does, as far as its metadata show.
fn etag(opened: &Opened) -> String {
    let since = opened.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("\"{:x}-{:x}\"", since.as_nanos(), opened.length)
}

/// Whether the client has the file already.
fn is_fresh(request: &Request<'_>, etag: &str, modified: Option<SystemTime>) -> bool {
    if let Some(tags) = request.if_none_match {
        let mut tags = tags.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        return tags.any(|tag| tag == "*" || tag == etag);
    }
    let since = request.if_modified_since.and_then(|date| httpdate::parse_http_date(date).ok());
    // The header counts whole seconds.
    matches!((since, modified), (Some(since), Some(modified)) if modified < since + Duration::from_secs(1))
}

/// What a `Range` field wants.
enum Wanted {
    Whole,
    Part {
        first: u64,
        last: u64,
    },
    /// Nothing that there is.
    Nothing,
}

/// What a `Range` field wants of so many bytes. One that makes no sense wants the whole, and so does, here, one that wants
/// several parts: both are allowed.
fn wanted(field: &str, length: u64) -> Wanted {
    let Some((unit, range)) = field.split_once('=') else { return Wanted::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let end = length.saturating_sub(1);
    match (digits(first), digits(last)) {
        (None, Some(count)) if first.is_empty() => match count.min(length) {
            0 => Wanted::Nothing,
            count => Wanted::Part { first: length - count, last: end },
        },
        (Some(first), None) if last.is_empty() && first < length => Wanted::Part { first, last: end },
        (Some(_), None) if last.is_empty() => Wanted::Nothing,
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(first), Some(last)) if first < length => Wanted::Part { first, last: last.min(end) },
        (Some(_), Some(_)) => Wanted::Nothing,
        _ => Wanted::Whole,
    }
}

/// A time as HTTP writes it; `None` before 1970 and from the year 10000 on, which it cannot write.
pub fn http_date(time: SystemTime) -> Option<String> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    (since.as_secs() < 253_402_300_800).then(|| httpdate::fmt_http_date(time))
}
