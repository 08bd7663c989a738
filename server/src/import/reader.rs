//! A CSV file, plain or gzipped, as a stream of lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use amend_domain::{ErrorCode, Problem};
use csv::ByteRecord;
use flate2::bufread::MultiGzDecoder;

/// Lines longer than this are no CSV of ours.
const LONGEST_FIELD_COUNT: usize = 1_000;

pub struct Lines {
    file: PathBuf,
    reader: csv::Reader<Box<dyn Read + Send>>,
    bytes: Arc<AtomicU64>,
    fields: usize,
    line: u64,
}

/// Opens a file; a gzipped one is known by its first bytes, whatever its name.
///
/// # Errors
/// A file that is not there or cannot be read.
pub fn open_lines(file: &Path) -> Result<Lines, Problem> {
    let broken = |error: &io::Error| {
        Problem::new(ErrorCode::InvalidOptions, format!("{} cannot be read: {error}.", file.display()))
    };
    let opened = File::open(file).map_err(|e| broken(&e))?;
    let bytes = Arc::new(AtomicU64::new(0));
    let mut counted = BufReader::with_capacity(1 << 16, Counted { inner: opened, bytes: Arc::clone(&bytes) });
    let gzipped = counted.fill_buf().map_err(|e| broken(&e))?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read + Send> = if gzipped { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
    let reader = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 16).from_reader(plain);
    Ok(Lines { file: file.to_path_buf(), reader, bytes, fields: 0, line: 0 })
}

impl Lines {
    /// The names in the first line, without a byte order mark.
    ///
    /// # Errors
    /// A file without a first line, or one that is broken.
    pub fn header(&mut self) -> Result<ByteRecord, Problem> {
        let header = match self.reader.byte_headers() {
            Ok(header) => header.clone(),
            Err(error) => return Err(self.broken(&error)),
        };
        if header.is_empty() || header.len() > LONGEST_FIELD_COUNT {
            return Err(Problem::new(
                ErrorCode::InvalidOptions,
                format!("{} does not begin with a line of column names.", self.file.display()),
            ));
        }
        self.fields = header.len();
        let mark = b"\xef\xbb\xbf".as_slice();
        Ok(header.iter().map(|name| name.strip_prefix(mark).unwrap_or(name)).collect())
    }

    /// The next line: `None` at the end, an inner error when it has not as many fields as the header.
    ///
    /// # Errors
    /// A file that ends in the middle of its compressed data, or cannot be read any further.
    pub fn next(&mut self, record: &mut ByteRecord) -> Result<Option<Result<(), &'static str>>, Problem> {
        match self.reader.read_byte_record(record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                self.line = record.position().map_or(0, csv::Position::line);
                let complete = record.len() == self.fields;
                Ok(Some(if complete { Ok(()) } else { Err("the number of fields is not that of the first line") }))
            }
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// The line number of the last record, from 1 for the header.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Bytes read from the file so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn broken(&self, error: &csv::Error) -> Problem {
        Problem::new(
            ErrorCode::InvalidOptions,
            format!("{} cannot be read after line {}: {error}.", self.file.display(), self.line.max(1)),
        )
        .advice("Nothing was imported. Is the file whole?")
    }
}

struct Counted {
    inner: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
