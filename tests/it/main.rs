//! The product as a whole: the real binary, real sockets, real stores, real faults.
