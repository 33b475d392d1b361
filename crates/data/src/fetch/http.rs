//! One request for a file, or for the rest of it.

use std::io::{self, Read};

use cortado::Error;
use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::part::{Origin, Part};
use super::{Event, Options};
use crate::manifest::Source;

/// Why a request did not bring the file.
pub(super) enum Failure {
    /// Another try may help.
    Again(String),
    /// This mirror has nothing for us.
    Mirror(String),
    /// No mirror can help, for example a full disk.
    Fatal(Error),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Fatal(e)
    }
}

/// What does the requests.
pub(super) fn agent(options: &Options) -> Agent {
    let proxy = options.proxy.then(ureq::Proxy::try_from_env).flatten();
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(8)
        .proxy(proxy)
        .timeout_connect(Some(options.connect))
        .timeout_recv_response(Some(options.read))
        .timeout_per_read(Some(options.read))
        .timeout_per_write(Some(options.read))
        .user_agent(concat!("cortado/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// One request to `url`; `part` then holds all of the file, as far as the server knows.
pub(super) fn request(
    agent: &Agent,
    url: &str,
    (file, part): (&Source, &mut Part),
    tell: &mut dyn FnMut(Event),
) -> std::result::Result<(), Failure> {
    if file.size == Some(part.len()) && part.len() > 0 && may_continue(file, part, url) {
        return Ok(());
    }
    let from = if may_continue(file, part, url) {
        part.len()
    } else {
        0
    };
    let response = send(agent, url, part, from)?;
    let status = response.status().as_u16();
    match status {
        200 => {}
        206 if from > 0 => match content_range(&response) {
            Some((start, total)) if start == from && total.is_none_or(|t| fits(file, t)) => {}
            got => {
                let got = got.map_or("none".into(), |(s, t)| format!("{s} of {t:?}"));
                return Err(Failure::Mirror(format!(
                    "a range from byte {from} was asked for, got {got}"
                )));
            }
        },
        416 if from > 0 && whole_is(&response) == Some(from) => return Ok(()),
        416 if from > 0 => {
            part.restart(origin(&response, url))?;
            return Err(Failure::Again(
                "the rest that was asked for does not exist (416)".into(),
            ));
        }
        408 | 425 | 429 | 500..=599 => return Err(Failure::Again(format!("status {status}"))),
        _ => return Err(Failure::Mirror(format!("status {status}"))),
    }
    if status == 200 {
        part.restart(origin(&response, url))?;
    } else if changed(part.origin(), &origin(&response, url)) {
        part.restart(origin(&response, url))?;
        return Err(Failure::Again("the file has changed on the server".into()));
    } else {
        tell(Event::Resumed { at: from });
    }
    let promised = response
        .body()
        .content_length()
        .map(|n| n.saturating_add(part.len()));
    if let Some(promised) = promised.filter(|n| !fits(file, *n)) {
        return Err(Failure::Mirror(format!(
            "{}, got {promised} by its header",
            expected(file)
        )));
    }
    receive(response, promised, (file, part), tell)
}

fn send(
    agent: &Agent,
    url: &str,
    part: &Part,
    from: u64,
) -> std::result::Result<Response<Body>, Failure> {
    let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
    if from > 0 {
        request = request.header(header::RANGE, format!("bytes={from}-"));
        let origin = part.origin().filter(|o| o.url == url);
        if let Some(validator) = origin.and_then(|o| o.validator.as_ref()) {
            request = request.header(header::IF_RANGE, validator);
        }
    }
    // A mirror with TLS does not lead to one without.
    let https = url.starts_with("https://");
    request
        .config()
        .https_only(https)
        .build()
        .call()
        .map_err(failure)
}

fn receive(
    response: Response<Body>,
    promised: Option<u64>,
    (file, part): (&Source, &mut Part),
    tell: &mut dyn FnMut(Event),
) -> std::result::Result<(), Failure> {
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Failure::Again(format!("after {} bytes: {e}", part.len()))),
        };
        if part.len() + n as u64 > file.limit() {
            return Err(Failure::Mirror(format!("{}, got more", expected(file))));
        }
        part.append(buffer.get(..n).unwrap_or_default())?;
        tell(Event::Bytes { so_far: part.len() });
    }
    let short = promised.or(file.size).filter(|n| part.len() < *n);
    short.map_or(Ok(()), |n| {
        Err(Failure::Again(format!(
            "ended after {} of {n} bytes",
            part.len()
        )))
    })
}

/// Whether what is there may be the beginning of what `url` has: the checksum finds out, or the server can.
fn may_continue(file: &Source, part: &Part, url: &str) -> bool {
    let asks = |o: &Origin| o.url == url && o.validator.is_some();
    part.len() <= file.limit()
        && (file.checksum != crate::hash::Checksum::Unknown || part.origin().is_some_and(asks))
}

fn fits(file: &Source, length: u64) -> bool {
    file.size
        .map_or(length <= file.limit(), |size| length == size)
}

fn expected(file: &Source) -> String {
    let bound = if file.size.is_some() { "" } else { "at most " };
    format!("expected {bound}{} bytes", file.limit())
}

fn text<'a>(response: &'a Response<Body>, name: &header::HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok().map(str::trim)
}

fn origin(response: &Response<Body>, url: &str) -> Origin {
    // A weak tag promises the same meaning, not the same bytes.
    let tag = text(response, &header::ETAG).filter(|tag| tag.starts_with('"'));
    let validator = tag.or_else(|| text(response, &header::LAST_MODIFIED));
    Origin {
        url: url.into(),
        validator: validator.map(String::from),
    }
}

/// Whether the rest that a server sends, whatever it was asked, belongs to another file than the part.
fn changed(before: Option<&Origin>, now: &Origin) -> bool {
    before.is_some_and(|before| {
        before.url == now.url
            && before.validator.is_some()
            && now.validator.is_some()
            && before.validator != now.validator
    })
}

/// First byte and whole length of `Content-Range: bytes 5-9/10`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let range = text(response, &header::CONTENT_RANGE)?.strip_prefix("bytes ")?;
    let (range, total) = range.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    match total.trim() {
        "*" => Some((start, None)),
        total => Some((start, Some(total.parse().ok()?))),
    }
}

/// Whole length of `Content-Range: bytes */10`.
fn whole_is(response: &Response<Body>) -> Option<u64> {
    let range = text(response, &header::CONTENT_RANGE)?;
    range.strip_prefix("bytes */")?.trim().parse().ok()
}

fn failure(e: ureq::Error) -> Failure {
    let why = e.to_string();
    match e {
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_) => Failure::Again(why),
        _ => Failure::Mirror(why),
    }
}

/// Copies `file` out of a folder.
pub(super) fn copy(
    from: &std::path::Path,
    (file, part): (&Source, &mut Part),
    tell: &mut dyn FnMut(Event),
) -> std::result::Result<(), Failure> {
    let refused = |e: io::Error| Failure::Mirror(e.to_string());
    let mut reader = std::fs::File::open(from).map_err(refused)?;
    let length = reader.metadata().map_err(refused)?.len();
    if !fits(file, length) {
        return Err(Failure::Mirror(format!("{}, got {length}", expected(file))));
    }
    part.restart(Origin::default())?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer).map_err(refused)? {
            0 => return Ok(()),
            n if part.len() + n as u64 > file.limit() => {
                return Err(Failure::Mirror(format!("{}, got more", expected(file))));
            }
            n => part.append(buffer.get(..n).unwrap_or_default())?,
        }
        tell(Event::Bytes { so_far: part.len() });
    }
}
