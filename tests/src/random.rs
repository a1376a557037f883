//! Randomness that can be repeated: every test that uses it prints its seed when it fails.

/// A small generator (xorshift64*), good enough to vary moments and bytes.
pub struct Random(u64);

impl Random {
    /// From `HILUM_SEED`, or from the clock.
    pub fn seeded() -> Random {
        let seed =
            std::env::var("HILUM_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                u64::try_from(now.unwrap().as_nanos() & 0xffff_ffff).unwrap() | 1
            });
        eprintln!("HILUM_SEED={seed}");
        Random(seed.max(1))
    }

    /// From a fixed seed.
    pub fn from(seed: u64) -> Random {
        Random(seed.max(1))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.draw() >> 1).unwrap() % limit.max(1)
    }
}
