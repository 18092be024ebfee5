//! Exports: records made into each format, and the whole way from the log to a receiver on this host.

mod load;
mod receiver;

use super::case;
use crate::failure::Failure;
use crate::service::export_source::LogSource;
use holdshort_export::{
    Arguments, Batching, Cursor, Encoder, Event, Exporter, Filter, Format, From, Item, Meter, Rotation, Sink,
    SinkTarget, Source as _,
};
use holdshort_model::Level;
use holdshort_notify::Trust;
use holdshort_store::log::BenchCase;
use load::Load;
use receiver::Receiver;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Records for each operation that is asked for: an export is quick.
const RECORDS_EACH: u64 = 25;
/// Records of a batch and bytes of one, as the configuration has them.
const BATCH: (usize, usize) = (500, 1 << 20);
/// Longest line of CEF, in bytes.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Records a second while the delay of each is measured, and for how long.
const STEADY: (u64, u64) = (2_000, 5);
/// How often it is looked whether everything has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(1);
const FORMATS: [Format; 5] = [Format::Ocsf, Format::Otlp, Format::Cef, Format::Hec, Format::Json];

/// A format, what it goes to, and where a receiver of that kind listens.
#[derive(Clone, Copy)]
enum Way {
    File(Format),
    Syslog,
    Http(Format),
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::File(format) => format!("{} to a file", format.as_str()),
            Self::Syslog => "cef to syslog over TCP".into(),
            Self::Http(format) => format!("{} over HTTP, gzip", format.as_str()),
        }
    }

    const fn format(self) -> Format {
        match self {
            Self::File(format) | Self::Http(format) => format,
            Self::Syslog => Format::Cef,
        }
    }
}

/// Every format alone, and every way to a receiver: as fast as it goes, and the delay of each record at a steady load.
pub(crate) fn export(scratch: &Path, operations: u32) -> Result<Vec<BenchCase>, Failure> {
    let load = Load::new(scratch)?;
    let count = u64::from(operations) * RECORDS_EACH;
    load.write(count)?;
    let mut source = load.source()?;
    let mut cases = vec![reading(&mut source, count)?];
    for format in FORMATS {
        cases.push(encoding(&mut source, format, count)?);
    }
    let ways = [
        Way::File(Format::Ocsf),
        Way::File(Format::Json),
        Way::Syslog,
        Way::Http(Format::Otlp),
        Way::Http(Format::Hec),
        Way::Http(Format::Ocsf),
    ];
    for way in ways {
        cases.push(throughput(scratch, &load, way)?);
    }
    for way in ways {
        cases.push(delay(scratch, &load, way)?);
    }
    load.close()?;
    Ok(cases)
}

fn chunks(source: &mut LogSource, count: u64, mut each: impl FnMut(Vec<Event>)) -> Result<(), Failure> {
    let mut next = 0;
    while next < count {
        let chunk = source.read(next, BATCH.0, BATCH.1).map_err(Failure::internal)?;
        next = chunk.next;
        each(chunk.events);
    }
    Ok(())
}

/// Reading, opening and parsing alone: what every format pays first.
fn reading(source: &mut LogSource, count: u64) -> Result<BenchCase, Failure> {
    let (mut samples, began) = (Vec::new(), Instant::now());
    let mut last = began;
    chunks(source, count, |events| {
        push(&mut samples, last.elapsed(), events.len());
        last = Instant::now();
    })?;
    Ok(case("export: read from the log", samples, began.elapsed()))
}

/// The events made into lines or messages, without reading them.
fn encoding(source: &mut LogSource, format: Format, count: u64) -> Result<BenchCase, Failure> {
    let mut encoder = Encoder::new(format, Arguments::Digest, LINE_BYTES_MAX);
    let (mut samples, mut spent, mut bytes) = (Vec::new(), Duration::ZERO, 0_usize);
    chunks(source, count, |events| {
        let began = Instant::now();
        let items: Vec<Item> = events.iter().map(|event| encoder.push(event)).collect();
        let took = began.elapsed();
        push(&mut samples, took, events.len());
        spent += took;
        bytes += items.iter().map(Item::bytes).sum::<usize>();
    })?;
    let name = format!("export: {} encoded, {} bytes a record", format.as_str(), bytes as u64 / count.max(1));
    Ok(case(&name, samples, spent))
}

fn push(samples: &mut Vec<Duration>, took: Duration, count: usize) {
    let each = took.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(took);
    samples.extend(std::iter::repeat_n(each, count));
}

/// Everything that is in the log, as fast as it goes.
fn throughput(scratch: &Path, load: &Load, way: Way) -> Result<BenchCase, Failure> {
    let runtime = runtime()?;
    let count = load.written();
    let receiver = runtime.block_on(Receiver::new(scratch, way))?;
    let running = Running::start(scratch, load, way, &receiver, From::Start)?;
    let began = Instant::now();
    running.watch(count)?;
    let elapsed = began.elapsed();
    running.end()?;
    let each = elapsed.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(elapsed);
    let mut found = case(&format!("export: {}", way.name()), vec![each], elapsed);
    (found.n, found.rate) = (count, count as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE));
    Ok(found)
}

