//! The messages of tonistiigi/fsutil. They are declared here because the generated ones take names
//! for UTF-8, and files have names of bytes.

use bytes::Bytes;

/// One message of the protocol.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Packet {
    #[prost(enumeration = "PacketType", tag = "1")]
    pub(crate) kind: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) stat: Option<Stat>,
    #[prost(uint32, tag = "3")]
    pub(crate) id: u32,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) data: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum PacketType {
    Stat = 0,
    Request = 1,
    Data = 2,
    Finish = 3,
    Error = 4,
}

/// An entry: owner and group are 0.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Stat {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) path: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub(crate) mode: u32,
    #[prost(int64, tag = "5")]
    pub(crate) size: i64,
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    pub(crate) mod_time: i64,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) link_name: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use crate::build::buildkit::packets::*;

    #[test]
    fn names_travel_as_bytes() {
        use prost::Message as _;
        let stat = Stat {
            path: b"caf\xe9".to_vec(),
            mode: 0o644,
            ..Stat::default()
        };
        let bytes = stat.encode_to_vec();
        assert_eq!(bytes, b"\x0a\x04caf\xe9\x10\xa4\x03");
        assert_eq!(Stat::decode(&*bytes).expect("a message"), stat);
    }
}
