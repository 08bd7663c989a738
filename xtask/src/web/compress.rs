//! A brotli sibling for every file that is worth one, so that the server never compresses assets.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Context as _;
use brotli::enc::BrotliEncoderParams;

use super::stamp;
use crate::build::Mode;

/// What is text or code; pictures and fonts are compressed in themselves.
const EXTENSIONS: [&str; 11] = ["css", "html", "ico", "js", "json", "map", "svg", "txt", "wasm", "webmanifest", "xml"];

/// Writes `FILE.br` beside each such file in the folder.
pub fn folder(folder: &Path, mode: Mode) -> anyhow::Result<()> {
    let mut files: Vec<(u64, PathBuf)> = Vec::new();
    for file in stamp::files_below(folder)? {
        if file.extension().is_some_and(|own| EXTENSIONS.iter().any(|one| own == *one)) {
            files.push((std::fs::metadata(&file)?.len(), file));
        }
    }
    // Taken from the end: the largest goes first, the small ones fill the gaps.
    files.sort();
    let queue = Mutex::new(files);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(&queue, mode))).collect();
        handles.into_iter().try_for_each(|handle| handle.join().expect("no panic in a worker"))
    })
}

fn work(queue: &Mutex<Vec<(u64, PathBuf)>>, mode: Mode) -> anyhow::Result<()> {
    loop {
        let next = queue.lock().expect("no panic while held").pop();
        let Some((_, file)) = next else { return Ok(()) };
        let content = std::fs::read(&file)?;
        let packed = compressed(&content, mode).with_context(|| format!("cannot compress {}", file.display()))?;
        std::fs::write(sibling(&file), packed)?;
    }
}

/// Where the compressed form of a file lies.
pub fn sibling(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".br");
    PathBuf::from(name)
}

fn compressed(mut content: &[u8], mode: Mode) -> std::io::Result<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: if mode == Mode::Dev { 1 } else { 11 },
        lgwin: 22,
        size_hint: content.len(),
        ..BrotliEncoderParams::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut content, &mut packed, &parameters)?;
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::compressed;
    use crate::build::Mode;

    #[test]
    fn what_is_compressed_unpacks_to_the_same_bytes() {
        let text = "Amend finds wrong values. ".repeat(1000);
        let packed = compressed(text.as_bytes(), Mode::Release).expect("compress");
        assert!(packed.len() < text.len() / 20);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut packed.as_slice(), &mut unpacked).expect("unpack");
        assert_eq!(unpacked, text.as_bytes());
    }
}
