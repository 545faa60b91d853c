//! Unpacks a layer: plain, gzip or zstd.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use super::error::read_error;
use crate::error::Result;

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// Detects the packing by the first bytes of a blob: archives do not always state it, and some
    /// state it wrongly.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Reads the unpacked content of `blob`.
pub(super) fn unpack<'a>(blob: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let mut blob = BufReader::with_capacity(64 << 10, blob);
    let packing = Packing::of(blob.fill_buf().map_err(|e| read_error(&e))?);
    Ok(match packing {
        Packing::Plain => Box::new(blob),
        Packing::Gzip => Box::new(MultiGzDecoder::new(blob)),
        Packing::Zstd => Box::new(Frames {
            source: blob,
            decoder: FrameDecoder::new(),
            within: false,
        }),
    })
}

/// A zstd file is a series of frames, some of them to be skipped (RFC 8878, 3.1).
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether a frame has begun and has not ended.
    within: bool,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.within {
                while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                    self.decoder
                        .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                        .map_err(io::Error::other)?;
                }
                if self.decoder.can_collect() > 0 {
                    return self.decoder.read(buffer);
                }
                self.within = false;
            }
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            match self.decoder.init(&mut self.source) {
                Ok(()) => self.within = true,
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let frame = &mut self.source.by_ref().take(u64::from(length));
                    io::copy(frame, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        unpack(packed)
            .expect("memory can be read")
            .read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn every_packing_gives_the_same() {
        let text = b"layer ".repeat(40_000);
        let zstd = compress_to_vec(&*text, CompressionLevel::Fastest);
        let skipped = [
            &[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..],
            &zstd,
            &zstd,
        ]
        .concat();
        assert!(read(&text).expect("plain") == text);
        assert!(read(&zstd).expect("zstd") == text);
        assert!(read(&skipped).expect("frames") == text.repeat(2));
    }

    #[test]
    fn a_cut_one_is_an_error() {
        let zstd = compress_to_vec(&b"layer ".repeat(40_000)[..], CompressionLevel::Fastest);
        assert!(read(&zstd[..zstd.len() - 9]).is_err());
    }
}