/// From the acknowledgement of a record to its arrival, at a steady load.
fn delay(scratch: &Path, load: &Load, way: Way) -> Result<BenchCase, Failure> {
    let runtime = runtime()?;
    let receiver = runtime.block_on(Receiver::new(scratch, way))?;
    let running = Running::start(scratch, load, way, &receiver, From::Now)?;
    let (rate, seconds) = STEADY;
    let began = Instant::now();
    let (acknowledged, arrived) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| load.steady(rate, rate * seconds));
        let arrived = running.watch(rate * seconds);
        (writing.join(), arrived)
    });
    let elapsed = began.elapsed();
    let acknowledged = acknowledged.map_err(|_| Failure::internal("the load failed"))??;
    running.end()?;
    // In the order of the log, both of them.
    let mut arrived = arrived?.into_iter().peekable();
    let samples = acknowledged.iter().zip(1..).filter_map(|(acknowledged, nth)| {
        while arrived.next_if(|(count, _)| *count < nth).is_some() {}
        arrived.peek().map(|(_, arrived)| arrived.saturating_duration_since(*acknowledged))
    });
    Ok(case(&format!("export: {}, delay at {rate}/s", way.name()), samples.collect(), elapsed))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| Failure::internal(format!("cannot start threads: {error}")))
}

/// An exporter on a thread of its own, as the service has it.
struct Running {
    meter: Arc<Meter>,
    ending: watch::Sender<bool>,
    thread: std::thread::JoinHandle<holdshort_export::State>,
}

impl Running {
    fn start(scratch: &Path, load: &Load, way: Way, receiver: &Receiver, from: From) -> Result<Self, Failure> {
        let target = match way {
            Way::File(_) => SinkTarget::File {
                path: receiver.place().into(),
                rotation: Rotation { bytes_max: u64::MAX, files_kept: 0 },
            },
            Way::Syslog => {
                SinkTarget::Syslog { place: receiver.place().to_owned(), trust: Trust::default(), insecure: false }
            }
            Way::Http(_) => SinkTarget::Http {
                url: receiver.place().to_owned(),
                token: Some("bench".into()),
                trust: Trust::default(),
                insecure: false,
                gzip: true,
            },
        };
        let sink = Sink::new(way.format(), target).map_err(Failure::internal)?;
        let (cursor, meter) = (Cursor::new(scratch, "bench"), Meter::new("bench"));
        // What is left of the case before.
        let _ = std::fs::remove_file(scratch.join("bench.cursor"));
        let exporter = Exporter {
            name: "bench".into(),
            source: load.source()?,
            encoder: Encoder::new(way.format(), Arguments::Digest, sink.line_bytes_max()),
            sink,
            filter: Filter { kinds: Vec::new(), level: Level::Low },
            batching: Batching {
                records_max: BATCH.0,
                bytes_max: BATCH.1,
                every: Duration::from_secs(1),
                pause_first: Duration::from_secs(1),
                pause_max: Duration::from_secs(300),
                late_after: Duration::from_secs(900),
            },
            from,
            cursor,
            meter: meter.clone(),
            listener: Arc::new(|_, _| ()),
        };
        let (ending, ended) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
        let thread = std::thread::spawn(move || runtime.block_on(exporter.run(ended)));
        Ok(Self { meter, ending, thread })
    }

    /// Waits until so many were taken. Gives how many were at which time, whenever that changed.
    fn watch(&self, count: u64) -> Result<Vec<(u64, Instant)>, Failure> {
        let mut seen: Vec<(u64, Instant)> = Vec::new();
        loop {
            let sent = self.meter.sent();
            if seen.last().is_none_or(|(last, _)| *last < sent) {
                seen.push((sent, Instant::now()));
            }
            if sent >= count {
                return Ok(seen);
            }
            if self.thread.is_finished() {
                return Err(Failure::internal("an export ended"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn end(self) -> Result<(), Failure> {
        // It may be gone already, which `join` says.
        let _ = self.ending.send(true);
        let state = self.thread.join().map_err(|_| Failure::internal("an export broke off"))?;
        match state.skipped + u64::from(state.failures) {
            0 => Ok(()),
            _ => Err(Failure::internal(format!("an export was not taken: {:?}", state.error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_figure() {
        let scratch = tempfile::tempdir().unwrap();
        let load = Load::new(scratch.path()).unwrap();
        load.write(600).unwrap();
        let mut source = load.source().unwrap();
        let mut count = 0;
        chunks(&mut source, 600, |events| count += events.len()).unwrap();
        assert_eq!(count, 600);
        let encoded = encoding(&mut source, Format::Cef, 600).unwrap();
        assert!(encoded.n == 600 && encoded.rate > 0.0, "{encoded:?}");
        for way in [Way::File(Format::Json), Way::Syslog, Way::Http(Format::Otlp)] {
            let found = throughput(scratch.path(), &load, way).unwrap();
            assert_eq!(found.n, 600);
        }
        let first = source.read(0, 1, 1).unwrap().events.remove(0);
        let key = first.key.expect("it is sealed, and was opened");
        assert!(!first.is_unreadable() && !source.erased(&key) && source.erased(&[0; 16]));
        let written = std::fs::read_to_string(scratch.path().join("events.json")).unwrap();
        assert_eq!(written.lines().count(), 600);
        load.close().unwrap();
    }
}
