//! The lines that could not be used, in a CSV file beside the imported one.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use amend_domain::{ErrorCode, Problem};
use csv::ByteRecord;

/// Made when the first line is rejected.
pub struct Rejects {
    path: PathBuf,
    header: ByteRecord,
    writer: Option<csv::Writer<File>>,
    count: i64,
}

impl Rejects {
    /// `FILE.rejects.csv`.
    pub fn beside(file: &Path, header: &ByteRecord) -> Self {
        let mut name: OsString = file.as_os_str().to_owned();
        name.push(".rejects.csv");
        Self { path: PathBuf::from(name), header: header.clone(), writer: None, count: 0 }
    }

    /// Writes line number, reason and the line's own fields, so that the file can be mended and
    /// imported again.
    ///
    /// # Errors
    /// A reject file that cannot be written: rejecting silently is no choice.
    pub fn add(&mut self, line: u64, reason: &str, record: &ByteRecord) -> Result<(), Problem> {
        let written = self.write(line, reason, record);
        written.map_err(|error| self.unwritable(&error))
    }

    fn write(&mut self, line: u64, reason: &str, record: &ByteRecord) -> Result<(), csv::Error> {
        if self.writer.is_none() {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_path(&self.path)?;
            writer.write_record([b"line".as_slice(), b"reason"].into_iter().chain(self.header.iter()))?;
            self.writer = Some(writer);
        }
        if let Some(writer) = &mut self.writer {
            let number = line.to_string();
            writer.write_record([number.as_bytes(), reason.as_bytes()].into_iter().chain(record.iter()))?;
        }
        self.count += 1;
        Ok(())
    }

    /// How many there were, and where they are.
    ///
    /// # Errors
    /// As [`Rejects::add`].
    pub fn finish(mut self) -> Result<(i64, Option<PathBuf>), Problem> {
        let Some(mut writer) = self.writer.take() else { return Ok((0, None)) };
        writer.flush().map_err(|error| self.unwritable(&error.into()))?;
        Ok((self.count, Some(self.path)))
    }

    fn unwritable(&self, error: &csv::Error) -> Problem {
        Problem::new(
            ErrorCode::InvalidOptions,
            format!("The reject file {} cannot be written: {error}.", self.path.display()),
        )
        .advice("Nothing was imported. Copy the file to a folder where you may write.")
    }
}
