//! INQUIRY: who the drive is (SPC-4).

/// Standard INQUIRY data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inquiry {
    /// Peripheral device type (SPC-4).
    pub device_type: u8,
    /// T10 vendor, trimmed.
    pub vendor: String,
    /// Product, trimmed.
    pub product: String,
    /// Firmware revision, trimmed.
    pub firmware: String,
}

impl Inquiry {
    /// Parses 36 bytes. Bytes that are no printable ASCII become `?`.
    pub fn parse(reply: &[u8]) -> Option<Self> {
        Some(Self {
            device_type: reply.first()? & 0x1f,
            vendor: text(reply.get(8..16)?),
            product: text(reply.get(16..32)?),
            firmware: text(reply.get(32..36)?),
        })
    }
}

/// The serial number of a unit serial number page (VPD 80h).
pub(super) fn serial(page: &[u8]) -> Option<String> {
    let length = usize::from(super::u16_at(page, 2)?);
    (*page.get(1)? == 0x80).then_some(())?;
    let serial = text(page.get(4..)?.get(..length)?);
    (!serial.is_empty()).then_some(serial)
}

fn text(field: &[u8]) -> String {
    let text: String = field
        .iter()
        .map(|b| {
            if (0x20..0x7f).contains(b) {
                char::from(*b)
            } else if *b == 0 {
                ' '
            } else {
                '?'
            }
        })
        .collect();
    text.trim().to_string()
}
