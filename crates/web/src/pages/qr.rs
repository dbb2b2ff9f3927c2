//! A QR code as the data of one SVG path, so that its template escapes it like any other value.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code (ISO/IEC 18004, section 9.1).
const QUIET_ZONE: usize = 4;

/// A QR code in units of one module.
pub(super) struct Qr {
    /// Width and height, quiet zone included.
    pub(super) size: usize,
    /// The dark modules.
    pub(super) path: String,
}

/// The QR code of `text` at level M; `None` if the text is too long for one.
pub(super) fn qr(text: &str) -> Option<Qr> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let modules = code.to_colors();
    let mut runs = Vec::new();
    for (y, row) in modules.chunks(code.width()).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(PartialEq::eq) {
            if run.first() == Some(&Color::Dark) {
                let (left, top, width) = (x + QUIET_ZONE, y + QUIET_ZONE, run.len());
                runs.push(format!("M{left} {top}h{width}v1h-{width}z"));
            }
            x += run.len();
        }
    }
    Some(Qr { size: code.width() + 2 * QUIET_ZONE, path: runs.concat() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dark_modules_are_drawn_inside_the_quiet_zone() {
        let qr = qr("A").unwrap();
        assert_eq!(qr.size, 21 + 8);
        assert!(qr.path.starts_with("M4 4h7v1h-7z"), "{}", qr.path);
    }

    #[test]
    fn a_text_that_is_too_long_gives_no_code() {
        assert!(qr(&"x".repeat(2400)).is_none());
    }
}
