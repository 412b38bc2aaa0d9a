//! What a device is asked and what it says, as bytes, written from the standards without a line of Polder's own.

/// What lies carry. No honest register ever holds it.
pub const POISON: u16 = 6666;

/// What an honest register holds. The epoch changes when a fault begins and when it ends.
pub const fn truth(epoch: u16, register: u16) -> u16 {
    epoch * 1000 + register
}

/// One answer, field by field, so that each can be spoilt by itself. What is `None` is worked out as it should be.
#[derive(Clone, Debug)]
pub struct Answer {
    pub serial: bool,
    pub transaction: u16,
    pub protocol: u16,
    pub length: Option<u16>,
    pub unit: u8,
    pub function: u8,
    /// The byte count; exceptions and confirmations have none.
    pub count: Option<u8>,
    pub payload: Vec<u8>,
    /// On a serial line: added to the check sum.
    pub crc: u16,
}

impl Answer {
    fn pdu(&self) -> Vec<u8> {
        [self.function].into_iter().chain(self.count).chain(self.payload.iter().copied()).collect()
    }

    pub fn bytes(&self) -> Vec<u8> {
        if self.serial { self.rtu() } else { self.tcp() }
    }

    pub fn tcp(&self) -> Vec<u8> {
        let pdu = self.pdu();
        let length = self.length.unwrap_or(1 + pdu.len() as u16);
        let mut bytes = [self.transaction, self.protocol, length].map(u16::to_be_bytes).concat();
        bytes.push(self.unit);
        bytes.extend(pdu);
        bytes
    }

    pub fn rtu(&self) -> Vec<u8> {
        let mut bytes = vec![self.unit];
        bytes.extend(self.pdu());
        let sum = crc(&bytes).wrapping_add(self.crc);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// So many poisoned registers, with a byte count that fits them.
    pub fn registers(&mut self, count: usize) {
        self.payload = POISON.to_be_bytes().repeat(count);
        self.count = Some(self.payload.len() as u8);
    }

    pub fn exception(&mut self, code: u8) {
        self.function |= 0x80;
        self.count = None;
        self.payload = vec![code];
    }
}

/// The check sum of the serial line standard, bit by bit.
pub fn crc(bytes: &[u8]) -> u16 {
    let mut sum = 0xFFFFu16;
    for byte in bytes {
        sum ^= u16::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1;
            sum >>= 1;
            if carry == 1 {
                sum ^= 0xA001;
            }
        }
    }
    sum
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Ask {
    pub raw: Vec<u8>,
    pub unit: u8,
    pub function: u8,
    pub address: u16,
    /// The first on its connection.
    pub first: bool,
    /// How many were answered wrongly before it.
    pub number: u64,
    /// What an honest device says.
    pub truth: Answer,
    /// The lie that belonged to the request before, on whichever connection that was.
    pub before: Option<Answer>,
}

impl Ask {
    /// Out of a whole request. The truth is filled in by the device.
    pub fn parse(raw: &[u8], serial: bool, first: bool) -> Self {
        let (unit, pdu) = if serial { (raw[0], &raw[1..raw.len() - 2]) } else { (raw[6], &raw[7..]) };
        let word = |place: usize| u16::from_be_bytes([pdu[place], pdu[place + 1]]);
        let transaction = if serial { 0 } else { u16::from_be_bytes([raw[0], raw[1]]) };
        let truth = Answer {
            serial,
            transaction,
            protocol: 0,
            length: None,
            unit,
            function: pdu[0],
            count: None,
            payload: pdu[1..5].to_vec(),
            crc: 0,
        };
        let raw = raw.to_vec();
        Self { raw, unit, function: pdu[0], address: word(1), first, number: 0, truth, before: None }
    }

    pub fn is_write(&self) -> bool {
        matches!(self.function, 5 | 6 | 15 | 16)
    }

    /// The request without its envelope.
    pub fn pdu(&self) -> &[u8] {
        if self.truth.serial { &self.raw[1..self.raw.len() - 2] } else { &self.raw[7..] }
    }

    /// The second word: how many are read, or what is written.
    pub fn second(&self) -> u16 {
        u16::from_be_bytes([self.pdu()[3], self.pdu()[4]])
    }

    /// The answer with poison where the values stand. Writes are confirmed with nothing to poison.
    pub fn lie(&self) -> Answer {
        let mut answer = self.truth.clone();
        if !self.is_write() {
            answer.registers(usize::from(self.second()));
        }
        answer
    }
}
