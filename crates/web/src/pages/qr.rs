//! A QR code as the data of one SVG path, so that its template escapes it like any other value.

use qrcode::canvas::{Canvas, MaskPattern};
use qrcode::{Color, EcLevel, bits, ec};

/// The width of the light border around the code, in modules (ISO/IEC 18004, section 9.1).
const QUIET_ZONE: usize = 4;

/// A QR code, measured in modules.
pub(super) struct Qr {
    /// Its width and height, including the border.
    pub(super) size: usize,
    /// The SVG path of the dark modules.
    pub(super) path: String,
}

/// The QR code of `text` at level M; `None` if the text is too long for one.
///
/// Every reader can undo any mask, which the code names. The search for the best of the eight masks
/// (ISO/IEC 18004, section 7.8.3) would cost more than the rest of a login, each time that the page
/// is shown. The masked data is random anyway, so no mask would be much better.
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
