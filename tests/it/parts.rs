//! Pieces of channel files, and the shape of a test that holds on both stores.

use hilum_tests::receiver::Receiver;

/// Makes one test per store of a function that takes the store.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            use hilum_tests::site::Store;
            #[test]
            fn sqlite() { super::$name(Store::Sqlite); }
            #[test]
            fn postgres() { super::$name(Store::Postgres); }
        }
    )+ };
}
pub(crate) use on_both_stores;

/// Whether the long forms run.
pub fn long() -> bool {
    std::env::var_os("HILUM_LONG").is_some()
}

/// A destination that sends to a receiver, impatiently.
pub fn to(name: &str, receiver: &Receiver, more: &str) -> String {
    let address = receiver.address();
    format!(
        "[[destination]]\nname = \"{name}\"\ntype = \"mllp\"\naddress = \"{address}\"\ntimeout = \"2s\"\n\
         retry = {{ first = \"20ms\", max = \"200ms\" }}\n{more}\n"
    )
}

/// A destination that writes files.
pub fn files(name: &str, more: &str) -> String {
    format!(
        "[[destination]]\nname = \"{name}\"\ntype = \"file\"\nfolder = \"data/out/{name}\"\n{more}\n"
    )
}

/// Steps of `[transform]`.
pub fn steps(steps: &str) -> String {
    format!("[transform]\nsteps = [\n{steps}\n]\n")
}
