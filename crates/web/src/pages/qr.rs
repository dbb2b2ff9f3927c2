//! A QR code as the data of one SVG path, so that its template escapes it like any other value.

use qrcode::canvas::{Canvas, MaskPattern};
use qrcode::{Color, EcLevel, bits, ec};

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
///
/// Every reader undoes whichever mask the code names. The search for the best of eight (ISO/IEC
/// 18004, section 7.8.3) would cost more than the rest of a login, each time that a page is looked
/// at; what is masked here is random anyway, so none would be better by much.
pub(super) fn qr(text: &str) -> Option<Qr> {
    let bits = bits::encode_auto(text.as_bytes(), EcLevel::M).ok()?;
    let version = bits.version();
    let (data, correction) =
        ec::construct_codewords(&bits.into_bytes(), version, EcLevel::M).ok()?;
    let mut canvas = Canvas::new(version, EcLevel::M);
    canvas.draw_all_functional_patterns();
    canvas.draw_data(&data, &correction);
    canvas.apply_mask(MaskPattern::DiagonalLines);
    let width = usize::try_from(version.width()).ok()?;
    let modules = canvas.into_colors();
    let mut runs = Vec::new();
    for (y, row) in modules.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(PartialEq::eq) {
            if run.first() == Some(&Color::Dark) {
                let (left, top, width) = (x + QUIET_ZONE, y + QUIET_ZONE, run.len());
                runs.push(format!("M{left} {top}h{width}v1h-{width}z"));
            }
            x += run.len();
        }
    }
    Some(Qr { size: width + 2 * QUIET_ZONE, path: runs.concat() })
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
