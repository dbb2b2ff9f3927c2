//! QR codes.
