//! console-api
