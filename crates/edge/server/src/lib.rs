//! The decision service: HTTP API, unix socket, local authority.
