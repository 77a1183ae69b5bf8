//! Encodings of answers: what the client accepts, and the bytes.

use std::io::Write;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use bytes::Bytes;

/// An encoding of an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// The token of `Content-Encoding`; none for identity.
    #[must_use]
    pub fn token(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// A small number for keys of the page store.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Identity => 0,
            Self::Gzip => 1,
            Self::Brotli => 2,
            Self::Zstd => 3,
        }
    }
}

/// The smallest encoding the client accepts (RFC 9110, 12.5.3): brotli, zstd, gzip.
#[must_use]
pub fn negotiate(headers: &HeaderMap) -> Encoding {
    let accepted = header_text(headers, &header::ACCEPT_ENCODING);
    if accepted.is_empty() {
        return Encoding::Identity;
    }
    [Encoding::Brotli, Encoding::Zstd, Encoding::Gzip]
        .into_iter()
        .find(|encoding| encoding.token().is_some_and(|token| accepts(accepted, token)))
        .unwrap_or(Encoding::Identity)
}

/// A header as text; empty when absent or not ASCII.
#[must_use]
pub fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether an Accept-Encoding header names this coding, or `*`, with a weight above nought.
#[must_use]
pub fn accepts(header: &str, coding: &str) -> bool {
    let weight_of = |wanted: &str| {
        header.split(',').find_map(|entry| {
            let mut parts = entry.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q="));
            name.eq_ignore_ascii_case(wanted)
                .then(|| weight.map_or(1.0, |weight| weight.trim().parse::<f32>().unwrap_or(0.0)))
        })
    };
    weight_of(coding).or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

/// Whether an If-None-Match header names this tag; weak comparison, as RFC 9110, 13.1.2 asks here.
#[must_use]
pub fn names_tag(header: &str, tag: &str) -> bool {
    !header.is_empty()
        && header.split(',').map(str::trim).any(|entry| entry == "*" || entry.trim_start_matches("W/") == tag)
}

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// The answer goes to one person and is thrown away: as quick as a write to the socket.
    Once,
    /// The answer is kept and sent to many (brotli 5: higher levels cost ten times more for 3 %).
    Kept,
}

/// Below this, compressing costs more than it saves: an answer fits in one packet.
const SMALLEST: usize = 1_000;

/// The body in `encoding`, or as it is when it is small; answers the encoding used.
#[must_use]
pub fn encode(body: Vec<u8>, encoding: Encoding, effort: Effort) -> (Bytes, Encoding) {
    if body.len() < SMALLEST {
        return (body.into(), Encoding::Identity);
    }
    let encoded = match encoding {
        Encoding::Identity => None,
        Encoding::Gzip => gzip(&body, if effort == Effort::Kept { 6 } else { 3 }).ok(),
        Encoding::Brotli => brotli(&body, if effort == Effort::Kept { 5 } else { 2 }).ok(),
        Encoding::Zstd => zstd::bulk::compress(&body, if effort == Effort::Kept { 9 } else { 2 }).ok(),
    };
    match encoded {
        Some(encoded) => (encoded.into(), encoding),
        None => (body.into(), Encoding::Identity),
    }
}

fn gzip(body: &[u8], level: u32) -> std::io::Result<Vec<u8>> {
    let mut encoder =
        flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 3), flate2::Compression::new(level));
    encoder.write_all(body)?;
    encoder.finish()
}

fn brotli(body: &[u8], quality: u32) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() / 3);
    {
        let mut writer = ::brotli::CompressorWriter::new(&mut out, 32 * 1024, quality, 20);
        writer.write_all(body)?;
        writer.flush()?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_stars_are_read() {
        assert!(accepts("gzip, br;q=0.5", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(accepts("*", "zstd") && !accepts("*;q=0", "gzip") && !accepts("", "gzip"));
    }

    #[test]
    fn every_encoding_gives_the_body_back() {
        let body = "a long page ".repeat(500).into_bytes();
        for encoding in [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd] {
            for effort in [Effort::Once, Effort::Kept] {
                let (encoded, used) = encode(body.clone(), encoding, effort);
                assert_eq!(used, encoding);
                assert!(encoded.len() < body.len() / 4);
                let mut back = Vec::new();
                match used {
                    Encoding::Gzip => {
                        std::io::copy(&mut flate2::read::GzDecoder::new(&encoded[..]), &mut back).unwrap()
                    }
                    Encoding::Brotli => {
                        std::io::copy(&mut ::brotli::Decompressor::new(&encoded[..], 4096), &mut back).unwrap()
                    }
                    Encoding::Zstd => std::io::copy(&mut zstd::Decoder::new(&encoded[..]).unwrap(), &mut back).unwrap(),
                    Encoding::Identity => unreachable!(),
                };
                assert_eq!(back, body);
            }
        }
        assert_eq!(encode(b"short".to_vec(), Encoding::Brotli, Effort::Kept).1, Encoding::Identity);
    }
}
