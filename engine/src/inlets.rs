//! Where the running channels take messages in, by name, for other channels that hand messages to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use config::Name;

use crate::inlet::Inlet;

/// The inlets of an engine. A channel that has ended is not found any more.
#[derive(Clone, Default)]
pub struct Inlets(Arc<Mutex<BTreeMap<Name, Weak<Inlet>>>>);

impl Inlets {
    fn map(&self) -> MutexGuard<'_, BTreeMap<Name, Weak<Inlet>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A channel has begun to run.
    pub fn add(&self, inlet: &Arc<Inlet>) {
        self.map().insert(inlet.name().clone(), Arc::downgrade(inlet));
    }

    /// One that runs.
    pub fn find(&self, name: &Name) -> Option<Arc<Inlet>> {
        self.map().get(name)?.upgrade()
    }
}
