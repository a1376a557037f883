use config::{Field, Kind};

/// `[transform]`.
pub const TRANSFORM_FIELDS: &[Field] = &[Field::optional(
    "steps",
    "What happens to every message, in order, before destinations are asked.",
    Kind::Steps,
)];
