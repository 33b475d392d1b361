//! A small HTTP server on the loopback that misbehaves as it is told.
#![allow(dead_code)] // each test binary uses a part

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A request as it came: the path, and the headers in lower case.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// How many requests for this path came before.
    pub earlier: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// First byte that `Range: bytes=N-` asks for.
    pub fn start(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

type Handler = dyn Fn(&Request, &mut TcpStream) + Send + Sync;

/// Runs until it is dropped.
pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn new(handler: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stop) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let (seen_there, stop_there) = (Arc::clone(&seen), Arc::clone(&stop));
        let handler: Arc<Handler> = Arc::new(handler);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop_there.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, handler) = (Arc::clone(&seen_there), Arc::clone(&handler));
                // A thread for each connection: one that hangs does not hold up the others.
                std::thread::spawn(move || answer(stream.unwrap(), &seen, &*handler));
            }
        });
        Self {
            url: format!("http://{address}"),
            seen,
            stop,
            thread: Some(thread),
        }
    }

    /// What came so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(mut stream: TcpStream, seen: &Mutex<Vec<Request>>, handler: &Handler) {
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_string()))
        })
        .collect();
    let path = first.split(' ').nth(1).unwrap_or_default().to_string();
    let request = {
        let mut seen = seen.lock().unwrap();
        let earlier = seen.iter().filter(|r| r.path == path).count();
        let request = Request {
            path,
            headers,
            earlier,
        };
        seen.push(request.clone());
        request
    };
    handler(&request, &mut stream);
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// Sends a status line, headers and a body; whoever went away does not matter.
pub fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n");
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
}

/// A good answer: the whole, or the rest that was asked for, with a validator.
pub fn good(request: &Request, stream: &mut TcpStream, bytes: &[u8]) {
    serve(request, stream, bytes, bytes.len(), Duration::ZERO);
}

/// As [`good`], but the connection ends after `most` bytes of the body, and every 1,000 of them take `pause`.
pub fn serve(
    request: &Request,
    stream: &mut TcpStream,
    bytes: &[u8],
    most: usize,
    pause: Duration,
) {
    let (tag, total) = ("\"v1\"", bytes.len());
    let same = request.header("if-range").is_none_or(|v| v == tag);
    let start = request.start().filter(|_| same);
    if start.is_some_and(|s| s >= total) {
        let range = format!("Content-Range: bytes */{total}\r\n");
        return send(stream, "416 Range Not Satisfiable", &range, b"");
    }
    let body = &bytes[start.unwrap_or(0)..];
    let mut headers = format!("Content-Length: {}\r\nETag: {tag}\r\n", body.len());
    let status = match start {
        Some(s) => {
            headers += &format!("Content-Range: bytes {s}-{}/{total}\r\n", total - 1);
            "206 Partial Content"
        }
        None => "200 OK",
    };
    send(stream, status, &headers, b"");
    for chunk in body[..most.min(body.len())].chunks(1000) {
        if stream
            .write_all(chunk)
            .and_then(|()| stream.flush())
            .is_err()
        {
            return;
        }
        std::thread::sleep(pause);
    }
}
