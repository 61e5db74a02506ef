//! Where a device's serial number stands.

use std::fs;
use std::path::Path;

use super::sysfs::text;

/// The unit serial number of a SCSI device, as /sys keeps it.
pub(super) fn unit_serial(device: &Path) -> Option<String> {
    parse(&fs::read(device.join("vpd_pg80")).ok()?)
}

/// The serial number of the USB device that this device is part of.
pub(super) fn usb_serial(device: &Path) -> Option<String> {
    let usb = device.ancestors().find(|folder| folder.join("idVendor").exists())?;
    text(&usb.join("serial"))
}

/// Vital product data page 80h (SPC-4, 7.8.17): four bytes of header, then text.
fn parse(page: &[u8]) -> Option<String> {
    let [_, 0x80, high, low, rest @ ..] = page else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let serial = String::from_utf8_lossy(&rest[..length]);
    let serial = serial.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!serial.is_empty()).then(|| serial.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_page_that_is_cut_short_or_empty_is_survived() {
        assert_eq!(parse(b"\x05\x80\x00\x40AB"), Some("AB".to_owned()));
        assert_eq!(parse(b"\x05\x80\x00\x04    "), None);
        assert_eq!(parse(b"\x05\x80"), None);
    }
}
