//! Foreign formats to and from the model: bounded parsers.
