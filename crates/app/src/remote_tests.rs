//! Servers that lie, drip, redirect and never end: each fetch is over in bounded time and memory, with the reason.

use super::*;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// Longest time of a fetch in these tests.
const PATIENCE: Duration = Duration::from_millis(400);

/// Answers one request after the other as it is told, and says what was asked.
struct Server {
    address: String,
    asked: Receiver<String>,
    _thread: JoinHandle<()>,
}

impl Server {
    fn new(answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/log", listener.local_addr().unwrap());
        let (tell, asked) = channel();
        let thread = std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
                if tell.send(head.join("\n")).is_err() {
                    return;
                }
                // Whoever asked may hang up: that is what is looked for.
                answer(&mut stream).ok();
            }
        });
        Self { address, asked, _thread: thread }
    }

    fn source(&self) -> HttpSource {
        HttpSource { patience: PATIENCE, ..HttpSource::new(self.address.parse().unwrap(), None).unwrap() }
    }
}

fn failed(found: Result<Vec<u8>, SourceError>) -> String {
    match found {
        Err(SourceError::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_fits_is_read_and_what_is_one_byte_longer_is_not() {
    let server = Server::new(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345"));
    let mut source = server.source();
    assert_eq!(source.fetch("checkpoint", 5), Ok(b"12345".to_vec()));
    assert!(server.asked.recv().unwrap().starts_with("GET /log/checkpoint HTTP/1.1"));
    assert!(failed(source.fetch("checkpoint", 4)).contains("cannot be read"));
}

#[test]
fn a_length_that_is_not_kept_costs_no_memory() {
    let server = Server::new(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551614\r\n\r\nlittle")
    });
    assert!(!failed(server.source().fetch("tile/0/000", 8_192)).is_empty());
    let cut = Server::new(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8192\r\n\r\nlittle"));
    assert!(!failed(cut.source().fetch("tile/0/000", 8_192)).is_empty());
}

#[test]
fn a_body_without_end_is_cut_at_the_limit() {
    let server = Server::new(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"400\r\n")?;
            stream.write_all(&[7; 0x400])?;
            stream.write_all(b"\r\n")?;
        }
    });
    assert!(failed(server.source().fetch("tile/0/000", 8_192)).contains("cannot be read"));
}

#[test]
fn headers_without_end_are_cut() {
    let server = Server::new(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"x-more: and more and more and more\r\n")?;
        }
    });
    assert!(!failed(server.source().fetch("checkpoint", 8_192)).is_empty());
}

/// Nothing is waited for longer than a fetch may take, whether nothing comes or a byte now and then.
#[test]
fn silence_and_a_slow_drip_end_in_time() {
    type Answer = fn(&mut TcpStream) -> std::io::Result<()>;
    let silent: Answer = |stream| std::io::Read::read(stream, &mut [0]).map(drop);
    let dripping: Answer = |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8192\r\n\r\n")?;
        let mut gone = [0];
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        // Reading times out as long as the other side is there.
        while !matches!(std::io::Read::read(stream, &mut gone), Ok(0)) {
            stream.write_all(b"1")?;
        }
        Ok(())
    };
    for answer in [silent, dripping] {
        let server = Server::new(answer);
        let began = Instant::now();
        assert!(failed(server.source().fetch("checkpoint", 8_192)).contains("did not come within"));
        assert!(began.elapsed() >= PATIENCE && began.elapsed() < FETCH_TIMEOUT, "{:?}", began.elapsed());
    }
}

#[test]
fn a_redirect_is_not_followed_and_takes_no_token_along() {
    let elsewhere = Server::new(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"));
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let to = elsewhere.address.clone();
        let server = Server::new(move |stream| {
            write!(stream, "HTTP/1.1 {status}\r\nlocation: {to}/checkpoint\r\ncontent-length: 0\r\n\r\n")
        });
        let mut source = HttpSource { token: Some("secret".into()), ..server.source() };
        assert!(failed(source.fetch("checkpoint", 8_192)).contains("answered with status 3"));
        assert!(server.asked.recv().unwrap().contains("Bearer secret"));
    }
    assert!(elsewhere.asked.try_recv().is_err(), "a redirect was followed");
}

#[test]
fn answers_that_are_no_http_are_named() {
    for answer in [&b""[..], b"SSH-2.0-other\r\n", b"HTTP/1.1 999999 what\r\n\r\n", &[0xff; 64]] {
        let server = Server::new(move |stream| stream.write_all(answer));
        assert!(failed(server.source().fetch("checkpoint", 8_192)).contains("cannot be fetched"));
    }
    let server = Server::new(|stream| stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
    assert_eq!(server.source().fetch("tile/0/000.p/3", 96), Err(SourceError::Missing));
}

/// A log that has another checkpoint each time it is asked is looked at as it was the first time.
#[test]
fn a_checkpoint_does_not_change_under_the_eyes_of_a_check() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::new(move |stream| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n{number}")
    });
    let mut steady = Steady::new(Box::new(server.source()));
    assert_eq!(steady.fetch("checkpoint", 10), Ok(b"0".to_vec()));
    assert_eq!(steady.fetch("checkpoint", 10), Ok(b"0".to_vec()));
    assert_eq!(steady.fetch("checkpoint.witnessed", 10), Ok(b"1".to_vec()));
    assert_eq!(steady.fetch("tile/0/000", 10), Ok(b"2".to_vec()));
    assert_eq!(steady.fetch("tile/0/000", 10), Ok(b"3".to_vec()), "tiles are checked against what was signed");
    assert_eq!(steady.fetch("checkpoint.witnessed", 10), Ok(b"1".to_vec()));
    assert!(matches!(steady.fetch("checkpoint", 0), Err(SourceError::Failed(_))), "the limit counts all the same");
}
